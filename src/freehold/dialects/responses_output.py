"""The output of a Responses answer while it is streamed: its items, and the events that tell of each.

An item gathers what it is told and gives events as (kind, fields); `responses_writer.py` numbers and sends them. It
knows no chunk and no order between items.
Source: openai SDK 3.54, `types/responses/response_*_event.py`.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from freehold.dialects.responses_reply import Wire, call_item, message_item, reasoning_item, refusal_part, text_part

_encode: Final = msgspec.json.Encoder().encode

Told = tuple[str, dict[str, Any]]
"""An event: its kind, and its fields without the kind and the number."""


def delta_prefix(kind: str, fields: Wire) -> bytes:
    """The bytes of a delta event up to the delta, which comes so often that only it is encoded each time."""
    return b"event: " + kind.encode() + b"\ndata: " + _encode({"type": kind, **fields})[:-1] + b',"delta":'


class MessageItem:
    """A message: texts and refusals, one after the other."""

    def __init__(self, given_id: str, output_index: int) -> None:
        self.id = given_id
        self.output_index = output_index
        self.open = 0
        self.content: list[Wire] = []

    def whole(self, status: str) -> Wire:
        return {**message_item(self.id, status), "content": self.content}


class Words:
    """One text or refusal in a message."""

    def __init__(self, item: MessageItem, *, refusal: bool) -> None:
        self.item = item
        self._at = len(item.content)
        self._place: Wire = {"item_id": item.id, "output_index": item.output_index, "content_index": self._at}
        self.pieces: list[str] = []
        self._refusal = refusal
        self._kind = "response.refusal" if refusal else "response.output_text"
        self.prefix = delta_prefix(f"{self._kind}.delta", self._place if refusal else {**self._place, "logprobs": []})

    def begin(self) -> Iterator[Told]:
        part = refusal_part("") if self._refusal else text_part("")
        self.item.content.append(part)
        self.item.open += 1
        yield "response.content_part.added", {**self._place, "part": part}

    def done(self) -> Iterator[Told]:
        text = "".join(self.pieces)
        part = refusal_part(text) if self._refusal else text_part(text)
        self.item.content[self._at] = part
        self.item.open -= 1
        said: Wire = {"refusal": text} if self._refusal else {"text": text, "logprobs": []}
        yield f"{self._kind}.done", {**self._place, **said}
        yield "response.content_part.done", {**self._place, "part": part}


class Call:
    """A function call: an item of one part."""

    def __init__(self, given_id: str, output_index: int, call_id: str, name: str) -> None:
        self.id = given_id
        self.output_index = output_index
        self.open = 1
        self.item = self
        self.pieces: list[str] = []
        self._call_id = call_id
        self._name = name
        self._place = {"item_id": given_id, "output_index": output_index}
        self.prefix = delta_prefix("response.function_call_arguments.delta", self._place)

    def whole(self, status: str) -> Wire:
        return call_item(self.id, self._call_id, self._name, "".join(self.pieces), status)

    def done(self) -> Iterator[Told]:
        self.open = 0
        said = {"name": self._name, "arguments": "".join(self.pieces)}
        yield "response.function_call_arguments.done", {**self._place, **said}


class Thought:
    """A reasoning item: one summary, one chain, and what only its maker can read."""

    def __init__(self, given_id: str, output_index: int) -> None:
        self.id = given_id
        self.output_index = output_index
        self.open = 1
        self.item = self
        self.opaque: str | None = None
        self._summary: list[str] = []
        self._chain: list[str] = []
        self._in_summary: Wire = {"item_id": given_id, "output_index": output_index, "summary_index": 0}
        self._in_chain: Wire = {"item_id": given_id, "output_index": output_index, "content_index": 0}

    def whole(self, status: str) -> Wire:
        summary = ["".join(self._summary)] if self._summary else []
        del status  # OpenAI's reasoning items have none, and it refuses them with one when they come back
        return reasoning_item(self.id, summary, "".join(self._chain), self.opaque)

    def add(self, text: str, *, summary: bool) -> Iterator[Told]:
        pieces, place = (self._summary, self._in_summary) if summary else (self._chain, self._in_chain)
        if not pieces:
            yield _ADDED[summary], {**place, "part": _thought_part("", summary=summary)}
        pieces.append(text)
        yield _TEXTS[summary] + ".delta", {**place, "delta": text}

    def done(self) -> Iterator[Told]:
        self.open = 0
        for summary, pieces, place in ((True, self._summary, self._in_summary), (False, self._chain, self._in_chain)):
            if pieces:
                text = "".join(pieces)
                yield _TEXTS[summary] + ".done", {**place, "text": text}
                yield _DONE[summary], {**place, "part": _thought_part(text, summary=summary)}


_ADDED: Final = {True: "response.reasoning_summary_part.added", False: "response.content_part.added"}
_TEXTS: Final = {True: "response.reasoning_summary_text", False: "response.reasoning_text"}
_DONE: Final = {True: "response.reasoning_summary_part.done", False: "response.content_part.done"}


def _thought_part(text: str, *, summary: bool) -> Wire:
    return {"type": "summary_text" if summary else "reasoning_text", "text": text}


Item = MessageItem | Call | Thought
OpenPart = Words | Call | Thought
