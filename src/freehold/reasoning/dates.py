"""Dates: weekdays, days between, days later, ages, leap years, lengths of months.

    July 4, 2026 is a Saturday.      90 days after 2024-01-01 is 2024-03-31.      2000 was a leap year.
    From 2024-01-01 to 2024-03-01 there are 60 days.      Born on 1980-05-20, she was 43 on 2024-05-19.

It knows the Gregorian calendar (also before 1582) and nothing of time zones or working days. It exists because terms,
ages and deadlines decide cases, and models count days badly.

A date with two readings (03/04/2024) is judged only where both agree. Days between two dates are their difference;
where the sentence says "inclusive", or counts "from ... through", one more. Contracts count both days unsaid: months and
years that are whole so (1 January to 31 December) are right, and days that are right so alone are not decided.
"""

import re
from collections.abc import Callable, Iterator
from datetime import date
from itertools import product
from typing import ClassVar

from freehold.reasoning.date_words import (
    DATE,
    MONTHS,
    WEEKDAY,
    WEEKDAYS,
    WrittenDate,
    dates,
    is_leap,
    month_number,
    moved,
    whole_years,
)
from freehold.reasoning.trace import Finding, Step
from freehold.reasoning.verifier import Context, Sample, finding

MAX_LENGTH: int = 20_000

_PLAIN_DATE = re.sub(r"\(\?P<\w+>", "(?:", DATE)
_D1, _D2 = f"(?P<d1>{_PLAIN_DATE})", f"(?P<d2>{_PLAIN_DATE})"
_UNIT = r"(?P<unit>day|week|fortnight|month|year)s?"
_COUNT = r"(?P<count>\d{1,3}(?:,\d{3})+|\d{1,6})"
_IS = r"(?:is|was|will\s+be|falls\s+on|fell\s+on|lands\s+on|=|gives|equals|would\s+be)"


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


_WEEKDAY = (
    _pattern(rf"{_D1}\s*,?\s+{_IS}\s+(?:on\s+)?(?:an?\s+)?(?P<no>not\s+(?:an?\s+)?)?(?P<weekday>{WEEKDAY})\b"),
    _pattern(rf"\b(?P<weekday>{WEEKDAY}),?\s+(?:the\s+)?{_D1}"),
    _pattern(rf"{_D1}\s*,?\s*\(\s*(?:an?\s+)?(?P<weekday>{WEEKDAY})\s*\)"),
)
_LATER = (
    _pattern(
        rf"{_COUNT}\s+{_UNIT}\s+(?P<way>after|before|from|later\s+than|prior\s+to)\s+{_D1}\s*,?\s*{_IS}\s+(?:\w+day,?\s+)?{_D2}"
    ),
    _pattern(rf"{_D1}\s*(?P<way>\+|plus|-|−|minus)\s*{_COUNT}\s+{_UNIT}\s*,?\s*{_IS}\s+(?:\w+day,?\s+)?{_D2}"),
)
_BETWEEN = (
    _pattern(
        rf"\b(?:from|between)\s+{_D1}\s+(?P<to>to|and|until|till|through)\s+{_D2}\s*,?\s*(?:there\s+(?:are|were)|is|are|=|it\s+is|takes|was)\s+(?:exactly\s+)?{_COUNT}\s+{_UNIT}(?P<tail>[^.\n]{{0,30}})"
    ),
    _pattern(
        rf"\b{_COUNT}\s+{_UNIT}(?P<tail>[^.\n\d]{{0,30}}?)\s+(?:between|from)\s+{_D1}\s+(?P<to>to|and|until|till|through)\s+{_D2}"
    ),
)
_AGE = (
    _pattern(
        rf"\bborn\s+(?:on\s+)?{_D1}[^.\d]{{0,60}}?\b(?:is|was|turns|turned|will\s+be|would\s+be|are|were)\s+{_COUNT}(?:\s+years?\s+old|\s+years?(?:\s+of\s+age)?)?\s*,?\s+(?:on|as\s+of|by)\s+{_D2}"
    ),
    _pattern(
        rf"\bborn\s+(?:on\s+)?{_D1}[^.\d]{{0,60}}?\b(?:on|as\s+of)\s+{_D2}[^.\d]{{0,40}}?\b(?:is|was|turns|turned|aged|were|are)\s+{_COUNT}\b"
    ),
)
_LEAP = _pattern(
    r"\b(?:the\s+year\s+)?(?P<year>\d{4})\s+(?:is|was|will\s+be)(?P<no>\s+not|n't)?\s+(?:an?\s+)?(?P<common>common|leap)\s+year"
)
_LENGTH = _pattern(
    rf"\b(?P<month>{'|'.join(MONTHS)})\s+(?:of\s+|in\s+)?(?P<year>\d{{4}})\s+(?:has|had|have|with)\s+(?:only\s+)?(?P<count>\d{{2}})\s+days"
)

Judged = tuple[bool | None, str]


class Dates:
    """Checks claims about the calendar."""

    name: ClassVar[str] = "dates"
    version: ClassVar[str] = "2"
    late: ClassVar[bool] = False
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample("gold", "July 4, 2026 is a Saturday, and 2000 was a leap year."),
        Sample("gold", "90 days after 2024-01-01 is 2024-03-31. From 2024-01-01 to 2024-03-01 there are 60 days."),
        Sample("gold", "Someone born on 20 May 1980 was 43 years old on 19 May 2024."),
        Sample("corrupted", "July 4, 2026 is a Friday."),
        Sample("corrupted", "90 days after 2024-01-01 is 2024-04-01."),
        Sample("corrupted", "1900 was a leap year."),
        Sample("garbage", "On Friday we met, 90 days after it all began; 03/04/2024 is a Monday, in 2024."),
    )

    def check(self, step: Step, context: Context) -> list[Finding]:
        """A finding for each claim, in the order of the text."""
        text = step.text[:MAX_LENGTH]
        claims = sorted(_claims(text), key=lambda claim: claim[0].start())
        return [self._finding(step, match, judge) for match, judge in claims]

    def close(self) -> None:
        """Nothing is open."""

    def _finding(self, step: Step, match: re.Match[str], judge: "Judge") -> Finding:
        span = (match.start(), match.end())
        written = [_read(match, name) for name in ("d1", "d2") if name in match.re.groupindex]
        if any(not one.readings for one in written):
            return finding(
                self, step, span, "refuted", "no such day", "One of the dates does not exist in the calendar."
            )
        judged = [judge(match, *chosen) for chosen in product(*(one.readings for one in written))]
        found = " or ".join(dict.fromkeys(told for _, told in judged))
        holds = {holds for holds, _ in judged}
        if holds == {True}:
            derived = tuple(dict.fromkeys(str(int(number)) for number in re.findall(r"\d+", match[0].replace(",", ""))))
            return finding(self, step, span, "verified", found, "The calendar says so.", derived)
        if holds == {False}:
            return finding(self, step, span, "refuted", found, f"The calendar says {found}.")
        reason = "It holds where both days count, which is not said." if len(judged) == 1 else _TWO_WAYS
        return finding(self, step, span, "not_checkable", found, reason)


VERIFIER = Dates

Judge = Callable[..., Judged]

_TWO_WAYS = "A date can be read in two ways, and they differ."
_INCLUSIVE = re.compile(r"[\s,(]*(?:inclusive|both\s+days|counting\s+both|including)", re.IGNORECASE)


def _claims(text: str) -> Iterator[tuple[re.Match[str], Judge]]:
    judges: tuple[tuple[tuple[re.Pattern[str], ...], Judge], ...] = (
        (_WEEKDAY, _weekday),
        (_LATER, _later),
        (_BETWEEN, _between),
        (_AGE, _age),
        ((_LEAP,), _leap),
        ((_LENGTH,), _length),
    )
    for patterns, judge in judges:
        taken: list[tuple[int, int]] = []
        for pattern in patterns:
            for match in pattern.finditer(text):
                if not any(start < match.end() and match.start() < end for start, end in taken):
                    taken.append(match.span())
                    yield match, judge


def _read(match: re.Match[str], name: str) -> WrittenDate:
    return dates(match[name])[0]


def _weekday(match: re.Match[str], day: date) -> Judged:
    named = WEEKDAYS.index(str(match["weekday"]).lower())
    denied = "no" in match.re.groupindex and bool(match["no"])
    return (day.weekday() == named) != denied, WEEKDAYS[day.weekday()].capitalize()


def _later(match: re.Match[str], start: date, stated: date) -> Judged:
    back = match["way"].lower().split()[0] in ("before", "prior", "-", "−", "minus")
    ends = moved(start, _count(match) * (-1 if back else 1), match["unit"].lower())
    return stated in ends, " or ".join(sorted(day.isoformat() for day in ends)) or "no date"


def _between(match: re.Match[str], first: date, last: date) -> Judged:
    unit, count = match["unit"].lower(), _count(match)
    days = abs((last - first).days)
    said = match[0].lower()
    through = match["to"].lower() == "through"
    stated = "inclusive" in said or "both days" in said or "counting both" in said
    inclusive = stated or through or _INCLUSIVE.match(match.string, match.end()) is not None
    if unit in ("month", "year"):
        ends = moved(min(first, last), count, unit)
        last_day = max(first, last)
        after = moved(last_day, 1, "day")
        return last_day in ends or bool(after & ends), f"{days} days"
    size = {"day": 1, "week": 7, "fortnight": 14}[unit]
    total = days + inclusive
    holds = count * size == total or (through and count * size == days)
    if not holds and not inclusive and count * size == days + 1:
        return None, f"{total} days, or {days + 1} with both"
    return holds, f"{total} days"


def _age(match: re.Match[str], born: date, on: date) -> Judged:
    ages = whole_years(born, on)
    return _count(match) in ages, " or ".join(map(str, sorted(ages))) or "not yet born"


def _leap(match: re.Match[str]) -> Judged:
    leap = is_leap(int(match["year"]))
    said = (match["common"].lower() == "leap") != bool(match["no"])
    return leap == said, f"{match['year']} is {'a leap' if leap else 'a common'} year"


def _length(match: re.Match[str]) -> Judged:
    year, month = int(match["year"]), month_number(match["month"]) or 1
    days = (date(year + month // 12, month % 12 + 1, 1) - date(year, month, 1)).days if 1 <= year < 9999 else 0
    return days == _count(match), f"{days} days"


def _count(match: re.Match[str]) -> int:
    return int(match["count"].replace(",", ""))
