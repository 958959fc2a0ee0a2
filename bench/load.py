"""The two load generators: wrk for requests and whole streams, and a reader that times each chunk of paced streams."""

import asyncio
import json
import os
import re
import statistics
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import httptools
import uvloop

from bench.processes import LOAD_CORE

SCRIPT = """\
wrk.method = "POST"
wrk.path = os.getenv("BENCH_PATH")
wrk.body = os.getenv("BENCH_BODY")
for name, value in os.getenv("BENCH_HEADERS"):gmatch("([^\\n:]+):([^\\n]*)") do wrk.headers[name] = value end
function done(summary, latency, requests)
  local e = summary.errors
  local out = io.open(os.getenv("BENCH_OUT"), "w")
  out:write(string.format(
    '{"requests": %d, "seconds": %f, "bytes": %d, "p50": %f, "p99": %f, "errors": %d, "bad_status": %d}',
    summary.requests, summary.duration / 1e6, summary.bytes, latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.timeout, e.status))
  out:close()
end
"""


@dataclass(frozen=True)
class Load:
    """What wrk saw. Percentiles in milliseconds."""

    requests: int
    seconds: float
    p50: float
    p99: float

    @property
    def per_second(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


def body(content: str, *, stream: bool = False) -> str:
    """A chat request of some 150 bytes."""
    asked: dict[str, object] = {
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": content}],
        "max_tokens": 64,
    }
    if stream:
        asked |= {"stream": True, "stream_options": {"include_usage": True}}
    return json.dumps(asked)


def wrk(
    url: str, path: str, headers: Mapping[str, str], body: str, *, connections: int, seconds: float, folder: Path
) -> Load:
    """Closed-loop load for `seconds`, from one thread. Raises RuntimeError if any request failed."""
    folder.mkdir(parents=True, exist_ok=True)
    script, out = folder / "wrk.lua", folder / "wrk.json"
    script.write_text(SCRIPT)
    out.unlink(missing_ok=True)
    said = subprocess.run(
        [
            "taskset",
            "-c",
            str(LOAD_CORE),
            "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{max(1, round(seconds))}s",
            "--timeout",
            "60s",
            "-s",
            str(script),
            url,
        ],
        env={
            **os.environ,
            "BENCH_PATH": path,
            "BENCH_BODY": body,
            "BENCH_HEADERS": "\n".join(f"{name}:{value}" for name, value in headers.items()),
            "BENCH_OUT": str(out),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if not out.exists():
        raise RuntimeError(f"wrk gave nothing: {said.stdout}{said.stderr}")
    seen = json.loads(out.read_text())
    if seen["errors"] or seen["bad_status"] or not seen["requests"]:
        raise RuntimeError(
            f"Of {seen['requests']} requests, {seen['errors']} broke, {seen['bad_status']} had a bad status."
        )
    return Load(seen["requests"], seen["seconds"], seen["p50"] / 1000, seen["p99"] / 1000)


# --- paced streams ---------------------------------------------------------------------------------------------------

STAMP = re.compile(rb'"content":\s?"(\d{9,}) "')


@dataclass(frozen=True)
class Lateness:
    """How long after it was written each chunk was read, in milliseconds, over all streams."""

    chunks: int
    p50: float
    p99: float


class Reader(asyncio.Protocol):
    """Asks for streams, one after the other on one connection, and notes how late each chunk is."""

    def __init__(self, request: bytes, streams: int, done: asyncio.Future[None]) -> None:
        self.request, self.left, self.done = request, streams, done
        self.late: list[float] = []
        self.line = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.ask()

    def ask(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.now = time.monotonic_ns()
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        *lines, self.line = (self.line + body).split(b"\n")
        for line in lines:
            if stamp := STAMP.search(line):
                self.late.append((self.now - int(stamp[1])) / 1e6)

    def on_message_complete(self) -> None:
        self.left -= 1
        if self.left:
            asyncio.get_running_loop().call_soon(self.ask)
        elif not self.done.done():
            self.done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError(f"The stream broke: {exc}"))


def paced(
    port: int, path: str, headers: Mapping[str, str], *, connections: int, chunks: int, apart_ms: int, streams: int
) -> Lateness:
    """Reads `streams` streams on each of `connections`, and times every chunk. Raises RuntimeError if one is missing."""
    text = body(f"{chunks} chunks, {apart_ms} ms apart", stream=True).encode()
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{lines}content-length: {len(text)}\r\n\r\n"

    async def all_of_them() -> list[float]:
        loop = asyncio.get_running_loop()
        readers: list[Reader] = []
        for number in range(connections):
            reader = Reader(head.encode() + text, streams, loop.create_future())
            await loop.create_connection(lambda reader=reader: reader, "127.0.0.1", port)
            readers.append(reader)
            if number:
                await asyncio.sleep(apart_ms / 1000 / connections)  # so that the streams do not tick together
        await asyncio.gather(*(reader.done for reader in readers))
        return [late for reader in readers for late in reader.late]

    late = uvloop.run(all_of_them())
    if len(late) != connections * streams * chunks:
        raise RuntimeError(f"{connections * streams * chunks} chunks were sent and {len(late)} came.")
    cut = statistics.quantiles(late, n=100)
    return Lateness(len(late), cut[49], cut[98])
