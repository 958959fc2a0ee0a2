"""Numeric: the number that counts, near enough."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.graders.numeric import Numeric, read_number
from graders.samples import item, score


@pytest.mark.parametrize(
    ("text", "take", "number"),
    [
        ("First 3, then 12 apples.", "final", "12"),
        ("First 3, then 12 apples.", "first", "3"),
        ("The answer is 7. There were 12.", "final", "7"),
        ("\\boxed{1,024} of 2048", "final", "1024"),
        ("#### -5", "final", "-5"),
        ("The answer is 3 + 4 = 7 apples in 2 bags", "final", "7"),
        ("1 234 567".replace(" ", "\u202f"), "final", "1234567"),
        ("1'234.5", "final", "1234.5"),
        ("2.5e3", "final", "2500"),
        ("$1.5 million", "final", "1500000"),
        ("twenty-one", "final", "21"),
        ("**Seven**.", "final", "7"),
        ("It was 20, now it is -5 degrees.", "final", "-5"),
        ("Balance: −12.50", "final", "-12.5"),
        ("pages 3-5", "final", "5"),
        ("The answer is 3/4.", "final", "3/4"),
        ("It is -1/2", "final", "-1/2"),
        ("due 3/4/2024", "final", "2024"),
        ("5/0", "final", "0"),
        ("x -3", "final", "3"),
        ("12 and 12", "only", "12"),
        ("The answer to question 3 is 42.", "final", "42"),
        ("Answer for 2024: 42", "final", "42"),
        ("The answer is 42. Ask again if this answer is not clear within 2 days.", "final", "42"),
        ("In answer to your 3 questions, it is 42.", "final", "42"),
        ("To answer part 2: the total is 42.", "final", "42"),
        ("The answer is not 5, it is 42.", "final", "42"),
    ],
)
def test_numbers_are_read_as_people_write_them(text: str, take: str, number: str) -> None:
    found = read_number(text, take=take)
    assert found is not None
    assert found.value == Fraction(number)


@pytest.mark.parametrize("text", ["", "none", "more than once, twice even", "x" * 1000])
def test_a_text_without_a_number_has_none(text: str) -> None:
    assert read_number(text) is None


@pytest.mark.parametrize(
    ("text", "number"), [("1.234,56 €", "1234.56"), ("1 234,5", "1234.5"), ("0,5", "0.5"), ("1.234.567", "1234567")]
)
def test_the_comma_of_most_of_europe_is_read_when_asked(text: str, number: str) -> None:
    found = read_number(text, decimal="comma")
    assert found is not None
    assert found.value == Fraction(number)


@pytest.mark.parametrize(
    ("reference", "said", "options", "right"),
    [
        (10, "10.4", {"tolerance": 0.5}, 1.0),
        (10, "10.6", {"tolerance": 0.5}, 0.0),
        (0.3, "0.1", {"tolerance": 0.2}, 1.0),
        (200, "201", {"relative": 0.005}, 1.0),
        (200, "202", {"relative": 0.005}, 0.0),
        (-200, "-201", {"relative": 0.005}, 1.0),
        ("5%", "5%", {}, 1.0),
        ("5%", "0.05", {}, 1.0),
        ("5%", "5", {}, 1.0),
        ("5%", "50%", {}, 0.0),
        ("5%", "500%", {}, 0.0),
        ("5%", "0.05%", {}, 0.0),
        ("5 percent", "The rate is 0.05%.", {}, 0.0),
        ("5%", "50%", {"tolerance": 0.5}, 0.0),
        ("5%", "5.4%", {"tolerance": 0.5}, 1.0),
        ("5%", "0.05%", {"percent": "share"}, 0.0),
        (0.05, "5%", {}, 1.0),
        (5, "0.05", {}, 0.0),
        (5, "5 %", {"percent": "share"}, 0.0),
        (0.05, "5 %", {"percent": "share"}, 1.0),
        (5, "5 %", {"percent": "sign"}, 1.0),
        (0.05, "5 %", {"percent": "sign"}, 0.0),
        (1234.5, "1.234,5", {"decimal": "comma"}, 1.0),
        (7, "6 or 7", {"take": "only"}, 0.0),
        ([7, 8], "8", {}, 1.0),
        (7, "I have no idea.", {}, 0.0),
        ("many", "7", {}, None),
        (None, "7", {}, None),
    ],
)
def test_near_enough_is_what_the_options_say(
    reference: object, said: str, options: dict[str, object], right: float | None
) -> None:
    assert score(Numeric, item(reference), said, **options) == right


@given(st.integers(-(10**9), 10**9))
def test_a_number_is_right_for_itself_and_wrong_for_the_next(number: int) -> None:
    assert score(Numeric, item(number), f"It comes to {number:,}.") == 1.0
    assert score(Numeric, item(number), f"It comes to {number + 1:,}.") == 0.0
