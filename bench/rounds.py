"""The order of the work: in each round every gateway is measured once, so that ratios are between neighbours in time.

1. direct: the load straight at the upstream, without any gateway
2. each gateway, one after the other, alone on its core: requests at 1 and 32 connections, then streams
3. after the last round: a long run of each gateway, for its memory
"""

import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
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
PACED = {"connections": 16, "chunks": 100, "apart_ms": 20}
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
    """Chunks a second at 32 connections, and the lateness of paced chunks in milliseconds."""

    per_second: float
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
            first = self._wrk(port, headers, load.body("hello"), CONNECTIONS[-1], 1)
            before = running.memory_mib()
            done = first.requests
            seconds = min(self.plan.requests / first.per_second, self.plan.soak_seconds)
            while done < self.plan.requests and seconds >= 1:
                seen = self._wrk(port, headers, load.body("hello"), CONNECTIONS[-1], seconds)
                done += seen.requests
                seconds = (self.plan.requests - done) / seen.per_second if seconds < self.plan.soak_seconds else 0
            row.memory = (before, running.memory_mib(), done)
        self.console.print(f"  {gateway.title}: {before:.0f} MiB, {row.memory[1]:.0f} MiB after {done:,} requests")

    def _measure_requests(self, row: Measured, port: int, headers: Mapping[str, str], running: Running | None) -> None:
        for connections in CONNECTIONS:
            self._wrk(port, headers, load.body("hello"), connections, 1)  # warm
            before = running.cpu_seconds() if running else 0.0
            seen = self._wrk(port, headers, load.body("hello"), connections, self.plan.seconds)
            cpu = running.cpu_seconds() - before if running else 0.0
            row.requests[connections].append(
                Requests(seen.per_second, seen.p50, seen.p99, cpu / seen.requests * 1e6, cpu / seen.seconds)
            )

    def _measure_streams(self, row: Measured, port: int, headers: Mapping[str, str], running: Running | None) -> None:
        body = load.body(f"{STREAM_CHUNKS} chunks, 0 ms apart", stream=True)
        load.paced(port, PATH, _json(headers), connections=4, chunks=STREAM_CHUNKS, apart_ms=0, streams=4)  # warm
        before = running.cpu_seconds() if running else 0.0
        seen = self._wrk(port, headers, body, CONNECTIONS[-1], self.plan.seconds)
        cpu = running.cpu_seconds() - before if running else 0.0
        chunks = seen.requests * STREAM_CHUNKS
        late = load.paced(port, PATH, _json(headers), **PACED, streams=2)
        row.streams.append(Streams(chunks / seen.seconds, cpu / chunks * 1e6, late.p50, late.p99))

    def _wrk(self, port: int, headers: Mapping[str, str], body: str, connections: int, seconds: float) -> load.Load:
        url = f"http://127.0.0.1:{port}"
        folder = self.plan.work / "load"
        return load.wrk(url, PATH, _json(headers), body, connections=connections, seconds=seconds, folder=folder)

    @contextmanager
    def _gateway(self, gateway: Gateway, upstream: int) -> Iterator[tuple[Running, int, Mapping[str, str]]]:
        folder = self.plan.work / "run" / gateway.name
        port = free_port()
        start = gateway.start(self.plan.work, folder, port, upstream)
        with started(gateway.name, start.command, core=GATEWAY_CORE, folder=folder, env=start.env) as running:
            wait_until_it_answers(running, _first_request(port, start.headers, stream=upstream == self.streaming))
            yield running, port, start.headers

    def _say(self, title: str, row: Measured) -> None:
        one, many, streams = row.requests[1][-1], row.requests[32][-1], row.streams[-1]
        self.console.print(
            f"  {title}: {many.per_second:,.0f} requests/s at 32 connections, {one.per_second:,.0f} at 1; "
            f"{streams.per_second:,.0f} chunks/s; gateway's core {many.busy:.0%} busy"
        )


def _json(headers: Mapping[str, str]) -> dict[str, str]:
    return {**headers, "content-type": "application/json"}


def _first_request(port: int, headers: Mapping[str, str], *, stream: bool) -> urllib.request.Request:
    body = load.body("1 chunks, 0 ms apart", stream=stream).encode()
    return urllib.request.Request(f"http://127.0.0.1:{port}{PATH}", data=body, headers=_json(headers))
