"""What is wrong as it stands and right as others write it is not refuted; what is wrong either way still is."""

import pytest

from freehold.reasoning.arithmetic import Arithmetic
from reasoning.reading import found, verdicts

A = Arithmetic()


@pytest.mark.parametrize(
    "text",
    [
        "(1,250) + 500 = (750)",
        "Profit: $500 - $700 = ($200)",
        "Net: 500 + $(200) = 300",
        "1.000 + 500 = 1.500",
        "The period 2019-2023 is 5 years",
        "From 2015–2020 = 5 years",
        "pages 10-20 = 11 pages",
        "$1 + 50 cents = $1.50",
        "2 dollars + 50 cents = $2.50",
        "£10 + €5 = £14.30",
        "7.5 × 2 = 15%",
        "10% - 3% = 7 points",
    ],
)
def test_what_holds_as_others_write_it_is_not_decided(text: str) -> None:
    assert verdicts(A, text) == ["not_checkable"]


@pytest.mark.parametrize(
    "text",
    [
        "(1,250) + 500 = (850)",
        "500 - $700 = ($300)",
        "1.000 + 500 = 1.600",
        "500-700 = 200",
        "2019 - 2023 = 5",
        "50 cents + 25 cents = 85 cents",
        "$10 + $5 = $16",
        "200 × 10% = 20%",
        "3(4) = -12",
        "4 > 5",
    ],
)
def test_what_is_wrong_however_it_is_written_is_refuted(text: str) -> None:
    assert verdicts(A, text) == ["refuted"]


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("7/2 = 3 remainder 1", "verified"),
        ("7 ÷ 2 = 3 R1", "verified"),
        ("100 divided by 8 is 12 with 4 left over", "verified"),
        ("100 / 8 = 12 (remainder 4)", "verified"),
        ("17 / 5 = 3, remainder 2", "verified"),
        ("7/2 = 3 remainder 2", "refuted"),
        ("17 / 5 = 2 remainder 7", "refuted"),
        ("7/2 = 3 boxes", "refuted"),
    ],
)
def test_a_whole_number_and_its_remainder_are_judged_together(text: str, verdict: str) -> None:
    assert verdicts(A, text) == [verdict]


def test_what_is_not_decided_derives_nothing() -> None:
    assert found(A, "(1,250) + 500 = (750)")[0].derived == ()
