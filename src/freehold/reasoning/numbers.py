"""Where numbers come from: each must stand in what was given, or follow from a step that was verified.

It knows the question, the documents and what earlier claims have established; it computes nothing. It exists because a
figure from nowhere, in a correct sum, is the costliest mistake of a model at work with money or doses, and the only one
that arithmetic cannot see.

In the answer every number gets a finding. In a step only numbers without an origin do, as unsupported: where a number
comes from is no claim that the step makes, and should not count as one that was verified. A number stated more coarsely
than it was given (`about 3.3` for 10/3) has its origin. Numbers that everybody knows (days, months, per cent) need none
in a step.
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import ClassVar

from freehold.reasoning.numerals import Numeral, is_rounding, number_words, numerals, shown
from freehold.reasoning.trace import Finding, Step
from freehold.reasoning.verifier import Context, Sample, finding

COMMON: frozenset[Fraction] = frozenset(
    Fraction(n) for n in (0, 1, 2, 4, 7, 10, 12, 24, 30, 31, 52, 60, 100, 360, 365, 1000, 3600)
)
"""Counts that need no source in a step: of halves and pairs, of time, of angles, of per cent and of thousands."""

MAX_LENGTH: int = 20_000

_ASKED = "Ann has three boxes of 12 eggs and breaks 5."


class Numbers:
    """Checks the origin of numbers. Late: it sees what the other verifiers derived from the same step."""

    name: ClassVar[str] = "numbers"
    version: ClassVar[str] = "1"
    late: ClassVar[bool] = True
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample("gold", "31 eggs", Context(question=_ASKED, derived=("36", "31")), kind="answer"),
        Sample("gold", "3 boxes", Context(question=_ASKED), kind="answer"),
        Sample("corrupted", "32 eggs", Context(question=_ASKED, derived=("36", "31")), kind="answer"),
        Sample("corrupted", "She had 4 boxes of 13 eggs.", Context(question=_ASKED)),
        Sample("garbage", "She has three boxes of 12 eggs.", Context(question=_ASKED)),
        Sample("garbage", "No figure here.", Context(question=_ASKED), kind="answer"),
    )

    def check(self, step: Step, context: Context) -> list[Finding]:
        """In an answer a finding for each number; in a step one for each number of unknown origin."""
        if step.kind != "answer" and not context.question and not context.documents:
            return []
        found: list[Finding] = []
        origins = _Origins(context)
        for numeral in numerals(step.text[:MAX_LENGTH]):
            span = (numeral.start, numeral.end)
            origin = origins.of(numeral)
            if origin is None and not (step.kind != "answer" and abs(numeral.value) in COMMON):
                reason = "It stands neither in the question nor in a document, and no verified step derives it."
                found.append(finding(self, step, span, "unsupported", "", reason))
            elif origin is not None and step.kind == "answer":
                found.append(finding(self, step, span, "verified", origin, f"It comes from {origin}."))
        return found

    def close(self) -> None:
        """Nothing is open."""


VERIFIER = Numbers


class _Origins:
    """Every number that was given or derived, and where."""

    def __init__(self, context: Context) -> None:
        self._where: dict[Fraction, str] = {}
        for value in context.derived:
            self._where.setdefault(abs(Fraction(value)), "a verified step")
        for name, text in context.documents.items():
            self._keep(text, f"the document {name}")
        self._keep(context.question, "the question")

    def _keep(self, text: str, where: str) -> None:
        for value in _values(text):
            self._where[abs(value)] = where

    def of(self, numeral: Numeral) -> str | None:
        """Where the number was found: itself, as a share of one, or more finely than it is stated."""
        for value in (abs(numeral.value), abs(numeral.worth)):
            if value in self._where:
                return self._where[value]
        if numeral.quantum >= 1 and abs(numeral.value) < 100:
            return None
        quantum = numeral.quantum / 100 if numeral.percent else numeral.quantum
        for given, where in self._where.items():
            for stated, unit in ((abs(numeral.value), numeral.quantum), (abs(numeral.worth), quantum)):
                if stated and is_rounding(given, stated, unit):
                    return f"{where}, as a rounding of {shown(given)}"
        return None


def _values(text: str) -> Iterator[Fraction]:
    for numeral in numerals(text):
        yield numeral.value
        yield numeral.worth
    for _, _, value in number_words(text):
        yield value
