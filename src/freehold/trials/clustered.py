"""Items that come in clusters: the standard error of their mean, how alike those of one cluster are, and what that costs. Pure.

It knows numbers and which cluster each belongs to, and no test. It exists because what is asked in one conversation, or is nearly
the same, tells less than as many items that stand alone, and every formula of `statistics.py` must know how much less.

The cluster-robust variance sees how alike a cluster is by what that very cluster shows. Where a few clusters are much larger than the others
they show it too seldom: with sizes as they come (a power law, the largest 200 of some 2,000 items), tests that should err in 2.5 % of
trials did in 4 to 12 % (600 runs each). So the variance is then at least that by the intraclass correlation, to which all clusters
add (Kish 1965), k = Σk²/Σk: 0 to 3.5 %.
"""

import math
from collections.abc import Hashable, Sequence
from statistics import fmean

from freehold.trials.power import design_effect

Group = tuple[float, int]
"""Sum and size of a cluster."""


def standard_error(values: Sequence[float], clusters: Sequence[Hashable]) -> float:
    """Of the mean: √(G/(G-1) Σ_g(Σ_{i∈g}(d_i-d̄))²)/n (Miller 2024, arXiv:2411.00640); where sizes are so unequal that the clusters count as
    fewer than half of their number, at least that of items that stand alone times the square root of Kish's design effect.
    Raises ValueError for one cluster."""
    groups = groups_of(values, clusters)
    seen = _clustered_se(groups)
    if 2 * as_many_alone(groups) >= len(groups):
        return seen
    return max(seen, _alone(values) * math.sqrt(design_effect(_size(groups), icc(values, clusters))))


def design_effect_of(differences: Sequence[float], clusters: Sequence[Hashable]) -> float:
    """Clustered over independent variance of the mean, at least 1. b, c and n of clustered binary pairs, divided by it, go
    into `tango` (Rao & Scott 1992, Biometrics 48:577). Where all differences are the same, nothing shows how alike a cluster is, and
    its items count as wholly alike."""
    groups, alone = groups_of(differences, clusters), _alone(differences)
    return max(1.0, (standard_error(differences, clusters) / alone) ** 2) if alone else _size(groups)


def effective_items(scores: Sequence[float], clusters: Sequence[Hashable], samples: int = 1) -> float:
    """How many items that stand alone, right or wrong once each, tell as much of the mean score p: n divided by the variance of
    the mean over clusters in units of p(1-p)/n (Rao & Scott 1992), which for means of K samples may fall to 1/K. Where all
    scores are 0 or all are 1, nothing shows how alike a cluster is, and its items count as wholly alike."""
    n, mean, groups = len(scores), fmean(scores), groups_of(scores, clusters)
    alone = mean * (1 - mean) / (n - 1)  # with the factor n/(n-1), as that of the clusters has G/(G-1)
    if alone < 1e-12:
        return as_many_alone(groups)
    return n / max(1 / samples, standard_error(scores, clusters) ** 2 / alone)


def icc(values: Sequence[float], clusters: Sequence[Hashable]) -> float:
    """The intraclass correlation (MSB-MSW)/(MSB+(k₀-1)MSW), k₀ = (n-Σk²/n)/(G-1), from one-way analysis of variance; from
    -1/(k₀-1) to 1 (Donner 1986, Int. Stat. Rev. 54:67)."""
    groups, mean = groups_of(values, clusters), fmean(values)
    n, squares = len(values), sum(size * (total / size) ** 2 for total, size in groups)
    _expect(n > len(groups), "an intraclass correlation needs a cluster of two")
    within = max(0.0, sum(value * value for value in values) - squares) / (n - len(groups))
    between = max(0.0, squares - n * mean * mean) / (len(groups) - 1)
    typical = (n - sum(size * size for _, size in groups) / n) / (len(groups) - 1)
    whole = between + (typical - 1) * within
    return (between - within) / whole if whole > 0 else 0.0


def groups_of(values: Sequence[float], clusters: Sequence[Hashable]) -> list[Group]:
    """Sum and size of each cluster, in an order that does not depend on that of the items. Raises ValueError for one cluster."""
    found: dict[Hashable, Group] = {}
    for value, cluster in zip(values, clusters, strict=True):
        total, size = found.get(cluster, (0.0, 0))
        found[cluster] = (total + value, size + 1)
    _expect(len(found) > 1, "one cluster shows no variance")
    return sorted(found.values())


def _clustered_se(groups: Sequence[Group]) -> float:
    n, count = sum(size for _, size in groups), len(groups)
    mean = math.fsum(total for total, _ in groups) / n
    return math.sqrt(count / (count - 1) * math.fsum((total - size * mean) ** 2 for total, size in groups)) / n


def as_many_alone(groups: Sequence[Group]) -> float:
    """How many items that stand alone count as much as these clusters, if all of a cluster are the same: (Σk)²/Σk²."""
    return sum(size for _, size in groups) / _size(groups)


def is_constant(groups: Sequence[Group]) -> bool:
    """Whether all clusters have one mean."""
    means = [total / size for total, size in groups]
    return max(means) - min(means) < 1e-12


def _alone(values: Sequence[float]) -> float:
    """The standard error of items of which each stands alone."""
    return _clustered_se(groups_of(values, range(len(values))))


def _size(groups: Sequence[Group]) -> float:
    """The size of the cluster in which an item finds itself, on average: Σk²/Σk."""
    return sum(size * size for _, size in groups) / sum(size for _, size in groups)


def _expect(holds: bool, sentence: str) -> None:  # noqa: FBT001 (a claim and its sentence)
    if not holds:
        raise ValueError(sentence)
