"""Measures how often the alarm of time errs at its boundary, and how soon it tells. Writes docs/studies/slow-alarm.md.

    pip install "freehold[trials]"
    python studies/slow_alarm.py [--runs 4000]

A canary holds each time of the candidate's against an upper limit of the incumbent's 95th percentile, times the ratio that is
allowed, and bets that it is above more often than in 5 % of the cases (`trials/rollouts.py`). At the boundary the candidate's
percentile is exactly the allowed ratio times the incumbent's. All runs are computed at once, with numpy; the first few of each case go
through `trials/quantiles.py` and `trials/sequential.py` themselves, one time after the other, and the study stops where the two differ.
"""

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from statistics import NormalDist

import numpy as np
from msgspec import Struct
from sequential import CHECKED, Bets, Floats, same

from freehold.trials.quantiles import FIRST, QUANTILE, STEP, Times, took, upper_rank
from freehold.trials.sequential import Betting, advance, start_cap

PAGE = Path(__file__).resolve().parents[1] / "docs" / "studies" / "slow-alarm.md"
RATIO, ALPHA, MOST = 1.5, 0.10, 8_000


Draw = Callable[[np.random.Generator, tuple[int, ...]], Floats]


class Kind(Struct, frozen=True):
    """How times are spread, in milliseconds, and their true 95th percentile. The candidate's are spread as the incumbent's, but
    slower, unless it has times of its own."""

    name: str
    draw: Draw
    percentile: float
    candidate: Draw | None = None


KINDS = (
    Kind("evenly spread", lambda random, size: 1000 * random.random(size), 950.0),
    Kind(
        "log-normal",
        lambda random, size: random.lognormal(6.0, 0.6, size),
        math.exp(6.0 + 0.6 * NormalDist().inv_cdf(QUANTILE)),
    ),
    Kind(
        "heavy-tailed (Pareto 1.5)",
        lambda random, size: 100 * (1 + random.pareto(1.5, size)),
        100 * (1 - QUANTILE) ** (-1 / 1.5),
    ),
    Kind(
        "the worst there can be: the limit is exact, and 5 % of the candidate's lie far above it",
        lambda random, size: random.choice((100.0, 400.0), size),
        400.0,
        lambda random, size: random.choice((200.0, 9000.0), size, p=(0.95, 0.05)),
    ),
)


class Case(Struct, frozen=True):
    """Times of one kind; the candidate's are `slower` times the incumbent's, and it has this share of the answers."""

    kind: Kind
    slower: float
    share: float


BOUNDARY = tuple(Case(kind, RATIO, share) for kind in KINDS for share in (0.05, 0.5))
BEYOND = tuple(Case(KINDS[1], slower, 0.5) for slower in (1.0, 1.75, 2.0, 3.0))


def line(case: Case, runs: int) -> str:
    """One kind of canary, and what came of it: its alarm at `ALPHA`, half of which goes to the limit, as in `rollouts.begin`."""
    random = np.random.default_rng(1)
    incumbent = case.kind.draw(random, (round(MOST * (1 - case.share)), runs))
    size = (round(MOST * case.share), runs)
    own = case.kind.candidate
    candidate = case.slower * case.kind.draw(random, size) if own is None else own(random, size)
    limits = _limits(incumbent)
    bets = Bets(start_cap(1 - QUANTILE, ALPHA / 2), runs)
    limit = np.full(runs, np.nan)
    for number, times in enumerate(candidate):
        heard = _heard(number, case)
        limit = limits.get(heard, limit)
        if heard >= min(limits):
            bets.advance((times > RATIO * limit).astype(float))
    _check(case, incumbent[:, :CHECKED], candidate[:, :CHECKED], bets)
    low = np.any([one < case.kind.percentile for one in limits.values()], axis=0)
    raised = np.sort(bets.crossed[bets.crossed > 0])
    after = f"{int(raised[(runs - 1) // 2]):,}" if 2 * len(raised) >= runs else "–"
    shares = f"{float(low.mean()):.2%} | {len(raised) / runs:.2%}"
    return f"| {case.kind.name} | {case.slower:g} | {case.share:.0%} | {shares} | {after} |"


def _heard(number: int, case: Case) -> int:
    """How many times of the incumbent's are known before the candidate's answer of this number: they come in proportion. At 50 % each
    look lies between two answers, so none is passed over; at 5 % nineteen come before one, and a look holds from the next one on."""
    return int((number + 1) * (1 - case.share) / case.share + 1e-9)


def _limits(incumbent: Floats) -> dict[int, Floats]:
    """The limit of each run by how many times of the incumbent's it is drawn from, and at every number after it until the next."""
    limits: dict[int, Floats] = {}
    look = 0
    while (n := FIRST * 2**look) <= len(incumbent):
        rank = upper_rank(n, ALPHA / 2 / ((look + 1) * (look + 2)))
        if rank is not None:
            value = np.sort(incumbent[:n], axis=0)[rank - 1]
            edge = np.power(STEP, np.ceil(np.log(value) / math.log(STEP)))
            for heard in range(n, min(2 * n, len(incumbent) + 1)):
                limits[heard] = edge
        look += 1
    return limits


def _check(case: Case, incumbent: Floats, candidate: Floats, bets: Bets) -> None:
    """The first runs, by the modules themselves."""
    states: list[Betting] = []
    for run in range(CHECKED):
        times, slow, heard = Times(), start_cap(1 - QUANTILE, ALPHA / 2), 0
        for number, ms in enumerate(candidate[:, run]):
            while heard < min(_heard(number, case), len(incumbent)):
                times, heard = took(times, float(incumbent[heard, run]), ALPHA / 2), heard + 1
            if times.limit is not None:
                slow = advance(slow, float(ms > RATIO * times.limit))
        states.append(slow)
    same(case.kind.name, states, bets)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=4000)
    options = parser.parse_args()
    boundary = [line(case, options.runs) for case in BOUNDARY]
    beyond = [line(case, options.runs) for case in BEYOND]
    page = TEXT.format(
        runs=options.runs, most=MOST, ratio=RATIO, alpha=ALPHA, half=ALPHA / 2, boundary="\n".join(boundary), beyond="\n".join(beyond)
    )  # fmt: skip
    PAGE.write_text(page)


TEXT = """# How often the alarm of time errs

A canary ends when its 95th percentile of time is shown to be more than so many times the incumbent's. Here the allowed ratio is
{ratio:g} and the alarm's level {alpha:g}, of which half ({half:g}) is spent on the limit that times are held against; {runs:,} canaries of
each kind, of {most:,} answers each, looked at after every one. The page is written by `python studies/slow_alarm.py`, which computes
all runs at once and has the first of each kind decided by the modules themselves.

At the boundary the candidate's percentile is exactly {ratio:g} times the incumbent's, so an alarm is false. "Limit too low" is the share
of runs in which the limit ever was below the true percentile, which is promised in at most {half:g} of them; "alarm" is promised in at
most {alpha:g}.

| times | slower by | candidate's share | limit too low | alarm | after (median of its answers) |
|---|---|---|---|---|---|
{boundary}

How soon it tells of a candidate that is slower than allowed, and what it says of one that is as fast:

| times | slower by | candidate's share | limit too low | alarm | after (median of its answers) |
|---|---|---|---|---|---|
{beyond}

The limit is an upper one, so mostly it lies above the percentile by as much as that many times leave open, and times are counted in
buckets of 2 %, of which it is the upper edge. So the alarm is far below its level, but for times made up to use all of it, and a
little more than the allowed ratio is not seen at first. With the default rules the alarm has a level of 0.0125
([canaries](../concepts/canary.md)).
"""


if __name__ == "__main__":
    main()
