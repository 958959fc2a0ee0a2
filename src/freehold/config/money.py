"""Dollars as people write them, as integer nano-dollars. Exact: what does not fit is an error, never rounded."""

import re
from decimal import Decimal
from fractions import Fraction
from typing import cast

NANO = 1_000_000_000
MAX_DOLLARS = 1_000_000_000
"""So that every sum stays inside 64 bits, which is what SQLite counts in."""
MAX_DECIMALS = 1_000

_DECIMAL = re.compile(r"\d{1,20}(\.\d{1,20})?\Z", re.ASCII)


def nano(written: object) -> int:
    """Nano-dollars of a number of dollars: an int, a Decimal, or a str such as "0.25" or "$0.25".

    Raises `ValueError` with the end of a sentence ("must not be negative") for anything else: a float has already lost
    what was written, so the file is read with decimals.
    """
    amount = _decimal(written)
    if amount is None:
        raise ValueError("must be a number of dollars, such as 200 or 0.25")
    if not amount.is_finite():
        raise ValueError("must be a finite number of dollars")
    if amount < 0:
        raise ValueError("must not be negative")
    if amount > MAX_DOLLARS:
        raise ValueError(f"must be at most {MAX_DOLLARS:,} dollars")
    # Fractions are exact where Decimal rounds to 28 digits; tiny exponents are refused before they become large integers.
    tiny = amount != 0 and cast(int, amount.as_tuple().exponent) < -MAX_DECIMALS
    scaled = Fraction(0) if tiny else Fraction(amount) * NANO
    if tiny or scaled.denominator != 1:
        raise ValueError("has more than 9 decimals, which is finer than a nano-dollar")
    return scaled.numerator


def dollars(amount: int) -> str:
    """The dollars of an amount in nano-dollars, exactly and without needless zeros: "200", "0.25"."""
    whole, rest = divmod(amount, NANO)
    return f"{whole}.{rest:09d}".rstrip("0") if rest else str(whole)


def _decimal(written: object) -> Decimal | None:
    if isinstance(written, str):
        text = written.strip().removeprefix("$").replace("_", "")
        return Decimal(text) if _DECIMAL.match(text.removeprefix("-")) else None
    if isinstance(written, int | Decimal) and not isinstance(written, bool):
        return Decimal(written)
    return None
