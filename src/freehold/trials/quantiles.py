"""How long the incumbent takes, over all and just now: what a candidate's times are held against.

Over all: times are counted in buckets 2 % wide. At 128, 256, 512, ... times the upper confidence limit of their 95th percentile
is drawn anew, from order statistics alone (Conover 1999, section 3.2), the k-th time at level alpha / ((k+1)(k+2)): all limits
together are too low with probability at most alpha, whatever the times' distribution and whenever anybody looks. That holds as
long as the incumbent's times stay as they are. Where everything grows slow for an hour, the limit is one of better days.

Just now: in blocks of 20 of the incumbent's times, one for each conversation, with those of the candidate that began between
them. Which conversation has which model is drawn by lot, so a candidate that is at every moment at most `ratio` times as slow
has a time longer than `ratio` times the block's longest in one case of 20 at most: it would be the first of 20 that are in no order.
(The last of the incumbent's, with which a block ends by rule, is not among those 20; that it is in the block makes it rarer still.)
However times change, they change for both.
"""

import math
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

QUANTILE: Final = 0.95
STEP: Final = 1.02
FIRST: Final = 128
BLOCK: Final = 20


class Times(Struct, frozen=True):
    """The times so far: how many fell into each bucket, and the `limit` in milliseconds, None while there are too few."""

    buckets: dict[int, int] = {}
    n: int = 0
    looks: int = 0
    limit: float | None = None


class Block(Struct, frozen=True):
    """The times since the last whole block: how many the incumbent had and the longest of them in milliseconds, and the candidate's
    by bucket."""

    n: int = 0
    longest: float = 0.0
    candidate: dict[int, int] = {}


def took(times: Times, ms: float, alpha: float) -> Times:
    """The times after one more, in milliseconds; `alpha` is the level of all limits together."""
    buckets = _counted(times.buckets, ms)
    n = times.n + 1
    if n != FIRST * 2**times.looks:
        return replace(times, buckets=buckets, n=n)
    level = alpha / ((times.looks + 1) * (times.looks + 2))
    rank = upper_rank(n, level)
    limit = times.limit if rank is None else _upper_edge(buckets, rank)
    return Times(buckets, n, times.looks + 1, limit)


def took_beside(block: Block, ms: float, *, candidate: bool) -> Block:
    """The block after one more time, in milliseconds. One that was whole is over, and the next begins."""
    if block.n == BLOCK:
        block = Block()
    if candidate:
        return replace(block, candidate=_counted(block.candidate, ms))
    return replace(block, n=block.n + 1, longest=max(block.longest, ms))


def share_beyond(block: Block, ratio: float) -> float | None:
    """The share of the candidate's times that are longer than `ratio` times the incumbent's longest; None where the block is not
    whole, or has no time of the candidate's. Those in the same bucket as that limit are not counted as longer."""
    all_of_it = sum(block.candidate.values())
    if block.n < BLOCK or not all_of_it:
        return None
    beyond = sum(count for place, count in block.candidate.items() if STEP ** (place - 1) >= ratio * block.longest)
    return beyond / all_of_it


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


def _counted(buckets: dict[int, int], ms: float) -> dict[int, int]:
    place = math.ceil(math.log(max(ms, 1e-3)) / math.log(STEP))
    return {**buckets, place: buckets.get(place, 0) + 1}


def _upper_edge(buckets: dict[int, int], rank: int) -> float:
    seen = 0
    for place in sorted(buckets):
        seen += buckets[place]
        if seen >= rank:
            return STEP**place
    raise AssertionError("fewer times than were counted")
