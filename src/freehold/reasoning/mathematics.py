"""What the mathematics worker computes: sympy and math-verify, on trees of `formulas.py` and on final answers.

It runs in a process of its own (`python -m`), under the limits of `worker.py`, and knows no step and no verdict. It
exists as a module of its own because nothing else in this room may import a computer algebra system.

Whether an expression is zero is decided twice: by symbols (expand, then simplify) and by numbers, at rational points
that are always the same, with 30 and with 60 digits. Yes needs both. No needs one point where it is defined and not
zero at both precisions. Everything else is unsure.
"""

import random
import sys
from fractions import Fraction
from typing import Any

from freehold.reasoning.extras import library
from freehold.reasoning.formulas import Tree
from freehold.reasoning.numerals import is_rounding, terminates
from freehold.reasoning.worker import serve

POINTS: int = 8
DIGITS: tuple[int, int] = (30, 60)
MAX_EXPONENT: int = 2000

Answer = dict[str, Any]


class Mathematics:
    """Answers questions of the form `{"task": ..., ...}` with `{"holds": true | false | null, "found": text, "how":
    text}`."""

    def __init__(self, *, math_verify: bool = False) -> None:
        """Imports sympy; math-verify when it is first asked for, or now, since the time for a question begins afterwards."""
        self.sympy = library("sympy")
        self.math_verify: Any = library("math_verify") if math_verify else None

    def answer(self, question: dict[str, Any]) -> Answer:
        """The answer to one question."""
        tasks = {
            "equal": self.equal,
            "derivative": self.derivative,
            "integral": self.integral,
            "follows": self.follows,
            "final": self.final,
        }
        return tasks[question["task"]](question)

    def equal(self, question: dict[str, Any]) -> Answer:
        """Whether the trees `left` and `right` are the same function of their variables."""
        return self._zero(self._built(question["left"]), self._built(question["right"]))

    def derivative(self, question: dict[str, Any]) -> Answer:
        """Whether `right` is the derivative of `of` by `variable`."""
        slope = self.sympy.diff(self._built(question["of"]), self._symbol(question["variable"]))
        return self._zero(slope, self._built(question["right"])) | {"found": _text(slope)}

    def integral(self, question: dict[str, Any]) -> Answer:
        """Whether `right` is an antiderivative of `of`, found by its derivative; or with `bounds`, the definite
        integral."""
        variable = self._symbol(question["variable"])
        inner, right = self._built(question["of"]), self._built(question["right"])
        if question.get("bounds"):
            low, high = (self._built(bound) for bound in question["bounds"])
            value = self.sympy.integrate(inner, (variable, low, high))
            if value.has(self.sympy.Integral):
                return {"holds": None, "found": _text(value), "how": "no closed form was found"}
            return self._zero(value, right) | {"found": _text(value)}
        slope = self.sympy.diff(right, variable)
        return self._zero(slope, inner) | {"found": f"its derivative is {_text(slope)}"}

    def follows(self, question: dict[str, Any]) -> Answer:
        """Whether the equation `then` follows from `given`, both in one `variable`: a value must be a root of `given`,
        an equation must have all roots of `given`, over the complex numbers. What does not follow, and would if the `figure` that is a side of `given`
        were a rounding, is unsure."""
        variable = self._symbol(question["variable"])
        given, then = (self._difference(question[name]) for name in ("given", "then"))
        value = self._solved(question["then"], question["variable"])
        if value is not None:
            check = self._zero(given.subs(variable, value), self.sympy.Integer(0))
            if check["holds"] is False and (near := self._near(given, variable, value, question.get("quantum"))):
                return near
            if check["holds"] is False and (near := self._rounded(question.get("figure"), variable, [value])):
                return near
            return check | {"found": f"left minus right of the given equation is {_text(given.subs(variable, value))}"}
        roots = self.sympy.solveset(given, variable, self.sympy.S.Complexes)
        if not isinstance(roots, self.sympy.FiniteSet) or len(roots) > 12:
            return {"holds": None, "found": _text(roots), "how": "the roots are not finitely many that can be listed"}
        if len(roots) == 0:
            return {"holds": None, "found": "no root", "how": "the given equation has no root, so anything follows"}
        checks = [self._zero(then.subs(variable, root), self.sympy.Integer(0))["holds"] for root in roots]
        holds = False if False in checks else None if None in checks else True
        if holds is False and question.get("figure"):
            ways = self.sympy.solveset(then, variable, self.sympy.S.Complexes)
            listed = list(ways) if isinstance(ways, self.sympy.FiniteSet) and len(ways) <= 12 else []
            if near := self._rounded(question["figure"], variable, listed):
                return near
        return {
            "holds": holds,
            "found": f"the given equation has the roots {_text(roots)}",
            "how": "each root was put in",
        }

    def _near(self, given: Any, variable: Any, value: Any, quantum: str | None) -> Answer | None:
        """What is said of a decimal that is a root of the equation, but for its rounding; None of another."""
        roots = self.sympy.solveset(given, variable, self.sympy.S.Complexes)
        if quantum is None or not isinstance(roots, self.sympy.FiniteSet) or len(roots) > 12:
            return None
        for root in roots:
            if not root.is_real or abs(root - value) * 2 > self.sympy.Rational(quantum):
                continue
            ends = root.is_Rational and terminates(Fraction(int(root.p), int(root.q)))
            told = {"found": f"the root is {_text(root)}", "how": "a correct rounding of the root"}
            return {"holds": None if ends else True, **told}
        return None

    def _rounded(self, figure: dict[str, Any] | None, variable: Any, values: list[Any]) -> Answer | None:
        """What is said of values for which a figure is a correct rounding of what it stands for, with decimals that never end; None of others."""
        if figure is None:
            return None
        stated, quantum = Fraction(figure["stated"]), Fraction(figure["quantum"])
        for value in values:
            exact = self._built(figure["of"]).subs(variable, value)
            if not exact.is_Rational:
                continue
            meant = Fraction(int(exact.p), int(exact.q))
            if not terminates(meant) and is_rounding(meant, stated, quantum):
                return {
                    "holds": None,
                    "found": f"the given figure is {_text(exact)} then",
                    "how": "it does not follow from the figure as it stands, and does where that is rounded",
                }
        return None

    def final(self, question: dict[str, Any]) -> Answer:
        """What math-verify says of `claimed` against `expected`."""
        if self.math_verify is None:
            self.math_verify = library("math_verify")
        read = [
            self.math_verify.parse(_as_formula(question[name]), parsing_timeout=None, raise_on_error=True)
            for name in ("expected", "claimed")
        ]
        if not all(read):
            return {"holds": None, "found": "", "how": "math-verify cannot read it"}
        holds = bool(self.math_verify.verify(*read, timeout_seconds=None, raise_on_error=True))
        return {"holds": holds, "found": "", "how": "math-verify"}

    def _solved(self, sides: list[Tree], variable: str) -> Any:
        """The value, when the equation is `variable = value`, either way round."""
        for one, other in (sides, sides[::-1]):
            if one == ["sym", variable]:
                value = self._built(other)
                if not value.free_symbols:
                    return value
        return None

    def _difference(self, sides: list[Tree]) -> Any:
        return self._built(sides[0]) - self._built(sides[1])

    def _zero(self, left: Any, right: Any) -> Answer:
        if left.is_Rational and right.is_Rational:
            return {"holds": bool(left == right), "found": _text(left), "how": "exact fractions"}
        difference = self.sympy.expand(left - right)
        if difference.is_Rational:
            return {
                "holds": bool(difference == 0),
                "found": _text(left),
                "how": "their difference is an exact fraction",
            }
        numeric = self._zero_by_numbers(difference)
        if numeric is False:
            return {
                "holds": False,
                "found": _text(left),
                "how": f"they differ at a point, with {DIGITS[0]} and {DIGITS[1]} digits",
            }
        symbolic = self.sympy.simplify(difference) == 0
        if numeric and symbolic:
            return {"holds": True, "found": _text(left), "how": f"by symbols, and at {POINTS} points"}
        return {"holds": None, "found": _text(left), "how": "symbols and numbers do not settle it together"}

    def _zero_by_numbers(self, difference: Any) -> bool | None:
        """True: zero at every point where it is defined. False: not zero somewhere, at both precisions. None:
        undefined."""
        chance = random.Random(20230711)  # noqa: S311 - the same points every time
        names = sorted(difference.free_symbols, key=str)
        defined = False
        for _ in range(POINTS if names else 1):
            point = {name: self.sympy.Rational(chance.randint(-400, 400), chance.randint(7, 97)) for name in names}
            sizes = [self._size(difference.subs(point), digits) for digits in DIGITS]
            if None in sizes:
                continue
            defined = True
            if all(
                size is not None and size > 10 ** (-digits // 2) for size, digits in zip(sizes, DIGITS, strict=True)
            ):
                return False
        return True if defined else None

    def _size(self, value: Any, digits: int) -> Any:
        number = value.evalf(digits)
        return self.sympy.Abs(number) if number.is_number and number.is_finite else None

    def _symbol(self, name: str) -> Any:
        return self.sympy.Symbol(name)

    def _built(self, tree: Tree) -> Any:
        """The tree as sympy's own, made of its constructors only."""
        sympy, kind = self.sympy, tree[0]
        if kind == "num":
            value = Fraction(tree[1])
            return sympy.Rational(value.numerator, value.denominator)
        if kind == "sym":
            return self._symbol(tree[1])
        if kind == "const":
            return sympy.pi if tree[1] == "pi" else sympy.E
        if kind == "fn":
            return self._function(tree[1])(self._built(tree[2]))
        if kind == "neg":
            return -self._built(tree[1])
        left, right = self._built(tree[1]), self._built(tree[2])
        if kind == "^":
            return self._power(left, right)
        if kind == "/" and right == 0:
            raise ZeroDivisionError
        return {"+": left + right, "-": left - right, "*": left * right}[kind] if kind != "/" else left / right

    def _power(self, base: Any, exponent: Any) -> Any:
        if exponent.is_number and abs(exponent.evalf(6)) > MAX_EXPONENT:
            raise OverflowError("the exponent is too large")
        return self.sympy.Pow(base, exponent)

    def _function(self, name: str) -> Any:
        """`log` is the natural logarithm, as mathematics and sympy have it; `algebra.py` does not refute by it."""
        renamed = {"arcsin": "asin", "arccos": "acos", "arctan": "atan", "ln": "log", "abs": "Abs"}
        return getattr(self.sympy, renamed.get(name, name))


def _text(value: Any) -> str:
    return str(value)[:200]


def _as_formula(written: str) -> str:
    return written if "$" in written or "\\boxed" in written else f"${written}$"


if __name__ == "__main__":
    serve(lambda: Mathematics(math_verify="math_verify" in sys.argv).answer)
