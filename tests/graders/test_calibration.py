"""A judge beside people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.graders.calibration import POOLED, Calibration, Judged, calibrate, differ, fisher, judged
from freehold.items import Grade, Item, Label


def counts(tp: int, tn: int, fp: int, fn: int) -> Calibration:
    return Calibration(model="a", true_right=tp, true_wrong=tn, false_right=fp, false_wrong=fn)


def test_rates_are_those_of_the_formulas() -> None:
    one = counts(tp=90, tn=35, fp=15, fn=10)
    assert (one.m0, one.m1, one.n) == (50, 100, 150)
    assert (one.q0, one.q1) == (0.7, 0.9)
    assert one.agreement == pytest.approx(125 / 150)


@pytest.mark.parametrize(
    ("table", "kappa"),
    [
        ((20, 15, 5, 10), 0.4),
        ((45, 15, 15, 25), 0.1304),
        ((25, 35, 5, 35), 0.2593),
    ],
)
def test_kappa_is_that_of_the_textbook(table: tuple[int, int, int, int], kappa: float) -> None:
    """The three examples of the Wikipedia article on Cohen's kappa (a, d, b, c of its tables)."""
    tp, tn, fp, fn = table
    assert counts(tp, tn, fp, fn).kappa == pytest.approx(kappa, abs=5e-5)


def test_where_there_is_nothing_to_say_nothing_is_said() -> None:
    empty = counts(0, 0, 0, 0)
    assert (empty.q0, empty.q1, empty.agreement, empty.kappa) == (None, None, None, None)
    assert counts(5, 0, 0, 0).kappa is None
    assert counts(5, 0, 0, 0).q0 is None


def test_each_model_is_counted_and_all_together() -> None:
    pairs = [Judged("a", 1, 1), Judged("a", 0, 1), Judged("b", 0.5, 0.4), Judged("b", 0.2, 0.1)]
    found = calibrate(pairs)
    assert list(found) == [POOLED, "a", "b"]
    assert (found["a"].q0, found["a"].q1) == (0.0, 1.0)
    assert (found["b"].q0, found["b"].q1) == (1.0, 0.0)
    assert found[POOLED] == Calibration(model="", true_right=1, true_wrong=1, false_right=1, false_wrong=1)


def test_labels_meet_grades_by_item_and_model_and_the_latest_label_counts() -> None:
    labels = (
        Label(source="human", score=0, model="a", at=1),
        Label(source="human", score=1, model="a", at=2),
        Label(source="feedback", score=0, model="a", at=3),
        Label(source="human", score=1, model="b", at=1),
        Label(source="human", score=1, model="c", at=1),
    )
    item = Item(id="7", workload="w", input={}, labels=labels)
    grades = {("7", "a"): Grade(score=0.0), ("7", "b"): Grade(score=None)}
    assert judged([item], grades) == ([Judged("a", 1, 0.0)], 2)


@pytest.mark.parametrize(
    ("table", "p"),
    [((1, 9, 11, 3), 0.002759), ((3, 1, 1, 3), 0.485714), ((8, 2, 1, 5), 0.034965), ((0, 0, 3, 4), 1.0)],
)
def test_fishers_exact_test_gives_the_published_values(table: tuple[int, int, int, int], p: float) -> None:
    """The first is Wikipedia's, the second Fisher's tea, the third that of SciPy's documentation."""
    assert fisher(*table) == pytest.approx(p, abs=5e-7)


@given(st.tuples(*[st.integers(0, 30)] * 4))
def test_a_probability_is_one_and_the_test_does_not_see_which_model_is_first(table: tuple[int, int, int, int]) -> None:
    a, b, c, d = table
    assert 0 < fisher(a, b, c, d) <= 1
    assert fisher(a, b, c, d) == pytest.approx(fisher(c, d, a, b))


def test_two_models_are_compared_on_both_sides() -> None:
    specific, sensitive = differ(counts(11, 1, 9, 3), counts(11, 11, 3, 3))
    assert specific == pytest.approx(0.002759, abs=5e-7)
    assert sensitive == 1.0
