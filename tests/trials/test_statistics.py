"""The statistics offline. Expected values are published, or printed by programs that others wrote."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.trials.power import items_needed_binary, power_binary
from freehold.trials.statistics import (
    all_must_pass,
    benjamini_hochberg,
    bonett_price,
    farrington_manning,
    holm,
    judge_corrected,
    mcnemar,
    miettinen_nurminen,
    mover_wilson,
    paired,
    paired_test,
    ppi_paired,
    quantile_ratio,
    quantile_ratio_test,
    repeats,
    tango,
    tango_test,
    wald_paired,
    wilson,
)

WAVE = [0.1 * ((7 * i * i + 3 * i) % 11) - 0.5 for i in range(90)]
"""Ninety differences without a pattern, whose interval statsmodels was asked for."""


def counts() -> st.SearchStrategy[tuple[int, int, int]]:
    """b, c and n of pairs."""
    parts = st.tuples(st.integers(0, 300), st.integers(0, 300), st.integers(0, 2000))
    return parts.filter(lambda bcd: sum(bcd) > 0).map(lambda bcd: (bcd[0], bcd[1], sum(bcd)))


# --- shares and pairs ---


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilsons_interval_is_that_of_newcombes_table(k: int, n: int, low: float, high: float) -> None:
    """Newcombe 1998, Stat. Med. 17:857, table I, method 3."""
    found = wilson(k, n)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


@pytest.mark.parametrize(
    ("b", "c", "n", "level", "low", "high"),
    [
        (1, 7, 21, 0.95, -0.517, -0.026),  # Fagerland, Lydersen & Laake 2014
        (16, 8, 86, 0.95, -0.020, 0.207),  # Agresti & Min 2005
        (0, 1, 44, 0.90, -0.096, 0.037),  # Tango 1998, table V: no pair of one kind
    ],
)
def test_tangos_interval_is_the_published_one(b: int, c: int, n: int, level: float, low: float, high: float) -> None:
    found = tango(b, c, n, level)
    assert (round(found.low, 3), round(found.high, 3)) == (low, high)


def test_tangos_interval_of_nothing_but_gains_ends_at_1() -> None:
    """The `contingencytables` package: (-0.1230, 1.0000)."""
    found = tango(3, 0, 3)
    assert (round(found.low, 4), round(found.high, 4)) == (-0.1230, 1.0)


def test_the_other_paired_intervals_are_those_of_ratescis_tests() -> None:
    for found, low, high in (
        (wald_paired(1, 7, 21), -0.520, -0.052),
        (bonett_price(1, 7, 21), -0.508, -0.013),
        (mover_wilson(1, 1, 7, 12), -0.507, -0.026),
    ):
        assert (round(found.low, 3), round(found.high, 3)) == (low, high)


def test_mcnemars_four_tests_of_cavos_table() -> None:
    """(59, 6, 16, 80), the `contingencytables` package."""
    found = mcnemar(6, 16)
    assert round(found.z, 3) == -2.132
    shown = [round(p, 6) for p in (found.p, found.cc_p, found.exact_p, found.mid_p)]
    assert shown == [0.033006, 0.055009, 0.052479, 0.034690]


@given(st.integers(0, 200), st.integers(0, 200))
def test_mcnemar_is_the_same_from_both_sides_and_mid_p_below_exact(b: int, c: int) -> None:
    one, other = mcnemar(b, c), mcnemar(c, b)
    assert (one.p, one.cc_p, one.exact_p, one.mid_p) == (other.p, other.cc_p, other.exact_p, other.mid_p)
    assert 0 < one.mid_p <= one.exact_p <= 1


@given(counts(), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_tangos_interval_mirrors_when_the_models_change_places(pair: tuple[int, int, int], level: float) -> None:
    b, c, n = pair
    one, other = tango(b, c, n, level), tango(c, b, n, level)
    assert one.low == pytest.approx(-other.high, abs=1e-9)
    assert -1 <= one.low <= one.estimate <= one.high <= 1


@given(counts(), st.floats(0.005, 0.3), st.sampled_from([0.01, 0.025, 0.05]))
def test_the_test_passes_exactly_where_the_lower_limit_clears_the_margin(
    pair: tuple[int, int, int], margin: float, alpha: float
) -> None:
    b, c, n = pair
    low = tango(b, c, n, 1 - 2 * alpha).low
    if abs(low + margin) > 1e-6:
        assert (tango_test(b, c, n, margin).p < alpha) == (low > -margin)


@given(counts(), st.floats(0.005, 0.3))
def test_one_more_gain_in_place_of_a_loss_never_hurts(pair: tuple[int, int, int], margin: float) -> None:
    b, c, n = pair
    if c:
        assert tango_test(b + 1, c - 1, n, margin).p <= tango_test(b, c, n, margin).p + 1e-12


def test_without_a_discordant_pair_it_still_takes_over_a_hundred_to_pass_a_margin_of_three_points() -> None:
    """z(-m)² = n m/(1-m), so 1.96² x 0.97/0.03 = 124.2."""
    assert tango_test(0, 0, 124, 0.03).p > 0.025 > tango_test(0, 0, 125, 0.03).p


@pytest.mark.parametrize(("discordance", "n"), [(0.1, 873), (0.2, 1745)])
def test_tangos_test_errs_as_seldom_as_it_says_and_has_the_power_that_was_planned(discordance: float, n: int) -> None:
    """4,000 trials each; the planned power is 0.8, from which two points are the variance under the null."""
    generator = np.random.default_rng(20270101)

    def passed(difference: float) -> float:
        gains, losses = (discordance + difference) / 2, (discordance - difference) / 2
        drawn = generator.multinomial(n, [gains, losses, 1 - discordance], size=4000)
        return float(np.mean([tango_test(b, c, n, 0.03).p <= 0.025 for b, c, _ in drawn.tolist()]))

    assert n == items_needed_binary(0.03, discordance)
    assert passed(-0.03) <= 0.025 + 2 * (0.025 * 0.975 / 4000) ** 0.5
    assert passed(0.0) == pytest.approx(power_binary(n, 0.03, discordance), abs=0.03)


# --- graded scores and clusters ---


def test_the_clustered_interval_is_that_of_a_regression_with_clustered_errors() -> None:
    """statsmodels 0.15.0: OLS on a constant, cov_type="cluster", use_t=True."""
    clusters = [i % 37 for i in range(90)]
    found = paired(WAVE, clusters)
    assert (found.method, found.df) == ("t", 36)
    assert found.se == pytest.approx(0.04010535, abs=1e-8)
    assert (found.interval.low, found.interval.high) == pytest.approx((-0.17911519, -0.01644036), abs=1e-8)
    assert paired_test(WAVE, clusters, 0.15).p == pytest.approx(0.1005716, abs=1e-7)


@pytest.mark.parametrize("count", [7, 20, 40])
def test_the_order_of_items_changes_nothing(count: int) -> None:
    clusters = [(i * i) % count for i in range(90)]
    order = random.Random(5).sample(range(90), 90)
    one = paired(WAVE, clusters)
    other = paired([WAVE[i] for i in order], [clusters[i] for i in order])
    assert other.se == pytest.approx(one.se)
    assert other.interval.low == pytest.approx(one.interval.low, abs=1e-9)


@pytest.mark.parametrize("clusters", [12, 45])
@pytest.mark.parametrize("margin", [0.02, 0.1, 0.19, 0.3])
def test_the_paired_test_passes_exactly_where_the_lower_limit_clears_the_margin(clusters: int, margin: float) -> None:
    labels = [i % clusters for i in range(90)]
    low = paired(WAVE, labels, 0.95, seed=4).interval.low
    assert (paired_test(WAVE, labels, margin, seed=4).p <= 0.025) == (low > -margin)


def test_the_wild_bootstrap_errs_no_more_than_it_says_with_twelve_unequal_clusters() -> None:
    """400 trials at the boundary. Student's t of independent items, which forgets the clusters, errs four times as often."""
    generator = np.random.default_rng(20270102)
    sizes = [2, 3, 3, 4, 4, 5, 6, 6, 8, 10, 12, 15]
    clusters = [place for place, size in enumerate(sizes) for _ in range(size)]
    erred = careless = 0
    for seed in range(400):
        shared = generator.normal(0, 0.1, len(sizes))
        values = (-0.03 + shared[clusters] + generator.normal(0, 0.2, len(clusters))).tolist()
        erred += paired_test(values, clusters, 0.03, seed).p <= 0.05
        careless += paired_test(values, list(range(len(values))), 0.03).p <= 0.05
    assert erred / 400 <= 0.05 + 2 * (0.05 * 0.95 / 400) ** 0.5
    assert careless / 400 > 0.12


def test_scores_that_never_vary_prove_no_more_than_their_number() -> None:
    """0.97¹²⁰ = 0.0259 and 0.97¹²¹ = 0.0251 and 0.97¹²² = 0.0243."""
    assert paired_test([0.0] * 121, list(range(121)), 0.03).p > 0.025
    assert paired_test([0.0] * 122, list(range(122)), 0.03).p == pytest.approx(0.0243, abs=5e-5)
    found = paired([0.0] * 122, list(range(122)))
    assert found.method == "constant"
    assert found.interval.low == pytest.approx(0.025 ** (1 / 122) - 1)
    assert found.interval.high == pytest.approx(-found.interval.low)
    assert paired_test([-0.1] * 50, list(range(50)), 0.03).p == 1.0


def test_a_single_cluster_is_refused() -> None:
    with pytest.raises(ValueError, match="one cluster"):
        paired([0.1, 0.2], ["a", "a"])


def test_several_samples_an_item_are_averaged_first_and_their_noise_is_told() -> None:
    found = repeats([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]], [[0.0], [1.0], [1.0]])
    assert found.differences == (0.5, 0.0, -1.0)
    assert found.noise_candidate == pytest.approx(1 / 6)  # variances 1/2, 0, 0
    assert found.noise_incumbent == 0.0
    assert found.between == pytest.approx(7 / 12 - 1 / 12)  # the variance of the differences less noise over 2


# --- latency ---


def test_twice_as_slow_is_exactly_twice_as_slow() -> None:
    incumbent = [1.0 + (i * i) % 83 for i in range(300)]
    found = quantile_ratio([2 * value for value in incumbent], incumbent, list(range(300)), replicates=200)
    assert (found.low, found.estimate, found.high) == (2.0, 2.0, 2.0)
    assert quantile_ratio_test([2 * v for v in incumbent], incumbent, list(range(300)), 2.1, replicates=199).p == 0.005
    assert quantile_ratio_test([2 * v for v in incumbent], incumbent, list(range(300)), 1.9, replicates=199).p == 1.0


def test_the_interval_of_a_ratio_of_quantiles_covers_it() -> None:
    """100 trials of 200 items of log-normal durations whose true ratio is 1.2, at 90 %."""
    generator, covered = np.random.default_rng(20270103), 0
    for seed in range(100):
        shared = generator.normal(0, 0.5, 200)
        candidate = (1.2 * np.exp(shared + generator.normal(0, 0.3, 200))).tolist()
        incumbent = np.exp(shared + generator.normal(0, 0.3, 200)).tolist()
        found = quantile_ratio(candidate, incumbent, range(200), 0.95, 0.9, seed, 99)
        covered += found.low <= 1.2 <= found.high
    assert 0.85 <= covered / 100 <= 0.97


# --- many tests at once ---

BENJAMINI_HOCHBERG = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0,
]  # fmt: skip
"""The fifteen p-values of Benjamini & Hochberg 1995, section 4."""


def test_benjamini_and_hochberg_reject_four_of_their_fifteen_and_holm_three() -> None:
    assert sum(p <= 0.05 for p in benjamini_hochberg(BENJAMINI_HOCHBERG)) == 4
    assert sum(p <= 0.05 for p in holm(BENJAMINI_HOCHBERG)) == 3


def test_adjusted_values_are_those_of_statsmodels() -> None:
    """statsmodels 0.15.0, multipletests."""
    ps = [0.01, 0.04, 0.03, 0.005, 0.2]
    assert holm(ps) == pytest.approx([0.04, 0.09, 0.09, 0.025, 0.2])
    assert benjamini_hochberg(ps) == pytest.approx([0.025, 0.05, 0.05, 0.025, 0.2])
    assert all_must_pass(ps) == 0.2


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_adjusting_raises_no_p_above_holm_and_keeps_the_order(ps: list[float]) -> None:
    for p, found, strict in zip(ps, benjamini_hochberg(ps), holm(ps), strict=True):
        assert p <= found + 1e-12
        assert found <= strict + 1e-12
    for adjusted in (benjamini_hochberg(ps), holm(ps)):
        by_p = [value for _, value in sorted(zip(ps, adjusted, strict=True))]
        assert by_p == sorted(by_p)


# --- unpaired ---


@pytest.mark.parametrize(
    ("k1", "n1", "k2", "n2", "low", "high"),
    [(56, 70, 48, 80, 0.0528, 0.3382), (9, 10, 3, 10, 0.1700, 0.8406), (5, 56, 0, 29, -0.0326, 0.1933)],
)
def test_the_unpaired_interval_is_that_of_newcombes_table(
    k1: int, n1: int, k2: int, n2: int, low: float, high: float
) -> None:
    """Newcombe 1998, Stat. Med. 17:873, table II, method 6 (Miettinen & Nurminen)."""
    found = miettinen_nurminen(k1, n1, k2, n2)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_farrington_and_mannings_score_is_that_at_the_likeliest_shares() -> None:
    """z with shares that scipy's minimiser of the likelihood found. (statsmodels 0.15.0 gives 1.2938 and 1.2918, depending
    on which model is named first: its shares are not the likeliest.)"""
    assert farrington_manning(45, 50, 46, 50, 0.1).z == pytest.approx(1.3117878, abs=1e-6)
    assert farrington_manning(160, 200, 170, 200, 0.1).z == pytest.approx(1.3111880, abs=1e-6)


@given(st.integers(1, 80), st.integers(1, 80), st.data())
def test_the_unpaired_interval_mirrors_when_the_models_change_places(n1: int, n2: int, data: st.DataObject) -> None:
    k1, k2 = data.draw(st.integers(0, n1)), data.draw(st.integers(0, n2))
    one, other = miettinen_nurminen(k1, n1, k2, n2), miettinen_nurminen(k2, n2, k1, n1)
    assert one.low == pytest.approx(-other.high, abs=1e-6)
    assert -1 <= one.low <= one.estimate <= one.high <= 1


# --- judges ---


def test_a_judges_share_is_corrected_as_its_authors_code_does() -> None:
    """Lee et al. 2025, arXiv:2511.21140: the example of their README, and their `confidence_interval` run on another, whose
    upper limit is 0.936506 (a table of ours once had 0.9366 for it)."""
    found = judge_corrected(0.4, 1000, 0.7, 0.9, 200, 200)
    assert [round(value, 4) for value in (found.low, found.estimate, found.high)] == [0.0564, 0.1667, 0.2627]
    found = judge_corrected(0.8, 1000, 0.9, 0.9, 200, 200)
    assert (found.low, found.estimate, found.high) == pytest.approx((0.823443, 0.875, 0.936506), abs=5e-7)


@settings(max_examples=50)
@given(st.floats(0, 1), st.floats(0.55, 1), st.floats(0.55, 1), st.integers(20, 500))
def test_a_corrected_share_stays_a_share_and_more_labels_sharpen_it(p: float, q0: float, q1: float, m: int) -> None:
    few, many = judge_corrected(p, 500, q0, q1, m, m), judge_corrected(p, 500, q0, q1, 100 * m, 100 * m)
    assert 0 <= few.low <= few.high <= 1
    if few.low > 0 and few.high < 1:
        assert many.high - many.low <= few.high - few.low + 1e-9


def test_a_judge_no_better_than_chance_is_refused() -> None:
    with pytest.raises(ValueError, match="chance"):
        judge_corrected(0.5, 100, 0.4, 0.6, 50, 50)


def test_a_judge_who_always_says_the_same_adds_nothing_to_people() -> None:
    """The mean of 1, 0, 0, -1, 1 is 0.2, its variance 0.7: 0.2 ± 2.776445 √(0.7/5), Student's t with 4 degrees of freedom."""
    for judged in ([0.5] * 40, []):
        found = ppi_paired([1.0, 0.0, 0.0, -1.0, 1.0], [0.5] * 5, judged)
        assert (found.low, found.estimate, found.high) == pytest.approx((-0.838851, 0.2, 1.238851), abs=1e-6)


def test_ten_copies_of_an_item_tell_people_and_judge_no_more_than_one() -> None:
    generator = np.random.default_rng(5)
    human = generator.normal(0, 0.4, 60)
    judged = human + generator.normal(0.1, 0.2, 60)
    more = generator.normal(0.1, 0.45, 400)
    alone = ppi_paired(human.tolist(), judged.tolist(), more.tolist())
    copied = [values.repeat(10).tolist() for values in (human, judged, more)]
    clusters = (np.arange(60).repeat(10).tolist(), np.arange(60, 460).repeat(10).tolist())
    tied = ppi_paired(copied[0], copied[1], copied[2], clusters=clusters)
    assert tied.estimate == pytest.approx(alone.estimate, abs=3e-3)
    assert tied.high - tied.low == pytest.approx(alone.high - alone.low, rel=2e-2)
    naive = ppi_paired(copied[0], copied[1], copied[2])
    assert naive.high - naive.low < 0.35 * (tied.high - tied.low)


def test_a_good_judge_narrows_the_interval_and_a_biased_one_does_not_move_it() -> None:
    """200 trials of 100 people's and 900 judged differences; the judge adds 0.2 to everything. The truth is -0.02."""
    generator, covered, widths, plain = np.random.default_rng(20270104), 0, 0.0, 0.0
    for _ in range(200):
        truth = generator.normal(-0.02, 0.4, 1000)
        judged = truth + 0.2 + generator.normal(0, 0.2, 1000)
        human = truth[:100].tolist()
        found = ppi_paired(human, judged[:100].tolist(), judged[100:].tolist())
        covered += found.low <= -0.02 <= found.high
        widths += found.high - found.low
        plain += 2 * 1.96 * float(np.std(human)) / 10
    assert covered / 200 >= 0.92
    assert widths < 0.6 * plain


# --- what is refused ---


def test_numbers_that_are_no_shares_are_refused() -> None:
    with pytest.raises(ValueError, match="no share"):
        wilson(3, 2)
    with pytest.raises(ValueError, match="discordant"):
        tango_test(2, 2, 3, 0.03)
    with pytest.raises(ValueError, match="level"):
        tango(1, 1, 3, 1.0)
    with pytest.raises(ValueError, match="shares"):
        farrington_manning(3, 2, 1, 2, 0.1)
