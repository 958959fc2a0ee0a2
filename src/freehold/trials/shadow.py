"""Grades the pairs of a shadow, and says when the candidate is shown to be no worse, or to be worse. A canary's best reason.

Both answers to one question are graded by the same graders, so the difference is the candidate's alone, and it takes several
times fewer conversations than a canary does (`rollouts.py`). One pair of each conversation counts, the first: the others lean
on it. A candidate that failed scores 0. Two tests, each at the full level of its own claim:

    passed   rejects "worse by `margin` or more" at `alpha`            (rules of the workload's `canary`)
    harmed   rejects "worse by `harm` at most" at `alpha_rollback`

Either, when it is reached for the first time, becomes an entry of the ledger, in the transaction that counts the pair. Nothing
is passed while more than 2 % of the pairs have no grade: what is missing may be what is wrong.

Where graders ask models, the margin is tested as one of what they say, by what people said of these judges (`correcting.py`), and
nothing is passed where people said too little; `harm` is tested on the scores as they are.

Evidence is for what it was gathered on, its terms: the incumbent and its route, the graders, how far judges are believed, the levels, and
the weights of own models. When one of them changes the test begins anew, with the entry `shadow.restarted`; answers from before that count in neither.
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
from freehold.config.digest import route_digest
from freehold.config.settings import Settings
from freehold.items import Item
from freehold.store.canaries import MILLION, find_canary, first_of
from freehold.store.database import transaction
from freehold.store.events import keep_event
from freehold.store.items import find_item
from freehold.store.records import Record
from freehold.store.shadows import (
    ANSWERED,
    ITEM,
    SHADOW,
    Pair,
    forget_units,
    keep_scores,
    keep_test,
    list_tests,
    read_test,
    waiting_pairs,
)
from freehold.store.usage import find_record
from freehold.trials.correcting import Correction, judged_margin, left_of, why_not
from freehold.trials.correcting import told as correction_told
from freehold.trials.grading import WAIT_SECONDS, Grading
from freehold.trials.rollouts import banded, too_many_unscored
from freehold.trials.sequential import Betting, advance, asymptotic_cs, start_harm, start_paired

AT_ONCE: Final = 200

log = logging.getLogger("freehold.shadow")


class Terms(Struct, frozen=True, kw_only=True):
    """What is tested, on what and how strictly. `incumbent` are the models that serve the workload, first to last; `route` is the
    digest of the route, `graders` that of who grades, `judged` how far those of them are believed that ask models; the weights are
    SHA-256 digests, empty where nobody knows them."""

    incumbent: tuple[str, ...]
    route: str
    graders: str
    margin: float
    alpha: float
    harm: float
    alpha_rollback: float
    weights: str = ""
    incumbent_weights: str = ""
    judged: Correction | None = None


class Standing(Struct, frozen=True):
    """What the pairs of one candidate have shown: how many counted, how many had no grade, failures, sums of scores and of
    squared differences, and both tests. `passed` says that it was told of as passed. Pairs from before `since` (Unix milliseconds) are not its own."""

    passing: Betting
    harm: Betting
    pairs: int = 0
    unscored: int = 0
    failed: int = 0
    candidate_total: float = 0.0
    incumbent_total: float = 0.0
    squares: float = 0.0
    passed: bool = False
    terms: Terms | None = None
    since: int = 0


class Graded(Struct, frozen=True):
    """One pair with both scores, None where nothing can tell, and its conversation, empty where the answer is not at hand; both
    scores are None for one that does not count."""

    pair: Pair
    candidate: float | None
    incumbent: float | None
    conversation: str = ""
    counts: bool = True


class ShadowTests:
    """The pairs of one data folder. `settings` gives the configuration in force, `believed` how far the judges of a workload are
    believed about a candidate and these incumbents, at the alpha of passing; None where none take part."""

    def __init__(
        self,
        db: sqlite3.Connection,
        settings: Callable[[], Settings],
        grading: Grading,
        believed: Callable[[str, str, tuple[str, ...], float], Correction | None],
    ) -> None:
        self._db = db
        self._settings = settings
        self._grading = grading
        self._believed = believed

    def round(self, now: float | None = None) -> int:
        """Grades and counts what waits; gives how many pairs are done with."""
        now = time.time() if now is None else now
        graded = list(self._graded(now))
        if graded:
            with transaction(self._db):
                for one in graded:
                    self._count(one, now)
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
        if row is not None and row.id != pair.record:  # a repeated input, whose answer is not kept
            return Graded(pair, None, None, counts=False)
        item = None if row is None else self._grading.item(pair.record)
        if item is None or item.given is None:  # never captured, or erased: it has no grade
            return Graded(pair, None, None)
        incumbent = self._grading.grade(pair.workload, item, item.given, f"{ITEM}:{pair.record}", pair.at / 1000, now)
        candidate = self._candidate(pair, item, now)
        if candidate == "later" or incumbent == "later":
            return None
        return Graded(pair, candidate, incumbent, item.conversation)

    def _candidate(self, pair: Pair, item: Item, now: float) -> float | Literal["later"] | None:
        if pair.outcome != ANSWERED:
            return 0.0
        content = self._grading.sealed(f"{SHADOW}:{pair.record}", ITEM)
        said = None if content is None else msgspec.json.decode(content, type=Item).given
        if said is None:
            return None
        return self._grading.grade(pair.workload, item, said, f"{SHADOW}:{pair.record}", pair.at / 1000, now)

    def _count(self, one: Graded, now: float) -> None:
        """One pair into its test. In the caller's transaction."""
        pair = one.pair
        answer = find_record(self._db, pair.record)
        if not one.counts or (answer is not None and _by_another(answer)):
            return
        terms = self._terms(pair, answer)
        if terms is None:
            return
        before = self._standing(pair, terms, now)
        conversation = one.conversation or (answer.conversation if answer is not None else "") or pair.record
        if pair.at < before.since or not first_of(self._db, _test_id(pair), conversation):
            return
        after = counted(before, one.candidate, one.incumbent, failed=pair.outcome != ANSWERED)
        keep_test(self._db, pair.workload, pair.candidate, encode_standing(after))
        if after.passed and not before.passed:
            self._tell("passed", pair, after)
        if after.harm.crossed and not before.harm.crossed:
            self._tell("harmed", pair, after)

    def _terms(self, pair: Pair, answer: Record | None) -> Terms | None:
        """What a pair tests now; None where the workload is not there any more."""
        job = self._settings().workloads.get(pair.workload)
        if job is None:
            return None
        rules = job.canary or CanaryRules()
        copy = find_record(self._db, pair.shadow)
        promoted = find_canary(self._db, answer.canary) if answer is not None and answer.arm == "candidate" else None
        incumbent = tuple(one.model for one in job.route) if promoted is None else (promoted.candidate,)
        own = answer.weights if answer is not None and answer.deployment == incumbent[0] else None
        return Terms(
            incumbent=incumbent,
            route=route_digest(job),
            graders=self._grading.digest(pair.workload),
            margin=rules.margin,
            alpha=rules.alpha,
            harm=rules.harm,
            alpha_rollback=rules.alpha_rollback,
            weights=(copy.weights or "") if copy is not None else "",
            incumbent_weights=own or "",
            judged=self._believed(pair.workload, pair.candidate, incumbent, rules.alpha),
        )

    def _standing(self, pair: Pair, terms: Terms, now: float) -> Standing:
        """The standing that the pair goes into: a new one where the terms have changed, which is told of. A straggler from before the
        last change changes nothing."""
        written = read_test(self._db, pair.workload, pair.candidate)
        if not written:
            return begin(terms)
        before = msgspec.json.decode(written, type=Standing)
        changed = [] if pair.at < before.since else changes(before.terms, terms)
        if not changed:
            return replace(before, terms=_completed(before.terms, terms))
        state = begin(terms, since=int(now * 1000))
        forget_units(self._db, _test_id(pair))
        keep_test(self._db, pair.workload, pair.candidate, encode_standing(state))
        body = {"workload": pair.workload, "candidate": pair.candidate, "changed": changed, "terms": told(terms)}
        keep_event(self._db, "shadow.restarted", pair.workload, {**body, "before": evidence(before)})
        log.warning("the shadow of %s, %s, begins anew: %s", pair.workload, pair.candidate, ", ".join(changed))
        return state

    def _tell(self, kind: str, pair: Pair, state: Standing) -> None:
        body = {"workload": pair.workload, "candidate": pair.candidate, **evidence(state)}
        keep_event(self._db, f"shadow.{kind}", pair.workload, body)
        log.warning("the shadow of %s, %s: %s", pair.workload, pair.candidate, kind)


def _by_another(answer: Record) -> bool:
    """Whether an answer is that of a canary's candidate, beside which the incumbent still serves."""
    return answer.arm == "candidate" and answer.propensity_ppm < MILLION


def _test_id(pair: Pair) -> str:
    return f"{SHADOW}:{pair.workload}:{pair.candidate}"


def _completed(before: Terms | None, now: Terms) -> Terms:
    """The terms with the weights that have become known."""
    known = before or now
    return replace(
        now,
        weights=now.weights or known.weights,
        incumbent_weights=now.incumbent_weights or known.incumbent_weights,
    )


def begin(terms: Terms, since: int = 0) -> Standing:
    """The standing before the first pair."""
    tested = judged_margin(terms.judged, terms.margin) or terms.margin  # where there is none, nothing follows from it
    passing = start_paired(tested, left_of(terms.judged, terms.alpha))
    return Standing(passing, start_harm(terms.harm, terms.alpha_rollback), terms=terms, since=since)


def changes(before: Terms | None, now: Terms) -> list[str]:
    """The names of the terms that differ. Weights that nobody knows do not differ from others; a test that was begun before terms
    were kept differs in all that there is."""
    if before is None:
        return list(Terms.__struct_fields__)
    both = [(name, getattr(before, name), getattr(now, name)) for name in Terms.__struct_fields__]
    return [name for name, was, is_ in both if was != is_ and (not name.endswith("weights") or (was and is_))]


def counted(state: Standing, candidate: float | None, incumbent: float | None, *, failed: bool = False) -> Standing:
    """The standing after one more pair, with both scores from 0 to 1; a pair without one of them tells nothing."""
    if candidate is None or incumbent is None:
        return replace(state, unscored=state.unscored + 1)
    difference = candidate - incumbent
    passing = advance(state.passing, difference)
    enough = not too_many_unscored(state.unscored, state.unscored + state.pairs + 1) and not held(state)
    return replace(
        state,
        passing=passing,
        harm=advance(state.harm, difference),
        pairs=state.pairs + 1,
        failed=state.failed + failed,
        candidate_total=state.candidate_total + candidate,
        incumbent_total=state.incumbent_total + incumbent,
        squares=state.squares + difference * difference,
        passed=state.passed or (passing.crossed and enough),
    )


def held(state: Standing) -> str:
    """Why nothing can be passed, however many pairs there are: too little is known of the judges. Empty where it can."""
    return "" if state.terms is None else why_not(state.terms.judged, state.terms.margin)


def evidence(state: Standing) -> dict[str, Any]:
    """What is told of a standing, in whole numbers: means in millionths, logarithms in thousandths; and of what it is the evidence."""
    pairs = max(1, state.pairs)
    return {
        **({} if state.terms is None else {"terms": told(state.terms)}),
        "passed": state.passed,
        **_judged(state),
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


def _judged(state: Standing) -> dict[str, Any]:
    """Which margin of what judges say stands for the true one, or why none does."""
    if state.terms is None or state.terms.judged is None:
        return {}
    tested = judged_margin(state.terms.judged, state.terms.margin)
    return {"held": held(state)} if tested is None else {"tested_ppm": round(tested * MILLION)}


def told(terms: Terms) -> dict[str, Any]:
    """Terms as an entry has them: numbers that are no whole ones are text, and what nobody knows is left out."""
    fields = msgspec.to_builtins(replace(terms, judged=None))
    said = {name: f"{one}" if isinstance(one, float) else one for name, one in fields.items() if one not in ("", None)}
    return said if terms.judged is None else {**said, "judged": correction_told(terms.judged)}


def encode_standing(state: Standing) -> bytes:
    """A standing as it is kept in the store."""
    return msgspec.json.encode(state)


def standings(db: sqlite3.Connection) -> list[dict[str, Any]]:
    """Every shadow that has pairs, and what they have shown; for display with the estimate of the difference (`rollouts.difference`)."""
    found: list[dict[str, Any]] = []
    for workload, candidate, written in list_tests(db):
        state = msgspec.json.decode(written, type=Standing)
        told = {"workload": workload, "candidate": candidate, **evidence(state)}
        estimate = _estimate(state)
        found.append(told if estimate is None else {**told, "difference": estimate})
    return found


def _estimate(state: Standing) -> dict[str, int] | None:
    if not state.pairs:
        return None
    mean = (state.candidate_total - state.incumbent_total) / state.pairs
    variance = max(0.0, state.squares / state.pairs - mean * mean)
    return banded(mean, asymptotic_cs(state.pairs, mean, variance))
