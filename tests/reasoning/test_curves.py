"""Curves over the parts of chains, and the areas over them, worked out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.reasoning.curves import after, area, area_over, around, by_length, curve, same_at


@pytest.mark.parametrize(
    ("same", "area"),
    [
        ((True, True, True), 0.0),
        ((False, False, False), 1.0),
        ((False, True, True), 1 / 3),
        ((True, False, True), 1 / 3),
    ],
)
def test_the_area_is_the_part_of_the_chain_before_the_answer_stands(same: tuple[bool, ...], area: float) -> None:
    assert area_over(after(list(enumerate(same)), 3)) == pytest.approx(area)


def test_an_early_answer_holds_until_the_next_place_that_was_tried() -> None:
    early = after([(0, False), (2, False), (5, True)], 10)
    assert area_over(early) == 0.5
    assert [same_at(early, x) for x in (0.0, 0.4, 0.5, 0.9)] == [False, False, True, True]


def test_a_sentence_without_a_mistake_counts_as_the_nearest_that_had_one_and_of_two_the_earlier() -> None:
    # Sentences 1 and 5 of 8 are spoilt: 0 to 3 count as 1 (3 is as near to 5), 4 to 7 as 5.
    spoilt = around([(1, True), (5, False)], 8)
    assert [same_at(spoilt, sentence / 8) for sentence in range(8)] == [True] * 4 + [False] * 4
    assert area_over(spoilt) == 0.5
    # Sentences 0 and 3 of 4: 0 and 1 count as 0, 2 and 3 as 3.
    assert around([(0, False), (3, True)], 4).ends == (2, 4)
    assert area_over(around([(2, False)], 7)) == 1.0


def test_the_area_of_chains_of_different_lengths_is_the_sum_of_each_lengths_weighed_by_its_share() -> None:
    halves = [after([(0, False), (1, True)], 2), after([(0, True), (1, True)], 2)]
    wholes = [after([(0, False), (1, False), (2, False), (3, True)], 4)] * 2
    lengths = by_length([*halves, *wholes])
    assert {length: (one.value, one.of) for length, one in lengths.items()} == {2: (0.25, 2), 4: (0.75, 2)}
    # Half the chains have two sentences and half four: 0.5 * 0.25 + 0.5 * 0.75
    assert area([*halves, *wholes]).value == 0.5


def test_a_curve_is_the_share_of_chains_at_each_tenth_with_wilsons_interval() -> None:
    points = curve([after([(0, False), (1, True)], 2)] * 10 + [after([(0, True)], 1)] * 10)
    assert [point.x for point in points] == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    assert [point.same.value for point in points] == [0.5] * 5 + [1.0] * 5
    assert round(points[9].same.low, 4) == 0.8389  # 20 of 20, Newcombe 1998: 1 - 0.1611


@given(st.lists(st.booleans(), min_size=1, max_size=12))
def test_with_every_sentence_tried_the_area_is_the_share_of_those_that_moved_the_answer(same: list[bool]) -> None:
    tried = list(enumerate(same))
    assert area_over(around(tried, len(same))) == pytest.approx(same.count(False) / len(same))
    assert area_over(after(tried, len(same))) == pytest.approx(same.count(False) / len(same))
