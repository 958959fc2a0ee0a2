"""Word problems over reasoning-gym, where it is installed."""

import sys

import pytest

from freehold.errors import NotConfigured
from freehold.training.tasks.selftest import self_test
from freehold.training.tasks.task import Problem, judge, write_reply
from freehold.training.tasks.word_problems import WordProblems

BY_HAND = Problem(
    "word-problems",
    2,
    {
        "question": "Ann has 3 boxes of 14 eggs and breaks 5. How many are whole?",
        "lines": ["She has 3 * 14 = 42 eggs.", "So 42 - 5 = 37 are whole."],
        "answer": "37",
        "numbers": {"boxes": 3, "eggs": 14, "broken": 5},
        "names": ["boxes", "broken", "eggs", "name"],
    },
)


@pytest.fixture(scope="module")
def task() -> WordProblems:
    pytest.importorskip("reasoning_gym", exc_type=ImportError)
    return WordProblems()


def test_the_task_proves_itself(task: WordProblems) -> None:
    assert self_test(task, range(2), most=15) == []


def test_every_story_that_is_taken_has_a_solution_that_holds(task: WordProblems) -> None:
    templates = set[str]()
    for level in task.levels:
        for seed in range(6):
            problem = task.generate(level, seed)
            assert len(problem.data["lines"]) == level
            assert judge(task, problem, write_reply(task.solve(problem))).proven
            templates.add(str(problem.data["names"]))
    assert len(templates) > 10


@pytest.mark.parametrize(
    ("trace", "verdicts", "answer"),
    [
        ("She has 3 * 14 = 42 eggs.\nSo 42 - 5 = 37 are whole.", ["verified", "verified"], "37"),
        ("She has 3 * 14 = 43 eggs.\nSo 43 - 5 = 38 are whole.", ["refuted", "unsupported"], "38"),
        ("She has 3 * 17 = 51 eggs.\nSo 51 - 5 = 46 are whole.", ["unsupported", "verified"], "46"),
        ("Eggs are healthy.", ["not_checkable"], None),
    ],
)
def test_each_line_must_compute_rightly_and_from_what_is_known(
    task: WordProblems, trace: str, verdicts: list[str], answer: str | None
) -> None:
    check = task.verify(BY_HAND, trace)
    assert [step.verdict for step in check.steps] == verdicts
    assert check.answer == answer


def test_another_name_makes_no_other_problem(task: WordProblems) -> None:
    data = BY_HAND.data | {"question": BY_HAND.data["question"].replace("Ann", "Eve")}
    assert task.digest(Problem("word-problems", 2, data)) == task.digest(BY_HAND)
    other = BY_HAND.data | {"numbers": {"boxes": 4, "eggs": 14, "broken": 5}}
    assert task.digest(Problem("word-problems", 2, other)) != task.digest(BY_HAND)


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)
    with pytest.raises(NotConfigured) as caught:
        WordProblems()
    assert "freehold[tasks]" in caught.value.advice
