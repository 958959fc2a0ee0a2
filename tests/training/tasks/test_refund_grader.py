"""The grader of refunds: it reads the policy out of the question, and needs no reference."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.graders import build
from freehold.graders.grader import SCORES, Grader
from freehold.items import Given, Item
from freehold.training.tasks.refund_grader import RefundGrader, read_policy, said_in, sentences
from freehold.training.tasks.refund_policy import Policy, RefundPolicy
from freehold.training.tasks.refund_rules import FLAGS, Case, Rule

QUESTION = """Apply the rules in order; a later rule overrides an earlier one.
1. Items can be returned within 21 days.
2. For lamps the limit is 90 days instead.
3. All but members pay postage of $4.50.
4. Store credit is at most $80.00.
Case: lamps, $149.00, bought on day 94, returned on day 168, member yes, gift no, sale no, opened no, used no, faulty no, receipt yes.
What is decided?"""


def test_it_is_found_by_its_name_as_a_third_party_s_would_be() -> None:
    assert isinstance(build({"kind": "refund-policy"}), RefundGrader)


def test_it_passes_its_own_self_test() -> None:
    grader: Grader = RefundGrader(RefundGrader.takes())
    for case in RefundGrader.selftest():
        assert grader.grade(case.item, case.given).score == SCORES[case.role], case.given.text


def test_a_question_is_read_back_rule_by_rule() -> None:
    assert read_policy(QUESTION, sentences()) == Policy(
        (
            Rule("limit", 21),
            Rule("category-limit", 90, "lamps"),
            Rule("postage", 450, "", "member"),
            Rule("credit-cap", 8000),
        ),
        Case("lamps", 14900, 94, 168, frozenset({"member", "receipt"})),
    )


@settings(max_examples=60)
@given(level=st.sampled_from(RefundPolicy.levels + RefundPolicy.beyond[:1]), seed=st.integers(0, 10**6))
def test_every_problem_of_the_task_is_graded_by_what_its_solver_says(level: int, seed: int) -> None:
    task = RefundPolicy()
    problem = task.generate(level, seed)
    item = Item(id="1", workload="w", input={"messages": [{"role": "user", "content": task.render(problem)}]})
    grader = RefundGrader(RefundGrader.takes())
    answer = task.solve(problem).answer
    assert grader.grade(item, Given(text=answer)).score == 1.0
    wrong = "refund $1.00" if answer == "refused" else "refused"
    assert grader.grade(item, Given(text=wrong)).score == 0.0


@pytest.mark.parametrize(
    ("text", "decision"),
    [
        ("refused", "refused"),
        ("The return is refused, so no refund is paid.", "refused"),
        ("Refund: $1,204.50", "refund $1204.50"),
        ("store credit of $50", "credit $50.00"),
        ("Rule 1: refused?\nNo. Final decision: **refund $12.30**", "refund $12.30"),
        ("refund $12.30\n6. Less than $5.00 is refused.", "refund $12.30"),
        ("2. What is returned after the limit is refused.", None),
        ("The limit is 30 days.", None),
        ("a refund of twelve dollars", None),
        ("", None),
    ],
)
def test_a_decision_is_read_whatever_stands_around_it(text: str, decision: str | None) -> None:
    assert said_in(text) == decision


@given(st.text(max_size=200))
def test_no_text_makes_it_raise(text: str) -> None:
    said_in(text)
    read_policy(f"{text}\n{QUESTION}\n{text}", sentences())


def test_every_flag_is_read() -> None:
    text = QUESTION
    for flag in FLAGS:
        text = text.replace(f"{flag} no", f"{flag} yes")
    policy = read_policy(text, sentences())
    assert policy is not None
    assert policy.case.flags == frozenset(FLAGS)
