"""Clusters of items that belong together, and the split of each: train, trial, holdout, never mixed. Pure.

Two items belong together when they come from one conversation, or when their inputs are nearly the same: MinHash (Broder 1997)
over three-word shingles, found by locality-sensitive hashing in 32 bands of 8 (a pair of Jaccard likeness 0.8 is found with
probability 1 - (1 - 0.8^8)^32 = 0.997), held against 0.8 by the share of the 256 hashes that agree (standard error 0.025).

A cluster's split is a keyed hash of its name, so it is stable, and nobody can pick it. What was dealt never moves. An item that
ties clusters of different splits together is a `bridge`: it takes part in neither, as its presence would let one split know the
other, and it ties nothing to anything from then on.
"""

import re
import struct
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b, shake_128
from operator import eq
from typing import Any, Final, cast

from msgspec import Struct

BANDS: Final = 32
ROWS: Final = 8
HASHES: Final = BANDS * ROWS
SHINGLE: Final = 3
ALIKE: Final = 0.8
MOST_WORDS: Final = 20_000
"""Words of an input that are looked at."""

BRIDGE: Final = "bridge"
SHARES: Final[Mapping[str, float]] = {"train": 0.5, "trial": 0.4, "holdout": 0.1}

LOOKED_AT: Final = 0.1
"""The share of the training split that nothing learns from."""

_UNPACK: Final = struct.Struct(f"<{HASHES}I").unpack
_BAND: Final = 4 * ROWS
_WORDS: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
"""Words; in scripts that put no space between them, each sign."""


class Fresh(Struct, frozen=True):
    """An item that is not dealt yet. `conversation` is empty where there is none."""

    id: str
    signature: bytes
    conversation: str


class Dealt(Struct, frozen=True):
    """An item with its place."""

    id: str
    signature: bytes
    conversation: str
    cluster: str
    split: str


def asked_text(body: Mapping[str, Any]) -> str:
    """The words of an input that make it this one: all turns but the operator's, which every item of a workload shares."""
    texts: list[str] = []
    for message in cast("list[dict[str, Any]]", body.get("messages") or []):
        if message.get("role") in ("system", "developer"):
            continue
        content = message.get("content")
        parts = cast("list[Any]", content) if isinstance(content, list) else [content]
        texts += [part if isinstance(part, str) else _text(part) for part in parts]
    return "\n".join(texts)


def signature(text: str, salt: bytes) -> bytes:
    """The MinHash of a text: 256 numbers of four bytes, little-endian. `salt` keys it, so that it can be held against others of
    one workload and tells nothing to who lacks the salt."""
    words = _WORDS.findall(unicodedata.normalize("NFKC", text).casefold())[:MOST_WORDS]
    if len(words) < SHINGLE:
        shingles = {" ".join(words)}
    else:
        shingles = {" ".join(words[at : at + SHINGLE]) for at in range(len(words) - SHINGLE + 1)}
    columns = zip(*(_UNPACK(shake_128(salt + one.encode()).digest(4 * HASHES)) for one in shingles), strict=True)
    return struct.pack(f"<{HASHES}I", *map(min, columns))


def likeness(one: bytes, other: bytes) -> float:
    """The share of the hashes that agree: an estimate of the Jaccard likeness of the two sets of shingles."""
    return sum(map(eq, _UNPACK(one), _UNPACK(other))) / HASHES


def split_of(cluster: str, salt: bytes, shares: Mapping[str, float] = SHARES) -> str:
    """The split of a cluster: each gets its share of all names, always the same ones. `shares` add up to 1."""
    drawn = int.from_bytes(blake2b(cluster.encode(), digest_size=8, key=salt[:64]).digest(), "big") / 2**64
    for split, share in shares.items():
        drawn -= share
        if drawn < 0:
            return split
    return list(shares)[-1]  # what rounding leaves over


def is_looked_at(cluster: str, salt: bytes) -> bool:
    """Whether a cluster of the training split is set apart in it: nothing learns from its items, and whoever trains looks at them. Always the same
    tenth, by another key than that of the splits."""
    return split_of(cluster, b"looked at" + salt, {"train": 1 - LOOKED_AT, "looked at": LOOKED_AT}) != "train"


def deal(
    fresh: Sequence[Fresh], known: Iterable[Dealt], salt: bytes, shares: Mapping[str, float] = SHARES
) -> list[Dealt]:
    """Gives every fresh item its place, in the order in which they come. `known` are the items that have theirs."""
    table = _Table(known)
    groups = _groups(fresh)
    dealt: list[Dealt] = []
    for group in groups:
        places = {place for one in group for place in table.places(one)}
        if len({split for _, split in places}) > 1 and len(group) > 1:
            for one in group:  # each by itself: only what really ties two splits together is lost to both
                dealt.append(_place(one, table.places(one), one.id, salt, shares))
                table.add(dealt[-1])
            continue
        placed = [_place(one, places, group[0].id, salt, shares) for one in group]
        for one in placed:
            table.add(one)
        dealt += placed
    order = {one.id: place for place, one in enumerate(fresh)}
    return sorted(dealt, key=lambda one: order[one.id])


class _Table:
    """Where dealt items are: by their bands and by their conversations. Bridges are not in it."""

    def __init__(self, known: Iterable[Dealt]) -> None:
        self._bands: dict[tuple[int, bytes], list[Dealt]] = defaultdict(list)
        self._conversations: dict[str, set[tuple[str, str]]] = defaultdict(set)
        for one in known:
            self.add(one)

    def add(self, one: Dealt) -> None:
        if one.split == BRIDGE:
            return
        for band in _bands(one.signature):
            self._bands[band].append(one)
        if one.conversation:
            self._conversations[one.conversation].add((one.cluster, one.split))

    def places(self, one: Fresh) -> set[tuple[str, str]]:
        """(cluster, split) of everything that belongs together with this item."""
        found = set(self._conversations.get(one.conversation, ()) if one.conversation else ())
        seen: set[str] = set()
        for band in _bands(one.signature):
            for other in self._bands.get(band, ()):
                place = (other.cluster, other.split)
                if place not in found and other.id not in seen:
                    seen.add(other.id)
                    if likeness(one.signature, other.signature) >= ALIKE:
                        found.add(place)
        return found


def _place(one: Fresh, places: set[tuple[str, str]], name: str, salt: bytes, shares: Mapping[str, float]) -> Dealt:
    """The item in the one cluster that it belongs to, in a new one called `name`, or between two splits."""
    splits = {split for _, split in places}
    if len(splits) > 1:
        cluster, split = one.id, BRIDGE
    elif places:
        cluster, split = min(places)
    else:
        cluster, split = name, split_of(name, salt, shares)
    return Dealt(one.id, one.signature, one.conversation, cluster, split)


def _groups(fresh: Sequence[Fresh]) -> list[list[Fresh]]:
    """The fresh items by what they have to do with each other, each group in their order."""
    parents = list(range(len(fresh)))

    def root(place: int) -> int:
        while parents[place] != place:
            parents[place] = parents[parents[place]]
            place = parents[place]
        return place

    conversations: dict[str, int] = {}
    bands: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    for place, one in enumerate(fresh):
        if one.conversation:
            parents[root(place)] = root(conversations.setdefault(one.conversation, place))
        for band in _bands(one.signature):
            for other in bands[band]:
                mine, theirs = root(place), root(other)
                if mine != theirs and likeness(one.signature, fresh[other].signature) >= ALIKE:
                    parents[mine] = theirs
            bands[band].append(place)
    groups: dict[int, list[Fresh]] = defaultdict(list)
    for place, one in enumerate(fresh):
        groups[root(place)].append(one)
    return list(groups.values())


def _bands(written: bytes) -> Iterator[tuple[int, bytes]]:
    return ((band, written[band * _BAND : (band + 1) * _BAND]) for band in range(BANDS))


def _text(part: Any) -> str:
    if not isinstance(part, dict):
        return ""
    text = cast("dict[str, Any]", part).get("text")
    return text if isinstance(text, str) else ""
