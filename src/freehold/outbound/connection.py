"""One HTTP/1.1 connection to an upstream, and the answer that comes back over it.

`httptools` (llhttp) parses; this module owns what a parser does not: who waits for what, flow control, and the honest
difference between an answer that ended and one that was cut off. It knows no dialect and retries nothing.

Why not a client library: on one core, `aiohttp`'s client took three quarters of the time of a proxied request
(11,500/s against 41,500/s with this one; `bench/results.md` says how that is measured today).
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import cast

import httptools

from freehold.errors import VendorGarbled, VendorUnreachable

HIGH_WATER = 256 * 1024
"""Bytes of a body held for a slow reader before reading from the network pauses."""

MAX_HEADERS = 64 * 1024
MAX_INFORMATIONAL = 199

_USUAL = {
    spelled.encode(): name
    for name in ("server", "date", "content-type", "content-length", "connection", "transfer-encoding", "cache-control")
    for spelled in (name, name.title())
}
"""Names that nearly every answer has, as they are spelled most."""

_FRAMING = frozenset({"content-length", "transfer-encoding"})


class Response:
    """An answer from an upstream: status and headers at once, the body as it comes.

    `headers` have lower-case names; of a repeated header the last wins.
    """

    __slots__ = ("_chunks", "_connection", "_error", "_held", "_loop", "_waiter", "complete", "headers", "status")

    def __init__(
        self, connection: "Connection", status: int, headers: dict[str, str], loop: asyncio.AbstractEventLoop
    ) -> None:
        self.status = status
        self.headers = headers
        self.complete = False
        self._connection: Connection | None = connection
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._waiter: asyncio.Future[None] | None = None
        self._error: Exception | None = None
        self._loop = loop

    async def next(self) -> bytes | None:
        """The next bytes of the body, None at its end. Raises `VendorUnreachable` when it was cut off."""
        while not self._chunks:
            if self._error is not None:
                raise self._error
            if self.complete:
                return None
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if len(self._chunks) == 1:
            data = self._chunks.popleft()
        else:
            data = b"".join(self._chunks)
            self._chunks.clear()
        self._held = 0
        if self._connection is not None:
            self._connection.resume()
        return data

    async def read(self, limit: int) -> bytes:
        """The whole body. Raises `VendorGarbled` past `limit` bytes."""
        if self.complete and len(self._chunks) == 1 and self._held <= limit and self._error is None:
            return self._chunks.popleft()  # it came in one packet with its head, as most do
        parts: list[bytes] = []
        size = 0
        while (data := await self.next()) is not None:
            size += len(data)
            if size > limit:
                self.close()
                raise VendorGarbled(f"The answer is larger than {limit} bytes.")
            parts.append(data)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        """Stops reading. A body that is not complete closes the connection, which tells the upstream to stop."""
        if self._connection is not None and not self.complete:
            self._connection.abort()

    def unlimited(self) -> None:
        """Lifts the limit that the request was sent with; how long the rest may take is the reader's to watch."""
        if self._connection is not None:
            self._connection.limit = None

    def rest(self, seconds: float) -> None:
        """Leaves what comes next with the system for so long at most, to be read at once: until the next multiple of `seconds` on the loop's clock, so that
        all answers that rest are read in one turn. Nothing is lost, and the answer's end is seen that much later."""
        if self._connection is not None:
            self._connection.rest(seconds)

    def expire(self, error: Exception) -> None:
        """Stops reading with this error for whoever waits."""
        self.break_off(error)
        self.close()

    # --- called by the connection ---

    def feed(self, data: bytes) -> bool:
        """Takes bytes; true when the reader is behind and the network should wait."""
        self._chunks.append(data)
        self._held += len(data)
        self._wake()
        return self._held > HIGH_WATER

    def finish(self) -> None:
        self.complete = True
        self._connection = None
        self._wake()

    def break_off(self, error: Exception) -> None:
        if self._error is None:
            self._error = error
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Connection(asyncio.Protocol):
    """One connection. `on_idle` is called when it can take the next request, `on_lost` when it is gone. `limit` is when
    the answer under way must be whole, in the loop's seconds; whoever owns the connection calls `expire` past it.
    `round_trip` is a time in seconds in which news from the other end arrives, kept by whoever opened the connection."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        on_idle: Callable[["Connection"], None],
        on_lost: Callable[["Connection"], None],
    ) -> None:
        self._loop = loop
        self._on_idle = on_idle
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._head: asyncio.Future[Response] | None = None
        self._response: Response | None = None
        self._headers: dict[str, str] = {}
        self._header_bytes = 0
        self._framed = False
        self._paused = self._resting = False
        self._begun = self._whole = self._keep = self._in_head = False
        self._head_bytes = 0
        self.heard = False
        self.lost = False
        self.limit: float | None = None
        self.idle_since = 0.0
        self.round_trip = 0.0

    # --- for the pool ---

    def send(self, data: bytes, limit: float | None = None) -> "asyncio.Future[Response]":
        """Writes a whole request and gives the future of its answer's head."""
        self._head = self._loop.create_future()
        self._response = None
        self.limit = limit
        self.heard = False
        if self.lost or self._transport is None:
            self._head.set_exception(VendorUnreachable("The connection was closed before the request was sent."))
        else:
            self._transport.write(data)
        return self._head

    def abort(self) -> None:
        """Closes at once."""
        if self._transport is not None:
            self._transport.abort()

    def expire(self, error: Exception) -> None:
        """Gives up on the answer under way, with this error for whoever waits for it."""
        self.limit = None
        self._fail(error)
        self.abort()

    def resume(self) -> None:
        if self._paused:
            self._paused = False
            self._read_on()

    def rest(self, seconds: float) -> None:
        """Reads nothing until the next multiple of `seconds`."""
        if self._resting or self.lost or self._transport is None:
            return
        self._resting = True
        self._transport.pause_reading()
        self._loop.call_later(seconds - self._loop.time() % seconds, self._rested)

    def _rested(self) -> None:
        self._resting = False
        self._read_on()

    def _read_on(self) -> None:
        if self._transport is not None and not (self._paused or self._resting or self.lost):
            self._transport.resume_reading()

    # --- asyncio.Protocol ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._parser = httptools.HttpResponseParser(self)

    def data_received(self, data: bytes) -> None:
        assert self._parser is not None
        if self._head is None and self._response is None:  # bytes that nobody asked for
            self.abort()
            return
        self.heard = True
        in_head = self._in_head
        try:
            self._parser.feed_data(data)
            if in_head and self._in_head:  # the parser tells of a header only when it is whole
                self._head_bytes += len(data)
                if self._head_bytes > 2 * MAX_HEADERS:
                    raise httptools.HttpParserError("the head does not end")
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            why = "it offers another protocol" if isinstance(error, httptools.HttpParserUpgrade) else str(error)
            self._fail(VendorGarbled(f"The answer is not HTTP: {why}."))
            self.abort()
            return
        if self._whole:
            self._whole = False
            self._free()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        response = self._response
        if response is not None and not response.complete and not self._framed and exc is None:
            response.finish()  # a body without a length ends with the connection
        else:
            self._fail(VendorUnreachable("The connection broke before the answer was complete.", sent=True))
        self._on_lost(self)

    def _fail(self, error: Exception) -> None:
        if self._head is not None and not self._head.done():
            self._head.set_exception(error)
        if self._response is not None and not self._response.complete:
            self._response.break_off(error)
        self._head = self._response = None

    # --- httptools callbacks ---

    def on_message_begin(self) -> None:
        self._begun = self._in_head = True
        self._headers = {}
        self._header_bytes = self._head_bytes = 0
        self._framed = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > MAX_HEADERS:
            raise ValueError("the headers are too large")
        key = _USUAL.get(name) or name.decode("latin-1").lower()
        if key in _FRAMING:
            self._framed = True
        self._headers[key] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        self._in_head = False
        status = self._parser.get_status_code()
        if status <= MAX_INFORMATIONAL:
            return
        response = Response(self, status, self._headers, self._loop)
        self._response = response
        head, self._head = self._head, None
        if head is None or head.cancelled():
            self.abort()
        elif not head.done():
            head.set_result(response)

    def on_body(self, body: bytes) -> None:
        if self._response is not None and self._response.feed(body) and not self._paused:
            assert self._transport is not None
            self._paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        assert self._parser is not None
        if self._parser.get_status_code() <= MAX_INFORMATIONAL:
            return
        response, self._response = self._response, None
        self.limit = None
        self._whole, self._begun = True, False
        self._keep = self._parser.should_keep_alive()
        if response is not None:
            response.finish()
        self.resume()

    def _free(self) -> None:
        """After a whole answer and all bytes that came with it. Bytes of another answer, which nobody asked for, must not
        become the answer to the next request."""
        if self._begun:
            self.abort()
        elif self._keep:
            self._on_idle(self)
        elif self._transport is not None:
            self._transport.close()
