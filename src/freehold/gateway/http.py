"""The HTTP/1.1 server side of one connection: whole requests in, whole or streamed answers out.

`httptools` (llhttp) parses; this module owns limits, deadlines, back-pressure, pipelining and the news that a caller has
gone. It knows no path and no dialect: a `Handler` is given each request as an `Exchange`.

Why not an ASGI server: the callable-per-event protocol costs more on one core than the whole of a request does here
(`bench/results.md`).
"""

import asyncio
import logging
import re
from collections import deque
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from typing import cast

import httptools
from msgspec import Struct

from freehold.gateway.exchange import Exchange, Shown

MAX_HEADER_BYTES = 64 * 1024
MAX_HEADER_COUNT = 200
MAX_PIPELINED = 16
LINGER_SECONDS = 2.0
HIGH_WATER = 256 * 1024
"""Bytes waiting for a slow caller before the upstream is no longer read."""

_USUAL = {
    spelled.encode(): name
    for name in ("host", "authorization", "content-type", "content-length", "accept", "user-agent", "x-api-key")
    for spelled in (name, name.title())
}
"""Names that nearly every request has, as they are spelled most."""

_OFFERS = frozenset({"upgrade", "http2-settings"})
"""Headers that make an offer to speak another protocol, as `connection` names them."""

_ABSOLUTE = re.compile(rb"^https?://[^/?#]*", re.IGNORECASE)
"""What a target in absolute form has before its path (RFC 9112, section 3.2.2)."""


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


Handler = Callable[[Exchange], Awaitable[None]]


class Server(asyncio.Protocol):
    """One connection of one caller."""

    def __init__(self, handler: Handler, limits: Limits, clock: Clock, everyone: set["Server"]) -> None:
        self.clock = clock
        self.slow = False
        self.shown = Shown()
        self.draining = False
        self.deadline: float | None = None
        self._handler = handler
        self._limits = self._begun_under = limits
        self._everyone = everyone
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpRequestParser | None = None
        self._peer = ""
        self._current: Exchange | None = None
        self._waiting: deque[Exchange] = deque()
        self._task: asyncio.Task[None] | None = None
        self._asked: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._reading: Exchange | None = None
        self._discarding = False
        self._in_head = False
        self._last = False
        self._owes_continue = False
        self._offer: Exchange | None = None
        self._headers: dict[str, str] = {}
        self._url = b""
        self._target = (b"", "/", "")
        self._body: list[bytes] = []
        self._size = 0
        self._header_bytes = 0
        self._head_bytes = 0
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
        if self._task is not None and (self._current is not None or self._asked is not None):
            self._task.cancel()
        self._waiting.clear()

    def data_received(self, data: bytes) -> None:
        assert self._parser is not None
        if self._discarding or self._last or self._transport is None or self._transport.is_closing():
            return
        in_head = self._in_head
        if self._reading is None and self._current is None:
            self.deadline = self._loop.time() + self._limits.body_seconds
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            rest = data[int(offer.args[0]) :]
        except httptools.HttpParserError as error:
            cause = error.__context__
            if not self._last:  # what follows the last request is nobody's
                self._refuse(cause.status if isinstance(cause, _Refused) else 400)
            return
        else:
            if in_head and self._in_head:  # the parser tells of a header only when it is whole
                self._head_bytes += len(data)
                if self._head_bytes > 2 * MAX_HEADER_BYTES:
                    self._refuse(431)
            return
        self._pass_over(rest)

    def pause_writing(self) -> None:
        self.slow = True

    def resume_writing(self) -> None:
        self.slow = False
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    # --- httptools callbacks ---

    def on_message_begin(self) -> None:
        self._reading = reading = Exchange(self, self._peer)
        self._begun_under = self._limits
        self._headers = reading.headers
        self._in_head = True
        self._url = b""
        self._body = []
        self._size = self._header_bytes = self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        self._url += url
        if len(self._url) > MAX_HEADER_BYTES:
            raise _Refused(431)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_bytes = size = self._header_bytes + len(name) + len(value)
        headers = self._headers
        if size > MAX_HEADER_BYTES or len(headers) >= MAX_HEADER_COUNT:
            raise _Refused(431)
        if not self._in_head:
            return  # a trailer is no header (RFC 9110, section 6.5.1)
        key = _USUAL.get(name) or name.decode("latin-1").lower()
        text = str(value, "latin-1")
        if key not in headers:
            headers[key] = text
        elif key == "host":
            raise _Refused(400)  # RFC 9112, section 3.2
        else:
            headers[key] = f"{headers[key]}, {text}"

    def on_headers_complete(self) -> None:
        reading, parser = self._reading, self._parser
        assert reading is not None
        assert parser is not None
        self._in_head = False
        reading.began = self._loop.time()
        reading.method = parser.get_method().decode("ascii")
        if reading.method == "CONNECT":
            raise _Refused(400)
        if self._url != self._target[0]:  # a connection asks for one path, mostly
            self._target = (self._url, *_split(self._url))
        _, reading.path, reading.query = self._target
        if parser.should_upgrade():
            return  # it comes again without the offer
        modern = parser.get_http_version() != "1.0"
        if modern and "host" not in reading.headers:
            raise _Refused(400)
        reading.shape(keep_alive=parser.should_keep_alive() and modern, chunked=modern)
        length = reading.headers.get("content-length")
        if length is not None and length.isdigit() and int(length) > self._begun_under.max_body:
            raise _Refused(413)
        if modern and reading.headers.get("expect", "").lower() == "100-continue":
            self._owes_continue = True
            if self._current is None:
                self._go_on()

    def on_body(self, body: bytes) -> None:
        self._owes_continue = False
        self._size += len(body)
        if self._size > self._begun_under.max_body:
            raise _Refused(413)
        self._body.append(body)

    def on_message_complete(self) -> None:
        exchange, self._reading = self._reading, None
        assert exchange is not None
        assert self._parser is not None
        if self._parser.should_upgrade():
            self._offer = exchange
            return
        exchange.body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body = []
        self._owes_continue = False
        if self.draining:
            exchange.last()
        self._last = not exchange.keeps_alive
        if self._current is None:
            self._start(exchange)
            return
        self._waiting.append(exchange)
        if len(self._waiting) >= MAX_PIPELINED and self._transport is not None:
            self._transport.pause_reading()

    # --- for Exchange ---

    @property
    def stamp(self) -> bytes:
        return self.clock.line

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def done(self, *, keep_alive: bool) -> None:
        self._current = None
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
            self._go_on()
            idle = self._reading is None
            self.deadline = self._loop.time() + (self._limits.keep_alive_seconds if idle else self._limits.body_seconds)

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

    def limit(self, limits: Limits) -> None:
        """Takes other limits from now on. A request that is half here may be as large as when it began."""
        self._limits = limits

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

    def _go_on(self) -> None:
        """Tells a caller who asked first that its body is welcome; never in the middle of another answer."""
        if self._owes_continue and self._transport is not None:
            self._owes_continue = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _pass_over(self, rest: bytes) -> None:
        """An offer to speak another protocol is declined by answering in this one (RFC 9110, section 7.8). The parser
        stops after a head with an offer, so a new one reads the head again without it, and then what follows."""
        offer, self._offer = self._offer, None
        assert offer is not None
        headers = {name: value for name, value in offer.headers.items() if name not in _OFFERS}
        options = [option.strip() for option in headers.pop("connection", "").split(",")]
        headers["connection"] = ", ".join(option for option in options if option.lower() not in _OFFERS)
        kept = [f"{name}: {value}\r\n" for name, value in headers.items() if value]
        head = f"{offer.method} {self._url.decode('latin-1')} HTTP/1.1\r\n{''.join(kept)}\r\n"
        self._parser = httptools.HttpRequestParser(self)
        self.data_received(head.encode("latin-1") + rest)

    def _start(self, exchange: Exchange) -> None:
        self._current = exchange
        self.deadline = None
        if self._task is None:
            self._task = self._loop.create_task(self._answer_all())
        elif self._asked is not None and not self._asked.done():
            self._asked.set_result(None)

    async def _answer_all(self) -> None:
        """Answers the requests of this connection, one after the other. One task for all of them: one for each costs more."""
        try:
            while self._transport is not None:
                exchange = self._current
                if exchange is None:
                    self._asked = self._loop.create_future()
                    await self._asked
                    self._asked = None
                    continue
                try:
                    await self._handler(exchange)
                except ConnectionError:
                    self.abort()
                except Exception:
                    log.exception("the handler failed")
                    self._fail(exchange)
                if self._current is exchange:
                    return  # it was cut off; nothing can follow it
        except asyncio.CancelledError:
            self.abort()

    def _fail(self, exchange: Exchange) -> None:
        if exchange.answered:
            self.abort()
            return
        exchange.shape(keep_alive=False, chunked=False)
        exchange.answer(500, b'{"error":{"message":"Internal error.","type":"server_error","code":"internal-error"}}')

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


def _split(url: bytes) -> tuple[str, str]:
    """The path and the query of a request's target."""
    target = url if url.startswith(b"/") else _ABSOLUTE.sub(b"", url, count=1)
    path, _, query = target.partition(b"?")
    return path.decode("latin-1") or "/", query.decode("latin-1")


class _Refused(Exception):
    """Stops the parser, which wraps it: `Server.data_received` finds it as the context of the parser's own error."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status
