"""From replies to rows: every grader of the plan on every reply, averaged over an item's samples.

Graders that need models say what to ask here, and grade once somebody has asked (`run.py`). A grade that is missing stays
missing: no answer, an erased item and a grader that cannot tell are reasons, never zeros.
"""

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from freehold.graders.grader import Answer, AnyGrader, Ask, AskingGrader, Grader, PairwiseGrader, in_range
from freehold.items import Given, Grade, Item
from freehold.trials.plan import ARMS, ArmName, Plan, PlannedGrader, PlannedItem
from freehold.trials.results import Flips, Row, Told
from freehold.trials.samples import Kept


class Reply(Struct, frozen=True):
    """One sample of one model: its key, and the reply, or why there is none. `timed` is whether this trial asked for it, so that
    its time can be held against that of the other model."""

    key: str
    kept: Kept | None
    reason: str = ""
    timed: bool = False


class Case(Struct, frozen=True):
    """One item with everything that was said about it. `item` is None where it cannot be read any more, for `missing`."""

    planned: PlannedItem
    item: Item | None
    missing: str
    replies: Mapping[ArmName, tuple[Reply, ...]]


Answers = Callable[[Ask], Answer]
"""The answer to what a grader asks, None where there is none."""


def questions_of(graders: Sequence[AnyGrader], case: Case) -> list[Ask]:
    """What the graders need to be asked about one item."""
    if case.item is None:
        return []
    asks: list[Ask] = []
    for grader in graders:
        if isinstance(grader, AskingGrader):
            for arm in ARMS:
                asks += [ask for given in _givens(case, arm) for ask in grader.asks(case.item, given)]
        elif isinstance(grader, PairwiseGrader):
            asks += [ask for mine, theirs in _duels(case) for ask in grader.asks(case.item, mine, theirs)]
    return asks


def score(plan: Plan, graders: Sequence[AnyGrader], case: Case, answers: Answers) -> Row:
    """The row of one item."""
    row = Row(item=case.planned.id, cluster=case.planned.cluster, segments=case.planned.segments, missing=case.missing)
    told = {arm: _told(plan.graders, graders, case, arm, answers) for arm in ARMS}
    row = replace(row, candidate=told["candidate"], incumbent=told["incumbent"])
    for planned, grader in zip(plan.graders, graders, strict=True):
        if isinstance(grader, PairwiseGrader):
            row = _with_duel(row, planned, grader, case, answers)
    return row


def grade(grader: Grader | AskingGrader, item: Item, given: Given, answers: Answers) -> Grade:
    """What one grader says of one reply."""
    if isinstance(grader, Grader):
        return in_range(grader.grade(item, given))
    return in_range(grader.score(item, given, [answers(ask) for ask in grader.asks(item, given)]))


def _told(
    planned: Sequence[PlannedGrader], graders: Sequence[AnyGrader], case: Case, arm: ArmName, answers: Answers
) -> Told:
    replies = case.replies.get(arm, ())
    there = [reply for reply in replies if reply.kept is not None]
    scores: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    lost: dict[str, tuple[int, ...]] = {}
    for plan, grader in zip(planned, graders, strict=True):
        if isinstance(grader, PairwiseGrader):
            scores[plan.name] = None  # a place in the order; `_with_duel` fills it
            continue
        scores[plan.name], reason, missing = _mean(grader, case, replies, answers)
        if reason:
            reasons[plan.name] = reason
        if missing:
            lost[plan.name] = missing
    costs = [reply.kept.cost_nano for reply in there if reply.kept is not None]
    known = [cost for cost in costs if cost is not None]
    kept = [reply.kept for reply in there if reply.kept is not None]
    return Told(
        scores=scores,
        reasons=reasons,
        lost=lost,
        ms=tuple(reply.kept.ms for reply in there if reply.timed and reply.kept is not None),
        cost_nano=fmean(known) if known and len(known) == len(costs) else None,
        input_tokens=sum(one.input_tokens for one in kept),
        output_tokens=sum(one.output_tokens for one in kept),
        keys=tuple(reply.key for reply in there),
        receipts=tuple(one.receipt for one in kept),
    )


def _mean(
    grader: Grader | AskingGrader, case: Case, replies: Sequence[Reply], answers: Answers
) -> tuple[float | None, str, tuple[int, ...]]:
    """The mean score over the samples, the reason of a missing one or of the last that was not perfect, and the numbers of the
    samples without a score where others have one."""
    if case.item is None:
        return None, case.missing, ()
    if all(reply.kept is None for reply in replies):
        return None, f"no answer: {next((reply.reason for reply in replies if reply.reason), 'not asked')}", ()
    grades = [
        Grade(score=None, reason=f"no answer: {reply.reason}")
        if reply.kept is None
        else grade(grader, case.item, reply.kept.given, answers)
        for reply in replies
    ]
    told = next((one.reason for one in grades if one.score is None), None)
    told = told or next((one.reason for one in grades if one.score != 1 and one.reason), "")
    return _mean_of(grades), told, _lost(grades)


def _mean_of(grades: Sequence[Grade]) -> float | None:
    scored = [one.score for one in grades if one.score is not None]
    return fmean(scored) if scored else None


def _lost(grades: Sequence[Grade]) -> tuple[int, ...]:
    """The numbers of the samples without a score; none where all are, which the missing mean says."""
    missing = tuple(number for number, one in enumerate(grades) if one.score is None)
    return missing if len(missing) < len(grades) else ()


def _with_duel(row: Row, planned: PlannedGrader, grader: PairwiseGrader, case: Case, answers: Answers) -> Row:
    if case.item is None:
        return row
    said: list[Grade] = []
    for mine, theirs in _samples(case):
        if mine.kept is None or theirs.kept is None:
            said.append(Grade(score=None, reason=f"no answer: {mine.reason or theirs.reason}"))
            continue
        asks = grader.asks(case.item, mine.kept.given, theirs.kept.given)
        given = mine.kept.given, theirs.kept.given
        said.append(in_range(grader.score(case.item, *given, [answers(ask) for ask in asks])))
    mean, lost = _mean_of(said), _lost(said)
    reason = next((one.reason for one in said if one.score is None), "") if mean is None else ""
    told: dict[str, Any] = {}
    for arm, value in (("candidate", mean), ("incumbent", None if mean is None else 1 - mean)):
        before: Told = getattr(row, arm)
        told[arm] = replace(
            before,
            scores={**before.scores, planned.name: value},
            reasons={**before.reasons, planned.name: reason} if reason else before.reasons,
            lost={**before.lost, planned.name: lost} if lost else before.lost,
        )
    flips = [one.details for one in said if "flips" in one.details and "judges" in one.details]
    if flips:
        told["flips"] = {
            **row.flips,
            planned.name: Flips(sum(one["flips"] for one in flips), sum(len(one["judges"]) for one in flips)),
        }
    return replace(row, **told)


def _givens(case: Case, arm: ArmName) -> list[Given]:
    return [reply.kept.given for reply in case.replies.get(arm, ()) if reply.kept is not None]


def _samples(case: Case) -> list[tuple[Reply, Reply]]:
    """The samples of both models, first with first."""
    return list(zip(case.replies.get("candidate", ()), case.replies.get("incumbent", ()), strict=False))


def _duels(case: Case) -> list[tuple[Given, Given]]:
    """Those samples that both models answered."""
    return [
        (mine.kept.given, theirs.kept.given)
        for mine, theirs in _samples(case)
        if mine.kept is not None and theirs.kept is not None
    ]
