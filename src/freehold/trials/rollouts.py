"""What a canary's outcomes amount to, and what follows: advance, promote, take back, or wait. Pure: state + outcome -> state.

The hypotheses, and where the error goes. Delta is the candidate's mean score minus the incumbent's, both in [0, 1], over the
conversations that either could have got.

  advance   At the step k the test asks whether all traffic together would lose `margin` at the next share: it rejects
            "Delta <= -margin / next share". From 50 to 100 % that is the margin itself; from 1 to 5 %, with the margin 0.03, it
            is 0.6, for a small share can do no more harm than that. Each test runs from the canary's beginning at the full
            alpha. They are nested and are asked in a fixed order, each only after the one before has been rejected, so alpha
            is not divided: a candidate that is worse by the margin is promoted with probability at most alpha, and is
            ever given a share at which all traffic loses the margin with probability at most alpha.
  alarms    One test each, at `alpha_rollback` divided by how many there are (the union bound), from the beginning to the
            end: "worse by `harm` at most", "fails at `max_error_rate` at most", "is stopped by safeguards at
            `max_blocked_rate` at most", "its 95th percentile of time is at most `max_p95_ratio` times the incumbent's". So a
            candidate for which all four hold is taken back with probability at most `alpha_rollback`.
  time      "At most `max_p95_ratio` times" must be rejected twice: against the limit of the incumbent's percentile so far, and beside
            the incumbent's answers of the same minutes, so that a candidate does not answer for hours that were slow for both. Once it
            has all traffic nobody answers beside it, and the limit alone is held against it, by a test that begins anew.
  judges    Where graders ask models, Delta is what people would say, and the scores are what judges do. The margins above are then
            tested as margins of the scores (`correcting.py`): smaller ones, or none, and nothing advances. A part of alpha is
            spent on how well the judges are known, and the tests have the rest. "Worse by `harm` at most" is tested on the
            scores as they are: a judge that treats both models alike shows a loss as no greater than it is.
  emergency Ten failures in the last twenty requests (or what `emergency_error_rate` says) end it at once. This one is no test
            and has no error rate; it is there for a candidate that does not answer at all.

What counts: the assigned arm, whoever answered. A question that the incumbent's arm left without an answer never helps a candidate to advance: of repeated ones
the answers do not count, so their failures would make the incumbent look worse than it is. For quality one outcome of each conversation, the first, because a conversation
stays in its arm; for failures, safeguards and times every request of the candidate's arm, but beside the incumbent's the times of
first requests alone, since those of one conversation go together.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from freehold.config.canary_rules import CanaryRules
from freehold.store.canaries import MILLION, Arm
from freehold.trials.correcting import Correction, judged_margin, left_of, told, why_not
from freehold.trials.quantiles import BLOCK, QUANTILE, Block, Times, share_beyond, took, took_beside
from freehold.trials.sequential import (
    Betting,
    advance,
    asymptotic_cs,
    ipw,
    ipw_range,
    start_cap,
    start_ipw,
    start_ipw_harm,
)

Kind = Literal["advanced", "promoted", "rolled_back"]

WINDOW: Final = 20
"""Requests of the candidate that the emergency cap looks back on."""

MOST_UNSCORED: Final = 0.02
"""The share of conversations without a grade above which nothing advances: what is missing may be what is wrong."""

LEAST_FOR_UNSCORED: Final = 50


class Seen(Struct, frozen=True, kw_only=True):
    """One request as it counts. `propensity_ppm` is the probability of its arm, in millionths. `score` is that of the answer,
    0 to 1, None where no grader could tell; `first` says that its conversation had not counted before. `failed` is None where
    the request says nothing of the model (its caller left); `current` that it was assigned at the share in force, and not at
    one before. `answered` is whether there is an answer, by whichever model; `ms` the whole time of one by the arm's own."""

    arm: Arm
    propensity_ppm: int
    score: float | None
    first: bool
    failed: bool | None
    current: bool = True
    answered: bool = True
    blocked: bool = False
    ms: float | None = None


class Side(Struct, frozen=True):
    """One arm, added up: requests, failures and safeguard hits; conversations with a score, their sum, those without."""

    requests: int = 0
    failed: int = 0
    blocked: int = 0
    scored: int = 0
    total: float = 0.0
    unscored: int = 0


class Weighted(Struct, frozen=True):
    """Sums over the scores of `ipw` at their weights, which are those of their shares: what the estimate that is displayed is made of.
    Each weight, weight times score, and the squares of weights times powers of the score."""

    weights: float = 0.0
    total: float = 0.0
    squares0: float = 0.0
    squares1: float = 0.0
    squares2: float = 0.0


class State(Struct, frozen=True):
    """Everything that a canary has shown. `passing` holds one test for each step but the last; `at_step` counts the candidate's
    conversations at the step in force, `recent` whether its last requests failed. `beside` is the test of its times beside the
    incumbent's, None where nobody answers beside it. `correction` says how far the judges among the graders are believed, None
    where there are none."""

    passing: tuple[Betting, ...]
    harm: Betting
    failing: Betting
    blocked: Betting
    slow: Betting | None
    beside: Betting | None = None
    block: Block = Block()
    candidate: Side = Side()
    incumbent: Side = Side()
    times: Times = Times()
    at_step: int = 0
    recent: tuple[bool, ...] = ()
    differences: Weighted = Weighted()
    correction: Correction | None = None


class Decision(Struct, frozen=True):
    """What follows, why, and on which evidence: whole numbers and text, for an entry of the ledger."""

    kind: Kind
    reason: str
    evidence: dict[str, Any]


def begin(rules: CanaryRules, steps: Sequence[int], correction: Correction | None = None) -> State:
    """The state of a canary with these steps, in millionths, before its first outcome. A test that cannot show anything, for want of
    labels, stands for its step with the margin as it is, and nothing follows from it."""
    share = min(_least(step) for step in steps[:-1]) if len(steps) > 1 else 0.5
    alarm, alpha = alarm_alpha(rules), left_of(correction, rules.alpha)
    tested = [judged_margin(correction, margin) or margin for margin in margins(rules, steps)]
    return State(
        passing=tuple(start_ipw(margin, alpha, share) for margin in tested),
        harm=start_ipw_harm(rules.harm, alarm, share),
        failing=start_cap(rules.max_error_rate, alarm),
        blocked=start_cap(rules.max_blocked_rate, alarm),
        slow=None if rules.max_p95_ratio == 0 else _slow(alarm),
        beside=None if rules.max_p95_ratio == 0 or steps[0] == MILLION else start_cap(1 / BLOCK, alarm),
        correction=correction,
    )


def alarm_alpha(rules: CanaryRules) -> float:
    """The level of each alarm."""
    return rules.alpha_rollback / (3 if rules.max_p95_ratio == 0 else 4)


def margins(rules: CanaryRules, steps: Sequence[int]) -> tuple[float, ...]:
    """How much worse the candidate must be shown not to be before it leaves each step but the last. Beyond what any score can
    lose, the next share is no risk to the margin at all; the test is then of 0.99."""
    return tuple(min(0.99, rules.margin * MILLION / following) for following in steps[1:])


def observe(state: State, rules: CanaryRules, seen: Seen) -> State:
    """The state after one more request."""
    state = _count(state, seen)
    if seen.first and seen.ms is not None and state.beside is not None:
        state = _beside(state, rules, seen, seen.ms)
    if seen.arm == "candidate":
        state = _watch(state, rules, seen)
    elif seen.ms is not None and state.slow is not None:
        state = replace(state, times=took(state.times, seen.ms, alarm_alpha(rules) / 2))
    if seen.first and seen.score is not None:
        state = _compare(state, seen, seen.score)
    return state


def arrived(state: State, failures: Sequence[bool]) -> State:
    """The state after more of the candidate's requests have arrived, in whatever order: only the emergency cap heeds them."""
    return replace(state, recent=(*state.recent, *failures)[-WINDOW:])


def decide(
    state: State, rules: CanaryRules, steps: Sequence[int], step: int, *, paused: bool = False
) -> Decision | None:
    """What follows now, None when nothing does. An alarm comes before everything; a paused canary does not advance."""
    alarm = _alarm(state, rules)
    if alarm is not None:
        return Decision("rolled_back", alarm, evidence(state, rules, steps, step))
    if paused or state.at_step < rules.min_items or _too_little_scored(state):
        return None
    if step == len(steps) - 1:
        return Decision("promoted", "every step is passed", evidence(state, rules, steps, step))
    margin = margins(rules, steps)[step]
    if not state.passing[step].crossed or why_not(state.correction, margin):
        return None
    reason = (
        f"shown to be less than {margin:g} worse, which at the next share costs all traffic less than {rules.margin:g}"
    )
    tested = judged_margin(state.correction, margin)
    if state.correction is not None and tested is not None:
        reason += f"; in the words of {', '.join(state.correction.judges)}, less than {tested:.3g}"
    return Decision("advanced", reason, evidence(state, rules, steps, step))


def advanced(state: State, rules: CanaryRules, share_ppm: int) -> State:
    """The state at the beginning of the next step, with its share: what was shown stays."""
    state = replace(state, at_step=0, block=Block())
    if state.beside is None or share_ppm < MILLION:
        return state
    return replace(state, slow=_slow(alarm_alpha(rules)), beside=None)


def evidence(state: State, rules: CanaryRules, steps: Sequence[int], step: int) -> dict[str, Any]:
    """All that the decision rests on. Logarithms of wealth and thresholds in thousandths, shares and means in millionths. `judged` is
    how far judges are believed; where that does not do for the step in force, `held` says why, and there is no test of it."""
    tests = {"harm": state.harm, "errors": state.failing, "blocked": state.blocked, "slow": state.slow}
    tests["slow_beside"] = state.beside
    shown: dict[str, Any] = {
        "at_share_ppm": steps[step],
        "conversations_at_step": state.at_step,
        "candidate_arm": _side(state.candidate),
        "incumbent_arm": _side(state.incumbent),
        "recent_requests": len(state.recent),
        "recent_failures": sum(state.recent),
    }
    if step < len(state.passing):
        shown |= _quality(state, margins(rules, steps)[step])
        if "held" not in shown:
            tests["no_worse"] = state.passing[step]
    if state.correction is not None:
        shown["judged"] = told(state.correction)
    if state.times.limit is not None:
        shown["p95_limit_us"] = round(state.times.limit * 1000)
    return {**shown, "tests": {name: _test(test) for name, test in tests.items() if test is not None}}


def difference(state: State) -> dict[str, int] | None:
    """The estimate of Delta with a band that holds at all times at 95 %, asymptotically, in millionths; None while there is too little.
    For display: nothing is decided by it."""
    sums = state.differences
    if not sums.weights:
        return None
    mean = sums.total / sums.weights
    spread = sums.squares2 - 2 * mean * sums.squares1 + mean * mean * sums.squares0
    return banded(mean, asymptotic_cs(sums.weights, mean, max(0.0, spread) / sums.weights))


def banded(mean: float, band: tuple[float, float] | None) -> dict[str, int] | None:
    """An estimate and its band in millionths, within what a difference can be."""
    if band is None:
        return None
    low, high = max(-1.0, band[0]), min(1.0, band[1])
    return {"mean_ppm": round(MILLION * mean), "low_ppm": round(MILLION * low), "high_ppm": round(MILLION * high)}


def too_many_unscored(unscored: int, everything: int) -> bool:
    """Whether so many of these have no grade that nothing good may be concluded from the others."""
    return unscored > MOST_UNSCORED * everything


# --- one outcome ---


def _count(state: State, seen: Seen) -> State:
    side = state.candidate if seen.arm == "candidate" else state.incumbent
    scored = seen.first and seen.score is not None
    side = Side(
        side.requests + 1,
        side.failed + (seen.failed is True),
        side.blocked + seen.blocked,
        side.scored + scored,
        side.total + (seen.score or 0.0 if scored else 0.0),
        side.unscored + (seen.first and seen.score is None),
    )
    if seen.arm == "candidate":
        return replace(state, candidate=side, at_step=state.at_step + (seen.first and seen.current))
    return replace(state, incumbent=side)


def _watch(state: State, rules: CanaryRules, seen: Seen) -> State:
    """The caps on the candidate itself."""
    if seen.failed is not None:
        state = replace(state, failing=advance(state.failing, float(seen.failed)))
        state = replace(state, blocked=advance(state.blocked, float(seen.blocked)))
    limit = state.times.limit
    if seen.ms is not None and limit is not None and state.slow is not None:
        slower = seen.ms > rules.max_p95_ratio * limit
        state = replace(state, slow=advance(state.slow, float(slower)))
    return state


def _beside(state: State, rules: CanaryRules, seen: Seen, ms: float) -> State:
    """The times of both while both answer."""
    state = replace(state, block=took_beside(state.block, ms, candidate=seen.arm == "candidate"))
    beyond = share_beyond(state.block, rules.max_p95_ratio) if seen.arm == "incumbent" else None
    if beyond is None or state.beside is None:
        return state
    return replace(state, beside=advance(state.beside, beyond))


def _compare(state: State, seen: Seen, score: float) -> State:
    """The tests of quality. Without a second arm, at a share of 100 %, there is nothing to compare."""
    share = seen.propensity_ppm / MILLION if seen.arm == "candidate" else 1 - seen.propensity_ppm / MILLION
    if not 0 < share < 1:
        return state
    before = state.candidate.scored + state.incumbent.scored - 1
    total = state.candidate.total + state.incumbent.total - score
    centre = (0.5 + total) / (1 + before)  # known before this score, so that it changes the variance and nothing else
    x = ipw(score, share, candidate=seen.arm == "candidate", centre=centre)
    low, high = ipw_range(share, centre)
    weight = 4 * share * (1 - share)
    stricter = (
        x
        if seen.answered
        else ipw(_if_judged(state, seen, score), share, candidate=seen.arm == "candidate", centre=centre)
    )
    if seen.answered or seen.arm == "candidate" or stricter < 0:
        passing = tuple(
            test if test.crossed else advance(test, stricter, worst=test.null - low, weight=weight)
            for test in state.passing
        )
    else:  # nobody knows of a question without an answer whether it was one that repeats, which does not count where it is answered
        passing = state.passing
    harm = advance(state.harm, x, worst=high - state.harm.null, weight=weight)
    return replace(state, passing=passing, harm=harm, differences=_weighed(state.differences, x, weight))


def _if_judged(state: State, seen: Seen, score: float) -> float:
    """The score of an answer that was not given, as the tests of passing count it. It is worth 0, and a judge gives a bad answer more
    than that on average; so an incumbent that fails would make the candidate look better than it is."""
    if seen.arm == "candidate" or state.correction is None:
        return score
    return max(score, state.correction.unanswered)


def _weighed(sums: Weighted, x: float, weight: float) -> Weighted:
    square = weight * weight
    return Weighted(
        sums.weights + weight,
        sums.total + weight * x,
        sums.squares0 + square,
        sums.squares1 + square * x,
        sums.squares2 + square * x * x,
    )


# --- what follows ---


def _quality(state: State, margin: float) -> dict[str, Any]:
    """The margin that is to be shown at a step, and what judges make of it."""
    shown: dict[str, Any] = {"margin_ppm": round(margin * MILLION)}
    if state.correction is None:
        return shown
    tested = judged_margin(state.correction, margin)
    return shown | (
        {"held": why_not(state.correction, margin)} if tested is None else {"tested_ppm": round(tested * MILLION)}
    )


def _alarm(state: State, rules: CanaryRules) -> str | None:
    if state.harm.crossed:
        return f"shown to be worse than the incumbent by more than {rules.harm:g}"
    if state.failing.crossed:
        return f"shown to fail more often than {rules.max_error_rate:.1%}"
    if state.blocked.crossed:
        return f"shown to be stopped by safeguards more often than {rules.max_blocked_rate:.1%}"
    if state.slow is not None and state.slow.crossed and (state.beside is None or state.beside.crossed):
        return f"its 95th percentile of time is shown to be more than {rules.max_p95_ratio:g} times the incumbent's"
    if len(state.recent) == WINDOW and sum(state.recent) >= rules.emergency_error_rate * WINDOW:
        return f"{sum(state.recent)} of its last {WINDOW} requests failed"
    return None


def _too_little_scored(state: State) -> bool:
    unscored = state.candidate.unscored + state.incumbent.unscored
    everything = unscored + state.candidate.scored + state.incumbent.scored
    return everything >= LEAST_FOR_UNSCORED and too_many_unscored(unscored, everything)


def _slow(alarm: float) -> Betting:
    """The test of times against the limit. Half of the alarm's part is spent on that limit, a quarter on the test while both answer,
    a quarter on the one after that."""
    return start_cap(1 - QUANTILE, alarm / 4)


def _test(test: Betting) -> dict[str, int]:
    told = {"n": test.n, "log_e_milli": round(test.e * 1000), "threshold_milli": round(test.threshold * 1000)}
    return told | ({"crossed_at": test.crossed_at} if test.crossed else {})


def _side(side: Side) -> dict[str, int]:
    return {
        "requests": side.requests,
        "failed": side.failed,
        "blocked": side.blocked,
        "scored": side.scored,
        "unscored": side.unscored,
        "mean_ppm": round(MILLION * side.total / side.scored) if side.scored else 0,
    }


def _least(share_ppm: int) -> float:
    share = share_ppm / MILLION
    return min(share, 1 - share)
