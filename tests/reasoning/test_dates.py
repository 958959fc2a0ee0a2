"""Claims about the calendar. Weekdays: 4 July 1776 was a Thursday, 20 July 1969 a Sunday, 1 January 2000 a Saturday."""

import pytest

from freehold.reasoning.dates import Dates
from reasoning.reading import found, verdicts

D = Dates()


@pytest.mark.parametrize(
    "text",
    [
        "July 4, 1776 was a Thursday",
        "Sunday, July 20, 1969",
        "2000-01-01 (Saturday)",
        "July 4, 1776 was not a Friday",
        "90 days after 2024-01-01 is 2024-03-31",
        "3 weeks before June 10, 2024 is May 20, 2024",
        "2024-01-31 plus 1 month is 2024-02-29",
        "From 2024-01-01 to 2024-03-01 there are 60 days",
        "There are 60 days between January 1, 2024 and March 1, 2024",
        "From 1 January 2024 to 31 January 2024 there are 31 days inclusive",
        "Someone born on 20 May 1980 was 43 years old on 19 May 2024",
        "2000 was a leap year",
        "1900 was not a leap year",
        "February 2024 has 29 days",
    ],
)
def test_what_the_calendar_says_is_verified(text: str) -> None:
    assert verdicts(D, text) == ["verified"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("July 4, 1776 was a Friday", "Thursday"),
        ("90 days after 2024-01-01 is 2024-04-01", "2024-03-31"),
        ("From 2024-01-01 to 2024-03-01 there are 59 days", "60 days"),
        ("Someone born on 20 May 1980 was 44 on 19 May 2024", "43"),
        ("1900 was a leap year", "1900 is a common year"),
        ("February 2023 has 29 days", "28 days"),
        ("30 February 2024 is a Friday", "no such day"),
    ],
)
def test_what_it_does_not_say_is_refuted(text: str, told: str) -> None:
    (one,) = found(D, text)
    assert (one.verdict, one.found) == ("refuted", told)


def test_a_date_with_two_readings_is_judged_where_both_agree() -> None:
    assert verdicts(D, "03/04/2024 is a Wednesday") == ["not_checkable"]
    assert verdicts(D, "03/04/2024 is a Sunday") == ["refuted"]


def test_parts_of_a_verified_date_are_derived() -> None:
    assert set(found(D, "90 days after 2024-01-01 is 2024-03-31")[0].derived) == {"90", "2024", "1", "3", "31"}


@pytest.mark.parametrize(
    "text",
    [
        "A contract of 12 months from 1 January 2024 to 31 December 2024",
        "He was employed 2 years from 1 May 2020 to 30 April 2022",
        "From 1 January 2024 to 31 December 2024 is 1 year",
        "30 days between 1 June 2024 and 30 June 2024 inclusive",
        "30 days from 1 June 2024 to 30 June 2024, both days included",
    ],
)
def test_a_term_that_ends_the_day_before_is_whole(text: str) -> None:
    assert verdicts(D, text) == ["verified"]


def test_days_that_are_right_with_both_ends_alone_are_not_decided() -> None:
    (one,) = found(D, "30 days from 1 June 2024 to 30 June 2024")
    assert (one.verdict, one.found) == ("not_checkable", "29 days, or 30 with both")
    assert one.reason == "It holds where both days count, which is not said."


@pytest.mark.parametrize(
    "text",
    [
        "31 days from 1 June 2024 to 30 June 2024",
        "28 days from 1 June 2024 to 30 June 2024",
        "A contract of 12 months from 1 January 2024 to 30 December 2024",
        "31 days between 1 June 2024 and 30 June 2024 inclusive",
    ],
)
def test_what_is_right_in_neither_count_is_refuted(text: str) -> None:
    assert verdicts(D, text) == ["refuted"]
