"""Passages that a splitter must not cut: code, formulas, addresses. One pass, linear in the length of the text.

It knows where such a passage begins and ends and nothing of sentences or steps. It exists because a full stop inside
`x = 3.5` or a URL ends nothing, and a formula cut in two can be checked by nobody.
"""

import re
from typing import Literal

Protected = tuple[int, int, Literal["code", "formula", "inline"]]
"""(start, end, what). `code` and `formula` are blocks of their own; `inline` passages belong to their sentence."""

_OPENER = re.compile(
    r"""(?P<fence>^[ \t]*(?P<ticks>`{3,}|~{3,})[^\n`]*$)
    |(?P<display>\$\$|\\\[)
    |(?P<environment>\\begin\{(?P<name>[A-Za-z]+\*?)\})
    |(?P<parens>\\\()
    |(?P<dollar>\$(?=[^\s$])[^$\n]{0,400}(?<=\S)\$(?!\d))
    |(?P<url>\bhttps?://[^\s<>"`]+)
    |(?P<tick>`+)""",
    re.MULTILINE | re.VERBOSE,
)
_CLOSERS = {"$$": "$$", "\\[": "\\]", "\\(": "\\)"}
_AFTER_URL = ".,;:!?)]}'\""


def protected(text: str) -> list[Protected]:
    """The passages in order, none inside another. What is opened and never closed protects nothing, but for a fence,
    which reaches to the end, as CommonMark has it."""
    found: list[Protected] = []
    dead: set[str] = set()
    position = 0
    while match := _OPENER.search(text, position):
        passage = _passage(text, match, dead)
        if passage is None:
            position = match.end()
            continue
        found.append(passage)
        position = max(passage[1], match.start() + 1)
    return found


def _passage(text: str, match: re.Match[str], dead: set[str]) -> Protected | None:
    """`dead` holds the closers that the rest of the text does not have, so none is looked for twice."""
    start = match.start()
    if match["fence"]:
        return start, _fence_end(text, match), "code"
    if match["dollar"]:
        return start, match.end(), "inline"
    if match["url"]:
        return start, start + len(match["url"].rstrip(_AFTER_URL)), "inline"
    closer = f"\\end{{{match['name']}}}" if match["environment"] else _CLOSERS.get(match[0], match[0])
    end = -1 if closer in dead else text.find(closer, match.end())
    if end < 0:
        dead.add(closer)
        return None
    return start, end + len(closer), "formula" if match["display"] or match["environment"] else "inline"


def _fence_end(text: str, match: re.Match[str]) -> int:
    ticks = match["ticks"]
    closing = re.compile(rf"^[ \t]*{re.escape(ticks[0])}{{{len(ticks)},}}[ \t]*$", re.MULTILINE)
    closed = closing.search(text, match.end())
    return closed.end() if closed else len(text)
