"""The self-test itself: every task passes it, and what is broken on purpose does not."""

from collections.abc import Iterator
from typing import Any

import pytest

from freehold.items import Grade
from freehold.training.tasks.arithmetic_chains import ArithmeticChains
from freehold.training.tasks.refund_policy import RefundPolicy
from freehold.training.tasks.selftest import self_test, wrong_answers, wrong_traces
from freehold.training.tasks.task import Check, Problem, Solution, StepCheck, Task
from training.tasks.samples import TASKS, named


@pytest.mark.parametrize("task", TASKS, ids=named)
def test_every_task_proves_itself(task: Task) -> None:
    assert self_test(task, range(1), most=15) == []


def test_the_levels_that_are_named_are_proven_and_no_others() -> None:
    """A policy in which all rules beside the two of every policy are minima has no case of the other levels."""
    task = RefundPolicy(kinds=("minimum",))
    assert self_test(task, range(1), most=5, levels=(0,)) == []
    with pytest.raises(ValueError, match="of which 1 have an effect"):
        self_test(task, range(1), most=5, levels=(0, 1))
    told = self_test(Credulous(), range(1), levels=(3,))
    assert told
    assert all(sentence.startswith("arithmetic-chains, level 3, ") for sentence in told)


class Credulous(ArithmeticChains):
    """Believes every line."""

    def verify(self, problem: Problem, trace: str) -> Check:
        lines = [StepCheck(line, "verified", line, "") for line in trace.splitlines()]
        return Check(tuple(lines), self.solve(problem).answer)


class Generous(ArithmeticChains):
    """Grades everything right."""

    def grade(self, problem: Problem, text: str) -> Grade:
        return Grade(score=1.0)


class Strict(ArithmeticChains):
    """Grades everything wrong."""

    def grade(self, problem: Problem, text: str) -> Grade:
        return Grade(score=0.0)


class Forgetful(ArithmeticChains):
    """Leaves out the last step."""

    def solve(self, problem: Problem) -> Solution:
        gold = super().solve(problem)
        return Solution(gold.lines[:-1], gold.answer)


@pytest.mark.parametrize(
    ("task", "said"),
    [
        (Credulous(), "is proven"),
        (Generous(), "does not score 0"),
        (Strict(), "gold answer without steps does not score 1"),
        (Forgetful(), "gold reply is not proven"),
    ],
)
def test_a_broken_task_is_caught_and_told_why(task: Task, said: str) -> None:
    found = self_test(task, range(1))
    assert any(said in sentence for sentence in found)
    assert all(sentence.startswith("arithmetic-chains, level ") for sentence in found)


def test_wrong_answers_differ_in_one_place() -> None:
    assert list(wrong_answers("-78")) == ["-88", "-79", "-781", "-7"]
    assert list(wrong_answers("refused")) == ["refused1", "refuse"]


def test_wrong_traces_are_every_digit_every_sign_and_every_gap() -> None:
    def traces(*lines: str) -> Iterator[Any]:
        return wrong_traces(ArithmeticChains(), Solution(lines, ""))

    assert list(traces("1+2=3")) == [
        ("another digit in line 1", ("2+2=3",)),
        ("another digit in line 1", ("1+3=3",)),
        ("another digit in line 1", ("1+2=4",)),
        ("'-' for '+' in line 1", ("1-2=3",)),
        ("line 1 left out", ()),
    ]
