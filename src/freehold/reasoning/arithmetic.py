"""Arithmetic: every equality, inequality and approximation between expressions of numbers, computed exactly.

It knows sums, products, powers, percentages and roundings, and nothing of what the numbers mean: `5 + 3 = 8` is
verified whether or not anybody has five of anything (`numbers.py` asks where they come from). It exists because it is
the most common checkable claim of a chain of thought, and because floats would judge it wrongly.

What counts as right, for a relation between two sides:

- `=`: the same value. A decimal with digits after the point may also be a correct rounding, at its own number of
  digits, of a value whose decimals never end, or, for money, of a value finer than a cent. `10 / 3 = 3.33` and `$10.005
  = $10.01` are right, `7 / 2 = 4` and `0.125 = 0.13` are not. 33% says what 0.33 says.
- `≈`, or a word such as "rounded" behind it: a correct rounding at its own number of digits, ties up or to even; the
  zeros that end a whole number need not count as digits (`1234 ≈ 1200`). Of the left side, or of the first side of the
  chain.
- `<  >  ≤  ≥  ≠`: as they say.

What is wrong as it stands and right as another country or trade writes it is not decided (`other_sums.py`). Sides with
letters are not arithmetic. Sums over different measures (`2 hours + 30 minutes`) are `units.py`'s.
"""

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import ClassVar

import msgspec

from freehold.reasoning.numerals import is_rounding, number_words, terminates, told
from freehold.reasoning.other_sums import otherwise
from freehold.reasoning.sum_tokens import Token, tokens
from freehold.reasoning.sums import Expression, NotAnExpression, Parser
from freehold.reasoning.trace import Finding, Step, Verdict
from freehold.reasoning.unit_names import readings
from freehold.reasoning.verifier import Sample, Verifier, finding

MAX_LENGTH: int = 20_000
"""Characters of a step that are read; no step that a person could follow is longer."""

REACH: int = 60
"""Tokens that a left side may have."""

_ROUNDED = re.compile(
    r"\b(?:round(?:ed|ing|s)?|approximate(?:ly)?|approx|nearest)\b(?P<way>\s+(?:up|down))?", re.IGNORECASE
)
_FUNCTIONS = frozenset("sin cos tan log ln lg exp lcm gcd hcf max min mod det".split())  # noqa: SIM905
_LABELS = frozenset("year month week day step case option quarter part item section stage phase scenario".split())  # noqa: SIM905
_OF_SOMETHING = frozenset("at less minus plus by with of @".split())  # noqa: SIM905
_YEARS = range(1900, 2101)
_CONNECTIVES = frozenset("so and then thus hence therefore is get gives have has that or since because as".split())  # noqa: SIM905


class Relation(msgspec.Struct, frozen=True):
    """`left sign right` in the text; `first` is the left-most side of the chain that it belongs to."""

    left: Expression
    sign: Token
    right: Expression
    first: Expression


class Arithmetic:
    """Checks `a op b = c` and its chains."""

    name: ClassVar[str] = "arithmetic"
    version: ClassVar[str] = "2"
    late: ClassVar[bool] = False
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample("gold", "She has 12 + 5 - 2 = 15 apples, so 15 × $2.50 = $37.50."),
        Sample("gold", "10 / 3 ≈ 3.33, and 20% of 1,250 is 250."),
        Sample("corrupted", "She has 12 + 5 - 2 = 16 apples."),
        Sample("corrupted", "10 / 3 ≈ 3.34."),
        Sample("garbage", "In 2020 x + 3 = 8 -> y, f(3) = 7, at 10:30 on 2024-01-05; 2x = 6 and log(100) = 2."),
    )

    def check(self, step: Step, context: object) -> list[Finding]:
        """A finding for each relation between two sides that can be read."""
        text = step.text[:MAX_LENGTH]
        return [_finding(self, step, relation) for relation in relations(text)]

    def close(self) -> None:
        """Nothing is open."""


VERIFIER = Arithmetic


def relations(text: str) -> Iterator[Relation]:
    """The relations in the text that claim something about numbers alone, in order."""
    found = tokens(text)
    reached: tuple[int, Expression, Expression] | None = None
    for place, token in enumerate(found):
        if token.kind != "relation":
            continue
        right = _right(found, place)
        if reached and reached[0] == place:
            left, first = reached[1], reached[2]
        else:
            left = first = _left(found, place)
        if right and left and first and _claims(found, token, left, right[1], linked=first is not left):
            yield Relation(left, token, right[1], first)
        reached = (right[0], right[1], first or right[1]) if right else None


def _right(found: list[Token], place: int) -> tuple[int, Expression] | None:
    """The expression after the relation, and the place of the token behind it."""
    parser = Parser(found, place + 1, len(found))
    try:
        expression = parser.expression()
    except NotAnExpression:
        return None
    behind = found[parser.at] if parser.at < len(found) else None
    if behind is not None and (
        behind.kind in ("op", "super", "number", "frac", "root")
        or behind.text == "¢"
        or _touches(behind, expression.end)
    ):
        return None
    return parser.at, expression


def _touches(token: Token, end: int) -> bool:
    return token.start == end and token.kind in ("open", "other", "word")


def _left(found: list[Token], place: int) -> Expression | None:
    """The longest expression that ends at the relation and begins where one can begin."""
    for start in range(max(0, place - REACH), place):
        if found[start].kind not in ("number", "op", "open", "frac", "root") or not _begins(found, start):
            continue
        parser = Parser(found, start, place)
        try:
            expression = parser.expression()
        except NotAnExpression:
            continue
        if parser.at == place:
            return expression
    return None


def _begins(found: list[Token], start: int) -> bool:
    """Whether an expression may begin here: what stands before does not belong to it."""
    first = found[start]
    if start == 0:  # a sign touches its number; a dash before a list item does not
        return first.kind != "op" or (len(found) > 1 and found[1].start == first.end)
    before = found[start - 1]
    if first.kind == "op":
        signed = (
            first.text in "+-" and not first.spoken and found[start + 1 :][:1] and found[start + 1].start == first.end
        )
        return bool(signed) and (before.kind in ("stop", "relation", "open") or before.text.lower() in _CONNECTIVES)
    if before.kind == "close":
        return not any(token.kind == "open" for token in found[max(0, start - REACH) : start])
    if before.kind == "of":  # "a total of 5 + 3", but neither "half of 5 + 3" nor "8 out of 10"
        word = found[start - 2].text if start >= 2 and found[start - 2].kind == "word" else ""
        return bool(word) and word.lower() != "out" and not any(number_words(word))
    if before.kind == "word":
        if before.text.lower() in _LABELS and _dashed(found, start):
            return False
        called = first.kind == "open" and before.end == first.start
        return not called and before.text.lower().lstrip("\\") not in _FUNCTIONS
    if (
        before.kind == "open"
        and start >= 2
        and found[start - 2].kind in ("op", "number", "word", "frac", "root", "close")
    ):
        return found[start - 2].kind == "word" and found[start - 2].end < before.start
    return before.kind in ("stop", "other", "relation", "open") and not (
        before.kind == "other" and before.end == first.start
    )


def _dashed(found: list[Token], start: int) -> bool:
    """Whether a dash between spaces follows: `Year 2 - 1,050 × 1.05`."""
    ahead = found[start + 1 : start + 3]
    dash = len(ahead) == 2 and ahead[0].text == "-"
    return dash and found[start].end < ahead[0].start and ahead[0].end < ahead[1].start


def _claims(found: list[Token], sign: Token, left: Expression, right: Expression, *, linked: bool) -> bool:
    """Whether this is a claim of arithmetic: something is computed or compared, or is `linked` to what is (`2 + 3 = 5 =
    6`)."""
    if sign.spoken and (not left.operators - {"neg", "%%"} or right.numeral is None):
        return False
    if left.operators | right.operators <= {"neg"}:
        return linked or sign.text in "<>≤≥≠"
    if left.numeral is not None:
        before = [token for token in found if token.end <= left.start][-1:]
        if left.percent:  # "$80 at 5% = $4", "$80 less 50% = $40": a share of what stands before
            money = right.numeral is not None and right.numeral.money
            shared = sign.text in "=≈" and bool(before) and before[0].text.lower() in _OF_SOMETHING
            return not money and not shared
        if left.words and left.value in _YEARS and right.numeral is None:
            return False  # "2023 revenue = 5 × 100"
        return not before or before[0].kind != "word" or before[0].text.lower() in _CONNECTIVES
    return True


# --- what is right ---


def _finding(verifier: Verifier, step: Step, relation: Relation) -> Finding:
    left, sign, right = relation.left, relation.sign, relation.right
    verdict, reason = _judged(relation, step.text[right.end : right.end + 40])
    if verdict == "refuted":
        verdict, reason = otherwise(step.text, left, sign, right, _holds_alone) or (verdict, reason)
    values = dict.fromkeys(str(value) for value in (left.value, right.value))
    return finding(verifier, step, (left.start, right.end), verdict, _found(left, sign, right), reason, tuple(values))


def _holds_alone(claim: str) -> bool:
    read = list(relations(claim))
    return len(read) == 1 and read[0].right.end == len(claim) and _judged(read[0], "")[0] == "verified"


def _found(left: Expression, sign: Token, right: Expression) -> str:
    if right.numeral is not None and sign.text in "=≈":
        return told(left.value)
    return f"{told(left.value)} and {told(right.value)}"


def _judged(relation: Relation, behind: str) -> tuple[Verdict, str]:
    left, sign, right = relation.left, relation.sign, relation.right
    if _mixes(left, right):
        return (
            "not_checkable",
            "The sides are in different measures; arithmetic on the numbers alone would not show it.",
        )
    if sign.text in "<>≤≥≠":
        holds = _holds(sign.text, left.value, right.value)
        return _verdict(
            holds
        ), f"{told(left.value)} {sign.text} {told(right.value)} {'holds' if holds else 'does not hold'}."
    if _same(left, right):
        return "verified", "Both sides have the same value."
    if "dozen" in (*left.words, *right.words):
        return "not_checkable", "It may count dozens or single things."
    if _as_doubles(left, right):
        return "verified", "The same to the digits of a binary double, which is how the numbers are written."
    rounded = _ROUNDED.search(behind.split("\n", maxsplit=1)[0])
    about = sign.text == "≈" or rounded is not None
    stated, exact = (right, left) if right.numeral else (left, right)
    if stated.numeral is None:
        if about:
            return (
                "not_checkable",
                "The sides differ, and neither is a plain number whose digits would say how closely.",
            )
        return "refuted", f"The left side is {told(left.value)}, the right side {told(right.value)}."
    return _as_rounding(exact, relation.first, stated, about=about, way=(rounded and rounded["way"]) or "")


def _verdict(holds: bool) -> Verdict:  # noqa: FBT001
    return "verified" if holds else "refuted"


def _holds(sign: str, left: Fraction, right: Fraction) -> bool:
    return {
        "<": left < right,
        ">": left > right,
        "≤": left <= right,
        "≥": left >= right,
        "≠": left != right,
    }[sign]


def _mixes(left: Expression, right: Expression) -> bool:
    """Whether several measures are added, or multiplied to something else: `2 hours + 30 minutes`, `2 hours * 60 = 7200
    s`."""
    measures = {readings(word) for word in (*left.words, *right.words)} - {()}
    added = bool({"+", "-"} & (left.operators | right.operators))
    return len(measures) > 1 and (added or not _same(left, right))


def _same(left: Expression, right: Expression) -> bool:
    """Equal in one of the readings that people use: `100 + 10%`, and `5 / 20 * 100 = 25%`."""
    if left.value == right.value or left.loose == right.value or left.value == right.loose:
        return True
    if right.percent and right.numeral and "%%" not in left.operators and left.hundred:
        return left.value == right.value * 100
    return False


def _as_doubles(left: Expression, right: Expression) -> bool:
    """Whether the sides differ only by the dust of a program's floating point (`48 * 0.3333333333333333 = 16`)."""
    finest = min(left.finest, right.finest)
    return finest <= Fraction(1, 10**12) and abs(left.value - right.value) <= 100 * finest


def _as_rounding(
    exact: Expression, first: Expression, stated: Expression, *, about: bool, way: str
) -> tuple[Verdict, str]:
    """Whether the stated number is a rounding that its sign allows."""
    numeral = stated.numeral
    assert numeral is not None
    scale = stated.value / numeral.value if numeral.value else Fraction(1)
    quantum = abs(numeral.quantum * scale)
    for value in dict.fromkeys((exact.value, exact.loose, first.value)):
        if numeral.more and _begins_with(value, stated.value, quantum):
            return "verified", f"The digits of {told(value)} begin so."
        for unit in _quanta(stated.value, quantum, about=about):
            if not (about or _may_round(value, quantum, numeral, percent=stated.percent)):
                continue
            if is_rounding(value, stated.value, unit) or _rounded_way(value, stated.value, unit, way.strip()):
                return "verified", f"A correct rounding of {told(value)}."
    if not about and is_rounding(exact.value, stated.value, quantum):
        return (
            "refuted",
            f"The value is {told(exact.value)}; what is stated is a rounding of it, which `=` does not say.",
        )
    return "refuted", f"The value is {told(exact.value)}, not {told(stated.value)}."


def _quanta(stated: Fraction, quantum: Fraction, *, about: bool) -> Iterator[Fraction]:
    yield quantum
    while about and quantum >= 1 and stated and stated % (quantum * 10) == 0:
        quantum *= 10
        yield quantum


def _may_round(exact: Fraction, quantum: Fraction, numeral: Token, *, percent: bool) -> bool:
    """Whether `=` may hide a rounding: only of digits that never end, or of parts of a cent; and never to a whole
    number, unless it is one of per cent, which has two digits after the point."""
    if numeral.quantum >= 1 and not percent:
        return False
    return not terminates(exact) or (numeral.money and quantum == Fraction(1, 100))


def _begins_with(exact: Fraction, stated: Fraction, quantum: Fraction) -> bool:
    return 0 <= abs(exact) - abs(stated) < quantum and exact * stated >= 0


def _rounded_way(exact: Fraction, stated: Fraction, quantum: Fraction, way: str) -> bool:
    if way.lower() == "up":
        return stated == -(-exact // quantum) * quantum
    return way.lower() == "down" and stated == exact // quantum * quantum
