"""Items in clusters count as what they tell. Expected values are published, or worked out by hand."""

import random

import numpy as np
import pytest

from freehold.trials.clustered import design_effect_of, effective_items, icc
from freehold.trials.statistics import paired_test, tango, tango_test


def test_clusters_that_agree_in_themselves_count_as_one_item_each() -> None:
    """Fifty clusters of four alike: the design effect is 4 x (49/50)⁻¹ x 199/200, and Tango's test sees a quarter."""
    generator = random.Random(1)
    values = [generator.choice([1.0, -1.0, 0.0, 0.0]) for _ in range(50)]
    repeated, clusters = [value for value in values for _ in range(4)], [i // 4 for i in range(200)]
    assert design_effect_of(repeated, clusters) == pytest.approx(4 * 50 / 49 * 199 / 200)
    assert design_effect_of(values, list(range(50))) == 1.0
    assert design_effect_of([0.0] * 4, [0, 0, 1, 1]) == 2.0
    whole, parts = tango(20, 8, 200), tango(5, 2, 50)
    assert tango(20 / 4, 8 / 4, 200 / 4) == parts
    assert parts.high - parts.low > whole.high - whole.low


def test_clusters_in_which_nothing_differs_do_not_pass_for_as_many_items_as_they_hold() -> None:
    """1,000 trials at the boundary: thirty conversations of ten turns, of which one in 33 goes wrong as a whole. In two trials of five none is seen."""
    generator = np.random.default_rng(20270106)
    clusters, erred = np.repeat(np.arange(30), 10).tolist(), 0
    for _ in range(1_000):
        values = np.repeat(np.where(generator.random(30) < 0.03, -1.0, 0.0), 10).tolist()
        c, effect = values.count(-1.0), design_effect_of(values, clusters)
        erred += tango_test(0, c / effect, 300 / effect, 0.03).p <= 0.025
    assert erred / 1_000 <= 0.025


def test_clustered_pairs_err_as_seldom_as_they_say_once_divided_by_their_design_effect() -> None:
    """400 trials at the boundary: a hundred clusters of eight, half of each alike. Undivided they err five times as often."""
    generator = np.random.default_rng(20270105)
    clusters, chances = np.repeat(np.arange(100), 8).tolist(), [0.035, 0.065, 0.9]
    erred = careless = 0
    for _ in range(400):
        shared = generator.choice([1.0, -1.0, 0.0], p=chances, size=(100, 1))
        alone = generator.choice([1.0, -1.0, 0.0], p=chances, size=(100, 8))
        values = np.where(generator.random((100, 8)) < 0.5, shared, alone).ravel().tolist()
        b, c, effect = values.count(1.0), values.count(-1.0), design_effect_of(values, clusters)
        erred += tango_test(b / effect, c / effect, 800 / effect, 0.03).p <= 0.025
        careless += tango_test(b, c, 800, 0.03).p <= 0.025
    assert erred / 400 <= 0.025 + 2 * (0.025 * 0.975 / 400) ** 0.5
    assert careless / 400 > 0.08


def test_the_intraclass_correlation_is_that_of_shrout_and_fleiss() -> None:
    """Shrout & Fleiss 1979, Psychol. Bull. 86:420, table 4: ICC(1,1) = 0.17."""
    rows = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    values = [float(value) for row in rows for value in row]
    assert round(icc(values, [place for place, row in enumerate(rows) for _ in row]), 2) == 0.17


def test_an_item_counts_once_however_often_its_cluster_repeats_it() -> None:
    scores = [1.0, 0.0, 1.0, 1.0] * 50
    assert effective_items(scores, list(range(200))) == pytest.approx(200)
    copied = [score for score in scores for _ in range(10)]
    assert effective_items(copied, [at // 10 for at in range(2000)]) == pytest.approx(199.1, abs=0.01)
    assert effective_items([1.0] * 40, [at // 10 for at in range(40)]) == 4  # nothing shows how alike they are
    assert effective_items([0.5] * 40, list(range(40)), samples=4) == 160  # four samples are at best four items


@pytest.mark.parametrize("alike", [0.9, 0.5])
def test_clusters_of_very_unequal_sizes_err_as_seldom_as_they_say(alike: float) -> None:
    """400 trials at the boundary: 200 clusters, most of one item, some of 200. By what each cluster shows alone, 8 to 10 % err."""
    generator, erred, graded = np.random.default_rng(20270109), 0, 0
    for seed in range(400):
        sizes = np.minimum(200, generator.zipf(1.7, 200))
        clusters = np.repeat(np.arange(200), sizes)
        shared = generator.choice([1.0, -1.0, 0.0], p=[0.035, 0.065, 0.9], size=200)[clusters]
        alone = generator.choice([1.0, -1.0, 0.0], p=[0.035, 0.065, 0.9], size=len(clusters))
        values = np.where(generator.random(len(clusters)) < alike, shared, alone).tolist()
        b, c, effect = values.count(1.0), values.count(-1.0), design_effect_of(values, clusters.tolist())
        erred += tango_test(b / effect, c / effect, len(values) / effect, 0.03).p <= 0.025
        noise = alike**0.5 * generator.normal(0, 0.2, 200)[clusters]
        noise = noise + (1 - alike) ** 0.5 * generator.normal(0, 0.2, len(clusters))
        graded += paired_test((noise - 0.03).tolist(), clusters.tolist(), 0.03, seed).p <= 0.025
    assert erred / 400 <= 0.025 + 2 * (0.025 * 0.975 / 400) ** 0.5
    assert graded / 400 <= 0.025 + 2 * (0.025 * 0.975 / 400) ** 0.5


def test_where_nothing_differs_one_large_cluster_counts_as_one_item() -> None:
    values, clusters = [0.0] * 300, [*range(200), *[200] * 100]
    assert design_effect_of(values, clusters) == pytest.approx((100**2 + 200) / 300)
    assert effective_items([1.0] * 300, clusters) == pytest.approx(300**2 / (100**2 + 200))  # 8.8, not 201
    assert paired_test(values, clusters, 0.03).p == pytest.approx(0.97 ** (300**2 / (100**2 + 200)))


def test_an_intraclass_correlation_without_a_cluster_of_two_is_refused() -> None:
    with pytest.raises(ValueError, match="cluster of two"):
        icc([0.1, 0.2], [0, 1])
