"""Arithmetic chains: sums and differences of several numbers, one operation a line, from left to right.

    123-45+678=?        123-45=78        or, in fine steps        123-45=87>78
                        78+678=756                                78+678=657>756
                        756                                       756

A fine step writes the result from its last digit to its first, as a sum is carried, before it writes it as it is read
(Lee et al. 2023, "Teaching Arithmetic to Small Transformers", found that order to need far fewer examples). A level is the
number of terms; more terms, and with `digits` longer numbers, are for what lies outside of training.
"""

import re
from typing import ClassVar, Literal

import msgspec

from freehold.training.tasks.task import Check, Problem, Solution, StepCheck, Task, lines_of, pieces, seeded

Steps = Literal["whole", "fine"]

_LINE = re.compile(r"(-?\d{1,18})([+-])(\d{1,18})=(?:-?\d{1,18}>)?(-?\d{1,18})")


class ArithmeticChains(Task):
    """Sums and differences of `level` numbers of up to `digits` digits."""

    name: ClassVar[str] = "arithmetic-chains"
    version: ClassVar[str] = "1"
    levels: ClassVar[tuple[int, ...]] = (2, 3, 4, 5)
    beyond: ClassVar[tuple[int, ...]] = (6, 7, 8)

    def __init__(self, *, steps: Steps = "whole", digits: int = 3) -> None:
        """Raises ValueError for fewer than 1 or more than 12 digits."""
        if not 1 <= digits <= 12:
            raise ValueError("arithmetic-chains has numbers of 1 to 12 digits")
        self.steps: Steps = steps
        self.digits = digits

    def generate(self, level: int, seed: int) -> Problem:
        """`level` terms, each uniform from 0 to 10^digits - 1, signs with even odds."""
        rng = seeded(self.name, self.admits(level), self.digits, seed)
        numbers = [rng.randrange(10**self.digits) for _ in range(level)]
        signs = ["+", *(rng.choice("+-") for _ in numbers[1:])]
        terms = [f"{sign}{number}" for sign, number in zip(signs, numbers, strict=True)]
        return Problem(self.name, level, {"terms": terms})

    def solve(self, problem: Problem) -> Solution:
        """One line an operation; the answer is the last result."""
        first, *rest = _terms(problem)
        total, lines = int(first), list[str]()
        for term in rest:
            line, total = _line(total, term, self.steps)
            lines.append(line)
        return Solution(tuple(lines), str(total))

    def verify(self, problem: Problem, trace: str) -> Check:
        """Each line must take the total as written, the next term of the problem, and give their sum or difference."""
        first, *rest = _terms(problem)
        total, checks = int(first), list[StepCheck]()
        for place, line in enumerate(lines_of(trace)):
            if place >= len(rest):
                checks.append(StepCheck(line, "refuted", "", "No term is left."))
                continue
            steps: Steps = "fine" if ">" in line else "whole"
            found, right = _line(total, rest[place], steps)
            read = _LINE.fullmatch(line)
            if line == found:
                checks.append(StepCheck(line, "verified", found, "The sum is right."))
            elif read is None:
                checks.append(StepCheck(line, "not_checkable", found, "It is not a sum of two numbers."))
            else:
                checks.append(StepCheck(line, "refuted", found, "The next sum is another, or its result is."))
            total = int(read[4]) if read else right
        return Check(tuple(checks), str(total) if len(checks) >= len(rest) else None)

    def canonical(self, problem: Problem) -> bytes:
        """The terms in order, each with its sign."""
        return "".join(_terms(problem)).encode()

    def render(self, problem: Problem) -> str:
        """`123-45+678=?`"""
        return "".join(_terms(problem)).removeprefix("+") + "=?"

    def vocabulary(self) -> frozenset[str]:
        """Digits, signs and the line's end."""
        return frozenset(pieces("0123456789+-=?>\n"))


TASK = ArithmeticChains


def _terms(problem: Problem) -> list[str]:
    return msgspec.convert(problem.data["terms"], list[str])


def _line(total: int, term: str, steps: Steps) -> tuple[str, int]:
    """The line for one operation, and its result."""
    result = total + int(term)
    shown = str(result)
    backwards = f"{shown[: shown.startswith('-')]}{shown.lstrip('-')[::-1]}>" if steps == "fine" else ""
    return f"{total}{term}={backwards}{shown}", result
