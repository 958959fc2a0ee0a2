"""Refund policy: whole cases by hand."""

from collections import Counter
from typing import Any

import pytest

from freehold.training.tasks.refund_policy import CATEGORIES, RefundPolicy
from freehold.training.tasks.task import Problem


def problem_of(rules: list[dict[str, Any]], flags: list[str], **case: Any) -> Problem:
    about = {"category": "books", "cents": 8700, "bought": 12, "returned": 47, "flags": flags, **case}
    return Problem("refund-policy", 1, {"rules": rules, "case": about})


RULES: list[dict[str, Any]] = [
    {"kind": "limit", "number": 30},
    {"kind": "member-days", "number": 14},
    {"kind": "late"},
    {"kind": "sale"},
    {"kind": "faulty"},
    {"kind": "no-receipt"},
    {"kind": "opened-fee", "number": 20, "spares": "gift"},
    {"kind": "postage", "number": 450, "spares": "faulty"},
    {"kind": "credit-cap", "number": 6000},
]

BY_HAND: list[tuple[list[str], dict[str, Any], str]] = [
    # 35 days, a member has 44; opened: 87.00 - 17.40 = 69.60; postage: 65.10; no receipt: credit, at most 60.00
    (["member", "opened"], {}, "credit $60.00"),
    (["member", "opened", "receipt"], {}, "refund $65.10"),
    (["opened", "receipt"], {}, "refused"),  # 35 days, and 30 for others
    (["opened", "receipt", "faulty"], {}, "refund $69.60"),  # faulty overrides late, and spares the postage
    (["member", "receipt", "sale"], {}, "refused"),
    (["receipt", "gift", "opened"], {"returned": 42}, "refund $82.50"),  # the 30th day is in time; a gift has no fee
    (["receipt"], {"returned": 43}, "refused"),
    (["sale", "faulty"], {"cents": 2000, "returned": 13}, "credit $20.00"),  # faulty, and without a receipt
]


@pytest.mark.parametrize(("flags", "case", "answer"), BY_HAND)
def test_a_case_is_decided_as_by_hand(flags: list[str], case: dict[str, Any], answer: str) -> None:
    assert RefundPolicy().solve(problem_of(RULES, flags, **case)).answer == answer


def test_the_order_of_the_rules_decides() -> None:
    faulty_last = [*RULES[:3], RULES[3], RULES[4]]
    sale_last = [*RULES[:3], RULES[4], RULES[3]]
    case = problem_of(faulty_last, ["faulty", "sale", "receipt"], returned=20)
    assert RefundPolicy().solve(case).answer == "refund $87.00"
    assert RefundPolicy().solve(problem_of(sale_last, ["faulty", "sale", "receipt"], returned=20)).answer == "refused"


def test_the_prompt_is_the_policy_and_the_case_in_words() -> None:
    text = RefundPolicy().render(problem_of(RULES[:3], ["member"]))
    assert text == (
        "Apply the rules in order; a later rule overrides an earlier one.\n"
        "A. Items can be returned within 30 days.\n"
        "B. Members have 14 more days.\n"
        "C. What is returned after the limit is refused.\n"
        "The case: books, $87.00, bought on day 12, returned on day 47, member yes, gift no, receipt no, sale no, "
        "opened no, used no, faulty no.\n"
        "What is decided?"
    )


LIMIT = "A. Items can be returned within 30 days. limit"
MEMBERS = "B. Members have 14 more days. member"
FIRST = f"{LIMIT} 0030"
SECOND = f"{MEMBERS} yes, 0030+0014:04,04,00,00,=0044"
SHORT = f"{MEMBERS} yes, 0020+0014:04,03,00,00,=0034"
LATE = (
    "C. What is returned after the limit is refused. bought on day 12, returned on day 47, 0047-0012:05,03,00,00,=0035,"
)


@pytest.mark.parametrize(
    ("trace", "verdicts"),
    [
        (f"{FIRST}\n{SECOND}\n{LATE} 0035>0044:0=0,0=0,3<4 no, refund", ["verified"] * 3),
        (
            f"{FIRST}\n{MEMBERS} yes, 0030+0014:05,04,00,00,=0045\n{LATE} 0035>0045:0=0,0=0,3<4 no, refund",
            ["verified", "refuted", "verified"],
        ),
        (
            f"{FIRST}\n{MEMBERS} no, 0030\n{LATE} 0035>0030:0=0,0=0,3=3,5>0 yes, refused",
            ["verified", "refuted", "verified"],
        ),
        (f"{LIMIT} 0020\n{SHORT}\n{LATE} 0035>0034:0=0,0=0,3=3,5>4 yes, refused", ["refuted", "verified", "verified"]),
        (
            f"{FIRST}\n{SECOND.replace('14 more', '15 more')}",
            ["verified", "refuted"],
        ),  # the rule is not quoted as it is
        (f"{FIRST}\n{LATE} 0035>0030:0=0,0=0,3=3,5>0 yes, refused", ["verified", "not_checkable"]),
        ("Books are fine", ["not_checkable"]),
        (
            f"{FIRST}\n{SECOND}\n{LATE} 0035>0044:0=0,0=0,3<4 no, refund\nD. What was bought on sale is refused. sale no, refund",
            [*["verified"] * 3, "refuted"],
        ),
    ],
)
def test_each_rule_is_judged_by_the_state_as_written(trace: str, verdicts: list[str]) -> None:
    check = RefundPolicy().verify(problem_of(RULES[:3], ["member"]), trace)
    assert [step.verdict for step in check.steps] == verdicts


def test_rules_that_ask_for_a_category_or_a_share_say_what_they_look_at() -> None:
    rules: list[dict[str, Any]] = [
        {"kind": "limit", "number": 30},
        {"kind": "category-limit", "number": 7, "category": "lamps"},
        {"kind": "opened-category", "category": "books"},
        {"kind": "used", "number": 80},
    ]
    lines = RefundPolicy().solve(problem_of(rules, ["used"])).lines
    assert lines[1:] == (
        "B. For lamps the limit is 7 days instead. case: books, rule: lamps, books<lamps no, 0030",
        "C. Opened books are refused. case: books, rule: books, books=books yes, opened no, refund",
        "D. For used items 80 percent of the price is paid. refund, used yes, 100-80=20, 10% 0870, 20% 0870+0870:00,14,17,01,=1740, "
        "8700-1740:00,-6,-9,06,=6960",
    )


def test_a_trace_leads_to_the_answer_that_it_writes() -> None:
    lines = f"{LIMIT} 0020\n{SHORT}\n{LATE} 0035>0034:0=0,0=0,3=3,5>4 yes, refused"
    assert RefundPolicy().verify(problem_of(RULES[:3], ["member"]), lines).answer == "refused"


def test_policies_have_8_to_12_rules_among_them_limit_and_late_and_a_level_of_effects() -> None:
    task = RefundPolicy()
    for level in task.levels:
        for seed in range(8):
            problem = task.generate(level, seed)
            rules: list[dict[str, Any]] = problem.data["rules"]
            kinds = [rule["kind"] for rule in rules]
            assert 8 <= len(kinds) <= 12
            assert {"limit", "late"} <= set(kinds)
            assert kinds[0] == "limit"
            assert problem.data["case"]["category"] in CATEGORIES
            if "grace" in kinds:
                assert kinds.index("grace") == kinds.index("late") + 1


def test_no_outcome_is_the_right_one_by_default() -> None:
    task = RefundPolicy()
    answers = [task.solve(task.generate(level, seed)).answer.split()[0] for level in (2, 3, 4) for seed in range(60)]
    assert 24 <= answers.count("refused") <= 72
    assert answers.count("credit") >= 12
    assert answers.count("refund") >= 36


def test_rules_that_decide_whether_stand_in_any_order() -> None:
    orders = set[str]()
    for seed in range(80):
        kinds = [rule["kind"] for rule in RefundPolicy().generate(3, seed).data["rules"]]
        if "faulty" in kinds:
            orders.add("late first" if kinds.index("late") < kinds.index("faulty") else "faulty first")
    assert orders == {"late first", "faulty first"}


@pytest.mark.parametrize("level", [0, 2, 5])
def test_policies_of_chosen_kinds_have_several_rules_of_each(level: int) -> None:
    task = RefundPolicy(kinds=["opened-category", "category-limit"])
    problem = task.generate(level, 7)
    kinds = Counter(rule["kind"] for rule in problem.data["rules"])
    assert kinds.keys() <= {"limit", "late", "opened-category", "category-limit"}
    assert kinds["limit"] == kinds["late"] == 1
    assert 8 <= kinds.total() <= 12
    solution = task.solve(problem)
    check = RefundPolicy().verify(problem, "\n".join(solution.lines))
    assert ({step.verdict for step in check.steps}, check.answer) == ({"verified"}, solution.answer)


def test_graces_stand_behind_what_they_forgive() -> None:
    rules = RefundPolicy(kinds=["grace", "sale"]).generate(1, 3).data["rules"]
    order = [rule["kind"] for rule in rules if rule["kind"] in ("late", "grace")]
    assert order == ["late", *["grace"] * (len(order) - 1)]
    assert len(order) > 2


def test_rules_that_every_policy_has_are_no_kinds_to_draw() -> None:
    with pytest.raises(ValueError, match="late, sails"):
        RefundPolicy(kinds=["sale", "late", "sails"])


def test_a_level_that_chosen_kinds_cannot_have_is_said_and_not_sought_for_ever() -> None:
    with pytest.raises(ValueError, match="no policy of rules sale was found of which 3 have an effect"):
        RefundPolicy(kinds=["sale"]).generate(3, 1)


def test_policies_may_be_shorter_and_then_are_other_problems() -> None:
    short = RefundPolicy(rules=[3, 5])
    for level in range(4):
        problems = [short.generate(level, seed) for seed in range(40)]
        sizes = {len(problem.data["rules"]) for problem in problems}
        assert sizes <= set(range(max(3, level + 2), 6))
        assert len(sizes) == 6 - max(3, level + 2)
        for problem in problems[:5]:
            check = short.verify(problem, "\n".join(short.solve(problem).lines))
            assert {step.verdict for step in check.steps} == {"verified"}
    assert short.generate(0, 1) != RefundPolicy().generate(0, 1)
    for wrong in ([1, 5], [5, 4], [3, 13], [3]):
        with pytest.raises(ValueError, match="has from 2 to 12 rules"):
            RefundPolicy(rules=wrong)
