"""Numbers as people and models write them: read exactly, with how finely each was stated.

    1,234.50   $3   (5%)   1.2 million   -4   3.33...   1e-3   twenty-one   a dozen   half

It knows how a number is written and nothing of claims. It exists because `3.3` and `3.30` are one value and two
statements: the second says more, and a rounding can only be judged by the digits that were written.
"""

import re
from collections.abc import Iterator
from fractions import Fraction

import msgspec

MAX_DIGITS: int = 400
"""Longer runs of digits are not read: nobody computes with them in prose, and arithmetic on them has no bound."""

NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d{1,3}(?![\w.]))?"
SCALES = {
    **{"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12},
    **{"mn": 10**6, "bn": 10**9, "lakh": 10**5, "crore": 10**7},
}

_NUMERAL = re.compile(
    rf"(?<![\w.])(?P<sign>[-−](?=[$€£¥]?\d|\.\d))?(?P<money>[$€£¥]\s?)?(?P<number>{NUMBER})"
    r"(?P<open>\.{3}|…)?(?P<percent>\s?%|\s(?:percent|per\s?cent)\b)?"
    rf"(?:[\s-](?P<scale>{'|'.join(SCALES)})s?\b)?(?![\d])",
    re.IGNORECASE,
)
_WORDS = (  # noqa: SIM905
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()  # noqa: SIM905
_ALONE: dict[str, Fraction] = {
    **{word: Fraction(number) for number, word in enumerate(_WORDS)},
    **{word: Fraction(10 * number) for number, word in enumerate(_TENS, start=2)},
    **{word: Fraction(scale) for word, scale in SCALES.items()},
    **{"half": Fraction(1, 2), "third": Fraction(1, 3), "thirds": Fraction(1, 3), "quarter": Fraction(1, 4)},
    **{"quarters": Fraction(1, 4), "fifth": Fraction(1, 5), "fifths": Fraction(1, 5), "tenth": Fraction(1, 10)},
    **{
        "twice": Fraction(2),
        "double": Fraction(2),
        "doubled": Fraction(2),
        "triple": Fraction(3),
        "thrice": Fraction(3),
    },
    **{"once": Fraction(1), "both": Fraction(2), "pair": Fraction(2), "couple": Fraction(2), "dozens": Fraction(12)},
    **{"halves": Fraction(1, 2), "eighth": Fraction(1, 8), "sixth": Fraction(1, 6), "tripled": Fraction(3)},
    **{"quadruple": Fraction(4), "single": Fraction(1), "halved": Fraction(1, 2)},
}
_WORD = re.compile(r"[A-Za-z]+")


class Numeral(msgspec.Struct, frozen=True):
    """One number at `text[start:end]`. A percentage has `percent` and its value is the number before the sign.

    `quantum` is the worth of one unit in the last digit that was written: 1/100 for `2.50`, 1/10 for `0.1`, 1 for `12`.
    `more` says that dots followed: the digits go on.
    """

    start: int
    end: int
    value: Fraction
    quantum: Fraction
    percent: bool = False
    money: bool = False
    more: bool = False

    @property
    def worth(self) -> Fraction:
        """The value, a percentage as its share of one."""
        return self.value / 100 if self.percent else self.value


def numerals(text: str) -> list[Numeral]:
    """The numbers written with digits, in order."""
    return [numeral for match in _NUMERAL.finditer(text) if (numeral := _numeral(match)) is not None]


def number_words(text: str) -> Iterator[tuple[int, int, Fraction]]:
    """(start, end, value) of numbers written as words: each word alone, and pairs such as `twenty-one`, `two
    thirds`."""
    before: tuple[int, int, Fraction] | None = None
    for match in _WORD.finditer(text):
        value = _ALONE.get(match[0].lower())
        if value is None:
            before = None
            continue
        yield match.start(), match.end(), value
        if before and text[before[1] : match.start()] in (" ", "-"):
            joined = before[2] + value if before[2] >= 20 > value >= 1 and before[2] % 10 == 0 else before[2] * value
            yield before[0], match.end(), joined
        before = (match.start(), match.end(), value)


def read_number(written: str) -> tuple[Fraction, Fraction] | None:
    """(value, quantum) of what `NUMBER` matches: digits with separators, a point, an exponent. None when too long."""
    plain = written.replace(",", "").lower()
    if len(plain) > MAX_DIGITS:
        return None
    digits, _, exponent = plain.partition("e")
    scale = Fraction(10) ** int(exponent or 0)
    places = len(digits.partition(".")[2])
    return Fraction(digits) * scale, Fraction(1, 10**places) * scale


def is_rounding(exact: Fraction, stated: Fraction, quantum: Fraction) -> bool:
    """Whether `stated` is `exact` rounded to a multiple of `quantum`, ties up (away from zero) or to even.

    Nearest is within half a quantum; at a tie the one away from zero and the even one are right (IEEE 754-2019, 4.3.1).
    """
    if stated % quantum != 0:
        return False
    off = abs(exact - stated)
    if off * 2 != quantum:
        return off * 2 < quantum
    return abs(stated) > abs(exact) or (stated / quantum) % 2 == 0


def terminates(exact: Fraction) -> bool:
    """Whether the decimal expansion ends: the denominator in lowest terms has no prime factor but 2 and 5."""
    rest = exact.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1


def shown(value: Fraction) -> str:
    """A value for a person: a finite decimal exactly, another as a fraction with six significant digits beside it."""
    if value.denominator == 1:
        return str(value.numerator)
    if terminates(value) and value.denominator < 10**12:
        places = 0
        while (value * 10**places).denominator != 1:
            places += 1
        whole = abs(value.numerator) * 10**places // value.denominator
        sign = "-" if value < 0 else ""
        return f"{sign}{whole // 10**places}.{whole % 10**places:0{places}}"
    return f"{value.numerator}/{value.denominator} (about {_about(value)})"


def told(value: Fraction) -> str:
    """As `shown`, and the six digits alone where nobody could read the fraction."""
    return f"about {_about(value)}" if value.denominator >= 10**30 else shown(value)


def _about(value: Fraction) -> str:
    try:
        return f"{float(value):.6g}"
    except OverflowError:
        return "beyond 1e308"


def _numeral(match: re.Match[str]) -> Numeral | None:
    read = read_number(match["number"])
    if read is None:
        return None
    value, quantum = read
    scale = SCALES[match["scale"].lower()] if match["scale"] else 1
    signed = -value if match["sign"] and not _is_operator(match) else value
    start = match.start() if signed < 0 or not match["sign"] else match.start() + 1
    return Numeral(
        start=start,
        end=match.end(),
        value=signed * scale,
        quantum=quantum * scale,
        percent=bool(match["percent"]),
        money=bool(match["money"]),
        more=bool(match["open"]),
    )


def _is_operator(match: re.Match[str]) -> bool:
    """Whether the sign is a minus between two terms (`5 -3`, `)-3`, `x-3`) or a dash (`3-5`)."""
    before = match.string[: match.start()][-12:].rstrip()
    return bool(before) and (before[-1].isalnum() or before[-1] in ")]%")
