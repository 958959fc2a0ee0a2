"""Algebra: identities, steps of a solution, calculus; and what must not be refuted."""

import pytest

from freehold.reasoning.trace import Step
from reasoning.reading import found, verdicts

pytest.importorskip("sympy", reason="the extra `reasoning` is not installed")

from freehold.reasoning.algebra import Algebra

A = Algebra()


@pytest.mark.parametrize(
    "text",
    [
        "(x+1)^2 = x^2 + 2x + 1",
        "sin^2 x + cos^2 x = 1",
        "\\frac{x^2-1}{x-1} = x+1",
        "d/dx (x^3) = 3x^2",
        "\\frac{d}{dx} \\sin(2x) = 2\\cos(2x)",
        "The derivative of x^3 is 3x^2",
        "\\int_0^1 x^2 dx = \\frac{1}{3}",
        "∫ 4*sqrt(-2*x - 8) dx = -4*(-2*x - 8)**(3/2)/3 + C",
    ],
)
def test_what_holds_is_verified(text: str) -> None:
    assert verdicts(A, text) == ["verified"]


@pytest.mark.parametrize(
    "text",
    [
        "Expanding, (x+1)^2 = x^2 + 3x + 1",
        "d/dx (x^3) = 2x^2",
        "∫ 2x dx = x^3 + C",
        "\\int_0^1 x^2 dx = 1/2",
        "Simplify: 5y - 2y = 4y",
    ],
)
def test_what_does_not_hold_is_refuted(text: str) -> None:
    assert verdicts(A, text) == ["refuted"]


def test_a_solution_is_held_against_the_equation() -> None:
    text = "x^2 - 5x + 6 = 0, so (x-2)(x-3) = 0, so x = 2 or x = 3, so x = 4"
    assert verdicts(A, text) == ["verified", "verified", "verified", "refuted"]


def test_the_equation_may_stand_in_the_question_or_in_an_earlier_step() -> None:
    assert verdicts(A, "Subtract 3: 2x = 4.", question="Solve 2x + 3 = 7.") == ["verified"]
    assert verdicts(A, "Subtract 3: 2x = 5.", question="Solve 2x + 3 = 7.") == ["refuted"]
    earlier = (Step(0, "2x = 4", 0, 6, "sentence"),)
    assert verdicts(A, "Hence x = 2.", earlier=earlier) == ["verified"]


@pytest.mark.parametrize(
    "text",
    ["y = 3x + 2", "Let x = 5", "2x + 3 = 7", "5 + 3 = 9", "log(100x) = 2 + log(x), simplified", "sqrt(x^2) = x"],
)
def test_a_new_fact_or_a_matter_of_taste_is_not_refuted(text: str) -> None:
    assert "refuted" not in verdicts(A, text)


def test_what_has_no_bound_is_ended_and_the_next_is_answered() -> None:
    (one,) = found(A, "Simplify: 3^(3^(3^(3^(3^x)))) = x^(9^(9^9))")
    assert one.verdict == "not_checkable"
    assert verdicts(A, "x + x = 2x") == ["verified"]


def test_a_step_with_many_statements_says_what_was_not_asked() -> None:
    findings = found(A, ". ".join(["x + x = 2x"] * 14))
    assert [one.verdict for one in findings] == ["verified"] * 12 + ["not_checkable"]


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("3x = 10, so x = 3.33.", "verified"),
        ("1.08x = 100, so x = 92.59.", "verified"),
        ("x^2 = 2, so x = 1.414.", "verified"),
        ("3x = 10, so x = 3.34.", "refuted"),
        ("3x = 10, so x = 3.", "refuted"),
        ("x^2 = 2, so x = 1.42.", "refuted"),
        ("8x = 1, so x = 0.13.", "not_checkable"),
        ("x = 2x - 5, so x = 6.", "refuted"),
    ],
)
def test_a_root_may_be_rounded_at_the_digits_that_are_stated(text: str, verdict: str) -> None:
    assert verdicts(A, text)[-1] == verdict


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("x/3 = 3.33, so x = 10.", "not_checkable"),
        ("-3.33 = x/3, so x = -10.", "not_checkable"),
        ("x/3 = 3.33, so 2x = 20.", "not_checkable"),
        ("x/3 = 3.33, so x = 9.99.", "verified"),
        ("x/3 = 3.33, so x = 11.", "refuted"),
        ("x/3 = 3.33, so x = 10.1.", "refuted"),
        ("x/3 = 3.330, so x = 10.", "refuted"),
        ("x/3 = 3, so x = 10.", "refuted"),
        ("x/3 = 3.33, so 2x = 21.", "refuted"),
        ("2x = 7.0, so x = 3.52.", "refuted"),
        ("x/8 = 0.13, so x = 1.", "refuted"),
    ],
)
def test_a_figure_before_may_be_rounded_at_the_digits_that_it_shows(text: str, verdict: str) -> None:
    assert verdicts(A, text)[-1] == verdict


def test_a_figure_of_the_question_may_be_rounded_too() -> None:
    assert verdicts(A, "So x = 10.", question="A third is x/3 = 3.33. What is x?") == ["not_checkable"]
    assert verdicts(A, "So x = 11.", question="A third is x/3 = 3.33. What is x?") == ["refuted"]


@pytest.mark.parametrize(
    "text",
    [
        "Let r = 5%, so 1 + r = 1.05.",
        "x = 1 million, so 2x = 2,000,000.",
        "Set i = 0. Then i = i + 1.",
        "Let n = 3. So n = n - 1.",
    ],
)
def test_shares_scales_and_steps_of_a_program_are_no_equations(text: str) -> None:
    assert verdicts(A, text) == []
