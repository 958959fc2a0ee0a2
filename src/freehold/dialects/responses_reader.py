"""Reads a vendor's Responses stream: typed events into chunks.

Deltas carry the content and the `.done` events repeat it whole. The whole is used only where a server sent no deltas,
and for what is final only then: the encrypted content of a reasoning item is complete in `output_item.done` and not
before. It knows no vendor. A stream that ends without one of the three closing events is broken, whatever it said before.
"""

from collections.abc import Callable, Mapping
from typing import ClassVar, Final

import msgspec

from freehold.dialects.dialect import Event
from freehold.dialects.responses_reply import finish, status_of, usage
from freehold.dialects.responses_request import texts
from freehold.dialects.responses_wire import WireError, WireEvent, WireEventType, WireItem, WirePart
from freehold.errors import VendorGarbled
from freehold.messages import (
    Chunk,
    Failed,
    Finished,
    Ignored,
    PartEnd,
    ReasoningDelta,
    ReasoningSeal,
    RefusalDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    UsageReport,
)

_decoder: Final = msgspec.json.Decoder(WireEvent)
_type_decoder: Final = msgspec.json.Decoder(WireEventType)

_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.failed"})
_WHOLE: Final = -1
"""Stands for the place in an item whose part is the item itself (a function call, a reasoning item)."""


class Reader:
    """One for each answer."""

    def __init__(self) -> None:
        self._places: dict[tuple[int, int], int] = {}  # (item, part of it) -> our index of the part
        self._open: set[int] = set()
        self._summaries: dict[int, int] = {}  # item -> the summary part that the last delta belonged to
        self._chains: dict[int, int] = {}  # item -> the part of its chain that the last delta belonged to
        self._filled: set[int] = set()  # parts of which content has been told
        self._started = False
        self._called = False
        self._finished = False

    def read(self, event: Event) -> list[Chunk]:
        """The chunks in this event; `[Ignored()]` where it carries nothing for us. Raises `VendorGarbled`."""
        handler = self._HANDLERS.get(event.name or _kind(event))
        if handler is None:
            return [Ignored()]
        try:
            wire = _decoder.decode(event.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise VendorGarbled(f"An event of the vendor's stream cannot be read: {str(error).rstrip('.')}.") from error
        return handler(self, wire) or [Ignored()]

    def ends(self, event: Event) -> bool:
        """Whether the event closes the stream."""
        return (event.name or _kind(event)) in _ENDS

    def finished(self) -> bool:
        """Whether the vendor has said that its answer is complete, or that it stopped short on purpose."""
        return self._finished

    # --- the life of the response

    def _start(self, wire: WireEvent) -> list[Chunk]:
        if self._started or wire.response is None:
            return []
        self._started = True
        return [Started(wire.response.id, wire.response.model, int(wire.response.created_at or 0))]

    def _finish(self, wire: WireEvent) -> list[Chunk]:
        if wire.response is None:
            raise VendorGarbled("The event that ends the vendor's stream carries no response.")
        chunks = self._start(wire)
        if not self._places:  # a server that sends nothing but the whole
            for at, item in enumerate(wire.response.output or ()):
                chunks += self._end_item(at, item)
        chunks += [PartEnd(index) for index in sorted(self._open)]
        self._open.clear()
        counted = usage(wire.response)
        if counted is not None:
            chunks.append(UsageReport(counted))
        ended, native = finish(wire.response, called=self._called)
        if ended == "error":
            chunks.append(_failed(wire.response.error, native))
        else:
            self._finished = True
            chunks.append(Finished(ended, native))
        return chunks

    def _error(self, wire: WireEvent) -> list[Chunk]:
        return [_failed(wire.error or WireError(wire.code, wire.message), None)]

    # --- items

    def _item_added(self, wire: WireEvent) -> list[Chunk]:
        item = wire.item
        if item is None or item.type != "function_call" or not item.name:
            return []
        return self._start_call(wire.output_index, item)

    def _item_done(self, wire: WireEvent) -> list[Chunk]:
        return self._end_item(wire.output_index, wire.item) if wire.item is not None else []

    def _end_item(self, at: int, item: WireItem) -> list[Chunk]:
        if item.type == "function_call":
            return self._end_call(at, item)
        if item.type == "reasoning":
            return self._end_reasoning(at, item)
        chunks: list[Chunk] = []
        if item.type == "message" and isinstance(item.content, list):
            for place, part in enumerate(item.content):
                chunks += self._end_part(at, place, part)
        return chunks

    # --- text

    def _text(self, wire: WireEvent) -> list[Chunk]:
        if not wire.delta:
            return []
        return [TextDelta(self._fill(wire.output_index, wire.content_index), wire.delta)]

    def _refusal(self, wire: WireEvent) -> list[Chunk]:
        if not wire.delta:
            return []
        return [RefusalDelta(self._fill(wire.output_index, wire.content_index), wire.delta)]

    def _part_done(self, wire: WireEvent) -> list[Chunk]:
        return self._end_part(wire.output_index, wire.content_index, wire.part) if wire.part is not None else []

    def _end_part(self, at: int, place: int, part: WirePart) -> list[Chunk]:
        known = (at, place) in self._places
        if part.type == "output_text" and part.text and not known:
            index = self._fill(at, place)
            return [TextDelta(index, part.text), *self._close(index)]
        if part.type == "refusal" and part.refusal and not known:
            index = self._fill(at, place)
            return [RefusalDelta(index, part.refusal), *self._close(index)]
        return self._close(self._places[at, place]) if known else []

    # --- function calls

    def _start_call(self, at: int, item: WireItem) -> list[Chunk]:
        if (at, _WHOLE) in self._places:
            return []
        self._called = True
        return [ToolCallStart(self._index(at, _WHOLE), item.call_id or item.id or "", item.name or "")]

    def _arguments(self, wire: WireEvent) -> list[Chunk]:
        if not wire.delta or (wire.output_index, _WHOLE) not in self._places:
            return []
        return [ToolCallDelta(self._fill(wire.output_index, _WHOLE), wire.delta)]

    def _end_call(self, at: int, item: WireItem) -> list[Chunk]:
        chunks = self._start_call(at, item)
        index = self._index(at, _WHOLE)
        arguments: object = item.arguments
        if index not in self._filled and isinstance(arguments, str) and arguments:
            chunks.append(ToolCallDelta(self._fill(at, _WHOLE), arguments))
        return chunks + self._close(index)

    # --- reasoning

    def _summary(self, wire: WireEvent) -> list[Chunk]:
        return self._thought(wire.output_index, wire.summary_index, wire.delta, self._summaries, summary=True)

    def _chain(self, wire: WireEvent) -> list[Chunk]:
        return self._thought(wire.output_index, wire.content_index, wire.delta, self._chains, summary=False)

    def _thought(self, at: int, place: int, text: str, last: dict[int, int], *, summary: bool) -> list[Chunk]:
        """A blank line stands between two parts of a summary, as where a whole answer is read as text."""
        if not text:
            return []
        if last.setdefault(at, place) != place:
            last[at] = place
            text = "\n\n" + text
        return [ReasoningDelta(self._fill(at, _WHOLE), text, summary)]

    def _end_reasoning(self, at: int, item: WireItem) -> list[Chunk]:
        chunks: list[Chunk] = []
        chain, summary = "\n\n".join(texts(item.content)), "\n\n".join(texts(item.summary))
        if chain and at not in self._chains:
            chunks += self._thought(at, 0, chain, self._chains, summary=False)
        if summary and at not in self._summaries:
            chunks += self._thought(at, 0, summary, self._summaries, summary=True)
        if item.encrypted_content:
            unread = at not in self._chains and at not in self._summaries
            chunks.append(ReasoningSeal(self._index(at, _WHOLE), item.encrypted_content, unread, item.id))
        if (at, _WHOLE) in self._places:
            chunks += self._close(self._places[at, _WHOLE])
        return chunks

    # --- our indices

    def _index(self, at: int, place: int) -> int:
        index = self._places.get((at, place))
        if index is None:
            index = self._places[at, place] = len(self._places)
            self._open.add(index)
        return index

    def _fill(self, at: int, place: int) -> int:
        index = self._index(at, place)
        self._filled.add(index)
        return index

    def _close(self, index: int) -> list[Chunk]:
        if index not in self._open:
            return []
        self._open.remove(index)
        return [PartEnd(index)]

    _HANDLERS: ClassVar[Mapping[str, Callable[["Reader", WireEvent], list[Chunk]]]] = {  # pyright: ignore[reportAssignmentType]
        "response.created": _start,
        "response.queued": _start,
        "response.in_progress": _start,
        "response.output_item.added": _item_added,
        "response.output_item.done": _item_done,
        "response.content_part.done": _part_done,
        "response.output_text.delta": _text,
        "response.refusal.delta": _refusal,
        "response.function_call_arguments.delta": _arguments,
        "response.reasoning_summary_text.delta": _summary,
        "response.reasoning_text.delta": _chain,
        "response.completed": _finish,
        "response.incomplete": _finish,
        "response.failed": _finish,
        "error": _error,
    }
    """Events that are not here carry nothing that is not told in one of these; newer ones pass by unread."""


def _kind(event: Event) -> str:
    """The kind of an event without a name. What is no JSON (a `[DONE]` of a server that mixes formats) has none."""
    try:
        return _type_decoder.decode(event.data).type
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


def _failed(error: WireError | None, native: str | None) -> Failed:
    error = error or WireError(native)
    code = str(error.code) if error.code else native
    message = error.message or f"The vendor reported a failure ({code or 'no code'})."
    return Failed(status_of(error), code, message, error.type)
