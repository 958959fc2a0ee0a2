"""What a canary decides, from outcomes that are drawn from a seed: the stated error rates hold, and each cap does what it says."""

import json
import random
from collections import Counter
from collections.abc import Callable

import msgspec
import pytest

from freehold.config.canary_rules import CanaryRules
from freehold.ledger.entry import write_entry
from freehold.store.canaries import MILLION
from freehold.trials.correcting import Correction, uncorrected
from freehold.trials.rollouts import (
    Decision,
    Seen,
    State,
    advanced,
    alarm_alpha,
    arrived,
    begin,
    decide,
    difference,
    evidence,
    margins,
    observe,
)

STEPS = (50_000, 250_000, 500_000, MILLION)
HALF = (500_000, MILLION)
RULES = CanaryRules(margin=0.1, harm=0.1, min_items=20, max_p95_ratio=0)
HITS = Correction(
    judges=("polite",), method="hits", spent=0.01, factor=0.6, unanswered=0.25, trial="trial_x", labels=400, good=320, bad=80,
    q1=0.85, q0=0.9, favour=0.05,
)  # fmt: skip
PEOPLE = Correction(judges=("polite",), method="people", spent=0.01, allowance=0.05, trial="trial_x", labels=300)


def seen(*, candidate: bool = True, score: float | None = 1.0, share: int = 500_000, **fields: object) -> Seen:
    """A request that went well, the first of its conversation, but for what is said."""
    given: dict[str, object] = {
        "arm": "candidate" if candidate else "incumbent",
        "propensity_ppm": share if candidate else MILLION - share,
        "score": score,
        "first": True,
        "failed": False,
    }
    return msgspec.convert({**given, **fields}, Seen)


def run(
    seed: int, incumbent: float, candidate: float, most: int, rules: CanaryRules = RULES, steps: tuple[int, ...] = HALF,
    correction: Correction | None = None,
) -> tuple[list[Decision], State]:  # fmt: skip
    """A canary in which each arm is right with its probability, until it ends or `most` conversations have passed."""
    draw, state, step = random.Random(seed), begin(rules, steps, correction), 0
    decisions: list[Decision] = []
    for _ in range(most):
        own = draw.random() < steps[step] / MILLION
        right = draw.random() < (candidate if own else incumbent)
        state = observe(state, rules, seen(candidate=own, score=float(right), share=steps[step]))
        decision = decide(state, rules, steps, step)
        if decision is None:
            continue
        decisions.append(decision)
        if decision.kind != "advanced":
            break
        state, step = advanced(state, rules, steps[step + 1]), step + 1
    return decisions, state


def test_an_equal_candidate_goes_through_every_step_and_is_promoted() -> None:
    ends = Counter(run(seed, 0.8, 0.8, 6000, steps=STEPS)[0][-1].kind for seed in range(6))
    assert ends == {"promoted": 6}
    decisions, _ = run(0, 0.8, 0.8, 6000, steps=STEPS)
    assert [one.kind for one in decisions] == ["advanced", "advanced", "advanced", "promoted"]


def test_a_candidate_worse_by_the_margin_is_hardly_ever_promoted_however_often_one_looks() -> None:
    ends = [run(seed, 0.8, 0.7, 500)[0] for seed in range(40)]
    promoted = sum(bool(one) and one[-1].kind == "promoted" for one in ends)
    assert promoted <= 5  # alpha = 0.05 of 40 is 2; 5 is more than two standard errors above


def test_a_candidate_as_bad_as_is_tolerated_is_hardly_ever_taken_back() -> None:
    rules = msgspec.structs.replace(RULES, alpha_rollback=0.15, min_items=10_000)
    ends = [run(seed, 0.8, 0.7, 500, rules)[0] for seed in range(40)]
    assert sum(bool(one) for one in ends) <= 5  # a third of alpha_rollback is the alarm's own: 2 of 40


def test_a_broken_candidate_is_taken_back_after_a_few_conversations() -> None:
    after: list[int] = []
    for seed in range(20):
        decisions, state = run(seed, 0.8, 0.0, 2000)
        assert decisions[-1].kind == "rolled_back"
        assert decisions[-1].reason == "shown to be worse than the incumbent by more than 0.1"
        after.append(state.candidate.requests + state.incumbent.requests)
    assert max(after) < 100


def test_a_candidate_that_is_much_worse_never_gets_past_a_small_share() -> None:
    rules = msgspec.structs.replace(RULES, margin=0.03, harm=0.03)
    for seed in range(4):
        decisions, _ = run(seed, 0.8, 0.4, 5000, rules, STEPS)
        assert decisions[-1].kind == "rolled_back"
        assert len(decisions) <= 2


def test_what_must_be_shown_grows_with_the_next_share() -> None:
    assert margins(CanaryRules(margin=0.03), (10_000, 50_000, 250_000, 500_000, MILLION)) == pytest.approx(
        (0.6, 0.12, 0.06, 0.03)
    )
    assert margins(CanaryRules(margin=0.2), (10_000, 50_000, MILLION)) == (0.99, 0.2)


def test_alarms_share_their_alpha() -> None:
    assert alarm_alpha(CanaryRules(alpha_rollback=0.06, max_p95_ratio=2.0)) == pytest.approx(0.015)
    assert alarm_alpha(CanaryRules(alpha_rollback=0.06, max_p95_ratio=0)) == pytest.approx(0.02)


def test_failures_beyond_the_cap_are_shown_and_those_within_it_are_not() -> None:
    rules = msgspec.structs.replace(RULES, max_error_rate=0.1, emergency_error_rate=1.0)
    state, draw = begin(rules, HALF), random.Random(3)
    for _ in range(2000):
        state = observe(state, rules, seen(failed=draw.random() < 0.1, first=False, score=None))
    assert decide(state, rules, HALF, 0) is None
    for _ in range(2000):
        state = observe(state, rules, seen(failed=draw.random() < 0.2, first=False, score=None))
    decision = decide(state, rules, HALF, 0)
    assert decision is not None
    assert (decision.kind, decision.reason) == ("rolled_back", "shown to fail more often than 10.0%")


def test_safeguard_hits_beyond_their_cap_end_it() -> None:
    state = begin(RULES, HALF)
    for _ in range(40):
        state = observe(state, RULES, seen(blocked=True, first=False, score=None))
    decision = decide(state, RULES, HALF, 0)
    assert decision is not None
    assert decision.reason == "shown to be stopped by safeguards more often than 5.0%"


def test_failures_of_the_incumbent_and_callers_who_left_are_not_held_against_the_candidate() -> None:
    state = begin(RULES, HALF)
    for _ in range(100):
        state = observe(state, RULES, seen(candidate=False, failed=True, first=False, score=None))
        state = observe(state, RULES, seen(failed=None, first=False, score=None))
    assert decide(state, RULES, HALF, 0) is None
    assert state.failing.n == 0


TIMED = msgspec.structs.replace(RULES, max_p95_ratio=2.0)


def timed(
    state: State, seed: int, most: int, *, factor: float, slowed: Callable[[int], float] = lambda _: 1.0
) -> State:
    """A canary at a half in which the candidate takes `factor` times as long, and both `slowed` times at each moment."""
    draw = random.Random(seed)
    for moment in range(most):
        own = draw.random() < 0.5
        ms = draw.expovariate(1 / 300) * slowed(moment) * (factor if own else 1.0)
        state = observe(state, TIMED, seen(candidate=own, ms=ms, score=None))
    return state


def slow_hours(moment: int) -> float:
    return 8.0 if moment > 500 else 1.0


@pytest.mark.parametrize(("factor", "taken_back"), [(1.0, False), (1.9, False), (4.0, True)])
def test_a_candidate_is_taken_back_for_its_slowest_twentieth(factor: float, taken_back: bool) -> None:
    decision = decide(timed(begin(TIMED, HALF), 7, 6000, factor=factor), TIMED, HALF, 0)
    assert (decision is not None) == taken_back
    if decision is not None:
        assert decision.reason == "its 95th percentile of time is shown to be more than 2 times the incumbent's"


def test_hours_that_are_slow_for_both_are_not_held_against_the_candidate() -> None:
    """The limit is one of better days, and is passed; beside the incumbent the candidate is as fast."""
    for seed in range(5):
        state = timed(begin(TIMED, HALF), seed, 2000, factor=1.0, slowed=slow_hours)
        assert state.slow is not None
        assert state.beside is not None
        assert (state.slow.crossed, state.beside.crossed) == (True, False)
        assert decide(state, TIMED, HALF, 0) is None
    slower = timed(begin(TIMED, HALF), 0, 4000, factor=4.0, slowed=slow_hours)
    assert decide(slower, TIMED, HALF, 0) is not None


def test_with_all_traffic_a_candidate_is_held_against_the_limit_alone_and_anew() -> None:
    before = timed(begin(TIMED, HALF), 1, 3000, factor=1.0, slowed=slow_hours)
    assert before.slow is not None
    assert before.slow.crossed
    state = advanced(before, TIMED, MILLION)
    assert state.slow is not None
    assert (state.slow.n, state.slow.crossed, state.beside) == (0, False, None)
    assert state.times == before.times
    for _ in range(60):
        state = observe(state, TIMED, seen(share=MILLION, ms=60_000.0, score=None))
    decision = decide(state, TIMED, HALF, 1)
    assert decision is not None
    assert decision.kind == "rolled_back"
    assert advanced(before, TIMED, 500_000).slow == before.slow
    assert begin(TIMED, (MILLION,)).beside is None


def test_only_the_first_time_of_a_conversation_is_seen_beside_the_incumbents() -> None:
    state = timed(begin(TIMED, HALF), 3, 100, factor=1.0)
    again = observe(state, TIMED, seen(ms=1.0, score=None, first=False))
    assert again.block == state.block
    assert observe(state, TIMED, seen(ms=1.0, score=None)).block != state.block


def test_the_emergency_cap_needs_a_whole_window_and_looks_at_arrivals() -> None:
    state = arrived(begin(RULES, HALF), [True] * 19)
    assert decide(state, RULES, HALF, 0) is None
    state = arrived(state, [False])
    decision = decide(state, RULES, HALF, 0)
    assert decision is not None
    assert decision.reason == "19 of its last 20 requests failed"
    assert decide(arrived(begin(RULES, HALF), [True, False, False] * 20), RULES, HALF, 0) is None


def test_only_the_first_outcome_of_a_conversation_is_compared() -> None:
    once = observe(begin(RULES, HALF), RULES, seen(score=0.0))
    again = observe(once, RULES, seen(score=0.0, first=False))
    assert again.harm == once.harm
    assert (again.candidate.requests, again.candidate.scored, again.at_step) == (2, 1, 1)


def test_nothing_advances_while_too_much_is_unscored() -> None:
    decisions, state = run(0, 0.8, 0.8, 6000)
    assert decisions[0].kind == "advanced"
    for _ in range(100):
        state = observe(state, RULES, seen(score=None))
    assert decide(state, RULES, HALF, 0) is None


def test_the_difference_is_shown_with_a_band_that_holds_the_truth() -> None:
    strict = CanaryRules(margin=0.01, harm=0.5, min_items=20, max_p95_ratio=0)
    missed = 0
    for seed in range(40):
        shown = difference(run(seed, 0.8, 0.7, 400, strict)[1])
        assert shown is not None
        assert -200_000 < shown["mean_ppm"] < 0
        missed += not shown["low_ppm"] <= -100_000 <= shown["high_ppm"]
    assert missed <= 5  # P(Bin(40, 0.05) > 5) = 0.014
    # At a share of 5 % a conversation weighs 0.19 of one at a half, so 500 are too few for a band of a hundred.
    assert difference(run(1, 0.8, 0.7, 500, strict, (50_000, MILLION))[1]) is None


def test_a_paused_canary_does_not_advance_and_is_still_taken_back() -> None:
    state = begin(RULES, HALF)
    for number in range(3000):
        state = observe(state, RULES, seen(candidate=number % 2 == 0))
    assert decide(state, RULES, HALF, 0, paused=True) is None
    assert decide(state, RULES, HALF, 0) is not None
    failing = arrived(state, [True] * 20)
    decision = decide(failing, RULES, HALF, 0, paused=True)
    assert decision is not None
    assert decision.kind == "rolled_back"


def test_at_the_whole_share_there_is_nothing_to_compare_and_the_last_step_counts_conversations() -> None:
    state = advanced(run(0, 0.8, 0.8, 6000)[1], RULES, MILLION)
    before = state.harm
    for _ in range(19):
        state = observe(state, RULES, seen(share=MILLION))
        assert decide(state, RULES, HALF, 1) is None
    state = observe(state, RULES, seen(share=MILLION))
    assert state.harm == before
    decision = decide(state, RULES, HALF, 1)
    assert decision is not None
    assert (decision.kind, decision.reason) == ("promoted", "every step is passed")


def test_a_state_survives_being_written_down_exactly_and_so_does_its_next_decision() -> None:
    _, whole = run(5, 0.8, 0.7, 400)
    _, half = run(5, 0.8, 0.7, 200)
    assert msgspec.json.decode(msgspec.json.encode(half), type=State) == half
    assert msgspec.json.decode(msgspec.json.encode(whole), type=State) == whole


def test_the_evidence_can_stand_in_an_entry_of_the_ledger() -> None:
    decisions, _ = run(0, 0.8, 0.8, 6000)
    body = decisions[0].evidence
    entry = json.loads(write_entry("canary.advanced", "can_1", 1, body))
    assert entry["tests"]["no_worse"]["crossed_at"] == decisions[0].evidence["tests"]["no_worse"]["n"]
    assert entry["tests"]["no_worse"]["log_e_milli"] >= entry["tests"]["no_worse"]["threshold_milli"] == 2996
    assert (entry["margin_ppm"], entry["at_share_ppm"]) == (100_000, 500_000)
    assert entry["candidate_arm"]["scored"] + entry["incumbent_arm"]["scored"] == entry["tests"]["no_worse"]["n"]


# --- judges ---


def test_by_a_judge_a_smaller_margin_is_tested_at_what_its_errors_leave_of_alpha() -> None:
    state = begin(RULES, STEPS, HITS)
    assert [test.null for test in state.passing] == pytest.approx([-0.24, -0.12, -0.06])  # 0.6 x 0.4, 0.2, 0.1
    assert [test.threshold for test in state.passing] == pytest.approx([3.218876] * 3)  # ln(1 / 0.04)
    assert state.harm == begin(RULES, STEPS).harm
    by_people = begin(RULES, STEPS, PEOPLE)
    assert [test.null for test in by_people.passing] == pytest.approx([-0.35, -0.15, -0.05])


def test_a_candidate_worse_by_the_margin_in_truth_is_hardly_ever_promoted_by_a_judge_that_errs() -> None:
    # Right in 80 and 70 %, judged with 85 and 90 %: good by the judge are 0.8 x 0.85 + 0.2 x 0.1 = 70 % and 62.5 %.
    ends = [run(seed, 0.7, 0.625, 500, correction=HITS)[0] for seed in range(40)]
    assert sum(bool(one) and one[-1].kind == "promoted" for one in ends) <= 5  # P(Bin(40, 0.05) > 5) = 0.014


def test_a_judge_of_whom_nobody_knows_how_it_errs_promotes_nobody_and_still_takes_back() -> None:
    missing = uncorrected(["polite"], "label replies")
    decisions, state = run(0, 0.8, 0.8, 1500, correction=missing)
    assert decisions == []
    assert state.passing[0].crossed
    worse, _ = run(0, 0.8, 0.0, 2000, correction=missing)
    assert [one.kind for one in worse] == ["rolled_back"]
    shown = worse[0].evidence
    assert (shown["held"], shown["judged"]["method"]) == ("label replies", "none")
    assert "no_worse" not in shown["tests"]


def test_a_canary_gets_as_far_as_what_people_said_lets_it() -> None:
    wide, steps = msgspec.structs.replace(PEOPLE, allowance=0.1), (400_000, 500_000, MILLION)
    decisions, state = run(1, 0.8, 0.8, 1000, steps=steps, correction=wide)
    assert [one.kind for one in decisions] == ["advanced"]  # 0.2 can be shown, 0.1 cannot
    held = evidence(state, RULES, steps, 1)["held"]
    assert held.startswith("by what people said, the judge `polite` may favour the candidate by up to 10.0 points")


@pytest.mark.parametrize("correction", [None, HITS])
def test_an_answer_that_the_incumbent_did_not_give_never_helps_the_candidate(correction: Correction | None) -> None:
    state = begin(RULES, HALF, correction)
    lost = observe(state, RULES, seen(candidate=False, score=0.0, answered=False))
    counted = observe(state, RULES, seen(candidate=False, score=0.0))
    assert lost == msgspec.structs.replace(counted, passing=state.passing) != counted
    mine = observe(state, RULES, seen(score=0.0, answered=False))
    assert mine.passing == observe(state, RULES, seen(score=0.0)).passing != state.passing


def test_an_answer_that_the_incumbent_did_not_give_counts_as_what_a_judge_gives_a_bad_one_where_that_is_much() -> None:
    state = begin(RULES, HALF, HITS)
    for _ in range(9):
        state = observe(state, RULES, seen(score=0.0))
    lost = observe(state, RULES, seen(candidate=False, score=0.0, answered=False))
    bad = observe(state, RULES, seen(candidate=False, score=0.25))
    assert (lost.passing, lost.incumbent.total) == (bad.passing, 0.0)
    assert lost.harm == observe(state, RULES, seen(candidate=False, score=0.0)).harm


def test_an_incumbent_that_fails_where_questions_repeat_does_not_promote_a_worse_candidate() -> None:
    """The incumbent is right on 80 % and fails on 3 %, the candidate is right on 74 %. Of nine questions in ten that came before only the failures are seen."""
    rules, generator = CanaryRules(max_p95_ratio=0), random.Random(7)
    for _ in range(5):
        state = begin(rules, HALF)
        for _ in range(2_000):
            candidate, repeated = generator.random() < 0.5, generator.random() < 0.9
            if not candidate and generator.random() < 0.03:
                state = observe(state, rules, seen(candidate=False, score=0.0, answered=False))
            elif not repeated:
                score = float(generator.random() < (0.74 if candidate else 0.80))
                state = observe(state, rules, seen(candidate=candidate, score=score))
            decision = decide(state, rules, HALF, 0)
            assert decision is None or decision.kind == "rolled_back"


def test_what_a_judge_was_believed_is_part_of_every_decision() -> None:
    rules = msgspec.structs.replace(RULES, margin=0.3)
    decisions, state = run(0, 0.8, 0.8, 3000, rules, correction=HITS)
    advance, promotion = decisions
    assert advance.reason.endswith("; in the words of polite, less than 0.18")
    assert (advance.evidence["margin_ppm"], advance.evidence["tested_ppm"]) == (300_000, 180_000)
    for decision in decisions:
        entry = json.loads(write_entry(f"canary.{decision.kind}", "can_1", 1, decision.evidence))
        assert (entry["judged"]["factor_ppm"], entry["judged"]["labels"]) == (600_000, 400)
    assert promotion.kind == "promoted"
    assert msgspec.json.decode(msgspec.json.encode(state), type=State) == state
