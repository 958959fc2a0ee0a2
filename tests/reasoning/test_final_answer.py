"""Final answers: two opinions, or none."""

import pytest

from reasoning.reading import found, verdicts

pytest.importorskip("math_verify", reason="the extra `reasoning` is not installed")

from freehold.reasoning.final_answer import FinalAnswer

F = FinalAnswer()


@pytest.mark.parametrize(
    ("expected", "claimed"),
    [
        ("0.5", "\\frac{1}{2}"),
        ("(x+1)^2", "x^2+2x+1"),
        ("31", "31 eggs"),
        ("\\sqrt{8}", "2\\sqrt{2}"),
        ("2, 3", "3, 2"),
        ("1/2^{98}", "2^{-98}"),
    ],
)
def test_what_both_find_equal_is_verified(expected: str, claimed: str) -> None:
    assert verdicts(F, claimed, kind="answer", expected=expected) == ["verified"]


@pytest.mark.parametrize(
    ("expected", "claimed"), [("0.5", "\\frac{1}{3}"), ("9", "10"), ("12", "-12"), ("\\pi", "3.15"), ("A", "B")]
)
def test_what_both_find_different_is_refuted(expected: str, claimed: str) -> None:
    assert verdicts(F, claimed, kind="answer", expected=expected) == ["refuted"]


@pytest.mark.parametrize(
    ("expected", "claimed"),
    [
        ("1/2^{98}", "1/2^{99}"),
        ("\\frac{1}{2^{98}}", "\\frac{1}{2^{99}}"),
        ("1-\\frac{1}{\\mathrm{e}}", "1+\\frac{1}{\\mathrm{e}}"),
    ],
)
def test_the_cases_that_math_verify_gets_wrong_are_unsure(expected: str, claimed: str) -> None:
    (one,) = found(F, claimed, kind="answer", expected=expected)
    assert one.verdict == "not_checkable"
    assert one.reason.startswith("Unsure: math-verify says equal, our own reading different")


def test_a_chain_is_held_against_the_answer_that_was_given() -> None:
    assert verdicts(F, "So the answer is 12.", answer="The answer is 15.") == ["refuted"]
    assert verdicts(F, "So the answer is 15.", answer="15") == ["verified"]


def test_without_a_reference_nothing_is_said() -> None:
    assert verdicts(F, "So the answer is 12.") == []
    assert verdicts(F, "12", kind="answer") == []
