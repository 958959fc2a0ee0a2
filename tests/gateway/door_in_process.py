"""A whole door inside the test's own event loop: real sockets on loopback, real store in a temporary folder.

Only the supervisor is missing. `Door.key` is the admin key; `Door.records` reads what was recorded.
"""

import asyncio
import contextlib
import socket
import textwrap
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec

from freehold.cli.settings import known_vendors
from freehold.config.reading import read
from freehold.gateway.ledger_writer import LedgerWriter
from freehold.gateway.supervisor import Bookkeeper
from freehold.gateway.worker import Worker
from freehold.store.database import open_database
from freehold.store.records import Record
from freehold.vendors.own import Served

ECHO = """
[vendors.echo]

[workloads.default]
route = ["requested"]
"""


class Door:
    """A running door."""

    def __init__(self, worker: Worker, url: str, data: Path) -> None:
        self.worker = worker
        self.url = url
        self.data = data
        self.key = (data / "admin.key").read_text().strip()

    def records(self) -> list[Record]:
        """Every record so far, in the order of their ids."""
        self.write_ledger()
        with contextlib.closing(open_database(self.data)) as db:
            rows = db.execute("SELECT body FROM records ORDER BY id").fetchall()
        return [msgspec.json.decode(row[0], type=Record) for row in rows]

    def write_ledger(self) -> None:
        """A round of the ledger's writer."""
        with contextlib.closing(LedgerWriter(self.data, self.worker.settings.ledger)) as writer:
            writer.round()

    async def post(self, path: str, body: Any, **headers: str) -> "Answer":
        """One POST over a fresh connection; `body` is encoded as JSON unless it is bytes."""
        raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return await self.send("POST", path, raw, {"authorization": f"Bearer {self.key}", **headers})

    async def get(self, path: str, **headers: str) -> "Answer":
        return await self.send("GET", path, b"", {"authorization": f"Bearer {self.key}", **headers})

    async def send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> "Answer":
        lines = [f"{method} {path} HTTP/1.1", "host: door", "connection: close", f"content-length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items() if value]
        return await self.raw("\r\n".join([*lines, "", ""]).encode() + body)

    async def raw(self, request: bytes) -> "Answer":
        """Sends bytes as they are and reads until the door closes."""
        host, port = self.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(request)
        await writer.drain()
        data = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        return Answer(data)


class Answer:
    """An HTTP answer, taken apart."""

    def __init__(self, data: bytes) -> None:
        head, _, body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(first.split(" ")[1]) if first else 0
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        self.body = _dechunked(body) if self.headers.get("transfer-encoding") == "chunked" else body

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


def _dechunked(body: bytes) -> bytes:
    out: list[bytes] = []
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size or b"0", 16)
        if not length:
            break
        out.append(body[:length])
        body = body[length + 2 :]
    return b"".join(out)


@contextlib.asynccontextmanager
async def running(data: Path, toml: str = ECHO, engines: dict[str, Served] | None = None) -> AsyncGenerator[Door]:
    """A door with this configuration, ended when the block ends."""
    path = data / "freehold.toml"
    path.write_text(textwrap.dedent(toml))
    Bookkeeper(data).prepare()
    worker = Worker(lambda: read(path, {}, known_vendors()), data, 0, engines or {})
    listening = socket.create_server(("127.0.0.1", 0))
    await worker.serve(listening)
    try:
        yield Door(worker, f"http://127.0.0.1:{listening.getsockname()[1]}", data)
    finally:
        await worker.drain()
