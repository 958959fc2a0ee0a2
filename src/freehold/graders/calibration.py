"""A judge beside people: how often it says right of what they call right, and wrong of what they call wrong.

It knows pairs of labels and grades and no model. It exists because a judge's error does not average out: it must be measured,
per model that is judged, and go into the interval (Lee et al., arXiv:2511.21140; q0, q1, m0, m1 are named as there).

    q1  sensitivity: share of the replies that people call right which the judge calls right, of m1
    q0  specificity: share of the replies that people call wrong which the judge calls wrong, of m0

Pure Python, on counts.
"""

import math
from collections.abc import Iterable, Mapping

from msgspec import Struct

from freehold.items import Grade, Item, LabelSource

POOLED = ""
"""The name of all models together."""


RIGHT_FROM = 0.5
"""The score from which on a reply counts as right, unless somebody says another."""


class Judged(Struct, frozen=True):
    """One reply that both have seen. Scores are 0 to 1."""

    model: str
    human: float
    judge: float


class Calibration(Struct, frozen=True, kw_only=True):
    """Counts of one model's replies: `true_right` both say right, `true_wrong` both say wrong, `false_right` only the judge
    says right, `false_wrong` only people do."""

    model: str
    true_right: int
    true_wrong: int
    false_right: int
    false_wrong: int

    @property
    def m0(self) -> int:
        """How many people call wrong."""
        return self.true_wrong + self.false_right

    @property
    def m1(self) -> int:
        """How many people call right."""
        return self.true_right + self.false_wrong

    @property
    def q0(self) -> float | None:
        """Specificity; None without a reply that people call wrong."""
        return self.true_wrong / self.m0 if self.m0 else None

    @property
    def q1(self) -> float | None:
        """Sensitivity; None without a reply that people call right."""
        return self.true_right / self.m1 if self.m1 else None

    @property
    def n(self) -> int:
        """How many both have seen."""
        return self.m0 + self.m1

    @property
    def agreement(self) -> float | None:
        """Share on which they agree."""
        return (self.true_right + self.true_wrong) / self.n if self.n else None

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa, agreement beyond chance: (p - e) / (1 - e) with e the agreement that their own shares would give
        by chance (Cohen 1960). None where e is 1: one of the two always says the same as the other must."""
        if not self.n:
            return None
        judged_right = self.true_right + self.false_right
        chance = (self.m1 * judged_right + self.m0 * (self.n - judged_right)) / self.n**2
        agreed = (self.true_right + self.true_wrong) / self.n
        return None if chance == 1 else (agreed - chance) / (1 - chance)


def calibrate(pairs: Iterable[Judged], *, right_from: float = RIGHT_FROM) -> dict[str, Calibration]:
    """The counts of each model, by name, and of all together under POOLED. A score counts as right from `right_from` on."""
    counts: dict[str, list[int]] = {POOLED: [0, 0, 0, 0]}
    for pair in pairs:
        human, judge = pair.human >= right_from, pair.judge >= right_from
        place = (0 if human else 2) if judge else (3 if human else 1)
        for name in (pair.model, POOLED) if pair.model != POOLED else (POOLED,):
            counts.setdefault(name, [0, 0, 0, 0])[place] += 1
    return {name: _calibration(name, found) for name, found in sorted(counts.items())}


def judged(
    items: Iterable[Item],
    grades: Mapping[tuple[str, str], Grade],
    *,
    sources: tuple[LabelSource, ...] = ("human",),
) -> tuple[list[Judged], int]:
    """What both have seen, and how many labelled replies the judge left unscored or did not see.

    `grades` are the judge's, by (item's id, model); of several labels of one reply the latest counts."""
    pairs: list[Judged] = []
    unscored = 0
    for item in items:
        latest: dict[str, tuple[int, float]] = {}
        for label in item.labels:
            if label.source in sources and label.at >= latest.get(label.model, (-1, 0.0))[0]:
                latest[label.model] = (label.at, label.score)
        for model, (_, score) in sorted(latest.items()):
            grade = grades.get((item.id, model))
            if grade is None or grade.score is None:
                unscored += 1
            else:
                pairs.append(Judged(model, score, grade.score))
    return pairs, unscored


def differ(one: Calibration, other: Calibration) -> tuple[float, float]:
    """How surprising it would be that the judge treats two models alike: two-sided p-values of Fisher's exact test that q0,
    and that q1, is the same for both. Small ones forbid sharing one calibration."""
    return (
        fisher(one.true_wrong, one.false_right, other.true_wrong, other.false_right),
        fisher(one.true_right, one.false_wrong, other.true_right, other.false_wrong),
    )


def fisher(a: int, b: int, c: int, d: int) -> float:
    """Fisher's exact test of the table ((a, b), (c, d)), two-sided: the probability, given its margins, of tables that are
    no likelier than it."""
    rows, column = (a + b, c + d), a + c
    if not all(rows) or column in (0, sum(rows)):
        return 1.0
    whole = math.comb(sum(rows), column)
    firsts = range(max(0, column - rows[1]), min(rows[0], column) + 1)
    weights = [math.comb(rows[0], firsts[0]) * math.comb(rows[1], column - firsts[0])]
    for first in firsts[:-1]:  # each from the one before: thousands of labels are thousands of tables
        more, fewer = (rows[0] - first) * (column - first), (first + 1) * (rows[1] - column + first + 1)
        weights.append(weights[-1] * more // fewer)
    seen = weights[a - firsts[0]]
    return sum(found for found in weights if found <= seen) / whole


def _calibration(model: str, counts: list[int]) -> Calibration:
    true_right, true_wrong, false_right, false_wrong = counts
    return Calibration(
        model=model, true_right=true_right, true_wrong=true_wrong, false_right=false_right, false_wrong=false_wrong
    )
