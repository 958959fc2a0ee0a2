"""Recall: lines by hand."""

import pytest

from freehold.training.tasks.recall import Recall
from freehold.training.tasks.selftest import self_test
from freehold.training.tasks.task import Problem, judge, write_reply

PROBLEM = Problem(
    "recall", 4, {"lines": ["coats no 4", "yes credit 2 lamps", "gift books sale", "day 7 items"], "asked": "CA"}
)


def test_it_asks_for_some_of_the_lines() -> None:
    assert (
        Recall().render(PROBLEM)
        == "A. coats no 4\nB. yes credit 2 lamps\nC. gift books sale\nD. day 7 items\nSay C, A."
    )


def test_the_lines_are_said_in_the_order_asked_for_and_the_last_word_is_the_answer() -> None:
    solution = Recall().solve(PROBLEM)
    assert (solution.lines, solution.answer) == (("C. gift books sale", "A. coats no 4"), "4")
    assert judge(Recall(), PROBLEM, write_reply(solution)).proven


@pytest.mark.parametrize(
    ("trace", "verdicts", "answer"),
    [
        ("C. gift books sale\nA. coats no 4", ["verified", "verified"], "4"),
        ("C. gift books sale\nA. coats yes 4", ["verified", "refuted"], "4"),
        ("A. coats no 4\nC. gift books sale", ["refuted", "refuted"], "sale"),
        ("C. gift books sale", ["verified"], None),
        ("C. gift books sale\nA. coats no 4\nB. yes credit 2 lamps", ["verified", "verified", "refuted"], "lamps"),
        ("", [], None),
    ],
)
def test_each_line_must_be_the_next_one_word_for_word(trace: str, verdicts: list[str], answer: str | None) -> None:
    check = Recall().verify(PROBLEM, trace)
    assert ([step.verdict for step in check.steps], check.answer) == (verdicts, answer)


def test_it_passes_the_self_test_of_tasks() -> None:
    assert self_test(Recall(), range(4)) == []


def test_a_level_is_the_number_of_lines() -> None:
    for level in Recall.levels:
        data = Recall().generate(level, 3).data
        assert len(data["lines"]) == level
        assert 1 <= len(data["asked"]) <= 4
