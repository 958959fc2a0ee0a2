"""Arithmetic chains: sums and differences of several numbers, one operation a line, from left to right.

    123-45-178=?        123-45=78         or, in fine steps        0123-0045:-8,-7,00,00,=0078
                        78-178=-100                                0078-0178:00,00,-9,-9,=9900
                        -100                                       0000-9900:00,00,-1,-0,=0100
                                                                   -100

A fine step is the sum as it is done by hand (`columns.py`). A total below zero stands there as on an odometer that was turned back, 9900 for -100; when
it is the last one, one more line takes it from zero and so gives the number behind the minus.

A level is the number of terms; more terms, and with `digits` longer numbers, are for what lies outside of training.
"""

import re
from collections.abc import Sequence
from typing import ClassVar, Literal, get_args

import msgspec
from msgspec import Struct

from freehold.training.tasks.columns import summed
from freehold.training.tasks.task import (
    MOST_DIGITS,
    Check,
    Problem,
    Solution,
    StepCheck,
    Task,
    lines_of,
    pieces,
    seeded,
    way_of,
)

Steps = Literal["whole", "fine"]

SHORT = 4
"""One problem of so many has numbers of any length up to the longest."""

_RESULT = re.compile(r".*=(-?\d{1,18})")


class Expected(Struct, frozen=True):
    """What comes next in a trace: the line, and the total after it."""

    line: str
    total: int


class ArithmeticChains(Task):
    """Sums and differences of `level` numbers of up to `digits` digits."""

    name: ClassVar[str] = "arithmetic-chains"
    version: ClassVar[str] = "2"
    levels: ClassVar[tuple[int, ...]] = (2, 3, 4, 5)
    beyond: ClassVar[tuple[int, ...]] = (6, 7, 8)

    def __init__(self, *, steps: Steps = "whole", digits: int = 3) -> None:
        """Raises ValueError for fewer than 1 or more than 12 digits, ConfigError for steps that it does not write."""
        if not 1 <= digits <= 12:
            raise ValueError("arithmetic-chains has numbers of 1 to 12 digits")
        self.steps: Steps = way_of(self.name, steps, get_args(Steps))
        self.digits = digits

    def generate(self, level: int, seed: int) -> Problem:
        """`level` terms, each uniform from 0 to 10^n - 1, signs with even odds. n is `digits`; in one problem of `SHORT` it is drawn from 1 to that, since
        short numbers would hardly come otherwise, and whoever can add long ones is expected to add short ones."""
        rng = seeded(self.name, self.admits(level), self.digits, seed)
        size = self.digits if rng.randrange(SHORT) else rng.randint(1, self.digits)
        numbers = [rng.randrange(10**size) for _ in range(level)]
        signs = ["+", *(rng.choice("+-") for _ in numbers[1:])]
        terms = [f"{sign}{number}" for sign, number in zip(signs, numbers, strict=True)]
        return Problem(self.name, level, {"terms": terms})

    def solve(self, problem: Problem) -> Solution:
        """One line an operation; the answer is the last result."""
        terms = _terms(problem)
        trace = _Whole(terms) if self.steps == "whole" else _Fine(terms, max(_least(terms), self.digits + 1))
        lines: list[str] = []
        while (expected := trace.next(len(lines))) is not None:
            lines.append(expected.line)
            trace.total = expected.total
        return Solution(tuple(lines), str(sum(map(int, _terms(problem)))))

    def verify(self, problem: Problem, trace: str) -> Check:
        """Each line must take the total as written, the next term of the problem, and give their sum or difference. Fine steps may be of any width that
        holds every term and total, as long as all of them are: `0078` says nothing else than `00078`."""
        lines, terms = lines_of(trace), _terms(problem)
        fine = next((line for line in lines if ":" in line), None)
        going = _Whole(terms) if fine is None else _Fine(terms, max(_least(terms), _written(fine)))
        checks: list[StepCheck] = []
        for place, line in enumerate(lines):
            expected = going.next(place)
            if expected is None:
                checks.append(StepCheck(line, "refuted", "", "No term is left."))
                continue
            read = _RESULT.fullmatch(line)
            found = expected.line
            if line == found:
                checks.append(StepCheck(line, "verified", found, "The sum is right."))
            elif read is None:
                checks.append(StepCheck(line, "not_checkable", found, "It is not a sum of two numbers."))
            else:
                checks.append(StepCheck(line, "refuted", found, "The next sum is another, or its result is."))
            going.total = expected.total if read is None else int(read[1])
        return Check(tuple(checks), going.answer if going.next(len(checks)) is None else None)

    def canonical(self, problem: Problem) -> bytes:
        """The terms in order, each with its sign."""
        return "".join(_terms(problem)).encode()

    def render(self, problem: Problem) -> str:
        """`123-45+678=?`"""
        return "".join(_terms(problem)).removeprefix("+") + "=?"

    def vocabulary(self) -> frozenset[str]:
        """Digits, signs and the line's end."""
        return frozenset(pieces("0123456789+-=?:,\n"))


TASK = ArithmeticChains


class _Whole:
    """`78+678=756`: the trace so far. `total` is what its last line says."""

    def __init__(self, terms: Sequence[str]) -> None:
        self._terms, self.total = terms[1:], int(terms[0])

    def next(self, place: int) -> Expected | None:
        """The line at a place; None when nothing is left to do."""
        if place >= len(self._terms):
            return None
        result = self.total + int(self._terms[place])
        return Expected(f"{self.total}{self._terms[place]}={result}", result)

    @property
    def answer(self) -> str:
        return str(self.total)


class _Fine:
    """`0078+0678:16,15,07,00,=0756`: the trace so far. `total` is what its last line says, from half of `_limit` on for a total below zero."""

    def __init__(self, terms: Sequence[str], width: int) -> None:
        self._terms, self.total = terms[1:], int(terms[0])
        self._width = width
        self._limit = 10**self._width
        self._negative = False

    def next(self, place: int) -> Expected | None:
        """The line at a place; None when nothing is left to do."""
        if place < len(self._terms):
            return self._summed(self.total, self._terms[place])
        if place == len(self._terms) and 2 * self.total >= self._limit:
            self._negative = True
            return self._summed(0, f"-{self.total}")
        return None

    @property
    def answer(self) -> str:
        return str(-self.total if self._negative else self.total)

    def _summed(self, first: int, term: str) -> Expected:
        return Expected(*summed(first % self._limit, term[0], int(term[1:]), self._width))


def _terms(problem: Problem) -> list[str]:
    return msgspec.convert(problem.data["terms"], list[str])


def _least(terms: Sequence[str]) -> int:
    """How long numbers are written at least: so that each term fits, and totals are told apart from those below zero."""
    totals = [abs(sum(map(int, terms[: place + 1]))) for place in range(len(terms))]
    width = max(len(term) - 1 for term in terms)
    while 2 * max(totals) >= 10**width:
        width += 1
    return width


def _written(line: str) -> int:
    """How many digits the first number of a line has, up to the most that are read: no line is as wide as one that has more."""
    return min(MOST_DIGITS, len(line) - len(line.lstrip("0123456789")))
