"""What a candidate that is as good as the incumbent may expect of a trial: the chance of each gate, of all, and the items for that.

Pure, and seeded. Equal means: of the same quality and as fast, on every segment, at the prices of the plan. What is supposed of
the data comes from an earlier trial of the same two models where there is one, and else from the assumptions below. Gates that
are asked about the same items lean on each other (a segment is a part of the whole), so the chance of all of them together is
found by drawing: the items fall into cells by their segments, each cell gets a normal sum, and each gate the sum of its cells.
"""

import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from operator import gt
from statistics import NormalDist, fmean, stdev
from typing import Final

from msgspec import Struct

from freehold.items import Item, Label
from freehold.trials.clustered import icc
from freehold.trials.plan import Chance, Gates, PlannedGrader, PlannedItem, Segments
from freehold.trials.power import design_effect, sd_of_quantile_ratio, sd_of_repeats
from freehold.trials.results import Calibration, Results, Told

ASSUMED_DISCORDANCE: Final = 0.2
"""How often two models differ in being right, until a trial has shown it."""

ASSUMED_RARE: Final = 0.05
"""How often they differ by a further grader, until a trial has shown it: such gates are for what is rare, refusals and bad forms."""

ASSUMED_ICC: Final = 0.1
"""How alike the items of one cluster are, until a trial has shown it."""

ASSUMED_HITS: Final = 0.9
"""The share of replies that a judge judges as people do, until a trial has calibrated it."""

ASSUMED_GOOD: Final = 0.8
"""The share of good replies, until a trial has shown it."""

ASSUMED_LOG_SD: Final = 0.5
"""The standard deviation of the logarithm of an answer's time, until captured answers or a trial have shown it."""

ASSUMED_COST_SD: Final = 0.5
"""The standard deviation of a cost, as a share of it: answers differ in length."""

LEAST_DISCORDANCE: Final = 0.02
LEAST_LABELS: Final = 10
"""As in `calibrating.py`: below so many labels of each kind a judge concludes nothing."""

LEAST_TIMED: Final = 20
"""As in `comparing.py`: conversations below which nobody has a 95th percentile."""

MOST_ITEMS: Final = 100_000_000
DRAWS: Final = 2_000
DRAWN_TO: Final = 0.005
"""How exactly the items for a drawn chance are looked for."""

MOST_DRAWN: Final = 2_000_000

_NORMAL: Final = NormalDist()
_NEVER: Final = math.inf


class Asked(Struct, frozen=True, kw_only=True):
    """What is planned, as far as chances depend on it. `costs` are those of an item in nano-dollars, the candidate's and the
    incumbent's, None where a price is unknown."""

    margin: float
    alpha: float
    power: float
    samples: int
    gates: Gates
    segments: Segments
    graders: Sequence[PlannedGrader]
    candidate: str
    incumbent: str
    costs: tuple[float, float] | None
    seed: int


class Expected(Struct, frozen=True):
    """The chance of all gates together with the items there are (None: that of quality is unknown), the items for the wished power
    (None: no number does, or it is unknown), the chance of each gate, and what was supposed: the mean squared difference of an item, and where that comes from."""

    power: float | None
    needed: int | None
    chances: tuple[Chance, ...]
    discordance: float
    source: str


class _Prospect(Struct, frozen=True):
    """One gate. It passes when a standard normal variable is above `limit(k)`, with k times the items; None where nothing is known.
    `items` are the places of the items that it is asked about, empty for a gate that leans on no other."""

    name: str
    n: int
    limit: Callable[[float], float] | None
    items: frozenset[int] = frozenset()
    reason: str = ""


def expect(asked: Asked, items: Sequence[Item], planned: Sequence[PlannedItem], pilot: Results | None) -> Expected:
    """What an equal candidate may expect. `planned` are the same items, in the same order."""
    primary = asked.graders[0]
    spread, source = _spread(asked, primary, pilot, ASSUMED_DISCORDANCE)
    rho = _icc(primary.name, pilot)
    everything = frozenset(range(len(planned)))
    prospects = [_graded("quality", primary, asked.margin, everything, asked, items, planned, pilot)]
    counts = Counter(segment for item in planned for segment in item.segments)
    for name in sorted(name for name, count in counts.items() if count >= asked.segments.least):
        within = frozenset(place for place, item in enumerate(planned) if name in item.segments)
        prospects.append(_graded(name, primary, asked.segments.margin, within, asked, items, planned, pilot))
    by_name = {grader.name: grader for grader in asked.graders}
    for name, margin in asked.gates.graders.items():
        one = _graded(name, by_name[name], margin, everything, asked, items, planned, pilot)
        prospects.append(_Prospect(one.name, one.n, one.limit, frozenset(), one.reason))
    effect = _effect(planned, everything, rho)
    if asked.gates.p95 is not None:
        prospects.append(_latency(asked, asked.gates.p95, items, planned, pilot, effect))
    if asked.gates.cost is not None:
        prospects.append(_cost(asked, asked.gates.cost, len(items), pilot, effect))
    told = f", a design effect of {effect:.2f} for clusters" if effect > 1 else ""
    chances = tuple(Chance(name=one.name, items=one.n, chance=_alone(one), reason=one.reason) for one in prospects)
    if prospects[0].limit is None:
        return Expected(None, None, chances, round(spread, 4), source + told)
    together = _together(prospects, planned, asked.seed)
    drawn = sum(one.limit is not None for one in prospects) > 1
    needed = _needed(together, len(items), asked.power, DRAWN_TO if drawn else 0)
    return Expected(round(together(1.0), 4), needed, chances, round(spread, 4), source + told)


# --- what is supposed of the data ---


def _spread(asked: Asked, grader: PlannedGrader, pilot: Results | None, assumed: float) -> tuple[float, str]:
    """The mean squared difference of an item, which for one right-or-wrong sample is the share on which the two differ."""
    both = _both(pilot, grader.name)
    if pilot is None or len(both) < 2:
        return assumed, "assumed: no trial of these two models on this workload has ended yet"
    seen = fmean((mine - theirs) ** 2 for mine, theirs, _, _ in both)
    taken = min(samples for _, _, samples, _ in both)
    if grader.binary and taken > 1:
        mine = fmean(_noise(score, samples) for score, _, samples, _ in both)
        theirs = fmean(_noise(score, samples) for _, score, samples, _ in both)
        between = max(0.0, seen - (mine + theirs) / taken)
        spread = sd_of_repeats(between, mine, theirs, asked.samples, asked.samples) ** 2
    else:  # how much of it more samples would average away is unknown, so none; of fewer, all
        spread = seen * max(1.0, taken / asked.samples)
    return max(LEAST_DISCORDANCE, spread), f"as in {pilot.trial}"


def _noise(mean: float, samples: int) -> float:
    """The variance of one sample of right and wrong, from the mean of several."""
    return mean * (1 - mean) * samples / (samples - 1)


def _icc(grader: str, pilot: Results | None) -> float:
    """How alike the differences within one cluster are: as the earlier trial has shown."""
    both = _both(pilot, grader)
    clusters = [cluster for _, _, _, cluster in both]
    if not 1 < len(set(clusters)) < len(clusters):
        return ASSUMED_ICC
    return max(0.0, icc([mine - theirs for mine, theirs, _, _ in both], clusters))


def _both(pilot: Results | None, grader: str) -> list[tuple[float, float, int, str]]:
    """Of each item of an earlier trial that was scored for both: the candidate's and the incumbent's score, samples, cluster."""
    found: list[tuple[float, float, int, str]] = []
    for row in pilot.rows if pilot is not None else ():
        mine, theirs = row.candidate.scores.get(grader), row.incumbent.scores.get(grader)
        if mine is not None and theirs is not None:
            samples = max(1, min(len(row.candidate.keys), len(row.incumbent.keys)))
            found.append((mine, theirs, samples, row.cluster))
    return found


def _effect(planned: Sequence[PlannedItem], places: frozenset[int], rho: float) -> float:
    sizes = Counter(planned[place].cluster for place in places).values()
    return design_effect(sum(size * size for size in sizes) / sum(sizes), rho)


# --- one gate ---


def _graded(
    name: str,
    grader: PlannedGrader,
    margin: float,
    places: frozenset[int],
    asked: Asked,
    items: Sequence[Item],
    planned: Sequence[PlannedItem],
    pilot: Results | None,
) -> _Prospect:
    """A gate of scores: no worse than the margin, by the paired test, or by a judge and what is known of its errors."""
    rare = grader.name != asked.graders[0].name
    spread, _ = _spread(asked, grader, pilot, ASSUMED_RARE if rare else ASSUMED_DISCORDANCE)
    n = len(places) / _effect(planned, places, _icc(grader.name, pilot))
    if grader.judge:
        return _judged(name, grader, margin, places, n, spread, asked, items, planned, pilot)
    reach, sd = _upper(asked.alpha), math.sqrt(spread)
    return _Prospect(name, len(places), lambda k: reach - margin * math.sqrt(k * n) / sd, places)


def _judged(
    name: str,
    grader: PlannedGrader,
    margin: float,
    places: frozenset[int],
    n: float,
    spread: float,
    asked: Asked,
    items: Sequence[Item],
    planned: Sequence[PlannedItem],
    pilot: Results | None,
) -> _Prospect:
    """A gate of a judge's scores. Its interval is that of `comparing.compare_corrected`: as wide as if both models' corrected shares
    were independent, with the errors of the calibration, which more items do not lessen. `n` items stand alone, with a judged difference of this mean
    square. What decides without a calibration of right and wrong, people's labels of the trial's own replies, is not known yet."""
    if grader.pairwise or not grader.binary:
        few = "a judge of pairs or of grades is believed once people have labelled replies of this trial, of which there are none yet"
        return _Prospect(name, len(places), None, places, few)
    both = [_calibration(grader.name, model, items, planned, pilot) for model in (asked.candidate, asked.incumbent)]
    known = [one for one in both if one is not None and one.q0 + one.q1 > 1]
    if len(known) < 2:
        few = f"the judge is not calibrated: it takes {LEAST_LABELS} labels of good and of bad replies, before the run or after it"
        return _Prospect(name, len(places), None, places, few)
    scores = [theirs for _, theirs, _, _ in _both(pilot, grader.name)]
    good = fmean(scores) if scores else ASSUMED_GOOD
    reach, own = _upper(asked.alpha), known[0] != known[1]
    gain = min(one.q0 + one.q1 - 1 for one in known)
    errors = sum(_error(one, good) for one in known)

    def limit(k: float) -> float:
        width = math.sqrt(2 * good * (1 - good) / (k * n * gain * gain) + errors)
        drawn = math.sqrt(spread / (k * n * gain * gain) + (errors if own else 0.0))
        return (reach * width - margin) / drawn

    return _Prospect(name, len(places), limit, places)


def _calibration(
    grader: str, model: str, items: Sequence[Item], planned: Sequence[PlannedItem], pilot: Results | None
) -> Calibration | None:
    """What the trial will know of a judge's errors on a model's replies: from the labels that its items have, as `calibrating.calibrate`
    counts them, and the hits of the earlier trial; None when the labels are too few."""
    labels = {
        (item.model, label.score >= 0.5, one.cluster)
        for item, one in zip(items, planned, strict=True)
        if (label := _label(item)) is not None
    }
    hits = {one.model: one for one in (pilot.calibrations if pilot is not None else ()) if one.grader == grader}
    for whose in (model, ""):
        goods = [good for by, good, _ in labels if not whose or by == whose]
        m1, m0 = sum(goods), len(goods) - sum(goods)
        if min(m0, m1) >= LEAST_LABELS:
            seen = hits.get(whose) or hits.get("")
            q0, q1 = (seen.q0, seen.q1) if seen is not None else (ASSUMED_HITS, ASSUMED_HITS)
            return Calibration(grader=grader, model=whose, q0=q0, q1=q1, m0=m0, m1=m1)
    return None


def _label(item: Item) -> Label | None:
    """The newest human label of the captured reply."""
    found = [label for label in item.labels if label.source == "human" and label.model == item.model]
    return max(found, key=lambda label: label.at) if found and item.given is not None else None


def _error(one: Calibration, good: float) -> float:
    """The variance that a calibration adds to a corrected share, both rates smoothed by one of two (Lee et al. 2025)."""
    q0, q1 = (one.m0 * one.q0 + 1) / (one.m0 + 2), (one.m1 * one.q1 + 1) / (one.m1 + 2)
    wrong, right = q0 * (1 - q0) / (one.m0 + 2), q1 * (1 - q1) / (one.m1 + 2)
    return ((1 - good) ** 2 * wrong + good * good * right) / (q0 + q1 - 1) ** 2


def _latency(
    asked: Asked, most: float, items: Sequence[Item], planned: Sequence[PlannedItem], pilot: Results | None, effect: float
) -> _Prospect:  # fmt: skip
    """The gate of the 95th percentile, for a candidate that is as fast as the incumbent. Times of few conversations show nothing."""
    times = [math.log(ms) for row in (pilot.rows if pilot is not None else ()) for ms in row.incumbent.ms if ms > 0]
    if len(times) < LEAST_TIMED:
        times = [math.log(item.total_ms) for item in items if item.total_ms > 0]
    sd = sd_of_quantile_ratio(stdev(times) if len(times) >= LEAST_TIMED else ASSUMED_LOG_SD)
    reach, n = _upper(asked.alpha), len(items) / effect
    groups = len({item.cluster for item in planned})
    few = f"its times come from {groups} of at least {LEAST_TIMED} conversations" if groups < LEAST_TIMED else ""

    def limit(k: float) -> float:
        if k * groups < LEAST_TIMED or (sd == 0 and most <= 1):
            return _NEVER
        return -_NEVER if sd == 0 else reach - math.log(most) * math.sqrt(k * n) / sd

    return _Prospect("p95 latency", len(items), limit, reason=few)


def _cost(asked: Asked, most: float, n: int, pilot: Results | None, effect: float) -> _Prospect:
    """The gate of cost: what the earlier trial cost, else the prices, with answers whose lengths vary."""
    paid = [(row.candidate, row.incumbent) for row in (pilot.rows if pilot is not None else ())]
    excess = [most * theirs - mine for mine, theirs in map(_paid, paid) if mine is not None and theirs is not None]
    if len(excess) > 1:
        mean, sd = fmean(excess), stdev(excess)
    elif asked.costs is None:
        return _Prospect("cost", n, None, frozenset(), "nobody says the price")
    else:
        mine, theirs = asked.costs
        mean, sd = most * theirs - mine, ASSUMED_COST_SD * math.hypot(mine, most * theirs)
    if sd == 0:
        return _Prospect("cost", n, lambda _: -_NEVER if mean >= 0 else _NEVER)
    reach = _upper(asked.alpha)
    return _Prospect("cost", n, lambda k: reach - mean * math.sqrt(k * n / effect) / sd)


def _paid(both: tuple[Told, Told]) -> tuple[float | None, float | None]:
    return both[0].cost_nano, both[1].cost_nano


# --- all of them ---


def _alone(one: _Prospect) -> float | None:
    return None if one.limit is None else round(_NORMAL.cdf(-one.limit(1.0)), 4)


def _together(
    prospects: Sequence[_Prospect], planned: Sequence[PlannedItem], seed: int
) -> Callable[[float], float]:  # fmt: skip
    """The chance that all gates of which anything is known pass, with k times the items."""
    known = [one for one in prospects if one.limit is not None]
    if len(known) == 1:
        return lambda k: _NORMAL.cdf(-_limit(known[0], k))
    drawn = _draw(known, planned, seed)

    def chance(k: float) -> float:
        """That of the hardest gate, which is known, times the share of its draws in which the others are passed too."""
        limits = [_limit(one, k) for one in known]
        hardest = max(range(len(known)), key=limits.__getitem__)
        kept = [zs for zs in drawn if zs[hardest] > limits[hardest]]
        both = sum(all(map(gt, zs, limits)) for zs in kept) / len(kept) if kept else 0.0
        return _NORMAL.cdf(-limits[hardest]) * both

    return chance


def _draw(known: Sequence[_Prospect], planned: Sequence[PlannedItem], seed: int) -> list[list[float]]:
    """A standard normal variable for each gate, many times; gates that share items are as alike as the share says."""
    cells = Counter(tuple(place in one.items for one in known) for place in range(len(planned)))
    sizes = {cell: math.sqrt(count) for cell, count in cells.items() if any(cell)}
    within = [[place for place, cell in enumerate(sizes) if cell[at]] for at in range(len(known))]
    wholes = [math.sqrt(len(one.items)) for one in known]
    draw = random.Random(seed)  # noqa: S311 (a simulation, fixed by the plan's seed)
    drawn: list[list[float]] = []
    for _ in range(max(500, min(DRAWS, MOST_DRAWN // ((1 + len(sizes)) * len(known))))):
        parts = [size * draw.gauss(0.0, 1.0) for size in sizes.values()]
        drawn.append(
            [
                sum(parts[place] for place in places) / whole if whole else draw.gauss(0.0, 1.0)
                for places, whole in zip(within, wholes, strict=True)
            ]
        )
    return drawn


def _needed(chance: Callable[[float], float], n: int, power: float, within: float) -> int | None:
    """The least number of items with the chance, to a share `within` of it, mixed as the items there are; None when no number has it."""
    low, high = 0, n
    while chance(high / n) < power:
        low, high = high, 2 * high
        if high > MOST_ITEMS:
            return None
    while high - low > max(1, within * high):
        middle = (low + high) // 2
        low, high = (middle, high) if chance(middle / n) < power else (low, middle)
    return high


def _limit(one: _Prospect, k: float) -> float:
    return -_NEVER if one.limit is None else one.limit(k)


def _upper(alpha: float) -> float:
    return -_NORMAL.inv_cdf(alpha)
