"""The HTTP/1.1 server side of one connection: whole requests in, whole or streamed answers out.

`httptools` (llhttp) parses; this module owns limits, deadlines, back-pressure, pipelining and the news that a caller has
gone. It knows no path and no dialect: a `Handler` is given each request as an `Exchange`.

Why not an ASGI server: the callable-per-event protocol costs more on one core than the whole of a request does here
(`bench/results.md`).
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import cast

import httptools
from msgspec import Struct

MAX_HEADER_BYTES = 64 * 1024
MAX_HEADER_COUNT = 200
MAX_PIPELINED = 16
LINGER_SECONDS = 2.0
HIGH_WATER = 256 * 1024
"""Bytes waiting for a slow caller before the upstream is no longer read."""

_REASON = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_JSON = b"content-type: application/json\r\n"

log = logging.getLogger("freehold.http")


class Limits(Struct, frozen=True, kw_only=True):
    """What a caller may send: body size in bytes, seconds for headers and body, idle seconds between requests."""

    max_body: int
    body_seconds: float
    keep_alive_seconds: float


class Clock:
    """The `date` header of this second, made once a second."""

    def __init__(self) -> None:
        self.line = b""
        self.tick()

    def tick(self) -> None:
        self.line = b"date: " + formatdate(usegmt=True).encode() + b"\r\n"


class Exchange:
    """One request and its answer.

    `headers` have lower-case names; of a repeated header the values are joined by a comma. `problem` is the status that
    the server has already decided on (413, 408, 431), when the request never became whole.
    """

    __slots__ = (
        "_chunked",
        "_connection",
        "_keep_alive",
        "answered",
        "began",
        "body",
        "headers",
        "method",
        "path",
        "peer",
        "problem",
        "query",
    )

    def __init__(self, connection: "Server", peer: str) -> None:
        self._connection = connection
        self._keep_alive = True
        self._chunked = False
        self.answered = False
        self.began = 0.0
        self.body = b""
        self.headers: dict[str, str] = {}
        self.method = ""
        self.path = ""
        self.query = ""
        self.peer = peer
        self.problem: int | None = None

    def answer(self, status: int, body: bytes, headers: bytes = b"", content_type: bytes = _JSON) -> None:
        """The whole answer. `headers` are finished lines, each with its CRLF."""
        self.answered = True
        parts = [
            _REASON.get(status) or b"HTTP/1.1 %d Status\r\n" % status,
            self._connection.clock.line,
            content_type,
            b"content-length: %d\r\n" % len(body),
            headers,
            b"\r\n" if self._keep_alive else b"connection: close\r\n\r\n",
        ]
        if self.method != "HEAD":
            parts.append(body)
        self._connection.write(b"".join(parts))
        self._connection.done(keep_alive=self._keep_alive)

    def begin(self, status: int, headers: bytes, content_type: bytes, first: bytes = b"") -> None:
        """The head of a streamed answer, with its first bytes in the same write."""
        self.answered = True
        head = [
            _REASON[status],
            self._connection.clock.line,
            content_type,
            b"cache-control: no-cache\r\nx-accel-buffering: no\r\n",
            headers,
            b"" if self._keep_alive else b"connection: close\r\n",
            b"transfer-encoding: chunked\r\n\r\n" if self._chunked else b"\r\n",
        ]
        if first:
            head.append(b"%x\r\n%b\r\n" % (len(first), first) if self._chunked else first)
        self._connection.write(b"".join(head))

    def write(self, data: bytes) -> None:
        """More of a streamed answer."""
        if data:
            self._connection.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    async def drain(self) -> None:
        """Waits while the caller reads more slowly than we write."""
        if self._connection.slow:
            await self._connection.wait_writable()

    def end(self, last: bytes = b"") -> None:
        """The end of a streamed answer, with its last bytes."""
        if self._chunked:
            tail = b"0\r\n\r\n" if not last else b"%x\r\n%b\r\n0\r\n\r\n" % (len(last), last)
            self._connection.write(tail)
        elif last:
            self._connection.write(last)
        self._connection.done(keep_alive=self._keep_alive and self._chunked)

    def abort(self) -> None:
        """Cuts the connection: the only honest end of a stream whose framing promised more."""
        self._connection.abort()

    def shape(self, *, keep_alive: bool, chunked: bool) -> None:
        """Set by the server once the request line is known."""
        self._keep_alive = keep_alive
        self._chunked = chunked


Handler = Callable[[Exchange], Awaitable[None]]


class Server(asyncio.Protocol):
    """One connection of one caller."""

    def __init__(self, handler: Handler, limits: Limits, clock: Clock, everyone: set["Server"]) -> None:
        self.clock = clock
        self.slow = False
        self.draining = False
        self.deadline: float | None = None
        self._handler = handler
        self._limits = limits
        self._everyone = everyone
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpRequestParser | None = None
        self._peer = ""
        self._current: Exchange | None = None
        self._waiting: deque[Exchange] = deque()
        self._task: asyncio.Task[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._reading: Exchange | None = None
        self._discarding = False
        self._url = b""
        self._body: list[bytes] = []
        self._size = 0
        self._header_bytes = 0
        self._loop = asyncio.get_running_loop()

    # --- asyncio.Protocol ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=HIGH_WATER)
        peer = cast("tuple[str, ...] | None", transport.get_extra_info("peername"))
        self._peer = peer[0] if peer else ""
        self._parser = httptools.HttpRequestParser(self)
        self._everyone.add(self)
        self.deadline = self._loop.time() + self._limits.body_seconds

    def connection_lost(self, exc: Exception | None) -> None:
        self._everyone.discard(self)
        self._transport = None
        if self._writable is not None and not self._writable.done():
            self._writable.set_exception(ConnectionResetError())
        if self._task is not None:
            self._task.cancel()
        self._waiting.clear()

    def data_received(self, data: bytes) -> None:
        assert self._parser is not None
        if self._discarding or self._transport is None or self._transport.is_closing():
            return
        if self._reading is None and self._current is None:
            self.deadline = self._loop.time() + self._limits.body_seconds
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(400)
        except httptools.HttpParserError as error:
            cause = error.__context__
            self._refuse(cause.status if isinstance(cause, _Refused) else 400)

    def pause_writing(self) -> None:
        self.slow = True

    def resume_writing(self) -> None:
        self.slow = False
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    # --- httptools callbacks ---

    def on_message_begin(self) -> None:
        self._reading = Exchange(self, self._peer)
        self._url = b""
        self._body = []
        self._size = self._header_bytes = 0

    def on_url(self, url: bytes) -> None:
        self._url += url
        if len(self._url) > MAX_HEADER_BYTES:
            raise _Refused(431)

    def on_header(self, name: bytes, value: bytes) -> None:
        reading = self._reading
        assert reading is not None
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > MAX_HEADER_BYTES or len(reading.headers) >= MAX_HEADER_COUNT:
            raise _Refused(431)
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        before = reading.headers.get(key)
        reading.headers[key] = text if before is None else f"{before}, {text}"

    def on_headers_complete(self) -> None:
        reading, parser = self._reading, self._parser
        assert reading is not None
        assert parser is not None
        reading.began = self._loop.time()
        reading.method = parser.get_method().decode("ascii")
        path, _, query = self._url.partition(b"?")
        reading.path = path.decode("latin-1")
        reading.query = query.decode("latin-1")
        modern = parser.get_http_version() != "1.0"
        reading.shape(keep_alive=parser.should_keep_alive() and modern, chunked=modern)
        length = reading.headers.get("content-length")
        if length is not None and length.isdigit() and int(length) > self._limits.max_body:
            raise _Refused(413)
        if reading.headers.get("expect", "").lower() == "100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > self._limits.max_body:
            raise _Refused(413)
        self._body.append(body)

    def on_message_complete(self) -> None:
        exchange, self._reading = self._reading, None
        assert exchange is not None
        exchange.body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body = []
        if self.draining:
            exchange.shape(keep_alive=False, chunked=True)
        if self._current is None:
            self._start(exchange)
            return
        self._waiting.append(exchange)
        if len(self._waiting) >= MAX_PIPELINED and self._transport is not None:
            self._transport.pause_reading()

    # --- for Exchange ---

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def done(self, *, keep_alive: bool) -> None:
        self._current = self._task = None
        if self._transport is None:
            return
        if self._discarding:
            # Closing with unread bytes would reset the connection and could take the answer with it.
            self._transport.write_eof()
            self.deadline = self._loop.time() + LINGER_SECONDS
        elif not keep_alive or self.draining:
            self._transport.close()
        elif self._waiting:
            if len(self._waiting) == MAX_PIPELINED:
                self._transport.resume_reading()
            self._start(self._waiting.popleft())
        else:
            self.deadline = self._loop.time() + self._limits.keep_alive_seconds

    async def wait_writable(self) -> None:
        self._writable = self._loop.create_future()
        try:
            await self._writable
        finally:
            self._writable = None

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # --- for the worker ---

    def expire(self, now: float) -> None:
        """Ends a connection whose deadline has passed: silently when idle, with 408 in the middle of a request."""
        if self.deadline is None or now < self.deadline or self._transport is None:
            return
        if self._reading is not None:
            self._refuse(408)
        else:
            self._transport.close()

    def drain(self) -> None:
        """Takes no further request; an idle connection is closed now, a busy one after its answer."""
        self.draining = True
        if self._current is None and self._reading is None and self._transport is not None:
            self._transport.close()

    # --- inside ---

    def _start(self, exchange: Exchange) -> None:
        self._current = exchange
        self.deadline = None
        self._task = self._loop.create_task(self._handle(exchange))

    async def _handle(self, exchange: Exchange) -> None:
        try:
            await self._handler(exchange)
        except asyncio.CancelledError:
            self.abort()
        except ConnectionError:
            self.abort()
        except Exception:
            log.exception("the handler failed")
            if exchange.answered:
                self.abort()
            else:
                exchange.shape(keep_alive=False, chunked=False)
                exchange.answer(
                    500, b'{"error":{"message":"Internal error.","type":"server_error","code":"internal-error"}}'
                )

    def _refuse(self, status: int) -> None:
        """A request that never became whole: the handler answers in the right dialect, then the connection ends."""
        exchange = self._reading or Exchange(self, self._peer)
        self._reading = None
        exchange.problem = status
        if not exchange.path:
            exchange.path = self._url.partition(b"?")[0].decode("latin-1")
        exchange.shape(keep_alive=False, chunked=False)
        if self._current is not None:  # an answer is under way on this connection; nothing can be said in between
            self.abort()
            return
        self._discarding = True
        self._start(exchange)


class _Refused(Exception):
    """Stops the parser, which wraps it: `Server.data_received` finds it as the context of the parser's own error."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status
