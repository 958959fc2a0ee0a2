"""Averages and percentiles of observed seconds."""

import pytest

from freehold.gateway.latency import Latency, Pace


def test_the_first_observation_is_the_average() -> None:
    pace = Pace()
    pace.observe(2.0)
    assert pace.average == 2.0


def test_the_newest_observation_weighs_a_fifth() -> None:
    pace = Pace()
    pace.observe(1.0)
    pace.observe(2.0)
    assert pace.average == pytest.approx(1.2)


def test_nineteen_observations_give_no_p95() -> None:
    pace = Pace()
    for _ in range(19):
        pace.observe(1.0)
    assert pace.p95() is None


def test_p95_of_one_to_a_hundred_is_ninety_five() -> None:
    pace = Pace()
    for value in range(100, 0, -1):
        pace.observe(float(value))
    assert pace.p95() == 95.0


def test_only_the_last_two_hundred_count() -> None:
    pace = Pace()
    for _ in range(500):
        pace.observe(9.0)
    for _ in range(200):
        pace.observe(1.0)
    assert pace.p95() == 1.0


def test_streams_and_whole_answers_are_counted_apart() -> None:
    latency = Latency()
    latency.of(streamed=True).observe(0.2)
    latency.of(streamed=False).observe(20.0)
    assert (latency.first.average, latency.whole.average) == (0.2, 20.0)
