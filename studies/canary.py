"""Error rates and durations of canaries and shadows: the decision logic itself, run on drawn outcomes, from beginning to end.

    python studies/canary.py [--runs 200] [--most 25000]       writes docs/studies/canary.md
    python studies/canary.py --shadows                         writes the part about shadows anew
    python studies/canary.py --judges                          writes the part about judges anew: 2.5 minutes of a core

Each run is one canary with the default rules and steps but for what a row says. The incumbent is right on 80 % of the
conversations; every conversation is new. Times are drawn from the same distribution in both arms. Seeds are the numbers of the
runs. Nothing is asked of any model: what is studied is what decides, `trials/rollouts.py` and `trials/shadow.py`, and that is
what runs.
"""

import argparse
import random
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from sequential import CHECKED, Bets, pairs, same

from freehold.config.canary_rules import CanaryRules
from freehold.store.canaries import MILLION
from freehold.trials import shadow
from freehold.trials.correcting import Correction, correct_by_hits, correct_by_people, judged_margin, uncorrected
from freehold.trials.results import Calibration, Told
from freehold.trials.results import Row as TrialRow
from freehold.trials.rollouts import Seen, advanced, begin, decide, observe
from freehold.trials.sequential import Betting

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
    rules: CanaryRules = CanaryRules()
    judge: "Judge | None" = None
    labels: int = 0


class Judge(Struct, frozen=True):
    """With which probability a judge calls good replies good and bad ones bad, and good ones of the candidate's good."""

    q1: float = 0.85
    q0: float = 0.90
    of_candidate: float = 0.85

    def says_right(self, right: float, *, own: bool) -> float:
        """How often it calls the replies of a model right that is right so often."""
        return right * (self.of_candidate if own else self.q1) + (1 - right) * (1 - self.q0)


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
    rules, judge = row.rules, row.judge or Judge(1.0, 1.0, 1.0)
    correction = by_hits(np.random.default_rng(seed), row.right, 0.32, judge, row.labels) if row.labels else None
    draw, state, step = random.Random(seed), begin(rules, row.steps, correction), 0  # noqa: S311 (a study, not a secret)
    says = {own: judge.says_right(row.right if own else INCUMBENT, own=own) for own in (True, False)}
    answered = 0
    for number in range(1, most + 1):
        share = row.steps[step]
        own = draw.random() < share / MILLION
        failed = own and draw.random() < row.fails
        right = not failed and draw.random() < says[own]
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
        state, step = advanced(state, rules, row.steps[step + 1]), step + 1
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


def _told(after: list[int], runs: int, most: int = MOST_PAIRS) -> tuple[str, str]:
    """The share of runs that had told, and the number of pairs by which half of all had."""
    told = f"{sorted(after)[(runs - 1) // 2]:,}" if 2 * len(after) >= runs else f"> {most:,}"
    return f"{len(after) / runs:.1%}", told if after else "–"


# --- judges ---


class Judged(Struct, frozen=True):
    """Shadows by a judge: how much worse the candidate is, against which margin, and how many items people label in a trial of the
    two, 0 for none; `way` is how the labels are used."""

    name: str
    worse: float
    margin: float
    labels: int = 0
    way: str = ""
    judge: Judge = Judge()


FOND = Judge(of_candidate=0.90)
JUDGED = (
    Judged("worse by the margin exactly", 0.05, 0.05),
    *(Judged("worse by the margin exactly", 0.05, 0.05, labels, "hits") for labels in (50, 200, 800, 3_200)),
    *(Judged("worse by the margin exactly", 0.05, 0.05, labels, "people") for labels in (800, 3_200)),
    Judged("equal", 0.0, 0.05),
    *(Judged("equal", 0.0, 0.05, labels, "hits") for labels in (50, 200, 800, 3_200)),
    Judged("equal", 0.0, 0.05, 3_200, "people"),
    Judged("worse by the margin exactly, and favoured", 0.05, 0.05, judge=FOND),
    *(Judged("worse by the margin exactly, and favoured", 0.05, 0.05, labels, "hits", FOND) for labels in (200, 800)),
    Judged("worse by the margin exactly, and favoured", 0.05, 0.05, 3_200, "people", FOND),
)
DIFFER, MOST_JUDGED, JUDGED_RUNS, FEW_CHECKED = 0.20, 20_000, 200, 2
JUDGED_CANARY = CanaryRules(margin=0.2, harm=0.2)
JUDGED_ROWS = tuple(
    Row(name, 0.6, steps=(500_000, MILLION), rules=JUDGED_CANARY, judge=Judge(), labels=labels)
    for name, labels in (("taken at its word", 0), ("800 items labelled", 800))
)
CANARY_RUNS, MOST_OF_CANARY = 100, 5_000


class EachItsOwn(Bets):
    """The wealth of many runs, each of a bet of its own."""

    def __init__(self, starts: Sequence[Betting]) -> None:
        super().__init__(starts[0], len(starts))
        fields = ("null", "worst", "threshold", "gains", "squares")
        own = {name: np.array([getattr(start, name) for start in starts]) for name in fields}
        self.start = replace(starts[0], null=own["null"], worst=own["worst"], threshold=own["threshold"])
        self.gains, self.squares = own["gains"], own["squares"]


def cells(right: float, differ: float) -> tuple[float, float, float, float]:
    """How often both are right, only the candidate, only the incumbent, none."""
    mine, theirs = (differ + right - INCUMBENT) / 2, (differ - right + INCUMBENT) / 2
    return right - mine, mine, theirs, 1 - right - theirs


def judged_pairs(right: float, differ: float, judge: Judge) -> tuple[float, float]:
    """How often the judge calls exactly one of both replies right, and the mean difference, where it judges each by itself."""
    differs = difference = 0.0
    for share, mine, theirs in zip(cells(right, differ), (1, 1, 0, 0), (1, 0, 1, 0), strict=True):
        a, b = judge.says_right(mine, own=True), judge.says_right(theirs, own=False)
        differs += share * (a * (1 - b) + b * (1 - a))
        difference += share * (a - b)
    return differs, difference


def by_hits(random: np.random.Generator, right: float, differ: float, judge: Judge, labels: int) -> Correction:
    """What comes of so many items whose two replies people have labelled."""
    both, mine, theirs, _ = (int(one) for one in random.multinomial(labels, cells(right, differ)))
    arms: list[Calibration] = []
    for model, good, q1 in (("candidate", both + mine, judge.of_candidate), ("incumbent", both + theirs, judge.q1)):
        bad = labels - good
        hits, misses = random.binomial(good, q1) / max(1, good), random.binomial(bad, judge.q0) / max(1, bad)
        arms.append(Calibration(grader="", model=model, q1=float(hits), q0=float(misses), m1=good, m0=bad))
    found = correct_by_hits("judge", arms[0], arms[1], CanaryRules().alpha)
    return uncorrected(["judge"], found) if isinstance(found, str) else found


def by_people(random: np.random.Generator, right: float, differ: float, judge: Judge, labels: int) -> Correction:
    """The same, by the other way."""
    kinds = random.choice(4, size=labels, p=cells(right, differ))
    rows: list[TrialRow] = []
    said: dict[str, tuple[float, float]] = {}
    for number, (kind, u, v) in enumerate(
        zip(kinds.tolist(), random.random(labels), random.random(labels), strict=True)
    ):
        truth = float(kind < 2), float(kind in (0, 2))
        f, g = (
            float(draw < judge.says_right(one, own=own))
            for draw, one, own in zip((u, v), truth, (True, False), strict=True)
        )
        name = f"{number}"
        said[name] = truth
        rows.append(TrialRow(item=name, cluster=name, candidate=Told(scores={"": f}), incumbent=Told(scores={"": g})))
    found = correct_by_people([("judge", "")], rows, said, CanaryRules().alpha)
    return uncorrected(["judge"], found) if isinstance(found, str) else found


def judged_line(row: Judged) -> str:
    """Shadows of one kind, each with labels of its own; the first few through the product as well."""
    random, right = np.random.default_rng(2), INCUMBENT - row.worse
    way = by_people if row.way == "people" else by_hits
    known = [way(random, right, DIFFER, row.judge, row.labels) if row.labels else None for _ in range(JUDGED_RUNS)]
    terms = [
        shadow.Terms(incumbent=("incumbent",), route="", graders="", margin=row.margin, alpha=0.05, harm=row.margin,
                     alpha_rollback=0.05, judged=one)
        for one in known
    ]  # fmt: skip
    begun = [shadow.begin(one) for one in terms]
    bets, states, draw = (
        EachItsOwn([one.passing for one in begun]),
        begun[:FEW_CHECKED],
        pairs(*judged_pairs(right, DIFFER, row.judge)),
    )
    for _ in range(MOST_JUDGED):
        x = draw(random, JUDGED_RUNS)
        bets.advance(x)
        scores = [(max(0.0, float(one)), max(0.0, -float(one))) for one in x[:FEW_CHECKED]]
        states = [shadow.counted(state, *both) for state, both in zip(states, scores, strict=True)]
    same(row.name, [state.passing for state in states], bets)
    held = np.array([bool(shadow.held(one)) for one in begun])
    if any(state.passed != (bets.crossed[run] > 0 and not held[run]) for run, state in enumerate(states)):
        raise SystemExit(f"{row.name}: the module passes others")
    share, after = _told(bets.crossed[(bets.crossed > 0) & ~held].tolist(), JUDGED_RUNS, MOST_JUDGED)
    tested = [judged_margin(one, row.margin) or 0.0 for one in known]
    labels = f"{row.labels:,}, {row.way}" if row.labels else "none, at its word"
    return f"| {row.name} | {labels} | {median(tested):.4f} | {held.mean():.1%} | {share} | {after} |"


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
    parser.add_argument("--judges", action="store_true", help="the part about judges alone")
    options = parser.parse_args()
    before, _, rest = PAGE.read_text().partition(SHADOWS)
    shadows, _, judges = rest.partition(JUDGES)
    everything = not options.shadows and not options.judges
    with ProcessPoolExecutor(options.processes) as pool:
        if everything:
            lines = [line(row, options.runs, options.most, pool) for row in ROWS]
            before = TEXT.format(most=options.most, runs=options.runs, rows="\n".join(lines))
        if everything or options.shadows:
            lines = [shadow_line(row, SHADOW_RUNS) for row in PAIRS]
            shadows = SHADOW_TEXT.format(runs=SHADOW_RUNS, most=MOST_PAIRS, rows="\n".join(lines))
        if everything or options.judges:
            judges = judged_part(pool)
    parts = (before, f"{SHADOWS}\n\n{shadows.strip()}", f"{JUDGES}\n\n{judges.strip()}")
    PAGE.write_text("\n\n".join(part.strip() for part in parts) + "\n")


def judged_part(pool: ProcessPoolExecutor) -> str:
    rows = "\n".join(map(judged_line, JUDGED))
    canaries = "\n".join(line(row, CANARY_RUNS, MOST_OF_CANARY, pool) for row in JUDGED_ROWS)
    return JUDGED_TEXT.format(
        rows=rows, canaries=canaries, runs=JUDGED_RUNS, most=MOST_JUDGED, canary_runs=CANARY_RUNS, canary_most=MOST_OF_CANARY,
    )  # fmt: skip


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

JUDGES = "## Judges"

JUDGED_TEXT = """The same when a judge grades: it calls a good reply good with 85 % and a bad one bad with 90 %, each by itself, so of a true
difference it shows 0.75. The incumbent is right on 80 % of the questions, exactly one of the two on 20 %, the margin is 0.05. First shadows:
{runs:,} of each kind, {most:,} pairs each, as above. "Labels" is how many items people have labelled in a trial, both replies of each, drawn
anew for every shadow, and by which of the [two ways](../concepts/canary.md#judges) they count. "Margin" is the median of the margin
that is tested of what the judge says, "not believed" the share of shadows in which nothing can be passed with these labels. "Favoured" is a judge that
calls the candidate's good replies good with 90 %, and the incumbent's with 85 %.

| candidate | labels | margin | not believed | passed | after (median pairs) |
|---|---|--:|--:|--:|--:|
{rows}

Taken at its word, the judge passes a candidate that is worse by the margin in half of the shadows, and in more the longer they last: it shows
0.0375 where 0.05 are. With the correction the share stays below 0.05, however few the labels, and an equal candidate passes the
sooner the more there are. The way by hits leans on the judge treating both models alike. **Where it does not, few labels do not
protect**: a judge that favours the candidate's replies by 4 points passes it in most shadows at 200 labelled items, in a third at 800, when two in
three are found out. `freehold canary status` says how large a favour the labels would not show. The way by people assumes nothing of
this, and asks for thousands of labels.

Canaries from 50 % on, margin and harm 0.2, the candidate right in 60 %: worse by the margin exactly. {canary_runs:,} of each kind,
{canary_most:,} conversations each.

| judge | promoted | taken back | still running | conversations (median) | of them the candidate's | largest share |
|---|---|---|---|---|---|---|
{canaries}
"""


if __name__ == "__main__":
    main()
