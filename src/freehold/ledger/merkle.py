"""The Merkle tree of RFC 6962 (section 2) and RFC 9162 (section 2.1): roots, proofs, and what checks them. Pure.

It knows no files and no signatures. A tree is read through `hashes(level, index)`, the hash of the complete subtree over
the leaves `index * 2**level` up to `(index + 1) * 2**level`; who keeps those hashes, and how, is not its business. It asks
for O(log n) of them, never recurses, and every check either returns nothing or raises: there is no answer to overlook.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final

import msgspec

from freehold.errors import NotConsistent, NotIncluded
from freehold.ledger.lines import HASH_SIZE

EMPTY_ROOT: Final = sha256(b"").digest()
"""The root of a tree without leaves (RFC 6962, section 2.1)."""

Hashes = Callable[[int, int], bytes]
"""`hashes(level, index)`: the hash of that complete subtree."""


class Node(msgspec.Struct, frozen=True, gc=False):
    """A complete subtree: it covers the leaves `index * 2**level` up to `(index + 1) * 2**level`."""

    level: int
    index: int
    hash: bytes


def leaf_hash(entry: bytes) -> bytes:
    """The hash of an entry as a leaf: SHA-256 of 0x00 and the entry."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node: SHA-256 of 0x01 and its two children."""
    return sha256(b"\x01" + left + right).digest()


def root(size: int, hashes: Hashes) -> bytes:
    """The root of the first `size` leaves, from at most 63 complete subtrees."""
    return _span_root(0, size, hashes) if size else EMPTY_ROOT


def subtree_root(leaves: Sequence[bytes]) -> bytes:
    """The root over hashes whose number is a power of two, for example a full tile. Raises ValueError for another number."""
    if len(leaves) & (len(leaves) - 1) or not leaves:
        raise ValueError(f"{len(leaves)} hashes do not make a complete subtree")
    row = leaves
    while len(row) > 1:
        row = [sha256(b"\x01" + row[at] + row[at + 1]).digest() for at in range(0, len(row), 2)]
    return row[0]


def inclusion_proof(index: int, size: int, hashes: Hashes) -> list[bytes]:
    """The audit path of leaf `index` in the tree of `size` leaves, from the leaf's sibling upward (RFC 6962, section 2.1.1).

    Raises ValueError when the tree has no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    return _path(0, index, size, hashes)


def consistency_proof(old: int, new: int, hashes: Hashes) -> list[bytes]:
    """The proof that the tree of `new` leaves begins with the tree of `old` leaves (RFC 6962, section 2.1.2).

    It is empty when `old` is 0, or the same as `new`. Raises ValueError when `old` is larger.
    """
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} leaves cannot begin with one of {old}")
    if old in (0, new):
        return []
    level = _trailing_zeros(old)
    index = (old >> level) - 1
    # A verifier knows the old root already, so a complete old tree need not be in the proof.
    seed = [hashes(level, index)] if index else []
    return seed + _path(level, index, new, hashes)


def check_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Returns when `proof` leads from the leaf hash at `index` to the root of `size` leaves (RFC 9162, section 2.1.3.2).

    Raises NotIncluded.
    """
    if not 0 <= index < size:
        raise NotIncluded(f"A tree of {size} entries has no entry {index}.")
    inner, border = _shape(index, size - 1)
    if len(proof) != inner + border:
        raise NotIncluded(
            f"The proof has {len(proof)} hashes, and one for entry {index} of {size} has {inner + border}.",
        )
    _check_hashes(NotIncluded, leaf, root, *proof)
    if _climb_left(_climb(leaf, index, proof[:inner]), proof[inner:]) != root:
        raise NotIncluded(f"The proof does not lead from this entry, at {index}, to the root of {size} entries.")


def check_consistency(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Returns when `proof` shows that the tree of `new` leaves begins with that of `old` leaves (RFC 9162, section 2.1.4.2).

    Trees of one size must be the same and an empty old tree has the empty root, both with an empty proof. Raises
    NotConsistent.
    """
    if not 0 <= old <= new:
        raise NotConsistent(f"A tree of {new} entries cannot continue one of {old}.")
    _check_hashes(NotConsistent, old_root, new_root, *proof)
    if old in (0, new):
        _check_trivial(old, old_root, new, new_root, proof)
        return
    level = _trailing_zeros(old)
    index = (old >> level) - 1
    inner, border = _shape(index, (new - 1) >> level)
    expected = inner + border + (1 if index else 0)
    if len(proof) != expected:
        raise NotConsistent(f"The proof has {len(proof)} hashes, and one from {old} to {new} has {expected}.")
    seed, path = (proof[0], proof[1:]) if index else (old_root, proof)
    lefts = [digest for height, digest in enumerate(path[:inner]) if index >> height & 1]
    if _climb_left(_climb_left(seed, lefts), path[inner:]) != old_root:
        raise NotConsistent(f"The proof does not lead to the old root, of {old} entries.")
    if _climb_left(_climb(seed, index, path[:inner]), path[inner:]) != new_root:
        raise NotConsistent(f"The proof does not lead to the new root, of {new} entries.")


class Frontier:
    """A tree that grows at its right end, kept as the at most 63 complete subtrees that its root is made of."""

    def __init__(self, size: int = 0, hashes: Hashes | None = None) -> None:
        """Empty, or a tree of `size` leaves whose subtrees are read through `hashes`, which is then needed."""
        self.size = size
        self._peaks: list[bytes] = []
        if size:
            if hashes is None:
                raise ValueError("a frontier that does not begin empty needs the hashes of its subtrees")
            self._peaks = [hashes(level, index) for level, index in _peaks(0, size)]

    def append(self, leaf: bytes) -> list[Node]:
        """Adds a leaf hash, and gives the nodes that this completes: the leaf, then its parents upward."""
        return self.extend((leaf,))

    def extend(self, leaves: Sequence[bytes], every: int = 1) -> list[Node]:
        """Adds leaf hashes in their order, and gives the nodes that this completes, one leaf's after another's. With `every`,
        only those of each so many levels, from 0: a log keeps no others."""
        peaks, nodes = self._peaks, list[Node]()
        for leaf in leaves:
            index, level, digest = self.size, 0, leaf
            nodes.append(Node(0, index, digest))
            while index & 1:
                digest = sha256(b"\x01" + peaks.pop() + digest).digest()
                index, level = index >> 1, level + 1
                if not level % every:
                    nodes.append(Node(level, index, digest))
            peaks.append(digest)
            self.size += 1
        return nodes

    def root(self) -> bytes:
        """The root of all leaves so far."""
        if not self._peaks:
            return EMPTY_ROOT
        return _climb_left(self._peaks[-1], self._peaks[-2::-1])


# --- reading a tree ---


def _span_root(start: int, end: int, hashes: Hashes) -> bytes:
    """The root of the leaves `start` up to `end`, where `start` is a multiple of a power of two that is no less than their
    number."""
    peaks = [hashes(level, index) for level, index in _peaks(start, end)]
    return _climb_left(peaks[-1], peaks[-2::-1])


def _peaks(start: int, end: int) -> list[tuple[int, int]]:
    """The complete subtrees that cover a span, largest first."""
    peaks: list[tuple[int, int]] = []
    for level in range((end - start).bit_length() - 1, -1, -1):
        if (end - start) >> level & 1:
            peaks.append((level, start >> level))
            start += 1 << level
    return peaks


def _path(level: int, index: int, size: int, hashes: Hashes) -> list[bytes]:
    """The siblings from a complete subtree upward to the root of `size` leaves."""
    inner, _ = _shape(index, (size - 1) >> level)
    path: list[bytes] = []
    # Below the fork every sibling is complete; at the fork it is the ragged right end of the tree; above it only left
    # siblings are, all complete.
    for height in range(level, level + inner - 1):
        path.append(hashes(height, index ^ 1))
        index >>= 1
    if inner:
        fork = level + inner - 1
        path.append(_span_root((index ^ 1) << fork, size, hashes))
        index >>= 1
    height = level + inner
    while index:
        if index & 1:
            path.append(hashes(height, index - 1))
        index >>= 1
        height += 1
    return path


# --- checking a proof ---


def _shape(index: int, last: int) -> tuple[int, int]:
    """How many siblings a path from `index` has up to where it meets the path from `last`, and how many beyond."""
    inner = (index ^ last).bit_length()
    return inner, (index >> inner).bit_count()


def _climb(digest: bytes, index: int, siblings: Sequence[bytes]) -> bytes:
    for height, sibling in enumerate(siblings):
        digest = node_hash(sibling, digest) if index >> height & 1 else node_hash(digest, sibling)
    return digest


def _climb_left(digest: bytes, siblings: Sequence[bytes]) -> bytes:
    for sibling in siblings:
        digest = node_hash(sibling, digest)
    return digest


def _check_hashes(error: type[NotIncluded] | type[NotConsistent], *hashes: bytes) -> None:
    if any(len(digest) != HASH_SIZE for digest in hashes):
        raise error(f"A hash of the proof does not have {HASH_SIZE} bytes.")


def _check_trivial(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    if proof:
        raise NotConsistent(
            f"From {old} to {new} entries there is nothing to prove, and the proof has {len(proof)} hashes."
        )
    if old == 0 and old_root != EMPTY_ROOT:
        raise NotConsistent("The old tree has no entries, and not the root of the empty tree.")
    if old == new and old_root != new_root:
        raise NotConsistent(f"Two trees of {new} entries have different roots.")


def _trailing_zeros(number: int) -> int:
    return (number & -number).bit_length() - 1
