"""The final answer against the right one: math-verify and our own reading; only what both say is said.

It knows the expected answer where there is one (a training item, a trial), else the answer that was given, against
which the end of the chain is held: a chain that concludes 12 under an answer of 15 is refuted. It exists because either
program alone is wrong today on published cases: math-verify 0.9 takes 1/2^99 for 1/2^98. Where the two differ, or one
does not know, the answer is unsure, which is `not_checkable`. math-verify hangs on some inputs whatever its own
time-out; it runs in the worker, which is killed.
"""

from typing import ClassVar

from freehold.reasoning.answers import final_answers, plain, same_answer, without_words
from freehold.reasoning.extras import library
from freehold.reasoning.formulas import Tree
from freehold.reasoning.trace import Finding, Step
from freehold.reasoning.verifier import Context, Sample, finding
from freehold.reasoning.worker import Worker

SECONDS: float = 6.0
"""For each question to the worker."""


class FinalAnswer:
    """Checks the answer, and what the chain concludes. Needs the extra `reasoning`; holds one worker process."""

    name: ClassVar[str] = "final_answer"
    version: ClassVar[str] = "1"
    late: ClassVar[bool] = False
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample("gold", "So the answer is \\boxed{\\frac{1}{2}}.", Context(expected="0.5")),
        Sample("gold", "The answer is 9 apples.", Context(expected="9 apples")),
        Sample("gold", "x^2 + 2x + 1", Context(expected="(x+1)^2"), kind="answer"),
        Sample("corrupted", "So the answer is \\boxed{\\frac{1}{3}}.", Context(expected="0.5")),
        Sample("corrupted", "x^2 + 2x + 2", Context(expected="(x+1)^2"), kind="answer"),
        Sample("garbage", "\\boxed{\\frac{1}{}{{", Context(expected="0.5")),
        Sample("garbage", "1/2^99", Context(expected="1/2^98"), kind="answer"),
        Sample("garbage", "I could not find it", Context(expected="0.5"), kind="answer"),
    )

    def __init__(self) -> None:
        """Raises NotConfigured without math-verify. Nothing is started."""
        for name in ("sympy", "math_verify"):
            library(name)
        self._worker = Worker("freehold.reasoning.mathematics", "math_verify")

    def check(self, step: Step, context: Context) -> list[Finding]:
        """At most one finding: for the last final answer that the step states."""
        is_answer = step.kind == "answer"
        reference = context.expected if context.expected is not None else None if is_answer else _stated(context.answer)
        claims = final_answers(step.text, whole=is_answer and context.expected is not None)
        if reference is None or not claims:
            return []
        start, end, claimed = claims[0]
        theirs = self._math_verify(reference, claimed, context)
        ours = same_answer(reference, claimed, lambda one, other: self._equal(one, other, context))
        what = "the expected answer" if context.expected is not None else "the answer that was given"
        span, found = (start, end), plain(reference)
        if theirs and ours:
            return [
                finding(
                    self, step, span, "verified", found, f"math-verify and our own reading find it equal to {what}."
                )
            ]
        if theirs is False and ours is False:
            reason = f"math-verify and our own reading find it different from {what}."
            return [finding(self, step, span, "refuted", found, reason)]
        reason = f"Unsure: math-verify says {_said(theirs)}, our own reading {_said(ours)}, against {what}."
        return [finding(self, step, span, "not_checkable", found, reason)]

    def close(self) -> None:
        """Ends the worker."""
        self._worker.close()

    def _math_verify(self, expected: str, claimed: str, context: Context) -> bool | None:
        question = {"task": "final", "expected": without_words(expected), "claimed": without_words(claimed)}
        answer = self._worker.ask(question, context.seconds(SECONDS))
        return answer.get("holds") if answer else None

    def _equal(self, one: Tree, other: Tree, context: Context) -> bool | None:
        answer = self._worker.ask({"task": "equal", "left": one, "right": other}, context.seconds(SECONDS))
        return answer.get("holds") if answer else None


VERIFIER = FinalAnswer


def _stated(answer: str | None) -> str | None:
    claims = final_answers(answer, whole=True) if answer else []
    return claims[0][2] if claims else None


def _said(holds: bool | None) -> str:  # noqa: FBT001
    return {True: "equal", False: "different", None: "nothing"}[holds]
