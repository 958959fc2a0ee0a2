"""Each comparison keeps its promise: its error under the hypothesis, and no more than that."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.trials.comparing import Pairs, Rule, compare_binary, compare_cost, compare_graded, compare_latency
from freehold.trials.results import Gate, Told

BLANK = Gate(name="quality", kind="quality", outcome="inconclusive")
RULE = Rule(alpha=0.025, alpha_fail=0.025, power=0.8, seed=1)


def pairs(n: int, candidate: float, incumbent: float, seed: int) -> Pairs:
    """Scores of two models that are right independently with these probabilities."""
    draw = random.Random(seed)
    mine = [float(draw.random() < candidate) for _ in range(n)]
    theirs = [float(draw.random() < incumbent) for _ in range(n)]
    return Pairs(mine, theirs, [a - b for a, b in zip(mine, theirs, strict=True)], [str(at) for at in range(n)])


def test_at_the_margin_itself_few_pass_and_few_fail() -> None:
    # 400 runs at the boundary: 2.5 % of each are 10; 22 is more than 3.7 standard errors above.
    outcomes = [compare_binary(BLANK, pairs(300, 0.75, 0.80, seed), 0.05, RULE).outcome for seed in range(400)]
    assert outcomes.count("pass") <= 22
    assert outcomes.count("fail") <= 22


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 60), st.integers(0, 10_000), st.floats(0.01, 0.3))
def test_a_gate_never_passes_and_fails_and_its_interval_holds_its_estimate(n: int, seed: int, margin: float) -> None:
    some = pairs(n, 0.6, 0.7, seed)
    for gate in (compare_binary(BLANK, some, margin, RULE), compare_graded(BLANK, some, margin, RULE)):
        assert gate.estimate is not None
        assert gate.low is not None
        assert gate.high is not None
        assert gate.low <= gate.estimate <= gate.high
        if gate.outcome == "pass":
            assert gate.high >= -margin
        if gate.outcome == "fail":
            assert gate.low < -margin
        assert (gate.more is None) or (gate.more >= 1 and gate.outcome == "inconclusive")


def test_a_cost_that_is_the_same_for_every_item_is_known_exactly() -> None:
    both = [(Told(cost_nano=120.0), Told(cost_nano=100.0), str(at)) for at in range(500)]
    gate = compare_cost(both, 1.5, RULE)
    assert (gate.outcome, gate.estimate) == ("pass", pytest.approx(1.2))
    assert compare_cost(both, 1.1, RULE).outcome == "fail"


@pytest.mark.parametrize(
    ("candidate", "incumbent", "outcome", "reason"),
    [(0.0, 0.0, "pass", "both are free"), (5.0, 0.0, "fail", "the incumbent is free"), (0.0, 5.0, "pass", "")],
)
def test_what_is_free_is_compared_with_sense(candidate: float, incumbent: float, outcome: str, reason: str) -> None:
    both = [(Told(cost_nano=candidate), Told(cost_nano=incumbent), str(at)) for at in range(300)]
    gate = compare_cost(both, 1.0, RULE)
    assert (gate.outcome, gate.reason) == (outcome, reason)


def test_an_unknown_price_and_missing_times_conclude_nothing() -> None:
    both = [(Told(), Told(cost_nano=1.0, ms=(3.0,)), str(at)) for at in range(100)]
    assert compare_cost(both, 1.0, RULE).reason.startswith("the price of a model is unknown")
    assert "side by side" in compare_latency(both, 1.0, RULE).reason


def test_a_ratio_of_times_near_its_limit_says_how_many_more_items_it_takes() -> None:
    draw = random.Random(3)
    both = [
        (Told(ms=(draw.expovariate(1 / 100),)), Told(ms=(draw.expovariate(1 / 100),)), str(at)) for at in range(200)
    ]
    gate = compare_latency(both, 1.05, RULE)
    assert gate.outcome == "inconclusive"
    assert gate.more is not None
    assert gate.more > 20
