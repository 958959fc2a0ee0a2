"""The rounds of a canary: new outcomes are scored, counted, and what follows from them is done. The only writer of its state.

1 how far everything is settled: outcomes count in the order in which their requests began     (`store/in_flight.py`)
2 the outcomes up to there are scored, outside of any transaction: grading may take its time
3 in one transaction: what they amount to, the decision with its event, and that they have been counted
4 the workers are told

A death between any two of these repeats nothing and loses nothing: what was not committed waits where it was. A decision that
was committed and not told is told at the next start. One process does this for a data folder.

What a canary was begun on is part of its evidence: when the route changes, or who grades its answers, it ends, and the route's
own models answer.

A promoted candidate is watched on for drift (`drift.py`), as long as the promotion holds: its graded conversations are counted
in the same way, and an alarm takes the promotion back.
"""

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Protocol

import msgspec
from msgspec import Struct

from freehold.config.canary_rules import CanaryRules
from freehold.config.digest import route_digest
from freehold.config.settings import Settings
from freehold.store.canaries import (
    GRADERS_CHANGED,
    ROUTE_CHANGED,
    UNFINISHED,
    Canary,
    Outcome,
    Phase,
    active_canaries,
    arrived_outcomes,
    change_canary,
    find_canary,
    first_lately,
    first_of,
    forget_outcomes,
    keep_state,
    read_state,
    take_outcomes,
    waiting_outcomes,
)
from freehold.store.database import transaction
from freehold.store.in_flight import Settled
from freehold.store.records import Record
from freehold.trials.correcting import Correction
from freehold.trials.drift import Watch, begin_watch, drift_evidence, drift_reason, drift_test, watch_one
from freehold.trials.grading import Score
from freehold.trials.rollouts import (
    Decision,
    Seen,
    State,
    advanced,
    arrived,
    begin,
    decide,
    difference,
    evidence,
    observe,
)

AT_ONCE: Final = 1_000
"""Outcomes in one transaction: a tenth of a second at most, so that others who write need not wait."""

AHEAD: Final = 256
"""Outcomes behind the one that waits for its grade whose judges are asked meanwhile."""

PHASES: Final[dict[str, Phase]] = {"rolled_back": "rolled_back", "promoted": "promoted"}

DRIFT: Final = "drift_false_alarm"

log = logging.getLogger("freehold.canary")


class Scorer(Protocol):
    """Grades answers by the graders of their workload."""

    def score(self, record: Record, now: float) -> Score:
        """The score of the answer that a record is about; `now` is in Unix seconds."""
        ...

    def prepare(self, record: Record, now: float) -> None:
        """Begins what takes time, for an answer whose turn has not come yet."""
        ...

    def digest(self, workload: str) -> str:
        """The digest of who grades a workload now."""
        ...


class Kept(Struct, frozen=True):
    """What is kept of a canary between rounds: its state, the number of the last outcome that has arrived, and once it is
    promoted the watch for drift."""

    state: State
    heard: int = 0
    watch: Watch | None = None


class Rollouts:
    """All canaries of one data folder. `settings` gives the configuration in force, `tell` tells the workers of a change."""

    def __init__(
        self,
        db: sqlite3.Connection,
        settled: Settled,
        settings: Callable[[], Settings],
        scorer: Scorer,
        tell: Callable[[], object],
    ) -> None:
        self._db = db
        self._settled = settled
        self._settings = settings
        self._scorer = scorer
        self._tell = tell

    def round(self, now: float | None = None) -> int:
        """Counts what is settled now, and acts on it; gives how many outcomes were counted."""
        now = time.time() if now is None else now
        active = active_canaries(self._db)
        watched = [canary for canary in active if canary.phase in UNFINISHED]
        promoted = [canary for canary in active if canary.phase == "promoted" and self._may_drift(canary)]
        forget_outcomes(self._db, [canary.id for canary in (*watched, *promoted)])
        if watched:
            self._settled.look()  # 1
        counted = sum(self._watch(canary, now) for canary in watched)
        return counted + sum(self._watch_on(canary, now) for canary in promoted)

    def _watch(self, canary: Canary, now: float) -> int:
        job = self._settings().workloads.get(canary.workload)
        if job is None or route_digest(job) != canary.route:
            self._abort(canary, ROUTE_CHANGED)
            return 0
        if canary.graders and self._scorer.digest(canary.workload) != canary.graders:
            self._abort(canary, GRADERS_CHANGED)
            return 0
        rules = msgspec.convert(canary.rules, CanaryRules)
        fresh = arrived_outcomes(self._db, canary.id, _kept(self._db, canary, rules).heard, AT_ONCE)
        waiting = waiting_outcomes(self._db, canary.id, AT_ONCE)
        until = max(self._settled.until(canary.id), now - rules.patience)
        ready = [outcome for outcome in waiting if outcome.record.started_at < until]
        scored = list(self._scored(canary, ready, now))  # 2
        if not scored and not fresh:
            return 0
        with transaction(self._db):  # 3
            decision = self._count(canary.id, rules, fresh, scored)
        if decision is not None:
            log.warning("canary of %s: %s, %s", canary.workload, decision.kind, decision.reason)
            self._tell()  # 4
        return len(scored)

    def _may_drift(self, canary: Canary) -> bool:
        """Whether a promoted candidate is watched: its answers are graded, and the promotion holds."""
        job = self._settings().workloads.get(canary.workload)
        return canary.graded and job is not None and route_digest(job) == canary.route and canary.rules.get(DRIFT) != 0

    def _watch_on(self, canary: Canary, now: float) -> int:
        """Counts what a promoted candidate did. The workers keep no account of what runs for it, so every outcome waits for
        older ones as long as `patience` says."""
        rules = msgspec.convert(canary.rules, CanaryRules)
        waiting = waiting_outcomes(self._db, canary.id, AT_ONCE)
        ready = [outcome for outcome in waiting if outcome.record.started_at < now - rules.patience]
        scored = list(self._scored(canary, ready, now))
        if not scored:
            return 0
        with transaction(self._db):
            drifted = self._count_on(canary.id, rules, scored)
        if drifted is not None:
            log.warning("%s of %s is taken back: %s", canary.candidate, canary.workload, drifted)
            self._tell()
        return len(scored)

    def _count_on(
        self, canary_id: str, rules: CanaryRules, scored: Sequence[tuple[Outcome, Score]]
    ) -> str | None:  # fmt: skip
        """The reason for which these outcomes take a promotion back, None when they do not. In the caller's transaction."""
        canary = find_canary(self._db, canary_id)
        if canary is None or canary.phase != "promoted":  # ended meanwhile, by a person
            return None
        kept = _kept(self._db, canary, rules)
        watch = kept.watch or begin_watch(kept.state, rules)
        if watch is not None:
            watch = self._drifted(canary, watch, scored)
        take_outcomes(self._db, [outcome.number for outcome, _ in scored])
        keep_state(self._db, canary.id, encode_state(kept.state, kept.heard, watch))
        if watch is None or not watch.drift.crossed:
            return None
        reason = drift_reason(watch)
        change_canary(self._db, canary, "drifted", drift_evidence(watch), phase="rolled_back", reason=reason)
        return reason

    def _drifted(self, canary: Canary, watch: Watch, scored: Sequence[tuple[Outcome, Score]]) -> Watch:
        """The watch after these outcomes, or after the one that raises the alarm."""
        for outcome, score in scored:
            record = outcome.record
            if score == "outside" or not _tells_of_candidate(record):
                continue
            if first_lately(self._db, canary.id, record.conversation, watch.seen):
                watch = watch_one(watch, None if isinstance(score, str) else score)
            if watch.drift.crossed:
                break
        return watch

    def _abort(self, canary: Canary, reason: str) -> None:
        with transaction(self._db):
            change_canary(self._db, canary, "aborted", {}, phase="aborted", reason=reason)
        self._tell()

    def _scored(self, canary: Canary, ready: Sequence[Outcome], now: float) -> Iterator[tuple[Outcome, Score]]:
        """The outcomes with their scores, up to the first whose answer is not there yet."""
        for place, outcome in enumerate(ready):
            score = self._score(canary, outcome.record, now)
            if score == "later":
                for following in ready[place + 1 : place + 1 + AHEAD]:
                    self._scorer.prepare(following.record, now)
                return
            yield outcome, score

    def _score(self, canary: Canary, record: Record, now: float) -> Score:
        if not canary.graded:
            return 1.0 if answered_itself(record, canary.candidate) else 0.0
        score = self._scorer.score(record, now)
        return score if isinstance(score, str) or answered_itself(record, canary.candidate) else 0.0

    def _count(
        self, canary_id: str, rules: CanaryRules, fresh: Sequence[Outcome], scored: Sequence[tuple[Outcome, Score]]
    ) -> Decision | None:
        """The last decision that these outcomes lead to. In the caller's transaction."""
        canary = find_canary(self._db, canary_id)
        if canary is None or canary.phase not in UNFINISHED:  # ended meanwhile, by a person
            return None
        kept = _kept(self._db, canary, rules)
        state = arrived(kept.state, [failed for one in fresh if (failed := _failure(one.record, canary)) is not None])
        heard = max([kept.heard, *(one.number for one in fresh)])
        last = decision = decide(state, rules, canary.steps, canary.step, paused=canary.phase == "paused")
        if decision is not None:
            canary, state = self._act(canary, rules, decision, state)
        for outcome, score in scored:
            if canary.phase not in UNFINISHED:
                break
            seen = self._seen(canary, outcome.record, score)
            if seen is None:
                continue
            state = observe(state, rules, seen)
            decision = decide(state, rules, canary.steps, canary.step, paused=canary.phase == "paused")
            if decision is not None:
                canary, state = self._act(canary, rules, decision, state)
                last = decision
        take_outcomes(self._db, [outcome.number for outcome, _ in scored])
        keep_state(self._db, canary.id, encode_state(state, heard))
        return last

    def _act(self, canary: Canary, rules: CanaryRules, decision: Decision, state: State) -> tuple[Canary, State]:
        step = canary.step + 1 if decision.kind == "advanced" else canary.step
        canary = change_canary(
            self._db,
            canary,
            decision.kind,
            decision.evidence,
            phase=PHASES.get(decision.kind),
            step=step,
            reason=decision.reason,
        )
        return canary, advanced(state, rules, canary.share_ppm) if decision.kind == "advanced" else state

    def _seen(self, canary: Canary, record: Record, score: Score) -> Seen | None:
        """How a request counts; None when it says nothing about either arm: the door itself turned it away."""
        if record.status == "refused" and not record.attempts and not record.deployment:
            return None
        own = answered_itself(record, canary.candidate)
        left_midway = record.status == "cancelled" and record.first_token_ms is not None
        counts = score != "outside" and not left_midway and bool(record.conversation)
        first = counts and first_of(self._db, canary.id, record.conversation)
        return Seen(
            arm="candidate" if record.arm == "candidate" else "incumbent",
            propensity_ppm=record.propensity_ppm,
            score=None if isinstance(score, str) else score,
            first=first,
            failed=_failure(record, canary),
            current=record.arm != "candidate" or record.propensity_ppm == canary.share_ppm,
            answered=record.status == "answered",
            blocked=record.code == "blocked" or record.finish == "content_filter",
            ms=record.total_ms if own else None,
        )


def answered_itself(record: Record, candidate: str) -> bool:
    """Whether the model of the request's arm gave the answer: for the candidate's arm the candidate, and nobody in its place."""
    return record.status == "answered" and (record.arm != "candidate" or record.deployment == candidate)


def encode_state(state: State, heard: int = 0, watch: Watch | None = None) -> bytes:
    """A state as it is kept in the store. `heard` is the number of the last outcome that has arrived, `watch` that for drift."""
    return msgspec.json.encode(Kept(state, heard, watch))


def standing(db: sqlite3.Connection, canary: Canary) -> dict[str, Any]:
    """What a canary has shown so far, as the evidence of a decision would have it, and the estimate of the difference."""
    rules = msgspec.convert(canary.rules, CanaryRules)
    kept = _kept(db, canary, rules)
    shown = evidence(kept.state, rules, canary.steps, canary.step)
    estimate = difference(kept.state)
    if canary.graded and estimate is not None:
        shown = {**shown, "difference": estimate}
    watch = kept.watch
    if watch is None and canary.phase == "promoted" and canary.graded:
        watch = begin_watch(kept.state, rules)
    return shown if watch is None else {**shown, "tests": {**shown["tests"], "drift": drift_test(watch)}}


def _tells_of_candidate(record: Record) -> bool:
    """Whether a conversation's request counts for the candidate: it was given to it, not turned away, and nobody left midway."""
    turned_away = record.status == "refused" and not record.attempts and not record.deployment
    left_midway = record.status == "cancelled" and record.first_token_ms is not None
    return record.arm == "candidate" and bool(record.conversation) and not turned_away and not left_midway


def _failure(record: Record, canary: Canary) -> bool | None:
    """Whether the candidate failed this request; None when it is not of its arm, or says nothing of it."""
    if record.arm != "candidate" or record.status in ("refused", "cancelled", "swept"):
        return None
    return not answered_itself(record, canary.candidate)


def _kept(db: sqlite3.Connection, canary: Canary, rules: CanaryRules) -> Kept:
    written = read_state(db, canary.id)
    if written:
        return msgspec.json.decode(written, type=Kept)
    judged = msgspec.convert(canary.judged, Correction) if canary.judged else None
    return Kept(begin(rules, canary.steps, judged))
