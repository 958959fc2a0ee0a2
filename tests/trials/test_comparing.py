"""Each comparison keeps its promise: its error under the hypothesis, and no more than that."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from freehold.trials.comparing import (
    Pairs,
    Rule,
    compare_binary,
    compare_corrected,
    compare_cost,
    compare_graded,
    compare_latency,
    compare_with_people,
)
from freehold.trials.results import Calibration, Gate, Told

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


def test_where_all_that_differ_are_worse_a_clustered_gate_says_how_many_more_items_it_wants() -> None:
    for count in range(40, 60):
        # Conversations of two turns: one is wrong on both, another on one.
        differences = [-1.0, -1.0, -1.0, *[0.0] * (2 * count - 3)]
        some = Pairs(
            [1 + one for one in differences], [1.0] * 2 * count, differences, [str(at // 2) for at in range(2 * count)]
        )
        gate = compare_binary(BLANK, some, 0.05, RULE)
        assert gate.outcome == "inconclusive"
        assert gate.more is not None
        assert gate.more > 1


def test_an_estimate_on_the_margin_itself_lies_beyond_it_however_it_is_rounded() -> None:
    differences = [*[1.0] * 15, *[-1.0] * 30, *[0.0] * 455]  # -15 of 500: -3 points
    tied = Pairs(differences, [0.0] * 500, differences, [str(at // 3) for at in range(500)])
    graded = [*[-0.3] * 12, *[0.0] * 108]
    alone = Pairs(graded, [0.0] * 120, graded, [str(at) for at in range(120)])
    for gate in (compare_binary(BLANK, tied, 0.03, RULE), compare_graded(BLANK, alone, 0.03, RULE)):
        assert (gate.estimate, gate.outcome) == (pytest.approx(-0.03), "inconclusive")
        assert (gate.more, gate.reason) == (None, "the estimate itself lies beyond the margin")


KNOWN = Calibration(grader="judge", model="", q0=0.9, q1=0.9, m0=500, m1=500)


def test_a_judges_interval_on_items_that_repeat_each_other_is_that_of_the_clusters() -> None:
    """2,000 items in 200 clusters of 10 that are all the same tell as much as 200 items, not as much as 2,000."""
    alone = pairs(200, 0.8, 0.75, 11)
    copied = Pairs(
        *(
            [score for score in scores for _ in range(10)]
            for scores in (alone.candidate, alone.incumbent, alone.differences)
        ),
        clusters=[str(at // 10) for at in range(2000)],
    )
    apart = Pairs(copied.candidate, copied.incumbent, copied.differences, [str(at) for at in range(2000)])
    one, ten, naive = (compare_corrected(BLANK, some, (KNOWN, KNOWN), 0.1, RULE) for some in (alone, copied, apart))
    assert None not in (one.low, one.high, ten.low, ten.high, naive.low, naive.high)
    assert (ten.low, ten.estimate, ten.high) == pytest.approx((one.low, one.estimate, one.high), abs=2e-3)
    assert (ten.high or 0) - (ten.low or 0) > 1.6 * ((naive.high or 0) - (naive.low or 0))
    assert "200 clusters" in ten.method


@pytest.mark.parametrize(("candidate", "incumbent", "whose"), [(0.93, 0.99, "candidate"), (0.88, 0.99, "incumbent")])
def test_a_judge_who_does_what_its_labels_do_not_explain_concludes_nothing(
    candidate: float, incumbent: float, whose: str
) -> None:
    """It took 90 % of 500 good replies for good, and takes 99 % of all here: clipped to 1, both shares would be the same."""
    known = Calibration(grader="judge", model="", q0=0.8, q1=0.9, m0=100, m1=500)
    mine, theirs = ([float(at < share * 2000) for at in range(2000)] for share in (candidate, incumbent))
    some = Pairs(mine, theirs, [a - b for a, b in zip(mine, theirs, strict=True)], [str(at) for at in range(2000)])
    gate = compare_corrected(BLANK, some, (known, known), 0.05, RULE)
    assert gate.outcome == "inconclusive"
    assert f"of the {whose}'s replies for good, which does not fit" in gate.reason


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_judge_that_is_always_right_may_find_all_or_nothing(share: float) -> None:
    known = Calibration(grader="judge", model="", q0=1.0, q1=1.0, m0=300, m1=300)
    scores = [share] * 3000
    gate = compare_corrected(
        BLANK, Pairs(scores, scores, [0.0] * 3000, [str(at) for at in range(3000)]), (known, known), 0.05, RULE
    )
    assert (gate.outcome, gate.reason) == ("pass", "")


def test_samples_of_a_judge_are_averaged_and_not_cut_at_one_half() -> None:
    """The candidate is called right in 2 of 5 samples of every item, the incumbent in 3 of 5: (0.4 + 0.9 - 1)/0.8 = 0.375 and
    (0.6 + 0.9 - 1)/0.8 = 0.625."""
    n = 400
    some = Pairs([0.4] * n, [0.6] * n, [-0.2] * n, [str(at) for at in range(n)])
    gate = compare_corrected(BLANK, some, (KNOWN, KNOWN), 0.05, RULE, samples=5)
    assert gate.estimate == pytest.approx(-0.25)
    assert gate.outcome == "fail"


def preferences(seed: int, labelled: int, loss: float) -> tuple[Pairs, dict[str, float]]:
    """What a judge who errs in 15 % of 400 pairs, for the candidate, prefers, and what people say of some of them."""
    draw = random.Random(seed)
    truth = [draw.choices((1.0, 0.0, -1.0), (0.2, 0.8 - 0.2 - loss, 0.2 + loss))[0] for _ in range(400)]
    judged = [one if draw.random() < 0.85 else draw.choice((1.0, 1.0, 0.0)) for one in truth]
    items = [str(at) for at in range(400)]
    mine = [(1 + one) / 2 for one in judged]
    return Pairs(mine, [1 - one for one in mine], judged, items, items), dict(
        zip(items[:labelled], truth, strict=False)
    )


def test_a_judge_who_favours_the_candidate_is_set_right_by_people_at_the_margin() -> None:
    """150 runs in which the candidate is worse by just the margin: 2.5 % are 4, and 11 would be 4 standard errors above. By the
    judge alone it passes in most."""
    passed, naive = 0, 0
    for seed in range(150):
        some, human = preferences(seed, 100, 0.2)
        passed += compare_with_people(BLANK, some, human, 0.2, RULE).outcome == "pass"
        naive += compare_graded(BLANK, some, 0.2, RULE).outcome == "pass"
    assert passed <= 10
    assert naive > 75


@pytest.mark.parametrize("left", [1, 3])
def test_where_people_labelled_all_but_one_conversation_they_alone_decide(left: int) -> None:
    some = pairs(120, 0.8, 0.75, 5)
    tied = replace(some, clusters=[str(min(at, 120 - left)) for at in range(120)], items=[str(at) for at in range(120)])
    human = {str(at): some.differences[at] for at in range(120 - left)}
    gate = compare_with_people(BLANK, tied, human, 0.3, RULE)
    assert gate.outcome == "pass"
    assert gate.estimate == pytest.approx(sum(human.values()) / len(human))


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


@pytest.mark.parametrize("conversations", [1, 2, 19])
def test_times_of_few_conversations_conclude_nothing(conversations: int) -> None:
    # Half as slow in each of 60 answers, which only a few conversations gave.
    both = [(Told(ms=(50.0 + at,)), Told(ms=(300.0 + at,)), str(at % conversations)) for at in range(60)]
    gate = compare_latency(both, 1.0, RULE)
    assert (gate.outcome, gate.n) == ("inconclusive", 60)
    assert gate.reason.startswith(f"the times come from {conversations} of at least 20 conversations")
    assert (
        compare_latency([(mine, theirs, str(at)) for at, (mine, theirs, _) in enumerate(both)], 1.0, RULE).outcome
        == "pass"
    )


def test_the_costs_of_one_conversation_conclude_nothing() -> None:
    both = [(Told(cost_nano=50.0 + at), Told(cost_nano=300.0), "c") for at in range(60)]
    gate = compare_cost(both, 1.0, RULE)
    assert (gate.outcome, gate.reason) == (
        "inconclusive",
        "all items come from one conversation, which shows no variance",
    )
