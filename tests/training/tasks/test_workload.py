"""A workload's own items as a task."""

from typing import Any

import pytest

from freehold.errors import ConfigError
from freehold.items import Item
from freehold.reasoning.arithmetic import Arithmetic
from freehold.training.tasks.selftest import self_test
from freehold.training.tasks.task import judge
from freehold.training.tasks.workload import (
    UNPROVEN,
    WorkloadTask,
    asked,
    require_telling,
    self_test_workload,
    turns,
    unaskable,
)


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


TALK = [
    {"role": "developer", "content": "Answer in one word."},
    {"role": "user", "content": "Is 2+2 four?"},
    {"role": "assistant", "content": "Yes."},
    {"role": "user", "content": "And five?"},
]


def test_a_model_is_asked_with_all_messages_and_the_developers_words_are_the_systems() -> None:
    task = task_of([Item(id="x", workload="triage", input={"messages": TALK})])
    assert task.turns(task.generate(1, 0)) == [
        ("system", "Answer in one word."),
        ("user", "Is 2+2 four?"),
        ("assistant", "Yes."),
        ("user", "And five?"),
    ]
    assert asked(task.items[0]) == "Answer in one word.\nIs 2+2 four?\nAnd five?"
    assert asked(task.items[0], operator=False) == "Is 2+2 four?\nAnd five?"


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        (TALK, None),
        ([{"role": "user", "content": [{"type": "image_url"}]}], "it holds more than text"),
        ([{"role": "system", "content": "Hello."}], "nobody asks anything in it"),
        ([*TALK[:2], {"role": "assistant", "tool_calls": [{"id": "c"}]}, *TALK[3:]], "a tool is called in it"),
        ([*TALK[:2], {"role": "assistant", "function_call": {"name": "x"}}, *TALK[3:]], "a tool is called in it"),
        ([*TALK, {"role": "tool", "content": "12"}], "a tool is called in it"),
    ],
)
def test_what_cannot_be_asked_as_text_says_why(messages: Any, why: str | None) -> None:
    assert unaskable(Item(id="x", workload="w", input={"messages": messages})) == why


def test_items_are_in_the_splits_that_are_given_and_can_be_listed() -> None:
    task = WorkloadTask(ITEMS, {"kind": "exact"}, splits={"a": "train", "b": "val", "c": "train"})
    assert task.called == "triage"
    assert [problem.data["item"] for problem in task.listed("train") or ()] == ["a", "c"]
    assert [task.split(task.problem(one)) for one in ITEMS] == ["train", "val", "train"]
    assert task.listed("test") == []
    assert task_of(ITEMS).listed("train") is None


@pytest.mark.parametrize(
    ("reply", "proven", "worth"),
    [
        ("yes", True, 1.0),
        ("<think>\nTwo and two: 2 + 2 = 4.\n</think>\nyes", True, 1.0),
        ("<think>\nTwo and two: 2 + 2 = 5.\n</think>\nyes", False, 0.2),
        ("no", False, 0.0),
    ],
)
def test_an_answer_is_proven_when_it_is_right_and_no_step_is_shown_wrong(
    reply: str, proven: bool, worth: float
) -> None:
    task = task_of(ITEMS)
    judgement = judge(task, task.generate(1, 0), reply)
    assert (judgement.proven, judgement.worth(0.2)) == (proven, worth)


def test_a_share_of_the_score_is_that_share_of_the_reward() -> None:
    known = Item(id="x", workload="w", input={"messages": TALK}, reference={"a": 1, "b": 2})
    task = task_of([known], {"kind": "json_fields"})
    assert judge(task, task.generate(1, 0), '{"a": 1, "b": 3}').worth(0.2) == 0.5


def test_a_grader_is_proven_before_it_rewards_and_warned_of_where_it_only_looks() -> None:
    assert self_test(task_of(ITEMS), range(1)) == []
    assert require_telling(task_of(ITEMS), rewards=True) == ""
    without = task_of(ITEMS[2:], {"kind": "regex", "pattern": "^yes$"})
    assert require_telling(without, rewards=False) == f"triage: {UNPROVEN}."
    with pytest.raises(ConfigError, match="does not tell right from wrong: no item has a reference"):
        require_telling(without, rewards=True)
    with pytest.raises(ConfigError, match=r"a: 'the the the' scores 1; a: '9999.*; and 2 more"):
        require_telling(task_of(ITEMS[:2], {"kind": "regex", "pattern": "(?s).*"}), rewards=False)


def test_a_grader_that_asks_models_cannot_reward() -> None:
    with pytest.raises(ConfigError, match="asks models, and cannot reward"):
        task_of(ITEMS, {"kind": "judge", "models": ["echo/echo"], "rubric": "It is kind."})
