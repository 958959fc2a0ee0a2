"""The refund desk: one shop's rules, with numbers and cases drawn anew."""

from collections import Counter

import pytest

from freehold.errors import ConfigError
from freehold.training.tasks import make
from freehold.training.tasks.refund_desk import RefundDesk
from freehold.training.tasks.selftest import self_test
from freehold.training.tasks.task import Problem, judge, write_reply

CASE = {
    "rules": [
        {"kind": "limit", "number": 45, "category": "", "spares": ""},
        {"kind": "member-days", "number": 10, "category": "", "spares": ""},
        {"kind": "late", "number": 0, "category": "", "spares": ""},
        {"kind": "no-receipt", "number": 0, "category": "", "spares": ""},
        {"kind": "opened-fee", "number": 10, "category": "", "spares": "gift"},
        {"kind": "minimum", "number": 500, "category": "", "spares": ""},
    ],
    "case": {"category": "lamps", "cents": 9000, "bought": 12, "returned": 52, "flags": ["member", "opened"]},
}


def test_a_case_is_decided_by_the_shop_s_rules_one_by_one() -> None:
    task = RefundDesk()
    solution = task.solve(Problem("refund-desk", 1, CASE))
    assert [line.partition(". ")[0] for line in solution.lines] == ["A", "B", "C", "D", "E", "F"]
    assert solution.answer == "credit $81.00"


def test_it_passes_the_self_test_of_tasks() -> None:
    assert self_test(make({"task": "refund-desk"}), range(4)) == []


def test_the_rules_stay_and_their_numbers_change() -> None:
    task = RefundDesk()
    policies = [task.generate(1, seed).data["rules"] for seed in range(40)]
    assert {tuple(rule["kind"] for rule in rules) for rules in policies} == {
        ("limit", "member-days", "late", "no-receipt", "opened-fee", "minimum")
    }
    assert len({str(rules) for rules in policies}) > 30


def test_no_answer_alone_is_right_more_often_than_half() -> None:
    task = RefundDesk()
    answers = Counter(task.solve(task.generate(1, seed)).answer.partition(" ")[0] for seed in range(2000))
    assert set(answers) == {"refused", "refund", "credit"}
    assert max(answers.values()) < 1000


def test_its_splits_are_its_own_and_a_gold_reply_is_proven() -> None:
    task = RefundDesk()
    problem = task.generate(1, 7)
    assert judge(task, problem, write_reply(task.solve(problem))).proven
    assert {task.split(task.generate(1, seed)) for seed in range(200)} == {"train", "val", "test"}


def test_there_is_one_level() -> None:
    with pytest.raises(ValueError, match="no level 0"):
        RefundDesk().generate(0, 1)


def test_the_shop_s_rules_are_not_chosen() -> None:
    with pytest.raises(ConfigError, match="kinds"):
        make({"task": "refund-desk", "kinds": ["sale"]})
