"""Dates as people write them, with every reading that a written date may have.

It knows the spellings of months and weekdays and the Gregorian calendar, and nothing of claims. It exists because
03/04/2024 is two dates: both are given, and a claim is right or wrong only when it is so for each.
"""

import re
from calendar import monthrange
from collections.abc import Sequence
from datetime import date

import msgspec

MONTHS: Sequence[str] = "january february march april may june july august september october november december".split()  # noqa: SIM905
WEEKDAYS: Sequence[str] = "monday tuesday wednesday thursday friday saturday sunday".split()  # noqa: SIM905

_MONTH = "|".join([*MONTHS, *(rf"{month[:3]}\.?" for month in MONTHS), r"sept\.?"])
WEEKDAY = "|".join(WEEKDAYS)
DATE = (
    r"(?:(?P<iso>\b\d{4}-\d{1,2}-\d{1,2}\b)"
    r"|(?P<slashed>\b\d{1,2}/\d{1,2}/\d{4}\b)|(?P<dotted>\b\d{1,2}\.\d{1,2}\.\d{4}\b)"
    rf"|(?P<us>\b(?:{_MONTH})\s+\d{{1,2}}(?:st|nd|rd|th)?,?\s+\d{{4}}\b)"
    rf"|(?P<uk>\b\d{{1,2}}(?:st|nd|rd|th)?(?:\s+of)?\s+(?:{_MONTH}),?\s+\d{{4}}\b))"
)
_DATE = re.compile(DATE, re.IGNORECASE)


class WrittenDate(msgspec.Struct, frozen=True):
    """A date at `text[start:end]`, and what it may be; no reading when there is no such day (30 February)."""

    start: int
    end: int
    readings: tuple[date, ...]


def dates(text: str) -> list[WrittenDate]:
    """The dates with day, month and year in the text, in order."""
    return [WrittenDate(match.start(), match.end(), _readings(match)) for match in _DATE.finditer(text)]


def month_number(written: str) -> int | None:
    """1 to 12 for a month's name or its first three letters."""
    key = written.lower().rstrip(".")[:3]
    return (
        next((number for number, month in enumerate(MONTHS, 1) if month.startswith(key)), None)
        if len(key) == 3
        else None
    )


def moved(start: date, count: int, unit: str) -> set[date]:
    """The date `count` units later, or earlier when negative; months and years as people count them.

    Where the day does not exist there (31 January and a month) both customs are given: the last day of the month, and
    the day after it. Empty when the year leaves 1 to 9999.
    """
    if unit.startswith(("day", "week", "fortnight")):
        days = count * (7 if unit.startswith("week") else 14 if unit.startswith("fortnight") else 1)
        ordinal = start.toordinal() + days
        return {date.fromordinal(ordinal)} if 1 <= ordinal <= date.max.toordinal() else set()
    months = start.year * 12 + start.month - 1 + count * (12 if unit.startswith("year") else 1)
    year, month = divmod(months, 12)
    if not 1 <= year <= 9998:
        return set()
    last = monthrange(year, month + 1)[1]
    if start.day <= last:
        return {date(year, month + 1, start.day)}
    end = date(year, month + 1, last)
    return {end, date.fromordinal(end.toordinal() + 1)}


def whole_years(born: date, on: date) -> set[int]:
    """The age in whole years; two of them for one born on 29 February, on the days where customs differ."""
    if on < born:
        return set()
    years = on.year - born.year
    if (born.month, born.day) == (2, 29) and (on.month, on.day) == (2, 28) and monthrange(on.year, 2)[1] == 28:
        return {years, years - 1}
    return {years - ((on.month, on.day) < (born.month, born.day))}


def is_leap(year: int) -> bool:
    """Whether the year has 366 days (Gregorian, proleptic)."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _readings(match: re.Match[str]) -> tuple[date, ...]:
    numbers = [int(number) for number in re.findall(r"\d+", match[0])]
    if match["iso"]:
        tried = [(numbers[0], numbers[1], numbers[2])]
    elif match["slashed"]:
        tried = [(numbers[2], numbers[0], numbers[1]), (numbers[2], numbers[1], numbers[0])]
    elif match["dotted"]:
        tried = [(numbers[2], numbers[1], numbers[0])]
    else:
        name = re.search(rf"\b(?:{_MONTH})", match[0], re.IGNORECASE)
        month = month_number(name[0]) if name else None
        tried = [(numbers[-1], month, numbers[0])] if month else []
    return tuple(dict.fromkeys(found for parts in tried if (found := _day(*parts)) is not None))


def _day(year: int, month: int, day: int) -> date | None:
    if not (1 <= year <= 9998 and 1 <= month <= 12):
        return None
    return date(year, month, day) if 1 <= day <= monthrange(year, month)[1] else None
