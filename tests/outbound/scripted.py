"""An upstream whose every connection follows a script: a coroutine that reads and writes bytes as they are.

It counts connections and keeps what was received. Certificates for TLS are made by the `openssl` command.
"""

import asyncio
import contextlib
import ssl
import subprocess
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Line:
    """One connection, seen from the upstream. `number` counts connections from 1."""

    def __init__(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.number = number
        self.reader = reader
        self.writer = writer

    async def hear(self) -> bytes:
        """The next request's head, and its body by content-length. Raises `IncompleteReadError` at the end."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        _, found, rest = head.lower().partition(b"content-length: ")
        return head + await self.reader.readexactly(int(rest.split(b"\r\n")[0]) if found else 0)

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def breathe(self) -> None:
        """Lets what was said arrive on its own, before anything else is said."""
        for _ in range(5):
            await asyncio.sleep(0)

    async def left(self) -> None:
        """Returns when the other side has gone."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65536):
                pass


Script = Callable[[Line], Awaitable[None]]


class Upstream:
    """`url` is where it listens; `connections` how many came."""

    def __init__(self, script: Script) -> None:
        self.connections = 0
        self.url = ""
        self.port = 0
        self._script = script
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.create_task(self._follow(Line(self.connections, reader, writer)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow(self, line: Line) -> None:
        try:
            await self._script(line)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            line.writer.close()

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def following(script: Script, tls: ssl.SSLContext | None = None) -> AsyncGenerator[Upstream]:
    """An upstream on loopback whose connections follow the script, until the block ends."""
    upstream = Upstream(script)
    server = await asyncio.start_server(upstream.take, "127.0.0.1", 0, ssl=tls)
    upstream.port = server.sockets[0].getsockname()[1]
    upstream.url = f"{'https' if tls else 'http'}://127.0.0.1:{upstream.port}"
    try:
        yield upstream
    finally:
        server.close()
        await upstream.close()


async def always_ok(line: Line) -> None:
    """Answers every request with `OK`."""
    while True:
        await line.hear()
        await line.say(OK)


def certificate(folder: Path, *names: str) -> tuple[ssl.SSLContext, str]:
    """A server's TLS context for these names (`DNS:...`, `IP:...`), and the PEM file of who vouches for it."""
    pem, key = folder / "authority.pem", folder / "server.key"
    asked = f"""openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test
        -addext subjectAltName={",".join(names)} -keyout {key} -out {pem}"""
    subprocess.run(asked.split(), check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    return context, str(pem)
