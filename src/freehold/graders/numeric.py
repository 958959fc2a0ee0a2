"""Numeric: the number that the reply ends on is the right one, within a tolerance.

It knows how numbers are written (`reasoning/numerals.py`) and no units: what stands beside a number, `31 eggs`, `$31`, is
left aside. It exists because "1,234.50", "1234.5" and "The answer is 1.2345e3" are one answer.

The rule. The number is the first one of the stated final answer (`\\boxed{}`, `####`, "the answer is"; behind its last `=`),
else the last one in the text; a reply of number words alone ("twenty-one") counts. Values are exact fractions. A reply is right within
`tolerance` of the reference, or within `relative` times the reference's size, whichever allows more.
"""

import re
from fractions import Fraction
from typing import Annotated, Literal

from msgspec import Meta
from msgspec.structs import replace

from freehold.graders.grader import Case, Grader, Options, decided, is_empty, unscored, wrong
from freehold.graders.reference import right_texts, why_no_texts
from freehold.items import Given, Grade, Item
from freehold.reasoning.answers import final_answers
from freehold.reasoning.numerals import Numeral, number_words, numerals, shown

Percent = Literal["either", "share", "sign"]
Decimal = Literal["point", "comma"]

MAX_LENGTH = 200_000

_SPACED = re.compile(r"(?<=\d)[\u00a0\u2009\u202f'’_](?=\d{3}(?!\d))")
_SPACED_TOO = re.compile(r"(?<=\d)[ \u00a0\u2009\u202f'’](?=\d{3}(?!\d))")
_EUROPEAN = re.compile(r"\d[\d.,]*\d|\d")
_MINUS = re.compile(r"[^\W\d_]{2,}[:,]?\s+[-−]\Z")
_WORDS_ALONE = re.compile(r"[\s*_]*([A-Za-z]+(?:[\s-]+[A-Za-z]+)*)[\s*_.!]*")


class NumericOptions(Options, frozen=True, kw_only=True):
    """How near is near enough, and how numbers are written."""

    tolerance: Annotated[float, Meta(ge=0, description="How far off it may be, absolutely.")] = 0.0
    relative: Annotated[float, Meta(ge=0, description="How far off it may be, as a share of the right number.")] = 0.0
    take: Annotated[
        Literal["final", "first", "last", "only"],
        Meta(
            description="Which number counts: that of the stated final answer, else the last; the first; the last; or the "
            "only one (several are wrong)."
        ),
    ] = "final"
    decimal: Annotated[
        Decimal, Meta(description='"comma" reads 1.234,5 and 1 234,5 as people write them in most of Europe.')
    ] = "point"
    percent: Annotated[
        Percent,
        Meta(
            description='What 5 % is against a number without the sign: 0.05 or 5, whichever is right ("either"), 0.05 only '
            '("share"), 5 only ("sign"). Of two with the sign only the same is right.'
        ),
    ] = "either"


class Numeric(Grader):
    """The number that the reply ends on is the right one, within a tolerance. Units, currencies and words beside it are
    left aside; thousands separators, exponents and per cent signs are read."""

    name = "numeric"
    version = "2"
    takes = NumericOptions
    options: NumericOptions

    def grade(self, item: Item, given: Given) -> Grade:
        """1 when the number is near enough to the reference, or to one of them."""
        wanted = [number for text in right_texts(item) if (number := self._right(item, text)) is not None]
        if not wanted:
            return unscored("The item's reference is no number." if right_texts(item) else why_no_texts(item))
        if is_empty(given):
            return wrong("The reply is empty.")
        if len(given.text) > MAX_LENGTH:
            return unscored(f"The reply is longer than {MAX_LENGTH:,} characters.")
        found = self._number(given.text)
        if found is None:
            return wrong(
                "The reply states no number." if self.options.take != "only" else "It states no single number."
            )
        options = self.options
        holds = any(near(found, right, options.tolerance, options.relative, options.percent) for right in wanted)
        said = (
            f"It says {shown(found.value)}{'%' if found.percent else ''}, the right number is {shown(wanted[0].value)}."
        )
        return decided(holds, said)

    def _right(self, item: Item, text: str) -> Numeral | None:
        """A reference that is a number has a point, whatever people write."""
        written = self.options.decimal if isinstance(item.reference, str | list) else "point"
        return read_number(text, decimal=written)

    def _number(self, text: str) -> Numeral | None:
        return read_number(text, take=self.options.take, decimal=self.options.decimal)

    @classmethod
    def selftest(cls) -> list[Case]:
        """Formats, tolerance, and the number that counts."""
        item = Item(id="1", workload="w", input={}, reference=1234.5)
        share = Item(id="2", workload="w", input={}, reference="5%")
        return [
            Case(role="gold", item=item, given=Given(text="From 3 and 7: $1,234.50 in total.")),
            Case(role="gold", item=item, given=Given(text="#### 1.2345e3")),
            Case(role="gold", item=item, given=Given(text="1.234,50 €"), table={"decimal": "comma"}),
            Case(role="gold", item=item, given=Given(text="The answer is 1235, of 2 parts."), table={"tolerance": 0.5}),
            Case(role="gold", item=share, given=Given(text="0.05")),
            Case(role="corrupted", item=item, given=Given(text="1,234.60")),
            Case(role="corrupted", item=item, given=Given(text="-1234.5")),
            Case(role="corrupted", item=item, given=Given(text="1234.5 or 1235.5"), table={"take": "only"}),
            Case(role="corrupted", item=share, given=Given(text="5"), table={"percent": "share"}),
            Case(role="corrupted", item=share, given=Given(text="500%")),
            Case(role="garbage", item=item, given=Given(text="I counted them all, more than once.")),
            Case(role="empty", item=item, given=Given()),
            Case(role="unscorable", item=Item(id="3", workload="w", input={}, reference="many"), given=Given(text="5")),
        ]


GRADER = Numeric


def read_number(text: str, *, take: str = "final", decimal: str = "point") -> Numeral | None:
    """The number that counts in the text; None where there is none, or several and `take` is `only`."""
    if take == "final":
        for _, _, stated in final_answers(text, whole=False):
            found = read_number(stated.rpartition("=")[2], take="first", decimal=decimal)
            if found is not None:
                return found
    read = _as_read(text, decimal)
    found = _fractions(read, [_signed(read, number) for number in numerals(read)])
    if not found:
        return _in_words(text)
    if take == "only" and len({number.worth for number in found}) > 1:
        return None
    return found[0] if take == "first" else found[-1]


def near(found: Numeral, right: Numeral, tolerance: float, relative: float, percent: Percent) -> bool:
    """Whether one is near enough to the other. Two percentages are compared, and the tolerance is meant, in per cent, unless
    they are to be shares."""
    before_the_sign, shares = (found.value, right.value), (found.worth, right.worth)
    if percent == "share":
        pairs = [shares]
    elif percent == "sign" or found.percent == right.percent:
        pairs = [before_the_sign]
    else:
        pairs = [before_the_sign, shares]
    allowed = [max(Fraction(str(tolerance)), Fraction(str(relative)) * abs(other)) for _, other in pairs]
    return any(abs(one - other) <= most for (one, other), most in zip(pairs, allowed, strict=True))


def _as_read(text: str, decimal: str) -> str:
    """The text with its numbers as `numerals` reads them: a point before decimals, no spaces between thousands."""
    if decimal == "point":
        return _SPACED.sub("", text)
    joined = _SPACED_TOO.sub("", text)
    return _EUROPEAN.sub(lambda match: match[0].translate({ord("."): None, ord(","): "."}), joined)


def _signed(text: str, number: Numeral) -> Numeral:
    """The number with its minus behind a word, where `numerals`, made for sums, sees an operator: "it is -5"."""
    if number.value > 0 and _MINUS.search(text[max(0, number.start - 16) : number.start]):
        return replace(number, value=-number.value)
    return number


def _fractions(text: str, numbers: list[Numeral]) -> list[Numeral]:
    """The numbers with `3/4` as one; `3/4/2024` is none."""
    found: list[Numeral] = []
    for number in numbers:
        over = found[-1] if found and text[found[-1].end : number.start] == "/" else None
        alone = over and text[number.end : number.end + 1] != "/" and text[max(0, over.start - 1) : over.start] != "/"
        if over and alone and number.value:
            found[-1] = Numeral(over.start, number.end, over.value / number.value, Fraction(1))
        else:
            found.append(number)
    return found


def _in_words(text: str) -> Numeral | None:
    """The number of a text that is nothing but one in words."""
    alone = _WORDS_ALONE.fullmatch(text[:100])
    read = list(number_words(alone[1])) if alone else []
    whole = [value for start, end, value in read if alone and (start, end) == (0, len(alone[1]))]
    return Numeral(0, len(text), whole[-1], Fraction(1)) if whole else None
