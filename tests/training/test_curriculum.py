import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.training.curriculum import Pace, decay_now, opened_after, portion_weights, rate, weights
from freehold.training.recipe import Learning, Portion

LEVELS = (2, 3, 4, 5)
WSD = Learning(steps=1000, rate=1.0, warmup=10, decay=0.2)
COSINE = Learning(steps=1000, rate=1.0, warmup=10, schedule="cosine")


def test_uniform_opens_all_levels_from_the_start() -> None:
    assert weights("uniform", LEVELS, 0, WSD, Pace()) == {2: 1.0, 3: 1.0, 4: 1.0, 5: 1.0}


def test_rising_opens_level_after_level_over_the_first_three_tenths() -> None:
    assert weights("rising", LEVELS, 0, WSD, Pace()) == {2: 1.0, 3: 0.0, 4: 0.0, 5: 0.0}
    assert weights("rising", LEVELS, 80, WSD, Pace()) == {2: 1.0, 3: 2.0, 4: 0.0, 5: 0.0}
    assert weights("rising", LEVELS, 290, WSD, Pace()) == {2: 1.0, 3: 1.0, 4: 1.0, 5: 2.0}
    assert weights("rising", LEVELS, 300, WSD, Pace()) == {2: 1.0, 3: 1.0, 4: 1.0, 5: 1.0}


def test_mastery_opens_the_next_level_when_all_open_ones_are_mastered() -> None:
    assert opened_after([(LEVELS, {2: 0.95, 3: 0.1})], Pace(opened=1)) == 2
    assert opened_after([(LEVELS, {2: 0.95, 3: 0.89})], Pace(opened=2)) == 2
    assert opened_after([(LEVELS, dict.fromkeys(LEVELS, 1.0))], Pace(opened=4)) == 4
    assert weights("mastery", LEVELS, 999, WSD, Pace(opened=2)) == {2: 1.0, 3: 2.0, 4: 0.0, 5: 0.0}


def test_mastery_waits_for_all_tasks_and_goes_on_where_one_has_no_more_levels() -> None:
    short, known = (1, 2), {1: 1.0, 2: 1.0}
    assert opened_after([(short, known), (LEVELS, {2: 0.1})], Pace(opened=1)) == 1
    assert opened_after([(short, known), (LEVELS, {2: 0.9})], Pace(opened=1)) == 2
    assert opened_after([(short, known), (LEVELS, {2: 0.9, 3: 0.9})], Pace(opened=2)) == 3
    assert opened_after([(short, {1: 1.0, 2: 0.5}), (LEVELS, {2: 0.9, 3: 0.9})], Pace(opened=2)) == 2
    assert opened_after([], Pace(opened=1)) == 1


@pytest.mark.parametrize(
    ("step", "expected"), [(0, 0.1), (9, 1.0), (10, 1.0), (800, 1.0), (900, 0.5), (999, 0.005), (1000, 0.0)]
)
def test_the_steady_rate_warms_up_and_decays_in_a_line_at_the_end(step: int, expected: float) -> None:
    assert rate(step, WSD, Pace()) == pytest.approx(expected)


@pytest.mark.parametrize(("step", "expected"), [(4, 0.5), (10, 1.0), (505, 0.55), (1000, 0.1)])
def test_the_cosine_falls_to_a_tenth(step: int, expected: float) -> None:
    assert rate(step, COSINE, Pace()) == pytest.approx(expected)


def test_a_decay_that_begins_early_is_the_same_share_of_the_run_and_ends_it() -> None:
    pace = decay_now(400, WSD, Pace(opened=3))
    assert pace == Pace(opened=3, decay_from=400, ends=500)
    assert rate(450, WSD, pace) == pytest.approx(0.5)
    assert decay_now(450, WSD, pace) == pace
    assert decay_now(400, COSINE, Pace()) == Pace()


def test_a_decay_that_time_begins_after_the_schedule_has_goes_on_from_there() -> None:
    pace = decay_now(900, WSD, Pace())  # the schedule began at 800
    assert pace == Pace(decay_from=800, ends=1000)
    assert rate(900, WSD, pace) == rate(900, WSD, Pace()) == pytest.approx(0.5)


@given(step=st.integers(0, 999), begin=st.none() | st.integers(10, 990))
def test_a_rate_is_never_below_0_or_above_the_recipes(step: int, begin: int | None) -> None:
    pace = Pace() if begin is None else decay_now(begin, WSD, Pace())
    assert 0.0 <= rate(step, WSD, pace) <= 1.0


def test_a_portion_is_drawn_between_its_beginning_and_its_end_and_rises_there() -> None:
    portion = Portion(task="t", begins=0.5, ends=0.75)
    learning = Learning(steps=400)
    at = {
        step: portion_weights("rising", portion, (1, 2), step, learning, Pace())
        for step in (0, 199, 200, 216, 299, 300)
    }
    assert at == {0: {}, 199: {}, 200: {1: 1.0, 2: 0.0}, 216: {1: 1.0, 2: 2.0}, 299: {1: 1.0, 2: 1.0}, 300: {}}
