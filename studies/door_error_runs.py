"""One run of the study `door_error_rates.py`: a trial, a shadow or a canary through a real door, from its beginning to what it told.

Each is computed again in the process, from the same questions, and RuntimeError raised where the two differ.
"""

import asyncio
import contextlib
import io
import json
import sqlite3
import sys
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Literal

import msgspec
import typer
from msgspec import Struct
from trial_error_rates import INCUMBENT, questions, tried

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from cli.house_running import House
from freehold.cli import canary_start, trial_plan, trial_run
from freehold.config.canary_rules import CanaryRules
from freehold.store.canaries import MILLION, UNFINISHED, Canary, last_canary, read_state
from freehold.store.items import find_item
from freehold.store.shadows import read_test
from freehold.trials import rollouts, shadow
from freehold.trials.canary import Kept
from freehold.trials.plan import TrialFolder
from freehold.trials.results import read_results
from trials.skilled import Skilled, is_right

ITEMS = 1_745
"""What `freehold trial plan` asks for before it knows how often two models differ."""
MOST_PAIRS, MOST_CONVERSATIONS = 6_000, 20_000
STEPS = (MILLION // 2, MILLION)
BLOCK = 25_000
"""Questions that are set aside for one run."""
UNCOUNTED = 100
"""Answers of one run that are not counted yet: what it may ask too much."""
LOOK_SECONDS = 0.05
SWAPPED = 0.01
"""How much of a logarithm of wealth two outcomes in the other order may change."""

Kind = Literal["trial", "shadow", "canary"]
Answered = tuple[str, int, str]
"""The record of an answer, the place of its question, and the model that gave it."""


class Run(Struct, frozen=True):
    """One run: a line of the records says how it ended."""

    kind: Kind
    candidate: str
    number: int
    first: int

    @property
    def name(self) -> str:
        """The name of its workload."""
        return f"{self.kind}-{self.candidate}-{self.number}"

    def question(self, place: int) -> str:
        """The question at a place, counted from 0."""
        number = self.first + place
        return f"What is {number} + {7 * number % 1000}?"


class Place(Struct, frozen=True):
    """Where runs happen: a door, the vendor behind it, its store, processes for commands, and room on the way into the store."""

    door: House
    vendor: Skilled
    db: sqlite3.Connection
    pool: ProcessPoolExecutor
    window: int


# --- a trial ---


async def take_trial(place: Place, run: Run) -> tuple[str, int, int]:
    """One trial by the commands' own functions, in a process beside this one."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(place.pool, trial, run, place.door.data, place.door.config)


def trial(run: Run, data: Path, config: Path) -> tuple[str, int, int]:
    """How it ended, after how many items, and the difference that it found in millionths."""
    items = questions(run.first, ITEMS)
    source = data.parent / f"{run.name}.jsonl"
    source.write_bytes(b"".join(msgspec.json.encode(item) + b"\n" for item in items))
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        trial_plan.plan(
            "sums", candidate=f"skilled/{run.candidate}", items=str(source), config=config, data=data, json=True
        )
    planned = json.loads(said.getvalue())["trial"]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(typer.Exit):
        trial_run.run(planned, data=data, json=True)
    results, _ = read_results(TrialFolder(data, planned).results)
    here, there = tried(run.candidate, items), results.verdict
    if (here.outcome, here.gates) != (there.outcome, there.gates):
        raise RuntimeError(f"{run.name}: {here} in the process, {there} through the door")
    source.unlink()
    found = there.gates[0].estimate
    return there.outcome, len(results.rows), round(MILLION * (found or 0.0))


# --- a shadow ---


async def take_shadow(place: Place, run: Run) -> tuple[str, int, int]:
    """One shadow: its caller asks until the pairs have told."""
    ask = Asking(place, run, lambda record: _has_pair(place.db, record))

    def pairs() -> tuple[int, bool]:
        state = _standing(place, run)
        return (0, False) if state is None else (state.pairs + state.unscored, _told(state) is not None)

    await ask.until(pairs, MOST_PAIRS)
    state = _standing(place, run)
    if state is None or state.terms is None or state.unscored or state.failed:
        raise RuntimeError(f"{run.name}: pairs are missing: {state}")
    again = shadow.begin(state.terms, state.since)
    for at in range(state.pairs):
        again = shadow.counted(
            again, float(is_right(run.candidate, run.question(at))), float(is_right(INCUMBENT, run.question(at)))
        )
    if again != state:
        raise RuntimeError(f"{run.name}: {again} in the process, {state} through the door")
    outcome, after = _told(state) or ("undecided", state.pairs)
    return outcome, after, round(MILLION * (state.candidate_total - state.incumbent_total) / state.pairs)


def _standing(place: Place, run: Run) -> shadow.Standing | None:
    written = read_test(place.db, run.name, f"skilled/{run.candidate}")
    return msgspec.json.decode(written, type=shadow.Standing) if written else None


def _told(state: shadow.Standing) -> tuple[str, int] | None:
    """What the pairs have told first, and by which of them."""
    told = [
        (test.crossed_at, name) for name, test in (("passed", state.passing), ("harmed", state.harm)) if test.crossed
    ]
    return (min(told)[1], min(told)[0]) if told else None


def _has_pair(db: sqlite3.Connection, record: str) -> bool:
    return db.execute("SELECT 1 FROM shadow_pairs WHERE record = ?", (record,)).fetchone() is not None


# --- a canary ---


async def take_canary(place: Place, run: Run) -> tuple[str, int, int]:
    """One canary: its callers ask until it is promoted or taken back."""
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(place.pool, begin_canary, run, place.door.data, place.door.config)
    ask = Asking(place, run, lambda record: find_item(place.db, record) is not None)

    def outcomes() -> tuple[int, bool]:
        canary = last_canary(place.db, run.name)
        state = _kept(place.db, canary).state
        return state.candidate.requests + state.incumbent.requests, canary.phase not in UNFINISHED

    await ask.until(outcomes, MOST_CONVERSATIONS)
    canary = last_canary(place.db, run.name)
    state = _kept(place.db, canary).state
    if state.candidate.unscored or state.incumbent.unscored or state.candidate.failed:
        raise RuntimeError(f"{run.name}: grades are missing: {state}")
    _same_canary(run, canary, state, ask.answered)
    candidate, incumbent = state.candidate, state.incumbent
    difference = candidate.total / max(1, candidate.scored) - incumbent.total / max(1, incumbent.scored)
    outcome = canary.phase if canary.phase not in UNFINISHED else "undecided"
    if outcome == "rolled_back" and not state.harm.crossed:
        outcome = "rolled_back_otherwise"
    return outcome, candidate.requests + incumbent.requests, round(MILLION * difference)


def begin_canary(run: Run, data: Path, config: Path) -> None:
    """What `freehold canary start` does."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        steps = ",".join(f"{step / 10_000:g}" for step in STEPS)
        canary_start.start(run.name, candidate=f"skilled/{run.candidate}", steps=steps, config=config, data=data)


def _kept(db: sqlite3.Connection, canary: Canary) -> Kept:
    written = read_state(db, canary.id)
    return msgspec.json.decode(written, type=Kept) if written else Kept(rollouts.begin(CanaryRules(), STEPS))


def _same_canary(run: Run, canary: Canary, state: rollouts.State, answered: Sequence[Answered]) -> None:
    """Raises RuntimeError when the tests of quality come to something else in the process: with the arms that the answers named, up
    to the outcome at which the door's own reached its end. From the step of 100 % on there is nothing to compare. Outcomes count in
    the order of their records, which is by chance for two that began in one millisecond, and differs from that by such two where a
    round of counting ended between them: then what is known of the mean score a step later weighs a little more, or less."""
    rules = msgspec.convert(canary.rules, CanaryRules)
    again = rollouts.begin(rules, STEPS)
    for _, at, model in sorted(answered)[: state.candidate.requests + state.incumbent.requests]:
        if again.passing[0].crossed or again.harm.crossed:
            break
        right = float(is_right(model.removeprefix("skilled/"), run.question(at)))
        own = model != f"skilled/{INCUMBENT}"
        seen = rollouts.Seen(
            arm="candidate" if own else "incumbent", propensity_ppm=STEPS[0], score=right, first=True, failed=False
        )
        again = rollouts.observe(again, rules, seen)
    ours, theirs = ((one.passing[0].crossed_at, one.harm.crossed_at) for one in (again, state))
    passed, known = again.passing[0], state.passing[0]
    alike = (passed.n, passed.crossed_at) == (known.n, known.crossed_at) and abs(passed.e - known.e) < SWAPPED
    if not alike or (again.harm.crossed_at and ours != theirs):
        raise RuntimeError(f"{run.name}: {again} in the process, {state} through the door")


# --- a caller ---


class Asking:
    """The caller of one run: one question after the other, over one connection, and never far ahead of what is stored and counted."""

    def __init__(self, place: Place, run: Run, is_stored: Callable[[str], bool]) -> None:
        self._place = place
        self._run = run
        self._is_stored = is_stored
        self._unstored: deque[str] = deque()
        self.answered: list[Answered] = []

    async def until(self, counted: Callable[[], tuple[int, bool]], most: int) -> None:
        """Asks until what is counted is enough, or `most` questions are; `counted` gives how many are, and whether they are enough."""
        line = await self._place.door.line()
        known, enough = 0, False
        while not enough and known < most:
            while len(self.answered) < most and len(self.answered) - known < UNCOUNTED and self._has_room():
                question = self._run.question(len(self.answered))
                body = {"model": self._run.name, "messages": [{"role": "user", "content": question}]}
                answer = await line.ask(self._place.door.key, body)
                if answer.status != 200:
                    raise RuntimeError(f"{self._run.name}: {answer.status} {answer.body!r}")
                record = answer.headers["x-freehold-receipt"]
                self.answered.append((record, len(self.answered), answer.headers["x-freehold-model"]))
                self._unstored.append(record)
            await asyncio.sleep(LOOK_SECONDS)
            known, enough = counted()
        line.close()

    def _has_room(self) -> bool:
        """Whether one more answer may be on its way into the store. They arrive in their order."""
        if len(self._unstored) >= self._place.window:
            while self._unstored and self._is_stored(self._unstored[0]):
                self._unstored.popleft()
        return len(self._unstored) < self._place.window


# --- what the vendor was asked ---


def asked(vendor: Skilled, run: Run) -> int:
    """How many questions of the run the vendor was asked; they are forgotten. Raises RuntimeError when one was asked twice."""
    own: Counter[tuple[str, str]] = Counter()
    for at in range(BLOCK):
        question = run.question(at)
        here = [(model, question) for model in (INCUMBENT, run.candidate) if (model, question) in vendor.asked]
        if not here and at > ITEMS:
            break
        own.update({key: vendor.asked.pop(key) for key in here})
    if max(own.values()) > 1:
        raise RuntimeError(f"{run.name}: {own.most_common(3)}")
    return own.total()


TAKEN: dict[Kind, Callable[[Place, Run], Awaitable[tuple[str, int, int]]]] = {
    "trial": take_trial,
    "shadow": take_shadow,
    "canary": take_canary,
}
