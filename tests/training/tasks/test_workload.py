"""A workload's own items as a task."""

from typing import Any

import pytest

from freehold.errors import ConfigError
from freehold.items import Item
from freehold.reasoning.arithmetic import Arithmetic
from freehold.training.tasks.task import judge
from freehold.training.tasks.workload import WorkloadTask, self_test_workload, turns


def item(name: str, asked: str, reference: Any = None) -> Item:
    return Item(
        id=name, workload="triage", input={"messages": [{"role": "user", "content": asked}]}, reference=reference
    )


ITEMS = [item("a", "Is 2+2 four?", "yes"), item("b", "Is 2+2 five?", "no"), item("c", "Is it late?")]


def task_of(items: list[Item], grader: dict[str, Any] | None = None) -> WorkloadTask:
    return WorkloadTask(items, grader or {"kind": "exact"}, (Arithmetic(),))


def test_items_come_in_turn_and_are_graded_by_the_workloads_grader() -> None:
    task = task_of(ITEMS)
    problems = [task.generate(1, seed) for seed in range(4)]
    assert [problem.data["item"] for problem in problems] == ["a", "b", "c", "a"]
    assert task.grade(problems[0], "<think>\nno, wait\n</think>\nyes").score == 1.0
    assert task.grade(problems[0], "no").score == 0.0
    assert task.grade(problems[2], "yes").score is None
    assert task.solve(problems[1]).answer == "no"


def test_an_item_without_a_reference_is_not_solved() -> None:
    task = task_of(ITEMS)
    with pytest.raises(LookupError, match="item c"):
        task.solve(task.generate(1, 2))


def test_steps_are_checked_by_the_verifiers_of_traces() -> None:
    task = task_of(ITEMS)
    judgement = judge(task, task.generate(1, 0), "<think>\nTwo and two: 2 + 2 = 5. Done.\n</think>\nyes")
    assert judgement.grade.score == 1.0
    assert judgement.check.refuted
    assert [step.verdict for step in judgement.check.steps] == ["refuted", "not_checkable"]
    assert judgement.check.steps[0].found == "4"


def test_case_and_white_space_make_no_other_problem() -> None:
    one, other = task_of([item("a", "Is  it late?\n")]), task_of([item("b", "is it LATE?")])
    assert one.digest(one.generate(1, 0)) == other.digest(other.generate(1, 0))


def test_a_workload_whose_grader_cannot_tell_is_caught() -> None:
    assert self_test_workload(task_of(ITEMS)) == []
    assert self_test_workload(task_of([ITEMS[2]])) == [
        "no item has a reference, so nothing shows that the grader tells right from wrong"
    ]
    anything = self_test_workload(task_of(ITEMS[:2], {"kind": "regex", "pattern": "(?s).*"}))
    assert "every answer scores 1" in anything


def test_no_items_and_a_grader_that_asks_are_errors() -> None:
    with pytest.raises(ConfigError):
        task_of([])


def test_parts_of_a_message_are_read_as_text() -> None:
    content = [{"type": "text", "text": "What is"}, {"type": "image_url"}, {"type": "text", "text": "this?"}]
    asked = Item(id="x", workload="w", input={"messages": [{"role": "user", "content": content}]})
    assert turns(asked) == [("user", "What is\nthis?")]
