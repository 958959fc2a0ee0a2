"""How far a judge can be believed: what it says of replies that people have labelled, asked in the trial itself.

The replies are captured ones, with a human label of the model that gave them. A judge's share of errors goes into the
interval of a trial (`comparing.py`); without labels it goes nowhere, and neither does the trial.
"""

from collections.abc import Iterable

from freehold.graders.grader import AnyGrader, Ask, AskingGrader
from freehold.items import Item, Label
from freehold.trials.plan import PlannedGrader
from freehold.trials.results import Calibration
from freehold.trials.scoring import Answers, grade

GOOD = 0.5
"""The score from which a reply counts as good, for people and for judges."""


def labelled_asks(grader: AnyGrader, item: Item) -> list[Ask]:
    """What to ask about an item's captured reply, where people have labelled it and the grader needs models."""
    if not isinstance(grader, AskingGrader) or item.given is None or _label(item) is None:
        return []
    return list(grader.asks(item, item.given))


def calibrate(planned: PlannedGrader, grader: AnyGrader, items: Iterable[Item], answers: Answers) -> list[Calibration]:
    """How the judge did: for each model whose replies were labelled, and under the name "" for all together. Empty for a
    grader that is no judge."""
    if not planned.judge or not isinstance(grader, AskingGrader):
        return []
    counts: dict[str, list[int]] = {}
    for item in items:
        label = _label(item)
        if label is None or item.given is None:
            continue
        score = grade(grader, item, item.given, answers).score
        if score is None:
            continue
        good, called_good = label.score >= GOOD, score >= GOOD
        for model in dict.fromkeys((label.model, "")):
            tally = counts.setdefault(model, [0, 0, 0, 0])
            tally[2 * good] += 1
            tally[2 * good + 1] += good == called_good
    return [
        Calibration(
            grader=planned.name,
            model=model,
            q0=right0 / m0 if m0 else 0.0,
            q1=right1 / m1 if m1 else 0.0,
            m0=m0,
            m1=m1,
        )
        for model, (m0, right0, m1, right1) in sorted(counts.items())
    ]


def _label(item: Item) -> Label | None:
    """The newest human label of the captured reply."""
    found = [label for label in item.labels if label.source == "human" and label.model == item.model]
    return max(found, key=lambda label: label.at) if found else None
