"""Units: whether two quantities are the same, dimensions and offsets included.

    5 km = 5,000 m      98.6 °F = 37 °C      2 hours + 30 minutes = 2.5 hours      60 km/h × 2 h = 120 km      25 bps =
    0.25%

It knows quantities and conversions (by pint, with `Decimal` inside) and nothing of why anybody converts. It exists
because a dose in mg read as mcg is wrong by a thousand, and arithmetic on the numbers alone cannot see it.

What counts as right: the value, or a correct rounding of it at the number of digits that were written. With `=` a whole
number of fewer than three digits must be exact (`1 inch = 3 cm` is wrong, `1 mile = 1.6 km` is right). A name with
several meanings (an ounce, a gallon, a month) is right when one of them is. A smaller unit behind a larger one adds to it (`1
hour 30 minutes`). Different dimensions are refuted, but where a substance (mmol/L and mg/dL) or a rate that is left out (`5
days × 8 hours = 40 hours`) may make them one. What is not in `unit_names.py` is no unit. Sums of temperatures with an offset are not decided: 20 °C + 5 °C may be 25 °C or 298
K more.
"""

import itertools
import math
import re
from decimal import Decimal
from fractions import Fraction
from typing import Any, ClassVar, Literal

import msgspec

from freehold.reasoning.extras import library
from freehold.reasoning.numerals import NUMBER, SCALES, is_rounding, read_number
from freehold.reasoning.trace import Finding, Step, Verdict
from freehold.reasoning.unit_names import DERIVED, READINGS, SMALLER, readings
from freehold.reasoning.verifier import Context, Sample, finding

MAX_LENGTH: int = 20_000
MOST_READINGS: int = 64
"""Combinations of meanings that are tried for one claim."""

_NAMES = "|".join(re.escape(name).replace("_", r"[\s_]") for name in sorted(READINGS, key=len, reverse=True))
_UNIT = rf"(?:(?:{_NAMES})(?:\^?[23]|[²³])?(?![A-Za-z]))"
_FRACTION = r"(?:(?P<whole>\d{1,4})[\s-])?(?P<over>\d{1,4})/(?P<under>[1-9]\d{0,3})(?=[\s-])"
_QUANTITY = rf"(?P<sign>[-−])?(?:{_FRACTION}|(?P<number>{NUMBER}))(?:\s(?P<scale>{'|'.join(SCALES)}))?[\s-]?(?P<above>{_UNIT})(?:\s?(?:/|\bper\b)\s?(?P<below>{_UNIT}))?"
_QUANTITY_AT = re.compile(rf"\s*(?:\\?,|\*\*)?\s*{_QUANTITY}", re.IGNORECASE)
_NUMBER_AT = re.compile(rf"\s*(?P<number>{NUMBER})(?![\w.])")
_OPERATOR_AT = re.compile(
    r"\s*(?:(?P<op>[-+−×*·÷/])|(?P<letter>x)(?=\s)|(?P<plus>plus|minus|times|divided by)\b)(?!\*)", re.IGNORECASE
)
_RELATION_AT = re.compile(
    r"\s*(?:(?P<about>≈|~=|≃|\\approx|(?:is|are|equals|=)\s+(?:about|approximately|roughly|around)\b)"
    r"|(?P<same>=|equals\b|(?:is|are)\s+(?:the\s+same\s+as|equal\s+to|equivalent\s+to)\b|is\b|are\b|converts?\s+to\b))",
    re.IGNORECASE,
)
_START = re.compile(rf"(?<![\w.,])[-−]?{NUMBER}")
_BELONGS = re.compile(
    r"(?:[-+−/*×÷·^]|\b(?:of|by|times|plus|minus|per|than|x|twice|half|double|triple|times\s+the|another|every|each)|"
    rf"\d\s?{_UNIT}\s+(?:in|for|over|at|with))\s*[(]?$",
    re.IGNORECASE,
)
"""What may stand before a quantity and would take it into a larger expression."""
_BESIDE = re.compile(r"(?:,?\s+and\s+|,\s*|\s+|(?<=[A-Za-z])(?=\d))(?=\d)")
"""Between a quantity and a smaller one that adds to it."""

_SIGNS = {"−": "-", "plus": "+", "minus": "-", "times": "*", "×": "*", "·": "*", "x": "*", "÷": "/", "divided by": "/"}


Judged = tuple[Verdict, str, str]


class Term(msgspec.Struct, frozen=True):
    """A number with its unit; `choices` are the meanings of the unit, none for a bare number."""

    value: Fraction
    quantum: Fraction
    choices: tuple[str, ...]


class Side(msgspec.Struct, frozen=True):
    """Terms and the operators between them, at `text[start:end]`. `plain` is false where it is not clear what is multiplied
    (`1 h 30 min × 2`)."""

    start: int
    end: int
    terms: tuple[Term, ...]
    operators: tuple[str, ...]
    plain: bool = True


class Units:
    """Checks conversions and sums of quantities. Needs the extra `reasoning`."""

    name: ClassVar[str] = "units"
    version: ClassVar[str] = "2"
    late: ClassVar[bool] = False
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample("gold", "The dose is 0.5 mg = 500 mcg, and 98.6 °F = 37 °C."),
        Sample("gold", "2 hours + 30 minutes = 2.5 hours, so 60 km/h × 2.5 h = 150 km."),
        Sample("corrupted", "The dose is 0.5 mg = 50 mcg."),
        Sample("corrupted", "So 5 kg = 5 m."),
        Sample("garbage", "5 apples = 10 oranges, and 3 dollars is nice; 7 m long."),
    )

    def __init__(self) -> None:
        """Loads pint. Raises NotConfigured without it."""
        pint = library("pint")
        self._registry = pint.UnitRegistry(non_int_type=Decimal, cache_folder=None)
        for name, definition in DERIVED.items():
            self._registry.define(f"{name} = {definition}")
        self._substance = tuple(
            self._registry.Quantity(1, unit).dimensionality
            for unit in ("gram / litre", "litre / gram", "gram / mole", "mole / gram", "mole / litre", "litre / mole")
        )
        self._wrong: tuple[type[Exception], ...] = (pint.DimensionalityError,)
        self._undecided: tuple[type[Exception], ...] = (pint.OffsetUnitCalculusError, pint.PintError, ArithmeticError)

    def check(self, step: Step, context: Context) -> list[Finding]:
        """A finding for each relation between two quantities."""
        text = step.text[:MAX_LENGTH]
        found: list[Finding] = []
        position = 0
        while (start := _START.search(text, position)) is not None:
            position = start.end()
            if _BELONGS.search(text, max(0, start.start() - 24), start.start()):
                continue
            left = _side(text, start.start())
            while left and (relation := _RELATION_AT.match(text, left.end)) and (right := _side(text, relation.end())):
                if _claims(left, right):
                    found.append(self._finding(step, left, relation, right))
                left, position = right, right.end
        return found

    def close(self) -> None:
        """Nothing is open."""

    def _finding(self, step: Step, left: Side, relation: re.Match[str], right: Side) -> Finding:
        about = bool(relation["about"])
        combined = itertools.product(*(term.choices or ("",) for term in (*left.terms, *right.terms)))
        verdict: Verdict = "refuted"
        seen: list[tuple[Verdict, str, str]] = []
        for chosen in itertools.islice(combined, MOST_READINGS):
            judged = self._judged(left, chosen[: len(left.terms)], right, chosen[len(left.terms) :], about=about)
            seen.append(judged)
            if judged[0] == "verified":
                break
        best = min(seen, key=_rank)
        verdict, value, reason = best
        if reason == _DIFFER and relation[0].strip()[-1].isalpha():
            verdict = "not_checkable"  # `is` joins more than equal quantities: "the 5 kg is 3 m away"
        derived = tuple(str(term.value) for side in (left, right) if len(side.terms) == 1 for term in side.terms)
        return finding(self, step, (left.start, right.end), verdict, value, reason, derived)

    def _judged(
        self, left: Side, left_units: tuple[str, ...], right: Side, right_units: tuple[str, ...], *, about: bool
    ) -> Judged:
        try:
            here, there = self._value(left, left_units), self._value(right, right_units)
            if len(right.terms) != 1 and len(left.terms) == 1:
                here, there, right, right_units, left, left_units = there, here, left, left_units, right, right_units
            if here.dimensionality != there.dimensionality:
                return self._differs(here, there, (left, left_units, right, right_units))
            converted = here.to(there.units)
        except self._wrong as error:
            return "refuted", str(error), _DIFFER
        except self._undecided as error:
            return "not_checkable", "", f"The quantity cannot be computed: {error}"
        exact, stated = Fraction(converted.magnitude), Fraction(there.magnitude)
        value = f"{_plain(converted.magnitude)} {right_units[0] or converted.units}"
        if _agrees(exact, stated, right.terms[0], single=len(right.terms) == 1, about=about):
            return "verified", value, "The quantities are the same, at the digits that are stated."
        if self._shorthand(left, left_units, right, right_units):
            return "verified", value, "The bare number is the factor between the units."
        return "refuted", value, f"In the unit of the other side it is {value}."

    def _differs(self, here: Any, there: Any, sides: tuple[Side, tuple[str, ...], Side, tuple[str, ...]]) -> Judged:
        """What is said of two dimensions: refuted, unless something that people leave out makes them one."""
        told = f"Cannot convert from {here.units} ({here.dimensionality}) to {there.units} ({there.dimensionality})"
        if self._shorthand(*sides):
            return "not_checkable", told, "The numbers agree when a factor's unit is left out, as people do."
        if self._per(*sides):
            return "not_checkable", told, "The numbers agree when one factor is a rate, as in 8 hours a day."
        ratio = self._registry.Quantity(1, here.units) / self._registry.Quantity(1, there.units)
        if ratio.dimensionality in self._substance:
            return "not_checkable", told, _SUBSTANCE
        return "refuted", told, _DIFFER

    def _shorthand(self, left: Side, left_units: tuple[str, ...], right: Side, right_units: tuple[str, ...]) -> bool:
        """Whether the sides agree when one factor is only what converts: `120 minutes / 60 = 2 hours`,
        `3 hours × 60 minutes = 180 minutes`."""
        if len(right.terms) != 1 or not set(left.operators) <= {"*", "/"} or len(left.terms) != 2:
            return False
        stated = self._quantity(right.terms[0], right_units[0])
        for term, unit in zip(left.terms, left_units, strict=True):
            alone = self._quantity(term, unit)
            if unit and alone.dimensionality == stated.dimensionality:
                exact = Fraction(alone.to(stated.units).magnitude)
                if _agrees(exact, Fraction(stated.magnitude), right.terms[0], single=True, about=False):
                    return True
                if self._rounded_factor(left, unit, right, right_units[0]):
                    return True
        return False

    def _rounded_factor(self, left: Side, unit: str, right: Side, other: str) -> bool:
        """`154 lb / 2.2 = 70 kg`: the bare number is the factor as finely as it is stated, and the sum is right by it."""
        measured, bare = left.terms
        if bare.choices or bare.quantum >= 1 or unit == other or other[:1].isdigit():
            return False
        one = Fraction(self._quantity(Term(Fraction(1), Fraction(1), ()), unit).to(other).magnitude)
        divides = left.operators[0] == "/"
        factor = 1 / one if divides else one
        exact = measured.value / bare.value if divides else measured.value * bare.value
        stated = right.terms[0]
        near = is_rounding(_snapped(factor, bare.quantum), bare.value, bare.quantum)
        return near and (exact == stated.value or is_rounding(exact, stated.value, stated.quantum))

    def _per(self, left: Side, left_units: tuple[str, ...], right: Side, right_units: tuple[str, ...]) -> bool:
        """Whether the sides agree when all factors but one count: `5 days × 8 hours = 40 hours`."""
        if len(right.terms) != 1 or set(left.operators) != {"*"} or len(set(left_units)) != len(left_units):
            return False
        stated = self._quantity(right.terms[0], right_units[0])
        product = math.prod((term.value for term in left.terms), start=Fraction(1))
        for unit in filter(None, left_units):
            whole = self._quantity(Term(product, Fraction(1), ()), unit)
            if whole.dimensionality == stated.dimensionality:
                exact = Fraction(whole.to(stated.units).magnitude)
                if _agrees(exact, Fraction(stated.magnitude), right.terms[0], single=True, about=False):
                    return True
        return False

    def _value(self, side: Side, units: tuple[str, ...]) -> Any:
        total = self._quantity(side.terms[0], units[0])
        pending = None
        for operator, term, unit in zip(side.operators, side.terms[1:], units[1:], strict=True):
            factor = self._quantity(term, unit)
            if operator in "*/":
                total = total * factor if operator == "*" else total / factor
                continue
            pending = total if pending is None else pending + total
            total = factor if operator == "+" else -factor
        return total if pending is None else pending + total

    def _quantity(self, term: Term, unit: str) -> Any:
        number = Decimal(term.value.numerator) / Decimal(term.value.denominator)
        if not unit:
            return self._registry.Quantity(number)
        scaled = re.match(r"(\d+) (.+)", unit)
        if scaled:
            return self._registry.Quantity(number * int(scaled[1]), scaled[2])
        return self._registry.Quantity(number, unit)


VERIFIER = Units

_SUBSTANCE = "It depends on the substance."
_DIFFER = "The dimensions differ: no conversion leads from one to the other."


def _rank(judged: Judged) -> int:
    """The better of the meanings that a name has first: a wrong value in one dimension (`72 pounds = 72 ounces`) tells more
    than that another meaning has another dimension."""
    verdict, _, reason = judged
    if verdict == "verified":
        return 0
    if verdict == "not_checkable":
        return 3 if reason == _SUBSTANCE else 1
    return 4 if reason == _DIFFER else 2


def _claims(left: Side, right: Side) -> bool:
    """Whether both sides have units, and no percentage is added to something else (`100 km + 10%`)."""
    if not all(side.plain and any(term.choices for term in side.terms) for side in (left, right)):
        return False
    shares = [term.choices == ("percent",) for side in (left, right) for term in side.terms]
    return all(shares) or not any(shares) or not {"+", "-"} & {*left.operators, *right.operators}


def _agrees(exact: Fraction, stated: Fraction, term: Term, *, single: bool, about: bool) -> bool:
    near = abs(exact - stated) <= abs(stated) * Fraction(1, 10**20)
    if near or not single:
        return near
    scale = stated / term.value if term.value else Fraction(1)
    quantum = abs(term.quantum * scale)
    if about or term.quantum < 1 or abs(term.value) >= 100:
        return is_rounding(_snapped(exact, quantum), stated, quantum)
    return False


def _snapped(exact: Fraction, quantum: Fraction) -> Fraction:
    """The value without the dust that 28 digits leave, so that a tie is seen as one."""
    fine = quantum / 10**12
    return round(exact / fine) * fine


def _plain(value: Decimal) -> str:
    text = f"{value:.10g}"
    if "E" in text.upper():
        return f"{float(value):.6g}"
    return text.rstrip("0").rstrip(".") if "." in text else text


# --- reading ---


def _side(text: str, start: int) -> Side | None:
    """Terms joined by operators; at least one, and the last with nothing of arithmetic behind it."""
    terms: list[Term] = []
    operators: list[str] = []
    position, joined = start, False
    while True:
        read = _term(text, position)
        if read is None:
            return None
        term, position = read
        terms.append(term)
        operator = _OPERATOR_AT.match(text, position)
        if operator is None:
            beside = _BESIDE.match(text, position)
            following = _term(text, beside.end()) if beside else None
            if beside is None or following is None or not _adds(term, following[0]):
                break
            operators.append("+")
            position, joined = beside.end(), True
            continue
        if _term(text, operator.end()) is None:
            if operator["op"] in ("-", "−"):  # a dash
                break
            return None
        operators.append(_SIGNS.get(operator[0].strip().lower(), operator[0].strip()))
        position = operator.end()
    while text[start].isspace():
        start += 1
    plain = not joined or set(operators) <= {"+", "-"}
    return Side(start, position, tuple(terms), tuple(operators), plain)


def _term(text: str, position: int) -> tuple[Term, int] | None:
    match = _QUANTITY_AT.match(text, position)
    if match is None:
        bare = _NUMBER_AT.match(text, position)
        read = read_number(bare["number"]) if bare else None
        return (Term(read[0], read[1], ()), bare.end()) if bare and read else None
    read = read_number(match["number"]) if match["number"] else _fraction(match)
    choices = _choices(match["above"], match["below"])
    if read is None or not choices:
        return None
    scale = SCALES[match["scale"].lower()] if match["scale"] else 1
    sign: Literal[1, -1] = -1 if match["sign"] else 1
    return Term(sign * read[0] * scale, read[1] * scale, choices), match.end()


def _fraction(match: re.Match[str]) -> tuple[Fraction, Fraction] | None:
    """`3/4` or `1 1/2`, exact as it stands; `60/2` is a division and no fraction."""
    over, under = int(match["over"]), int(match["under"])
    return (int(match["whole"] or 0) + Fraction(over, under), Fraction(1)) if over < under else None


def _adds(term: Term, following: Term) -> bool:
    """Whether the second adds to the first without a plus: a smaller unit of its kind."""
    smaller = SMALLER.get(term.choices[0], frozenset()) if term.choices else frozenset[str]()
    return bool(following.choices) and following.choices[0] in smaller


def _choices(above: str, below: str | None) -> tuple[str, ...]:
    tops = _powers(above)
    if below is None:
        return tops
    return tuple(f"({top}) / ({bottom})" for top in tops for bottom in _powers(below) if " " not in f"{top}{bottom}")


def _powers(written: str) -> tuple[str, ...]:
    match = re.fullmatch(r"(.+?)(\^?[23]|[²³])?", written)
    assert match is not None
    power = {"²": "2", "³": "3"}.get(match[2] or "", (match[2] or "").lstrip("^"))
    found = readings(match[1])
    return tuple(f"({name}) ** {power}" for name in found if " " not in name) if power else found
