"""One connection to an upstream over real sockets: where an answer ends, where it was cut off, and who waits for whom."""

import asyncio
import contextlib
import itertools
import socket
import struct
from collections.abc import AsyncGenerator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.errors import VendorError, VendorGarbled, VendorUnreachable
from freehold.outbound.connection import HIGH_WATER, Connection, Response
from outbound.scripted import OK, Line, Script, following

ASK = b"GET / HTTP/1.1\r\nhost: upstream\r\n\r\n"


class Wire:
    """A connection with what it told its owner."""

    def __init__(self, connection: Connection, idle: list[Connection], lost: asyncio.Event) -> None:
        self.connection = connection
        self.idle = idle
        self.lost = lost

    async def ask(self) -> Response:
        return await asyncio.wait_for(self.connection.send(ASK), 5)


@contextlib.asynccontextmanager
async def wired(script: Script) -> AsyncGenerator[Wire]:
    """A connection to an upstream that follows the script."""
    async with following(script) as upstream:
        idle: list[Connection] = []
        lost = asyncio.Event()
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: Connection(loop, idle.append, lambda _: lost.set()), "127.0.0.1", upstream.port
        )
        try:
            yield Wire(connection, idle, lost)
        finally:
            connection.abort()
            await asyncio.wait_for(lost.wait(), 5)


def saying(*pieces: bytes, then: Script | None = None) -> Script:
    """Answers the first request with these pieces, each on its own, then hangs up (or goes on)."""

    async def script(line: Line) -> None:
        await line.hear()
        for piece in pieces:
            await line.say(piece)
            await line.breathe()
        if then is not None:
            await then(line)

    return script


async def until_left(line: Line) -> None:
    await line.left()


def reset(line: Line) -> None:
    """Ends the connection as a crashed server's kernel does."""
    raw = line.writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.writer.transport.abort()


async def test_a_whole_answer_leaves_the_connection_ready_for_the_next() -> None:
    async with wired(saying(OK, then=saying(OK.replace(b"ok", b"so"), then=until_left))) as wire:
        first = await wire.ask()
        assert (first.status, await first.read(10), first.complete) == (200, b"ok", True)
        assert wire.idle == [wire.connection]
        second = await wire.ask()
        assert await second.read(10) == b"so"


async def test_the_head_is_given_before_the_body_is_there() -> None:
    async with wired(saying(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", then=until_left)) as wire:
        response = await wire.ask()
        assert response.status == 200
        assert not response.complete


async def test_header_names_are_lower_case_and_the_last_of_a_repeated_one_counts() -> None:
    async with wired(saying(b"HTTP/1.1 200 OK\r\nX-Thing: 1\r\nX-THING: 2\r\nContent-Length: 0\r\n\r\n")) as wire:
        response = await wire.ask()
        assert response.headers == {"x-thing": "2", "content-length": "0"}


async def test_a_chunked_body_is_put_together_and_its_trailer_ends_it() -> None:
    answer = (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
        b"4;name=value\r\nWiki\r\n5\r\npedia\r\n0\r\nexpires: never\r\n\r\n"
    )
    async with wired(saying(answer, then=until_left)) as wire:
        assert await (await wire.ask()).read(100) == b"Wikipedia"
        assert wire.idle == [wire.connection]


@given(cuts=st.sets(st.integers(1, 130), max_size=12))
@settings(max_examples=40, deadline=None)
async def test_wherever_the_network_cuts_the_answer_is_the_same(cuts: set[int]) -> None:
    answer = (
        b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nx-id: 7\r\n"
        b"transfer-encoding: chunked\r\n\r\n4\r\nWiki\r\n5\r\npedia\r\n0\r\n\r\n"
    )
    edges = [0, *sorted(cuts), len(answer)]
    pieces = [answer[a:b] for a, b in itertools.pairwise(edges) if a < b]
    async with wired(saying(*pieces, then=until_left)) as wire:
        response = await wire.ask()
        assert response.headers["x-id"] == "7"
        assert await response.read(100) == b"Wikipedia"
        assert wire.idle == [wire.connection]


async def test_informational_answers_are_passed_over() -> None:
    answer = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
    async with wired(saying(answer, OK, then=until_left)) as wire:
        response = await wire.ask()
        assert (response.status, await response.read(10)) == (200, b"ok")
        assert "link" not in response.headers
        assert wire.idle == [wire.connection]


async def test_a_body_without_a_length_ends_with_the_connection() -> None:
    async with wired(saying(b"HTTP/1.1 200 OK\r\n\r\nall ", b"of it")) as wire:
        response = await wire.ask()
        assert await response.read(100) == b"all of it"
        assert response.complete
        assert wire.idle == []


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nhalf",
    ],
)
async def test_a_body_that_is_cut_off_is_never_taken_for_a_whole_one(answer: bytes) -> None:
    async with wired(saying(answer)) as wire:
        response = await wire.ask()
        assert await response.next() == b"half"
        with pytest.raises(VendorUnreachable, match="before the answer was complete"):
            await response.next()
        assert not response.complete


async def test_a_reset_in_a_body_without_a_length_is_not_its_end() -> None:
    async def script(line: Line) -> None:
        await line.hear()
        await line.say(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        await line.breathe()
        reset(line)

    async with wired(script) as wire:
        response = await wire.ask()
        with pytest.raises(VendorUnreachable):
            await response.read(100)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\ncontent-le", b"HTTP/1.1 100 Continue\r\n\r\n"])
async def test_a_connection_that_ends_before_the_head_is_unreachable(answer: bytes) -> None:
    async with wired(saying(answer)) as wire:
        with pytest.raises(VendorUnreachable):
            await wire.ask()
        assert wire.connection.heard is bool(answer)


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: two\r\n\r\nok",
        b"HTTP/1.1 200 OK\nx: y\n\n",
        b"HTTP/1.1 200 OK\r\nx: y\x00\r\n\r\n",
        b"\x15\x03\x01\x00\x02\x02\x50",
    ],
)
async def test_what_is_not_http_is_garbled(answer: bytes) -> None:
    async with wired(saying(answer, then=until_left)) as wire:
        with pytest.raises(VendorGarbled, match="not HTTP"):
            await wire.ask()
        await asyncio.wait_for(wire.lost.wait(), 5)


async def test_chunks_that_are_not_chunks_are_garbled_in_the_middle_of_the_body() -> None:
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n"
    async with wired(saying(head, b"-1\r\n", then=until_left)) as wire:
        response = await wire.ask()
        assert await response.next() == b"ok"
        with pytest.raises(VendorGarbled):
            await response.next()


async def test_headers_without_measure_are_garbled() -> None:
    many = b"".join(b"x-%d: %b\r\n" % (number, b"v" * 1000) for number in range(70))
    async with wired(saying(b"HTTP/1.1 200 OK\r\n" + many + b"\r\n", then=until_left)) as wire:
        with pytest.raises(VendorGarbled):
            await wire.ask()


async def test_a_header_that_never_ends_is_garbled_before_it_does() -> None:
    async with wired(saying(b"HTTP/1.1 200 OK\r\nx: ", *[b"v" * 65536] * 4)) as wire:
        with pytest.raises(VendorGarbled):
            await wire.ask()


async def test_another_protocol_that_nobody_asked_for_is_garbled() -> None:
    said: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
    answer = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"
    async with wired(saying(answer, then=until_left)) as wire:
        with pytest.raises(VendorGarbled):
            await wire.ask()
    assert said == []


async def test_a_body_larger_than_the_reader_takes_is_garbled_and_ends_the_connection() -> None:
    async with wired(saying(b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n" + b"x" * 50, then=until_left)) as wire:
        response = await wire.ask()
        with pytest.raises(VendorGarbled, match="larger than 49 bytes"):
            await response.read(49)
        await asyncio.wait_for(wire.lost.wait(), 5)


async def test_a_body_exactly_as_large_as_the_reader_takes_is_read() -> None:
    async with wired(saying(OK, then=until_left)) as wire:
        assert await (await wire.ask()).read(2) == b"ok"


async def test_a_slow_reader_stops_the_upstream_and_loses_nothing() -> None:
    piece = b"0123456789abcdef" * 4096
    sent = 0

    async def script(line: Line) -> None:
        nonlocal sent
        line.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        line.writer.transport.set_write_buffer_limits(0)
        await line.hear()
        await line.say(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (len(piece) * 1000))
        for _ in range(1000):
            await line.say(piece)
            sent += 1

    async with wired(script) as wire:
        response = await wire.ask()
        before = -1
        while sent != before:  # until nothing moves any more
            before = sent
            for _ in range(200):
                await asyncio.sleep(0)
        # What is held, and what two kernels' buffers may hold: far from the 62 MiB of the whole.
        assert sent * len(piece) < 16 * 1024 * 1024
        got = 0
        while (data := await response.next()) is not None:
            assert len(data) <= 2 * HIGH_WATER
            got += len(data)
        assert got == len(piece) * 1000


async def test_closing_an_unfinished_answer_tells_the_upstream_to_stop() -> None:
    stopped = asyncio.Event()

    async def script(line: Line) -> None:
        await line.hear()
        await line.say(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n")
        await line.left()
        stopped.set()

    async with wired(script) as wire:
        response = await wire.ask()
        response.close()
        await asyncio.wait_for(stopped.wait(), 5)
        assert wire.idle == []


async def test_closing_a_finished_answer_leaves_the_connection_alone() -> None:
    async with wired(saying(OK, then=saying(OK, then=until_left))) as wire:
        response = await wire.ask()
        await response.read(10)
        response.close()
        assert (await wire.ask()).status == 200


async def test_who_waits_for_more_is_told_why_there_will_be_none() -> None:
    async with wired(saying(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", then=until_left)) as wire:
        response = await wire.ask()
        waiting = asyncio.create_task(response.next())
        await asyncio.sleep(0)
        response.expire(VendorError("Time is up."))
        with pytest.raises(VendorError, match="Time is up"):
            await asyncio.wait_for(waiting, 5)
        await asyncio.wait_for(wire.lost.wait(), 5)


async def test_bytes_that_nobody_asked_for_end_the_connection() -> None:
    async def script(line: Line) -> None:
        await line.hear()
        await line.say(OK)
        await line.breathe()
        await line.say(OK)
        await line.left()

    async with wired(script) as wire:
        await (await wire.ask()).read(10)
        await asyncio.wait_for(wire.lost.wait(), 5)


async def test_an_answer_that_says_close_is_not_kept() -> None:
    answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"
    async with wired(saying(answer, then=until_left)) as wire:
        assert await (await wire.ask()).read(10) == b"ok"
        await asyncio.wait_for(wire.lost.wait(), 5)
        assert wire.idle == []


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_without_a_body_ends_with_its_head(status: int) -> None:
    async with wired(saying(b"HTTP/1.1 %d X\r\n\r\n" % status, then=until_left)) as wire:
        assert await (await wire.ask()).read(10) == b""
        assert wire.idle == [wire.connection]


async def test_sending_over_a_lost_connection_is_unreachable() -> None:
    async with wired(saying(OK)) as wire:
        await (await wire.ask()).read(10)
        await asyncio.wait_for(wire.lost.wait(), 5)
        assert wire.connection.lost
        with pytest.raises(VendorUnreachable):
            await wire.ask()


async def test_what_comes_while_a_reader_rests_is_read_at_once_and_the_connection_serves_again() -> None:
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n0\r\n"
    said = asyncio.Event()

    async def script(line: Line) -> None:
        await line.hear()
        await line.say(head)
        await said.wait()
        for number in range(1, 5):
            await line.say(b"1\r\n%d\r\n" % number)
            await line.breathe()
        await line.say(b"0\r\n\r\n")
        await saying(OK, then=until_left)(line)

    async with wired(script) as wire:
        response = await wire.ask()
        assert await response.next() == b"0"
        loop = asyncio.get_running_loop()
        await asyncio.sleep(0.5 - loop.time() % 0.5)
        due = loop.time() // 0.5 + 1
        response.rest(0.5)
        response.rest(30.0)  # the first holds
        said.set()
        assert await asyncio.wait_for(response.next(), 5) == b"1234"
        assert (loop.time() + 0.01) // 0.5 >= due  # uvloop's timers know milliseconds
        assert await response.next() is None
        assert wire.idle == [wire.connection]
        assert await (await wire.ask()).read(10) == b"ok"


async def test_who_leaves_while_resting_leaves_nothing_behind() -> None:
    async with wired(saying(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", then=until_left)) as wire:
        response = await wire.ask()
        assert await response.next() == b"half"
        response.rest(0.05)
        response.close()
        await asyncio.wait_for(wire.lost.wait(), 5)
        await asyncio.sleep(0.1)
        response.rest(0.05)  # of a connection that is gone
        assert wire.idle == []
