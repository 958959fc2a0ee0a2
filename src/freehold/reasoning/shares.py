"""Shares and differences over problems, each with an interval at 95 %. Pure.

Shares are Wilson's (1927). A mean of numbers between 0 and 1 gets the same with the sum in the place of the count, which is
never too narrow: nothing between 0 and 1 varies more than a coin of the same mean. Differences within problems are
bootstrapped over problems (Efron 1979); where all problems are alike, resampling shows nothing, and the interval is what the
mean can be if as large a share as Wilson's bound allows is of another kind, the worst or the best.
"""

import math
import random
from collections.abc import Iterable, Sequence

from msgspec import Struct

Z: float = 1.959963984540054
"""The 97.5 % point of the normal distribution."""

RESAMPLES: int = 2_000


class Share(Struct, frozen=True):
    """`hits` of `of`, with its interval. `hits` is not whole where each of the `of` is a share itself."""

    hits: float
    of: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """Between 0 and 1; 0 of nothing."""
        return self.hits / self.of if self.of else 0.0


class Difference(Struct, frozen=True):
    """A mean difference within `of` problems, with its interval; between -1 and 1."""

    value: float
    of: int
    low: float
    high: float


def share(hits: float, of: int) -> Share:
    """The share with Wilson's score interval; of nothing, anything is possible."""
    if not of:
        return Share(0, 0, 0.0, 1.0)
    rate, weight = hits / of, Z * Z / of
    middle = (rate + weight / 2) / (1 + weight)
    reach = Z * math.sqrt(max(0.0, rate * (1 - rate)) / of + weight / of / 4) / (1 + weight)
    low = 0.0 if hits <= 0 else max(0.0, middle - reach)
    return Share(hits, of, low, 1.0 if hits >= of else min(1.0, middle + reach))


def mean(values: Sequence[float]) -> Share:
    """The mean of numbers between 0 and 1, with an interval that is never too narrow."""
    return share(math.fsum(values), len(values))


def difference(pairs: Iterable[tuple[float, float]], seed: int) -> Difference:
    """The mean of first - second over pairs of numbers between 0 and 1, with a percentile bootstrap interval; where all are
    alike, with one that allows for those that were not seen."""
    gaps = [first - second for first, second in pairs]
    if not gaps:
        return Difference(0.0, 0, -1.0, 1.0)
    if len(set(gaps)) == 1:
        unseen, alike = share(0, len(gaps)).high, gaps[0]
        return Difference(alike, len(gaps), alike - unseen * (1 + alike), alike + unseen * (1 - alike))
    draw = random.Random(seed)  # noqa: S311 (a seed, so that a run can be repeated)
    means = sorted(math.fsum(draw.choices(gaps, k=len(gaps))) / len(gaps) for _ in range(RESAMPLES))
    tail = round(RESAMPLES * 0.025)
    return Difference(math.fsum(gaps) / len(gaps), len(gaps), means[tail - 1], means[RESAMPLES - tail])
