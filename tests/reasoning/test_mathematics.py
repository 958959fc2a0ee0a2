"""What the mathematics worker computes, asked in this process."""

import pytest

from freehold.reasoning.formulas import read_formula

pytest.importorskip("sympy", reason="the extra `reasoning` is not installed")

from freehold.reasoning.mathematics import Mathematics

M = Mathematics()


def equal(left: str, right: str) -> bool | None:
    return M.answer({"task": "equal", "left": read_formula(left), "right": read_formula(right)})["holds"]


def test_equality_needs_symbols_and_numbers() -> None:
    assert equal("(x+1)^3", "x^3 + 3x^2 + 3x + 1") is True
    assert equal("sin(2x)", "2 sin(x) cos(x)") is True
    assert equal("sqrt(x^2)", "x") is False
    assert equal("2^{-98}", "2^{-99}") is False
    assert equal("x", "x + 10^{-20}") is False


def test_a_difference_below_both_precisions_is_not_called_zero() -> None:
    assert equal("x", "x + 10^{-40}") is False
    assert equal("x", "x + exp(-200)") is None


def test_an_equation_follows_when_it_has_all_roots() -> None:
    def follows(given: tuple[str, str], then: tuple[str, str]) -> bool | None:
        asked = {
            "task": "follows",
            "variable": "x",
            "given": [*map(read_formula, given)],
            "then": [*map(read_formula, then)],
        }
        return M.answer(asked)["holds"]

    assert follows(("2x + 3", "7"), ("2x", "4")) is True
    assert follows(("x^2", "4"), ("x", "2")) is True
    assert follows(("x^2", "4"), ("x", "3")) is False
    assert follows(("x^2 - 4", "0"), ("2x", "4")) is False
    assert follows(("x", "x + 1"), ("2x", "4")) is None


def test_a_giant_power_is_refused() -> None:
    with pytest.raises(OverflowError):
        equal("3^(9^9)", "x")
