"""How a run keeps its minutes: played through, step by step, on machines of every speed."""

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from freehold.training.clock import Clock, in_time, look_is_due
from freehold.training.curriculum import Pace, decay_now, rate
from freehold.training.recipe import Learning

TEN = Learning(steps=100_000, rate=1.0, warmup=10, decay=0.25, minutes=10.0)
LOOK = 6.0
EVERY = 200


class Played(NamedTuple):
    """How a run went: seconds until its weights are written, the rate of each step, and the paces it had."""

    seconds: float
    rates: list[float]
    paces: list[Pace]


def play(learning: Learning, speed: Callable[[int], float], pace: Pace | None = None) -> Played:
    """A run whose steps take so many seconds; each look at held-out problems takes six."""
    pace, clock, step = pace or Pace(), Clock(), 0
    rates: list[float] = []
    paces = [pace]
    while step < (learning.steps if pace.ends is None else pace.ends):
        rates.append(rate(step, learning, pace))
        step += 1
        clock = clock.stepped(speed(step), clock.elapsed + speed(step))
        last = learning.steps if pace.ends is None else pace.ends
        if step < last and (
            step % EVERY == 0 or look_is_due(learning, clock)
        ):  # the last look comes behind the last step
            clock = replace(clock, look=LOOK, elapsed=clock.elapsed + LOOK)
        pace = in_time(step, learning, EVERY, pace, clock)
        if pace != paces[-1]:
            paces.append(pace)
    return Played(clock.elapsed + LOOK, rates, paces)


def test_the_decay_is_the_last_quarter_of_the_minutes_and_ends_at_nothing() -> None:
    played = play(TEN, lambda _: 0.5)
    (_, pace) = played.paces
    assert pace.decay_from is not None
    assert 575 <= played.seconds <= 600
    assert 0.24 <= (len(played.rates) - pace.decay_from) / len(played.rates) <= 0.26
    assert played.rates[pace.decay_from - 1] == 1.0
    assert played.rates[-1] < 0.01


def test_a_machine_that_becomes_slower_in_the_decay_ends_in_time_and_decays_to_nothing_all_the_same() -> None:
    played = play(TEN, lambda step: 0.5 if step < 850 else 1.2)
    assert played.paces[1].decay_from is not None
    assert played.paces[1].decay_from < 850, "the decay had begun when it became slower"
    assert 570 <= played.seconds <= 600
    assert played.rates[-1] < 0.05


def test_a_run_that_is_done_before_its_minutes_are_never_hears_of_them() -> None:
    few = replace(TEN, steps=500)
    assert play(few, lambda _: 0.5).paces == [Pace()]
    assert play(replace(few, minutes=0.0), lambda _: 50.0).paces == [Pace()]


def test_a_decay_that_the_steps_have_begun_goes_on_from_where_it_is_and_faster() -> None:
    played = play(replace(TEN, steps=1_000), lambda step: 0.5 if step < 850 else 1.5)
    assert 0.3 < played.paces[1].share < 0.6, "of the 250 steps of the decay about 130 were left"
    assert played.seconds <= 600
    assert played.rates[-1] < 0.05


def test_a_cosine_falls_to_nothing_too_when_its_minutes_are_over() -> None:
    played = play(replace(TEN, schedule="cosine"), lambda _: 0.5)
    assert 575 <= played.seconds <= 600
    assert played.rates[-1] < 0.01


def test_a_decay_that_a_target_began_is_shortened_where_it_would_not_end_in_time() -> None:
    pace = decay_now(2_000, TEN, Pace(opened=3))
    clock = Clock(elapsed=540.0, step=0.5, look=LOOK, counted=2_000)
    shorter = in_time(2_000, TEN, EVERY, pace, clock)
    assert (pace.ends, shorter.opened) == (2_667, 3)
    assert shorter.ends == 2_000 + 84, "42 s, 0.5 s a step, and no look before its end"


@given(first=st.floats(0.1, 2.0), then=st.floats(0.1, 2.0), place=st.integers(1, 2_500))
@settings(max_examples=40, deadline=None)
def test_whatever_the_machine_does_a_run_ends_in_its_minutes_and_its_rate_never_rises(
    first: float, then: float, place: int
) -> None:
    played = play(replace(TEN, minutes=4.0), lambda step: first if step < place else then)
    assert played.seconds <= 240
    settled = played.rates[10:]
    assert all(after <= before for before, after in pairwise(settled))


def test_the_first_look_is_at_half_of_the_minutes_at_the_latest() -> None:
    assert not look_is_due(TEN, Clock(elapsed=299.0))
    assert look_is_due(TEN, Clock(elapsed=300.0))
    assert not look_is_due(TEN, Clock(elapsed=300.0, look=1.0))
    assert not look_is_due(replace(TEN, minutes=0.0), Clock(elapsed=300.0))


def test_a_halt_of_the_machine_costs_its_minutes_and_ends_nothing_else() -> None:
    clock = Clock(elapsed=60.0, step=0.5, look=5.0, counted=120)
    halted = clock.stepped(120.0, 180.0)
    assert (halted.elapsed, halted.step) == (180.0, pytest.approx(0.54))
    assert in_time(121, TEN, EVERY, Pace(), halted) == Pace()


def test_a_machine_that_has_become_slower_is_believed_from_its_second_step_on() -> None:
    clock = Clock(elapsed=60.0, step=0.5, counted=120)
    once = clock.stepped(5.0, 65.0)
    again = once.stepped(5.0, 70.0)
    assert (once.step, again.step) == (pytest.approx(0.54), pytest.approx(0.54 + 0.02 * 4.46))
