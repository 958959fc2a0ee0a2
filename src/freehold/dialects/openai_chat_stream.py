"""OpenAI Chat: a stream, read from a vendor event by event.

It knows how deltas build up parts, and the departures of vendors that copy the format; no vendor by name. Inline
`<think>` tags stay in the text: whether they are markup or the caller's own words only the vendor knows.
Source: openai SDK 3.54, `types/chat/chat_completion_chunk.py`; each departure is a sentence in the tests.
"""

from typing import Final

import msgspec
from msgspec import Raw

from freehold.dialects.dialect import Event
from freehold.dialects.openai_chat_reading import arguments_text
from freehold.dialects.openai_chat_reply import decode_answer, error_status, finish_of, thinking_text, usage_of
from freehold.dialects.openai_chat_wire import (
    Answer,
    Choice,
    ContentPart,
    MessageFields,
    ReasoningDetail,
    ToolCallFields,
)
from freehold.dialects.openai_errors import read_error
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
    Request,
    Started,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    UsageReport,
)

DONE: Final = b"[DONE]"
_IGNORED: Final = Ignored()


def hides(event: Event, request: Request) -> bool:
    """Whether this event is only there because we asked for usage and the caller did not."""
    data = event.data
    if request.stream_usage or b'"usage"' not in data or b'"usage":null' in data:
        return False
    answer = decode_answer(data)
    return answer.usage is not None and not answer.choices


class ChatReader:
    """Turns a vendor's events into chunks. One for each answer.

    It reads the first choice; further ones (`n` above 1) only count towards whether the answer is complete.
    """

    def __init__(self) -> None:
        self._started = False
        self._next_index = 0
        self._open: str | None = None  # the kind of the part that is open
        self._open_index = 0
        self._calls: dict[int, _Call] = {}  # by the wire's index
        self._wire_index = 0
        self._detail: ReasoningDetail | None = None
        self._plain: list[str] = []  # of the open part of reasoning, what came as text for display
        self._reply_id = ""
        self._tier: str | None = None
        self._unfinished: set[int] = set()
        self._empty_reason = False
        self._finished = False
        self._done = False

    def read(self, event: Event) -> list[Chunk]:
        """The chunks in this event. Raises `VendorGarbled` for JSON that is not Chat."""
        data = event.data
        if not data:
            return [_IGNORED]
        if data == DONE:
            return self._end()
        answer = decode_answer(data)
        if answer.error or answer.object == "error":
            return [_failed(answer, data)]
        chunks: list[Chunk] = []
        if not self._started and (answer.id or answer.choices):  # Azure tells of its filters before it says who it is
            self._started = True
            self._reply_id = answer.id or ""
            chunks.append(Started(self._reply_id, answer.model or "", int(answer.created or 0)))
        for choice in answer.choices or ():
            if choice.index == 0:
                self._read_choice(choice, chunks)
            else:
                self._count_choice(choice)
        self._tier = answer.service_tier = answer.service_tier or self._tier
        usage = usage_of(answer)
        if usage is not None:
            chunks.append(UsageReport(usage))
        return chunks or [_IGNORED]

    def ends(self, event: Event) -> bool:
        """Whether this is `[DONE]`."""
        return event.data == DONE

    def finished(self) -> bool:
        """Whether every choice has its finish reason; some servers leave out `[DONE]`, so it does not count alone."""
        return self._finished and not self._unfinished

    def _end(self) -> list[Chunk]:
        """At `[DONE]`: a stream that never gave a reason ends as its content says, and without content as an error."""
        self._unfinished.clear()
        if self._finished:
            return [_IGNORED]
        chunks: list[Chunk] = []
        self._finish("" if self._empty_reason else None, None, None, chunks)
        return chunks

    def _count_choice(self, choice: Choice) -> None:
        if choice.finish_reason:
            self._unfinished.discard(choice.index)
        else:
            self._unfinished.add(choice.index)

    # --- one choice ------------------------------------------------------------------------------------------------------

    def _read_choice(self, choice: Choice, chunks: list[Chunk]) -> None:
        delta = choice.delta
        if delta is not None:
            if delta.reasoning_content or delta.reasoning or delta.reasoning_details:
                self._read_reasoning(delta, chunks)
            content = delta.content
            if content:
                if isinstance(content, str):
                    chunks.append(TextDelta(self._part("text", chunks), content))
                else:
                    self._read_list(content, chunks)
            if delta.refusal:
                chunks.append(RefusalDelta(self._part("refusal", chunks), delta.refusal))
            if delta.tool_calls:
                for call in delta.tool_calls:
                    self._read_call(call, chunks)
            if delta.function_call is not None:
                legacy = ToolCallFields(id="function_call", function=delta.function_call, index=0)
                self._read_call(legacy, chunks)
        reason = choice.finish_reason
        if reason:
            self._finish(reason, choice.native_finish_reason, choice.stop_reason, chunks)
        elif reason is not None:
            self._empty_reason = True

    def _finish(
        self, reason: str | None, native: str | None, stopped_by: str | int | None, chunks: list[Chunk]
    ) -> None:
        if self._finished:
            return
        self._finished = True
        self._close(chunks)
        for call in self._calls.values():
            call.end(chunks)
        finish = finish_of(reason, has_tool_calls=bool(self._calls))
        stop_sequence = stopped_by if isinstance(stopped_by, str) else None
        chunks.append(Finished(finish, native or reason, stop_sequence))

    def _part(self, kind: str, chunks: list[Chunk]) -> int:
        """The index of the open part of this kind; closes another one and opens a new one where needed."""
        if self._open != kind:
            self._close(chunks)
            self._open = kind
            self._open_index = self._next_index
            self._plain.clear()
            self._next_index += 1
        return self._open_index

    def _close(self, chunks: list[Chunk]) -> None:
        if self._open is not None:
            chunks.append(PartEnd(self._open_index))
            self._open = None

    def _read_list(self, content: list[ContentPart], chunks: list[Chunk]) -> None:
        for piece in content:
            if piece.text:
                chunks.append(TextDelta(self._part("text", chunks), piece.text))
            elif piece.type == "thinking" and (chain := thinking_text(piece.thinking)):
                chunks.append(ReasoningDelta(self._part("reasoning", chunks), chain))

    # --- tool calls ------------------------------------------------------------------------------------------------------

    def _read_call(self, fields: ToolCallFields, chunks: list[Chunk]) -> None:
        """Id and name stand in the first delta of a call, arguments in any. Who calls is told by the wire's index;
        vendors that give every call the index 0, or none, are told apart by a new id with a name."""
        function = fields.function
        name = function.name if function is not None else None
        wire_index = self._wire_index if fields.index is None else fields.index
        call = self._calls.get(wire_index)
        if call is not None and name and (fields.id != call.id if fields.id else fields.index is None):
            wire_index, call = max(self._calls) + 1, None
        if call is None:
            if not name:
                return  # arguments of nothing
            call = self._open_call(fields.id or f"call_{self._reply_id}_{len(self._calls)}", name, chunks)
            self._calls[wire_index] = call
        self._wire_index = wire_index
        arguments = arguments_text(function.arguments) if function is not None else ""
        if arguments:
            call.add(arguments, chunks)

    def _open_call(self, call_id: str, name: str, chunks: list[Chunk]) -> "_Call":
        self._close(chunks)
        for call in self._calls.values():
            if call.is_whole():
                call.end(chunks)
        index = self._next_index
        self._next_index += 1
        chunks.append(ToolCallStart(index, call_id, name))
        return _Call(index, call_id)

    # --- reasoning -------------------------------------------------------------------------------------------------------

    def _read_reasoning(self, delta: MessageFields, chunks: list[Chunk]) -> None:
        details = delta.reasoning_details or ()
        if not any(detail.text or detail.summary for detail in details):
            plain = delta.reasoning_content or delta.reasoning
            if plain:
                chunks.append(ReasoningDelta(self._part("reasoning", chunks), plain))
                self._plain.append(plain)
        for detail in details:
            self._read_detail(detail, chunks)

    def _read_detail(self, detail: ReasoningDetail, chunks: list[Chunk]) -> None:
        last = self._detail
        if last is not None and (last.index != detail.index or (last.id and detail.id and last.id != detail.id)):
            self._close(chunks)
        self._detail = detail
        fresh = self._open != "reasoning"
        index = self._part("reasoning", chunks)
        # Our own door shows a chain as it comes and sends the artefact whole behind it: that is no second thought.
        if detail.text and detail.text != "".join(self._plain):
            chunks.append(ReasoningDelta(index, detail.text))
        if detail.summary:
            chunks.append(ReasoningDelta(index, detail.summary, summary=True))
        opaque = detail.signature or detail.data
        if opaque:
            redacted = fresh and bool(detail.data) and not (detail.text or detail.summary)
            chunks.append(ReasoningSeal(index, opaque, redacted, detail.id))
            self._close(chunks)  # a seal is the last of its artefact
            self._detail = None


class _Call:
    """A tool call while its arguments come in. The wire lets calls interleave, so the start of the next one ends only
    a call whose arguments are whole; the others stay open until the answer ends."""

    __slots__ = ("arguments", "ended", "id", "index")

    def __init__(self, index: int, call_id: str) -> None:
        self.index = index
        self.id = call_id
        self.arguments: list[str] = []
        self.ended = False

    def add(self, arguments: str, chunks: list[Chunk]) -> None:
        if self.ended:
            raise VendorGarbled(f"The vendor went on with the arguments of the tool call {self.id!r} after their end.")
        self.arguments.append(arguments)
        chunks.append(ToolCallDelta(self.index, arguments))

    def is_whole(self) -> bool:
        """Whether the arguments so far are a JSON object, so that nothing can follow."""
        try:
            msgspec.json.decode("".join(self.arguments), type=dict[str, Raw])
        except (msgspec.DecodeError, RecursionError):
            return False
        return True

    def end(self, chunks: list[Chunk]) -> None:
        if not self.ended:
            self.ended = True
            chunks.append(PartEnd(self.index))


def _failed(answer: Answer, data: bytes) -> Failed:
    # vLLM's older form has the fields of the error at the top, with `object` as `error`.
    status = error_status(answer.error or msgspec.json.decode(data))
    error = read_error(status, {}, data)
    return Failed(status, error.native, error.sentence, error.kind)
