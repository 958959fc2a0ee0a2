"""Dollars as nano-dollars: exact, or refused."""

import tomllib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.config.money import dollars, nano


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (200, 200_000_000_000),
        (0, 0),
        ("200", 200_000_000_000),
        ("$1_000.50", 1_000_500_000_000),
        (" 0.25 ", 250_000_000),
        (Decimal("0.1"), 100_000_000),
        (Decimal("0.000000001"), 1),
        (Decimal("1E+3"), 1_000_000_000_000),
        (Decimal("-0.0"), 0),
        (Decimal("0.1000000000000000000000000000000000000"), 100_000_000),
        (1_000_000_000, 10**18),
    ],
)
def test_dollars_become_exact_nano_dollars(written: object, expected: int) -> None:
    assert nano(written) == expected


@pytest.mark.parametrize(
    ("written", "why"),
    [
        (-5, "must not be negative"),
        ("-0.01", "must not be negative"),
        (Decimal("0.1234567891"), "more than 9 decimals"),
        (Decimal("1E-999999999"), "more than 9 decimals"),
        (Decimal("1.00000000000000000000000000000000001"), "more than 9 decimals"),
        (1_000_000_001, "at most 1,000,000,000 dollars"),
        (Decimal("1E+999999"), "at most 1,000,000,000 dollars"),
        (Decimal("Infinity"), "finite"),
        (Decimal("NaN"), "finite"),
        (True, "a number of dollars"),
        (None, "a number of dollars"),
        ("a lot", "a number of dollars"),
        ("1e3", "a number of dollars"),
        ("١", "a number of dollars"),
        (0.1, "a number of dollars"),
    ],
)
def test_what_is_no_exact_amount_is_refused(written: object, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        nano(written)


@given(st.integers(0, 10**18))
def test_an_amount_survives_being_written_and_read(amount: int) -> None:
    assert nano(dollars(amount)) == amount
    assert nano(Decimal(dollars(amount))) == amount
    assert nano(tomllib.loads(f"usd = {dollars(amount)}", parse_float=Decimal)["usd"]) == amount


def test_dollars_are_shown_without_needless_zeros() -> None:
    assert dollars(200_000_000_000) == "200"
    assert dollars(250_000_000) == "0.25"
    assert dollars(1) == "0.000000001"
