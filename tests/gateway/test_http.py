"""The HTTP/1.1 server over real sockets: what is one request and what is none, who is answered when, and who is cut off."""

import asyncio
import contextlib
import itertools
import re
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.gateway.exchange import Exchange
from freehold.gateway.http import HIGH_WATER, MAX_HEADER_BYTES, Clock, Limits, Server

LIMITS = Limits(max_body=1000, body_seconds=30.0, keep_alive_seconds=75.0)
PLAIN = b"content-type: text/plain\r\n"
GET = b"GET /a HTTP/1.1\r\nhost: door\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nhost: door\r\nconnection: close\r\n\r\n"
CHUNKED = b"POST /a HTTP/1.1\r\nhost: door\r\ntransfer-encoding: chunked\r\n\r\n"

Handle = Callable[[Exchange], Awaitable[None]]


class Caller:
    """One connection of a caller that speaks bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def say(self, *pieces: bytes) -> None:
        """Sends each piece on its own, and gives the server time to read it."""
        for piece in pieces:
            self._writer.write(piece)
            await self._writer.drain()
            for _ in range(4):
                await asyncio.sleep(0)

    @property
    def unsent(self) -> int:
        """Bytes that the network has not taken yet."""
        return self._writer.transport.get_write_buffer_size()

    async def hear(self, size: int) -> bytes:
        return await asyncio.wait_for(self._reader.readexactly(size), 5)

    async def until(self, mark: bytes) -> bytes:
        return await asyncio.wait_for(self._reader.readuntil(mark), 5)

    async def rest(self) -> bytes:
        """Everything up to the end of the connection; a reset raises."""
        return await asyncio.wait_for(self._reader.read(), 5)

    def leave(self) -> None:
        self._writer.transport.abort()


class Served:
    """A server. `seen` are the exchanges that its handler was given; `connections` those that are open."""

    def __init__(self, handle: Handle | None) -> None:
        self.seen: list[Exchange] = []
        self.connections: set[Server] = set()
        self.clock = Clock()
        self.clock.line = b"date: now\r\n"
        self.port = 0
        self._handle = handle
        self._callers: list[Caller] = []

    async def handle(self, exchange: Exchange) -> None:
        self.seen.append(exchange)
        if exchange.problem is not None:
            exchange.answer(exchange.problem, b"no", content_type=PLAIN)
        elif self._handle is not None:
            await self._handle(exchange)
        else:
            exchange.answer(200, exchange.path.encode(), content_type=PLAIN)

    async def caller(self, *, small_buffer: bool = False) -> Caller:
        raw = socket.socket()
        raw.setblocking(False)
        if small_buffer:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", self.port))
        caller = Caller(*await asyncio.open_connection(sock=raw, limit=2**14 if small_buffer else 2**22))
        self._callers.append(caller)
        return caller

    async def ask(self, *pieces: bytes) -> bytes:
        """What a fresh connection that sends these pieces hears until the server closes."""
        caller = await self.caller()
        await caller.say(*pieces)
        return await caller.rest()

    async def quiet(self) -> None:
        """Returns when no connection is open."""
        while self.connections:
            await asyncio.sleep(0)

    def leave(self) -> None:
        for caller in self._callers:
            caller.leave()


@contextlib.asynccontextmanager
async def serving(handle: Handle | None = None, limits: Limits = LIMITS) -> AsyncGenerator[Served]:
    """A server on loopback until the block ends. Without `handle` it answers with the path."""
    served = Served(handle)
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
    server = await asyncio.get_running_loop().create_server(
        lambda: Server(served.handle, limits, served.clock, served.connections), sock=listening
    )
    served.port = listening.getsockname()[1]
    try:
        yield served
    finally:
        server.close()
        served.leave()
        for connection in list(served.connections):
            connection.abort()
        await asyncio.wait_for(served.quiet(), 5)


def answer(body: bytes, *, status: bytes = b"200 OK", close: bool = False) -> bytes:
    """A whole answer, byte for byte."""
    head = b"HTTP/1.1 " + status + b"\r\ndate: now\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n" % len(body)
    return head + (b"connection: close\r\n" if close else b"") + b"\r\n" + body


STREAM = (
    b"HTTP/1.1 200 OK\r\ndate: now\r\ncontent-type: text/plain\r\ncache-control: no-cache\r\nx-accel-buffering: no\r\n"
)
BAD_REQUEST = answer(b"no", status=b"400 Bad Request", close=True)
TOO_LARGE = answer(b"no", status=b"413 " + b"Request Entity Too Large", close=True)


async def echo(exchange: Exchange) -> None:
    exchange.answer(200, exchange.body, content_type=PLAIN)


async def streamed(exchange: Exchange) -> None:
    exchange.begin(200, b"x-id: 7\r\n", PLAIN, b"one")
    await exchange.drain()
    exchange.write(b"")
    exchange.write(b"second")
    exchange.end(b"x" * 17)


# --- whole requests and answers ---


async def test_a_request_is_taken_apart() -> None:
    async with serving() as served:
        head = b"POST /v1/a%20b?x=1&y=%2F HTTP/1.1\r\nHost: door\r\nX-Two: a\r\nx-tWo: b\r\nX-Latin: \xfc\r\n"
        await served.ask(head + b"Connection: close\r\nContent-Length: 3\r\n\r\nabc")
        (seen,) = served.seen
    assert (seen.method, seen.path, seen.query, seen.body) == ("POST", "/v1/a%20b", "x=1&y=%2F", b"abc")
    assert (seen.headers["x-two"], seen.headers["x-latin"]) == ("a, b", "ü")
    assert (seen.peer, seen.problem) == ("127.0.0.1", None)


async def test_an_answer_has_its_length_and_leaves_the_connection_open() -> None:
    async with serving() as served:
        caller = await served.caller()
        await caller.say(GET)
        assert await caller.hear(len(answer(b"/a"))) == answer(b"/a")
        await caller.say(LAST)
        assert await caller.rest() == answer(b"/last", close=True)


async def test_head_gets_the_length_and_no_body() -> None:
    async with serving() as served:
        heard = await served.ask(b"HEAD /abc HTTP/1.1\r\nhost: door\r\nconnection: close\r\n\r\n")
    assert heard == answer(b"/abc", close=True).removesuffix(b"/abc")


async def test_headers_given_with_an_answer_are_sent_with_it() -> None:
    async def handle(exchange: Exchange) -> None:
        exchange.answer(529, b"{}", b"x-id: 7\r\n")

    async with serving(handle) as served:
        heard = await served.ask(LAST)
    assert heard == (
        b"HTTP/1.1 529 Status\r\ndate: now\r\ncontent-type: application/json\r\ncontent-length: 2\r\nx-id: 7\r\n"
        b"connection: close\r\n\r\n{}"
    )


async def test_a_stream_is_sent_in_chunks_and_leaves_the_connection_open() -> None:
    async with serving(streamed) as served:
        heard = await served.ask(GET, LAST)
    chunks = b"3\r\none\r\n6\r\nsecond\r\n11\r\nxxxxxxxxxxxxxxxxx\r\n0\r\n\r\n"
    head = STREAM + b"x-id: 7\r\n"
    assert heard == (
        head + b"transfer-encoding: chunked\r\n\r\n" + chunks
        + head + b"connection: close\r\ntransfer-encoding: chunked\r\n\r\n" + chunks
    )  # fmt: skip


async def test_http_1_0_is_answered_without_chunks_and_closed() -> None:
    async with serving(streamed) as served:
        heard = await served.ask(b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
        assert heard == STREAM + b"x-id: 7\r\nconnection: close\r\n\r\nonesecond" + b"x" * 17
    async with serving() as served:
        assert await served.ask(b"GET /a HTTP/1.0\r\n\r\n") == answer(b"/a", close=True)


async def test_the_date_is_written_as_http_wants_it() -> None:
    assert re.fullmatch(
        rb"date: (Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\r\n", Clock().line
    )


async def test_a_chunked_request_is_put_together() -> None:
    async with serving(echo) as served:
        heard = await served.ask(CHUNKED + b"4\r\nWiki\r\n5;why=not\r\npedia\r\n0\r\n\r\n" + LAST)
    assert heard == answer(b"Wikipedia") + answer(b"", close=True)


async def test_empty_lines_before_a_request_are_passed_over() -> None:
    async with serving() as served:
        assert await served.ask(b"\r\n\r\n" + LAST + b"\r\n") == answer(b"/last", close=True)


@given(cuts=st.sets(st.integers(1, 250), max_size=10))
@settings(max_examples=60, deadline=None)
async def test_wherever_the_network_cuts_the_requests_are_the_same(cuts: set[int]) -> None:
    sent = (
        b"POST /one?a=1 HTTP/1.1\r\nhost: door\r\nx-id: 7\r\ncontent-length: 5\r\n\r\nhello"
        + CHUNKED
        + b"4\r\nWiki\r\n5\r\npedia\r\n0\r\n\r\n"
        + LAST
    )
    edges = [0, *sorted(cut for cut in cuts if cut < len(sent)), len(sent)]
    async with serving(echo) as served:
        heard = await served.ask(*(sent[a:b] for a, b in itertools.pairwise(edges)))
        one, two, three = served.seen
    assert heard == answer(b"hello") + answer(b"Wikipedia") + answer(b"", close=True)
    assert (one.path, one.query, one.headers["x-id"], two.path, three.path) == ("/one", "a=1", "7", "/a", "/last")


async def test_a_request_may_be_cut_after_every_byte() -> None:
    sent = CHUNKED + b"2\r\nok\r\n0\r\n\r\n" + LAST
    async with serving(echo) as served:
        heard = await served.ask(*(bytes([byte]) for byte in sent))
    assert heard == answer(b"ok") + answer(b"", close=True)


# --- pipelining ---


async def test_pipelined_requests_are_answered_one_at_a_time_in_their_order() -> None:
    busy: list[str] = []

    async def handle(exchange: Exchange) -> None:
        busy.append(exchange.path)
        assert len(busy) == 1
        for _ in range(5 if exchange.path == "/0" else 0):
            await asyncio.sleep(0)
        busy.clear()
        exchange.answer(200, exchange.path.encode(), content_type=PLAIN)

    many = b"".join(b"GET /%d HTTP/1.1\r\nhost: door\r\n\r\n" % number for number in range(100))
    async with serving(handle) as served:
        heard = await served.ask(many + LAST)
    assert heard == b"".join(answer(b"/%d" % number) for number in range(100)) + answer(b"/last", close=True)


async def test_more_pipelined_requests_than_are_kept_are_left_with_the_network() -> None:
    release = asyncio.Event()

    async def handle(exchange: Exchange) -> None:
        await release.wait()
        exchange.answer(200, exchange.body[:1], content_type=PLAIN)

    one = b"POST / HTTP/1.1\r\nhost: door\r\ncontent-length: 100000\r\n\r\n" + b"x" * 100_000
    async with serving(handle, Limits(max_body=100_000, body_seconds=30.0, keep_alive_seconds=75.0)) as served:
        caller = await served.caller()
        sending = asyncio.create_task(caller.say(one * 320))
        before = -1
        while caller.unsent != before:  # until nothing moves any more
            before = caller.unsent
            for _ in range(100):
                await asyncio.sleep(0)
        assert caller.unsent > 8_000_000  # of 32 MB, which kernels do not hold
        release.set()
        await asyncio.wait_for(sending, 20)
        assert await caller.hear(len(answer(b"x")) * 320) == answer(b"x") * 320


async def test_a_stream_is_whole_before_the_next_answer_begins() -> None:
    async def handle(exchange: Exchange) -> None:
        if exchange.path == "/last":
            exchange.answer(200, b"next", content_type=PLAIN)
            return
        exchange.begin(200, b"", PLAIN, b"a")
        for _ in range(10):
            await asyncio.sleep(0)
            exchange.write(b"b")
        exchange.end()

    async with serving(handle) as served:
        heard = await served.ask(GET + LAST)
    whole = STREAM + b"transfer-encoding: chunked\r\n\r\n1\r\na\r\n" + b"1\r\nb\r\n" * 10 + b"0\r\n\r\n"
    assert heard == whole + answer(b"next", close=True)


# --- Expect: 100-continue (RFC 9110, section 10.1.1) ---

EXPECTING = b"POST /a HTTP/1.1\r\nhost: door\r\nconnection: close\r\nexpect: 100-Continue\r\ncontent-length: %d\r\n\r\n"


async def test_a_caller_that_waits_for_it_is_told_to_go_on() -> None:
    async with serving(echo) as served:
        caller = await served.caller()
        await caller.say(EXPECTING % 2)
        assert await caller.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert served.seen == []
        await caller.say(b"ok")
        assert await caller.rest() == answer(b"ok", close=True)


async def test_a_caller_with_too_much_to_send_is_not_told_to_go_on() -> None:
    async with serving(echo) as served:
        caller = await served.caller()
        await caller.say(EXPECTING % 1001)
        assert await caller.until(b"\r\n\r\nno") == TOO_LARGE


async def test_going_on_is_never_said_in_the_middle_of_another_answer() -> None:
    release = asyncio.Event()

    async def handle(exchange: Exchange) -> None:
        if exchange.method == "POST":
            await echo(exchange)
            return
        exchange.begin(200, b"", PLAIN, b"a")
        await release.wait()
        exchange.end(b"b")

    async with serving(handle) as served:
        caller = await served.caller()
        await caller.say(GET, EXPECTING % 2)
        release.set()
        await caller.say(b"ok")
        heard = await caller.rest()
    assert heard.startswith(STREAM + b"transfer-encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n")
    assert heard.endswith(answer(b"ok", close=True))


async def test_http_1_0_is_never_told_to_go_on() -> None:
    async with serving(echo) as served:
        heard = await served.ask((EXPECTING % 2).replace(b"HTTP/1.1", b"HTTP/1.0") + b"ok")
    assert heard == answer(b"ok", close=True)


# --- limits ---


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nhost: door\r\nx: " + b"v" * MAX_HEADER_BYTES + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"x-%d: %b\r\n" % (n, b"v" * 1000) for n in range(70)) + b"\r\n",
        b"GET / HTTP/1.1\r\n" + b"x:\r\n" * 70_000 + b"\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"x-%d: v\r\n" % n for n in range(201)) + b"\r\n",
        b"GET /" + b"u" * MAX_HEADER_BYTES + b" HTTP/1.1\r\nhost: door\r\n\r\n",
    ],
    ids=["one", "all", "empty", "many", "url"],
)
async def test_headers_without_measure_are_refused(head: bytes) -> None:
    async with serving() as served:
        caller = await served.caller()
        await caller.say(head)
        heard = await caller.until(b"\r\n\r\nno")
        assert [seen.problem for seen in served.seen] == [431]
    assert heard == answer(b"no", status=b"431 Request Header Fields Too Large", close=True)


@pytest.mark.parametrize("size", [100_000, 4096])
async def test_many_headers_within_measure_are_taken_in_whatever_pieces_they_come(size: int) -> None:
    async with serving() as served:
        fields = b"".join(b"x-%d: %b\r\n" % (n, b"v" * 300) for n in range(198))
        head = b"GET /a HTTP/1.1\r\nhost: door\r\nconnection: close\r\n" + fields + b"\r\n"
        heard = await served.ask(*(head[at : at + size] for at in range(0, len(head), size)))
    assert heard == answer(b"/a", close=True)


@pytest.mark.parametrize("start", [b"x: ", b""])
async def test_a_header_that_never_ends_is_refused_before_it_does(start: bytes) -> None:
    async with serving() as served:
        caller = await served.caller()
        await caller.say(b"GET / HTTP/1.1\r\n" + start, *[b"v" * 65536] * 4)
        assert [seen.problem for seen in served.seen] == [431]


@pytest.mark.parametrize("size", [0, 999, 1000])
async def test_a_body_within_measure_is_taken(size: int) -> None:
    body = b"b" * size
    sized = b"POST / HTTP/1.1\r\nhost: door\r\ncontent-length: %d\r\n\r\n" % size + body
    chunk = b"%x\r\n%b\r\n" % (size, body) if size else b""
    async with serving(echo) as served:
        heard = await served.ask(sized + CHUNKED + chunk + b"0\r\n\r\n" + LAST)
    assert heard == answer(body) * 2 + answer(b"", close=True)


async def test_a_length_above_the_measure_is_refused_before_the_body_comes() -> None:
    async with serving(echo) as served:
        caller = await served.caller()
        await caller.say(b"POST /v1/messages HTTP/1.1\r\nhost: door\r\ncontent-length: 1001\r\n\r\n")
        assert await caller.until(b"\r\n\r\nno") == TOO_LARGE
        assert [(seen.problem, seen.path) for seen in served.seen] == [(413, "/v1/messages")]


async def test_chunks_above_the_measure_are_refused_as_soon_as_they_are() -> None:
    async with serving(echo) as served:
        caller = await served.caller()
        await caller.say(CHUNKED + b"3e8\r\n" + b"b" * 1000 + b"\r\n")
        assert served.seen == []
        await caller.say(b"1\r\nb")
        assert await caller.until(b"\r\n\r\nno") == TOO_LARGE


async def test_other_limits_hold_from_the_next_request_on_and_take_none_away_that_is_half_here() -> None:
    async with serving(echo) as served:
        caller = await served.caller()
        await caller.say(b"POST / HTTP/1.1\r\nhost: door\r\ncontent-length: 1000\r\n\r\n" + b"b" * 400)
        (connection,) = served.connections
        connection.limit(Limits(max_body=10, body_seconds=9, keep_alive_seconds=9))
        await caller.say(b"b" * 600)
        assert (await caller.until(b"b" * 1000)).startswith(b"HTTP/1.1 200")
        await caller.say(b"POST / HTTP/1.1\r\nhost: door\r\ncontent-length: 11\r\n\r\n")
        assert await caller.until(b"\r\n\r\nno") == TOO_LARGE


async def test_a_caller_that_goes_on_sending_still_reads_why_it_was_refused() -> None:
    async with serving(echo) as served:
        caller = await served.caller()
        body = b"b" * 3_000_000
        await caller.say(b"POST / HTTP/1.1\r\nhost: door\r\ncontent-length: 3000000\r\n\r\n", body)
        assert await caller.rest() == TOO_LARGE
        assert len(served.seen) == 1


# --- what is no request, or two in one (RFC 9112, sections 2.2, 5 to 7 and 11.2) ---


@pytest.mark.parametrize(
    "head",
    [
        b"POST / HTTP/1.1\r\nhost: d\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: d\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: d\r\ncontent-length: 0\r\ncontent-length: 5\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: d\r\ncontent-length: 0\r\ncontent-length: 0\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: d\r\ncontent-length: 0, 0\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: d\r\ncontent-length: +0\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: d\r\ncontent-length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: d\r\ncontent-length: 0x0\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: d\r\ncontent-length: 99999999999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: d\r\ncontent-length : 0\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: d\r\n content-length: 0\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: d\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: d\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: d\r\ntransfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: d\r\ntransfer-encoding: gzip\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: d\r\ntransfer-encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\nhost: d\n\n",
        b"GET / HTTP/1.1\r\nhost: d\nx: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: d\r\n\n",
        b"GET / HTTP/1.1\r\nhost: d\rx: y\r\n\r\n",
        b"GET / HTTP/1.1\rhost: d\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: d\r\nx: y\r\n z\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: d\r\nx: y\x00z\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: d\r\n: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: d\r\nx y: z\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: d\r\nxy\r\n\r\n",
        b"GET /a b HTTP/1.1\r\nhost: d\r\n\r\n",
        b"get / HTTP/1.1\r\nhost: d\r\n\r\n",
        b"GET / HTTP/1.2\r\nhost: d\r\n\r\n",
        b"GET / HTTP/11\r\nhost: d\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        CHUNKED + b"-1\r\n",
        CHUNKED + b"0x1\r\na\r\n0\r\n\r\n",
        CHUNKED + b"1 \r\na\r\n0\r\n\r\n",
        CHUNKED + b"1\na\r\n0\r\n\r\n",
        CHUNKED + b"1\r\naXX0\r\n\r\n",
        CHUNKED + b"FFFFFFFFFFFFFFFFF\r\n",
        CHUNKED + b"\r\n",
    ],
)
async def test_what_can_be_read_in_two_ways_is_refused_and_nothing_after_it_is_read(head: bytes) -> None:
    async with serving(echo) as served:
        heard = await served.ask(head + b"GET /smuggled HTTP/1.1\r\nhost: d\r\n\r\n")
        assert [seen.problem for seen in served.seen] == [400]
    assert heard == BAD_REQUEST


async def test_a_request_hidden_in_a_body_stays_a_body() -> None:
    hidden = b"GET /smuggled HTTP/1.1\r\nhost: d\r\n\r\n"
    async with serving(echo) as served:
        heard = await served.ask(
            b"POST / HTTP/1.1\r\nhost: d\r\ncontent-length: %d\r\n\r\n" % len(hidden) + hidden,
            CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(hidden), hidden) + LAST,
        )
        assert [seen.path for seen in served.seen] == ["/", "/a", "/last"]
    assert heard == answer(hidden) * 2 + answer(b"", close=True)


async def test_a_trailer_is_no_header() -> None:
    async with serving(echo) as served:
        await served.ask(CHUNKED + b"2\r\nok\r\n0\r\nauthorization: Bearer other\r\n\r\n" + LAST)
        assert "authorization" not in served.seen[0].headers


@pytest.mark.parametrize("then", [b"\x00garbage\r\n\r\n", b"GET /more HTTP/1.1\r\nhost: d\r\n\r\n"])
async def test_what_follows_the_last_request_does_not_take_its_answer_away(then: bytes) -> None:
    async with serving() as served:
        assert await served.ask(LAST + then) == answer(b"/last", close=True)
        assert len(served.seen) == 1


OFFER = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n"
OFFERED = b"POST /a?b=1 HTTP/1.1\r\nhost: door\r\nx-id: 7\r\n" + OFFER


@pytest.mark.parametrize(
    "pieces",
    [
        [OFFERED + b"content-length: 2\r\n\r\nok" + LAST],
        [OFFERED + b"content-length: 2\r\n\r\nok", LAST],
        [OFFERED + b"content-length: 2\r\n\r\n", b"o", b"k" + LAST],
        [OFFERED[:50], OFFERED[50:90], OFFERED[90:] + b"content-length: 2\r\n\r", b"\nok" + LAST],
        [OFFERED + b"transfer-encoding: chunked\r\n\r\n1\r\no\r\n", b"1\r\nk\r\n0\r\n\r\n" + LAST],
    ],
)
async def test_an_offer_to_speak_another_protocol_is_passed_over(pieces: list[bytes]) -> None:
    async with serving(echo) as served:
        heard = await served.ask(*pieces)
        first, _ = served.seen
    assert heard == answer(b"ok") + answer(b"", close=True)
    assert (first.method, first.path, first.query, first.headers["x-id"]) == ("POST", "/a", "b=1", "7")


async def test_an_offer_without_a_body_is_passed_over_while_another_answer_is_under_way() -> None:
    async with serving() as served:
        heard = await served.ask(GET + b"GET /b HTTP/1.1\r\nhost: door\r\n" + OFFER + b"\r\n" + LAST)
    assert heard == answer(b"/a") + answer(b"/b") + answer(b"/last", close=True)


async def test_an_offer_changes_no_limit() -> None:
    async with serving(echo) as served:
        caller = await served.caller()
        await caller.say(OFFERED + b"content-length: 1001\r\n\r\n")
        assert await caller.until(b"\r\n\r\nno") == TOO_LARGE


@pytest.mark.parametrize("hosts", [b"", b"host: a\r\nhost: b\r\n", b"host: a\r\nhost: a\r\n"])
async def test_a_request_has_exactly_one_host(hosts: bytes) -> None:
    async with serving() as served:
        heard = await served.ask(b"GET / HTTP/1.1\r\nconnection: close\r\n" + hosts + b"\r\n")
    assert heard == BAD_REQUEST


async def test_a_target_in_absolute_form_names_the_path_after_its_host() -> None:
    async with serving() as served:
        heard = await served.ask(b"GET http://door/a?b=1 HTTP/1.1\r\nhost: door\r\nconnection: close\r\n\r\n")
        assert [(seen.path, seen.query) for seen in served.seen] == [("/a", "b=1")]
    assert heard == answer(b"/a", close=True)


async def test_connect_is_refused() -> None:
    async with serving(echo) as served:
        heard = await served.ask(b"CONNECT elsewhere:443 HTTP/1.1\r\nhost: elsewhere:443\r\n\r\n")
    assert b"200" not in heard


# --- time ---


async def expire(served: Served, seconds: float) -> None:
    """What the worker's clock does every second, `seconds` from now."""
    now = asyncio.get_running_loop().time() + seconds
    for connection in list(served.connections):
        connection.expire(now)


@pytest.mark.parametrize(
    "part", [b"GET /a HT", b"POST /a HTTP/1.1\r\nhost: door\r\ncontent-length: 9\r\n\r\nhalf", CHUNKED + b"4\r\nha"]
)
async def test_a_request_that_does_not_become_whole_in_time_is_told_so(part: bytes) -> None:
    async with serving(echo) as served:
        caller = await served.caller()
        await caller.say(part)
        await expire(served, 29)
        assert served.seen == []
        await expire(served, 31)
        assert await caller.until(b"\r\n\r\nno") == answer(b"no", status=b"408 Request Timeout", close=True)


async def test_a_slow_body_does_not_win_time_by_dripping() -> None:
    async with serving(echo, Limits(max_body=1000, body_seconds=0.1, keep_alive_seconds=75.0)) as served:
        caller = await served.caller()
        await caller.say(CHUNKED)
        for _ in range(6):
            await caller.say(b"1\r\nx\r\n")
            await asyncio.sleep(0.02)
        await expire(served, 0)
        assert await caller.until(b"\r\n\r\nno") == answer(b"no", status=b"408 Request Timeout", close=True)


async def test_a_connection_that_says_nothing_is_closed_in_silence() -> None:
    async with serving() as served:
        caller = await served.caller()
        await caller.say(b"")
        await expire(served, 31)
        assert await caller.rest() == b""
        assert served.seen == []


async def test_an_idle_connection_is_closed_in_silence_after_its_time() -> None:
    async with serving() as served:
        caller = await served.caller()
        await caller.say(GET)
        await caller.hear(len(answer(b"/a")))
        await expire(served, 74)
        await caller.say(GET)
        await caller.hear(len(answer(b"/a")))
        await expire(served, 76)
        assert await caller.rest() == b""


async def test_a_request_that_is_being_answered_has_no_deadline_here() -> None:
    release = asyncio.Event()

    async def handle(exchange: Exchange) -> None:
        await release.wait()
        exchange.answer(200, b"late", content_type=PLAIN)

    async with serving(handle) as served:
        caller = await served.caller()
        await caller.say(LAST)
        await expire(served, 10_000)
        release.set()
        assert await caller.rest() == answer(b"late", close=True)


# --- callers that leave, and callers that are slow ---


async def test_a_caller_that_leaves_cancels_the_handler_and_what_it_had_pipelined() -> None:
    began, cancelled = asyncio.Event(), asyncio.Event()

    async def handle(exchange: Exchange) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async with serving(handle) as served:
        caller = await served.caller()
        await caller.say(GET + LAST)
        await asyncio.wait_for(began.wait(), 5)
        caller.leave()
        await asyncio.wait_for(cancelled.wait(), 5)
        await asyncio.wait_for(served.quiet(), 5)
        assert [seen.path for seen in served.seen] == ["/a"]


async def test_a_caller_that_leaves_in_the_middle_of_its_request_is_forgotten() -> None:
    async with serving() as served:
        caller = await served.caller()
        await caller.say(CHUNKED + b"4\r\nha")
        caller.leave()
        await asyncio.wait_for(served.quiet(), 5)
        assert served.seen == []


async def test_writing_waits_for_a_slow_caller_and_loses_nothing() -> None:
    piece = b"0123456789abcdef" * 2048
    written = 0

    async def handle(exchange: Exchange) -> None:
        nonlocal written
        exchange.begin(200, b"", PLAIN)
        for _ in range(200):
            exchange.write(piece)
            written += len(piece)
            await exchange.drain()
        exchange.end()

    async with serving(handle) as served:
        caller = await served.caller(small_buffer=True)
        await caller.say(b"GET / HTTP/1.0\r\n\r\n")
        before = -1
        while written != before:  # until nothing moves any more
            before = written
            for _ in range(100):
                await asyncio.sleep(0)
        assert HIGH_WATER < written < 4 * HIGH_WATER  # of 6.5 MB
        body = (await caller.rest()).partition(b"\r\n\r\n")[2]
        assert body == piece * 200


async def test_a_slow_caller_that_leaves_ends_the_wait() -> None:
    ended = asyncio.Event()

    async def handle(exchange: Exchange) -> None:
        exchange.begin(200, b"", PLAIN)
        try:
            while True:
                exchange.write(b"x" * 65536)
                await exchange.drain()
                await asyncio.sleep(0)
        finally:
            ended.set()

    async with serving(handle) as served:
        caller = await served.caller(small_buffer=True)
        await caller.say(GET)
        for _ in range(100):
            await asyncio.sleep(0)
        assert not ended.is_set()
        caller.leave()
        await asyncio.wait_for(ended.wait(), 5)


# --- handlers that fail ---


async def test_a_handler_that_fails_is_a_500_and_the_end_of_the_connection() -> None:
    async def handle(exchange: Exchange) -> None:
        raise RuntimeError("secret")

    async with serving(handle) as served:
        heard = await served.ask(GET)
    assert heard.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert b"connection: close\r\n" in heard
    assert b'"type":"server_error"' in heard
    assert b"secret" not in heard


@pytest.mark.parametrize("how", ["fails", "aborts"])
async def test_a_stream_that_cannot_go_on_is_cut_and_never_ended(how: str) -> None:
    async def handle(exchange: Exchange) -> None:
        exchange.begin(200, b"", PLAIN, b"half")
        await asyncio.sleep(0.02)
        if how == "fails":
            raise RuntimeError
        exchange.abort()

    async with serving(handle) as served:
        heard = await served.ask(GET)
    assert heard == STREAM + b"transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n"
    assert len(served.seen) == 1


# --- the end ---


def drain(served: Served) -> None:
    for connection in list(served.connections):
        connection.drain()


async def test_draining_closes_idle_connections_at_once_and_busy_ones_after_their_answer() -> None:
    release = asyncio.Event()

    async def handle(exchange: Exchange) -> None:
        await release.wait()
        exchange.answer(200, b"done", content_type=PLAIN)

    async with serving(handle) as served:
        idle, busy = await served.caller(), await served.caller()
        await idle.say(b"")
        await busy.say(GET)
        drain(served)
        assert await idle.rest() == b""
        release.set()
        assert await busy.rest() == answer(b"done")


async def test_a_request_that_is_half_here_when_draining_begins_is_answered_and_told_to_go() -> None:
    async with serving() as served:
        caller = await served.caller()
        await caller.say(GET[:10])
        drain(served)
        await caller.say(GET[10:])
        assert await caller.rest() == answer(b"/a", close=True)


async def test_http_1_0_gets_no_chunks_while_draining_either() -> None:
    async with serving(streamed) as served:
        caller = await served.caller()
        await caller.say(b"GET / HTTP/1.0\r\n")
        drain(served)
        await caller.say(b"\r\n")
        assert await caller.rest() == STREAM + b"x-id: 7\r\nconnection: close\r\n\r\nonesecond" + b"x" * 17
