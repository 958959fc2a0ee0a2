"""The order of the work: in each round every gateway is measured once, so that ratios are between neighbours in time.

1. direct: the load straight at the upstream, without any gateway
2. each gateway, one after the other, alone on its core: requests at 1 and 32 connections, then streams
3. after the last round: a long run of each gateway, for its memory
"""

import time
import urllib.request
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from bench import load
from bench.gateways.gateway import Gateway
from bench.processes import GATEWAY_CORE, Running, free_port, started, wait_until_it_answers

PATH = "/v1/chat/completions"
CONNECTIONS = (1, 32)
STREAM_CHUNKS = 64
PACED = {"connections": 16, "chunks": 100, "apart_ms": 20, "streams": 2}
"""16 streams at 50 chunks a second each: slow enough for the slowest gateway, so that the figure is delay, not queueing."""


@dataclass(frozen=True)
class Requests:
    """Whole answers at one number of connections. Times in milliseconds, CPU in microseconds a request."""

    per_second: float
    p50: float
    p99: float
    cpu_us: float
    busy: float


@dataclass(frozen=True)
class Streams:
    """Chunks a second at 32 connections, one at a time and in bursts; CPU in microseconds for one that comes alone; the
    lateness of paced chunks in milliseconds."""

    per_second: float
    in_bursts: float
    cpu_us: float
    p50: float
    p99: float


@dataclass
class Measured:
    """One row: what was measured in each round. Memory in MiB: after the first requests, after all, and how many."""

    requests: dict[int, list[Requests]] = field(default_factory=lambda: {count: [] for count in CONNECTIONS})
    streams: list[Streams] = field(default_factory=list[Streams])
    memory: tuple[float, float, int] | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Plan:
    """How long and how often. `requests` is the length of the run for memory, `soak_seconds` its longest time."""

    rounds: int
    seconds: float
    requests: int
    soak_seconds: float
    work: Path


class Rounds:
    """Everything that one call of the benchmark measures. `rows` fills as it goes; `direct` is the row without gateway."""

    def __init__(self, plan: Plan, gateways: Sequence[Gateway], whole: int, streaming: int, console: Console) -> None:
        self.plan, self.gateways, self.console = plan, gateways, console
        self.whole, self.streaming = whole, streaming
        self.rows: dict[str, Measured] = {"direct": Measured(), **{gateway.name: Measured() for gateway in gateways}}

    def run(self) -> None:
        """All rounds, then memory. A gateway that fails is named with its reason and left out from there on."""
        for number in range(1, self.plan.rounds + 1):
            self.console.print(f"round {number} of {self.plan.rounds}")
            self._direct()
            for gateway in self.gateways:
                self._guarded(gateway, self._round)
        self.console.print("memory")
        for gateway in self.gateways:
            self._guarded(gateway, self._memory)

    def _guarded(self, gateway: Gateway, step: Callable[[Gateway, Measured], None]) -> None:
        row = self.rows[gateway.name]
        if row.problem is not None:
            return
        try:
            step(gateway, row)
        except RuntimeError as error:
            row.problem = str(error)
            self.console.print(f"  {gateway.title}: failed. {error}", style="red", markup=False)

    def _direct(self) -> None:
        row = self.rows["direct"]
        self._measure_requests(row, self.whole, {}, None)
        self._measure_streams(row, self.streaming, {}, None)
        self._say("direct", row)

    def _round(self, gateway: Gateway, row: Measured) -> None:
        with self._gateway(gateway, self.whole) as (running, port, headers):
            self._measure_requests(row, port, headers, running)
        with self._gateway(gateway, self.streaming) as (running, port, headers):
            self._measure_streams(row, port, headers, running)
        self._say(gateway.title, row)

    def _memory(self, gateway: Gateway, row: Measured) -> None:
        with self._gateway(gateway, self.whole) as (running, port, headers):
            begun = time.monotonic()
            done = self._wrk(port, headers, load.body("hello"), CONNECTIONS[-1], 3).requests
            before = running.memory_mib()
            while done < self.plan.requests and (left := self.plan.soak_seconds + begun - time.monotonic()) >= 1:
                rate = done / (time.monotonic() - begun) or 1.0
                seconds = max(1.0, min((self.plan.requests - done) / rate, left))
                done += self._wrk(port, headers, load.body("hello"), CONNECTIONS[-1], seconds).requests
            after = running.memory_mib()
        row.memory = (before, after, done)
        self.console.print(f"  {gateway.title}: {before:.0f} MiB, {after:.0f} MiB after {done:,} requests")

    def _measure_requests(self, row: Measured, port: int, headers: Mapping[str, str], running: Running | None) -> None:
        for connections in CONNECTIONS:
            self._wrk(port, headers, load.body("hello"), connections, 1)  # warm
            before = running.cpu_seconds() if running else 0.0
            seen = self._wrk(port, headers, load.body("hello"), connections, self.plan.seconds)
            if not seen.requests:
                raise RuntimeError(f"No request ended within {self.plan.seconds} s at {connections} connections.")
            cpu = running.cpu_seconds() - before if running else 0.0
            row.requests[connections].append(
                Requests(seen.per_second, seen.p50, seen.p99, cpu / seen.requests * 1e6, cpu / seen.seconds)
            )

    def _measure_streams(self, row: Measured, port: int, headers: Mapping[str, str], running: Running | None) -> None:
        self._streams(port, headers, connections=4, chunks=STREAM_CHUNKS, seconds=1)  # warm
        before = running.cpu_seconds() if running else 0.0
        alone = self._streams(
            port, headers, connections=CONNECTIONS[-1], chunks=STREAM_CHUNKS, seconds=self.plan.seconds
        )
        cpu = running.cpu_seconds() - before if running else 0.0
        words = f"{STREAM_CHUNKS} chunks, 0 ms apart"
        bursts = self._wrk(port, headers, load.body(words, stream=True), CONNECTIONS[-1], self.plan.seconds)
        late = self._streams(port, headers, **PACED)
        row.streams.append(
            Streams(
                alone.chunks / alone.seconds,
                bursts.requests * STREAM_CHUNKS / bursts.seconds,
                cpu / alone.chunks * 1e6,
                late.p50,
                late.p99,
            )
        )

    def _streams(self, port: int, headers: Mapping[str, str], **ask: float) -> load.Chunks:
        return load.streams(self.streaming, 120, port=port, path=PATH, headers=as_json(headers), **ask)

    def _wrk(self, port: int, headers: Mapping[str, str], body: str, connections: int, seconds: float) -> load.Load:
        url = f"http://127.0.0.1:{port}"
        folder = self.plan.work / "load"
        return load.wrk(url, PATH, as_json(headers), body, connections=connections, seconds=seconds, folder=folder)

    @contextmanager
    def _gateway(self, gateway: Gateway, upstream: int) -> Generator[tuple[Running, int, Mapping[str, str]]]:
        folder = self.plan.work / "run" / gateway.name
        port = free_port()
        start = gateway.start(self.plan.work, folder, port, upstream)
        with started(gateway.name, start.command, core=GATEWAY_CORE, folder=folder, env=start.env) as running:
            headers = gateway.headers(folder, upstream)
            wait_until_it_answers(running, first_request(port, headers, stream=upstream == self.streaming))
            yield running, port, headers

    def _say(self, title: str, row: Measured) -> None:
        one, many, streams = row.requests[1][-1], row.requests[32][-1], row.streams[-1]
        self.console.print(
            f"  {title}: {many.per_second:,.0f} requests/s at 32 connections, {one.per_second:,.0f} at 1; "
            f"{streams.per_second:,.0f} chunks/s; gateway's core {many.busy:.0%} busy"
        )


def as_json(headers: Mapping[str, str]) -> dict[str, str]:
    return {**headers, "content-type": "application/json"}


def first_request(port: int, headers: Mapping[str, str], *, stream: bool) -> urllib.request.Request:
    body = load.body("1 chunks, 0 ms apart", stream=stream).encode()
    return urllib.request.Request(f"http://127.0.0.1:{port}{PATH}", data=body, headers=as_json(headers))
