"""Final answers: where a text states one, and whether two of them are the same by our own reading.

It knows how answers are written (`\\boxed{}`, `#### 5`, "the answer is 5") and compares numbers, lists, choices, words
and formulas. It exists as the second opinion beside math-verify: two programs of different make that agree are
evidence, one is an opinion. What it cannot read it does not guess.
"""

import re
import unicodedata
from collections.abc import Callable

from freehold.reasoning.formulas import Tree, read_formula
from freehold.reasoning.numerals import Numeral, is_rounding, numerals, shown

MAX_LENGTH: int = 400
"""Characters of an answer; a longer text is not one."""

Equal = Callable[[Tree, Tree], bool | None]

_BOXED = re.compile(r"\\(?:boxed|fbox)\s*\{")
_MARKED = re.compile(
    r"""
    ^\s*\#\#\#\#\s*(?P<hash>[^\n]+)
    | (?:
        ^[\#*_>\ \t]{0,9}(?:the\ )?(?:final\ )?answer[*_]{0,2}[ \t]{0,8}
        (?: \n | [-–—][ \t] | (?<=[\ \t])(?!is\b|[:=])(?=\S+[ \t]*$) )
      |
        (?<!\bto\ )(?<!ll\ )(?<!\bcan\ )
        (?P<other>\b(?:this|that|your|any|every|each|no|an)\s)?
        \b(?:final\s+)?answers?\b[*_]{0,2}
        (?:
            [ \t]{0,4}
            (?: [,(] | \b(?:to|for|of|in|on|at|from|after|as|with|here|choice|option|value|part|number|we|you|I|that|\d+)\b )
            (?: [^\n.:=?!] | \.(?=\d) ){0,80}?
        )?
        (?:
            \s{0,8}(?:\bis\s{0,8})?[:=]
          |
            (?: \s{0,8}(?<!\bwhat\ )(?<!\bwhich\ )\b
                (?: is | are | was | equals | comes?\ (?:out\ )?to | (?:would|should|must|will|can|could)\ be )\b
              | ['’]s\b )
            (?!\s+not\s+[^\w\s]?\d)
            (?P<judged>(?=\s+(?:not|correct|incorrect|wrong|rounded|given|shown|valid)\s+\w))?
        )
    )
    \s{0,8}(?:\*\*)?\s{0,8}
    (?P<said>(?![\s:=])[^\n]+?)(?=(?:\*\*)?\.?(?:\*\*)?\s*(?:\n|\Z)|(?:\*\*)?\.\s)
    """,
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)
"""`#### 42`; a line that begins or is headed with "answer"; "the answer ... is", ":" or "=", with what it is the answer to
between them, up to the end of the sentence. `other` and `judged` are sentences about an answer rather than one that states it."""

_CHOICE = re.compile(r"\(?([A-Ha-h])\)?[.)]?")
_WRAPPER = re.compile(r"\\(?:text|mathrm|mathbf|textbf|operatorname)\s*\{([^{}]*)\}")
_TYPOGRAPHY = re.compile(r"\\(?:left|right|displaystyle|,|;|!|:|\s)|\$|\*\*|\\\(|\\\)|\\\[|\\\]|~")
_SEPARATOR = re.compile(r"\s*(?:,|;|\bor\b|\band\b)\s*")
_CLOSED = (
    frozenset({"yes", "no"}),
    frozenset({"true", "false"}),
    frozenset({"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}),
)
"""Sets of words of which only one can be the answer."""


def final_answers(text: str, *, whole: bool) -> list[tuple[int, int, str]]:
    """(start, end, answer) of the last boxed answer, else of the last marked one (a sentence about an answer, "if this answer
    is not clear", only where no other is marked); else of the whole text when `whole` and it is short. An empty list where
    none is stated."""
    boxed = [span for match in _BOXED.finditer(text) if (span := _braced(text, match.end()))]
    if boxed:
        start, end = boxed[-1]
        return [(start, end, text[start:end])]
    marked = list(_MARKED.finditer(text))
    if marked:
        last = ([one for one in marked if not one["other"] and one["judged"] is None] or marked)[-1]
        group = "hash" if last["hash"] else "said"
        return [(*last.span(group), last[group])]
    stripped = text.strip()
    if whole and 0 < len(stripped) <= MAX_LENGTH:
        start = text.index(stripped)
        return [(start, start + len(stripped), stripped)]
    return []


def same_answer(expected: str, claimed: str, equal: Equal) -> bool | None:
    """Whether both state the same: True, False, or None when this reading cannot tell.

    `equal` compares two formulas. Numbers are compared exactly; a rounding of the expected value, a percentage against
    a number, or other words beside the number, is None.
    """
    one, other = plain(expected), plain(claimed)
    if not one or not other or max(len(one), len(other)) > MAX_LENGTH:
        return None
    if one.casefold() == other.casefold():
        return True
    for compare in (_same_choice, _same_words, _same_number):
        decided = compare(one, other)
        if decided is not None:
            return decided
    parts, others = _parts(one), _parts(other)
    if len(parts) > 1 or len(others) > 1:
        return _same_parts(one, other, parts, others, equal)
    return _same_formula(one, other, equal)


def without_words(answer: str) -> str:
    """The answer as mathematics has it: `31 eggs` is `31`; what is not one number with words stays as it is."""
    found = _only_number(plain(answer))
    return answer if found is None or not found[1] else shown(found[0].worth).split(" ")[0]


def plain(answer: str) -> str:
    """The answer without its typography: boxes, dollars, bold, full stop, text wrappers."""
    text = unicodedata.normalize("NFKC", answer.strip()).replace("−", "-")
    if (match := _BOXED.match(text)) and (span := _braced(text, match.end())):
        text = text[slice(*span)]
    text = _WRAPPER.sub(r" \1 ", _TYPOGRAPHY.sub(" ", text)).replace("\\%", "%")
    return re.sub(r"\s+", " ", text).strip().rstrip(".").strip()


def _braced(text: str, start: int) -> tuple[int, int] | None:
    depth = 1
    for place in range(start, min(len(text), start + 4 * MAX_LENGTH)):
        depth += (text[place] == "{") - (text[place] == "}")
        if depth == 0:
            return start, place
    return None


def _same_choice(one: str, other: str) -> bool | None:
    letters = [_CHOICE.fullmatch(text) for text in (one, other)]
    if not all(letters) or not any(text[0] == "(" or text[0].isupper() for text in (one, other)):
        return None
    first, second = (match[1].upper() for match in letters if match)
    return first == second


def _same_words(one: str, other: str) -> bool | None:
    pair = {one.casefold(), other.casefold()}
    return False if any(pair <= words for words in _CLOSED) else None


def _same_number(one: str, other: str) -> bool | None:
    """Numbers with or without words beside them: `9 apples` and `9`."""
    first, second = _only_number(one), _only_number(other)
    if first is None or second is None:
        return None
    (left, left_words), (right, right_words) = first, second
    if left.percent != right.percent:
        return True if left.worth == right.worth else None
    if left.worth != right.worth:
        same_kind = not left_words or not right_words or left_words == right_words
        close = is_rounding(left.value, right.value, right.quantum) or is_rounding(
            right.value, left.value, left.quantum
        )
        return False if same_kind and not close else None
    return True if not left_words or not right_words or left_words == right_words else None


def _only_number(text: str) -> tuple[Numeral, str] | None:
    found = numerals(text)
    if len(found) != 1:
        return None
    rest = (text[: found[0].start] + " " + text[found[0].end :]).strip().casefold()
    words = re.sub(r"[$€£¥]", "", rest).strip()
    return (found[0], words) if re.fullmatch(r"[a-z°²³ ]{0,40}", words) and not re.fullmatch(r"[a-z]", words) else None


def _parts(text: str) -> list[str]:
    inner = text[1:-1] if text[:1] in "([{" and text[-1:] in ")]}" and "," in text else text
    if re.search(r"\d,\d{3}\b", inner) and not re.search(r",\s", inner):
        return [text]
    depth, start, parts = 0, 0, list[str]()
    for place, character in enumerate(inner):
        depth += (character in "([{") - (character in ")]}")
        separator = _SEPARATOR.match(inner, place) if depth == 0 else None
        if separator and place >= start:
            parts.append(inner[start:place])
            start = separator.end()
    parts.append(inner[start:])
    return [part.strip() for part in parts if part.strip()]


def _same_parts(one: str, other: str, parts: list[str], others: list[str], equal: Equal) -> bool | None:
    ordered = one[:1] in "([" and other[:1] in "(["
    if ordered and (one[0], one[-1]) != (other[0], other[-1]):
        return None  # an interval's ends, or a tuple written otherwise
    if len(parts) != len(others):
        return False if len(parts) > 1 and len(others) > 1 else None
    if ordered:
        return _all([same_answer(left, right, equal) for left, right in zip(parts, others, strict=True)])
    left_over = list(others)
    for part in parts:
        verdicts = [same_answer(part, candidate, equal) for candidate in left_over]
        if True not in verdicts:
            return None if None in verdicts else False
        left_over.pop(verdicts.index(True))
    return True


def _all(verdicts: list[bool | None]) -> bool | None:
    return False if False in verdicts else None if None in verdicts else True


def _same_formula(one: str, other: str, equal: Equal) -> bool | None:
    trees = [read_formula(_right_side(text)) for text in (one, other)]
    if trees[0] is None or trees[1] is None:
        return None
    return equal(trees[0], trees[1])


def _right_side(text: str) -> str:
    """`x = 5` answers 5."""
    return re.sub(r"^\s*[A-Za-z]\s*(?:\([a-z]\))?\s*=", "", text)
