"""Measures how often the alarm of time errs at its boundary, and how soon it tells. Writes docs/studies/slow-alarm.md.

    pip install "freehold[trials]"
    python studies/slow_alarm.py [--runs 4000]

A canary holds each time of the candidate's against an upper limit of the incumbent's 95th percentile, times the ratio that is
allowed, and bets that it is above more often than in 5 % of the cases; and it bets on the times beside each other, in blocks
(`trials/rollouts.py`). Both must be won. At the boundary the candidate's percentile is exactly the allowed ratio times the incumbent's.
All runs are computed at once, with numpy; the first few of each case go through `trials/quantiles.py` and `trials/sequential.py`
themselves, one time after the other, and the study stops where the two differ.
"""

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from statistics import NormalDist

import numpy as np
from msgspec import Struct
from sequential import CHECKED, Bets, Floats, same

from freehold.trials.quantiles import (
    BLOCK,
    FIRST,
    QUANTILE,
    STEP,
    Block,
    Times,
    share_beyond,
    took,
    took_beside,
    upper_rank,
)
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


class Load(Struct, frozen=True):
    """How much slower both models are at each moment, counted in answers of either."""

    name: str
    factor: Callable[[Floats], Floats]


STEADY = Load("steady", np.ones_like)
LOADS = (
    Load("eight times as slow from the 500th answer on", lambda moment: np.where(moment < 500, 1.0, 8.0)),
    Load("four times as slow for 200 of every 1,000", lambda moment: np.where(moment % 1000 < 800, 1.0, 4.0)),
    Load("grows to ten times", lambda moment: 10.0 ** (moment / MOST)),
    Load("falls to a tenth", lambda moment: 10.0 ** (-moment / MOST)),
)


class Case(Struct, frozen=True):
    """Times of one kind; the candidate's are `slower` times the incumbent's, and it has this share of the answers."""

    kind: Kind
    slower: float
    share: float
    load: Load = STEADY


BOUNDARY = tuple(Case(kind, RATIO, share) for kind in KINDS for share in (0.05, 0.5))
BEYOND = tuple(Case(KINDS[1], slower, 0.5) for slower in (1.0, 1.75, 2.0, 3.0))
LOADED = tuple(
    Case(KINDS[1], slower, share, load) for load in LOADS for slower in (1.0, RATIO, 3.0) for share in (0.05, 0.5)
)


class Seen(Struct, frozen=True):
    """What came of a case: in which share of the runs the limit was ever too low, times were beyond it, they were so beside the
    incumbent, and both; and the median of the candidate's answers after which it was both, None where fewer than half were."""

    low: float
    beyond: float
    beside: float
    alarm: float
    after: int | None


def play(case: Case, runs: int) -> Seen:
    """One kind of canary, and what came of its alarm at `ALPHA`: half of it goes to the limit, a quarter to the test while both answer,
    as in `rollouts.begin`."""
    random = np.random.default_rng(1)
    incumbent = case.kind.draw(random, (round(MOST * (1 - case.share)), runs))
    size = (round(MOST * case.share), runs)
    own = case.kind.candidate
    candidate = case.slower * case.kind.draw(random, size) if own is None else own(random, size)
    heard = np.array([_heard(number, case) for number in range(len(candidate))])
    candidate = candidate * case.load.factor(heard + np.arange(len(candidate)) + 0.0)[:, None]
    incumbent = incumbent * case.load.factor(np.arange(len(incumbent)) / (1 - case.share))[:, None]
    limits = _limits(incumbent)
    slow, beside = Bets(start_cap(1 - QUANTILE, ALPHA / 4), runs), Bets(start_cap(1 / BLOCK, ALPHA), runs)
    slow_at, beside_at, limit = np.zeros(runs), np.zeros(runs), np.full(runs, np.nan)
    block: list[Floats] = []
    for number, times in enumerate(candidate):
        now = int(heard[number])
        # The incumbent's answers come first. A block that they end is that of the candidate's before; what follows is in the next.
        whole = now // BLOCK
        if block and whole > (int(heard[number - 1]) // BLOCK):
            longest = incumbent[(whole - 1) * BLOCK : whole * BLOCK].max(axis=0)
            beside.advance(_beyond(np.array(block), longest))
            beside_at[(beside_at == 0) & (beside.crossed > 0)] = number
            block = []
        block.append(times)
        limit = limits.get(now, limit)
        if now >= min(limits):
            slow.advance((times > RATIO * limit).astype(float))
            slow_at[(slow_at == 0) & (slow.crossed > 0)] = number + 1
    _check(case, incumbent[:, :CHECKED], candidate[:, :CHECKED], (slow, beside))
    low = np.any([one < case.kind.percentile for one in limits.values()], axis=0)
    both = np.maximum(slow_at, beside_at)[(slow_at > 0) & (beside_at > 0)]
    after = int(np.sort(both)[(runs - 1) // 2]) if 2 * len(both) >= runs else None
    return Seen(float(low.mean()), float((slow_at > 0).mean()), float((beside_at > 0).mean()), len(both) / runs, after)


def _beyond(candidate: Floats, longest: Floats) -> Floats:
    """`quantiles.share_beyond` of all runs: a time counts by the lower edge of its bucket."""
    edge = np.power(STEP, np.ceil(np.log(candidate) / math.log(STEP)) - 1)
    return np.asarray((edge >= RATIO * longest).mean(axis=0))


def line(case: Case, runs: int) -> str:
    """The line of a case whose load is steady."""
    seen = play(case, runs)
    after = "–" if seen.after is None else f"{seen.after:,}"
    return f"| {case.kind.name} | {case.slower:g} | {case.share:.0%} | {seen.low:.2%} | {seen.alarm:.2%} | {after} |"


def loaded(case: Case, runs: int) -> str:
    """The line of a case whose load changes."""
    seen = play(case, runs)
    after = "–" if seen.after is None else f"{seen.after:,}"
    shares = f"{seen.beyond:.2%} | {seen.beside:.2%} | {seen.alarm:.2%}"
    return f"| {case.load.name} | {case.slower:g} | {case.share:.0%} | {shares} | {after} |"


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


def _check(case: Case, incumbent: Floats, candidate: Floats, bets: tuple[Bets, Bets]) -> None:
    """The first runs, by the modules themselves."""
    slows: list[Betting] = []
    besides: list[Betting] = []
    for run in range(CHECKED):
        times, slow, beside, heard = Times(), start_cap(1 - QUANTILE, ALPHA / 4), start_cap(1 / BLOCK, ALPHA), 0
        block = Block()
        for number, ms in enumerate(candidate[:, run]):
            while heard < min(_heard(number, case), len(incumbent)):
                of_incumbent = float(incumbent[heard, run])
                times, heard = took(times, of_incumbent, ALPHA / 2), heard + 1
                block = took_beside(block, of_incumbent, candidate=False)
                beyond = share_beyond(block, RATIO)
                if beyond is not None:
                    beside = advance(beside, beyond)
            block = took_beside(block, float(ms), candidate=True)
            if times.limit is not None:
                slow = advance(slow, float(ms > RATIO * times.limit))
        slows.append(slow)
        besides.append(beside)
    same(case.kind.name, slows, bets[0])
    same(f"{case.kind.name}, beside", besides, bets[1])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=4000)
    options = parser.parse_args()
    boundary = [line(case, options.runs) for case in BOUNDARY]
    beyond = [line(case, options.runs) for case in BEYOND]
    load = [loaded(case, options.runs) for case in LOADED]
    page = TEXT.format(
        runs=options.runs, most=MOST, ratio=RATIO, alpha=ALPHA, half=ALPHA / 2, quarter=ALPHA / 4,
        boundary="\n".join(boundary), beyond="\n".join(beyond), loaded="\n".join(load),
    )  # fmt: skip
    PAGE.write_text(page)


TEXT = """# How often the alarm of time errs

A canary ends when its 95th percentile of time is shown to be more than so many times the incumbent's. Here the allowed ratio is
{ratio:g} and the alarm's level {alpha:g}, of which half ({half:g}) is spent on the limit that times are held against and a quarter
({quarter:g}) on the test of times against it while both models answer (the other quarter is for the time after that); {runs:,} canaries of
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

Where the load changes, it changes for both, and a limit from quicker days is passed by everybody. So an alarm needs a second test too,
of the times beside each other: in each block of 20 of the incumbent's, is the candidate's share beyond {ratio:g} times their longest more than
one in 20? Log-normal times; an alarm is false but where the candidate is 3 times as slow.

| both are | slower by | candidate's share | beyond the limit | beside the incumbent | both: alarm | after (median of its answers) |
|---|---|---|---|---|---|---|
{loaded}

The limit is an upper one, so mostly it lies above the percentile by as much as that many times leave open, and times are counted in
buckets of 2 %, of which it is the upper edge. So the alarm is far below its level, but for times made up to use all of it, and a
little more than the allowed ratio is not seen at first. With the default rules the alarm has a level of 0.0125
([canaries](../concepts/canary.md)).
"""


if __name__ == "__main__":
    main()
