"""From a chain of thought to its steps: our own models' markers first, else paragraphs and sentences. Offsets are
exact.

    <step>...</step>          as our own models are trained to write
    1. ... / Step 1: ...      numbered lines, in order
    anything else             blocks (paragraph, list item, table, code, formula), paragraphs into sentences

It knows text and nothing of what a step claims. It exists because what is verified is a step, and two splitters give
two coverages: this is the one that every trace uses. Text outside the markers is split as well; nothing escapes by
standing between two steps. For every step `text == chain[start:end]`; steps are in order and never overlap, and what
lies between them is white space and markers only.

`sentences` is the splitter of Lanham et al. 2023 ("Measuring Faithfulness in Chain-of-Thought Reasoning"), who cut by
sentence alone: for early answering and added mistakes, so that the area over the curve can be compared.
"""

import re
from collections.abc import Iterator

from freehold.reasoning.protect import Protected, protected
from freehold.reasoning.sentences import sentence_spans
from freehold.reasoning.trace import Kind, Step

Piece = tuple[int, int, Kind]

_TAG = re.compile(r"<(/?)step(?:\s[^<>]{0,80})?>", re.IGNORECASE)
_STEP_LINE = re.compile(
    r"^[ \t]*(?:\#{1,6}[ \t]+)?(?:\*\*|__)?step[ \t]+(\d{1,3})(?:\*\*|__)?[ \t]*[:.)–—-](?:\*\*|__)?(?=\s|$)[ \t]*",
    re.IGNORECASE | re.MULTILINE,
)
_NUMBER_LINE = re.compile(r"^[ \t]*(?:\*\*)?(\d{1,3})[.)](?:\*\*)?[ \t]+", re.MULTILINE)
_LIST_ITEM = re.compile(r"[ \t]*(?:[-*+•–]|\d{1,3}[.)]|[a-zA-Z]\))[ \t]+")
_AFTER_LIST = re.compile(r"\n[ \t]*\n(?=\S)")


def split(chain: str) -> list[Step]:
    """The steps of a chain, by its markers where it has them. Blank text has none."""
    guarded = protected(chain)
    pieces = _tagged(chain, guarded) or _numbered(chain, guarded) or _blocks(chain, 0, len(chain), guarded)
    return _steps(chain, pieces)


def sentences(chain: str) -> list[Step]:
    """The sentences of a chain, markers or not. Code, tables and displayed formulas count as one sentence each."""
    guarded = protected(chain)
    pieces: list[Piece] = []
    for start, end, kind in _blocks(chain, 0, len(chain), guarded):
        whole = kind in ("code", "table", "formula")
        if whole:
            pieces.append((start, end, kind))
        else:
            pieces += _cut(chain, start, end, guarded, "sentence")
    return _steps(chain, pieces)


def answer_step(answer: str, index: int) -> Step:
    """The answer as the last step of a trace, without the white space around it."""
    start = len(answer) - len(answer.lstrip())
    end = max(start, len(answer.rstrip()))
    return Step(index=index, text=answer[start:end], start=start, end=end, kind="answer")


def _steps(chain: str, pieces: list[Piece]) -> list[Step]:
    steps: list[Step] = []
    for start, end, kind in pieces:
        while start < end and chain[start].isspace():
            start += 1
        while end > start and chain[end - 1].isspace():
            end -= 1
        if start < end:
            steps.append(Step(index=len(steps), text=chain[start:end], start=start, end=end, kind=kind))
    return steps


# --- markers ---


def _tagged(chain: str, guarded: list[Protected]) -> list[Piece]:
    """A step reaches from its tag to the closing one, or to the next tag when the model forgot to close it."""
    tags = [tag for tag in _TAG.finditer(chain) if not _inside(tag.start(), guarded)]
    if not any(not tag[1] for tag in tags):
        return []
    pieces: list[Piece] = []
    position, opened = 0, False
    for tag in tags:
        pieces += _span(chain, position, tag.start(), guarded, opened)
        position, opened = tag.end(), not tag[1]
    return pieces + _span(chain, position, len(chain), guarded, opened)


def _span(chain: str, start: int, end: int, guarded: list[Protected], opened: bool) -> list[Piece]:  # noqa: FBT001
    return [(start, end, "tag")] if opened else _blocks(chain, start, end, guarded)


def _numbered(chain: str, guarded: list[Protected]) -> list[Piece]:
    markers = _in_order(_STEP_LINE, chain, guarded, 1)
    whole = bool(markers)
    markers = markers or _in_order(_NUMBER_LINE, chain, guarded, 2)
    if not markers:
        return []
    pieces = _blocks(chain, 0, markers[0].start(), guarded)
    for marker, following in zip(markers, [*markers[1:], None], strict=True):
        end = following.start() if following else len(chain)
        # A plain list ends where a paragraph begins at the margin; what `Step 3:` heads ends with the next step.
        over = None if whole or following else _AFTER_LIST.search(chain, marker.end())
        pieces.append((marker.end(), over.start() if over else end, "numbered"))
        if over:
            pieces += _blocks(chain, over.start(), end, guarded)
    return pieces


def _in_order(pattern: re.Pattern[str], chain: str, guarded: list[Protected], least: int) -> list[re.Match[str]]:
    """The markers that count up from 0 or 1, or begin again; fewer than `least` are none."""
    kept: list[re.Match[str]] = []
    for marker in pattern.finditer(chain):
        number = int(marker[1])
        before = int(kept[-1][1]) if kept else None
        if not _inside(marker.start(), guarded) and (
            number == 1 or (number == 0 if before is None else number == before + 1)
        ):
            kept.append(marker)
    return kept if len(kept) >= least else []


def _inside(position: int, guarded: list[Protected]) -> bool:
    return any(start <= position < end for start, end, what in guarded if what != "inline")


# --- blocks ---


def _blocks(chain: str, start: int, end: int, guarded: list[Protected]) -> list[Piece]:
    """A region as code, formulas, tables and list items, each whole, and paragraphs cut into sentences."""
    pieces: list[Piece] = []
    position = start
    for block_start, block_end, what in guarded:
        if what == "inline" or block_start < position or block_end > end or not _alone(chain, block_start, block_end):
            continue
        pieces += _prose(chain, position, block_start, guarded)
        pieces.append((block_start, block_end, what))
        position = block_end
    return pieces + _prose(chain, position, end, guarded)


def _alone(chain: str, start: int, end: int) -> bool:
    """Whether the passage begins and ends its lines, but for a full stop; a formula amid a sentence stays with it."""
    before = chain[chain.rfind("\n", 0, start) + 1 : start]
    line_end = chain.find("\n", end)
    after = chain[end : line_end if line_end >= 0 else len(chain)]
    return not before.strip() and not after.strip(" \t.,;")


def _prose(chain: str, start: int, end: int, guarded: list[Protected]) -> list[Piece]:
    pieces: list[Piece] = []
    for first, last, kind in _groups(chain, start, end):
        if kind == "paragraph":
            pieces += _cut(chain, first, last, guarded, "paragraph")
        else:
            pieces.append((first, last, kind))
    return pieces


def _groups(chain: str, start: int, end: int) -> Iterator[Piece]:
    """Runs of lines of one kind: a table's rows, an item with its continuation, a paragraph up to a blank line."""
    first, kind = start, ""
    for line_start, line_end in _lines(chain, start, end):
        line = chain[line_start:line_end]
        here = _kind(line)
        goes_on = here == kind and here in ("paragraph", "table")
        goes_on = goes_on or (kind == "list_item" and here == "paragraph" and line[:1] in " \t")
        if not goes_on:
            if kind:
                yield first, line_start, _KINDS[kind]
            first, kind = line_start, here
    if kind:
        yield first, end, _KINDS[kind]


_KINDS: dict[str, Kind] = {"paragraph": "paragraph", "table": "table", "list_item": "list_item"}


def _kind(line: str) -> str:
    if not line.strip():
        return ""
    if line.lstrip().startswith("|"):
        return "table"
    return "list_item" if _LIST_ITEM.match(line) else "paragraph"


def _lines(chain: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while start < end:
        stop = chain.find("\n", start, end)
        stop = end if stop < 0 else stop + 1
        yield start, stop
        start = stop


def _cut(chain: str, start: int, end: int, guarded: list[Protected], alone: Kind) -> list[Piece]:
    """A paragraph's sentences; `alone` is the kind of one that has a single sentence."""
    spans = sentence_spans(chain, start, end, guarded)
    kind: Kind = "sentence" if len(spans) > 1 else alone
    return [(first, last, kind) for first, last in spans]
