"""Graders turned around: what scored 1 scores 0. What could not be scored stays unscored.

It knows the three sorts of grader and no single one. It exists once, outside of them, so that no grader can forget to
turn around one of its ways out.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from freehold.errors import InvalidGrader
from freehold.graders.grader import Answer, AnyGrader, Ask, AskingGrader, Case, Grader, PairwiseGrader
from freehold.items import Given, Grade, Item


def negated(grader: AnyGrader) -> AnyGrader:
    """The grader turned around. Raises InvalidGrader for one of pairs: there the models change places instead."""
    if isinstance(grader, PairwiseGrader):
        raise InvalidGrader(
            f"The grader {grader.name!r} compares two replies and cannot be turned around.",
            "Leave out `negate`, and let the rubric say what is better.",
            param="negate",
        )
    return Negated(grader) if isinstance(grader, Grader) else NegatedAsking(grader)


def turned(grade: Grade) -> Grade:
    """The grade turned around."""
    return grade if grade.score is None else replace(grade, score=1.0 - grade.score, reason=f"Negated: {grade.reason}")


class Negated(Grader):
    """A grader that grades by itself, turned around."""

    def __init__(self, inner: Grader) -> None:
        super().__init__(inner.options)
        self.inner = inner
        self.name, self.version, self.takes = inner.name, inner.version, inner.takes  # type: ignore[misc]

    @property
    def binary(self) -> bool:
        """As the inner one."""
        return self.inner.binary

    @classmethod
    def selftest(cls) -> list[Case]:
        """None of its own: the inner one has proved itself, and this adds a subtraction."""
        return []

    def grade(self, item: Item, given: Given) -> Grade:
        """The inner grade, turned around."""
        return turned(self.inner.grade(item, given))

    def close(self) -> None:
        """Ends the inner one."""
        self.inner.close()


class NegatedAsking(AskingGrader):
    """A grader that asks, turned around."""

    def __init__(self, inner: AskingGrader) -> None:
        super().__init__(inner.options)
        self.inner = inner
        self.name, self.version, self.takes = inner.name, inner.version, inner.takes  # type: ignore[misc]

    @property
    def binary(self) -> bool:
        """As the inner one."""
        return self.inner.binary

    @classmethod
    def selftest(cls) -> list[Case]:
        """None of its own."""
        return []

    def asks(self, item: Item, given: Given) -> tuple[Ask, ...]:
        """As the inner one."""
        return self.inner.asks(item, given)

    def score(self, item: Item, given: Given, replies: Sequence[Answer]) -> Grade:
        """The inner grade, turned around."""
        return turned(self.inner.score(item, given, replies))

    def close(self) -> None:
        """Ends the inner one."""
        self.inner.close()
