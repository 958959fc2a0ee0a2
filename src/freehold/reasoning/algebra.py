"""Algebra: identities, equations that follow from one another, solutions, derivatives and integrals.

It knows which claim a statement makes and asks the mathematics worker whether it holds. It exists beside
`arithmetic.py` because letters need a computer algebra system, which may run for ever: it has its own process, and a
time after which the claim is not checkable.

The claims, for a statement `A = B` with letters:

- an integral or a derivative on one side: the other side is compared with it (an antiderivative by its derivative);
- both sides are more than a letter, and equal: an identity, verified. Not equal: an identity only where letters stand
  on both sides and the step says so ("expand", "factor", "simplifies to", ...), and then refuted;
- otherwise an equation. It is held against the nearest earlier equation in the same single letter, in the step, in the
  steps before or in the question: a value is put in, an equation must have all its roots. A statement that does not
  follow is refuted only where the step says that it follows ("so", "subtract", "gives", ...); it may be a new fact
  elsewhere.

A value with digits after the point may be a root whose decimals never end, correctly rounded (`3x = 10, so x = 3.33`). What the earlier equation gives as
such a number may be rounded itself: what does not follow from it as it stands and does with that (`x / 3 = 3.33, so x = 10`) is not decided.

Nothing that leans on `log` is refuted, since its base is a matter of taste.
"""

import re
from typing import Any, ClassVar

from freehold.reasoning.extras import library
from freehold.reasoning.formulas import Statement, Tree, parts, statements, symbols
from freehold.reasoning.numerals import numerals
from freehold.reasoning.trace import Finding, Step, Verdict
from freehold.reasoning.verifier import Context, Sample, finding
from freehold.reasoning.worker import Worker

SECONDS: float = 5.0
"""For one claim; school algebra takes milliseconds."""

MAX_LENGTH: int = 8_000
REACH: int = 60
"""Characters before an equation in which a word may say that it follows."""

MOST_CLAIMS: int = 12
"""Claims of one step that are asked; the rest are not checkable, and said so."""

_IDENTITY = re.compile(
    r"\b(?:expand\w*|factor\w*|simplif\w*|distribut\w*|identity|rewrit\w*|combin\w*|cancel\w*|multipl\w+ out)\b", re.I
)
_FOLLOWS = re.compile(
    r"\b(?:so|thus|therefore|hence|gives?|giving|get|implies|then|yields?|subtract\w*|add\w*|divid\w*|multipl\w*|both sides"
    r"|solv\w*|mov\w*|transpos\w*|solution|root|simplif\w*|which means|rearrang\w*|isolat\w*)\b|→|⇒|=>|->|∴|\\implies|\\Rightarrow",
    re.I,
)

Question = dict[str, Any]
Said = tuple[Statement, str]  # with the text that it stands in


class Algebra:
    """Checks statements with letters. Needs the extra `reasoning`; holds one worker process, started when first
    needed."""

    name: ClassVar[str] = "algebra"
    version: ClassVar[str] = "3"
    late: ClassVar[bool] = False
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample("gold", "Expanding, (x+1)^2 = x^2 + 2x + 1."),
        Sample("gold", "2x + 3 = 7, so 2x = 4 and therefore x = 2."),
        Sample("gold", "The derivative of x^3 is 3x^2, and \\int 2x \\, dx = x^2 + C."),
        Sample("corrupted", "Expanding, (x+1)^2 = x^2 + 3x + 1."),
        Sample("corrupted", "Subtract 3: 2x = 5.", Context(question="Solve 2x + 3 = 7.")),
        Sample("corrupted", "d/dx (x^3) = 2x^2."),
        Sample("garbage", "Let f be a nice map, a = b, and 5 + 3 = 9; the sky is blue."),
    )

    def __init__(self) -> None:
        """Raises NotConfigured without sympy. Nothing is started."""
        library("sympy")
        self._worker = Worker("freehold.reasoning.mathematics")

    def check(self, step: Step, context: Context) -> list[Finding]:
        """A finding for each equality with letters that makes one of the claims above."""
        found: list[Finding] = []
        given = _equations(context)
        for statement in statements(step.text[:MAX_LENGTH]):
            for place in range(len(statement.sides) - 1):
                if len(found) >= MOST_CLAIMS:
                    return [*found, self._unasked(step, statement)]
                found += self._pair(step, context, statement, place, given)
            given.append((statement, step.text))
        return found

    def close(self) -> None:
        """Ends the worker."""
        self._worker.close()

    def _pair(self, step: Step, context: Context, statement: Statement, place: int, given: list[Said]) -> list[Finding]:
        left, right = statement.sides[place], statement.sides[place + 1]
        span = (statement.spans[place][0], statement.spans[place + 1][1])
        if not symbols(left) | symbols(right):
            return []
        for one, other in ((left, right), (right, left)):
            if one[0] in ("diff", "int"):
                question = _calculus(one, other)
                return [self._asked(step, context, span, question, strict=True)] if question else []
        if any(_holds_calculus(side) for side in (left, right)):
            return []
        if _is_computed(left, right):
            says_so = bool(symbols(left) & symbols(right)) and (
                bool(_IDENTITY.search(step.text)) or len(statement.sides) > 2
            )
            asked = self._asked(step, context, span, {"task": "equal", "left": left, "right": right}, strict=says_so)
            if asked.verdict == "verified" or says_so:
                return [asked]
        return self._follows(step, context, (left, right), span, given)

    def _follows(
        self, step: Step, context: Context, sides: tuple[Tree, Tree], span: tuple[int, int], given: list[Said]
    ) -> list[Finding]:
        letters = symbols(sides[0]) | symbols(sides[1])
        nearest = _nearest(letters, list(sides), given)
        if len(letters) != 1 or nearest is None or _sets(*sides):
            return []
        before, figure = list(nearest[0].sides[-2:]), _figure(*nearest)
        question = {"task": "follows", "given": before, "then": list(sides), "variable": next(iter(letters))}
        question |= {"figure": figure} if figure else {}
        stated = numerals(step.text[slice(*span)])
        if _is_value(list(sides)) and len(stated) == 1 and stated[0].quantum < 1:
            question["quantum"] = str(stated[0].quantum)
        # What joins it to the sentence stands before it; a cue behind it belongs to the next statement.
        joined = bool(_FOLLOWS.search(step.text, max(0, span[0] - REACH), span[0])) or step.kind == "answer"
        return [self._asked(step, context, span, question, strict=joined)]

    def _asked(
        self, step: Step, context: Context, span: tuple[int, int], question: Question, *, strict: bool
    ) -> Finding:
        answer = self._worker.ask(question, context.seconds(SECONDS))
        verdict: Verdict = "not_checkable"
        if answer is None:
            return finding(self, step, span, verdict, "", "No answer within the time, or the worker died of it.")
        if "error" in answer:
            return finding(self, step, span, verdict, "", f"It cannot be computed: {answer['error']}.")
        holds, reason = answer["holds"], f"{answer['how'].capitalize()}."
        if holds:
            verdict = "verified"
        elif holds is False and strict and not _has_log(question):
            verdict = "refuted"
        elif holds is False:
            reason = "It does not hold as an identity or follow, and the step does not say that it should."
        derived = tuple(str(numeral.value) for numeral in numerals(step.text[slice(*span)]))
        return finding(self, step, span, verdict, answer["found"], reason, derived)

    def _unasked(self, step: Step, statement: Statement) -> Finding:
        reason = f"More than {MOST_CLAIMS} statements in one step; the rest was not asked."
        return finding(self, step, (statement.start, statement.end), "not_checkable", "", reason)


VERIFIER = Algebra


def _equations(context: Context) -> list[Said]:
    """The statements that stand before this step, first to last: the question's, then those of the steps before."""
    texts = (context.question, *(step.text for step in context.earlier[-20:]))
    return [(statement, text) for text in texts for statement in statements(text[:MAX_LENGTH])]


def _nearest(letters: frozenset[str], sides: list[Tree], given: list[Said]) -> Said | None:
    """The nearest statement whose last two sides are in the same letters and are not this one."""
    for statement, text in reversed(given):
        before = list(statement.sides[-2:])
        if symbols(before[0]) | symbols(before[1]) != letters or before == sides or any(map(_holds_calculus, before)):
            continue
        # `x = 2 or x = 3`: a value is held against the equation, not against the other value.
        if not (_is_value(sides) and _is_value(before)):
            return statement, text
    return None


def _figure(statement: Statement, text: str) -> Question | None:
    """The number with digits after the point that one of the last two sides is, the worth of its last digit, and of what it is the value."""
    last = list(zip(statement.sides, statement.spans, strict=True))[-2:]
    for (side, span), (other, _) in (last, last[::-1]):
        stated = numerals(text[slice(*span)])
        negative = side[0] == "neg" and side[1][0] == "num"
        if (negative or side[0] == "num") and len(stated) == 1 and stated[0].quantum < 1:
            value = f"-{side[1][1]}" if negative else str(side[1])
            return {"of": other, "stated": value, "quantum": str(stated[0].quantum)}
    return None


def _is_value(sides: list[Tree]) -> bool:
    return any(one[0] == "sym" and not symbols(other) for one, other in (sides, sides[::-1]))


def _sets(left: Tree, right: Tree) -> bool:
    """Whether it is a program's step (`i = i + 1`) and no equation that could follow from another."""
    return any(
        one[0] == "sym" and other[0] in "+-" and one in other[1:] for one, other in ((left, right), (right, left))
    )


def _calculus(one: Tree, other: Tree) -> Question | None:
    letters = symbols(one[1])
    variable = one[2] or (next(iter(letters)) if len(letters) == 1 else "")
    if not variable or _holds_calculus(one[1]) or _holds_calculus(other):
        return None
    task = "derivative" if one[0] == "diff" else "integral"
    return {"task": task, "of": one[1], "right": other, "variable": variable, "bounds": one[3:]}


def _holds_calculus(tree: Tree) -> bool:
    return tree[0] in ("diff", "int") or any(map(_holds_calculus, parts(tree)))


def _is_computed(left: Tree, right: Tree) -> bool:
    """Whether one side is more than a letter: `x = x` and `x = y` say nothing."""
    return left[0] != "sym" and right[0] != "sym"


def _has_log(question: Question) -> bool:
    return '"log"' in repr(question).replace("'", '"')
