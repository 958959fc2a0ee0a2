"""A `freehold` command inside the test's own process, and a door with canned answers for it to ask."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import NamedTuple

from typer.testing import CliRunner

from freehold.cli import application


class Said(NamedTuple):
    """How a command ended and what it said."""

    exit_code: int
    stdout: str
    stderr: str


def run(*words: str, heard: str | None = None, environ: dict[str, str | None] | None = None) -> Said:
    """Runs a command to its end; `heard` is what stands on its standard input. What it raises is raised here."""
    result = CliRunner().invoke(application(words), words, input=heard, env=environ or {}, catch_exceptions=False)
    return Said(result.exit_code, result.stdout, result.stderr)


async def run_beside(*words: str, heard: str | None = None, environ: dict[str, str | None] | None = None) -> Said:
    """The same in a thread, while this event loop serves what the command asks."""
    return await asyncio.to_thread(run, *words, heard=heard, environ=environ)


@contextlib.asynccontextmanager
async def canned(*answers: bytes) -> AsyncGenerator[tuple[str, list[bytes]]]:
    """The URL of a door that gives these answers in turn, each over a connection that it then closes, and the list of the
    requests that it got."""
    left = list(answers)
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        _, _, length = head.lower().partition(b"content-length: ")
        body = await reader.readexactly(int(length.split(b"\r\n")[0])) if length else b""
        requests.append(head + body)
        writer.write(left.pop(0))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", requests
    finally:
        server.close()


def whole(status: int, body: bytes, kind: str = "application/json") -> bytes:
    """An answer in one piece."""
    return b"HTTP/1.1 %d X\r\ncontent-type: %s\r\ncontent-length: %d\r\n\r\n%s" % (
        status,
        kind.encode(),
        len(body),
        body,
    )


def streamed(*events: bytes, end: bool = True) -> bytes:
    """An answer as a stream of events; with `end` false the connection ends before the stream does."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    chunks = [b"%x\r\n%s\r\n" % (len(event), event) for event in events]
    return head + b"".join(chunks) + (b"0\r\n\r\n" if end else b"")
