"""`python -m bench.own`: tokens/s of an own model through the door, beside the same engine asked without it. Writes own.md.

One `freehold up` runs with two models in llama.cpp: SmolLM2-135M, and own/nano-refund, which comes with the package and is so small that the door's own work counts
most. `--also micro=FILE` measures weights of your own between them. The same callers with the same work go through the door and straight to the engine, in
turn, the first of each round being the other one each time. Door, engine and callers share the machine, so what the door costs is
taken from the engine, as it is where a model is served on the machine of its door.
"""

import argparse
import asyncio
import json
import os
import re
import shutil
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console

from bench.gateways.freehold import FREEHOLD
from bench.processes import free_port, started
from bench.report import machine, spread
from bench.trials import wait_until_ready
from freehold.cli.promoted import read_serving

HERE = Path(__file__).resolve().parent
GOAL = 0.95
CONFIGURATION = """\
[own.smollm2-135m]
weights = "smollm2-135m"
context = 512
parallel = {callers}

[own.nano-refund]
weights = "nano-refund"
context = 512
parallel = {callers}
{further}
[projects.default]
budget = {{ usd = 1000000, per = "month", hard = true }}

[workloads.default]
route = ["requested"]
budget = {{ usd = 1000000, per = "day", hard = true }}
limits = {{ requests_per_minute = 100000000 }}
"""

FURTHER = """
[own.{name}]
weights = "{file}"
context = 512
parallel = {callers}
"""

_TOKENS = re.compile(rb'"completion_tokens":\s*(\d+)')


@dataclass(frozen=True)
class Place:
    """Where to ask: host, port, path, and the name that the model has there. `key` is empty for the engine."""

    host: str
    port: int
    path: str
    model: str
    key: str


@dataclass(frozen=True)
class Work:
    """What each of `callers` does in one measurement: so many requests, one after the other, of so many tokens."""

    callers: int
    requests: int
    tokens: int


@dataclass(frozen=True)
class Measured:
    """A model, what it is in words, and how many tokens an answer of it has: about as many as its own answers."""

    model: str
    about: str
    tokens: int
    requests: int


MODELS = (
    Measured("smollm2-135m", "SmolLM2-135M, Q4_1", 48, 1),
    Measured("nano-refund", "own/nano-refund, 0.23 M weights, Q8_0", 320, 16),
)


@dataclass(frozen=True)
class Seen:
    """Tokens/s of a model in one round, and how they came: `streamed` or whole."""

    model: str
    streamed: bool
    door: float
    bare: float


def main() -> None:
    """Measures and writes the page."""
    parser = argparse.ArgumentParser(prog="bench.own", description="An own model through the door and without it.")
    parser.add_argument("--rounds", type=int, default=10, help="how often each is measured (default 10)")
    parser.add_argument("--callers", type=int, default=16, help="callers at once (default 16)")
    parser.add_argument("--longest", type=float, default=400, help="seconds after which no round begins (default 400)")
    parser.add_argument(
        "--also", action="append", default=[], metavar="NAME=FILE", help="a GGUF file that is measured too"
    )
    parser.add_argument("--out", type=Path, default=HERE, help="folder for own.md")
    options = parser.parse_args()
    also = [_further(one) for one in options.also]
    models = (MODELS[0], *(one for one, _ in also), MODELS[1])
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    work = HERE / ".work" / "own"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    further = "".join(FURTHER.format(name=one.model, file=file, callers=options.callers) for one, file in also)
    (work / "freehold.toml").write_text(CONFIGURATION.format(callers=options.callers, further=further))
    port, data = free_port(), work / "data"
    command = [FREEHOLD, "up", "--config", work / "freehold.toml", "--data", data, "--port", str(port)]
    with started("freehold", command, core=f"0-{max(os.sched_getaffinity(0))}", folder=work) as door:
        wait_until_ready(door)
        seen = measure(data, port, models, options, console)
    shutil.rmtree(work)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "own.md").write_text(page(options, models, seen))
    console.print(f"Written: {options.out}/own.md")


def _further(given: str) -> tuple[Measured, Path]:
    """`micro=FILE` as a model to measure. Raises SystemExit for a file that is not there."""
    name, _, file = given.partition("=")
    path = Path(file).resolve()
    if not name or not path.is_file():
        raise SystemExit(f"--also {given}: give NAME=FILE, where FILE is a GGUF file.")
    return Measured(name, f"own/{name}, {path.stat().st_size / 1e6:.1f} MB", 320, 2), path


def measure(
    data: Path, port: int, models: Sequence[Measured], options: argparse.Namespace, console: Console
) -> list[Seen]:
    """All rounds: whole answers and streams of each model, through the door and without it."""
    key = (data / "admin.key").read_text().strip()
    served = read_serving(data).models
    places: dict[str, tuple[Place, Place]] = {}
    for one in models:
        base = urlsplit(served[one.model].base_url)
        assert base.hostname is not None
        assert base.port is not None
        bare = Place(base.hostname, base.port, f"{base.path}/chat/completions", one.model, "")
        door = Place("127.0.0.1", port, "/v1/chat/completions", f"own/{one.model}", key)
        places[one.model] = (door, bare)
        for place in (door, bare):  # warm
            tokens_per_second(place, Work(options.callers, 1, 8), streamed=False, mark="warm")
    seen: list[Seen] = []
    began = time.monotonic()
    for number in range(1, options.rounds + 1):
        if time.monotonic() - began > options.longest:
            break
        for one in models:
            door, bare = places[one.model]
            plan = Work(options.callers, one.requests, one.tokens)
            for streamed in (False, True):
                order = (door, bare) if number % 2 else (bare, door)
                found = {
                    place: tokens_per_second(place, plan, streamed=streamed, mark=f"{number} {streamed} {at}")
                    for at, place in enumerate(order)
                }
                seen.append(Seen(one.model, streamed, found[door], found[bare]))
                console.print(f"round {number} of {options.rounds}: {seen[-1]}")
    return seen


def tokens_per_second(place: Place, work: Work, *, streamed: bool, mark: str) -> float:
    """Tokens written in a second, over all callers. `mark` makes the questions new, so that none is answered from an earlier one's cache."""
    began = time.perf_counter()
    written = asyncio.run(_all_callers(place, work, streamed=streamed, mark=mark))
    return written / (time.perf_counter() - began)


async def _all_callers(place: Place, work: Work, *, streamed: bool, mark: str) -> int:
    async def caller(number: int) -> int:
        return sum(
            [
                await ask(place, f"{mark} {number} {at}: tell of the sea.", work.tokens, streamed=streamed)
                for at in range(work.requests)
            ]
        )

    return sum(await asyncio.gather(*(caller(number) for number in range(work.callers))))


async def ask(place: Place, text: str, tokens: int, *, streamed: bool) -> int:
    """One question over a connection of its own; gives the tokens of the answer. Raises RuntimeError for one that was not whole."""
    asked: dict[str, object] = {
        "model": place.model,
        "messages": [{"role": "user", "content": text}],
        "max_tokens": tokens,
        "temperature": 0,
        "ignore_eos": True,  # llama.cpp's own: every answer has the same length
    }
    if streamed:
        asked |= {"stream": True, "stream_options": {"include_usage": True}}
    body = json.dumps(asked).encode()
    head = f"POST {place.path} HTTP/1.1\r\nhost: bench\r\nconnection: close\r\ncontent-type: application/json\r\n"
    if place.key:
        head += f"authorization: Bearer {place.key}\r\n"
    reader, writer = await asyncio.open_connection(place.host, place.port)
    writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
    answer = await reader.read(-1)
    writer.close()
    counted = _TOKENS.findall(answer)
    if b" 200 " not in answer[:20] or not counted or int(counted[-1]) != tokens:
        raise RuntimeError(f"{place.path} answered: {answer[:400]!r}")
    return int(counted[-1])


def page(options: argparse.Namespace, models: Sequence[Measured], seen: Sequence[Seen]) -> str:
    """own.md."""
    work = "; ".join(f"{one.about}: {one.requests} of {one.tokens} tokens" for one in models)
    rounds = len(seen) // (2 * len(models))
    also = "".join(f" --also {one.partition('=')[0]}=FILE" for one in options.also)
    lines = [
        "# Own models through the door",
        "",
        f"Made by `python -m bench.own{also}` on {datetime.now(UTC):%Y-%m-%d}; do not edit. {machine()}.",
        "",
        f"In llama.cpp, {options.callers} callers. Requests of each in a measurement: {work}. {rounds} rounds, in each the door and the bare engine one after the other and the other "
        "way round in the next. Door (one worker; keys, hard budgets, request limits, a record of every answer and its entry in the ledger with "
        'durability "disk"), engine and callers share the two cores. Tokens/s are the median over rounds, with the least and the greatest; the ratio is the median of the '
        "ratios within each round.",
        "",
        "| model | | tokens/s through the door | tokens/s of the bare engine | ratio | to reach |",
        "|---|---|--:|--:|--:|--:|",
    ]
    for one in models:
        for streamed, name in ((False, "whole answers"), (True, "streams")):
            rows = [two for two in seen if two.model == one.model and two.streamed == streamed]
            ratios = [two.door / two.bare for two in rows]
            lines.append(
                f"| {one.about} | {name} | {spread([two.door for two in rows])} | {spread([two.bare for two in rows])} "
                f"| {statistics.median(ratios):.3f} ({min(ratios):.3f}-{max(ratios):.3f}) | {GOAL} |"
            )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
