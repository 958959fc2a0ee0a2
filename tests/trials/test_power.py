"""How many items it takes. Expected values are published, or printed by other programs."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.trials.power import (
    design_effect,
    detectable,
    items_needed_binary,
    items_needed_graded,
    items_needed_mcnemar,
    items_needed_quantile_ratio,
    items_needed_unpaired,
    power_binary,
    power_graded,
    power_mcnemar,
    power_quantile_ratio,
    restricted_shares,
    sd_of_quantile_ratio,
    sd_of_repeats,
)


@pytest.mark.parametrize(
    ("discordance", "items"),
    [
        (0.05, [3925, 982, 437, 157]),
        (0.10, [7849, 1963, 873, 314]),
        (0.20, [15698, 3925, 1745, 628]),
        (0.30, [23547, 5887, 2617, 942]),
    ],
)
def test_equal_models_need_this_many_pairs_for_margins_of_1_2_3_and_5_points(
    discordance: float, items: list[int]
) -> None:
    assert [items_needed_binary(margin, discordance) for margin in (0.01, 0.02, 0.03, 0.05)] == items


def test_a_wider_alpha_or_a_better_candidate_needs_fewer() -> None:
    assert items_needed_binary(0.03, 0.1, alpha=0.05) == 687
    assert items_needed_binary(0.03, 0.2, alpha=0.05) == 1374
    assert items_needed_binary(0.03, 0.1, 0.01, alpha=0.05) == 387


@pytest.mark.parametrize(("rate", "items"), [(0.8, [25117, 6280, 2791, 1005]), (0.9, [14128, 3532, 1570, 566])])
def test_without_pairs_each_model_needs_this_many(rate: float, items: list[int]) -> None:
    sd = math.sqrt(2 * rate * (1 - rate))
    assert [items_needed_graded(margin, sd) for margin in (0.01, 0.02, 0.03, 0.05)] == items


@pytest.mark.parametrize(
    ("candidate", "incumbent", "margin", "power", "ratio", "needed"),
    [
        (0.4, 0.05, -0.2, 0.8, 1.0, (79.8438, 79.8438)),  # in all 159.6876
        (0.1, 0.1, 0.2, 0.9, 2 / 3, (62.88, 41.92)),
        (0.25, 0.05, -0.1, 0.9, 3 / 2, (173.2214, 259.8322)),
    ],
)
def test_farrington_and_mannings_sample_sizes(
    candidate: float, incumbent: float, margin: float, power: float, ratio: float, needed: tuple[float, float]
) -> None:
    """Farrington & Manning 1990, table 1, as gsDesign's tests have it."""
    found = items_needed_unpaired(candidate, incumbent, margin, alpha=0.05, power=power, ratio=ratio)
    assert found == pytest.approx(needed, abs=0.005 if ratio < 1 else 0.00005)


def test_millers_examples() -> None:
    """Miller 2024, arXiv:2411.00640, section 5: 969 questions for 3 points; 13.3 points with 198."""
    assert items_needed_graded(0.03, sd_of_repeats(1 / 9, 0, 0, 1, 1)) == 969
    assert items_needed_graded(0.03, sd_of_repeats(1 / 9, 1 / 6, 1 / 6, math.inf, math.inf)) == 969
    assert round(detectable(198, sd_of_repeats(1 / 9, 1 / 6, 1 / 6, 1, 1)), 3) == 0.133


def test_a_ratio_of_95th_percentiles_needs_this_many() -> None:
    # sqrt(2 x 0.0475) x 0.5 / 0.1031356 = 1.494249; ((1.959964 + 0.841621) x 1.494249 / ln 1.2)^2 = 527.2
    assert sd_of_quantile_ratio(0.5) == pytest.approx(1.494249, abs=1e-5)
    assert items_needed_quantile_ratio(1.2, 0.5) == 528
    assert items_needed_quantile_ratio(1.2, 0.5, ratio=0.9) == 212  # ln(1.2/0.9) = 0.287682
    assert power_quantile_ratio(528, 1.2, 0.5) == pytest.approx(0.8006, abs=2e-4)
    assert power_quantile_ratio(500, 1.0, 0.5) == pytest.approx(0.025)
    with pytest.raises(ValueError, match="no number of items"):
        items_needed_quantile_ratio(1.2, 0.5, ratio=1.2)


def test_the_error_of_a_quantile_ratio_is_that_of_drawn_times() -> None:
    """The 950th of 1,000 uniform numbers is of the distribution Beta(950, 51), so no times need be sorted."""
    numpy, stats = pytest.importorskip("numpy"), pytest.importorskip("scipy.stats")
    mine, theirs = stats.norm.ppf(numpy.random.default_rng(7).beta(950, 51, (2, 50_000)))
    assert 0.5 * float((mine - theirs).std()) * math.sqrt(1000) == pytest.approx(sd_of_quantile_ratio(0.5), rel=0.025)


def test_mcnemars_test_needs_this_many_pairs() -> None:
    # ((1.959964 sqrt(0.3) + 0.841621 sqrt(0.29))/0.1)^2 = (1.073516 + 0.453225)^2/0.01 = 233.1
    assert items_needed_mcnemar(0.1, 0.3) == 234
    assert items_needed_mcnemar(-0.1, 0.3) == 234
    assert power_mcnemar(234, 0.1, 0.3) == pytest.approx(0.8016, abs=5e-4)
    assert power_mcnemar(100, 1.0, 1.0) == 1.0
    with pytest.raises(ValueError, match="nothing"):
        items_needed_mcnemar(0.0, 0.3)


def test_clusters_cost_their_design_effect() -> None:
    assert design_effect(5, 0.1) == pytest.approx(1.4)
    assert design_effect(5, -0.1) == 1.0
    assert items_needed_binary(0.03, 0.1, design_effect=1.4) == 1221  # 1.4 x 872.1


@given(st.floats(0.005, 0.2), st.floats(0.02, 0.6), st.floats(0.005, 0.2), st.floats(0.5, 0.95), st.floats(1.0, 4.0))
def test_the_items_needed_have_the_power_and_one_fewer_has_not(
    margin: float, discordance: float, alpha: float, power: float, effect: float
) -> None:
    n = items_needed_binary(margin, discordance, 0.0, alpha, power, effect)
    assert power_binary(n, margin, discordance, 0.0, alpha, effect) >= power - 1e-9
    if n > 1:
        assert power_binary(n - 1, margin, discordance, 0.0, alpha, effect) < power


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(0.2, 5.0), st.floats(-0.95, 0.95))
def test_the_restricted_shares_are_shares_with_that_difference_and_none_nearby_is_likelier(
    first: float, second: float, ratio: float, difference: float
) -> None:
    p, q = restricted_shares(first, second, ratio, difference)
    assert 0 <= p <= 1
    assert -1e-9 <= q <= 1 + 1e-9
    assert p - q == pytest.approx(difference)

    def likelihood(share: float) -> float:
        other = share - difference
        if not (0 < share < 1 and 0 < other < 1):
            return -math.inf
        return (
            first * math.log(share) + (1 - first) * math.log1p(-share)
            + ratio * (second * math.log(other) + (1 - second) * math.log1p(-other))
        )  # fmt: skip

    here = max(likelihood(p), likelihood(min(p + 1e-9, 1)), likelihood(max(p - 1e-9, 0)))
    assert here >= max(likelihood(p + step) for step in (-0.01, -0.001, 0.001, 0.01)) - 1e-6


def test_swapping_the_models_swaps_the_restricted_shares() -> None:
    p, q = restricted_shares(0.9, 0.92, 1.0, -0.1)
    assert (p, q) == pytest.approx((0.8430894, 0.9430894), abs=1e-7)  # by scipy's minimiser of the likelihood
    assert restricted_shares(0.92, 0.9, 1.0, 0.1) == pytest.approx((q, p))


@pytest.mark.parametrize(("margin", "difference"), [(0.03, -0.03), (0.03, -0.1), (0.0, 0.0)])
def test_what_no_number_of_items_can_show_is_refused(margin: float, difference: float) -> None:
    with pytest.raises(ValueError, match="no number of items"):
        items_needed_graded(margin, 0.5, difference)


def test_suppositions_that_contradict_themselves_are_refused() -> None:
    with pytest.raises(ValueError, match="more discordance"):
        items_needed_binary(0.03, 0.05, difference=0.1)
    with pytest.raises(ValueError, match="alpha"):
        items_needed_binary(0.03, 0.05, alpha=0.0)
    with pytest.raises(ValueError, match="nothing"):
        power_graded(0, 0.03, 0.3)
    with pytest.raises(ValueError, match="margin"):
        items_needed_unpaired(0.8, 0.83, 0.03)


def test_scores_that_never_differ_pass_at_once() -> None:
    assert power_graded(1, 0.03, 0.0) == 1.0
    assert items_needed_graded(0.03, 0.0) == 1
