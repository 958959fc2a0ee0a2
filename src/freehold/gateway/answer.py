"""A committed answer: which deployment gave it, and its content, whole or still coming.

The commit point lies behind it: whoever holds an `Answer` knows that a meaningful token (or the whole reply) is there.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Final, Protocol

from msgspec import Struct

from freehold.dialects.dialect import Event, StreamReader
from freehold.dialects.sse import EventSplitter
from freehold.errors import StreamBroken, VendorRefused, VendorUnreachable
from freehold.gateway.deployments import Deployment, Way
from freehold.gateway.routing import Target
from freehold.messages import MEANINGFUL, Chunk, Failed, Finished, Reply

_COMMITS = (*MEANINGFUL, Finished)

COALESCE_SECONDS: Final = 0.016
"""For own models: a small one writes a token each millisecond, and each that is read and passed on alone takes time from the engine on the same
cores. Sixty steps in a second are what a screen shows. A larger model gains nothing: what it wrote is then passed on while it computes, and not
between two tokens."""

FAST = 4
"""Events in that time from which on a stream is read so."""

LINGER = 1.0
"""Seconds in which a vendor may end its answer after the event that closes it. Most do at once, and their connection is used again."""

Batch = list[tuple[Event, list[Chunk]]]


class Upstream(Protocol):
    """What an answer is read from: a network response, or an echo."""

    status: int
    headers: dict[str, str]

    async def next(self) -> bytes | None: ...

    async def read(self, limit: int) -> bytes: ...

    def close(self) -> None: ...

    def rest(self, seconds: float) -> None: ...

    def unlimited(self) -> None: ...

    def expire(self, error: Exception) -> None: ...


class Whole(Struct, frozen=True):
    """A reply in one piece: the vendor's bytes, and what they say."""

    raw: bytes
    reply: Reply


class Stream:
    """A reply that is still coming. `start` reads up to the commit point, `next` goes on from there.

    Events that come faster than `FAST` in `coalesce` seconds are read together, so late by as much at most; the first never is.
    """

    def __init__(self, upstream: Upstream, reader: StreamReader, deployment: str, coalesce: float = 0.0) -> None:
        self._upstream = upstream
        self._reader = reader
        self._splitter = EventSplitter()
        self._deployment = deployment
        self._head: Batch = []
        self._committed = False
        self._coalesce = coalesce
        self._read_at = 0.0
        self._closed = False  # whether the event that closes the stream came last

    async def start(self) -> None:
        """Reads until the first meaningful token. Raises `VendorRefused` when the vendor fails inside the stream before
        that, `StreamBroken` when it just ends, `VendorGarbled` when it makes no sense."""
        while not self._committed:
            batch = await self._pull()
            if batch is None:
                raise StreamBroken("The stream ended before its first token.", deployment=self._deployment)
            self._head += batch
            for _, chunks in batch:
                for chunk in chunks:
                    if isinstance(chunk, Failed):
                        raise refusal(chunk, self._deployment)
                    if isinstance(chunk, Finished) and chunk.finish == "error":
                        raise StreamBroken(
                            f"The vendor ended the answer with {chunk.native_finish_reason!r}.",
                            deployment=self._deployment,
                            native=chunk.native_finish_reason,
                        )
                    if isinstance(chunk, _COMMITS):
                        self._committed = True

    async def next(self) -> Batch | None:
        """The next events with their chunks, None at the end. Raises `StreamBroken` when the end comes too soon."""
        if self._head:
            head, self._head = self._head, []
            return head
        batch = await self._after_closing() if self._closed else await self._pull()
        if batch is None and not self._reader.finished():
            raise StreamBroken(
                "The vendor's stream ended before the answer was complete.",
                "What was received is incomplete; ask again.",
                deployment=self._deployment,
            )
        return batch

    def ends(self, event: Event) -> bool:
        return self._reader.ends(event)

    def close(self) -> None:
        self._upstream.close()

    def expire(self, error: Exception) -> None:
        """Ends it with this error for whoever reads."""
        self._upstream.expire(error)

    async def _pull(self) -> Batch | None:
        while (data := await self._upstream.next()) is not None:
            events = self._splitter.feed(data)
            if events:
                self._closed = self._reader.ends(events[-1])
                batch = [(event, self._reader.read(event)) for event in events]
                if self._coalesce and self._committed and not self._reader.finished():
                    self._rest(len(events))
                return batch
        return None

    def _rest(self, events: int) -> None:
        """Waits before the next are read, while they come so fast."""
        now = time.monotonic()
        if FAST * (now - self._read_at) < events * self._coalesce:
            self._upstream.rest(self._coalesce)
        self._read_at = now

    async def _after_closing(self) -> Batch | None:
        """What comes after the event that closes the stream: nothing, as a rule. A vendor that leaves the connection open then, or breaks
        it off, has said all the same."""
        try:
            async with asyncio.timeout(LINGER):
                return await self._pull()
        except (TimeoutError, VendorUnreachable):
            return None


class Answer(Struct):
    """Who answered, in which way, and what. `first_seconds` is the time to the first meaningful token."""

    target: Target
    way: Way
    content: Whole | Stream
    first_seconds: float

    @property
    def deployment(self) -> Deployment:
        return self.target.deployment


def refusal(failed: Failed, deployment: str) -> VendorRefused:
    """The error that a failure inside a stream would have been, had it come as a status."""
    return VendorRefused(
        failed.message, status=failed.status, kind=failed.kind, native=failed.code, deployment=deployment
    )


class Canned:
    """An answer that needs no network: the pieces are there."""

    def __init__(self, status: int, headers: dict[str, str], pieces: Sequence[bytes]) -> None:
        self.status = status
        self.headers = headers
        self._pieces = list(reversed(pieces))

    async def next(self) -> bytes | None:
        return self._pieces.pop() if self._pieces else None

    async def read(self, limit: int) -> bytes:
        whole = b"".join(reversed(self._pieces))
        self._pieces.clear()
        return whole[:limit]

    def close(self) -> None:
        self._pieces.clear()

    def rest(self, seconds: float) -> None:
        return

    def unlimited(self) -> None:
        return

    def expire(self, error: Exception) -> None:
        self._pieces.clear()
