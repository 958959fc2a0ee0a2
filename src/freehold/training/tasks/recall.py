"""Recall: lines of words that mean nothing, and which of them to say again, in an order of its own.

    A. coats limit no day 4 toys              C. sale 7 gift books
    B. 2 yes credit lamps                     A. coats limit no day 4 toys
    C. sale 7 gift books                      toys
    Say C, A.

Every word must be looked up, as nothing but the text tells what comes next: a model that reads rules out of its prompt needs just that, and learns it here within
minutes (the induction heads of Olsson et al. 2022, "In-context Learning and Induction Heads", arXiv 2209.11895), while a policy of which most words are expected
anyway teaches it late. A level is the number of lines.
"""

from collections.abc import Sequence
from random import Random
from typing import ClassVar

import msgspec
from msgspec import Struct

from freehold.training.tasks.task import MARKS, Check, Problem, Solution, StepCheck, Task, lines_of, pieces, seeded

WORDS = (
    "books",
    "shoes",
    "toys",
    "phones",
    "lamps",
    "coats",
    "member",
    "gift",
    "sale",
    "opened",
    "used",
    "faulty",
    "receipt",
    "limit",
    "yes",
    "no",
    "day",
    "days",
    "credit",
    "refund",
    "refused",
    "items",
)
LEAST, MOST = 3, 9
"""Words and digits of a line."""

ASKED = 4
"""The most lines that are to be said."""

DIGITS = 0.25
"""The share of words that are a digit."""


class Lines(Struct, frozen=True):
    """The lines in their order, and the marks of those that are to be said."""

    lines: tuple[str, ...]
    asked: str


class Recall(Task):
    """Lines said again. The answer is the last word."""

    name: ClassVar[str] = "recall"
    version: ClassVar[str] = "1"
    levels: ClassVar[tuple[int, ...]] = (2, 4, 8)
    beyond: ClassVar[tuple[int, ...]] = (12,)
    opposites: ClassVar = {" yes": " no", " no": " yes"}

    def generate(self, level: int, seed: int) -> Problem:
        """`level` lines of `LEAST` to `MOST` words, each drawn evenly, and up to `ASKED` of the lines in any order."""
        rng = seeded(self.name, self.admits(level), seed)
        lines = tuple(" ".join(_word(rng) for _ in range(rng.randint(LEAST, MOST))) for _ in range(level))
        asked = "".join(rng.sample(MARKS[:level], rng.randint(1, min(ASKED, level))))
        return Problem(self.name, level, msgspec.to_builtins(Lines(lines, asked)))

    def solve(self, problem: Problem) -> Solution:
        """Each line that is asked for, with its mark."""
        said = _said(_read(problem))
        return Solution(said, said[-1].rpartition(" ")[2])

    def verify(self, problem: Problem, trace: str) -> Check:
        """Each line must be the next one that is asked for, word for word."""
        wanted = _said(_read(problem))
        checks = [_checked(line, wanted[place : place + 1]) for place, line in enumerate(lines_of(trace))]
        last = checks[-1].text.rpartition(" ")[2] if checks else None
        return Check(tuple(checks), last if len(checks) >= len(wanted) else None)

    def canonical(self, problem: Problem) -> bytes:
        """The lines and what is asked for, with sorted keys."""
        return msgspec.json.encode(_read(problem), order="sorted")

    def render(self, problem: Problem) -> str:
        """The lines, and which to say."""
        read = _read(problem)
        lines = [f"{mark}. {line}" for mark, line in zip(MARKS, read.lines, strict=False)]
        return "\n".join((*lines, f"Say {', '.join(read.asked)}."))

    def vocabulary(self) -> frozenset[str]:
        """The words, digits and marks."""
        words = {f" {word}" for word in WORDS} | set(WORDS)
        return frozenset(pieces("0123456789Say,. \n") + list(MARKS) + [f" {mark}" for mark in MARKS]) | words


TASK = Recall


def _word(rng: Random) -> str:
    return str(rng.randrange(10)) if rng.random() < DIGITS else rng.choice(WORDS)


def _read(problem: Problem) -> Lines:
    return msgspec.convert(problem.data, Lines)


def _said(read: Lines) -> tuple[str, ...]:
    return tuple(f"{mark}. {read.lines[MARKS.index(mark)]}" for mark in read.asked)


def _checked(line: str, wanted: Sequence[str]) -> StepCheck:
    if not wanted:
        return StepCheck(line, "refuted", "", "No line is left to say.")
    if line == wanted[0]:
        return StepCheck(line, "verified", line, "It is said as it stands there.")
    return StepCheck(line, "refuted", wanted[0], "Another line is asked for, or it says otherwise.")
