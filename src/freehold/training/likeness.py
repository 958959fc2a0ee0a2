"""Texts that are nearly the same: exact Jaccard likeness over shingles, found without comparing each with each.

It knows sets of numbers and no rows. Two sets with a likeness of `t` share a number among the first `n - ceil(t n) + 1` of each, in any
order that both are sorted by (the prefix filter: Chaudhuri, Ganti and Kaushik 2006; Bayardo, Ma and Srikant 2007). So a text is looked up by
those alone, and what is found is compared exactly: nothing that is near is missed, and nothing else is found.
"""

import math
import re
import unicodedata
from collections import defaultdict
from hashlib import blake2b

WORDS = 5
"""Words of a shingle."""

SIGNS = 12
"""Signs of a shingle, in texts of fewer than `FEW` words."""

FEW = 12

ALIKE = 0.8

MOST = 50_000
"""Words of a text whose shingles are taken: what is alike is so from its beginning."""

_WORD = re.compile(r"\w+|[^\w\s]")


def words(text: str) -> list[str]:
    """The words, numbers and signs of a text, in one case and one form of Unicode."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def shingles(text: str) -> frozenset[int]:
    """The shingles of a text as 64-bit numbers: of 5 words, or of 12 signs where it has few words. Empty for a blank text."""
    found = words(text)[:MOST]
    if len(found) < FEW:
        joined = "".join(found)
        parts = [joined[at : at + SIGNS] for at in range(max(1, len(joined) - SIGNS + 1))] if joined else []
    else:
        parts = [" ".join(found[at : at + WORDS]) for at in range(len(found) - WORDS + 1)]
    return frozenset(number(part) for part in parts)


def number(part: str) -> int:
    """64 bits of the hash of a shingle."""
    return int.from_bytes(blake2b(part.encode(errors="replace"), digest_size=8).digest(), "big")


def likeness(one: frozenset[int], other: frozenset[int]) -> float:
    """The share of the shingles of both that both have, 0 to 1; 0 for two empty sets."""
    every = len(one | other)
    return len(one & other) / every if every else 0.0


class Neighbours:
    """Texts by name, asked for those that are nearly the same as another."""

    def __init__(self, alike: float = ALIKE) -> None:
        """`alike` is the likeness from which on two texts count as the same, above 0 and at most 1."""
        self.alike = alike
        self._sets: dict[str, frozenset[int]] = {}
        self._names: dict[int, list[str]] = defaultdict(list)

    def add(self, name: str, text: str) -> None:
        """Keeps a text. A name is kept once."""
        found = shingles(text)
        self._sets[name] = found
        for one in self._prefix(found):
            self._names[one].append(name)

    def nearest(self, text: str) -> tuple[str, float] | None:
        """The name and likeness of the text that is most like this one, None when none is alike enough."""
        found = shingles(text)
        names = {name for one in self._prefix(found) for name in self._names.get(one, ())}
        best = max(((likeness(found, self._sets[name]), name) for name in names), default=None)
        return (best[1], best[0]) if best is not None and best[0] >= self.alike else None

    def _prefix(self, found: frozenset[int]) -> list[int]:
        return sorted(found)[: len(found) - math.ceil(self.alike * len(found) - 1e-9) + 1]
