"""A task: problems that can be made without end, solved step by step, and judged line by line. The plug that all fit.

It knows no task, and nothing of how a model is trained. It exists so that one thing makes the training rows, the held-out
items of a trial and the reward of reinforcement learning, and so that the three cannot drift apart.

What holds for every task:

- `generate` depends on its level and seed alone, `solve` on the problem alone.
- A trace is lines, each one rewriting that can be checked against the lines before it, as they were written: a wrong line is
  refuted once, and those that follow from it are judged by it.
- Which split a problem belongs to is decided by the SHA-256 of its canonical form, so no wording can carry a held-out problem
  into training.
- Texts are made of the pieces of `vocabulary`, so a tokenizer of whole words and single digits loses nothing.
"""

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from random import Random
from typing import Any, ClassVar, Literal, TypeVar

from msgspec import Struct

from freehold import graders
from freehold.errors import ConfigError, InvalidGrader
from freehold.graders.grader import Grader
from freehold.items import Given, Grade, Item
from freehold.reasoning.trace import Verdict

Split = Literal["train", "val", "test"]
Way = TypeVar("Way", bound=str)

THINK, END = "<think>", "</think>"
NO_THINK = "/no_think"
"""The control word that a prompt ends with when the answer shall come without steps."""

MARKERS = (THINK, END, NO_THINK)

WORKLOAD = "workload"
"""The name of the task whose problems are the captured items of a workload."""

MARKS = "ABCDEFGHIJKL"
"""What the lines of a text are called that a trace says again. A letter is one token, so a line is found by it; 1 and 12 share a digit."""

HELD_OUT: Mapping[Split, range] = {"val": range(50), "test": range(50, 100)}
"""Of 1000 hashes: 5 in a hundred are for validation, 5 for the final test."""

MOST_TEXT = 100_000
"""Characters of a reply that are read; no trace of ours comes near."""

MOST_DIGITS = 4_300
"""Digits of a number that is read: Python itself reads no more."""

_PIECE = re.compile(r"</?think>|/no_think| ?[A-Za-z]+|[0-9]|.|\n", re.DOTALL)


class Problem(Struct, frozen=True):
    """One problem. `data` holds what the task needs to solve it, in JSON's types; `level` how hard it is."""

    task: str
    level: int
    data: dict[str, Any]


class Solution(Struct, frozen=True):
    """The steps, a line each, and the final answer. No line is blank or holds a marker."""

    lines: tuple[str, ...]
    answer: str


class StepCheck(Struct, frozen=True):
    """What the verifier says of one line. `found` is what the line should be, `reason` a sentence for a person."""

    text: str
    verdict: Verdict
    found: str
    reason: str


class Check(Struct, frozen=True):
    """The lines of a trace, judged. `answer` is what the trace leads to as it is written, None where it does not get to an
    end."""

    steps: tuple[StepCheck, ...]
    answer: str | None

    @property
    def refuted(self) -> bool:
        """Whether a line is shown wrong."""
        return any(step.verdict == "refuted" for step in self.steps)

    @property
    def sound(self) -> bool:
        """Whether every line is verified and the trace gets to its end. A trace without lines is not sound."""
        return self.answer is not None and bool(self.steps) and all(step.verdict == "verified" for step in self.steps)


class Reading(Struct, frozen=True):
    """A reply taken apart: the text between the markers, None without markers, and the answer after them. `finished` is False
    when the thinking never ended, and then the answer is empty."""

    trace: str | None
    answer: str
    finished: bool


class Judgement(Struct, frozen=True):
    """A reply, judged: the grade of its answer, the check of its steps, and whether the answer is what the steps lead to. `stepwise` is the
    task's."""

    grade: Grade
    check: Check
    follows: bool
    stepwise: bool = True

    @property
    def proven(self) -> bool:
        """Whether the answer is right, every step holds, and the one follows from the other; of open language, whether it is right and no step is
        shown wrong."""
        holds = self.check.sound and self.follows if self.stepwise else not self.check.refuted
        return self.grade.score == 1.0 and holds

    def worth(self, right: float) -> float:
        """What it is worth as a reward: 1 when it is proven, `right` when its answer alone is right, else 0; of open language the grader's own score,
        times `right` where a step is shown wrong."""
        if not self.stepwise:
            return (self.grade.score or 0.0) * (right if self.check.refuted else 1.0)
        return 1.0 if self.proven else right if self.grade.score == 1.0 else 0.0


class NoProblem(ValueError):
    """A task has a level, and with its options and this seed no problem of it."""


class Task(ABC):
    """One task, made with its options. `version` changes when problems, texts or verdicts do. `levels` are for training,
    `beyond` for what lies outside of it. `grader` is the configuration table of the grader of its answers, as a workload
    would have it."""

    name: ClassVar[str]
    version: ClassVar[str]
    levels: ClassVar[tuple[int, ...]]
    beyond: ClassVar[tuple[int, ...]] = ()
    grader: ClassVar[Mapping[str, Any]] = {"kind": "exact"}
    producer: ClassVar[str] = ""
    """Who makes its problems and solutions, where that is not the package that it stands in: see `made_by`."""
    opposites: ClassVar[Mapping[str, str]] = {"+": "-", "-": "+"}
    """Pieces of a line whose exchange makes it wrong, for the self-test."""
    closed: ClassVar[bool] = True
    """Whether `vocabulary` holds every piece; for open language it holds single characters only."""
    ordered: ClassVar[bool] = True
    """Whether the steps are one procedure, so that leaving one out is an error; else each stands for itself."""
    stepwise: ClassVar[bool] = True
    """Whether a right answer must rest on steps that are verified, each one; else it is enough that none is shown wrong."""
    captured: ClassVar[bool] = False
    """Whether people wrote its problems, so that likeness of words tells something, and no program."""
    apart: frozenset[str] = frozenset()
    """Digests of the texts that it must not draw, as a run has them (`apart.py`)."""

    @classmethod
    def made_by(cls) -> str:
        """The producer of its rows, as their pedigree has it: `freehold/NAME` for a task of ours, `PACKAGE/NAME` for one that another package brings."""
        return cls.producer or f"{cls.__module__.partition('.')[0]}/{cls.name}"

    @property
    def called(self) -> str:
        """What its rows and its scores are told under: its name."""
        return self.name

    @abstractmethod
    def generate(self, level: int, seed: int) -> Problem:
        """The problem of this level and seed. Raises ValueError for a level that is neither in `levels` nor `beyond`, NoProblem where the seed gives none."""

    @abstractmethod
    def solve(self, problem: Problem) -> Solution:
        """The steps and the answer."""

    @abstractmethod
    def verify(self, problem: Problem, trace: str) -> Check:
        """Each line of a trace, judged. Never raises for any text."""

    @abstractmethod
    def canonical(self, problem: Problem) -> bytes:
        """What makes it this problem and no other, whatever words and options it is written with."""

    @abstractmethod
    def render(self, problem: Problem) -> str:
        """The prompt."""

    def turns(self, problem: Problem) -> Sequence[tuple[str, str]]:
        """(role, text) of each message that a model is asked with: the prompt, by the user."""
        return (("user", self.render(problem)),)

    def listed(self, split: Split) -> Sequence[Problem] | None:
        """All problems of a split, where they can be listed; None where they are drawn without end."""
        return None

    def own_test(self) -> list[str] | None:
        """What it gets wrong by a test of its own, a sentence each; None where `self_test` is the test."""
        return None

    @abstractmethod
    def vocabulary(self) -> frozenset[str]:
        """Every piece that prompts and solutions can be made of, markers aside."""

    def claims(self, line: str) -> list[tuple[int, int]]:
        """Where in a line of a solution something is claimed: (start, end) of each claim. Any change there is an error."""
        return [(0, len(line))]

    def grade(self, problem: Problem, text: str) -> Grade:
        """The grade of a reply's answer, by the grader that a trial would use. Steps are not looked at."""
        return self._grader.grade(self.item(problem), Given(text=read_reply(text).answer))

    def item(self, problem: Problem) -> Item:
        """The problem as an item of a workload of the task's name, with the right answer."""
        prompt = {"messages": [{"role": "user", "content": self.render(problem)}]}
        answer = self.solve(problem).answer
        return Item(id=self.digest(problem)[:32], workload=self.name, input=prompt, reference=answer)

    def digest(self, problem: Problem) -> str:
        """SHA-256 of the task's name and the problem's canonical form, in hexadecimal."""
        return hashlib.sha256(self.name.encode() + b"\0" + self.canonical(problem)).hexdigest()

    def split(self, problem: Problem) -> Split:
        """Which split the problem belongs to, for ever."""
        place = int(self.digest(problem)[:15], 16) % 1000
        for split, places in HELD_OUT.items():
            if place in places:
                return split
        return "train"

    @cached_property
    def _grader(self) -> Grader:
        grader = graders.build(self.grader)
        if not isinstance(grader, Grader):
            raise InvalidGrader(
                f"The task {self.name} has a grader that asks models.", "Give it one that grades by itself."
            )
        return grader

    def admits(self, level: int) -> int:
        """The level. Raises ValueError when the task has none such."""
        if level not in self.levels + self.beyond:
            raise ValueError(
                f"{self.name} has no level {level}; it has {', '.join(map(str, self.levels + self.beyond))}"
            )
        return level


def write_reply(solution: Solution, *, thinking: bool = True) -> str:
    """The reply that a model learns to give: the steps between markers and the answer, or the answer alone."""
    if not thinking:
        return solution.answer
    return "\n".join((THINK, *solution.lines, END, solution.answer))


def read_reply(text: str) -> Reading:
    """The reply's trace and answer. The opening marker may stand in the prompt, as some templates have it, and be missing."""
    text = text[:MOST_TEXT]
    before, ended, after = text.partition(END)
    opening, opened, inner = before.partition(THINK)
    if ended:
        return Reading(trace=(inner if opened else opening).strip("\n"), answer=after.strip(), finished=True)
    if opened:
        return Reading(trace=inner.strip("\n"), answer="", finished=False)
    return Reading(trace=None, answer=text.strip(), finished=True)


def judge(task: Task, problem: Problem, text: str) -> Judgement:
    """The reply's answer and steps, judged. A reply without steps has an empty check, which is not sound."""
    reading = read_reply(text)
    check = task.verify(problem, reading.trace) if reading.trace is not None else Check((), None)
    follows = check.answer is not None and check.answer == reading.answer
    return Judgement(task.grade(problem, text), check, follows, task.stepwise)


def way_of(task: str, steps: Way, ways: Sequence[str]) -> Way:
    """How the steps of a task are written, one of `ways`. Raises ConfigError for another."""
    if steps not in ways:
        known = ", ".join(f'"{way}"' for way in ways)
        raise ConfigError(f'{task} does not write its steps "{steps}".', f"It writes them {known}.")
    return steps


def seeded(*parts: object) -> Random:
    """A generator of numbers that is the same for the same parts, on every machine and Python."""
    return Random("/".join(map(str, parts)))  # noqa: S311 - problems are drawn, not secrets


def lines_of(trace: str) -> list[str]:
    """The lines of a trace, blank ones left out, without the white space around each."""
    return [line.strip() for line in trace[:MOST_TEXT].splitlines() if line.strip()]


def pieces(text: str) -> list[str]:
    """The text in pieces: markers, words with the blank before them, single digits, single other characters. Joined they are
    the text."""
    return _PIECE.findall(text)
