"""How long the incumbent's slowest twentieth takes, from above, at every moment: what a candidate's times are held against.

Times are counted in buckets 2 % wide. At 128, 256, 512, ... times the upper confidence limit of their 95th percentile is
drawn anew, from order statistics alone (Conover 1999, section 3.2), the k-th time at level alpha / ((k+1)(k+2)): all limits
together are too low with probability at most alpha, whatever the times' distribution and whenever anybody looks.
"""

import math
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

QUANTILE: Final = 0.95
STEP: Final = 1.02
FIRST: Final = 128


class Times(Struct, frozen=True):
    """The times so far: how many fell into each bucket, and the `limit` in milliseconds, None while there are too few."""

    buckets: dict[int, int] = {}
    n: int = 0
    looks: int = 0
    limit: float | None = None


def took(times: Times, ms: float, alpha: float) -> Times:
    """The times after one more, in milliseconds; `alpha` is the level of all limits together."""
    place = math.ceil(math.log(max(ms, 1e-3)) / math.log(STEP))
    buckets = {**times.buckets, place: times.buckets.get(place, 0) + 1}
    n = times.n + 1
    if n != FIRST * 2**times.looks:
        return replace(times, buckets=buckets, n=n)
    level = alpha / ((times.looks + 1) * (times.looks + 2))
    rank = upper_rank(n, level)
    limit = times.limit if rank is None else _upper_edge(buckets, rank)
    return Times(buckets, n, times.looks + 1, limit)


def upper_rank(n: int, alpha: float) -> int | None:
    """The least r such that the r-th smallest of n times is below their 95th percentile with probability at most `alpha`:
    P(Bin(n, 0.95) >= r) <= alpha. None when even the largest may be."""
    tail, rank = 0.0, None
    for r in range(n, 0, -1):
        choose = math.lgamma(n + 1) - math.lgamma(r + 1) - math.lgamma(n - r + 1)
        tail += math.exp(choose + r * math.log(QUANTILE) + (n - r) * math.log1p(-QUANTILE))
        if tail > alpha:
            break
        rank = r
    return rank


def _upper_edge(buckets: dict[int, int], rank: int) -> float:
    seen = 0
    for place in sorted(buckets):
        seen += buckets[place]
        if seen >= rank:
            return STEP**place
    raise AssertionError("fewer times than were counted")
