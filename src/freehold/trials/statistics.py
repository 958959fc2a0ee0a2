"""The statistics of a trial offline: how much worse the candidate is at most. How many items it takes is in `power.py`.

It knows numbers only: no item, no model, no grader. Everything is pure, and what draws at random takes a seed. Scores lie
in [0, 1]; a difference is candidate minus incumbent; a margin m says how much worse still passes, and a test of it asks
whether H0: difference <= -m can be rejected, one-sided, so that it agrees with the lower limit of the interval of level
1 - 2 alpha. A share, a count or a level out of its range raises ValueError. Counts need not be whole, because those of
clustered pairs are divided by a design effect. numpy draws bootstraps and scipy knows Student's t (the extra `trials`).
"""

import math
from collections.abc import Callable, Hashable, Sequence
from fractions import Fraction
from statistics import NormalDist, covariance, fmean, variance
from typing import Final, Literal

from msgspec import Struct

from freehold.trials.bootstrap import REPLICATES, quantile_ratios, wild
from freehold.trials.clustered import as_many_alone, groups_of, is_constant, standard_error
from freehold.trials.extras import library
from freehold.trials.power import restricted_shares

FEW_CLUSTERS: Final = 30
"""Fewer clusters than these get the wild bootstrap, for Student's t rejects too often with few (Cameron, Gelbach & Miller 2008)."""

_NORMAL: Final = NormalDist()


class Interval(Struct, frozen=True):
    """An estimate between its limits."""

    low: float
    estimate: float
    high: float


class Test(Struct, frozen=True):
    """A one-sided test: large z and small p reject."""

    z: float
    p: float


class McNemar(Struct, frozen=True):
    """Two-sided p-values of McNemar's test: asymptotic (of z), continuity-corrected, exact and mid-P."""

    z: float
    p: float
    cc_p: float
    exact_p: float
    mid_p: float


class Paired(Struct, frozen=True):
    """A mean difference: its cluster-robust standard error, clusters - 1 as degrees of freedom, and which method it was."""

    interval: Interval
    se: float
    df: int
    method: Literal["t", "wild", "constant"]


class Repeats(Struct, frozen=True):
    """One difference for each item, and where their variance comes from: `between` items and the `noise` of one sample."""

    differences: tuple[float, ...]
    between: float
    noise_candidate: float
    noise_incumbent: float


# --- shares and paired binary scores -----------------------------------------------------------------------------------


def wilson(k: float, n: float, level: float = 0.95) -> Interval:
    """The share k/n in (k + z²/2 ± z √(k(n-k)/n + z²/4)) / (n + z²) (Wilson 1927, JASA 22:209)."""
    z = _two_sided(level)
    _expect(0 <= k <= n and n > 0, f"{k} of {n} is no share")
    middle, half = (k + z * z / 2) / (n + z * z), z * math.sqrt(k * (n - k) / n + z * z / 4) / (n + z * z)
    return Interval(max(0.0, middle - half), k / n, min(1.0, middle + half))


def tango(b: float, c: float, n: float, level: float = 0.95) -> Interval:
    """The difference (b - c)/n of n pairs in the δ with |z(δ)| <= z; b: only the candidate is right, c: only the incumbent.

    z(δ) = (b-c-nδ) / √(n(2q+δ(1-δ))), q = (√(B²-4AC)-B)/2A, A = 2n, B = -b-c+(2n-b+c)δ, C = -cδ(1-δ) (Tango 1998, Stat.
    Med. 17:891). It is defined without any discordant pair.
    """
    z, estimate = _two_sided(level), (b - c) / n

    def against(delta: float) -> float:
        return -_tango_z(b, c, n, delta)

    return Interval(_crossing(against, -1.0, estimate, -z), estimate, _crossing(against, estimate, 1.0, z))


def tango_test(b: float, c: float, n: float, margin: float) -> Test:
    """z(-m) of `tango` and its upper tail, against H0: difference <= -m."""
    z = _tango_z(b, c, n, -margin)
    return Test(z, _tail(z))


def _tango_z(b: float, c: float, n: float, delta: float) -> float:
    _expect(min(b, c) >= 0 and b + c <= n and n > 0, f"{b} and {c} of {n} are no discordant pairs")
    linear, constant = -b - c + (2 * n - b + c) * delta, -c * delta * (1 - delta)
    q = (math.sqrt(max(0.0, linear * linear - 8 * n * constant)) - linear) / (4 * n)
    spread, gap = n * (2 * q + delta * (1 - delta)), b - c - n * delta
    return _score(gap, spread)


def wald_paired(b: float, c: float, n: float, level: float = 0.95) -> Interval:
    """(b - c)/n ± z √(b+c-(b-c)²/n)/n: to compare with tools that print it. It is too short, and empty without discord."""
    half = _two_sided(level) * math.sqrt(b + c - (b - c) ** 2 / n) / n
    return Interval((b - c) / n - half, (b - c) / n, (b - c) / n + half)


def bonett_price(b: float, c: float, n: float, level: float = 0.95) -> Interval:
    """Wald's interval with a pair of each kind added (Bonett & Price 2012, J. Educ. Behav. Stat. 37:479)."""
    moved = wald_paired(b + 1, c + 1, n + 2, level)
    return Interval(max(-1.0, moved.low), (b - c) / n, min(1.0, moved.high))


def mover_wilson(a: float, b: float, c: float, d: float, level: float = 0.95) -> Interval:
    """Wilson's limits l, u and L, U of p = (a+b)/n and P = (a+c)/n, combined with their correlation φ: low = p - P -
    √((p-l)² - 2φ(p-l)(U-P) + (U-P)²), high likewise; φ = (ad-bc)/√(product of the margins), where a positive ad-bc is
    first drawn towards 0 by n/2 (method 10 of Newcombe 1998, Stat. Med. 17:2635)."""
    n, product, cross = a + b + c + d, (a + b) * (c + d) * (a + c) * (b + d), a * d - b * c
    phi = (max(0.0, cross - n / 2) if cross > 0 else cross) / math.sqrt(product) if product else 0.0
    own, other = wilson(a + b, n, level), wilson(a + c, n, level)

    def reach(mine: float, theirs: float) -> float:
        return math.sqrt(mine * mine - 2 * phi * mine * theirs + theirs * theirs)

    low = reach(own.estimate - own.low, other.high - other.estimate)
    high = reach(own.high - own.estimate, other.estimate - other.low)
    return Interval((b - c) / n - low, (b - c) / n, (b - c) / n + high)


def mcnemar(b: int, c: int) -> McNemar:
    """Are b and c discordant pairs equally likely? z = (b-c)/√(b+c); exact p = 2 P(X <= min(b, c)), X binomial of b+c and
    1/2; mid-P takes P(X = min) off it (McNemar 1947; Fagerland, Lydersen & Laake 2013, BMC Med. Res. Methodol. 13:91)."""
    n, few = b + c, min(b, c)
    _expect(few >= 0, f"{b} and {c} are no counts")
    if not n:
        return McNemar(0.0, 1.0, 1.0, 1.0, 1.0)
    z, corrected = (b - c) / math.sqrt(n), max(0, abs(b - c) - 1) / math.sqrt(n)
    exact = min(Fraction(1), 2 * Fraction(sum(math.comb(n, k) for k in range(few + 1)), 2**n))
    mid = 2 * Fraction(sum(math.comb(n, k) for k in range(few + 1)), 2**n) - Fraction(math.comb(n, few), 2**n)
    return McNemar(z, 2 * _tail(abs(z)), 2 * _tail(corrected), float(exact), float(mid))


# --- graded scores, clusters, repeats ----------------------------------------------------------------------------------


def paired(differences: Sequence[float], clusters: Sequence[Hashable], level: float = 0.95, seed: int = 0) -> Paired:
    """The mean of differences in [-1, 1], whose items come in clusters, with its interval.

    The `standard_error` of clusters and Student's t with G-1 degrees of freedom (Miller 2024, arXiv:2411.00640). Under 30
    clusters the limits invert the wild cluster bootstrap of t, the null imposed (Cameron, Gelbach & Miller 2008, Rev.
    Econ. Stat. 90:414). When all clusters have one mean x no variance was seen: (1+low)/(1+x) = α^(1/G), because a
    difference + 1 is nonnegative and reaches x + 1 with a chance of (1+low)/(1+x) at most (Markov), in all G clusters, of
    which unequal ones count as fewer.
    Binary differences belong in `tango`, divided by `design_effect_of` these: where t should err in 2.5 % of trials it does in
    9 % with 100 items and in 4 % with 437, at a discordance of 0.05 and a margin of 0.03 (6,000 runs; Tango's in 2.2 %).
    """
    groups, tail = groups_of(differences, clusters), (1 - level) / 2
    mean, se, df = fmean(differences), standard_error(differences, clusters), len(groups) - 1
    if is_constant(groups):
        low, high = ((1 + side * mean) * tail ** (1 / as_many_alone(groups)) - 1 for side in (1, -1))
        return Paired(Interval(low, mean, -high), 0.0, df, "constant")
    if len(groups) < FEW_CLUSTERS:
        above = wild(groups, seed)
        low = _crossing(above, min(-1.0, *differences), mean, tail)
        return Paired(Interval(low, mean, _crossing(above, mean, max(1.0, *differences), 1 - tail)), se, df, "wild")
    half = float(library("scipy.special").stdtrit(df, 1 - tail)) * se
    return Paired(Interval(mean - half, mean, mean + half), se, df, "t")


def paired_test(differences: Sequence[float], clusters: Sequence[Hashable], margin: float, seed: int = 0) -> Test:
    """The test of H0: mean difference <= -m that belongs to `paired`: t = (d̄+m)/SE, its z that of p."""
    groups = groups_of(differences, clusters)
    mean, se, df = fmean(differences), standard_error(differences, clusters), len(groups) - 1
    if is_constant(groups):
        p = min(1.0, max(0.0, (1 - margin) / (1 + mean)) ** as_many_alone(groups)) if mean > -margin else 1.0
    elif len(groups) < FEW_CLUSTERS:
        p = wild(groups, seed)(-margin)
    else:
        p = float(library("scipy.special").stdtr(df, -(mean + margin) / se))
    return Test(_z_of(p), p)


def repeats(candidate: Sequence[Sequence[float]], incumbent: Sequence[Sequence[float]]) -> Repeats:
    """Several samples an item: averaged first, then paired. Var(d̄) = (ω² + σ_A²/K_A + σ_B²/K_B)/n with σ² the mean variance
    within items and ω² what remains between them (Miller 2024, arXiv:2411.00640, section 5). With one sample an item its
    noise cannot be told from ω², and stays in it."""
    differences = tuple(fmean(a) - fmean(b) for a, b in zip(candidate, incumbent, strict=True))
    noise_a, share_a = _noise(candidate)
    noise_b, share_b = _noise(incumbent)
    return Repeats(differences, max(0.0, variance(differences) - share_a - share_b), noise_a, noise_b)


def _noise(samples: Sequence[Sequence[float]]) -> tuple[float, float]:
    """σ² pooled over items of more than one sample, and what it adds to the variance of an item's mean."""
    spare = sum(len(item) - 1 for item in samples)
    noise = sum(variance(item) * (len(item) - 1) for item in samples if len(item) > 1) / spare if spare else 0.0
    return noise, noise * fmean(1 / len(item) for item in samples)


# --- latency, and many tests at once -----------------------------------------------------------------------------------


def quantile_ratio(
    candidate: Sequence[float], incumbent: Sequence[float], clusters: Sequence[Hashable], q: float = 0.95,
    level: float = 0.95, seed: int = 0, replicates: int = REPLICATES,
) -> Interval:  # fmt: skip
    """The ratio of the q-quantiles of two models' durations on the same items: percentile bootstrap of whole clusters (Efron
    & Tibshirani 1993, chapter 13). A quantile is the smallest value that a share q does not exceed."""
    estimate, drawn = quantile_ratios(candidate, incumbent, clusters, q, seed, replicates)
    tail = (1 - level) / 2
    low, high = (float(limit) for limit in library("numpy").quantile(drawn, (tail, 1 - tail)))
    return Interval(min(low, estimate), estimate, max(high, estimate))


def quantile_ratio_test(
    candidate: Sequence[float], incumbent: Sequence[float], clusters: Sequence[Hashable], limit: float, q: float = 0.95,
    seed: int = 0, replicates: int = REPLICATES,
) -> Test:  # fmt: skip
    """Against H0: the ratio of `quantile_ratio` is `limit` or more. p = (1 + replicates that are)/(1 + replicates)."""
    _, drawn = quantile_ratios(candidate, incumbent, clusters, q, seed, replicates)
    p = (1 + int((drawn >= limit).sum())) / (1 + replicates)
    return Test(_z_of(p), p)


def all_must_pass(ps: Sequence[float]) -> float:
    """The p-value of "every one holds": the largest, without correction (intersection-union; Berger 1982, Technometrics 24:295)."""
    return max(ps)


def holm(ps: Sequence[float]) -> list[float]:
    """Adjusted so that any one that is at most alpha may be claimed: running maximum of (m-k+1) p₍ₖ₎ (Holm 1979, Scand. J.
    Stat. 6:65)."""
    adjusted, most = [0.0] * len(ps), 0.0
    for rank, at in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        adjusted[at] = most = max(most, min(1.0, (len(ps) - rank) * ps[at]))
    return adjusted


def benjamini_hochberg(ps: Sequence[float]) -> list[float]:
    """Adjusted so that those at most α hold α of false ones among them: running minimum of m p₍ₖ₎/k from above (Benjamini &
    Hochberg 1995, JRSS B 57:289)."""
    adjusted, least = [1.0] * len(ps), 1.0
    for rank, at in enumerate(sorted(range(len(ps)), key=ps.__getitem__, reverse=True)):
        adjusted[at] = least = min(least, ps[at] * len(ps) / (len(ps) - rank))
    return adjusted


# --- unpaired shares, and judges that err ------------------------------------------------------------------------------


def farrington_manning(k1: int, n1: int, k2: int, n2: int, margin: float) -> Test:
    """Against H0: p₁ - p₂ <= -m of unpaired shares k₁/n₁ (candidate) and k₂/n₂: the score z(-m), its variance at the
    likeliest shares with that difference (Farrington & Manning 1990, Stat. Med. 9:1447)."""
    z = _unpaired_z(k1, n1, k2, n2, -margin)
    return Test(z, _tail(z))


def miettinen_nurminen(k1: int, n1: int, k2: int, n2: int, level: float = 0.95) -> Interval:
    """p₁ - p₂ in the δ with |z(δ)| √((n-1)/n) <= z, n = n₁+n₂ (Miettinen & Nurminen 1985, Stat. Med. 4:213)."""
    estimate, n = k1 / n1 - k2 / n2, n1 + n2
    z = _two_sided(level) / math.sqrt((n - 1) / n)

    def against(delta: float) -> float:
        return -_unpaired_z(k1, n1, k2, n2, delta)

    return Interval(_crossing(against, -1.0, estimate, -z), estimate, _crossing(against, estimate, 1.0, z))


def _unpaired_z(k1: int, n1: int, k2: int, n2: int, delta: float) -> float:
    _expect(0 <= k1 <= n1 and 0 <= k2 <= n2 and min(n1, n2) > 0, f"{k1} of {n1} and {k2} of {n2} are no shares")
    p1, p2 = restricted_shares(k1 / n1, k2 / n2, n2 / n1, delta)
    return _score(k1 / n1 - k2 / n2 - delta, p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2)


def judge_corrected(p: float, n: float, q0: float, q1: float, m0: int, m1: int, level: float = 0.95) -> Interval:
    """The true share behind a judge's share p of n: q₀ of m₀ wrong replies were called wrong, q₁ of m₁ right ones right.

    θ = (p+q₀-1)/(q₀+q₁-1). The limits are θ + dθ ± z SE, SE² = [p(1-p)/n + (1-θ)²q₀(1-q₀)/m₀ + θ²q₁(1-q₁)/m₁]/(q₀+q₁-1)² and
    dθ = 2z²(θq₁(1-q₁)/m₁ - (1-θ)q₀(1-q₀)/m₀), all with p smoothed by z²/2 of z², each q by 1 of 2 (Lee et al. 2025,
    arXiv:2511.21140). Raises ValueError for a judge no better than chance."""
    _expect(q0 + q1 > 1 and n > 0, "a judge no better than chance (q0 + q1 <= 1) says nothing")
    z, estimate = _two_sided(level), min(1.0, max(0.0, (p + q0 - 1) / (q0 + q1 - 1)))
    p, n_smooth = (n * p + z * z / 2) / (n + z * z), n + z * z
    q0, q1 = (m0 * q0 + 1) / (m0 + 2), (m1 * q1 + 1) / (m1 + 2)
    _expect(q0 + q1 > 1, "labels are too few to show that the judge is better than chance")
    power, wrong, right = q0 + q1 - 1, q0 * (1 - q0) / (m0 + 2), q1 * (1 - q1) / (m1 + 2)
    theta = (p + q0 - 1) / power
    half = z * math.sqrt(p * (1 - p) / n_smooth + (1 - theta) ** 2 * wrong + theta**2 * right) / power
    middle = theta + 2 * z * z * (theta * right - (1 - theta) * wrong)
    return Interval(min(1.0, max(0.0, middle - half)), estimate, min(1.0, max(0.0, middle + half)))


def ppi_paired(
    human: Sequence[float], judged_on_human: Sequence[float], judged: Sequence[float], level: float = 0.95,
    clusters: tuple[Sequence[Hashable], Sequence[Hashable]] | None = None,
) -> Interval:  # fmt: skip
    """The mean of n paired differences y scored by people, sharpened by a judge's f on the same and on N further items: the
    interval of `ppi_error`, by Student's t in the place of the normal, for the n are few."""
    estimate, se, df = ppi_error(human, judged_on_human, judged, clusters)
    half = float(library("scipy.special").stdtrit(df, (1 + level) / 2)) * se
    return Interval(estimate - half, estimate, estimate + half)


def ppi_error(
    human: Sequence[float], judged_on_human: Sequence[float], judged: Sequence[float],
    clusters: tuple[Sequence[Hashable], Sequence[Hashable]] | None = None,
) -> tuple[float, float, int]:  # fmt: skip
    """The estimate, its standard error, and the labelled clusters - 1.

    θ = λ mean(f_N) + mean(y - λf), λ = Cov(y, f)/((1+n/N) Var f), SE² = λ²Var(f)/N + Var(y - λf)/n: never wider than
    people alone, asymptotically (PPI++; Angelopoulos et al. 2023, arXiv:2311.01453). `clusters` are those of the n and of the
    N items: each variance is then that of sums over clusters, and what a cluster has in both adds up."""
    n, more = len(human), len(judged)
    of_human, of_judged = clusters or (range(n), range(n, n + more))
    spread = variance([*judged_on_human, *judged])
    shown = spread and len(set(of_judged)) > 1  # one cluster shows no variance, and people alone remain
    tuned = covariance(human, judged_on_human) / ((1 + n / more) * spread) if shown else 0.0
    rest = [y - tuned * f for y, f in zip(human, judged_on_human, strict=True)]
    mine, theirs = _influence(rest, of_human), _influence([tuned * f for f in judged], of_judged) if tuned else {}
    both = math.fsum(mine[name] * theirs[name] for name in mine.keys() & theirs.keys())
    se = math.sqrt(_sum_of_squares(mine) + _sum_of_squares(theirs) + 2 * max(0.0, both))
    return fmean(rest) + (tuned * fmean(judged) if tuned else 0.0), se, len(mine) - 1


def _influence(values: Sequence[float], clusters: Sequence[Hashable]) -> dict[Hashable, float]:
    """What each cluster adds to the mean beyond its share."""
    mean, found = fmean(values), dict[Hashable, float]()
    for value, cluster in zip(values, clusters, strict=True):
        found[cluster] = found.get(cluster, 0.0) + (value - mean) / len(values)
    _expect(len(found) > 1, "one cluster shows no variance")
    return found


def _sum_of_squares(influence: dict[Hashable, float]) -> float:
    """G/(G-1) Σ: the variance of the mean; 0 of nothing."""
    return (
        len(influence) / (len(influence) - 1) * math.fsum(one * one for one in influence.values()) if influence else 0.0
    )


# --- what they share ---------------------------------------------------------------------------------------------------


def _score(gap: float, spread: float) -> float:
    return gap / math.sqrt(spread) if spread > 0 else math.copysign(math.inf, gap) if gap else 0.0


def _crossing(rising: Callable[[float], float], low: float, high: float, at: float) -> float:
    """Where a rising function reaches `at`, by halving; `high` when it stays below, `low` when it begins above."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < at else (low, middle)
    return high


def _two_sided(level: float) -> float:
    _expect(0 < level < 1, f"the level is {level}, not between 0 and 1")
    return _NORMAL.inv_cdf((1 + level) / 2)


def _tail(z: float) -> float:
    return math.erfc(z / math.sqrt(2)) / 2


def _z_of(p: float) -> float:
    return -_NORMAL.inv_cdf(p) if 0 < p < 1 else math.copysign(math.inf, 0.5 - p)


def _expect(holds: bool, sentence: str) -> None:  # noqa: FBT001 (a claim and its sentence)
    if not holds:
        raise ValueError(sentence)
