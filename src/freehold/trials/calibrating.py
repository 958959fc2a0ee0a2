"""How far a judge can be believed: what it says of replies that people have labelled, asked in the trial itself.

The replies are captured ones with a human label of the model that gave them, and the trial's own that people have labelled
since (`labels.py`). The share of errors of a judge who says right or wrong goes into the interval of a trial (`comparing.py`);
without labels it goes nowhere, and neither does the trial.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from freehold.graders import calibration as counting
from freehold.graders.calibration import POOLED, Judged, differ
from freehold.graders.grader import AnyGrader, Ask, AskingGrader
from freehold.items import Given, Item, Label
from freehold.trials.plan import Plan, PlannedGrader
from freehold.trials.results import Calibration
from freehold.trials.scoring import Answers, grade

LEAST_LABELS: Final = 10
"""Human labels of each kind, good and bad, below which a judge counts as not calibrated."""

UNLIKE: Final = 0.05
"""Where Fisher's exact test finds less than this (half of it on each side), two models do not share one calibration."""


class Labelled(Struct, frozen=True):
    """A reply of a model that people have given a score."""

    model: str
    item: Item
    given: Given
    score: float


def judges_of(plan: Plan) -> list[int]:
    """The places of the judges that decide something: the primary grader and those that are gates."""
    return [
        place
        for place, grader in enumerate(plan.graders)
        if grader.judge and (place == 0 or grader.name in plan.gates.graders)
    ]


def labelled_asks(grader: AnyGrader, item: Item) -> list[Ask]:
    """What to ask about an item's captured reply, where people have labelled it and the grader needs models."""
    if not isinstance(grader, AskingGrader) or item.given is None or _label(item) is None:
        return []
    return list(grader.asks(item, item.given))


def captured(items: Iterable[Item]) -> list[Labelled]:
    """The captured replies that people have labelled."""
    return [
        Labelled(label.model, item, item.given, label.score)
        for item in items
        if item.given is not None and (label := _label(item)) is not None
    ]


def calibrate(
    planned: PlannedGrader,
    grader: AnyGrader,
    replies: Iterable[Labelled],
    answers: Answers,
    clusters: Mapping[str, str] | None = None,
) -> list[Calibration]:
    """How the judge did: for each model whose replies were labelled, and under the name "" for all together. Empty for a
    grader that is no judge of single replies.

    Of the items of one cluster the first good and the first bad reply of each model count, for what a judge thinks of one it
    thinks of the others. `clusters` has that of each item; without it each stands alone."""
    if not planned.judge or not isinstance(grader, AskingGrader):
        return []
    pairs: list[Judged] = []
    known: set[tuple[str, bool, str]] = set()
    for reply in replies:
        place = (reply.model, reply.score >= counting.RIGHT_FROM, (clusters or {}).get(reply.item.id, reply.item.id))
        score = None if place in known else grade(grader, reply.item, reply.given, answers).score
        if score is not None:
            known.add(place)
            pairs.append(Judged(reply.model, reply.score, score))
    return [
        Calibration(grader=planned.name, model=model, q0=one.q0 or 0.0, q1=one.q1 or 0.0, m0=one.m0, m1=one.m1)
        for model, one in counting.calibrate(pairs).items()
        if one.n
    ]


def believed(
    plan: Plan, grader: PlannedGrader, calibrations: Sequence[Calibration]
) -> tuple[Calibration, Calibration] | str:
    """The calibrations for (candidate, incumbent): each model's own, else that of all labelled replies, as long as what is known
    of the two does not show that the judge treats them differently. A sentence where there are none to believe."""
    of = {one.model: one for one in calibrations if one.grader == grader.name}
    usable = {
        model: one for model, one in of.items() if min(one.m0, one.m1) >= LEAST_LABELS and _better_than_chance(one)
    }
    arms = (plan.candidate.model, plan.incumbent.model)
    mine, theirs = (usable.get(model) or usable.get(POOLED) for model in arms)
    if mine is None or theirs is None:
        return (
            f"the judge `{grader.name}` is not calibrated: label at least {LEAST_LABELS} good and {LEAST_LABELS} bad replies of "
            f"different conversations (`freehold trial label {plan.id}`)"
        )
    if (
        POOLED in (mine.model, theirs.model)
        and (p := alike(of.get(arms[0]), of.get(arms[1]))) is not None
        and p < UNLIKE
    ):
        return (
            f"the judge `{grader.name}` does not treat both models alike (p = {p:.2g}), so one calibration cannot serve both: "
            f"label more replies of each (`freehold trial label {plan.id}`)"
        )
    return mine, theirs


def _better_than_chance(one: Calibration) -> bool:
    """Also with each share smoothed by one of two, as `statistics.judge_corrected` has it."""
    return one.q0 + one.q1 > 1 and (one.m0 * one.q0 + 1) / (one.m0 + 2) + (one.m1 * one.q1 + 1) / (one.m1 + 2) > 1


def alike(one: Calibration | None, other: Calibration | None) -> float | None:
    """How surprising what is known would be if the judge erred alike on both models' replies: the smaller p of Fisher's exact
    test on good and on bad ones, doubled for there are two. None where one of them has no label."""
    if one is None or other is None:
        return None
    return min(1.0, 2 * min(differ(_counts(one), _counts(other))))


def _counts(one: Calibration) -> counting.Calibration:
    right, wrong = round(one.q1 * one.m1), round(one.q0 * one.m0)
    return counting.Calibration(
        model=one.model, true_right=right, false_wrong=one.m1 - right, true_wrong=wrong, false_right=one.m0 - wrong
    )


def _label(item: Item) -> Label | None:
    """The newest human label of the captured reply."""
    found = [label for label in item.labels if label.source == "human" and label.model == item.model]
    return max(found, key=lambda label: label.at) if found else None
