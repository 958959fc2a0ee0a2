"""Expressions and what they are worth."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.reasoning.sum_tokens import tokens
from freehold.reasoning.sums import MAX_DEPTH, NotAnExpression, Parser


def worth(text: str) -> Fraction:
    found = tokens(text)
    parser = Parser(found, 0, len(found))
    expression = parser.expression()
    assert parser.at == len(found)
    return expression.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2 + 3 * 4", 14),
        ("(2 + 3) * 4", 20),
        ("2^3^2", 512),
        ("-2^2", -4),
        ("10 - 4 - 3", 3),
        ("100 / 10 / 2", 5),
        ("20% of 50", 10),
        ("1/2 of 30", 15),
        ("2 1/2 + 1/2", 3),
        ("17 % 5", 2),
        ("\\frac{1}{2} + \\sqrt{16}", Fraction(9, 2)),
        ("3²", 9),
        ("1.5 million / 3", 500_000),
        ("3 red apples + 4 apples", 7),
        ("245 orders/day * 7 days/week", 1715),
        ("(2+3)(4)", 20),
    ],
)
def test_an_expression_is_worth(text: str, value: Fraction) -> None:
    assert worth(text) == value


@given(st.lists(st.tuples(st.sampled_from("+-*"), st.integers(0, 99)), min_size=1, max_size=8), st.integers(0, 99))
def test_sums_and_products_are_as_python_has_them(parts: list[tuple[str, int]], first: int) -> None:
    text = str(first) + "".join(f" {sign} {number}" for sign, number in parts)
    assert worth(text) == eval(text)


@pytest.mark.parametrize(
    "text",
    [
        "9**9**9**9",
        "2 / 0",
        "(3",
        "5 +",
        "3 y + 1",
        "√2",
        "(" * (MAX_DEPTH + 5) + "1" + ")" * (MAX_DEPTH + 5),
        "-" * 5000 + "1",
    ],
)
def test_what_has_no_bounded_value_is_no_expression(text: str) -> None:
    with pytest.raises(NotAnExpression):
        worth(text)
