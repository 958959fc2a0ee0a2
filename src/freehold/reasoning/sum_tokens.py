"""The signs of arithmetic in prose, as tokens: numbers, operators, relations, and the words and marks between them.

    So 3 boxes × $2.50 + $1 = $8.50, which is 10% of 85.

It knows how people and LaTeX write each sign and nothing of what a row of them means; `sums.py` does. It exists because
one operator has ten spellings, and an arrow, a date, a tag or `2x` must not be taken for one.
"""

import re
from fractions import Fraction

import msgspec

from freehold.reasoning.numerals import NUMBER, read_number

_GROUPED = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![.,'’]?\d)"
"""Thousands as English groups them. Digits that are joined otherwise (`12,5`, `1'250`, `1.250,00`, `1,00,000`) are one number
of another country, which is not read, and never two."""

_TOKEN = re.compile(
    rf"""(?P<other>\d{{4}}-\d\d-\d\d|\d{{1,2}}/\d{{1,2}}/\d{{4}}(?![\d,.]*\d)|\d+:\d[\d:]*|\d+(?:\.\d+){{2,}}|\d+(?:st|nd|rd|th)\b
        |(?!{_GROUPED})(?:\d+[.,'’])*\d+[,'’]\d+(?:[.,'’]\d+)*|</?[A-Za-z][^<>]{{0,40}}>
        |=>|->|→|⇒|\\(?:to|implies|Rightarrow|rightarrow)\b|(?<![\w.])\d+(?:\.\d+)?(?!bps?\b)[A-Za-z_]\w*)
    |(?P<annotation><<|>>)
    |(?P<bold>(?:(?<=[\s=(])|(?<=^))\*\*(?=[^\s*])|(?<=[^\s*])\*\*(?=[\s.,;:!?)]|$))
    |(?P<number>{NUMBER})(?P<open>\.{{3}}|…)?
    |(?P<percent>\\?%|‰|\b(?:percent|per\s?cent)\b|(?:(?<=[\d)])|(?<=[\d)]\s))(?:percentage\s+points?|ppt?s?|bps?|basis\s+points?)\b)
    |(?P<relation>==|<=|>=|!=|≤|≥|≠|≈|≃|≅|=|<|>|\\(?:approx|leq?|geq?|neq?|simeq|lt|gt)(?![A-Za-z])
        |(?:is|are|equals|was|makes|gives|comes\s+to|is\s+equal\s+to)\s+(?:about|approximately|roughly|around)\b
        |\bis\s+equal\s+to\b|\b(?:equals|is|are|makes|gives)\b)
    |(?P<word_op>\b(?:plus|minus|times|divided\s+by|multiplied\s+by|mod|modulo)\b|(?<![A-Za-z])[x×·⋅*✕](?![A-Za-z])|÷|\*\*
        |\\(?:times|cdot|div|bmod)(?![A-Za-z]))
    |(?P<frac>\\[dt]?frac\b)
    |(?P<root>\\sqrt\b|√|\bsqrt\b)
    |(?P<op>[-+−–/^])
    |(?P<super>[²³])
    |(?P<group>[()\[\]{{}}])
    |(?P<of>\bof\b)
    |(?P<skip>\\(?:left|right|,|;|!|\s|quad|qquad|boxed|displaystyle|mathbf|bf)(?![A-Za-z])|\\?[$€£¥]|\*\*|[~`]|&
        |\\(?:text|mathrm|textbf)\{{[^{{}}]{{0,40}}\}}(?:\^\{{?[23]\}}?)?)
    |(?P<word>\\?[^\W\d_][\w'’]*(?:-[^\W\d_][\w'’]*)*)
    |(?P<stop>\S)""",
    re.VERBOSE | re.IGNORECASE,
)
_BULLET = re.compile(r"[-+*–](?=\s)")
"""At the beginning of a line it heads a list item."""

_OPERATORS = {
    "plus": "+", "minus": "-", "−": "-", "–": "-", "times": "*", "x": "*", "×": "*", "·": "*", "⋅": "*", "✕": "*", "*": "*",
    "multiplied by": "*", "\\times": "*", "\\cdot": "*", "÷": "÷", "divided by": "/", "\\div": "÷", "**": "^",
    "mod": "%", "modulo": "%", "\\bmod": "%",
}  # fmt: skip
_RELATIONS = {
    "==": "=", "<=": "≤", ">=": "≥", "!=": "≠", "≃": "≈", "≅": "≈", "\\approx": "≈", "\\simeq": "≈", "\\le": "≤", "\\leq": "≤",
    "\\ge": "≥", "\\geq": "≥", "\\ne": "≠", "\\neq": "≠", "\\lt": "<", "\\gt": ">",
}  # fmt: skip
_SIGNS = frozenset("=<>≤≥≠≈")


class Token(msgspec.Struct, frozen=True):
    """One sign at `text[start:end]`, under the one name that all its spellings share.

    `kind` is one of number, op, relation, open, close, frac, root, super, of, percent, word; `stop` for a mark of
    punctuation; `other` for what looks like arithmetic and is not (a date, a ratio, an arrow, a tag, `2x`). The `value` of
    `percent` is its share of one: a hundredth for percentage points too, a ten-thousandth for basis points.
    """

    kind: str
    text: str
    start: int
    end: int
    value: Fraction = Fraction(0)
    quantum: Fraction = Fraction(1)
    money: bool = False
    more: bool = False
    spoken: bool = False


def tokens(text: str) -> list[Token]:
    """The text as tokens, in order; white space and typography (`\\left`, `\\,`, `$`) are left out."""
    found: list[Token] = []
    for match in _TOKEN.finditer(text):
        token = _token(match)
        if token is not None:
            found.append(token)
    return [_letter(token, found, place) if token.spoken else token for place, token in enumerate(found)]


def _letter(token: Token, found: list[Token], place: int) -> Token:
    """`x` multiplies only between two factors, elsewhere it is a variable; `6 times.` ends with a noun."""
    if token.kind != "op":
        return token
    if token.end - token.start > 1:
        goes_on = place + 1 < len(found) and found[place + 1].kind in ("number", "open", "frac", "root", "op")
        return token if goes_on else Token("word", "noun", token.start, token.end)
    before = found[place - 1].kind if place else ""
    behind = found[place + 1].kind if place + 1 < len(found) else ""
    factors = before in ("number", "close", "percent", "word", "super") and behind in ("number", "open", "frac", "root")
    return token if factors else Token("other", token.text, token.start, token.end)


def _token(match: re.Match[str]) -> Token | None:
    kind = match.lastgroup or "stop"
    written = match[0]
    if kind in ("skip", "bold"):
        return None
    if match["number"]:
        return _number(match)
    if (
        _BULLET.match(match.string, match.start())
        and not match.string[: match.start()][-40:].rpartition("\n")[2].strip()
    ):
        return Token("stop", written, match.start(), match.end())
    if kind in ("op", "word_op"):
        spaced = re.sub(r"\s+", " ", written.lower())
        return Token("op", _OPERATORS.get(spaced, spaced), match.start(), match.end(), spoken=written[0].isalpha())
    if kind == "relation":
        return _relation(written, match.start(), match.end())
    if kind == "super":
        return Token("super", written, match.start(), match.end(), value=Fraction(2 if written == "²" else 3))
    if kind == "group":
        return Token("open" if written in "([{" else "close", written, match.start(), match.end())
    if kind == "percent":
        return Token(kind, written, match.start(), match.end(), value=_share(written.lower()))
    if kind in ("frac", "root", "of", "word"):
        return Token(kind, written, match.start(), match.end())
    return Token("stop" if kind in ("stop", "annotation") else "other", written, match.start(), match.end())


def _number(match: re.Match[str]) -> Token:
    read = read_number(match["number"])
    before = match.string[max(0, match.start() - 2) : match.start()].strip()
    if read is None:
        return Token("other", match[0], match.start(), match.end())
    return Token(
        "number",
        match[0],
        match.start(),
        match.end(),
        value=read[0],
        quantum=read[1],
        money=before[-1:] in tuple("$€£¥"),
        more=bool(match["open"]),
    )


def _share(written: str) -> Fraction:
    """What one of it is of the whole."""
    if written[0] == "‰":
        return Fraction(1, 1000)
    return Fraction(1, 10_000) if written[0] == "b" else Fraction(1, 100)


def _relation(written: str, start: int, end: int) -> Token:
    name = _RELATIONS.get(written, written)
    if name in _SIGNS:
        return Token("relation", name, start, end)
    about = written.lower().endswith(("about", "approximately", "roughly", "around"))
    return Token("relation", "≈" if about else "=", start, end, spoken=True)
