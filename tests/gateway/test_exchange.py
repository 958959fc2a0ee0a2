"""The framing of answers: whole and in chunks, for HTTP/1.1 and 1.0, for HEAD, and for a connection that ends."""

import pytest

from freehold.gateway.exchange import Exchange, Shown

TEXT = b"content-type: text/plain\r\n"


class Line:
    """Keeps what was written and how the exchange ended."""

    stamp = b"date: now\r\n"

    def __init__(self) -> None:
        self.written = b""
        self.slow = False
        self.shown = Shown()
        self.kept: bool | None = None
        self.aborted = False

    def write(self, data: bytes) -> None:
        self.written += data

    def done(self, *, keep_alive: bool) -> None:
        self.kept = keep_alive

    def abort(self) -> None:
        self.aborted = True

    async def wait_writable(self) -> None:
        self.slow = False


def made(*, keep_alive: bool = True, chunked: bool = True) -> tuple[Exchange, Line]:
    line = Line()
    exchange = Exchange(line, "127.0.0.1")
    exchange.method = "POST"
    exchange.shape(keep_alive=keep_alive, chunked=chunked)
    return exchange, line


def test_a_whole_answer_has_its_length_and_the_connection_stays() -> None:
    exchange, line = made()
    exchange.answer(200, b"hello", b"x-a: b\r\n", TEXT)
    head = b"HTTP/1.1 200 OK\r\ndate: now\r\ncontent-type: text/plain\r\ncontent-length: 5\r\nx-a: b\r\n\r\n"
    assert line.written == head + b"hello"
    assert (line.kept, exchange.answered) == (True, True)


def test_the_last_answer_says_that_it_is_the_last() -> None:
    exchange, line = made()
    exchange.last()
    exchange.answer(503, b"", content_type=TEXT)
    assert line.written.endswith(b"content-length: 0\r\nconnection: close\r\n\r\n")
    assert line.kept is False


def test_a_status_without_a_name_of_its_own_is_still_an_answer() -> None:
    exchange, line = made()
    exchange.answer(529, b"x", content_type=TEXT)
    assert line.written.startswith(b"HTTP/1.1 529 Status\r\n")


def test_head_gets_the_length_and_no_body() -> None:
    exchange, line = made()
    exchange.method = "HEAD"
    exchange.answer(200, b"hello", content_type=TEXT)
    assert b"content-length: 5\r\n" in line.written
    assert line.written.endswith(b"\r\n\r\n")


def test_a_stream_is_chunked_and_ends_with_its_last_bytes() -> None:
    exchange, line = made()
    exchange.begin(200, b"", TEXT, b"first")
    exchange.write(b"")
    exchange.write(b"0123456789abcdef")
    exchange.end(b"last")
    _, _, body = line.written.partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked\r\n" in line.written
    assert body == b"5\r\nfirst\r\n10\r\n0123456789abcdef\r\n4\r\nlast\r\n0\r\n\r\n"
    assert line.kept is True


@pytest.mark.parametrize("last", [b"", b"last"])
def test_a_stream_to_http_1_0_ends_with_the_connection(last: bytes) -> None:
    exchange, line = made(keep_alive=False, chunked=False)
    exchange.begin(200, b"", TEXT)
    exchange.write(b"some")
    exchange.end(last)
    head, _, body = line.written.partition(b"\r\n\r\n")
    assert (b"chunked" in head, b"connection: close" in head, body) == (False, True, b"some" + last)
    assert line.kept is False


async def test_a_writer_waits_only_for_a_caller_who_is_slow() -> None:
    exchange, line = made()
    await exchange.drain()
    line.slow = True
    await exchange.drain()
    assert line.slow is False


def test_a_stream_that_cannot_end_well_is_cut() -> None:
    exchange, line = made()
    exchange.begin(200, b"", TEXT)
    exchange.abort()
    assert (line.aborted, line.kept) == (True, None)
