"""Averages and percentiles of observed seconds."""

import pytest

from freehold.gateway.latency import Latency


def test_the_first_observation_is_the_average() -> None:
    latency = Latency()
    latency.observe(2.0)
    assert latency.average == 2.0


def test_the_newest_observation_weighs_a_fifth() -> None:
    latency = Latency()
    latency.observe(1.0)
    latency.observe(2.0)
    assert latency.average == pytest.approx(1.2)


def test_nineteen_observations_give_no_p95() -> None:
    latency = Latency()
    for _ in range(19):
        latency.observe(1.0)
    assert latency.p95() is None


def test_p95_of_one_to_a_hundred_is_ninety_five() -> None:
    latency = Latency()
    for value in range(100, 0, -1):
        latency.observe(float(value))
    assert latency.p95() == 95.0


def test_only_the_last_two_hundred_count() -> None:
    latency = Latency()
    for _ in range(500):
        latency.observe(9.0)
    for _ in range(200):
        latency.observe(1.0)
    assert latency.p95() == 1.0
