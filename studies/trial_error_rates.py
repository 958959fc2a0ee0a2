"""Measures how often a trial is wrong, and writes docs/studies/trial-error-rates.md.

    pip install "freehold[trials]"
    python studies/trial_error_rates.py

An incumbent that is right 80 % of the time is tried against candidates that are right 80, 78, 77 and 74 % of the time, many
times each, with a margin of 3 points: so the first should pass, the second is worse and within the margin, the third lies on the
margin (passing is the error that alpha bounds), and the last should fail. Every run has questions of its own, a plan made by
`make_plan`, replies of the vendor of the tests (`tests/trials/skilled.py`), graded by the grader `exact` and judged by `decide`.
One run of each kind is also asked through a real door with its own processes, and must come to the very same gates.
"""

import argparse
import asyncio
import hashlib
import itertools
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from cli.house_running import house  # noqa: E402
from freehold.cli.trial_opening import shelf  # noqa: E402
from freehold.graders import build  # noqa: E402
from freehold.items import Given, Item  # noqa: E402
from freehold.trials.plan import Arm, Plan, TrialFolder, item_hash  # noqa: E402
from freehold.trials.planning import Wish, make_plan  # noqa: E402
from freehold.trials.results import Row, Verdict  # noqa: E402
from freehold.trials.samples import Kept  # noqa: E402
from freehold.trials.scoring import Case, Reply, score  # noqa: E402
from freehold.trials.statistics import wilson  # noqa: E402
from freehold.trials.verdict import decide  # noqa: E402
from trials.pipeline import HOUSE, ran  # noqa: E402
from trials.skilled import answer, skilled  # noqa: E402

PAGE = ROOT / "docs" / "studies" / "trial-error-rates.md"
INCUMBENT = "right-80"
CANDIDATES = {
    "right-80-b": ("80 %", "as good"),
    "right-78": ("78 %", "2 points worse, within the margin"),
    "right-77": ("77 %", "3 points worse, on the margin"),
    "right-74": ("74 %", "6 points worse"),
}
MARGIN, ALPHA = 0.03, 0.025
SECRET = b"a secret that keys the hashes..."
OUTCOMES = ("pass", "inconclusive", "fail")

HEAD = """# How often a trial is wrong

An incumbent that is right 80 % of the time against four candidates, {runs} trials each on {items:,} questions of their own, margin
3 points, alpha 2.5 % one-sided. {items:,} items is what `freehold trial plan` asks for before it knows how often two models differ
(20 %, power 80 %); here they differ on about 16 %, so its power is higher. Made by `studies/trial_error_rates.py` (its docstring
says how), first question {first:,}. Intervals are Wilson's, at 95 %.

Half of the questions are equally hard for both models, the others hard for each by itself, so that the two are right and wrong
together more often than by chance, as real models are. Replies, grading and verdict go through the product's own functions.

| candidate is right | which is | pass | inconclusive | fail |
|---|---|---|---|---|
"""

TAIL = """
What must hold, and does when this page is committed: on the margin a pass is the error that alpha bounds ({margin_passes} of {runs}
passed; at most alpha plus two standard errors is {bound:.1%}); at 80 % a fail would be one ({false_fails} of {runs} failed); at
74 % a pass would be one ({false_passes} of {runs} passed). A trial that is inconclusive says how many more items would decide it; the
median answer at 78 % was {more:,} more items.

**Through the door.** One trial of each kind was also run as users run it: `freehold up` with its own processes, the vendor behind
it over HTTP, {asked:,} questions, every reply sealed and logged. All four came to the same gates, number for number, as in the
process of the study: {door}.

Exchangeable questions, a grader that does not err and one sample an item are what this study has; clusters, judges and several
samples have their own tests (`tests/trials/test_verdict.py`, [the sequential tests](sequential-tests.md)).
"""


def questions(first: int, count: int) -> list[Item]:
    """Sums that no other run asks."""
    made: list[Item] = []
    for number in range(first, first + count):
        body = {"messages": [{"role": "user", "content": f"What is {number} + {7 * number % 1000}?"}]}
        right = str(number + 7 * number % 1000)
        made.append(Item(id=f"item_{number:09}", workload="sums", input=body, reference=right))
    return made


def planned(candidate: str, items: list[Item], trial: str, **source: Any) -> Plan:
    """The plan of one trial."""
    wish = Wish(
        id=trial,
        workload="sums",
        made_at=1_795_000_000_000,
        code="study",
        candidate=Arm(model=f"skilled/{candidate}"),
        incumbent=Arm(model=f"skilled/{INCUMBENT}"),
        tables=[{"kind": "exact"}],
        margin=MARGIN,
        alpha=ALPHA,
        **source,
    )
    return make_plan(wish, items, {item.id: item.id for item in items}, SECRET)


def tried(candidate: str, items: list[Item]) -> Verdict:
    """The verdict of one trial, without a door."""
    plan = planned(candidate, items, "trial_study")
    by_id = {item.id: item for item in items}
    graders = [build(grader.table) for grader in plan.graders]
    rows: list[Row] = []
    for one in plan.items:
        item = by_id[one.id]
        asked = item.input["messages"][0]["content"]
        replies = {
            arm: (Reply("", Kept(given=Given(text=answer(model, asked)), model=model, at=0, ms=1.0)),)
            for arm, model in (("candidate", candidate), ("incumbent", INCUMBENT))
        }
        rows.append(score(plan, graders, Case(one, item, "", replies), lambda ask: None))  # pyright: ignore[reportArgumentType]
    return decide(plan, rows)


async def through_the_door(runs: list[tuple[str, list[Item]]]) -> list[Verdict]:
    """The verdicts of these trials, asked through a real door."""
    found: list[Verdict] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with skilled() as vendor, house(folder, HOUSE.format(base_url=vendor.base_url)) as door:
            with shelf(door.data) as opened:
                for number, (candidate, items) in enumerate(runs):
                    source = folder / f"items-{number}.jsonl"
                    source.write_bytes(b"".join(msgspec.json.encode(item) + b"\n" for item in items))
                    plan = planned(
                        candidate, items, f"trial_study_{number}", source=str(source), source_sha256=_sha(source)
                    )
                    plan = msgspec.structs.replace(plan, items=_hashed(plan, items, opened.secret))
                    TrialFolder(door.data, plan.id).write_plan(plan)
                    found.append((await ran(opened, plan, door)).verdict)
    return found


def _sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _hashed(plan: Plan, items: list[Item], secret: bytes) -> Any:
    by_id = {item.id: item for item in items}
    return tuple(msgspec.structs.replace(one, hash=item_hash(by_id[one.id], secret)) for one in plan.items)


def cells(counts: Counter[str], runs: int) -> Iterator[str]:
    """The shares of the outcomes, with their intervals."""
    for outcome in OUTCOMES:
        share = wilson(counts[outcome], runs)
        yield f"{counts[outcome]}/{runs} = {share.estimate:.1%} [{share.low:.1%}, {share.high:.1%}]"


def main() -> None:
    """Runs the study and writes the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--first", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path, default=PAGE)
    options = parser.parse_args()
    items = planned("right-78", questions(0, 2), "trial_size").expectation.needed
    place = itertools.count(options.first, items)
    found: dict[str, Counter[str]] = {candidate: Counter() for candidate in CANDIDATES}
    more: list[int] = []
    kept: list[tuple[str, list[Item], Verdict]] = []
    began = time.monotonic()
    for candidate in CANDIDATES:
        for run in range(options.runs):
            asked = questions(next(place), items)
            verdict = tried(candidate, asked)
            found[candidate][verdict.outcome] += 1
            if candidate == "right-78" and verdict.more is not None:
                more.append(verdict.more)
            if run == 0:
                kept.append((candidate, asked, verdict))
        sys.stderr.write(f"{candidate} {dict(found[candidate])} {time.monotonic() - began:.0f} s\n")
    door = asyncio.run(through_the_door([(candidate, asked) for candidate, asked, _ in kept]))
    for (candidate, _, here), there in zip(kept, door, strict=True):
        assert here.gates == there.gates, f"{candidate}: {here.gates} here, {there.gates} through the door"
    table = "".join(
        f"| {shown} | {which} | {' | '.join(cells(found[candidate], options.runs))} |\n"
        for candidate, (shown, which) in CANDIDATES.items()
    )
    tail = TAIL.format(
        runs=options.runs,
        margin_passes=found["right-77"]["pass"],
        bound=ALPHA + 2 * (ALPHA * (1 - ALPHA) / options.runs) ** 0.5,
        false_fails=found["right-80-b"]["fail"],
        false_passes=found["right-74"]["pass"],
        more=sorted(more)[len(more) // 2] if more else 0,
        asked=2 * items * len(kept),
        door=", ".join(f"{CANDIDATES[candidate][0]} {verdict.outcome}" for candidate, _, verdict in kept),
    )
    options.out.write_text(HEAD.format(runs=options.runs, items=items, first=options.first) + table + tail)


if __name__ == "__main__":
    main()
