"""Grades the pairs of a shadow, and says when the candidate is shown to be no worse, or to be worse. A canary's best reason.

Both answers to one question are graded by the same graders, so the difference is the candidate's alone, and it takes several
times fewer conversations than a canary does (`rollouts.py`). One pair of each conversation counts, the first: the others lean
on it. A candidate that failed scores 0. Two tests, each at the full level of its own claim:

    passed   rejects "worse by `margin` or more" at `alpha`            (rules of the workload's `canary`)
    harmed   rejects "worse by `harm` at most" at `alpha_rollback`

Either, when it is reached for the first time, becomes an entry of the ledger, in the transaction that counts the pair.
"""

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from freehold.config.canary_rules import CanaryRules
from freehold.config.settings import Settings
from freehold.items import Item
from freehold.store.canaries import MILLION, first_of
from freehold.store.database import transaction
from freehold.store.events import keep_event
from freehold.store.items import find_item
from freehold.store.shadows import (
    ANSWERED,
    ITEM,
    SHADOW,
    Pair,
    keep_scores,
    keep_test,
    list_tests,
    read_test,
    waiting_pairs,
)
from freehold.trials.grading import WAIT_SECONDS, Grading
from freehold.trials.sequential import Betting, advance, start_harm, start_paired

AT_ONCE: Final = 200

log = logging.getLogger("freehold.shadow")


class Standing(Struct, frozen=True):
    """What the pairs of one candidate have shown: how many counted, how many had no grade, failures, sums of scores, and both
    tests."""

    passing: Betting
    harm: Betting
    pairs: int = 0
    unscored: int = 0
    failed: int = 0
    candidate_total: float = 0.0
    incumbent_total: float = 0.0


class Graded(Struct, frozen=True):
    """One pair with both scores, None where nothing can tell, and its conversation; both None for one that does not count."""

    pair: Pair
    candidate: float | None
    incumbent: float | None
    conversation: str
    counts: bool


class ShadowTests:
    """The pairs of one data folder. `settings` gives the configuration in force."""

    def __init__(self, db: sqlite3.Connection, settings: Callable[[], Settings], grading: Grading) -> None:
        self._db = db
        self._settings = settings
        self._grading = grading

    def round(self, now: float | None = None) -> int:
        """Grades and counts what waits; gives how many pairs are done with."""
        now = time.time() if now is None else now
        graded = list(self._graded(now))
        if graded:
            with transaction(self._db):
                for one in graded:
                    self._count(one)
                keep_scores(self._db, [(one.pair.number, one.candidate, one.incumbent) for one in graded])
        return len(graded)

    def _graded(self, now: float) -> Iterator[Graded]:
        """The pairs whose turn it is. Where judges take part a pair waits for those before it, so that the order does not depend
        on how long they think; meanwhile they are asked about the pairs behind it."""
        waiting: set[str] = set()
        for pair in waiting_pairs(self._db, AT_ONCE):
            judged = self._grading.judged(pair.workload)
            one = self._grade(pair, now)
            if one is None and judged:
                waiting.add(pair.workload)
            elif one is not None and pair.workload not in waiting:
                yield one

    def _grade(self, pair: Pair, now: float) -> Graded | None:
        """The pair with its scores; None while the captured answer is not there yet, or judges are being asked."""
        row = find_item(self._db, pair.record)
        if row is None and now - pair.at / 1000 < WAIT_SECONDS:
            return None
        item = None if row is None or row.id != pair.record else self._grading.item(pair.record)
        if item is None or item.given is None:  # a repeated input, whose answer is not kept, or one that is erased
            return Graded(pair, None, None, "", counts=False)
        incumbent = self._grading.grade(pair.workload, item, item.given, f"{ITEM}:{pair.record}", pair.at / 1000, now)
        candidate = self._candidate(pair, item, now)
        if candidate == "later" or incumbent == "later":
            return None
        return Graded(pair, candidate, incumbent, item.conversation or item.id, counts=True)

    def _candidate(self, pair: Pair, item: Item, now: float) -> float | Literal["later"] | None:
        if pair.outcome != ANSWERED:
            return 0.0
        content = self._grading.sealed(f"{SHADOW}:{pair.record}", ITEM)
        said = None if content is None else msgspec.json.decode(content, type=Item).given
        if said is None:
            return None
        return self._grading.grade(pair.workload, item, said, f"{SHADOW}:{pair.record}", pair.at / 1000, now)

    def _count(self, one: Graded) -> None:
        """One pair into its test. In the caller's transaction."""
        pair = one.pair
        if not one.counts or not first_of(self._db, f"{SHADOW}:{pair.workload}:{pair.candidate}", one.conversation):
            return
        before = self._standing(pair)
        after = counted(before, one.candidate, one.incumbent, failed=pair.outcome != ANSWERED)
        keep_test(self._db, pair.workload, pair.candidate, encode_standing(after))
        for kind, was, now in (("passed", before.passing, after.passing), ("harmed", before.harm, after.harm)):
            if now.crossed and not was.crossed:
                body = {"workload": pair.workload, "candidate": pair.candidate, **evidence(after)}
                keep_event(self._db, f"shadow.{kind}", pair.workload, body)
                log.warning("the shadow of %s, %s: %s", pair.workload, pair.candidate, kind)

    def _standing(self, pair: Pair) -> Standing:
        written = read_test(self._db, pair.workload, pair.candidate)
        if written:
            return msgspec.json.decode(written, type=Standing)
        job = self._settings().workloads.get(pair.workload)
        return begin(CanaryRules() if job is None or job.canary is None else job.canary)


def begin(rules: CanaryRules) -> Standing:
    """The standing before the first pair."""
    return Standing(start_paired(rules.margin, rules.alpha), start_harm(rules.harm, rules.alpha_rollback))


def counted(state: Standing, candidate: float | None, incumbent: float | None, *, failed: bool = False) -> Standing:
    """The standing after one more pair, with both scores from 0 to 1; a pair without one of them tells nothing."""
    if candidate is None or incumbent is None:
        return replace(state, unscored=state.unscored + 1)
    difference = candidate - incumbent
    return Standing(
        advance(state.passing, difference),
        advance(state.harm, difference),
        state.pairs + 1,
        state.unscored,
        state.failed + failed,
        state.candidate_total + candidate,
        state.incumbent_total + incumbent,
    )


def evidence(state: Standing) -> dict[str, Any]:
    """What is told of a standing, in whole numbers: means in millionths, logarithms in thousandths."""
    pairs = max(1, state.pairs)
    return {
        "pairs": state.pairs,
        "unscored": state.unscored,
        "failed": state.failed,
        "candidate_mean_ppm": round(MILLION * state.candidate_total / pairs),
        "incumbent_mean_ppm": round(MILLION * state.incumbent_total / pairs),
        **{
            name: {"log_e_milli": round(test.e * 1000), "threshold_milli": round(test.threshold * 1000)}
            | ({"crossed_at": test.crossed_at} if test.crossed else {})
            for name, test in (("no_worse", state.passing), ("harm", state.harm))
        },
    }


def encode_standing(state: Standing) -> bytes:
    """A standing as it is kept in the store."""
    return msgspec.json.encode(state)


def standings(db: sqlite3.Connection) -> list[dict[str, Any]]:
    """Every shadow that has pairs, and what they have shown."""
    return [
        {"workload": workload, "candidate": candidate, **evidence(msgspec.json.decode(state, type=Standing))}
        for workload, candidate, state in list_tests(db)
    ]
