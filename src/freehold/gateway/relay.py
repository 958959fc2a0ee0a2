"""Steps 8 and 10 of a stream: the vendor's events on their way to the caller, and the caller's own words for them.

It holds the vendor's closing event back, so that the record is kept before that goes out. It knows no network and keeps no
record: bytes come out, and who sends them is the lifecycle.
"""

from msgspec.structs import replace

from freehold.dialects.dialect import Dialect
from freehold.dialects.origin import seal
from freehold.errors import FreeholdError
from freehold.gateway.answer import Answer, Batch, Stream, refusal
from freehold.gateway.seams import OutputWatch
from freehold.gateway.visit import Visit
from freehold.messages import Failed, Reasoning, ReasoningSeal, Reply


class Relay:
    """What of each batch the caller gets, and what ends the stream."""

    def __init__(self, front: Dialect, visit: Visit, answer: Answer, stream: Stream, watch: OutputWatch | None) -> None:
        assert visit.request is not None
        self._front = front
        self._request = visit.request
        self._tally = visit.tally
        self._visit = visit
        self._from = answer.deployment
        self._origin = answer.deployment.origin
        self._deployment = answer.deployment.name
        self._same = answer.way.dialect.name == front.name
        self._stream = stream
        self._watch = watch
        self._writer = None if self._same else front.stream_writer(visit.request)
        self._held: list[bytes] = []
        self._id = visit.id

    def take(self, batch: Batch) -> bytes:
        """The bytes for the caller. Raises the vendor's failure, or `Blocked`."""
        out: list[bytes] = []
        for event, chunks in batch:
            for chunk in chunks:
                self._tally.take(chunk)
                if self._watch is not None:
                    self._watch.chunk(chunk)
                if isinstance(chunk, Failed):
                    raise refusal(chunk, self._deployment)
                if self._writer is not None:
                    marked = (
                        replace(chunk, opaque=seal(chunk.opaque, self._origin))
                        if isinstance(chunk, ReasoningSeal)
                        else chunk
                    )
                    out.append(self._writer.write(marked))
            if self._same:
                raw = self._visit.seal_ids(self._front, self._from, self._front.seal(event.raw, self._origin))
                if self._held or self._stream.ends(event):
                    self._held.append(raw)
                elif not self._front.hides(event, self._request):
                    out.append(raw)
        return out[0] if len(out) == 1 else b"".join(out)

    def close(self) -> bytes:
        """The bytes that end a stream that went well."""
        return self._writer.close() if self._writer is not None else b"".join(self._held)

    def fail(self, error: FreeholdError) -> bytes:
        """The bytes that tell of a failure, in the caller's dialect."""
        writer = self._writer or self._front.stream_writer(self._request)
        return writer.fail(error, self._id)


def sealed(reply: Reply, origin: str) -> Reply:
    """The reply with the origin on every opaque artefact."""
    if not any(isinstance(part, Reasoning) and part.opaque for part in reply.parts):
        return reply
    parts = tuple(
        replace(part, opaque=seal(part.opaque, origin)) if isinstance(part, Reasoning) and part.opaque else part
        for part in reply.parts
    )
    return replace(reply, parts=parts)
