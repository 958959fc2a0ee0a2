"""Merkle trees: published hashes, every proof of small trees, and nothing but the right proof."""

from collections.abc import Sequence
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.errors import NotConsistent, NotIncluded
from freehold.ledger.merkle import (
    EMPTY_ROOT,
    Frontier,
    Hashes,
    Node,
    check_consistency,
    check_inclusion,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root,
    subtree_root,
)
from ledger.rfc6962 import EIGHT_LEAVES, EIGHT_NODES, EIGHT_ROOTS, leaves, mth, path, proof


def reader(hashes: Sequence[bytes]) -> Hashes:
    """Complete subtrees, computed from the definition, and nothing else."""

    def read(level: int, index: int) -> bytes:
        first, last = index << level, (index + 1) << level
        assert 0 <= first < last <= len(hashes), "only complete subtrees are asked for"
        return mth(hashes[first:last])

    return read


EIGHT = reader([leaf_hash(leaf) for leaf in EIGHT_LEAVES])


# --- published values ---


def test_the_published_leaves_have_the_published_hashes() -> None:
    assert tuple(leaf_hash(leaf) for leaf in EIGHT_LEAVES) == EIGHT_NODES[0]


@pytest.mark.parametrize("size", range(9))
def test_the_published_tree_has_the_published_root_at_each_size(size: int) -> None:
    assert root(size, EIGHT) == EIGHT_ROOTS[size]


def test_a_growing_tree_has_the_published_roots_and_completes_the_published_nodes() -> None:
    frontier = Frontier()
    completed: list[Node] = []
    assert frontier.root() == EMPTY_ROOT == EIGHT_ROOTS[0]
    for size, leaf in enumerate(EIGHT_LEAVES, start=1):
        completed += frontier.append(leaf_hash(leaf))
        assert (frontier.size, frontier.root()) == (size, EIGHT_ROOTS[size])
    assert sorted((node.level, node.index, node.hash) for node in completed) == [
        (level, index, node) for level, nodes in enumerate(EIGHT_NODES) for index, node in enumerate(nodes)
    ]


def test_nodes_complete_bottom_up_and_only_when_their_last_leaf_arrives() -> None:
    frontier = Frontier()
    completed = [[(node.level, node.index) for node in frontier.append(leaf)] for leaf in leaves(8)]
    assert completed == [
        [(0, 0)],
        [(0, 1), (1, 0)],
        [(0, 2)],
        [(0, 3), (1, 1), (2, 0)],
        [(0, 4)],
        [(0, 5), (1, 2)],
        [(0, 6)],
        [(0, 7), (1, 3), (2, 1), (3, 0)],
    ]


def test_of_many_leaves_at_once_only_the_nodes_of_the_wanted_levels_are_given_and_the_root_is_the_published_one() -> (
    None
):
    frontier = Frontier()
    given = frontier.extend([leaf_hash(leaf) for leaf in EIGHT_LEAVES[:3]], 3)
    given += frontier.extend([leaf_hash(leaf) for leaf in EIGHT_LEAVES[3:]], 3)
    assert [(node.level, node.index) for node in given] == [*((0, index) for index in range(8)), (3, 0)]
    assert [node.hash for node in given] == [*EIGHT_NODES[0], EIGHT_ROOTS[8]]
    assert (frontier.size, frontier.root()) == (8, EIGHT_ROOTS[8])


# RFC 9162, section 2.1.5 draws a tree of seven leaves, d0 to d6, and lists these proofs by the names of its nodes.
def test_the_proofs_of_the_example_in_the_rfc_have_the_nodes_that_it_lists() -> None:
    d = leaves(7)
    a, b, c, e, f, j = d[0], d[1], d[2], d[4], d[5], d[6]
    g, h, i, k, l_ = mth(d[0:2]), mth(d[2:4]), mth(d[4:6]), mth(d[0:4]), mth(d[4:7])
    assert inclusion_proof(0, 7, reader(d)) == [b, h, l_]
    assert inclusion_proof(3, 7, reader(d)) == [c, g, l_]
    assert inclusion_proof(4, 7, reader(d)) == [f, j, k]
    assert inclusion_proof(6, 7, reader(d)) == [i, k]
    assert consistency_proof(3, 7, reader(d)) == [c, d[3], g, l_]
    assert consistency_proof(4, 7, reader(d)) == [l_]
    assert consistency_proof(6, 7, reader(d)) == [i, j, k]
    assert (a, e) == (d[0], d[4])


# --- every proof of small trees, against the definition ---


@pytest.mark.parametrize("size", [*range(1, 34), 63, 64, 65, 100])
def test_proofs_are_those_of_the_definition_and_hold(size: int) -> None:
    hashes = leaves(size)
    top = mth(hashes)
    assert root(size, reader(hashes)) == top
    for index in range(size):
        found = inclusion_proof(index, size, reader(hashes))
        assert found == path(index, hashes)
        check_inclusion(hashes[index], index, size, found, top)
    for old in range(1, size + 1):
        found = consistency_proof(old, size, reader(hashes))
        assert found == proof(old, hashes)
        check_consistency(old, mth(hashes[:old]), size, top, found)


@given(st.integers(1, 600), st.data())
def test_any_entry_of_any_tree_has_an_inclusion_proof_that_holds(size: int, data: st.DataObject) -> None:
    hashes = leaves(size)
    index = data.draw(st.integers(0, size - 1))
    check_inclusion(hashes[index], index, size, inclusion_proof(index, size, reader(hashes)), mth(hashes))


@given(st.integers(0, 600), st.data())
def test_any_two_sizes_of_a_tree_have_a_consistency_proof_that_holds(new: int, data: st.DataObject) -> None:
    hashes = leaves(new)
    old = data.draw(st.integers(0, new))
    check_consistency(old, mth(hashes[:old]), new, mth(hashes), consistency_proof(old, new, reader(hashes)))


@given(st.integers(0, 300), st.integers(0, 300))
def test_a_tree_that_is_taken_up_again_grows_as_if_it_had_never_been_put_down(first: int, more: int) -> None:
    hashes = leaves(first + more)
    whole, resumed = Frontier(), Frontier(first, reader(hashes[:first]))
    for leaf in hashes[:first]:
        whole.append(leaf)
    for leaf in hashes[first:]:
        assert whole.append(leaf) == resumed.append(leaf)
    assert resumed.root() == whole.root() == mth(hashes)


# --- nothing but the right proof ---


@st.composite
def flipped(draw: st.DrawFn, digest: bytes) -> bytes:
    """The same bytes with one bit changed."""
    bit = draw(st.integers(0, len(digest) * 8 - 1))
    return (int.from_bytes(digest, "big") ^ 1 << bit).to_bytes(len(digest), "big")


@st.composite
def bent(draw: st.DrawFn, hashes: list[bytes]) -> list[bytes]:
    """Another list: a bit flipped, or a hash left out, doubled, added, exchanged, cut short or made longer."""
    places = range(len(hashes))
    ways = [[*hashes, bytes(32)], [bytes(32), *hashes]]
    ways += [[*hashes[:at], *hashes[at + 1 :]] for at in places]
    ways += [[*hashes[: at + 1], *hashes[at:]] for at in places]
    ways += [[*hashes[:at], hashes[at][:31], *hashes[at + 1 :]] for at in places]
    ways += [[*hashes[:at], hashes[at] + b"\0", *hashes[at + 1 :]] for at in places]
    ways += [[*hashes[:at], hashes[at + 1], hashes[at], *hashes[at + 2 :]] for at in places[:-1]]
    if hashes and draw(st.booleans()):
        at = draw(st.integers(0, len(hashes) - 1))
        return [*hashes[:at], draw(flipped(hashes[at])), *hashes[at + 1 :]]
    return draw(st.sampled_from(ways))


@given(st.integers(1, 300), st.data())
def test_an_inclusion_proof_holds_for_nothing_else(size: int, data: st.DataObject) -> None:
    hashes = leaves(size)
    index = data.draw(st.integers(0, size - 1))
    leaf, found, top = hashes[index], inclusion_proof(index, size, reader(hashes)), mth(hashes)
    other = data.draw(st.integers(-1, 600).filter(lambda at: at != index))
    for wrong in (
        (data.draw(flipped(leaf)), index, size, found, top),
        (leaf, index, size, found, data.draw(flipped(top))),
        (leaf, index, size, data.draw(bent(found)), top),
        (leaf, other, size, found, top),
    ):
        with pytest.raises(NotIncluded):
            check_inclusion(*wrong)


@given(st.integers(2, 300), st.data())
def test_a_consistency_proof_holds_for_nothing_else(new: int, data: st.DataObject) -> None:
    hashes = leaves(new)
    old = data.draw(st.integers(1, new - 1))
    before, found, top = mth(hashes[:old]), consistency_proof(old, new, reader(hashes)), mth(hashes)
    other = data.draw(st.integers(1, new - 1).filter(lambda at: at != old)) if new > 2 else new
    for wrong in (
        (old, data.draw(flipped(before)), new, top, found),
        (old, before, new, data.draw(flipped(top)), found),
        (old, before, new, top, data.draw(bent(found))),
        (other, before, new, top, found),
        (new, before, old, top, found),
    ):
        with pytest.raises(NotConsistent):
            check_consistency(*wrong)


def test_a_proof_of_another_shape_is_refused_before_it_is_followed() -> None:
    found, leaf, top = inclusion_proof(3, 8, EIGHT), EIGHT_NODES[0][3], EIGHT_ROOTS[8]
    with pytest.raises(NotIncluded, match="has 2 hashes, and one for entry 3 of 8 has 3"):
        check_inclusion(leaf, 3, 8, found[:2], top)
    with pytest.raises(NotIncluded, match="does not have 32 bytes"):
        check_inclusion(leaf, 3, 8, [*found[:2], found[2][:31]], top)
    with pytest.raises(NotConsistent, match="has 0 hashes, and one from 3 to 8 has 4"):
        check_consistency(3, EIGHT_ROOTS[3], 8, top, [])


def test_a_node_is_no_leaf_and_a_leaf_no_node() -> None:
    left, right = leaves(2)
    joined = sha256(b"\x01" + left + right).digest()
    assert leaf_hash(left + right) != joined
    with pytest.raises(NotIncluded):
        check_inclusion(leaf_hash(left + right), 0, 1, [], joined)


def test_between_trees_of_one_size_and_from_the_empty_tree_nothing_may_be_proven() -> None:
    top = EIGHT_ROOTS[8]
    check_consistency(8, top, 8, top, [])
    check_consistency(0, EMPTY_ROOT, 8, top, [])
    check_consistency(0, EMPTY_ROOT, 0, EMPTY_ROOT, [])
    nothing: list[bytes] = []
    for wrong in (
        (8, EIGHT_ROOTS[7], 8, top, nothing),
        (8, top, 8, top, [top]),
        (0, top, 8, top, nothing),
        (0, EMPTY_ROOT, 8, top, [top]),
        (9, top, 8, top, nothing),
        (-1, top, 8, top, nothing),
        (4, EIGHT_ROOTS[4], 8, top, nothing),
    ):
        with pytest.raises(NotConsistent):
            check_consistency(*wrong)


# --- size ---


def test_proofs_in_a_tree_of_two_to_the_sixty_one_entries_read_no_more_than_its_height() -> None:
    read: list[tuple[int, int]] = []

    def same(level: int, index: int) -> bytes:
        read.append((level, index))
        return sha256(b"%d" % level).digest()

    size = 2**61 + 2**40 + 12345
    found = inclusion_proof(2**61 + 17, size, same)
    assert len(found) <= 63
    assert len(read) <= 63
    read.clear()
    assert len(consistency_proof(2**60 + 1, size, same)) <= 63
    assert len(read) <= 126
    read.clear()
    root(size, same)
    assert len(read) == size.bit_count()


@pytest.mark.parametrize(("index", "size"), [(0, 0), (5, 5), (-1, 5)])
def test_an_entry_that_a_tree_does_not_have_has_no_proof(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="has no leaf"):
        inclusion_proof(index, size, EIGHT)
    with pytest.raises(NotIncluded):
        check_inclusion(bytes(32), index, size, [], bytes(32))


def test_a_larger_tree_is_no_beginning() -> None:
    with pytest.raises(ValueError, match="cannot begin with"):
        consistency_proof(9, 8, EIGHT)


def test_a_subtree_is_made_of_a_power_of_two_of_hashes() -> None:
    assert subtree_root(EIGHT_NODES[0]) == EIGHT_ROOTS[8]
    for count in (0, 3, 7):
        with pytest.raises(ValueError, match="complete subtree"):
            subtree_root(leaves(count))
    with pytest.raises(ValueError, match="needs the hashes"):
        Frontier(3)
