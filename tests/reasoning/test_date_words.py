"""Written dates and the calendar."""

from calendar import isleap
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.reasoning.date_words import dates, is_leap, moved, whole_years


@pytest.mark.parametrize(
    "text",
    [
        "2024-03-15",
        "March 15, 2024",
        "Mar. 15th 2024",
        "15 March 2024",
        "15th of March, 2024",
        "15.3.2024",
        "3/15/2024",
    ],
)
def test_all_spellings_are_one_day(text: str) -> None:
    assert [one.readings for one in dates(text)] == [(date(2024, 3, 15),)]


def test_a_date_has_all_its_readings_or_none() -> None:
    assert dates("03/04/2024")[0].readings == (date(2024, 3, 4), date(2024, 4, 3))
    assert dates("30 February 2024")[0].readings == ()


@given(st.integers(1, 9999))
def test_leap_years_are_pythons(year: int) -> None:
    assert is_leap(year) == isleap(year)


def test_months_are_moved_as_people_count_them() -> None:
    assert moved(date(2024, 1, 31), 1, "month") == {date(2024, 2, 29), date(2024, 3, 1)}
    assert moved(date(2024, 3, 15), -12, "month") == {date(2023, 3, 15)}
    assert moved(date(2024, 2, 29), 1, "year") == {date(2025, 2, 28), date(2025, 3, 1)}
    assert moved(date(2024, 2, 28), 2, "day") == {date(2024, 3, 1)}
    assert moved(date(2024, 1, 1), 999_999, "year") == set()


def test_an_age_changes_on_the_birthday() -> None:
    born = date(1980, 5, 20)
    assert [whole_years(born, date(2024, 5, day)) for day in (19, 20)] == [{43}, {44}]
    assert whole_years(date(2000, 2, 29), date(2023, 2, 28)) == {22, 23}
    assert whole_years(born, date(1970, 1, 1)) == set()
