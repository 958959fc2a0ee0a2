"""The real `freehold up` as a child process, and the `freehold` commands beside it, each on a folder of the test's own.

It is asked over raw HTTP, so that a test can tell an answer that came whole from one that was cut. Everything is bounded
in time, and every process is ended by its id.
"""

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from freehold.store.database import open_database
from freehold.store.records import Record
from gateway.door_in_process import Answer
from gateway.misbehaving import events

PATIENCE = 60.0
"""Seconds after which what was waited for counts as never coming. A guard against hanging, not a measure."""

CHAT = "/v1/chat/completions"

VENDOR_KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "DEEPSEEK_API_KEY", "FREEHOLD_API_KEY", "FREEHOLD_DATA")


class Cut(Exception):
    """The connection ended before the answer was whole."""


class Line:
    """One connection to a door. It stays with the worker that took it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, key: str, body: Any, path: str = CHAT, **headers: str) -> Answer:
        """One request and its whole answer. Raises `Cut`."""
        await self.send(key, body, path, **headers)
        return await self.whole()

    async def send(self, key: str, body: Any, path: str = CHAT, **headers: str) -> None:
        """A request: a POST of `body` as JSON, a GET when it is None."""
        raw = b"" if body is None else msgspec.json.encode(body)
        lines = [f"{'GET' if body is None else 'POST'} {path} HTTP/1.1", "host: door", f"content-length: {len(raw)}"]
        lines += [f"authorization: Bearer {key}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        try:
            self._writer.write("\r\n".join([*lines, "", ""]).encode() + raw)
            await self._writer.drain()
        except ConnectionError as error:
            raise Cut from error

    async def whole(self) -> Answer:
        """The answer, once all of it is here. Raises `Cut`."""
        try:
            async with asyncio.timeout(PATIENCE):
                head = await self._reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
                body = await (self._reader.readexactly(int(length[1])) if length else self._chunks())
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            raise Cut from error
        return Answer(head + body)

    async def _chunks(self) -> bytes:
        body = b""
        while True:
            size = await self._reader.readuntil(b"\r\n")
            body += size + await self._reader.readexactly(int(size, 16) + 2)
            if int(size, 16) == 0:
                return body

    def close(self) -> None:
        self._writer.close()


class House:
    """A running `freehold up`."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, data: Path, config: Path, log: Path) -> None:
        self.process = process
        self.url = url
        self.data = data
        self.config = config
        self.log = log
        self.key = (data / "admin.key").read_text().strip()
        self.port = int(url.rpartition(":")[2])

    async def line(self) -> Line:
        """A new connection."""
        return Line(*await asyncio.open_connection("127.0.0.1", self.port))

    async def ask(self, body: Any, path: str = CHAT, *, key: str | None = None, **headers: str) -> Answer:
        """One request over a connection of its own. Raises `Cut` when its answer did not come whole."""
        try:
            line = await self.line()
        except ConnectionError as error:
            raise Cut from error
        try:
            return await line.ask(key or self.key, body, path, **headers)
        finally:
            line.close()

    async def say(self, model: str, text: str, **more: Any) -> Answer:
        """One question to a model."""
        return await self.ask({"model": model, "messages": [{"role": "user", "content": text}], **more})

    async def cli(self, *words: str) -> str:
        """What a `freehold` command says on stdout about this data folder. It must end well."""
        done = await asyncio.to_thread(freehold, *words, "--data", str(self.data))
        assert done.returncode == 0, done.stderr
        return done.stdout

    def workers(self) -> dict[int, int]:
        """The process id of each worker that runs now, by its number."""
        return self._children("freehold.cli.worker", "--number")

    def engines(self) -> dict[int, int]:
        """The process id of the engine on each port."""
        return self._children("freehold.serving.engine", "--port")

    def ledger_writer(self) -> int | None:
        """The process id of the ledger's writer, None while it is being started again."""
        return self._children("freehold.cli.ledger_writer", None).get(0)

    def rollouts(self) -> int | None:
        """The process id of what watches canaries, None while it is being started again."""
        return self._children("freehold.cli.rollouts", None).get(0)

    def _children(self, module: str, numbered_by: str | None) -> dict[int, int]:
        listed = subprocess.run(
            ["ps", "-A", "-ww", "-o", "pid=,ppid=,stat=,args="], capture_output=True, text=True, check=True
        )
        found: dict[int, int] = {}
        for line in listed.stdout.splitlines():
            pid, parent, state, *arguments = line.split()
            if int(parent) == self.process.pid and module in arguments and not state.startswith("Z"):
                number = 0 if numbered_by is None else int(arguments[arguments.index(numbered_by) + 1])
                found[number] = int(pid)
        return found

    def worker_of(self, receipt: str) -> int:
        """The process id of the worker whose journal holds the record."""
        for path in (self.data / "journal").glob("w*.log"):
            if receipt.encode() in path.read_bytes():
                return int(path.stem.rpartition("-")[2])
        raise AssertionError(f"no journal holds {receipt}")

    def records(self) -> list[Record]:
        """Every record that the bookkeeper has stored, in the order of their ids."""
        with contextlib.closing(open_database(self.data)) as db:
            rows = db.execute("SELECT body FROM records ORDER BY id").fetchall()
        return [msgspec.json.decode(row[0], type=Record) for row in rows]

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Sends a signal to the supervisor and gives its exit code."""
        self.process.send_signal(number)
        return await self.ended()

    async def ended(self) -> int:
        """The exit code of the supervisor, once it has ended."""
        return await asyncio.to_thread(self.process.wait, PATIENCE)


def freehold(*words: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Runs `freehold` to its end, without anybody's keys in its environment."""
    return subprocess.run(
        command(*words),
        env=environ or clean(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "freehold", *words]


def clean() -> dict[str, str]:
    """This process's environment without what would change what Freehold does."""
    return {name: value for name, value in os.environ.items() if name not in VENDOR_KEYS}


@contextlib.asynccontextmanager
async def house(folder: Path, toml: str | None, *options: str) -> AsyncGenerator[House]:
    """`freehold up` with this configuration, or (None) without any file, ready; ended when the block ends. `folder` keeps its data
    between calls."""
    config, data, out, log = (folder / name for name in ("freehold.toml", "data", "up.out", "up.log"))
    if toml is not None:
        config.write_text(textwrap.dedent(toml))
        options = ("--config", str(config), *options)
    with out.open("wb") as stdout, log.open("ab") as stderr:
        process = subprocess.Popen(
            command("up", "--port", "0", "--data", str(data), *options),
            cwd=folder if toml is None else None,
            env=clean(),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )
    try:
        await until(lambda: out.read_text().endswith("\n") or process.poll() is not None, "it says that it is ready")
        said = out.read_text()
        ready = json.loads(said)["ready"] if said.startswith("{") else said.removeprefix("ready ").strip()
        assert ready.startswith("http://"), log.read_text()
        yield House(process, ready, data, config, log)
    finally:
        process.terminate()
        try:
            await asyncio.to_thread(process.wait, PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def until(holds: Callable[[], Any] | Callable[[], Awaitable[Any]], what: str, door: House | None = None) -> None:
    """Waits until something that another process does has happened; says what the door logged when it does not."""
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                found = holds()
                if await found if isinstance(found, Awaitable) else found:
                    return
                await asyncio.sleep(0.02)
    except TimeoutError:
        logged = "" if door is None else f"; the door said: {door.log.read_text()[-4000:]}"
        raise AssertionError(f"it never came to this: {what}{logged}") from None


async def line_to_each_worker(door: House) -> dict[int, Line]:
    """A kept connection to each worker, by its process id."""
    found: dict[int, Line] = {}
    workers = set(door.workers().values())

    async def try_once() -> None:
        line = await door.line()
        with contextlib.suppress(Cut):
            answer = await line.ask(door.key, {"model": "echo/echo", "messages": [{"role": "user", "content": "hi"}]})
            pid = door.worker_of(answer.headers["x-freehold-receipt"])
            if found.setdefault(pid, line) is line:
                return
        line.close()

    async def all_found() -> bool:
        await asyncio.gather(*(try_once() for _ in range(10)))
        return set(found) >= workers

    await until(all_found, "every worker has taken a connection")
    return found


def alive(pids: Sequence[int]) -> list[int]:
    """Which of these processes still run; one that has ended and waits to be fetched by its parent does not."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,stat="], capture_output=True, text=True, check=True)
    states = dict(line.split() for line in listed.stdout.splitlines())
    return [pid for pid in pids if not states.get(str(pid), "Z").startswith("Z")]


class Paced:
    """A vendor that speaks Chat Completions and streams at the pace of the test: the first word at once, the rest after
    `go_on` is set. `waiting` counts the streams that stand in between."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.waiting = 0
        self.base_url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers one request with one stream."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        model = msgspec.json.decode(await reader.readexactly(length))["model"]
        first, last = events(model)[:2], events(model)[2:]
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        writer.write(b"".join(first))
        self.waiting += 1
        await self.go_on.wait()
        self.waiting -= 1
        writer.write(b"".join(last))
        writer.close()


@contextlib.asynccontextmanager
async def paced() -> AsyncGenerator[Paced]:
    """The vendor, listening on loopback until the block ends."""
    vendor = Paced()
    server = await asyncio.start_server(vendor.serve, "127.0.0.1", 0)
    vendor.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield vendor
    finally:
        vendor.go_on.set()
        server.close()
        await until(lambda: vendor.waiting == 0, "every stream has gone on")
