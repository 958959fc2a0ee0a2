"""Mathematics: the final answer is the right one, as two verifiers see it; where they differ, nothing is said.

It knows `reasoning/final_answer.py` and no mathematics. It exists because each program that compares formulas is wrong on
published cases, and a wrong point costs more than a missing one.
"""

import re
from typing import ClassVar

from freehold.graders.grader import Case, Grader, Options, decided, is_empty, unscored, wrong
from freehold.graders.reference import right_texts, why_no_texts
from freehold.items import Given, Grade, Item
from freehold.reasoning.answers import MAX_LENGTH, final_answers
from freehold.reasoning.final_answer import FinalAnswer
from freehold.reasoning.numerals import number_words
from freehold.reasoning.trace import Step
from freehold.reasoning.verifier import Context

_WORD = re.compile(r"[A-Za-z]{2,}")
_MATHEMATICAL = re.compile(
    r"[\\^=+*/<>∞π√∅°%|\[\]{}]|\d|\b(?:pi|infinity|infinite|infinitely|sqrt|root|none|undefined|empty|solutions?|log|ln|sin|cos|"
    r"tan|[b-hj-z])\b",
    re.IGNORECASE,
)
_DIGIT = re.compile(r"\d")


class Mathematics(Grader):
    """The final answer is the right one: math-verify and a reading of our own agree that it is (1) or is not (0). Where they
    differ, or one cannot read it, the reply is unscored. The answer is the last `\\boxed{}`, else the last that is marked
    ("the answer is"), else the last line. Needs the extra `reasoning`; holds one process."""

    name: ClassVar[str] = "mathematics"
    version: ClassVar[str] = "2"
    takes = Options
    options: Options

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._verifier = FinalAnswer()

    def grade(self, item: Item, given: Given) -> Grade:
        """1 when any of the references is found equal, 0 when all are found different."""
        texts = right_texts(item)
        if not texts:
            return unscored(why_no_texts(item))
        if is_empty(given):
            return wrong("The reply is empty.")
        stated = _stated(given.text)
        if stated is None:
            return wrong("The reply states no answer.")
        if any(_DIGIT.search(text) for text in texts) and _is_prose(stated):
            return wrong("The reply states no number and no formula.")
        grades = [self._against(text, stated) for text in texts]
        return next((grade for score in (1.0, None) for grade in grades if grade.score == score), grades[0])

    def _against(self, expected: str, stated: str) -> Grade:
        step = Step(index=0, text=stated, start=0, end=len(stated), kind="answer")
        findings = self._verifier.check(step, Context(expected=expected))
        if not findings:
            return unscored("The answer could not be read.")
        verdict, reason = findings[0].verdict, findings[0].reason
        return unscored(reason) if verdict == "not_checkable" else decided(verdict == "verified", reason)

    def close(self) -> None:
        """Ends the process."""
        self._verifier.close()

    @classmethod
    def selftest(cls) -> list[Case]:
        """Equal in value, different in value, and what two programs do not agree on."""
        half = Item(id="1", workload="w", input={}, reference="0.5")
        power = Item(id="2", workload="w", input={}, reference="1/2^{98}")
        return [
            Case(role="gold", item=half, given=Given(text="So it is \\boxed{\\frac{1}{2}}.")),
            Case(role="gold", item=half, given=Given(text="First 3 apples.\nThat leaves 0.5 apples.")),
            Case(role="corrupted", item=half, given=Given(text="So it is \\boxed{\\frac{1}{3}}.")),
            Case(role="corrupted", item=half, given=Given(text="The answer is 0.5.\nNo: the answer is 0.6.")),
            Case(role="garbage", item=half, given=Given(text="I could not find it.")),
            Case(role="empty", item=half, given=Given()),
            Case(role="unscorable", item=power, given=Given(text="1/2^{99}")),
            Case(role="unscorable", item=Item(id="3", workload="w", input={}), given=Given(text="0.5")),
        ]


GRADER = Mathematics


def _stated(text: str) -> str | None:
    """The answer alone: boxed, marked, or the last line that is not longer than an answer."""
    for _, _, stated in final_answers(text, whole=False):
        if any(sign.isalnum() for sign in stated):
            return stated
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines and len(lines[-1]) <= MAX_LENGTH else None


def _is_prose(stated: str) -> bool:
    """Whether it is words alone, none of them a number or a sign of mathematics."""
    return (
        len(_WORD.findall(stated)) > 1
        and _MATHEMATICAL.search(stated.replace("'", "")) is None
        and next(number_words(stated), None) is None
    )
