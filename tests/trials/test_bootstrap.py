"""Bootstraps of clusters."""

import math

import pytest

from freehold.trials.bootstrap import WEBB, quantile_ratios, wild


def test_the_weights_have_mean_0_and_variance_1() -> None:
    assert math.fsum(WEBB) == pytest.approx(0.0, abs=1e-12)
    assert math.fsum(weight * weight for weight in WEBB) / 6 == pytest.approx(1.0)


def test_the_wild_bootstrap_finds_a_far_null_unlikely_and_the_mean_itself_as_likely_as_not() -> None:
    above = wild([(0.2, 2), (-0.1, 1), (0.4, 4), (0.1, 3), (0.0, 2), (0.3, 3), (-0.2, 2), (0.2, 1)], seed=3)
    assert above(-1.0) < 0.002
    assert above(0.05) == pytest.approx(0.5, abs=0.04)
    assert above(1.0) > 0.99
    assert [above(null / 20) for null in range(-20, 21)] == sorted(above(null / 20) for null in range(-20, 21))


def test_two_clusters_can_show_little_whatever_they_say() -> None:
    """All weights of one sign and size have a chance of one in six, and no t* can tell those from the truth."""
    above = wild([(1.0, 1), (0.9, 1)], seed=1)
    assert above(-1.0) > 0.05


def test_the_same_seed_draws_the_same() -> None:
    over, under, clusters = [1.0, 3.0, 2.0, 5.0], [2.0, 2.5, 1.0, 4.0], [0, 0, 1, 2]
    first, again, other = (quantile_ratios(over, under, clusters, 0.5, seed, 50)[1].tolist() for seed in (7, 7, 8))
    assert first == again != other


def test_a_quantile_is_the_smallest_value_that_its_share_does_not_exceed() -> None:
    ones = [1.0] * 20
    assert quantile_ratios([float(n) for n in range(1, 21)], ones, list(range(20)), 0.95, 0, 1)[0] == 19.0
    assert quantile_ratios([float(n) for n in range(1, 21)], ones, list(range(20)), 0.5, 0, 1)[0] == 10.0
    assert quantile_ratios([3.0, 1.0, 2.0], [1.0, 1.0, 1.0], [0, 1, 2], 0.99, 0, 1)[0] == 3.0


def test_a_whole_cluster_is_drawn_or_none_of_it() -> None:
    """Two clusters, one with all the slow items: the median is slow, fast, or slow where both are there in equal parts."""
    _, drawn = quantile_ratios([1.0, 1.0, 9.0, 9.0], [1.0] * 4, ["a", "a", "b", "b"], 0.5, 0, 400)
    assert set(drawn.tolist()) == {1.0, 9.0}
    assert (drawn == 9.0).mean() == pytest.approx(0.25, abs=0.07)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.inf, math.nan])
def test_a_duration_that_is_none_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        quantile_ratios([1.0, bad], [1.0, 1.0], [0, 1], 0.5, 0, 10)
