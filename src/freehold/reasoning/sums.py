"""Expressions in a row of tokens: what each is worth, exactly. Recursive descent, over `Fraction`, never `eval`.

It knows the precedence of signs and how people bend it (`20% of 50`, `100 + 10%`, `2 1/2`, nouns after numbers), and
nothing of right and wrong. It exists because the arithmetic of a model's steps is untrusted text: every power, every
depth and every number has a bound.
"""

import math
from fractions import Fraction

import msgspec

from freehold.reasoning.numerals import SCALES
from freehold.reasoning.sum_tokens import Token
from freehold.reasoning.unit_names import readings

MAX_BITS: int = 8192
"""No value with a longer numerator or denominator is computed."""

MAX_DEPTH: int = 60
"""Brackets and signs within each other."""


class Expression(msgspec.Struct, frozen=True):
    """An expression that stands at `text[start:end]`. `numeral` is there when it is one bare number.

    `finest` is the worth of the last digit of its most finely written number. `loose` is the value when `a + b%` is
    read as `a` plus b per cent of it. `hundred` says that something is multiplied by 100. `words` are the nouns after its numbers. `operators` are the signs used: a
    product alone has no `+` and no `-`.
    """

    start: int
    end: int
    value: Fraction
    loose: Fraction
    operators: frozenset[str]
    words: tuple[str, ...]
    numeral: Token | None
    percent: bool
    finest: Fraction
    hundred: bool


class NotAnExpression(Exception):
    """What stands there is no arithmetic that this grammar reads."""


class Parser:
    """Recursive descent over the tokens from `at`; `stop` is the first that it must not touch."""

    def __init__(self, found: list[Token], at: int, stop: int) -> None:
        self.found = found
        self.at = at
        self.stop = stop
        self.operators: set[str] = set()
        self.words: list[str] = []
        self.numbers: list[Token] = []
        self.finest = Fraction(1)
        self.depth = 0

    def expression(self) -> Expression:
        """The longest expression from here. Raises NotAnExpression; afterwards `at` is the token behind it."""
        first = self.at
        value, loose, percent = self.sum()
        last = self.found[self.at - 1]
        bare = self.numbers[0] if len(self.numbers) == 1 and not self.operators - {"neg", "%%"} else None
        return Expression(
            start=self.found[first].start,
            end=last.end,
            value=value,
            loose=loose,
            operators=frozenset(self.operators),
            words=tuple(self.words),
            numeral=bare,
            percent=percent,
            finest=self.finest,
            hundred="*" in self.operators and any(token.value == 100 for token in self.numbers),
        )

    def peek(self, *kinds: str) -> Token | None:
        token = self.found[self.at] if self.at < self.stop else None
        return token if token is not None and token.kind in kinds else None

    def sum(self) -> tuple[Fraction, Fraction, bool]:
        value, percent = self.product()
        loose = value
        while (token := self.peek("op")) and token.text in "+-":
            self.at += 1
            self.operators.add(token.text)
            term, term_percent = self.product()
            sign = 1 if token.text == "+" else -1
            loose = loose * (1 + sign * term) if term_percent and not percent else loose + sign * term
            value = value + sign * term
        return value, loose, percent

    def product(self) -> tuple[Fraction, bool]:
        value, percent = self.power()
        while token := self.peek("op", "of", "open", "percent"):
            if token.kind == "op" and token.text not in "*/÷%":
                break
            if token.kind == "percent" and not self.is_modulo():
                break
            name = token.text if token.kind == "op" else "%" if token.kind == "percent" else "*"
            if token.kind == "of" and not (percent or "/" in self.operators):
                break
            if token.kind == "open" and (token.text != "(" or token.start > self.found[self.at - 1].end):
                break
            self.at += token.kind != "open"
            self.operators.add(name)
            factor, factor_percent = self.power()
            if name == "÷" and (slash := self.peek("op")) and slash.text == "/":
                self.at += 1  # 10 ÷ 1/2 divides by a half
                factor = _apply("/", factor, self.power()[0])
            value = _apply(name, value, factor)
            percent = percent and factor_percent and name == "%"
        return value, percent

    def power(self) -> tuple[Fraction, bool]:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise NotAnExpression
        read = self.signed()
        self.depth -= 1
        return read

    def signed(self) -> tuple[Fraction, bool]:
        if (token := self.peek("op")) and token.text in "+-":
            self.at += 1
            self.operators.add("neg")
            value, percent = self.power()
            return (-value if token.text == "-" else value), percent
        value, percent = self.atom()
        if token := self.peek("super"):
            self.at += 1
            self.operators.add("^")
            return _power(value, token.value), percent
        if (token := self.peek("op")) and token.text == "^":
            self.at += 1
            self.operators.add("^")
            exponent, _ = self.power()
            return _power(value, exponent), percent
        return value, percent

    def atom(self) -> tuple[Fraction, bool]:
        if token := self.peek("number"):
            return self.number(token)
        if self.peek("frac"):
            self.at += 1
            self.operators.add("/")
            above = self.group()
            return _apply("/", above, self.group()), False
        if self.peek("root"):
            self.at += 1
            self.operators.add("^")
            return _root(self.group() if self.peek("open") else self.atom()[0]), False
        if self.peek("open"):
            value = self.group()
            share = self.percent_sign()
            return (value * share, True) if share else (value, False)
        raise NotAnExpression

    def group(self) -> Fraction:
        if not self.peek("open"):
            raise NotAnExpression
        self.at += 1
        value, _, _ = self.sum()
        if not self.peek("close"):
            raise NotAnExpression
        self.at += 1
        return value

    def number(self, token: Token) -> tuple[Fraction, bool]:
        self.at += 1
        value = token.value
        self.numbers.append(token)
        self.finest = min(self.finest, token.quantum)
        value = self.mixed(value) if value.denominator == 1 else value
        if (word := self.peek("word")) and word.text.lower() in _SCALES:
            self.at += 1
            value *= SCALES[word.text.lower()]
        if share := self.percent_sign():
            return value * share, True
        self.noun()
        return value, False

    def mixed(self, value: Fraction) -> Fraction:
        """`2 1/2` is two and a half."""
        ahead = self.found[self.at : min(self.at + 3, self.stop)]
        if [token.kind for token in ahead] != ["number", "op", "number"] or ahead[1].text != "/":
            return value
        above, below = ahead[0].value, ahead[2].value
        if not (0 < above < below) or ahead[0].end != ahead[1].start or ahead[1].end != ahead[2].start:
            return value
        self.at += 3
        self.operators.add("/")
        return value + above / below

    def percent_sign(self) -> Fraction | None:
        """What one of the sign behind a number is of the whole; None without one."""
        sign = self.peek("percent")
        if sign is None or self.is_modulo():
            return None
        self.at += 1
        self.operators.add("%%")
        return sign.value

    def is_modulo(self) -> bool:
        """`17 % 5` and `17%5` are remainders, `20% 5` is not: the sign then belongs to what stands before it."""
        sign = self.found[self.at]
        ahead = self.found[self.at + 1] if self.at + 1 < self.stop else None
        if sign.text != "%" or ahead is None or ahead.kind != "number":
            return False
        return sign.start > self.found[self.at - 1].end or sign.end == ahead.start

    def noun(self) -> None:
        """The words after a number, up to two (and `per word`, `/word`), when arithmetic goes on behind them or the
        sentence ends: `3 red apples +`."""
        self.rate()
        ahead = self.at
        while ahead < self.stop and self.is_name(ahead) and ahead - self.at < 3:
            ahead += 1
        names = [token.text for token in self.found[self.at : ahead]]
        if any(len(name) == 1 and name not in _LETTERS_OF_UNITS for name in names[:1]):
            raise NotAnExpression  # a variable
        if not names or any(name.lower() in _NOT_NOUNS for name in names) or len(names) > 2:
            return
        following = self.found[ahead] if ahead < self.stop else None
        goes_on = following is not None and (
            following.kind in ("op", "relation", "close") or following.text.lower() == "per"
        )
        if following is not None and not goes_on:
            self.words += names[:1]
            return
        self.words += names
        self.at = ahead
        self.unit_power()
        self.rate()

    def is_name(self, place: int) -> bool:
        return self.found[place].kind == "word" and self.found[place].text.lower() != "per"

    def rate(self) -> None:
        """`/day` and `per day` behind a number or its noun: what the number is a rate of, and no division."""
        ahead = self.found[self.at : min(self.at + 2, self.stop)]
        if len(ahead) == 2 and ahead[1].kind == "word" and (ahead[0].text == "/" or ahead[0].text.lower() == "per"):
            self.at += 2
            self.unit_power()

    def unit_power(self) -> None:
        """`^2` behind the name of a unit (`m^2`, `kg/m^3`) belongs to the unit, not to the number."""
        name = self.found[self.at - 1]
        ahead = self.found[self.at : min(self.at + 4, self.stop)]
        signs = [token.text for token in ahead]
        length = 2 if signs[:1] == ["^"] and signs[1:2] in (["2"], ["3"]) else 0
        length = 4 if signs[:2] == ["^", "{"] and signs[2:] in (["2", "}"], ["3", "}"]) else length
        if length and ahead[0].start == name.end and readings(name.text):
            self.at += length


_SCALES = SCALES.keys() - {"dozen"}
"""`50 dozen eggs` may count eggs or dozens: it is a noun here, and `arithmetic.py` refutes nothing that leans on it."""

_LETTERS_OF_UNITS = frozenset("mglLhsaI")
_NOT_NOUNS = frozenset(
    "and or so then which but that the a an is are was were to from with for in on at by if as we he she it they "  # noqa: SIM905
    "therefore thus hence because since when while now next i you per each after before plus minus times".split()
)


def _apply(name: str, left: Fraction, right: Fraction) -> Fraction:
    if name == "*":
        return _bounded(left * right)
    if right == 0:
        raise NotAnExpression
    return _bounded(left % right if name == "%" else left / right)


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1:
        root = _root(base) if exponent == Fraction(1, 2) else None
        if root is None:
            raise NotAnExpression
        return root
    size = max(base.numerator.bit_length(), base.denominator.bit_length())
    if abs(exponent) > MAX_BITS or size * abs(exponent) > MAX_BITS or (base == 0 and exponent < 0):
        raise NotAnExpression
    return base ** int(exponent)


def _root(value: Fraction) -> Fraction:
    """The square root where it is rational. Raises NotAnExpression elsewhere: that is algebra's."""
    from_above, from_below = _whole_root(value.numerator), _whole_root(value.denominator)
    if from_above is None or from_below is None:
        raise NotAnExpression
    return Fraction(from_above, from_below)


def _whole_root(number: int) -> int | None:
    root = math.isqrt(number) if number >= 0 else -1
    return root if root * root == number else None


def _bounded(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_BITS:
        raise NotAnExpression
    return value
