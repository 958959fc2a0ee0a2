"""Writes a Responses stream for a caller: chunks into the whole sequence of typed events.

Every item is announced, filled by deltas, and told whole when it ends, and the last event repeats the whole response:
clients lean on any of the three. It knows no vendor. A failure ends in `response.failed` and an `error` event, so that
a client that reads only one of them sees it, and never in `response.completed`.
Source: openai SDK 3.54, `types/responses/response_*_event.py` and `lib/streaming/responses`.
"""

from collections.abc import Iterable
from typing import Any, Final
from uuid import uuid4

import msgspec

from freehold.dialects.openai_errors import error_object
from freehold.dialects.responses_output import Call, Item, MessageItem, OpenPart, Thought, Told, Words
from freehold.dialects.responses_reply import Wire, echo, end, item_id, redacted_id, response_object
from freehold.dialects.sse import event
from freehold.errors import FreeholdError, VendorRefused
from freehold.messages import (
    Chunk,
    Finished,
    PartEnd,
    ReasoningDelta,
    ReasoningSeal,
    RefusalDelta,
    Request,
    Started,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    Usage,
    UsageReport,
)

_encode: Final = msgspec.json.Encoder().encode


class Writer:
    """One for each answer."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._response: Wire = {}
        self._given_id = ""
        self._sequence = 0
        self._parts: dict[int, OpenPart] = {}
        self._items: list[Item] = []
        self._ended: dict[int, Wire] = {}  # the items told whole, by their place in the output
        self._finished: Finished | None = None
        self._usage: Usage | None = None

    def write(self, chunk: Chunk) -> bytes:
        """The events for this chunk; empty for `Finished` and `UsageReport`, which wait for `close`."""
        if isinstance(chunk, TextDelta | RefusalDelta):
            return self._words(chunk)
        if isinstance(chunk, ToolCallDelta):
            return self._arguments(chunk)
        if isinstance(chunk, ReasoningDelta):
            opened, thought = self._thought(chunk.index, redacted=False)
            return opened + (self._tell(thought.add(chunk.text, summary=chunk.summary)) if chunk.text else b"")
        if isinstance(chunk, ReasoningSeal):
            opened, thought = self._thought(chunk.index, redacted=chunk.redacted)
            thought.opaque = chunk.opaque
            return opened
        if isinstance(chunk, ToolCallStart):
            return self._call(chunk)
        if isinstance(chunk, PartEnd):
            return self._end_part(chunk.index)
        if isinstance(chunk, Started):
            return self._start(chunk)
        if isinstance(chunk, Finished):
            self._finished = chunk
        elif isinstance(chunk, UsageReport):
            self._usage = chunk.usage
        return b""

    def close(self) -> bytes:
        """The ends of all items and the event that closes the stream. Without a `Finished` the answer has failed."""
        finished = self._finished or Finished("error")
        events = [self._started()]
        events += [self._end_part(index) for index in sorted(self._parts)]
        cut = finished.finish == "length"
        for item in self._items:
            if item.output_index not in self._ended:
                newest = item is self._items[-1]
                events.append(self._end_item(item, "incomplete" if cut and newest else "completed"))
        end(self._response, finished.finish, finished.native_finish_reason, self._usage)
        self._response["output"] = [self._ended[at] for at in sorted(self._ended)]
        for name in ("stop_sequence", "refusal_category"):
            value = getattr(finished, name)
            if value is not None:
                self._response[name] = value
        status = self._response["status"]
        events.append(self._tell([(f"response.{status}", {"response": self._response})]))
        if status == "failed":
            events.append(self._error({**self._response["error"], "type": "server_error", "param": None}))
        return b"".join(events)

    def fail(self, error: FreeholdError, request_id: str) -> bytes:
        """`response.failed`, for clients that follow the response, then `error`, which the SDKs raise.

        Where this writer wrote nothing before, the caller has the beginning from the vendor's own bytes (or none), and
        a second response would contradict it: then the `error` stands alone.
        """
        described = error_object(error, request_id)
        if not self._response:
            return self._error(described)
        native = error.native if isinstance(error, VendorRefused) else None
        code = native or ("rate_limit_exceeded" if error.status == 429 else "server_error")
        self._response["status"] = "failed"
        self._response["error"] = {"code": code, "message": described["message"]}
        self._response["output"] = [self._ended[at] for at in sorted(self._ended)]
        failed = self._tell([("response.failed", {"response": self._response})])
        return failed + self._error(described)

    # --- the life of the response

    def _start(self, chunk: Started) -> bytes:
        if self._response:
            return b""
        self._given_id = chunk.id
        self._response = response_object(chunk.id, chunk.model, chunk.created, echo(self._request))
        return self._tell(
            [
                ("response.created", {"response": self._response}),
                ("response.in_progress", {"response": self._response}),
            ]
        )

    def _started(self) -> bytes:
        """The beginning, where the vendor's stream broke before it had one."""
        return b"" if self._response else self._start(Started(uuid4().hex, self._request.model))

    def _tell(self, events: Iterable[Told]) -> bytes:
        told: list[bytes] = []
        for kind, fields in events:
            data = _encode({"type": kind, "sequence_number": self._sequence, **fields})
            told.append(event(data, kind))
            self._sequence += 1
        return b"".join(told)

    def _error(self, described: dict[str, Any]) -> bytes:
        flat = {name: described[name] for name in ("code", "message", "param")}
        return self._tell([("error", {**flat, "error": described})])

    # --- items

    def _open(self, index: int, item: Item, part: OpenPart) -> bytes:
        """Announces an item. The one before it cannot grow any more, so it ends here if its parts have."""
        ended = b""
        if self._items:
            newest = self._items[-1]
            if not newest.open and newest.output_index not in self._ended:
                ended = self._end_item(newest, "completed")
        self._items.append(item)
        self._parts[index] = part
        added = {"output_index": item.output_index, "item": item.whole("in_progress")}
        return ended + self._tell([("response.output_item.added", added)])

    def _end_item(self, item: Item, status: str) -> bytes:
        whole = self._ended[item.output_index] = item.whole(status)
        return self._tell([("response.output_item.done", {"output_index": item.output_index, "item": whole})])

    def _end_part(self, index: int) -> bytes:
        part = self._parts.pop(index, None)
        if part is None:
            return b""
        events = self._tell(part.done())
        if part.item is not self._items[-1] and not part.item.open:
            events += self._end_item(part.item, "completed")
        return events

    def _id(self, kind: str) -> str:
        return item_id(kind, self._given_id, len(self._items))

    # --- content

    def _words(self, chunk: TextDelta | RefusalDelta) -> bytes:
        text = chunk.text
        if not text:
            return b""
        part = self._parts.get(chunk.index)
        opened = b""
        if not isinstance(part, Words):
            opened, part = self._open_words(chunk.index, refusal=isinstance(chunk, RefusalDelta))
        return opened + self._delta(part, text)

    def _open_words(self, index: int, *, refusal: bool) -> tuple[bytes, Words]:
        newest = self._items[-1] if self._items else None
        if isinstance(newest, MessageItem):
            part = self._parts[index] = Words(newest, refusal=refusal)
            return self._tell(part.begin()), part
        opened = self._started()
        item = MessageItem(self._id("msg"), len(self._items))
        part = Words(item, refusal=refusal)
        opened += self._open(index, item, part)
        return opened + self._tell(part.begin()), part

    def _call(self, chunk: ToolCallStart) -> bytes:
        opened = self._started()
        call = Call(self._id("fc"), len(self._items), chunk.id, chunk.name)
        return opened + self._open(chunk.index, call, call)

    def _arguments(self, chunk: ToolCallDelta) -> bytes:
        part = self._parts.get(chunk.index)
        if not isinstance(part, Call) or not chunk.arguments:
            return b""
        return self._delta(part, chunk.arguments)

    def _thought(self, index: int, *, redacted: bool) -> tuple[bytes, Thought]:
        part = self._parts.get(index)
        if isinstance(part, Thought):
            return b"", part
        opened = self._started()
        given_id = self._id("rs")
        thought = Thought(redacted_id(given_id) if redacted else given_id, len(self._items))
        return opened + self._open(index, thought, thought), thought

    def _delta(self, part: Words | Call, text: str) -> bytes:
        part.pieces.append(text)
        sequence = self._sequence
        self._sequence = sequence + 1
        return b'%b%b,"sequence_number":%d}\n\n' % (part.prefix, _encode(text), sequence)
