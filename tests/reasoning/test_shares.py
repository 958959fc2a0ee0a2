"""Shares and differences with their intervals: published values, and bounds that always hold."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.reasoning.shares import Difference, difference, mean, share


# Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3 (Wilson's score).
@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_of_a_share_is_wilsons(hits: int, of: int, low: float, high: float) -> None:
    found = share(hits, of)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)
    assert found.value == hits / of


def test_of_nothing_everything_is_possible() -> None:
    assert (share(0, 0).value, share(0, 0).low, share(0, 0).high) == (0.0, 0.0, 1.0)
    assert difference([], 0) == Difference(0.0, 0, -1.0, 1.0)


@given(st.integers(1, 300), st.data())
def test_a_share_lies_in_its_interval_and_the_interval_in_0_to_1(of: int, data: st.DataObject) -> None:
    found = share(data.draw(st.integers(0, of)), of)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.high - found.low < 1


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_the_interval_of_a_mean_is_never_narrower_than_the_normal_one(values: list[float]) -> None:
    found = mean(values)
    middle = math.fsum(values) / len(values)
    variance = math.fsum((value - middle) ** 2 for value in values) / len(values)
    # Wilson's width at n is at least the normal one's at n + z^2.
    assert found.high - found.low >= 2 * 1.95 * math.sqrt(variance / (len(values) + 3.85)) - 1e-9


@pytest.mark.parametrize(
    ("pair", "value", "low", "high"),
    [((1.0, 1.0), 0.0, -0.1611, 0.1611), ((1.0, 0.0), 1.0, 0.6778, 1.0), ((0.0, 1.0), -1.0, -1.0, -0.6778)],
)
def test_where_all_pairs_are_alike_the_interval_allows_for_those_that_were_not_seen(
    pair: tuple[float, float], value: float, low: float, high: float
) -> None:
    found = difference([pair] * 20, 0)
    assert (found.value, found.low, found.high) == pytest.approx((value, low, high), abs=2e-4)


def test_a_difference_is_resampled_over_pairs_and_repeats_with_its_seed() -> None:
    pairs = [(1.0, 0.0)] * 40 + [(0.0, 0.0)] * 60
    found = difference(pairs, 7)
    assert found == difference(pairs, 7)
    assert found.value == 0.4
    # The standard error of a share of 0.4 of 100 is 0.049, so the interval is about 0.304 to 0.496.
    assert 0.28 < found.low < 0.33
    assert 0.47 < found.high < 0.52
