"""`python -m bench.ledger`: what the ledger costs and how it grows. Writes ledger.md and ledger.svg.

1. the door without a ledger and with each durability, at 32 and 128 callers, in turn within each round, one core
2. entries appended per second with and without flushing, and verified per second
3. the proof of one entry in logs of a thousand to ten million: its length, the time to make and to check it
"""

import argparse
import os
import random
import shutil
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from bench import load, upstream
from bench.gateways.freehold import Freehold
from bench.plot import INK, OURS, QUIET, text
from bench.processes import GATEWAY_CORE, LOAD_CORE, free_port, started, wait_until_it_answers
from bench.report import machine, spread
from bench.rounds import PATH, as_json, first_request
from freehold.ledger.checkpoints import parse_checkpoint
from freehold.ledger.log import Log
from freehold.ledger.merkle import check_inclusion, inclusion_proof, leaf_hash
from freehold.ledger.notes import generate_signer_key, parse_note
from freehold.ledger.tiles import CHECKPOINT, TileReader
from freehold.ledger.verify import verify_log

HERE = Path(__file__).resolve().parent
MODES = ("off", "relaxed", "process", "disk")
CALLERS = (32, 128)
ENTRY = b"x" * 900
"""As long as the entry of a usual answer."""

BATCH = 1_000
SHARES = {("process", 32): 0.75, ("process", 128): 0.75, ("disk", 32): 0.4}
"""Share of the requests/s without a ledger that the project wants to keep."""


def main() -> None:
    """Measures everything and writes the page."""
    parser = argparse.ArgumentParser(prog="bench.ledger", description="What the ledger costs, and how it grows.")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (default 5)")
    parser.add_argument("--seconds", type=float, default=6, help="length of one measurement of the door (default 6)")
    parser.add_argument("--most", type=int, default=10_000_000, help="entries of the largest log (default 10,000,000)")
    parser.add_argument("--out", type=Path, default=HERE, help="folder for ledger.md and ledger.svg")
    options = parser.parse_args()
    console = Console(stderr=True, highlight=False)
    work = HERE / ".work" / "ledger"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    os.sched_setaffinity(0, {LOAD_CORE})
    door = measure_door(work, options.rounds, options.seconds, console)
    appended = measure_appending(work, options.rounds, console)
    proofs = list(measure_proofs(work, options.most, console))
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "ledger.md").write_text(page(options, door, appended, proofs))
    (options.out / "ledger.svg").write_text(draw(proofs))
    shutil.rmtree(work)
    console.print(f"Written: {options.out}/ledger.md and ledger.svg")


# --- the door --------------------------------------------------------------------------------------------------------


Door = dict[tuple[str, int], list[float]]


def measure_door(work: Path, rounds: int, seconds: float, console: Console) -> Door:
    """Requests/s for each durability and number of callers, one value a round."""
    seen: Door = {(mode, callers): [] for mode in MODES for callers in CALLERS}
    with upstream.whole_answers(work / "upstream") as vendor:
        for number in range(1, rounds + 1):
            for mode in MODES:
                for callers, per_second in one_door(work, mode, vendor, seconds):
                    seen[mode, callers].append(per_second)
            said = ", ".join(f"{mode} {seen[mode, 32][-1]:,.0f}" for mode in MODES)
            console.print(f"door, round {number} of {rounds}, 32 callers: {said} requests/s")
    return seen


def one_door(work: Path, mode: str, vendor: int, seconds: float) -> Iterator[tuple[int, float]]:
    """One start of Freehold with this durability."""
    gateway = Freehold(mode)
    folder, port = work / "run" / mode, free_port()
    start = gateway.start(work, folder, port, vendor)
    with started(gateway.name, start.command, core=GATEWAY_CORE, folder=folder, env=start.env) as running:
        headers = as_json(gateway.headers(folder, vendor))
        wait_until_it_answers(running, first_request(port, headers, stream=False))
        for callers in CALLERS:
            url, body = f"http://127.0.0.1:{port}", load.body("hello")
            load.wrk(url, PATH, headers, body, connections=callers, seconds=1, folder=work / "load")
            found = load.wrk(url, PATH, headers, body, connections=callers, seconds=seconds, folder=work / "load")
            yield callers, found.per_second


# --- the log ---------------------------------------------------------------------------------------------------------


class Appended:
    """Entries per second: appended with and without flushing, and verified."""

    def __init__(self) -> None:
        self.flushed: list[float] = []
        self.unflushed: list[float] = []
        self.verified: list[float] = []


def measure_appending(work: Path, rounds: int, console: Console) -> Appended:
    """50,000 entries of 900 bytes in batches of 1,000, each batch signed and published; then the whole log verified."""
    found = Appended()
    signer = generate_signer_key("bench.example/log")
    for number in range(rounds):
        for flush, figures in ((True, found.flushed), (False, found.unflushed)):
            folder = work / f"append-{number}-{flush}"
            log = Log(folder, signer.name, [signer])
            begun = time.perf_counter()
            for _ in range(50):
                log.publish(log.stage([ENTRY] * BATCH, flush=flush).checkpoint)
            figures.append(50 * BATCH / (time.perf_counter() - begun))
        begun = time.perf_counter()
        verify_log(log.read, [signer.verifier])
        found.verified.append(log.size / (time.perf_counter() - begun))
        console.print(
            f"log, round {number + 1}: {found.flushed[-1]:,.0f} entries/s flushed, {found.verified[-1]:,.0f} verified"
        )
    return found


class Proof:
    """One size: hashes and bytes of a proof, and the median microseconds to make it from the files and to check it."""

    def __init__(self, size: int, hashes: int, make_us: float, check_us: float) -> None:
        self.size, self.hashes, self.make_us, self.check_us = size, hashes, make_us, check_us


def measure_proofs(work: Path, most: int, console: Console) -> Iterator[Proof]:
    """Grows one log through the powers of ten, and proves 200 random entries at each."""
    signer = generate_signer_key("bench.example/log")
    log = Log(work / "growing", signer.name, [signer])
    draw_at = random.Random(7)
    with Progress(console=console) as progress:
        task = progress.add_task("Growing the log", total=most)
        size = 1_000
        while size <= most:
            while log.size < size:
                count = min(256 * 64, size - log.size)
                staged = log.stage([b"%d" % (log.size + at) for at in range(count)], flush=False)
                progress.update(task, completed=log.size)
            log.publish(staged.checkpoint)
            yield prove(log, size, draw_at)
            size *= 10


def prove(log: Log, size: int, draw_at: random.Random) -> Proof:
    head = parse_checkpoint(parse_note(log.read(CHECKPOINT)).text)
    made: list[float] = []
    checked: list[float] = []
    longest = 0
    for _ in range(200):
        index = draw_at.randrange(size)
        begun = time.perf_counter()
        proof = inclusion_proof(index, size, TileReader(log.read, size).hashes)
        done = time.perf_counter()
        check_inclusion(leaf_hash(b"%d" % index), index, size, proof, head.root)
        checked.append(time.perf_counter() - done)
        made.append(done - begun)
        longest = max(longest, len(proof))
    return Proof(size, longest, statistics.median(made) * 1e6, statistics.median(checked) * 1e6)


# --- the page --------------------------------------------------------------------------------------------------------


HEAD = """\
# The ledger: what it costs, how it grows

Made by `python -m bench.ledger` on {date}; do not edit. {machine}.

## The door, by durability

Requests/s on one core (door and ledger writer together), keys, budgets, limits and metrics on, behind the mock vendor of
`results.md`. {rounds} rounds of {seconds:g} s, each durability once in each round; medians with the least and the greatest,
and the share of the same round without a ledger.

| ledger | 32 callers | share | to keep | 128 callers | share | to keep |
|---|--:|--:|--:|--:|--:|--:|
"""


def page(options: argparse.Namespace, door: Door, appended: Appended, proofs: Sequence[Proof]) -> str:
    """ledger.md."""
    lines = [
        HEAD.format(
            date=datetime.now(UTC).date(), machine=machine(), rounds=options.rounds, seconds=options.seconds
        ).rstrip("\n")
    ]
    for mode in MODES:
        cells = [mode]
        for callers in CALLERS:
            ratios = [one / bare for one, bare in zip(door[mode, callers], door["off", callers], strict=True)]
            cells += [
                spread(door[mode, callers]),
                f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})",
            ]
            cells.append(f"{SHARES[mode, callers]:.2f}" if (mode, callers) in SHARES else "")
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "\n## The log\n",
        "Entries of 900 bytes in batches of 1,000, each batch with its tiles, its signature and its published checkpoint.\n",
        "| | entries/s |",
        "|---|--:|",
        f"| appended, flushed to the disk | {spread(appended.flushed)} |",
        f"| appended, left to the kernel | {spread(appended.unflushed)} |",
        f"| verified (every entry, tile and the root) | {spread(appended.verified)} |",
        "\n## One proof\n",
        "Of 200 random entries in each log, read from its files: the longest proof, and the median time.\n",
        "![A proof grows with the logarithm of the log](ledger.svg)\n",
        "| entries in the log | hashes | bytes | to make (µs) | to check (µs) |",
        "|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {one.size:,} | {one.hashes} | {one.hashes * 32} | {one.make_us:,.0f} | {one.check_us:,.0f} |"
        for one in proofs
    ]
    return "\n".join(lines) + f"\n\nThe harness ran on Python {sys.version.split()[0]}.\n"


WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 320, 60, 30, 46, 50


def draw(proofs: Sequence[Proof]) -> str:
    """Hashes in a proof over the size of the log, which grows tenfold from point to point: a straight line."""
    highest = max(one.hashes for one in proofs) + 2
    step = (WIDTH - LEFT - RIGHT) / max(len(proofs) - 1, 1)

    def y(hashes: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * hashes / highest

    points = [(LEFT + step * place, y(one.hashes), one) for place, one in enumerate(proofs)]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'font-family="system-ui, sans-serif" font-size="14">',
        "<title>Hashes in an inclusion proof, by entries in the log</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        text(16, 28, "Hashes in a proof; the log grows tenfold at each step", INK, weight="600"),
    ]
    for hashes in range(0, highest + 1, 5):
        parts.append(f'<path d="M{LEFT} {y(hashes):.1f}H{WIDTH - RIGHT}" stroke="#d8dee4"/>')
        parts.append(text(LEFT - 10, y(hashes) + 4, str(hashes), QUIET, anchor="end", size=12))
    line = "L".join(f"{x:.1f} {at:.1f}" for x, at, _ in points)
    parts.append(f'<path d="M{line}" stroke="{OURS}" stroke-width="2.5" fill="none"/>')
    for x, at, one in points:
        parts.append(f'<circle cx="{x:.1f}" cy="{at:.1f}" r="4" fill="{OURS}"/>')
        parts.append(text(x, at - 10, str(one.hashes), INK, anchor="middle"))
        parts.append(text(x, HEIGHT - BOTTOM + 20, f"{one.size:,}", QUIET, anchor="middle", size=12))
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, "entries in the log", QUIET, anchor="middle", size=12))
    return "\n".join([*parts, "</svg>\n"])


if __name__ == "__main__":
    main()
