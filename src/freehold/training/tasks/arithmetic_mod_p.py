"""Arithmetic modulo a prime: an expression with brackets, reduced one operation a line.

    4*(3+5)/2 mod 11=?      4*8/2           or, in fine steps      3+5=8;4*8/2
                            10/2                                   4*8=10;10/2
                            5                                      10/2=5;5
                            5                                      5

The problems are drawn as Feng et al. 2023 ("Towards Revealing the Mystery behind Chain of Thought", arXiv 2305.15408) draw
theirs, so that their published table (p = 11, 4, 5 and 6 operators) is a yardstick: a value is expanded `level` times, each time
a number of the expression, any with the same odds, becomes a sum, difference, product or quotient that has its value, with
brackets only where they are needed. Two things differ on purpose: their trace reduces in the order of the drawing, which nobody
can know from the problem; ours the left-most operation that can be reduced. And they keep test problems apart by the text of the
whole trace, so that one expression can stand on both sides; ours are kept apart by the expression.

The verifier takes the operations in any order that gives the same value.
"""

import re
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any, ClassVar, Literal, get_args

from freehold.training.tasks.residues import combine, inverse, prime
from freehold.training.tasks.task import (
    MOST_DIGITS,
    Check,
    Problem,
    Solution,
    StepCheck,
    Task,
    lines_of,
    pieces,
    seeded,
    way_of,
)

Steps = Literal["whole", "fine"]
Tokens = tuple[str, ...]

SIGNS = "+-*/"
MAX_TOKENS = 400

_TOKEN = re.compile(r"[0-9]+|[-+*/()]")
_EXPRESSION = re.compile(r"[-+*/()0-9]+")


class ArithmeticModP(Task):
    """Expressions with `level` operators over the field of `p` elements."""

    name: ClassVar[str] = "arithmetic-mod-p"
    version: ClassVar[str] = "1"
    levels: ClassVar[tuple[int, ...]] = (1, 2, 3, 4, 5, 6)
    beyond: ClassVar[tuple[int, ...]] = (7, 8)
    opposites: ClassVar[Mapping[str, str]] = {"+": "*", "*": "+", "-": "/", "/": "-"}

    def __init__(self, *, p: int = 11, steps: Steps = "whole") -> None:
        """Raises ConfigError when `p` is no prime below 100, or for steps that it does not write."""
        self.p = prime(p)
        self.steps: Steps = way_of(self.name, steps, get_args(Steps))

    def generate(self, level: int, seed: int) -> Problem:
        """The expression that a random value becomes in `level` expansions."""
        rng = seeded(self.name, self.admits(level), self.p, seed)
        found = [str(rng.randrange(self.p))]
        for _ in range(level):
            place = rng.choice([place for place, token in enumerate(found) if token.isdecimal()])
            expanded = _expansion(int(found[place]), self.p, rng)
            if _needs_brackets(found, place, expanded[1]):
                expanded = ["(", *expanded, ")"]
            found[place : place + 1] = expanded
        return Problem(self.name, level, {"expression": "".join(found), "p": self.p})

    def solve(self, problem: Problem) -> Solution:
        """One line for each operation, left-most first; the answer is the number that is left."""
        expression, p = _read(problem)
        tokens = _tokens(expression)
        lines: list[str] = []
        while len(tokens) > 1:
            said, tokens = next(reductions(tokens, p))
            lines.append(_line(said, tokens, self.steps))
        return Solution(tuple(lines), "".join(tokens))

    def verify(self, problem: Problem, trace: str) -> Check:
        """Each line must be the line before it, as written, with one operation reduced."""
        expression, p = _read(problem)
        tokens = _tokens(expression)
        checks: list[StepCheck] = []
        for line in lines_of(trace):
            steps: Steps = "fine" if ";" in line else "whole"
            allowed = {_line(said, after, steps): after for said, after in reductions(tokens, p)}
            found = next(iter(allowed), "")
            written = line.rpartition(";")[2]
            if line in allowed:
                checks.append(StepCheck(line, "verified", line, "One operation was reduced, and rightly."))
            elif not _is_expression(written):
                checks.append(StepCheck(line, "not_checkable", found, "It is not an expression."))
                continue
            else:
                checks.append(
                    StepCheck(line, "refuted", found, "It is not the line before with one operation reduced.")
                )
            tokens = _tokens(written)
        end = tokens[0] if len(tokens) == 1 and tokens[0].isdecimal() else None
        return Check(tuple(checks), end if checks else None)

    def canonical(self, problem: Problem) -> bytes:
        """The expression without its redundant brackets, and the modulus."""
        expression, p = _read(problem)
        return f"{_plain(expression)} mod {p}".encode()

    def render(self, problem: Problem) -> str:
        """`4*(3+5)/2 mod 11=?`"""
        expression, p = _read(problem)
        return f"{expression} mod {p}=?"

    def vocabulary(self) -> frozenset[str]:
        """Digits, signs, brackets."""
        return frozenset(pieces("0123456789+-*/();=? mod \n"))


TASK = ArithmeticModP


def reductions(tokens: Tokens, p: int) -> Iterator[tuple[str, Tokens]]:
    """Every operation that may be reduced next, from the left: (`3+5=8`, the expression after it).

    `a sign b` may be reduced where its neighbours bind no closer: a product or quotient not behind `/`, a sum or difference not
    behind `-`, `*` or `/` and not before `*` or `/`. Brackets around what is left go with it. Nothing where a division by 0
    stands.
    """
    for place in range(len(tokens) - 2):
        a, sign, b = tokens[place : place + 3]
        if not a.isdecimal() or sign not in SIGNS or not b.isdecimal():
            continue
        before = tokens[place - 1] if place else "("
        after = tokens[place + 3] if place + 3 < len(tokens) else ")"
        blocked = before == "/" if sign in "*/" else before in "-*/" or after in "*/"
        value = None if blocked else combine(sign, int(a), int(b), p)
        if value is None:
            continue
        start, end = place, place + 3
        if start and tokens[start - 1] == "(" and end < len(tokens) and tokens[end] == ")":
            start, end = start - 1, end + 1
        yield f"{a}{sign}{b}={value}", (*tokens[:start], str(value), *tokens[end:])


def _read(problem: Problem) -> tuple[str, int]:
    data: dict[str, Any] = problem.data
    return str(data["expression"]), int(data["p"])


def _tokens(expression: str) -> Tokens:
    return tuple(_TOKEN.findall(expression))


def _is_expression(written: str) -> bool:
    tokens = _tokens(written) if _EXPRESSION.fullmatch(written) else ()
    return 0 < len(tokens) <= MAX_TOKENS and max(map(len, tokens)) <= MOST_DIGITS


def _line(said: str, tokens: Tokens, steps: Steps) -> str:
    expression = "".join(tokens)
    return f"{said};{expression}" if steps == "fine" else expression


def _expansion(value: int, p: int, rng: Random) -> list[str]:
    """`[a, sign, b]` with that value: a sign and `a` with even odds, drawn again where no `b` fits."""
    while True:
        a, sign = rng.randrange(p), rng.choice(SIGNS)
        if sign in "+-":
            b = value - a if sign == "+" else a - value
        elif a == 0 and value == 0:
            b = rng.randrange(p)
        elif a == 0 or (sign == "/" and value == 0):
            continue
        else:
            b = value * inverse(a, p) if sign == "*" else a * inverse(value, p)
        if sign != "/" or b % p:
            return [str(a), sign, str(b % p)]


def _needs_brackets(tokens: list[str], place: int, sign: str) -> bool:
    before = tokens[place - 1] if place else "("
    after = tokens[place + 1] if place + 1 < len(tokens) else ")"
    return before == "/" or (sign in "+-" and (before in "*-" or after in "*/"))


def _plain(expression: str) -> str:
    """The expression with brackets only where `_needs_brackets` would put them."""
    tokens = list(_tokens(expression))
    opened: list[int] = []
    place = 0
    while place < len(tokens):
        if tokens[place] == "(":
            opened.append(place)
        elif tokens[place] == ")":
            start = opened.pop()
            if not _binding(tokens, start, place):
                del tokens[place], tokens[start]
                place -= 2
        place += 1
    return "".join(tokens)


def _binding(tokens: list[str], start: int, end: int) -> bool:
    """Whether the brackets from `start` to `end` hold the expression together."""
    depth, signs = 0, set[str]()
    for part in tokens[start + 1 : end]:
        depth += (part == "(") - (part == ")")
        if depth == 0 and part in SIGNS:
            signs.add(part)
    outer = [*tokens[:start], "0", *tokens[end + 1 :]]
    return any(_needs_brackets(outer, start, sign) for sign in signs)
