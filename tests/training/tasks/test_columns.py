"""Sums by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.training.tasks.columns import compared, padded, summed

BY_HAND = [
    (123, "-", 45, "0123-0045:-8,-7,00,00,=0078", 78),
    (78, "+", 678, "0078+0678:16,15,07,00,=0756", 756),
    (45, "-", 678, "0045-0678:-7,-6,-3,-9,=9367", 9367),  # -633, as on an odometer
    (9999, "+", 1, "9999+0001:10,10,10,10,=0000", 0),
    (0, "+", 0, "0000+0000:00,00,00,00,=0000", 0),
]


@pytest.mark.parametrize(("first", "sign", "second", "line", "result"), BY_HAND)
def test_a_sum_is_written_from_its_last_digit_with_its_carries(
    first: int, sign: str, second: int, line: str, result: int
) -> None:
    assert summed(first, sign, second, 4) == (line, result)


@given(first=st.integers(0, 99_999), sign=st.sampled_from("+-"), second=st.integers(0, 99_999))
def test_the_columns_hold_the_result_backwards(first: int, sign: str, second: int) -> None:
    line, result = summed(first, sign, second, 5)
    columns = line.partition(":")[2].partition("=")[0]
    assert int(columns[1::3][::-1]) == result == (first + int(f"{sign}{second}")) % 100_000


@pytest.mark.parametrize(
    ("first", "sign", "second", "line"),
    [
        (43, ">", 25, "0043>0025:0=0,0=0,4>2 yes"),
        (25, ">", 43, "0025>0043:0=0,0=0,2<4 no"),
        (25, "<", 43, "0025<0043:0=0,0=0,2<4 yes"),
        (500, "<", 500, "0500<0500:0=0,5=5,0=0,0=0 no"),
        (500, ">", 500, "0500>0500:0=0,5=5,0=0,0=0 no"),
        (9000, "<", 899, "9000<0899:9>0 no"),
    ],
)
def test_numbers_are_compared_up_to_the_first_digit_that_differs(first: int, sign: str, second: int, line: str) -> None:
    assert compared(first, sign, second, 4) == (line, line.endswith("yes"))


def test_numbers_are_padded_with_zeros() -> None:
    assert padded(7, 4) == "0007"
