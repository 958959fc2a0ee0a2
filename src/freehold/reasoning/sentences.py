"""Where sentences end in English prose that holds numbers, formulas and abbreviations.

It knows the marks that end a sentence and the words whose full stop does not, and nothing of steps. It exists apart
from `split.py` because it is the part that a language changes.
"""

import re
from bisect import bisect_right

from freehold.reasoning.protect import Protected

_END = re.compile(r"(?:[.!?…]+[\"'”’)\]*_]*|[。！？]+[」』）]*)(?=\s|$)|[。！？]+[」』）]*|\n")
_WORD_BEFORE = re.compile(r"[A-Za-zÀ-ÖØ-öø-ÿ.]+$")
_NUMBER_OF_ITEM = re.compile(r"^[ \t]*\d{1,3}\Z", re.MULTILINE)
_NEXT_WORD = re.compile(r"[\s\"'“‘(\[*_]*(\w*)")

_NEVER_ENDS = frozenset(
    "dr mr mrs ms prof rev gen col lt sgt hon st mt fig figs eq eqs no nos vs v cf e.g i.e eg ie viz approx ca resp sec "  # noqa: SIM905
    "secs ch chap vol vols pp p ed eds al ref refs tab def thm lem prop cor rem ex dept univ".split()
)
_SELDOM_ENDS = frozenset(
    "etc inc ltd co corp jr sr u.s u.k e.u a.m p.m am pm ph.d b.sc m.sc min max avg sq ft in oz lb".split()  # noqa: SIM905
)
_ALSO_WORDS = frozenset({"in", "am", "co", "min", "max", "ex", "p", "v"})
_STARTERS = frozenset(
    "the then so thus therefore hence we it this that these now next but and if in for he she they i a an to since "  # noqa: SIM905
    "because let first second finally step as there each also however when using given adding subtracting".split()
)
WRAPPED: int = 60
"""A line of at least so many characters that ends without a mark goes on in the next one: text wrapped at a margin."""


def sentence_spans(text: str, start: int, end: int, guarded: list[Protected]) -> list[tuple[int, int]]:
    """The sentences of `text[start:end]` as (start, end), in order, touching each other; never cut in a guarded
    passage."""
    starts = [passage[0] for passage in guarded]
    spans: list[tuple[int, int]] = []
    first = start
    for mark in _END.finditer(text, start, end):
        number = bisect_right(starts, mark.start()) - 1
        if number >= 0 and mark.start() < guarded[number][1]:
            continue
        ends = _line_ends(text, first, mark.start(), end) if mark[0] == "\n" else _ends(text, mark, end)
        if ends and text[first : mark.end()].strip():
            spans.append((first, mark.end()))
            first = mark.end()
    if text[first:end].strip():
        spans.append((first, end))
    return spans


def _ends(text: str, mark: re.Match[str], end: int) -> bool:
    following = _NEXT_WORD.match(text, mark.end(), end)
    word = following[1] if following else ""
    if not mark[0].startswith("."):
        return not word[:1].islower() or mark[0][0] not in "…"
    if mark[0].startswith(("..", "…")):
        return not word[:1].islower()
    before = _WORD_BEFORE.search(text, max(0, mark.start() - 24), mark.start())
    spoken = before[0].lstrip(".") if before else ""
    return _word_ends(text, mark.start(), spoken, word)


def _word_ends(text: str, stop: int, spoken: str, word: str) -> bool:
    """Whether the full stop after `spoken` ends a sentence that `word` would follow."""
    lower = spoken.lower()
    starts = not word or word[0].isupper() or word[0].isdigit() or not word[0].isalpha()
    if len(spoken) == 1 and spoken.isupper():
        return not word or word.lower() in _STARTERS
    if lower == "no":
        return not word or (starts and not word[0].isdigit())
    if lower in _ALSO_WORDS:
        return starts
    if lower in _NEVER_ENDS:
        return not word
    if lower in _SELDOM_ENDS:
        return not word or word[0].isupper()
    if not spoken and _NUMBER_OF_ITEM.search(text, max(0, stop - 5), stop):
        return False
    return not word[:1].islower()


def _line_ends(text: str, first: int, position: int, end: int) -> bool:
    """Whether a single line break ends a sentence: not when the line was wrapped or plainly goes on."""
    line = text[max(first, text.rfind("\n", first, position) + 1) : position].rstrip()
    following = text[position + 1 : end].lstrip(" \t")[:1]
    if not line or not following or following == "\n":
        return True
    if following.islower() or line[-1] in ",-–—(+=*/×":
        return False
    return line[-1] in ":;|" or len(line) < WRAPPED
