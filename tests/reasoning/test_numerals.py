"""Numbers as they are written."""

from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.reasoning.numerals import is_rounding, number_words, numerals, read_number, shown, terminates


@pytest.mark.parametrize(
    ("text", "value", "quantum"),
    [
        ("1,234.50", Fraction(2469, 2), Fraction(1, 100)),
        ("$3", Fraction(3), Fraction(1)),
        ("-4", Fraction(-4), Fraction(1)),
        ("−4.0", Fraction(-4), Fraction(1, 10)),
        ("1.2 million", Fraction(1_200_000), Fraction(100_000)),
        ("1e-3", Fraction(1, 1000), Fraction(1, 1000)),
        (".5", Fraction(1, 2), Fraction(1, 10)),
    ],
)
def test_a_numeral_has_its_value_and_its_last_digits_worth(text: str, value: Fraction, quantum: Fraction) -> None:
    (numeral,) = numerals(text)
    assert (numeral.value, numeral.quantum) == (value, quantum)


def test_signs_words_and_places_are_kept() -> None:
    found = numerals("It fell 5 % to $1,000 (3-5) in x2 and 3.33...")
    assert [(numeral.value, numeral.percent, numeral.money, numeral.more) for numeral in found] == [
        (5, True, False, False),
        (1000, False, True, False),
        (3, False, False, False),
        (5, False, False, False),
        (Fraction(333, 100), False, False, True),
    ]
    assert found[0].worth == Fraction(1, 20)


def test_words_are_numbers() -> None:
    values = {
        value for _, _, value in number_words("Twenty-one eggs, two thirds of a dozen, and half of three hundred")
    }
    assert {21, Fraction(2, 3), 12, Fraction(1, 2), 300} <= values


@given(st.fractions(min_value=-1000, max_value=1000, max_denominator=2000), st.integers(0, 4))
def test_a_rounding_is_what_decimal_rounds_to(exact: Fraction, places: int) -> None:
    quantum = Decimal(1).scaleb(-places)
    value = (exact * 10**9).__round__()
    near = Decimal(value) / 10**9
    for way in (ROUND_HALF_UP, ROUND_HALF_EVEN):
        stated = near.quantize(quantum, rounding=way)
        assert is_rounding(Fraction(near), Fraction(stated), Fraction(quantum))
        assert not is_rounding(Fraction(near), Fraction(stated) + 2 * Fraction(quantum), Fraction(quantum))


def test_a_tie_rounds_up_or_to_even_and_not_down_to_odd() -> None:
    half = Fraction(25, 10)
    assert is_rounding(half, Fraction(3), Fraction(1))
    assert is_rounding(half, Fraction(2), Fraction(1))
    assert not is_rounding(Fraction(35, 10), Fraction(3), Fraction(1))


def test_decimals_end_when_only_two_and_five_divide() -> None:
    assert terminates(Fraction(3, 40))
    assert not terminates(Fraction(1, 3))


def test_values_are_shown_exactly_or_as_fractions() -> None:
    assert [shown(Fraction(*pair)) for pair in ((17, 1), (-5, 2), (1, 3))] == ["17", "-2.5", "1/3 (about 0.333333)"]


def test_endless_digits_are_not_read() -> None:
    assert read_number("9" * 401) is None
    assert numerals("1" * 5000) == []
