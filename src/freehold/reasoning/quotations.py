"""Quotations: whether what stands in quotation marks stands so in a supplied document, and what was changed if not.

It knows words and documents and nothing of what a quotation is used for. It exists because a quotation with a silent
edit is worse than a paraphrase: it borrows the authority of words that nobody wrote.

The words must be the same and in order, whatever the marks, dashes, spaces and line breaks between them; capitals may
differ where the sentence around needs it; `...` and `[...]` leave something out, `[brackets]` are the quoter's. A
passage that shares at least 0.9 of the words is an edited quotation and refuted, with each edit named. What is found
nowhere is unsupported: the document may simply not have been supplied. Fewer than three words in marks are a term, not
a quotation.
"""

import re
from typing import ClassVar

from freehold.reasoning.passages import Place, Word, exact_place, nearest_place, words
from freehold.reasoning.trace import Finding, Step
from freehold.reasoning.verifier import Context, Sample, finding

FEWEST_WORDS: int = 3

MOST_SUPPLIED: int = 2_000_000
"""Characters of all documents that are searched."""

QUESTION: str = "the question"

_QUOTED = re.compile(
    r"“([^“”]{1,3000})”|«([^«»]{1,3000})»|„([^„“”]{1,3000})[“”]|(?<![\w\d])\"([^\"\n]{1,3000})\"(?![\w])"
)
_LEFT_OUT = re.compile(r"\s*(?:\[\s*(?:\.{3}|…)\s*\]|\.{3,}|…)\s*")
_INSERTED = re.compile(r"\[([^\[\]]{0,60})\]")

_SOURCE = {"report": "Profit rose by 4.2 % to 31 million euros, the board of the company said in March."}


class Quotations:
    """Checks what stands in quotation marks against the documents and the question."""

    name: ClassVar[str] = "quotations"
    version: ClassVar[str] = "1"
    late: ClassVar[bool] = False
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample("gold", "It says “profit rose by 4.2% to 31 million euros”.", Context(documents=_SOURCE)),
        Sample("gold", 'It says "Profit rose ... the board of the company said in March."', Context(documents=_SOURCE)),
        Sample(
            "corrupted",
            "It says “Profit rose by 4.2 % to 13 million euros, the board of the company said”.",
            Context(documents=_SOURCE),
        ),
        Sample("corrupted", "It says “losses were never seen before”.", Context(documents=_SOURCE)),
        Sample("garbage", 'A "profit" of 6" and 7" pipes, said nobody.', Context(documents=_SOURCE)),
        Sample("garbage", "“Nothing was supplied to hold this against”."),
    )

    def check(self, step: Step, context: Context) -> list[Finding]:
        """A finding for each quotation of at least three words."""
        found: list[Finding] = []
        supplied: dict[str, list[Word]] | None = None
        for match in _QUOTED.finditer(step.text):
            group = match.lastindex or 1
            if len(words(match[group])) < FEWEST_WORDS:
                continue
            supplied = _supplied(context) if supplied is None else supplied
            found.append(self._finding(step, match.span(group), match[group], supplied, context))
        return found

    def close(self) -> None:
        """Nothing is open."""

    def _finding(
        self, step: Step, span: tuple[int, int], quoted: str, supplied: dict[str, list[Word]], context: Context
    ) -> Finding:
        parts = [words(_INSERTED.sub(_kept, part)) for part in _LEFT_OUT.split(quoted)]
        parts = [part for part in parts if part]
        for document, text in supplied.items():
            for fold in (False, True):
                place = _in_order(parts, document, text, fold=fold)
                if place is not None:
                    reason = "The words stand so there" + (", but for capitals." if fold else ".")
                    return finding(self, step, span, "verified", _where(place), reason)
        if not context.documents:
            return finding(self, step, span, "not_checkable", "", "No document was supplied.")
        places = (
            [nearest_place(max(parts, key=len), document, text) for document, text in supplied.items()] if parts else []
        )
        best = max((place for place in places if place), key=lambda place: place.ratio, default=None)
        if best is None or not best.edits:
            return finding(
                self, step, span, "unsupported", "", "No supplied document has these words, or nearly these."
            )
        reason = f"An edited quotation, {best.ratio:.0%} the same: {'; '.join(best.edits)}."
        return finding(self, step, span, "refuted", _where(best), reason)


VERIFIER = Quotations


def _supplied(context: Context) -> dict[str, list[Word]]:
    left = MOST_SUPPLIED
    supplied: dict[str, list[Word]] = {}
    for name, text in [*context.documents.items(), (QUESTION, context.question)]:
        supplied[name] = words(text[:left])
        left -= len(text[:left])
    return supplied


def _in_order(parts: list[list[Word]], document: str, text: list[Word], *, fold: bool) -> Place | None:
    """The place from the first part to the last, when all stand in the document one after another."""
    position, first = 0, None
    last: Place | None = None
    for part in parts:
        rest = [word for word in text if word.start >= position] if position else text
        last = exact_place(part, document, rest, fold=fold)
        if last is None:
            return None
        first = last.start if first is None else first
        position = last.end
    return Place(document, first, last.end, 1.0, ()) if last is not None and first is not None else None


def _where(place: Place) -> str:
    return f"{place.document}, characters {place.start} to {place.end}"


def _kept(match: re.Match[str]) -> str:
    """`[T]he` is one word with a changed capital; `[the company]` is the quoter's and left out."""
    return match[1] if len(match[1]) == 1 else " "
