"""Two bootstraps of clusters: t of a mean, by wild weights, and the ratio of two quantiles, by drawing clusters anew.

It knows numbers and which cluster each belongs to, and needs numpy, which is loaded when something is drawn. It exists so
that the formulas of `statistics.py` stand alone. The same seed draws the same.
"""

import math
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Final

from freehold.trials.extras import library

REPLICATES: Final = 1999
WEBB: Final = tuple(sign * math.sqrt(half / 2) for half in (1, 2, 3) for sign in (-1, 1))
"""Six weights with mean 0 and variance 1 (Webb 2023, Can. J. Econ. 56:839): 6**G draws, where Rademacher's two give 2**G."""


def wild(groups: Sequence[tuple[float, int]], seed: int) -> Callable[[float], float]:
    """P(t* >= t) under a null mean, for clusters of which each gives its sum and its size. It rises with the null.

    e_g = Σ_{i∈g}(d_i - null) is multiplied by a weight, and t* is studentised anew; the draws are the same for every null
    (Cameron, Gelbach & Miller 2008, Rev. Econ. Stat. 90:414)."""
    numpy = library("numpy")
    totals, sizes = (numpy.array(column, dtype=float) for column in zip(*groups, strict=True))
    draws = numpy.random.default_rng(seed).choice(WEBB, size=(REPLICATES, len(groups)))
    n = float(sizes.sum())
    mean = float(totals.sum()) / n
    spread = float(((totals - sizes * mean) ** 2).sum())

    def above(null: float) -> float:
        drawn = draws * (totals - sizes * null)
        means = drawn.sum(axis=1) / n
        spreads = ((drawn - means[:, None] * sizes) ** 2).sum(axis=1)
        # Weights that are all the same give t* = t exactly, but for rounding; a tie counts as reached.
        gap = (mean - null) * numpy.sqrt(spreads)
        reached = means * math.sqrt(spread) >= gap - 1e-9 * abs(gap)
        return (1 + int(reached.sum())) / (REPLICATES + 1)

    return above


def quantile_ratios(
    over: Sequence[float], under: Sequence[float], clusters: Sequence[Hashable], q: float, seed: int, replicates: int
) -> tuple[float, Any]:
    """The ratio of the q-quantiles of two columns of the same items, and an array of it with the clusters drawn anew.

    A quantile is the smallest value that a share q does not exceed. Raises ValueError when a value is not above 0."""
    if not 0 < q < 1 or not all(0 < value < math.inf for column in (over, under) for value in column):
        raise ValueError("a ratio of quantiles needs finite values above 0, and 0 < q < 1")
    numpy = library("numpy")
    places = {cluster: place for place, cluster in enumerate(dict.fromkeys(clusters))}
    index = numpy.array([places[cluster] for cluster in clusters])
    first, second = (_sorted(numpy, column, index) for column in (over, under))

    def ratio(weights: Any) -> float:
        return _quantile(numpy, *first, weights, q) / _quantile(numpy, *second, weights, q)

    size, draw = len(places), numpy.random.default_rng(seed)
    drawn = (numpy.bincount(draw.integers(0, size, size), minlength=size) for _ in range(replicates))
    return ratio(numpy.ones(size)), numpy.array([ratio(weights) for weights in drawn])


def _sorted(numpy: Any, column: Sequence[float], index: Any) -> tuple[Any, Any]:
    """Values from the smallest, and the cluster of each."""
    values = numpy.array(column, dtype=float)
    order = numpy.argsort(values, kind="stable")
    return values[order], index[order]


def _quantile(numpy: Any, values: Any, where: Any, weights: Any, q: float) -> float:
    reached = numpy.cumsum(weights[where])
    # The tolerance keeps a share that is reached exactly, such as 19 of 20 for 0.95, from rounding past it.
    at = int(numpy.searchsorted(reached, q * reached[-1] * (1 - 1e-12)))
    return float(values[min(at, len(values) - 1)])
