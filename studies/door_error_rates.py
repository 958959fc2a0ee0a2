"""Has trials, shadows and canaries decide through a real door, many times each, and writes docs/studies/through-the-door.md.

    pip install "freehold[trials]"
    python studies/door_error_rates.py                     what is not recorded yet, then the page
    python studies/door_error_rates.py --runs 2 --records studies/.work/door --out studies/.work/door.md    a small one, aside
    python studies/door_error_rates.py --only-page         the page from what is recorded
    python studies/door_error_rates.py --minutes 30        no run begun after half an hour of each kind
    python studies/door_error_rates.py --share 1/2         every other run, beside a process that has --share 2/2
    python studies/door_error_rates.py --anew              all of it again, whatever is recorded

The incumbent is right on 80 % of the questions and each candidate on as many as its name says: models of `tests/trials/skilled.py`,
behind `freehold up` with its own processes, asked over HTTP. Every run has questions of its own. Nothing is set aside for speed:
the ledger is on and flushes each answer to the disk, answers are captured, sealed and graded from what is sealed.

    trial    planned and run by the functions of `freehold trial plan` and `freehold trial run`, on as many items as the plan asks for
    shadow   a workload of its own, whose caller asks until the pairs have passed the candidate or shown it to be worse
    canary   begun by the function of `freehold canary start`, asked until it is promoted or taken back

Each kind has one door for all its runs, and many of them go on at once. A run that has ended is a line in studies/records/door and
is not repeated; a kill loses those that were under way. Every run is also computed again in the process, from the same questions,
by `trials/verdict.py`, `trials/shadow.py` and `trials/rollouts.py`, and the study stops where the two differ.
"""

import argparse
import asyncio
import contextlib
import itertools
import operator
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import active_children, get_context
from pathlib import Path

import msgspec
import uvloop
from door_error_page import page
from door_error_runs import BLOCK, TAKEN, UNCOUNTED, Kind, Place, Run, asked
from msgspec import Struct
from trial_error_rates import INCUMBENT

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from cli.house_running import House, house  # noqa: E402
from freehold.store.database import open_database  # noqa: E402
from trials.skilled import Skilled, skilled  # noqa: E402

PAGE = ROOT / "docs" / "studies" / "through-the-door.md"
RECORDS = ROOT / "studies" / "records" / "door"
LANES = {"trial": 2, "shadow": 12, "canary": 12}
"""Runs that go on at once."""
UNSTORED = 240
"""Answers on their way into the store, of all runs together: a worker drops what it would capture beyond 256."""
EVEN = '[{ kind = "regex", pattern = "[02468]$" }]'
"""The sums of `questions` are all even, and an answer that is wrong is one too high. So this tells right from wrong without knowing
what is right, as graders of shadows and canaries must."""


class Cell(Struct, frozen=True):
    """Runs of one kind against one candidate, and the first of their questions."""

    kind: Kind
    candidate: str
    runs: int
    first: int


CELLS = (
    Cell("trial", "right-80-b", 200, 100_000_000),
    Cell("trial", "right-78", 200, 110_000_000),
    Cell("trial", "right-74", 200, 130_000_000),
    Cell("shadow", "right-80-b", 200, 200_000_000),
    Cell("shadow", "right-78", 20, 210_000_000),
    Cell("shadow", "right-74", 200, 220_000_000),
    Cell("canary", "right-80-b", 200, 300_000_000),
    Cell("canary", "right-74", 200, 310_000_000),
)


class Ended(Struct, frozen=True, kw_only=True):
    """How a run ended. `after` is how many items, pairs or conversations had counted by then, `asked` how many questions the vendor
    was asked, `place` the number of runs that its `door` had ended before; `mib` is what the door's processes take then."""

    kind: Kind
    candidate: str
    number: int
    outcome: str
    after: int
    asked: int
    seconds: float
    difference_ppm: int
    door: str
    place: int
    mib: int


class Share:
    """What one of several processes runs that go on beside each other, as `1/2`: runs by their numbers, in records of their own."""

    def __init__(self, text: str) -> None:
        this, processes = map(int, text.split("/"))
        if not 1 <= this <= processes:
            raise ValueError(text)
        self._this, self._processes = this, processes
        self.ending = f"-{this}" if processes > 1 else ""

    def of(self, runs: Sequence[Run]) -> Sequence[Run]:
        """Its part of all runs."""
        return [run for run in runs if run.number % self._processes == self._this - 1]


# --- all runs ---


def main() -> None:
    """Runs what is not recorded, and writes the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, help="of each kind and candidate at most, for a rehearsal")
    parser.add_argument("--kinds", default="trial,shadow,canary")
    parser.add_argument("--records", type=Path, default=RECORDS)
    parser.add_argument("--out", type=Path, default=PAGE)
    parser.add_argument("--minutes", type=float, default=1e9, help="of each kind, after which no further run is begun")
    parser.add_argument(
        "--share", type=Share, default=Share("1/1"), help="1/2: every other run, in records of their own"
    )
    parser.add_argument("--only-page", action="store_true")
    parser.add_argument("--anew", action="store_true", help="forget what is recorded")
    options = parser.parse_args()
    options.records.mkdir(parents=True, exist_ok=True)
    for path in options.records.glob("*.jsonl") if options.anew else ():
        path.unlink()
    if not options.only_page:
        for kind in options.kinds.split(","):
            left = options.share.of(missing(kind, options.runs, recorded(options.records)))
            if left:
                uvloop.run(study(kind, left, options.records / f"{kind}{options.share.ending}.jsonl", options.minutes))
    options.out.write_text(page(recorded(options.records)))


def recorded(folder: Path) -> list[Ended]:
    """Every run that has ended. A line that a kill tore is as if it were not there."""
    found: list[Ended] = []
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_bytes().splitlines(keepends=True):
            if line.endswith(b"\n"):
                found.append(msgspec.json.decode(line, type=Ended))
    return found


def missing(kind: str, most: int | None, ended: Iterable[Ended]) -> list[Run]:
    """The runs that are not recorded. The candidates take turns, each as often as it has runs, so that a study which is cut short has
    an equal part of all."""
    done = {(one.kind, one.candidate, one.number) for one in ended}
    found = [
        (number / cell.runs, Run(cell.kind, cell.candidate, number, cell.first + number * BLOCK))
        for cell in CELLS
        if cell.kind == kind
        for number in range(min(cell.runs, most or cell.runs))
        if (cell.kind, cell.candidate, number) not in done
    ]
    return [run for _, run in sorted(found, key=operator.itemgetter(0))]


async def study(kind: Kind, runs: Sequence[Run], path: Path, minutes: float) -> None:
    """Has these runs, of one kind, end behind one door, each with its line in the records; those that have not begun after so many
    minutes are left."""
    lanes = min(LANES[kind], len(runs))
    before = _core_seconds()
    with (
        tempfile.TemporaryDirectory(prefix="freehold-study-") as name,
        ProcessPoolExecutor(LANES["trial"], get_context("spawn")) as pool,
    ):
        async with skilled() as vendor, house(Path(name), configured(vendor, runs)) as door:
            with contextlib.closing(open_database(door.data)) as db:
                place = Place(door, vendor, db, pool, UNSTORED // lanes)
                recorder = Recorder(place, path)
                watching = asyncio.create_task(_watch(door))
                try:
                    await in_lanes(lanes, in_time(runs, minutes), recorder.take)
                except BaseException:
                    sys.stderr.write(f"The door's last words:\n{door.log.read_text()[-3000:]}\n")
                    raise
                finally:
                    watching.cancel()
    sys.stderr.write(f"{recorder.ended} runs of {kind}: {_core_seconds() - before:,.0f} s of one core\n")


def in_time(runs: Iterable[Run], minutes: float) -> Iterator[Run]:
    """The runs, until the time is up. What has begun ends: to leave out those that take long would be to choose among outcomes."""
    until = time.monotonic() + 60 * minutes
    return itertools.takewhile(lambda run: time.monotonic() < until, runs)


async def in_lanes(lanes: int, runs: Iterator[Run], take: Callable[[Run], Awaitable[None]]) -> None:
    """Takes all runs, so many at once."""

    async def lane() -> None:
        for run in runs:
            await take(run)

    async with asyncio.TaskGroup() as group:
        for _ in range(lanes):
            group.create_task(lane())


class Recorder:
    """Runs what it is handed, and writes how it ended."""

    def __init__(self, place: Place, path: Path) -> None:
        self._place = place
        self._path = path
        self.ended = 0
        self._door = f"{time.strftime('%Y-%m-%dT%H:%M:%S')}-{os.getpid()}"
        _cut_torn_line(path)

    async def take(self, run: Run) -> None:
        """One run from its beginning to its line."""
        began = time.monotonic()
        outcome, after, difference = await TAKEN[run.kind](self._place, run)
        line = Ended(
            kind=run.kind,
            candidate=run.candidate,
            number=run.number,
            outcome=outcome,
            after=after,
            asked=asked(self._place.vendor, run),
            seconds=round(time.monotonic() - began, 2),
            difference_ppm=difference,
            door=self._door,
            place=self.ended,
            mib=await asyncio.to_thread(_mib, self._place.door.process.pid),
        )
        self.ended += 1
        with self._path.open("ab") as records:
            records.write(msgspec.json.encode(line) + b"\n")
        sys.stderr.write(f"{run.name}: {outcome} after {after:,}, {line.seconds:.1f} s, {line.mib} MiB\n")


def configured(vendor: Skilled, runs: Iterable[Run]) -> str:
    """The configuration of a door for these runs: a workload for each shadow and each canary, one for all trials."""
    written = f"""
[door]
workers = 1

[vendors.skilled]
speaks = "openai-chat"
base_url = "{vendor.base_url}"

[workloads.default]
route = ["requested"]

[workloads.sums]
route = ["skilled/{INCUMBENT}"]
graders = [{{ kind = "exact" }}]
"""
    for run in runs:
        if run.kind == "trial":
            continue
        written += f'[workloads.{run.name}]\nroute = ["skilled/{INCUMBENT}"]\ncapture = {{}}\ngraders = {EVEN}\n'
        if run.kind == "shadow":  # one copy after the other: the pairs count in the order of their questions
            written += f'shadow = {{ model = "skilled/{run.candidate}", concurrency = 1, queue = {UNCOUNTED} }}\n'
    return written


async def _watch(door: House) -> None:
    """Ends what asks when the door has ended, which a trial would patiently wait for."""
    while door.process.poll() is None:  # noqa: ASYNC110 (another process ends, not a task)
        await asyncio.sleep(1)
    sys.stderr.write(f"The door has ended with {door.process.returncode}.\n")
    for child in active_children():
        child.kill()


def _core_seconds() -> float:
    """What this process and all that it started and that has ended took of the processor."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both)


def _mib(pid: int) -> int:
    """The resident memory of a process and all below it."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,rss="], capture_output=True, text=True, check=True)  # noqa: S607
    rows = [tuple(map(int, line.split())) for line in listed.stdout.splitlines()]
    family, total = {pid}, 0
    for one, parent, kib in sorted(rows):
        if one == pid or parent in family:
            family.add(one)
            total += kib
    return total // 1024


def _cut_torn_line(path: Path) -> None:
    if path.exists():
        content = path.read_bytes()
        path.write_bytes(content[: content.rfind(b"\n") + 1])


if __name__ == "__main__":
    main()
