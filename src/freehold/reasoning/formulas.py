"""Formulas in prose, read into trees: our own grammar for the algebra of a chain of thought, in plain text and LaTeX.

    (x+1)^2 = x^2 + 2x + 1      d/dx (x^3) = 3x^2      \\int 2x\\,dx = x^2 + C      the derivative of sin x is cos x

It knows notation and nothing of mathematics. It exists because a computer algebra system's own reader evaluates what it
reads: only the trees that are built here reach one. A tree is a list: `["num", "5/2"]`, `["sym", "x"]`, `["const",
"pi"]`, `["fn", "sin", tree]`, `["+" | "-" | "*" | "/" | "^", tree, tree]`, `["neg", tree]`, `["diff", tree, variable]`,
`["int", tree, variable]`, `["int", tree, variable, from, to]`.
"""

import re
from typing import Any, cast

import msgspec

from freehold.reasoning.numerals import NUMBER, SCALES, read_number

Tree = list[Any]

MAX_NODES: int = 300
MAX_DEPTH: int = 50
MAX_TOKENS: int = 4000

FUNCTIONS = frozenset("sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh exp log ln sqrt abs".split())  # noqa: SIM905
_GREEK = frozenset("alpha beta gamma delta epsilon theta lambda mu nu rho sigma tau phi chi psi omega".split())  # noqa: SIM905

_TOKEN = re.compile(
    rf"""(?P<ddx>\\[dt]?frac\s*\{{\s*(?:\\mathrm\{{)?d\}}?\s*\}}\s*\{{\s*(?:\\mathrm\{{d\}}|d)\s*(?P<by1>[A-Za-z])\s*\}}|\bd\s*/\s*d(?P<by2>[A-Za-z])\b)
    |(?P<derivative>\bderivative\s+of\b)
    |(?P<integral>\\int(?![A-Za-z])|∫|\b(?:anti-?derivative|(?:indefinite\s+)?integral)\s+of\b)
    |(?P<dvar>(?:\\mathrm\{{d\}}|(?<![A-Za-z\\])d)(?P<var>[A-Za-z])(?![A-Za-z]))
    |(?P<respect>\bwith\s+respect\s+to\s+(?P<by3>[a-z])\b)
    |(?P<arrow>=>|->|→|⇒|\\(?:to|implies|[Rr]ightarrow|iff)(?![A-Za-z]))
    |(?P<by>(?<=\s)x(?=\s+\d))
    |(?P<rel>(?<![<>!=≤≥])==?(?!>)|\b(?:is|equals)\b(?:\s+equal\s+to\b)?)
    |(?P<measured>{NUMBER}\s?(?:\\?[%‰]|(?:per\s?cent|percent|{"|".join(SCALES)})\b))
    |(?P<num>{NUMBER})
    |(?P<e>\\mathrm\{{e\}})
    |(?P<skip>\\(?:left|right|,|;|!|:|\s|quad|qquad|displaystyle|boxed|limits)(?![A-Za-z])|\$+|\s+|`|\\[()\[\]]|\*\*(?=\s|$))
    |(?P<frac>\\[dt]?frac(?![A-Za-z]))
    |(?P<pow>\*\*|\^)
    |(?P<op>[-+*/−×·⋅÷]|\\(?:cdot|times|div)(?![A-Za-z]))
    |(?P<super>[²³⁴])
    |(?P<root>√)
    |(?P<const>π|\\pi(?![A-Za-z])|\bpi\b)
    |(?P<open>[(\[{{])|(?P<close>[)\]}}])
    |(?P<sub>_)
    |(?P<genitive>['’](?:s|re|ll|ve|t|d|m)\b)
    |(?P<name>\\?[A-Za-z]+)
    |(?P<stop>.)""",
    re.VERBOSE | re.DOTALL,
)
_SIGNS = {"−": "-", "×": "*", "·": "*", "⋅": "*", "\\cdot": "*", "\\times": "*", "÷": "/", "\\div": "/"}
_SUPER = {"²": "2", "³": "3", "⁴": "4"}


class Statement(msgspec.Struct, frozen=True):
    """Sides that are said to be equal, at `text[start:end]`; two or more. `spans` are those of the sides."""

    start: int
    end: int
    sides: tuple[Tree, ...]
    spans: tuple[tuple[int, int], ...]


class Unreadable(Exception):
    """No formula of this grammar."""


Item = tuple[str, str, int, int]
"""(kind, text, start, end) of one token."""


def statements(text: str) -> list[Statement]:
    """The equalities in the text whose sides can all be read, in order. Words and marks of punctuation end a side."""
    found: list[Statement] = []
    for run in _runs(_items(text)):
        found += _statement(run)
    return found


def read_formula(text: str) -> Tree | None:
    """The tree of a text that is one formula, and nothing else; None when it is not."""
    items = _items(text)
    if any(item[0] in ("stop", "rel", "arrow") for item in items):
        return None
    try:
        return _parsed(items)
    except Unreadable:
        return None


def symbols(tree: Tree) -> frozenset[str]:
    """The variables of a tree."""
    if tree[0] == "sym":
        return frozenset((tree[1],))
    return frozenset[str]().union(*map(symbols, parts(tree)))


def parts(tree: Tree) -> list[Tree]:
    """The trees right below this one."""
    return [cast("Tree", part) for part in tree[1:] if isinstance(part, list)]


def _items(text: str) -> list[Item]:
    items: list[Item] = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "stop"
        for outer in ("ddx", "dvar", "respect"):
            kind = outer if match[outer] else kind
        kind = "stop" if kind in ("genitive", "measured") else kind  # `5%` and `2 million` are not 5 and 2
        if kind != "skip":
            items += _named(kind, match)
        if len(items) > MAX_TOKENS:
            break
    return items


def _named(kind: str, match: re.Match[str]) -> list[Item]:
    start, end, written = match.start(), match.end(), match[0]
    if kind in ("ddx", "dvar", "respect"):
        return [(kind, match["by1"] or match["by2"] or match["var"] or match["by3"], start, end)]
    if kind == "name":
        plain = written.lstrip("\\")
        if plain in FUNCTIONS:
            return [("fn", plain, start, end)]
        if len(plain) == 1 or plain in _GREEK:
            return [("const" if plain == "e" else "sym", plain, start, end)]
        if len(plain) <= 3 and plain.islower() and written[0] != "\\" and _multiplies(match):
            return [("sym", letter, start + place, start + place + 1) for place, letter in enumerate(plain)]
        return [("stop", written, start, end)]
    if kind == "by":
        return [("op", "*", start, end)]
    if kind in ("const", "e"):
        return [("const", "e" if kind == "e" else "pi", start, end)]
    return [(kind, _SIGNS.get(written, written), start, end)]


def _multiplies(match: re.Match[str]) -> bool:
    """Whether letters in a row are a product (`2xy`, `3ab`): a number touches them."""
    return match.string[max(0, match.start() - 1) : match.start()].isdigit()


def _runs(items: list[Item]) -> list[list[Item]]:
    """What stands between words, marks and arrows. `is` is a word unless a derivative or an integral is spoken of."""
    runs: list[list[Item]] = [[]]
    for item in items:
        spoken = item[0] == "rel" and item[1][0].isalpha()
        if item[0] in ("stop", "arrow") or (
            spoken and not any(one[0] in ("derivative", "integral") for one in runs[-1])
        ):
            runs.append([])
        else:
            runs[-1].append(item)
    return [run for run in runs if any(item[0] == "rel" for item in run)]


def _statement(run: list[Item]) -> list[Statement]:
    sides: list[list[Item]] = [[]]
    for item in run:
        if item[0] == "rel":
            sides.append([])
        else:
            sides[-1].append(item)
    trees: list[tuple[Tree, tuple[int, int]]] = []
    for number, side in enumerate(sides):
        try:
            trees.append((_parsed(side), (side[0][2], side[-1][3])))
        except Unreadable:
            if number:
                break
    if len(trees) < 2 or len(trees) < len(sides) - 1:
        return []
    spans = tuple(span for _, span in trees)
    return [Statement(spans[0][0], spans[-1][1], tuple(tree for tree, _ in trees), spans)]


def _parsed(items: list[Item]) -> Tree:
    reader = _Reader(items)
    tree = reader.side()
    if reader.at != len(items) or reader.nodes > MAX_NODES:
        raise Unreadable
    return tree


class _Reader:
    """Recursive descent over one side."""

    def __init__(self, items: list[Item]) -> None:
        self.items = items
        self.at = 0
        self.nodes = 0
        self.depth = 0

    def peek(self, *kinds: str) -> Item | None:
        item = self.items[self.at] if self.at < len(self.items) else None
        return item if item is not None and item[0] in kinds else None

    def take(self, *kinds: str) -> Item:
        item = self.peek(*kinds)
        if item is None:
            raise Unreadable
        self.at += 1
        return item

    def side(self) -> Tree:
        if self.peek("derivative"):
            self.at += 1
            tree = self.sum()
            respect = self.peek("respect")
            self.at += respect is not None
            return ["diff", tree, respect[1] if respect else ""]
        return self.sum()

    def sum(self) -> Tree:
        self.depth += 1
        self.nodes += 1
        if self.depth > MAX_DEPTH or self.nodes > MAX_NODES:
            raise Unreadable
        tree = self.product()
        while (item := self.peek("op")) and item[1] in "+-":
            self.at += 1
            tree = [item[1], tree, self.product()]
        self.depth -= 1
        return tree

    def product(self) -> Tree:
        tree = self.signed()
        while True:
            item = self.peek("op")
            if item and item[1] in "*/":
                self.at += 1
                tree = [item[1], tree, self.signed()]
            elif self.peek("num") and tree[0] == "num":
                raise Unreadable  # two numbers side by side are no product
            elif self.peek("num", "sym", "const", "fn", "open", "frac", "root"):
                tree = ["*", tree, self.power()]
            else:
                return tree

    def signed(self) -> Tree:
        self.nodes += 1
        if (item := self.peek("op")) and item[1] in "+-":
            self.at += 1
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise Unreadable
            tree = self.signed()
            self.depth -= 1
            return ["neg", tree] if item[1] == "-" else tree
        return self.power()

    def power(self) -> Tree:
        tree = self.atom()
        if item := self.peek("super"):
            self.at += 1
            return ["^", tree, ["num", _SUPER[item[1]]]]
        if self.peek("pow"):
            self.at += 1
            return ["^", tree, self.signed()]
        return tree

    def atom(self) -> Tree:
        self.nodes += 1
        if item := self.peek("num"):
            self.at += 1
            read = read_number(item[1])
            if read is None:
                raise Unreadable
            return ["num", str(read[0])]
        if item := self.peek("sym", "const"):
            self.at += 1
            return self.indexed(item)
        if item := self.peek("fn"):
            self.at += 1
            return self.function(item[1])
        if self.peek("root"):
            self.at += 1
            return ["fn", "sqrt", self.atom()]
        if self.peek("frac"):
            self.at += 1
            above = self.group()
            return ["/", above, self.group()]
        if item := self.peek("ddx"):
            self.at += 1
            return ["diff", self.product() if not self.peek("open") else self.group(), item[1]]
        if self.peek("integral"):
            self.at += 1
            return self.integral()
        return self.group()

    def indexed(self, item: Item) -> Tree:
        if not self.peek("sub"):
            return ["sym" if item[0] == "sym" else "const", item[1]]
        self.at += 1
        index = self.group() if self.peek("open") else self.atom()
        if index[0] not in ("num", "sym"):
            raise Unreadable
        return ["sym", f"{item[1]}_{index[1]}"]

    def function(self, name: str) -> Tree:
        exponent = None
        if self.peek("pow"):
            self.at += 1
            exponent = self.atom() if not self.peek("open") else self.group()
            if exponent[0] != "num":
                raise Unreadable  # sin^{-1} is the inverse to some and the reciprocal to others
        argument = self.group() if self.peek("open") else self.bare_argument()
        tree: Tree = ["fn", name, argument]
        return ["^", tree, exponent] if exponent else tree

    def bare_argument(self) -> Tree:
        """`sin 2x`: numbers and letters up to the next sign."""
        tree = self.power()
        while self.peek("sym", "const"):
            tree = ["*", tree, self.power()]
        return tree

    def group(self) -> Tree:
        self.take("open")
        tree = self.sum()
        self.take("close")
        return tree

    def integral(self) -> Tree:
        bounds: list[Tree] = []
        while len(bounds) < 2 and self.peek("sub", "pow"):
            self.at += 1
            bounds.append(self.bound())
        tree = self.sum()
        by = self.peek("dvar", "respect")
        self.at += by is not None
        return ["int", tree, by[1] if by else "", *(bounds if len(bounds) == 2 else [])]

    def bound(self) -> Tree:
        if (item := self.peek("op")) and item[1] == "-":
            self.at += 1
            return ["neg", self.atom()]
        return self.group() if self.peek("open") else self.atom()
