"""Citations: whether a cited record was supplied, and whether the numbers of the citing sentence stand in it.

    Revenue was 31 million [report-7].      (see section 4.2)      source: A-113

It knows identifiers and numbers and nothing of meaning: that the record supports the *sentence* is not shown, only that
it is there and has its numbers. It exists because an invented reference is the cheapest way to look well-founded.

A cited identifier is one of the supplied ones in brackets or after a word such as "source", or something of the same
shape (letters for letters, digits for digits, at least one digit) that was not supplied, which is refuted.
"""

import re
from fractions import Fraction
from typing import ClassVar

from freehold.reasoning.numerals import numerals, shown
from freehold.reasoning.sentences import sentence_spans
from freehold.reasoning.trace import Finding, Step
from freehold.reasoning.verifier import Context, Sample, finding

_BRACKETED = re.compile(r"\[([^\[\]\n]{1,200})\]|\(([^()\n]{1,200})\)|【([^【】\n]{1,200})】")
_NAMED = re.compile(
    r"\b(?:see|per|according\s+to|sources?|record|document|doc|section|ref|reference|id)"
    r"(?:\s+(?:the\s+)?(?:source|record|document|doc|section|reference))?\s*[:#]?\s*([\w./#:-]{1,80})",
    re.IGNORECASE,
)
_LIST = re.compile(r"\s*[,;]\s*|\s+and\s+")
_LEAD = re.compile(r"^(?:see|source|sources|record|document|doc|section|ref|reference|id|cf\.)\s*[:#]?\s+", re.I)

_SOURCE = {"report-7": "Revenue was 31 million euros in 2024.", "report-9": "Staff grew to 420."}


class Citations:
    """Checks cited record ids against the ids of the documents."""

    name: ClassVar[str] = "citations"
    version: ClassVar[str] = "1"
    late: ClassVar[bool] = False
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            "gold", "Revenue was 31 million euros [report-7]. Staff grew to 420 (report-9).", Context(documents=_SOURCE)
        ),
        Sample("corrupted", "Revenue was 31 million euros [report-8].", Context(documents=_SOURCE)),
        Sample("corrupted", "Revenue was 32 million euros [report-7].", Context(documents=_SOURCE)),
        Sample("garbage", "A list [1, 2], a (small) aside, and f[i].", Context(documents=_SOURCE)),
        Sample("garbage", "Revenue was 31 million euros [report-7]."),
    )

    def check(self, step: Step, context: Context) -> list[Finding]:
        """A finding for each cited identifier, in the order of the text."""
        if not context.documents:
            return []
        known = {name.casefold(): name for name in context.documents}
        shapes = {_shape(name) for name in context.documents if any(character.isdigit() for character in name)}
        found: list[Finding] = []
        for start, end in sorted(_cited(step.text)):
            written = step.text[start:end]
            name = known.get(written.casefold())
            if name is not None:
                found.append(self._supported(step, (start, end), name, context))
            elif _shape(written) in shapes:
                reason = f"No document with this id was supplied; {len(known)} were."
                found.append(finding(self, step, (start, end), "refuted", "", reason))
        return found

    def close(self) -> None:
        """Nothing is open."""

    def _supported(self, step: Step, span: tuple[int, int], name: str, context: Context) -> Finding:
        sentence = _sentence(step.text, span[0])
        cited = _cited(step.text)
        stated = [
            numeral
            for numeral in numerals(step.text)
            if sentence[0] <= numeral.start < sentence[1]
            and not any(start <= numeral.start < end for start, end in cited)
        ]
        there = {numeral.value for numeral in numerals(context.documents[name])}
        known = there | {Fraction(value) for value in context.derived}
        missing = [shown(numeral.value) for numeral in stated if numeral.value not in known]
        if missing:
            reason = f"The record was supplied and does not have {', '.join(missing)}."
            return finding(self, step, span, "unsupported", name, reason)
        reason = "The record was supplied" + (" and has the numbers of the sentence." if stated else ".")
        return finding(self, step, span, "verified", name, reason)


VERIFIER = Citations


def _cited(text: str) -> set[tuple[int, int]]:
    """The spans that may be identifiers: parts of what stands in brackets, and what follows a word of reference."""
    spans: set[tuple[int, int]] = set()
    for match in _BRACKETED.finditer(text):
        group = match.lastindex or 1
        position = match.start(group)
        for part in _LIST.split(match[group]):
            place = text.index(part, position)
            lead = _LEAD.match(part)
            spans.add((place + (lead.end() if lead else 0), place + len(part)))
            position = place + len(part)
    for match in _NAMED.finditer(text):
        identifier = match[1].rstrip(".:,/")
        spans.add((match.start(1), match.start(1) + len(identifier)))
    return {(start, end) for start, end in spans if start < end}


def _shape(name: str) -> str:
    """`report-12` and `report-7` have one shape: the words stay, each run of digits is one sign."""
    return re.sub(r"\d+", "0", name.casefold())


def _sentence(text: str, position: int) -> tuple[int, int]:
    return next(
        (span for span in sentence_spans(text, 0, len(text), []) if span[0] <= position < span[1]), (0, len(text))
    )
