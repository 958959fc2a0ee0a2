"""The signs of arithmetic."""

import pytest

from freehold.reasoning.sum_tokens import tokens


def kinds(text: str) -> list[tuple[str, str]]:
    return [(token.kind, token.text) for token in tokens(text)]


@pytest.mark.parametrize("sign", ["*", "×", "·", "x", "times", "\\times", "\\cdot", "multiplied by"])
def test_all_spellings_multiply(sign: str) -> None:
    assert kinds(f"2 {sign} 3")[1] == ("op", "*")


@pytest.mark.parametrize(
    ("sign", "name"),
    [("≈", "≈"), ("\\approx", "≈"), ("is about", "≈"), ("==", "="), ("equals", "="), ("<=", "≤"), ("\\neq", "≠")],
)
def test_all_spellings_relate(sign: str, name: str) -> None:
    assert kinds(f"2 {sign} 3")[1] == ("relation", name)


@pytest.mark.parametrize("text", ["2024-01-05", "10:30", "2x", "->", "=>", "3rd", "<step>", "1.2.3"])
def test_what_only_looks_like_arithmetic_is_set_apart(text: str) -> None:
    assert kinds(text) == [("other", text)]


def test_x_is_a_factor_only_between_factors_and_times_may_be_a_noun() -> None:
    assert kinds("x = 5")[0][0] == "other"
    assert kinds("6 times.")[1][0] == "word"


def test_typography_is_left_out() -> None:
    assert kinds("\\left( $5 \\right) = **8**") == [
        ("open", "("),
        ("number", "5"),
        ("close", ")"),
        ("relation", "="),
        ("number", "8"),
    ]
