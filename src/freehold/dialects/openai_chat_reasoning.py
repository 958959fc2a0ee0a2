"""Reasoning in Chat messages: the chain of thought that can be read, and the artefacts that only their vendor can.

Chat has no field of its own for either. The readable chain stands in `reasoning_content` (or `reasoning`), as DeepSeek
and vLLM have it; artefacts stand in `reasoning_details`, in the shape that OpenRouter documents: `reasoning.text` with a
`signature`, `reasoning.summary`, `reasoning.encrypted` with `data`; details of one artefact share an `index`.
Artefacts carry the seal of `origin.py`. This file knows both shapes and no vendor.
"""

from collections.abc import Sequence
from typing import Any

from freehold.dialects.openai_chat_wire import MessageFields, ReasoningDetail
from freehold.dialects.origin import seal as sealed
from freehold.dialects.origin import unseal
from freehold.messages import Reasoning


def read_reasoning(message: MessageFields, *, from_vendor: bool = False) -> tuple[Reasoning, ...]:
    """The artefacts of an assistant's message, first to last. Details are exact, so they win over the display text.

    Artefacts from a caller carry our seal; what comes from a vendor is its own to the last byte, whatever it looks like
    (the vendor may be another Freehold)."""
    plain = message.reasoning_content or message.reasoning
    if not message.reasoning_details:
        return (Reasoning(text=plain),) if plain else ()
    parts = _read_details(message.reasoning_details, from_vendor=from_vendor)
    if plain and not any(part.text or part.summary for part in parts):
        return (Reasoning(text=plain), *parts)
    return parts


def display_text(parts: Sequence[Reasoning]) -> str:
    """What a person reads of the artefacts: the chains, or the vendor's summaries where there is no chain."""
    return "\n\n".join(text for part in parts if (text := readable(part)))


def readable(part: Reasoning) -> str:
    """The chain itself, else its summary, else nothing."""
    return part.text or "\n\n".join(part.summary)


def write_details(parts: Sequence[Reasoning]) -> list[dict[str, Any]]:
    """`reasoning_details` for these artefacts, or nothing when all of it stands in the display text anyway."""
    if all(part.opaque is None for part in parts):
        return []
    return [detail for index, part in enumerate(parts) for detail in details_of(part, index)]


def details_of(part: Reasoning, index: int) -> list[dict[str, Any]]:
    """One artefact as details that `read_reasoning` puts together again without loss."""
    opaque = part.opaque if part.opaque is None or part.origin is None else sealed(part.opaque, part.origin)
    details: list[dict[str, Any]] = []
    if part.summary:
        details.append({"type": "reasoning.summary", "summary": "\n\n".join(part.summary)})
    if part.text or (opaque is not None and not part.redacted and not part.summary):
        signed = {"type": "reasoning.text", "text": part.text}
        details.append(signed if opaque is None else {**signed, "signature": opaque})
    elif opaque is not None:
        details.append({"type": "reasoning.encrypted", "data": opaque})
    for detail in details:
        if part.id is not None:
            detail["id"] = part.id
        detail["index"] = index
    return details


def _read_details(details: list[ReasoningDetail], *, from_vendor: bool) -> tuple[Reasoning, ...]:
    gathered: list[_Gathered] = []
    for detail in details:
        if not gathered or not gathered[-1].takes(detail):
            gathered.append(_Gathered(detail))
        gathered[-1].add(detail)
    return tuple(artefact.part(from_vendor=from_vendor) for artefact in gathered)


class _Gathered:
    """One artefact while its details come in."""

    __slots__ = ("encrypted", "id", "index", "opaque", "summary", "text")

    def __init__(self, detail: ReasoningDetail) -> None:
        self.id = detail.id
        self.index = detail.index
        self.text = ""
        self.summary = ""
        self.opaque: str | None = None
        self.encrypted = False

    def takes(self, detail: ReasoningDetail) -> bool:
        """Whether the detail belongs to this artefact. No artefact has two opaque parts or two ids."""
        if self.opaque and (detail.signature or detail.data):
            return False
        if self.id and detail.id and self.id != detail.id:
            return False
        if detail.index is None:
            return detail.id is not None and detail.id == self.id
        return detail.index == self.index

    def add(self, detail: ReasoningDetail) -> None:
        self.text += detail.text or ""
        self.summary += detail.summary or ""
        self.opaque = detail.signature or detail.data or self.opaque
        self.encrypted = self.encrypted or bool(detail.data)
        self.id = self.id or detail.id

    def part(self, *, from_vendor: bool) -> Reasoning:
        origin, opaque = unseal(self.opaque) if self.opaque and not from_vendor else (None, self.opaque)
        return Reasoning(
            text=self.text,
            summary=(self.summary,) if self.summary else (),
            opaque=opaque,
            origin=origin,
            redacted=self.encrypted and not self.text and not self.summary,
            id=self.id,
        )
