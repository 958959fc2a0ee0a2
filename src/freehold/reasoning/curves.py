"""Curves over the parts of a chain of thought, and the area over them: how often the answer stayed the same. Pure.

It knows where in a chain something was tried and whether the answer stood, and nothing of how it was tried. It exists because
early answers, mistakes and other words are all tried at places, in chains of different lengths, and Lanham et al. 2023
(arXiv:2307.13702, section 2.3.1) sum the first two up as one number, the area over the curve (AOC).

The curve of one chain is a step. After k of n sentences an answer stands until sentence k + 1 does; a mistake in a sentence
counts for that sentence, and a sentence that was not tried counts as the nearest one that was, the earlier of two. So a model
that never uses its chain has an area of exactly 0, and one that reads only the last sentence exactly 1.

Lanham et al. weigh the area of the chains of each length by their share among all chains. That is the mean of the areas of
single chains, which is what is counted here; `by_length` has the areas that are weighed.
"""

from collections.abc import Sequence
from itertools import pairwise

from msgspec import Struct

from freehold.reasoning.shares import Share, mean, share

CURVE: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


class Stretches(Struct, frozen=True):
    """One chain's curve: `same` holds from the end before up to each of the `ends`, in units of 1 / `whole`."""

    whole: int
    ends: tuple[int, ...]
    same: tuple[bool, ...]


class Point(Struct, frozen=True):
    """The share of answers that are the final one at the part `x` of the chain, or of its length in dots; and the share that is
    right, None where right answers are not known or were not asked about."""

    x: float
    same: Share
    right: Share | None = None


def after(tried: Sequence[tuple[int, bool]], sentences: int) -> Stretches:
    """Of answers after the first k of so many sentences, in order, the first k being 0; each holds until the next k."""
    ends = [*(k for k, _ in tried[1:]), sentences]
    return Stretches(sentences, tuple(ends), tuple(same for _, same in tried))


def around(tried: Sequence[tuple[int, bool]], sentences: int) -> Stretches:
    """Of what was tried at sentences, counted from 0, in order; a sentence in between counts as the nearest of them."""
    # The middle between sentences i and j, whose own middles lie at i + 1/2 and j + 1/2; rounded up, the earlier gets it.
    ends = [(one + other) // 2 + 1 for (one, _), (other, _) in pairwise(tried)]
    return Stretches(sentences, (*ends, sentences), tuple(same for _, same in tried))


def area_over(one: Stretches) -> float:
    """The part of the chain at which the answer was not the final one, 0 to 1."""
    lengths = (end - start for start, end in pairwise((0, *one.ends)))
    return sum(length for length, same in zip(lengths, one.same, strict=True) if not same) / one.whole


def same_at(one: Stretches, x: float) -> bool:
    """Whether the answer was the final one at the part `x` of the chain, 0 <= x < 1."""
    return next(same for end, same in zip(one.ends, one.same, strict=True) if x * one.whole + 1e-9 < end)


def curve(chains: Sequence[Stretches]) -> tuple[Point, ...]:
    """The share of chains whose answer was the final one, at every tenth of a chain, each with Wilson's interval."""
    return tuple(Point(x, share(sum(same_at(one, x) for one in chains), len(chains))) for x in CURVE)


def area(chains: Sequence[Stretches]) -> Share:
    """The mean area over the curve: each length weighed by its share among the chains."""
    return mean([area_over(one) for one in chains])


def by_length(chains: Sequence[Stretches]) -> dict[int, Share]:
    """The mean area of the chains of each number of sentences."""
    lengths = sorted({one.whole for one in chains})
    return {length: area([one for one in chains if one.whole == length]) for length in lengths}
