"""Each kind of comparison of a candidate with an incumbent, as a gate: estimate, interval, p, outcome, how many more items. Pure.

It knows no plan and no file; `verdict.py` says what is compared and what follows from it, `statistics.py` has the formulas.
Every gate passes when its one-sided test rejects "it does not hold" at alpha, and fails when the interval at the level
1 - 2 alpha_fail lies wholly on the wrong side.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import NormalDist, fmean
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from freehold.trials.clustered import design_effect_of, effective_items
from freehold.trials.extras import library
from freehold.trials.power import items_needed_binary, items_needed_graded
from freehold.trials.results import Calibration, Gate, Outcome, Told
from freehold.trials.statistics import (
    Interval,
    judge_corrected,
    paired,
    paired_test,
    ppi_error,
    quantile_ratio,
    quantile_ratio_test,
    tango,
    tango_test,
)

QUANTILE: Final = 0.95
LEAST_TIMED: Final = 20
"""Conversations with durations of both models below which nobody has a 95th percentile. Of fewer the bootstrap draws too much
alike: where it should err in 2.5 % of trials it did in 13 % with 3, 7 % with 8 and 3 % with 20 (800 runs each)."""

ONE_CLUSTER: Final = "all items come from one conversation, which shows no variance"

ROUNDING: Final = 1e-9
"""An estimate that differs from the margin by no more than this is the margin."""

BEYOND: Final = "the estimate itself lies beyond the margin"

_NORMAL: Final = NormalDist()


class Rule(Struct, frozen=True):
    """What every gate is held to: alpha for passing, `alpha_fail` for failing, the power asked of more items, the seed."""

    alpha: float
    alpha_fail: float
    power: float
    seed: int


class Pairs(Struct, frozen=True):
    """Scores of both models on the same items, their differences, the items' clusters, and the items by id."""

    candidate: Sequence[float]
    incumbent: Sequence[float]
    differences: Sequence[float]
    clusters: Sequence[str]
    items: Sequence[str] = ()


def compare_binary(gate: Gate, pairs: Pairs, margin: float, rule: Rule) -> Gate:
    """Right or wrong, one sample an item: Tango's score test and interval, all counts divided by the design effect of clusters
    (Rao & Scott 1992), which is 1 where every item stands alone."""
    n = len(pairs.differences)
    effect = design_effect_of(pairs.differences, pairs.clusters) if len(set(pairs.clusters)) < n else 1.0
    b = sum(difference > 0 for difference in pairs.differences) / effect
    c = sum(difference < 0 for difference in pairs.differences) / effect
    shown = tango(b, c, n / effect, 1 - 2 * rule.alpha)
    p = tango_test(b, c, n / effect, margin).p
    outcome = _outcome(p <= rule.alpha, tango(b, c, n / effect, 1 - 2 * rule.alpha_fail).high < -margin)
    more, reason = None, ""
    if outcome == "inconclusive":
        if shown.estimate + margin <= ROUNDING:
            reason = BEYOND
        else:
            differs = max(b + c, 1) * effect / n
            worse = max(
                -differs, min(0.0, shown.estimate)
            )  # the same number where all differ to the worse, but for its last bit
            needed = items_needed_binary(margin, differs, worse, rule.alpha, rule.power, effect)
            more = max(1, needed - n)
    method = "paired score test (Tango 1998)" + (f", design effect {effect:.2f}" if effect > 1 else "")
    return replace(_filled(gate, pairs, shown, method), p=p, outcome=outcome, more=more, reason=reason)


def compare_graded(gate: Gate, pairs: Pairs, margin: float, rule: Rule) -> Gate:
    """Scores from 0 to 1, means of several samples, or clusters: the cluster-robust mean of the paired differences."""
    n = len(pairs.differences)
    shown = paired(pairs.differences, pairs.clusters, 1 - 2 * rule.alpha, rule.seed)
    p = paired_test(pairs.differences, pairs.clusters, margin, rule.seed).p
    far = paired(pairs.differences, pairs.clusters, 1 - 2 * rule.alpha_fail, rule.seed)
    outcome = _outcome(p <= rule.alpha, far.interval.high < -margin)
    more, reason = None, ""
    if outcome == "inconclusive":
        estimate = shown.interval.estimate
        if estimate + margin <= ROUNDING:
            reason = BEYOND
        elif shown.se > 0:
            sd = shown.se * math.sqrt(n)  # with what clusters add, so that no design effect is needed again
            needed = items_needed_graded(margin, sd, min(0.0, estimate), rule.alpha, rule.power)
            more = max(1, needed - n)
    groups = len(set(pairs.clusters))
    method = f"paired mean, {shown.method}, {groups:,} clusters" if groups < n else f"paired mean, {shown.method}"
    return replace(_filled(gate, pairs, shown.interval, method), p=p, outcome=outcome, more=more, reason=reason)


def compare_corrected(
    gate: Gate,
    pairs: Pairs,
    calibrations: tuple[Calibration, Calibration],
    margin: float,
    rule: Rule,
    samples: int = 1,
) -> Gate:
    """The verdicts of a judge who says right or wrong, corrected for its errors (Lee et al. 2025, arXiv:2511.21140), combined by
    MOVER (Newcombe 1998). Items in clusters, and means of several `samples`, count as the number of single ones that would
    tell as much.

    A share that no share of good replies explains, by the judge's hits, shows that these are not its hits here, and concludes nothing.
    The two corrected shares are combined as if they were independent, which is the careful side: pairing and a shared
    calibration both make the difference more certain than that."""
    mine, theirs = calibrations
    shares = _corrected_shares(pairs, mine, theirs, samples)

    def at(level: float) -> Interval:
        return _difference(*shares(level))

    shown = at(1 - 2 * rule.alpha)
    more = _more_by_width(len(pairs.differences), shown.estimate - shown.low, shown.estimate + margin, rule)
    groups = len(set(pairs.clusters))
    told = [
        f"judge-corrected, {mine.m0 + mine.m1 + (theirs.m0 + theirs.m1 if mine.model != theirs.model else 0)} labels"
    ]
    told += ["one calibration for both models"] if not mine.model and not theirs.model else []
    told += [f"{groups:,} clusters"] if groups < len(pairs.clusters) else []
    filled = _filled(gate, pairs, shown, ", ".join(told))
    judged = (("candidate", pairs.candidate, mine), ("incumbent", pairs.incumbent, theirs))
    for (whose, scores, known), share in zip(judged, shares(1 - 2 * rule.alpha), strict=True):
        if share.low >= 1 or share.high <= 0:
            return replace(filled, reason=_at_odds(whose, fmean(scores), known))
    return _by_interval(filled, at, margin, rule, more)


def compare_with_people(gate: Gate, pairs: Pairs, human: Mapping[str, float], margin: float, rule: Rule) -> Gate:
    """A judge's differences, of grades or of preferences, set right by people's on some of the same items, drawn at random
    (`ppi_error`). `human` has a difference by item.

    A judge who errs seldom may err on none of the items that people saw, and the variance then misses it. So two items are
    added on which people and the judge differ by a whole point, one to each side: what Bonett & Price (2012) do for pairs."""
    known = [(human[item], f, cluster) for item, f, cluster in _by_item(pairs) if item in human]
    others = [(f, cluster) for item, f, cluster in _by_item(pairs) if item not in human]
    n, middle = len(known), fmean(y for y, _, _ in known)
    said = [*(y for y, _, _ in known), middle + 1, middle - 1]
    judged = [*(f for _, f, _ in known), *[fmean(f for _, f, _ in known)] * 2]
    clusters = ([*(cluster for _, _, cluster in known), 0, 1], [cluster for _, cluster in others])
    estimate, se, df = ppi_error(said, judged, [f for f, _ in others], clusters)

    def at(level: float) -> Interval:
        half = _t(level, df) * se
        return Interval(max(-1.0, estimate - half), min(1.0, max(-1.0, estimate)), min(1.0, estimate + half))

    shown = at(1 - 2 * rule.alpha)
    method = f"prediction-powered, people on {n:,} of {len(pairs.differences):,} items"
    found = _by_interval(_filled(gate, pairs, shown, method), at, margin, rule, None)
    if found.outcome != "inconclusive":
        return found
    more = _more_by_width(n, shown.estimate - shown.low, shown.estimate + margin, rule)
    return replace(found, reason=BEYOND if more is None else f"about {more:,} more labelled items would decide it")


def compare_latency(both: Sequence[tuple[Told, Told, str]], limit: float, rule: Rule) -> Gate:
    """The ratio of the 95th percentiles of the time to a whole answer, by a bootstrap of clusters."""
    gate = Gate(name="p95 latency", kind="latency", outcome="inconclusive", limit=limit)
    timed = [(m, t, cluster) for mine, theirs, cluster in both for m, t in zip(mine.ms, theirs.ms, strict=False)]
    if len(timed) < LEAST_TIMED:
        few = f"only {len(timed)} answers of both models were timed side by side; plan with --fresh to ask both anew"
        return replace(gate, n=len(timed), reason=few)
    candidate = [mine for mine, _, _ in timed]
    incumbent = [theirs for _, theirs, _ in timed]
    clusters = [cluster for _, _, cluster in timed]
    if (groups := len(set(clusters))) < LEAST_TIMED:
        few = f"the times come from {groups} of at least {LEAST_TIMED} conversations, and those of one go together"
        return replace(gate, n=len(timed), reason=few)
    shown = quantile_ratio(candidate, incumbent, clusters, QUANTILE, 1 - 2 * rule.alpha, rule.seed)
    far = quantile_ratio(candidate, incumbent, clusters, QUANTILE, 1 - 2 * rule.alpha_fail, rule.seed)
    p = quantile_ratio_test(candidate, incumbent, clusters, limit, QUANTILE, rule.seed).p
    outcome = _outcome(p <= rule.alpha, far.low > limit)
    more = _more_by_width(len(both), shown.high - shown.estimate, limit - shown.estimate, rule)
    return replace(
        gate, n=len(timed), estimate=shown.estimate, low=shown.low, high=shown.high, p=p, outcome=outcome,
        more=more if outcome == "inconclusive" else None, method="ratio of 95th percentiles, cluster bootstrap",
        candidate=_quantile(candidate), incumbent=_quantile(incumbent),
    )  # fmt: skip


def compare_cost(both: Sequence[tuple[Told, Told, str]], limit: float, rule: Rule) -> Gate:
    """The ratio of the mean costs: passes when mean(candidate - limit x incumbent) is shown to be at most 0. The interval of
    the ratio is the delta method's, from the same paired differences."""
    gate = Gate(name="cost", kind="cost", outcome="inconclusive", limit=limit)
    known = [(mine.cost_nano, theirs.cost_nano, cluster) for mine, theirs, cluster in both
             if mine.cost_nano is not None and theirs.cost_nano is not None]  # fmt: skip
    if len(known) < 2:
        return replace(gate, n=len(known), reason="the price of a model is unknown: set it under [prices]")
    mine = fmean(cost for cost, _, _ in known)
    theirs = fmean(cost for _, cost, _ in known)
    filled = replace(gate, n=len(known), candidate=mine, incumbent=theirs, method="ratio of means, cluster-robust")
    if theirs == 0:
        free = mine == 0
        return replace(filled, outcome="pass" if free else "fail", p=0.0 if free else 1.0,
                       reason="both are free" if free else "the incumbent is free")  # fmt: skip
    if len({cluster for _, _, cluster in known}) < 2:
        return replace(filled, reason=ONE_CLUSTER)
    ratio = mine / theirs
    clusters = [cluster for _, _, cluster in known]
    scale = max(max(m, limit * t) for m, t, _ in known) or 1.0  # brings the differences into [-1, 1]
    excess = [(limit * t - m) / scale for m, t, _ in known]
    p = paired_test(excess, clusters, 0.0, rule.seed).p
    far = paired(excess, clusters, 1 - 2 * rule.alpha_fail, rule.seed)
    residual = [(m - ratio * t) / scale for m, t, _ in known]
    spread = paired(residual, clusters, 1 - 2 * rule.alpha, rule.seed).interval
    low, high = ratio + spread.low * scale / theirs, ratio + spread.high * scale / theirs
    outcome = _outcome(p <= rule.alpha, far.interval.high < 0)
    more = _more_by_width(len(both), high - ratio, limit - ratio, rule) if outcome == "inconclusive" else None
    return replace(filled, estimate=ratio, low=low, high=high, p=p, outcome=outcome, more=more)


# --- what they share ---


def _outcome(passes: bool, fails: bool) -> Outcome:  # noqa: FBT001 (the two halves of one question)
    return "pass" if passes else "fail" if fails else "inconclusive"


def _filled(gate: Gate, pairs: Pairs, shown: Interval, method: str) -> Gate:
    return replace(
        gate, n=len(pairs.differences), estimate=shown.estimate, low=shown.low, high=shown.high, method=method,
        candidate=fmean(pairs.candidate), incumbent=fmean(pairs.incumbent),
    )  # fmt: skip


def _by_interval(gate: Gate, at: Callable[[float], Interval], margin: float, rule: Rule, more: int | None) -> Gate:
    """The gate decided by intervals of any level: p is the alpha at which the lower limit meets the margin."""
    p = _p_of(lambda level: at(level).low, -margin)
    outcome = _outcome(p <= rule.alpha, at(1 - 2 * rule.alpha_fail).high < -margin)
    return replace(gate, p=p, outcome=outcome, more=more if outcome == "inconclusive" else None)


def _by_item(pairs: Pairs) -> list[tuple[str, float, str]]:
    return list(zip(pairs.items, pairs.differences, pairs.clusters, strict=True))


def _corrected_shares(
    pairs: Pairs, mine: Calibration, theirs: Calibration, samples: int
) -> Callable[[float], tuple[Interval, Interval]]:
    """Both corrected shares at a level. Where items come in clusters, Student's t takes the place of the normal."""
    share, other = fmean(pairs.candidate), fmean(pairs.incumbent)
    n, m = (effective_items(scores, pairs.clusters, samples) for scores in (pairs.candidate, pairs.incumbent))
    groups = len(set(pairs.clusters))

    def at(level: float) -> tuple[Interval, Interval]:
        known = 1.0 if groups == len(pairs.clusters) else (_z(level) / _t(level, groups - 1)) ** 2
        return (
            judge_corrected(share, n * known, mine.q0, mine.q1, mine.m0, mine.m1, level),
            judge_corrected(other, m * known, theirs.q0, theirs.q1, theirs.m0, theirs.m1, level),
        )

    return at


def _difference(a: Interval, b: Interval) -> Interval:
    """The difference of two shares by MOVER."""
    difference = a.estimate - b.estimate
    below = math.hypot(a.estimate - a.low, b.high - b.estimate)
    above = math.hypot(a.high - a.estimate, b.estimate - b.low)
    return Interval(max(-1.0, difference - below), difference, min(1.0, difference + above))


def _at_odds(whose: str, share: float, known: Calibration) -> str:
    return (
        f"the judge takes {share:.1%} of the {whose}'s replies for good, which does not fit what it did on labelled ones ({known.q1:.1%} of "
        f"the good and {1 - known.q0:.1%} of the bad for good): label replies of this trial"
    )


def _z(level: float) -> float:
    return _NORMAL.inv_cdf((1 + level) / 2)


def _t(level: float, df: int) -> float:
    return float(library("scipy.special").stdtrit(df, (1 + level) / 2))


def _p_of(low: Callable[[float], float], limit: float) -> float:
    """The smallest one-sided alpha at which the lower limit of level 1 - 2 alpha lies above `limit`, by halving; 1 when even
    the estimate does not."""
    if low(1e-6) <= limit:
        return 1.0
    fails, holds = 0.0, 0.5
    for _ in range(30):
        middle = (fails + holds) / 2
        if middle > 0 and low(1 - 2 * middle) > limit:
            holds = middle
        else:
            fails = middle
    return holds


def _more_by_width(n: int, reach: float, gap: float, rule: Rule) -> int | None:
    """How many more items shrink an interval that reaches `reach` from its estimate so that it clears a limit `gap` away, with
    the rule's power; None when the estimate is on the wrong side."""
    if gap <= 0 or reach <= 0:
        return None
    z = _NORMAL.inv_cdf(1 - rule.alpha)
    needed = n * ((z + _NORMAL.inv_cdf(rule.power)) / z * reach / gap) ** 2
    return max(1, math.ceil(needed) - n)


def _quantile(values: Sequence[float]) -> float:
    """The smallest value that at least 95 % do not exceed."""
    return sorted(values)[math.ceil(QUANTILE * len(values)) - 1]
