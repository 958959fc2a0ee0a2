"""Error rates and durations of canaries and shadows: the decision logic itself, run on drawn outcomes, from beginning to end.

    python studies/canary.py [--runs 200] [--most 25000]       writes docs/studies/canary.md
    python studies/canary.py --shadows                         writes the part about shadows anew

Each run is one canary with the default rules and steps but for what a row says. The incumbent is right on 80 % of the
conversations; every conversation is new. Times are drawn from the same distribution in both arms. Seeds are the numbers of the
runs. Nothing is asked of any model: what is studied is what decides, `trials/rollouts.py` and `trials/shadow.py`, and that is
what runs.
"""

import argparse
import random
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
from msgspec import Struct
from sequential import CHECKED, Bets, pairs, same

from freehold.config.canary_rules import CanaryRules
from freehold.store.canaries import MILLION
from freehold.trials import shadow
from freehold.trials.rollouts import Seen, advanced, begin, decide, observe

STEPS = (10_000, 50_000, 250_000, 500_000, MILLION)
INCUMBENT = 0.80


class End(Struct):
    """How one canary ended: its phase, after how many conversations, how many of them the candidate answered, the largest
    share that it had."""

    phase: str
    after: int
    answered: int
    share: int


class Row(Struct, frozen=True):
    """One kind of candidate: how often it is right, and how often it does not answer."""

    name: str
    right: float
    fails: float = 0.0
    steps: tuple[int, ...] = STEPS


ROWS = (
    Row("equal: 80 %", 0.80),
    Row("better: 82 %", 0.82),
    Row("worse within the margin: 78 %", 0.78),
    Row("worse by the margin exactly: 77 %", 0.77),
    Row("worse beyond it: 74 %", 0.74),
    Row("half as good: 40 %", 0.40),
    Row("broken: 0 %", 0.0),
    Row("equal, and fails 3 % of its requests", 0.80, 0.03),
    Row("equal, and fails 10 % of its requests", 0.80, 0.10),
    Row("worse by the margin exactly, from 50 % on", 0.77, steps=(500_000, MILLION)),
)


def run(seed: int, row: Row, most: int) -> End:
    """One canary, until it ends or `most` conversations have passed."""
    rules = CanaryRules()
    draw, state, step = random.Random(seed), begin(rules, row.steps), 0  # noqa: S311 (a study, not a secret)
    answered = 0
    for number in range(1, most + 1):
        share = row.steps[step]
        own = draw.random() < share / MILLION
        failed = own and draw.random() < row.fails
        right = not failed and draw.random() < (row.right if own else INCUMBENT)
        answered += own and not failed
        state = observe(
            state,
            rules,
            Seen(
                arm="candidate" if own else "incumbent",
                propensity_ppm=share if own else MILLION - share,
                score=float(right),
                first=True,
                failed=failed,
                ms=None if failed else draw.lognormvariate(6, 0.6),
            ),
        )
        decision = decide(state, rules, row.steps, step)
        if decision is None:
            continue
        if decision.kind != "advanced":
            return End(decision.kind, number, answered, share)
        state, step = advanced(state), step + 1
    return End("running", most, answered, row.steps[step])


class Pairs(Struct, frozen=True):
    """One kind of candidate in shadow: how often it is right, and on which share of the questions only one of the two is."""

    name: str
    right: float
    differ: float


PAIRS = tuple(
    Pairs(f"{name}: {right:.0%}", right, differ)
    for name, right in (
        ("equal", 0.80),
        ("worse within the margin", 0.78),
        ("worse by the margin exactly", 0.77),
        ("worse beyond it", 0.74),
    )
    for differ in (0.10, 0.20, 0.32)
)
MOST_PAIRS, SHADOW_RUNS = 10_000, 1_000


def shadow_line(row: Pairs, runs: int) -> str:
    """Shadows of one kind: all runs at once by the formulas of `sequential.py`, the first few through the product as well."""
    rules, draw = CanaryRules(), pairs(row.differ, row.right - INCUMBENT)
    terms = shadow.Terms(
        incumbent=("incumbent",), route="", graders="", margin=rules.margin, alpha=rules.alpha, harm=rules.harm,
        alpha_rollback=rules.alpha_rollback,
    )  # fmt: skip
    begun, random = shadow.begin(terms), np.random.default_rng(1)
    passing, harm, states = Bets(begun.passing, runs), Bets(begun.harm, runs), [begun] * CHECKED
    for _ in range(MOST_PAIRS):
        x = draw(random, runs)
        passing.advance(x)
        harm.advance(x)
        scores = [(max(0.0, float(one)), max(0.0, -float(one))) for one in x[:CHECKED]]
        states = [shadow.counted(state, *both) for state, both in zip(states, scores, strict=True)]
    same(row.name, [state.passing for state in states], passing)
    same(row.name, [state.harm for state in states], harm)
    cells = [cell for bets in (passing, harm) for cell in _told(bets.crossed[bets.crossed > 0].tolist(), runs)]
    return f"| {row.name} | {row.differ:.0%} | {' | '.join(cells)} |"


def _told(after: list[int], runs: int) -> tuple[str, str]:
    """The share of runs that had told, and the number of pairs by which half of all had."""
    told = f"{sorted(after)[(runs - 1) // 2]:,}" if 2 * len(after) >= runs else f"> {MOST_PAIRS:,}"
    return f"{len(after) / runs:.1%}", told if after else "–"


def line(row: Row, runs: int, most: int, pool: ProcessPoolExecutor) -> str:
    ends = list(pool.map(partial(run, row=row, most=most), range(runs), chunksize=8))
    phases = Counter(end.phase for end in ends)
    shares = [f"{phases[phase] / runs:.1%}" for phase in ("promoted", "rolled_back", "running")]
    after = f"{median(end.after for end in ends):,.0f}"
    largest = f"{median(end.share for end in ends) / 10_000:g} %"
    answered = f"{median(end.answered for end in ends):,.0f}"
    return f"| {row.name} | {' | '.join(shares)} | {after} | {answered} | {largest} |"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--most", type=int, default=25_000)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--shadows", action="store_true", help="the part about shadows alone")
    options = parser.parse_args()
    with ProcessPoolExecutor(options.processes) as pool:
        if options.shadows:
            canaries = PAGE.read_text().partition(SHADOWS)[0]
        else:
            lines = [line(row, options.runs, options.most, pool) for row in ROWS]
            canaries = TEXT.format(most=options.most, runs=options.runs, rows="\n".join(lines))
    lines = [shadow_line(row, SHADOW_RUNS) for row in PAIRS]
    shadows = SHADOW_TEXT.format(runs=SHADOW_RUNS, most=MOST_PAIRS, rows="\n".join(lines))
    PAGE.write_text(f"{canaries.rstrip()}\n\n{SHADOWS}\n\n{shadows}")


PAGE = Path(__file__).resolve().parents[1] / "docs" / "studies" / "canary.md"

TEXT = """# How canaries end

What `src/freehold/trials/rollouts.py` decides when outcomes are drawn at random: {runs} canaries of each kind, from a seed each,
with the default rules (margin 0.03, harm 0.03, alpha and alpha_rollback 0.05, 100 conversations a step) and the steps 1, 5, 25,
50 and 100 % but for what a row says. Each ends by itself or is left after {most:,} conversations. The incumbent is right on 80 %
of them. The page is written by `python studies/canary.py`; nothing but the decision logic runs in it.

| candidate | promoted | taken back | still running | conversations (median) | of them the candidate's | largest share |
|---|---|---|---|---|---|---|
{rows}

The shares to hold against what is promised: a candidate that is worse by the margin or more is promoted with probability 0.05 at
most, and one that does not harm, fails or dawdle is taken back with probability 0.05 at most, whatever the number of looks.
A candidate between the two boundaries may end either way, or in neither for a long time: that is what the margin means.
[Canaries](../concepts/canary.md) says which test is behind which column.
"""

SHADOWS = "## Shadows"

SHADOW_TEXT = """What `src/freehold/trials/shadow.py` says of {most:,} drawn pairs, both answers to each question graded: {runs:,} shadows of each
kind, with the same default rules. All are computed at once; the first few of each kind go through the module itself, and the study
stops where the two differ. "Differ" is the share of the questions that exactly one of the two gets right; 32 % is what two models of
80 % have that know nothing of each other, and models that were trained on the same texts differ less. The medians are of all runs.

| candidate | differ | passed | after (median pairs) | shown to be worse | after (median pairs) |
|---|---|---|---|---|---|
{rows}

A candidate that is worse by the margin or more is passed with probability 0.05 at most, and one that is worse by less is said to be
worse than that with probability 0.05 at most. No caller hears what is found out here, and it takes a fraction of the conversations
that a canary needs for it: a candidate of 74 %, which most canaries above still had after 25,000 conversations, is nearly always
found out here within a few thousand.
"""


if __name__ == "__main__":
    main()
