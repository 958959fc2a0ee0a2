"""Sums that are wrong as they stand and right as others write them: negatives in brackets, points between thousands, ranges,
remainders, cents beside dollars.

It is asked about what arithmetic would refute, and knows no sentence around it. It exists because a right step that is called
wrong is read by the people who answer for it: what holds in one of these readings is not checkable, and a stated remainder
decides.
"""

import re
from collections.abc import Callable

from freehold.reasoning.numerals import NUMBER, read_number
from freehold.reasoning.sum_tokens import Token
from freehold.reasoning.sums import Expression
from freehold.reasoning.trace import Verdict

Judged = tuple[Verdict, str]

_IN_BRACKETS = re.compile(rf"(?<![\w)\]}}%])\(\s*[$€£¥]?\s*({NUMBER})\s*\)(?!\s*[\^²³(])")
_WITH_POINTS = re.compile(r"(?<![\d.,])\d{1,3}(?:\.\d{3})+(?![\d.,])")
_REMAINDER = re.compile(
    rf"\s?[,;(]?\s?(?:with\s|and\s)?(?:an?\s)?(?:(?:remainder|rem|r)\b\.?\s?(?:of\s|is\s)?[:=]?\s?(?P<named>{NUMBER})|r(?P<joined>\d+)\b"
    rf"|(?P<left>{NUMBER})\s(?:\w+\s)?(?:left(?:\sover)?|leftover|remaining|over)\b)",
    re.IGNORECASE,
)
_DIVIDED = re.compile(rf"(?:/|÷|\bdivided\s+by\b|\\div)\s?[$€£¥]?({NUMBER})\s?(?:[A-Za-z]+\s?)?$", re.IGNORECASE)
_RANGE = re.compile(rf"(?P<first>{NUMBER})(?P<dash>[-–])(?P<last>{NUMBER})(?:\s[A-Za-z]+){{0,2}}\s?$")
_CURRENCY = re.compile(r"[$€£¥]")
_CENTS = frozenset({"cent", "cents", "pence", "penny"})
_WHOLE = frozenset({"dollar", "dollars", "euro", "euros", "pound", "pounds"})


def otherwise(
    text: str, left: Expression, sign: Token, right: Expression, holds: Callable[[str], bool]
) -> Judged | None:
    """What is to be said of `left sign right` in the text instead of refuting it; None where nothing is. `holds` says whether
    arithmetic verifies a claim, all of it."""
    if sign.text not in "=≈":
        return None
    measures = _per_cent(left, right) or _money(text, left, right)
    return (
        _remainder(text, left, right)
        or _range(text, left, sign, right)
        or measures
        or _rewritten(text[left.start : right.end], holds)
    )


def _remainder(text: str, left: Expression, right: Expression) -> Judged | None:
    """`17 / 5 = 3 remainder 2`: whole number and remainder together are the quotient."""
    if right.numeral is None or right.value.denominator != 1:
        return None
    stated = _REMAINDER.match(text, right.numeral.end)
    divisor = _DIVIDED.search(text[left.start : left.end])
    if stated is None or divisor is None:
        return None
    rest, by = (read_number(one) for one in (stated["named"] or stated["joined"] or stated["left"], divisor[1]))
    if rest is None or by is None or not by[0]:
        return None
    if left.value == right.value + rest[0] / by[0] and 0 <= rest[0] < by[0]:
        return "verified", "The whole number and the remainder are right."
    return "refuted", "The whole number and the remainder do not make the quotient."


def _range(text: str, left: Expression, sign: Token, right: Expression) -> Judged | None:
    """`2019-2023 is 5 years`: a dash without spaces from the smaller to the larger number."""
    found = _RANGE.fullmatch(text, left.start, left.end)
    if found is None or right.value <= 0 or left.value >= 0:
        return None
    if found["dash"] == "–" or sign.spoken or right.value == 1 - left.value:
        return "not_checkable", "It may be a range, and no difference."
    return None


def _per_cent(left: Expression, right: Expression) -> Judged | None:
    """`7.5 × 2 = 15%` and `10% - 3% = 7`: one side leaves the sign out."""
    signed = [side.percent or "%%" in side.operators for side in (left, right)]
    if signed == [False, True] and left.value == right.value * 100:
        return "not_checkable", "It holds where the left side counts per cent."
    if signed == [True, False] and left.percent and left.value * 100 == right.value:
        return "not_checkable", "It holds where the right side counts per cent."
    return None


def _money(text: str, left: Expression, right: Expression) -> Judged | None:
    signs = set(_CURRENCY.findall(text[max(0, left.start - 2) : right.end]))
    names = {word.lower() for word in (*left.words, *right.words)}
    if names & _CENTS and (signs or names & _WHOLE):
        return "not_checkable", "It counts in cents and in whole units of a currency."
    if len(signs) > 1 and {"+", "-"} & (left.operators | right.operators):
        return "not_checkable", "It adds amounts in several currencies."
    return None


def _rewritten(claim: str, holds: Callable[[str], bool]) -> Judged | None:
    for other, why in (
        (_IN_BRACKETS.sub(r"-\1", claim), "It holds where brackets mean a negative amount, as in accounts."),
        (_WITH_POINTS.sub(_without_points, claim), "It holds where a point stands between thousands."),
    ):
        if other != claim and holds(other):
            return "not_checkable", why
    return None


def _without_points(match: re.Match[str]) -> str:
    return match[0].replace(".", "")
