"""An upstream that misbehaves on purpose: the model's name says how. It speaks Chat Completions, Messages and Responses over
real sockets.

What it did is counted: `asked` by model, and `closed` when a caller's side ended a connection in the middle of an answer.
"""

import asyncio
import contextlib
import socket
import struct
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from typing import Any

import msgspec

from gateway.vendor_words import SPOKEN, TEXT, WORDS, Words, chunk, error, events, reply

__all__ = ("TEXT", "WORDS", "Upstream", "chunk", "error", "events", "misbehaving", "reply")

Refusal = tuple[int, tuple[str, str, str | None] | bytes, str]

REFUSALS: dict[str, Refusal] = {
    "busy": (429, ("Slow down.", "rate_limit_error", "rate_limit_exceeded"), ""),
    "busy-briefly": (429, ("Slow down.", "rate_limit_error", "rate_limit_exceeded"), "retry-after-ms: 20\r\n"),
    "busy-long": (429, ("Slow down.", "rate_limit_error", "rate_limit_exceeded"), "retry-after: 3600\r\n"),
    "poor": (429, ("No money left.", "insufficient_quota", "insufficient_quota"), ""),
    "broken": (500, ("Oops.", "server_error", None), ""),
    "overloaded": (503, b"<html>try later</html>", ""),
    "too-busy": (529, ("Overloaded", "overloaded_error", None), ""),
    "locked": (401, ("Incorrect API key provided: sk-very-secret", "invalid_request_error", "invalid_api_key"), ""),
    "retired": (404, ("The model is gone.", "invalid_request_error", "model_not_found"), ""),
    "moved": (302, b"<html>log in</html>", "location: https://login.example/\r\n"),
    "telling": (400, ("The key sk-of-the-door-0123 may not ask this.", "invalid_request_error", None), ""),
    "picky": (400, ("Bad request.", "invalid_request_error", None), ""),
}
"""By model: the status, what is said (or the body of a proxy), further headers."""


CUT_POLITELY: dict[str, Callable[[Words, list[bytes]], list[bytes]]] = {
    "cut-politely": lambda words, whole: whole[: words.first_words + 2],
    "cut-in-an-event": lambda words, whole: [*whole[: words.first_words + 1], whole[words.first_words + 1][:-20]],
    "cut-before-its-end": lambda words, whole: whole[:-1],
}
"""Streams that end too early: after some words, in the middle of an event, before the event that closes them."""

FLOOD = "more " * 12_000
"""The words of one chunk of a vendor that says more than a caller reads."""

FAILS_LATE: dict[str, tuple[str, str, str | None]] = {
    "fails-late": ("The server had a problem.", "server_error", None),
    "overloaded-late": ("Overloaded", "overloaded_error", None),
}
"""What is said in the middle of a stream under status 200: a message, a kind, a code."""


class Upstream:
    """The server. `base_url` is where it is."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.closed: asyncio.Queue[str] = asyncio.Queue()
        self.bodies: list[dict[str, Any]] = []
        self.base_url = ""
        self._connections: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                words = SPOKEN[head.split(b" ", 2)[1].decode()]
                body = msgspec.json.decode(await reader.readexactly(length))
                self.bodies.append(body)
                model = body["model"]
                self.asked[model] += 1
                if not await self._answer(words, model, bool(body.get("stream")), reader, writer):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self._connections.discard(writer)
            writer.close()

    def close(self) -> None:
        for writer in list(self._connections):
            writer.transport.abort()

    async def _answer(
        self, words: Words, model: str, stream: bool, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Answers once; true when the connection goes on."""
        if model == "flaky":
            model = "broken" if self.asked["flaky"] == 1 else "good"
        if model in REFUSALS:
            status, said, headers = REFUSALS[model]
            if isinstance(said, bytes):
                _write_whole(writer, status, said, "text/html", headers)
            else:
                _write_whole(writer, status, words.refusal(*said), "application/json", headers)
            return True
        if model == "broken-half":
            writer.write(b"HTTP/1.1 500 X\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n{")
            await writer.drain()
            _reset(writer)
            return False
        if model == "reset":
            _reset(writer)
            return False
        if model == "silent":
            await self._until_left(model, reader)
            return False
        if model == "html":
            _write_whole(writer, 200, b"<html>a captive portal</html>", "text/html")
            return True
        if model == "not-json":
            _write_whole(writer, 200, b'{"choices": [', "application/json")
            return True
        if model == "no-http":
            writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
            return False
        if not stream:
            return await self._answer_whole(words, model, reader, writer)
        return await self._answer_stream(words, model, reader, writer)

    async def _answer_whole(
        self, words: Words, model: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        body = words.reply(model)
        if model == "half":
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n" + body)
            await writer.drain()
            _reset(writer)
            return False
        if model == "failed-inside":
            _write_whole(writer, 200, words.refusal("Failed after all.", "server_error", None), "application/json")
            return True
        if model == "slow":
            await self._until_left(model, reader)
            return False
        if model == "queued":  # accepted, and written later
            body = msgspec.json.encode(msgspec.json.decode(body) | {"status": "queued", "output": [], "usage": None})
        _write_whole(writer, 200, body, "application/json")
        return True

    async def _answer_stream(
        self, words: Words, model: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        _write(writer, b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        whole = words.events(model)
        begun = whole[: words.first_words + 2]
        if model == "failed-inside":
            _write_chunk(writer, words.failure("Failed after all.", "server_error", None))
            _write_chunk(writer, b"")
            return True
        if model in ("half", "slow"):  # nothing meaningful, then gone or silent
            _write_chunk(writer, whole[0])
            await writer.drain()
            if model == "slow":
                await self._until_left(model, reader)
            else:
                _reset(writer)
            return False
        if model == "cut":  # some words, then gone
            for event in begun:
                _write_chunk(writer, event)
            await writer.drain()
            _reset(writer)
            return False
        if model in CUT_POLITELY:  # a clean end, only too early
            for event in CUT_POLITELY[model](words, whole):
                _write_chunk(writer, event)
            _write_chunk(writer, b"")
            return True
        if model in FAILS_LATE:
            for event in begun:
                _write_chunk(writer, event)
            await asyncio.sleep(0.05)  # another read: what comes in the same one as the first token is not too late
            _write_chunk(writer, words.failure(*FAILS_LATE[model]))
            _write_chunk(writer, b"")
            return True
        if model == "stalls":
            for event in begun:
                _write_chunk(writer, event)
            await self._until_left(model, reader)
            return False
        if model == "endless":
            await self._endless(model, writer, "more ")
            return False
        if model == "flood":
            await self._endless(model, writer, FLOOD)
            return False
        if model == "plenty":  # 12 MB, more than all buffers on the way hold, and then its end
            for _ in range(200):
                _write_chunk(writer, chunk(model, {"content": FLOOD}))
                await writer.drain()
        if model == "crumbs":  # every byte alone: code points and events split
            for byte in b"".join(whole):
                _write_chunk(writer, bytes([byte]))
                await asyncio.sleep(0)
        else:
            for event in whole:
                _write_chunk(writer, event)
        _write_chunk(writer, b"")
        return True

    async def _endless(self, model: str, writer: asyncio.StreamWriter, said: str) -> None:
        try:
            while True:
                _write_chunk(writer, chunk(model, {"content": said}))
                await writer.drain()
                await asyncio.sleep(0.001)
        except ConnectionError:
            self.closed.put_nowait(model)

    async def _until_left(self, model: str, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.read(1)
        self.closed.put_nowait(model)


def _write_whole(writer: asyncio.StreamWriter, status: int, body: bytes, kind: str, headers: str = "") -> None:
    head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\n{headers}content-length: {len(body)}\r\n\r\n"
    _write(writer, head.encode() + body)


def _write_chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    _write(writer, b"%x\r\n%b\r\n" % (len(data), data))


def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    if writer.transport.is_closing():
        raise ConnectionResetError
    writer.write(data)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Ends the connection with RST, as a crashed server's kernel does."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@contextlib.asynccontextmanager
async def misbehaving() -> AsyncGenerator[Upstream]:
    """The upstream, listening on loopback until the block ends."""
    upstream = Upstream()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    upstream.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield upstream
    finally:
        server.close()
        upstream.close()
        await asyncio.sleep(0)
