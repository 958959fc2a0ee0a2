"""Measures how often a trial is wrong, and writes docs/studies/trial-error-rates.md.

    pip install "freehold[trials]"
    python studies/trial_error_rates.py

An incumbent that is right 80 % of the time is tried against candidates that are right 80, 78, 77 and 74 % of the time, many
times each, with a margin of 3 points: so the first should pass, the second is worse and within the margin, the third lies on the
margin (passing is the error that alpha bounds), and the last should fail. Every run has questions of its own, a plan made by
`make_plan`, replies of the vendor of the tests (`tests/trials/skilled.py`), graded by the grader `exact` and judged by `decide`.
The same through a real door is `studies/door_error_rates.py`.
"""

import argparse
import itertools
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from freehold.graders import build  # noqa: E402
from freehold.items import Given, Item  # noqa: E402
from freehold.trials.plan import Arm, Plan  # noqa: E402
from freehold.trials.planning import Wish, make_plan  # noqa: E402
from freehold.trials.results import Row, Verdict  # noqa: E402
from freehold.trials.samples import Kept  # noqa: E402
from freehold.trials.scoring import Case, Reply, score  # noqa: E402
from freehold.trials.statistics import wilson  # noqa: E402
from freehold.trials.verdict import decide  # noqa: E402
from trials.skilled import answer  # noqa: E402

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

Trials of these kinds, shadows and canaries were also run [through a real door](through-the-door.md); each trial came to the same
gates, number for number, as in a process like this one.

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


def planned(candidate: str, items: list[Item], trial: str) -> Plan:
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
    began = time.monotonic()
    for candidate in CANDIDATES:
        for _ in range(options.runs):
            verdict = tried(candidate, questions(next(place), items))
            found[candidate][verdict.outcome] += 1
            if candidate == "right-78" and verdict.more is not None:
                more.append(verdict.more)
        sys.stderr.write(f"{candidate} {dict(found[candidate])} {time.monotonic() - began:.0f} s\n")
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
    )
    options.out.write_text(HEAD.format(runs=options.runs, items=items, first=options.first) + table + tail)


if __name__ == "__main__":
    main()
