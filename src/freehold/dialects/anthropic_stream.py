"""Streams in the Messages dialect: a vendor's events become chunks, chunks become events for a caller.

The writer keeps Anthropic's order: one block at a time, opened, filled and closed before the next, indices without gaps.
Text that is interrupted goes on in a new block. A tool call cannot be cut in two, nor thinking, whose signature is over all of
it: what comes between their pieces waits until they are whole. Source: Claude documentation, "Streaming messages"; anthropic SDK 2.12,
`types/raw_message_stream_event.py` and what `lib/streaming/_messages.py` makes of the events.
"""

from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from freehold.dialects.anthropic_errors import ErrorShape, error_body, sentence, status_of
from freehold.dialects.anthropic_reply import finish_of, message_shape, stop_fields
from freehold.dialects.anthropic_wire import (
    NAME,
    RedactedThinkingBlock,
    StopDetails,
    TextBlock,
    ThinkingBlock,
    ToolUseBlock,
    UnknownBlock,
    decode_block,
    garbled,
)
from freehold.dialects.dialect import Event
from freehold.dialects.sse import event as event_bytes
from freehold.dialects.usage import denormalise, normalise
from freehold.errors import FreeholdError, StreamBroken, VendorGarbled
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
    Usage,
    UsageReport,
)

_encode: Final = msgspec.json.Encoder().encode


# --- reading ---------------------------------------------------------------------------------------------------------------


class _Message(Struct):
    id: str = ""
    model: str = ""
    usage: dict[str, Any] | None = None


class _Delta(Struct):
    """The delta of a block and that of the message in one: no two kinds share a field with another meaning."""

    type: str = ""
    text: str = ""
    thinking: str = ""
    signature: str = ""
    partial_json: str = ""
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None


class _Event(Struct):
    type: str
    index: int = 0
    delta: _Delta | None = None
    content_block: Raw = Raw(b"")
    message: _Message | None = None
    usage: dict[str, Any] | None = None
    error: ErrorShape | str | None = None


class _Type(Struct):
    type: str


_event = msgspec.json.Decoder(_Event)
_type = msgspec.json.Decoder(_Type)

_KNOWN: Final = frozenset(
    {
        *("message_start", "content_block_start", "content_block_delta", "content_block_stop"),
        *("message_delta", "message_stop", "error"),
    }
)


class MessagesReader:
    """Reads one answer. The index of a chunk counts the parts that we know; blocks of server tools have none."""

    __slots__ = ("_finished", "_inputs", "_opaque", "_positions", "_usage")

    def __init__(self) -> None:
        self._positions: dict[int, int] = {}
        self._inputs: dict[int, str] = {}
        self._opaque: set[int] = set()
        self._usage: dict[str, Any] = {}
        self._finished = False

    def read(self, event: Event) -> list[Chunk]:
        """The chunks in this event. Raises `VendorGarbled`."""
        if not event.data:  # a comment that keeps the connection alive
            return [Ignored()]
        try:
            read = _event.decode(event.data)
        except msgspec.ValidationError as error:
            return self._read_strange(event, error)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise VendorGarbled(f"An event of the vendor's stream is not valid JSON: {error}.") from None
        chunks = self._chunks(read)
        return chunks or [Ignored()]

    def ends(self, event: Event) -> bool:
        """Whether this is `message_stop`."""
        if event.name:
            return event.name == "message_stop"
        return b'"message_stop"' in event.data and _kind(event.data) == "message_stop"

    def finished(self) -> bool:
        """Whether `message_stop` has come."""
        return self._finished

    def _read_strange(self, event: Event, error: msgspec.ValidationError) -> list[Chunk]:
        """An event newer than this code may hold anything; one that we know may not."""
        kind = _kind(event.data)
        if (event.name if kind is None else kind) in _KNOWN:
            raise VendorGarbled(f"An event of the vendor's stream does not follow the Messages API: {error}.") from None
        return [Ignored()]

    def _chunks(self, read: _Event) -> list[Chunk]:
        kind = read.type
        if kind == "content_block_delta":
            return self._delta(read.index, read.delta) if read.delta is not None else []
        if kind == "content_block_start":
            return self._start(read.index, read.content_block) if bytes(read.content_block) else []
        if kind == "content_block_stop":
            return self._stop(read.index)
        if kind == "message_start" and read.message is not None:
            return [Started(read.message.id, read.message.model), *self._count(read.message.usage)]
        if kind == "message_delta":
            return [*self._count(read.usage), *_finished(read.delta)]
        if kind == "message_stop":
            self._finished = True
        elif kind == "error":
            error = ErrorShape(message=read.error) if isinstance(read.error, str) else read.error or ErrorShape()
            message = sentence(error, "The vendor reported a failure in the stream and did not say which.")
            return [Failed(status_of(error), error.code, message, error.type)]
        return []

    def _delta(self, block: int, delta: _Delta) -> list[Chunk]:
        if block in self._opaque:
            return []
        if delta.type == "text_delta":
            return [TextDelta(self._position(block), delta.text)] if delta.text else []
        if delta.type == "thinking_delta":
            return [ReasoningDelta(self._position(block), delta.thinking)] if delta.thinking else []
        if delta.type == "signature_delta":
            return [ReasoningSeal(self._position(block), delta.signature)] if delta.signature else []
        if delta.type == "input_json_delta" and delta.partial_json:
            self._inputs.pop(block, None)
            return [ToolCallDelta(self._position(block), delta.partial_json)]
        return []

    def _start(self, block: int, raw: Raw) -> list[Chunk]:
        started = decode_block(raw, "content_block", garbled)
        if isinstance(started, TextBlock):
            return [TextDelta(self._position(block), started.text)] if started.text else []
        if isinstance(started, ThinkingBlock):
            at = self._position(block)
            text: list[Chunk] = [ReasoningDelta(at, started.thinking)] if started.thinking else []
            return [*text, ReasoningSeal(at, started.signature)] if started.signature else text
        if isinstance(started, RedactedThinkingBlock):
            return [ReasoningSeal(self._position(block), started.data, redacted=True)]
        if isinstance(started, ToolUseBlock):
            # Written at the end unless deltas come: without arguments none may, and some vendors send them whole here.
            self._inputs[block] = bytes(started.input).decode()
            return [ToolCallStart(self._position(block), started.id, started.name)]
        if isinstance(started, UnknownBlock):
            self._opaque.add(block)
        return []

    def _stop(self, block: int) -> list[Chunk]:
        at = self._positions.get(block)
        if at is None:
            return []
        arguments = self._inputs.pop(block, None)
        return [PartEnd(at)] if arguments is None else [ToolCallDelta(at, arguments), PartEnd(at)]

    def _position(self, block: int) -> int:
        return self._positions.setdefault(block, len(self._positions))

    def _count(self, usage: dict[str, Any] | None) -> list[Chunk]:
        """The counts so far. They are cumulative, and what a later event leaves out or sends as null still holds."""
        if usage is None:
            return []
        self._usage |= {name: value for name, value in usage.items() if value is not None}
        return [UsageReport(normalise(NAME, self._usage))]


def _kind(data: bytes) -> str | None:
    """The event's type; None where the data names none."""
    try:
        return _type.decode(data).type
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _finished(delta: _Delta | None) -> list[Chunk]:
    if delta is None or delta.stop_reason is None:
        return []
    category = delta.stop_details.category if delta.stop_details is not None else None
    return [Finished(finish_of(delta.stop_reason), delta.stop_reason, delta.stop_sequence, category)]


# --- writing ---------------------------------------------------------------------------------------------------------------

_DELTA_USAGE: Final = (
    *("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens"),
    *("output_tokens_details", "server_tool_use"),
)
"""The counts that `message_delta` carries (`types/message_delta_usage.py`)."""

_TOOL: Final = "tool_use"
_THINKING: Final = "thinking"
_UNCUT: Final = (_TOOL, _THINKING)
"""Blocks that other parts wait for."""


class MessagesWriter:
    """Writes one answer. `message_start` goes out with the first block, so that it can carry the usage if that is known.

    An answer that ends without a reason, or in an error, ends with an `error` event: Anthropic has no stop reason that
    would tell of it.
    """

    __slots__ = ("_finished", "_index", "_kind", "_part", "_refused", "_started", "_usage", "_waiting", "_written")

    def __init__(self, request: Request) -> None:
        self._started = Started("", request.model)
        self._usage: Usage | None = None
        self._finished: Finished | None = None
        self._written = False
        self._refused = False
        self._kind: str | None = None  # of the block that is open
        self._part = -1  # the part that the open block belongs to
        self._index = -1  # of the last block, on the wire
        self._waiting: list[Chunk] = []

    def write(self, chunk: Chunk) -> bytes:
        """The events for this chunk."""
        if isinstance(chunk, Started):
            self._started = chunk
        elif isinstance(chunk, UsageReport):
            self._usage = chunk.usage
        elif isinstance(chunk, Finished):
            self._finished = chunk
        elif not isinstance(chunk, Ignored | Failed):
            if self._kind in _UNCUT and chunk.index != self._part:
                self._waiting.append(chunk)
            else:
                return self._content(chunk)
        return b""

    def close(self) -> bytes:
        """The end of the message."""
        written = self._end_block()
        while self._waiting:
            written += self._resume()
            written += self._end_block()
        written = self._head() + written
        end = self._finished
        try:
            if end is None:
                raise StreamBroken("The vendor's answer ended without saying why.")
            fields = stop_fields(end, refused=self._refused)
        except (StreamBroken, VendorGarbled) as error:
            return written + self.fail(error, "")
        usage: dict[str, Any] = {"output_tokens": 0}
        if self._usage is not None:
            counts = denormalise(NAME, self._usage)
            usage = {name: counts[name] for name in _DELTA_USAGE if name in counts}
        delta = {"type": "message_delta", "delta": fields, "usage": usage}
        return written + event_bytes(_encode(delta), "message_delta") + _STOP

    def fail(self, error: FreeholdError, request_id: str) -> bytes:
        """The `error` event, after which nothing may follow."""
        return event_bytes(_encode(error_body(error, request_id)), "error")

    def _content(
        self,
        chunk: TextDelta | RefusalDelta | ReasoningDelta | ReasoningSeal | ToolCallStart | ToolCallDelta | PartEnd,
    ) -> bytes:
        if isinstance(chunk, TextDelta):
            opened = self._open(chunk.index, "text", b'{"type":"text","text":""}')
            return opened + self._delta(b"text_delta", b"text", chunk.text)
        if isinstance(chunk, ToolCallDelta):
            return self._delta(b"input_json_delta", b"partial_json", chunk.arguments) if self._kind == _TOOL else b""
        if isinstance(chunk, ReasoningDelta):
            return self._open_thinking(chunk.index) + self._delta(b"thinking_delta", b"thinking", chunk.text)
        if isinstance(chunk, ReasoningSeal):
            if chunk.redacted:
                block = _encode({"type": "redacted_thinking", "data": chunk.opaque})
                return self._open(chunk.index, "redacted_thinking", block)
            signed = self._open_thinking(chunk.index) + self._delta(b"signature_delta", b"signature", chunk.opaque)
            return signed + self._end_block() + self._resume()  # a seal is the last of its artefact
        if isinstance(chunk, ToolCallStart):
            return self._open(
                chunk.index, _TOOL, _encode({"type": _TOOL, "id": chunk.id, "name": chunk.name, "input": {}})
            )
        if isinstance(chunk, RefusalDelta):
            self._refused = True
            opened = self._open(chunk.index, "text", b'{"type":"text","text":""}')
            return opened + self._delta(b"text_delta", b"text", chunk.text)
        if chunk.index != self._part:
            return b""
        return self._end_block() + self._resume()

    def _open_thinking(self, part: int) -> bytes:
        return self._open(part, _THINKING, b'{"type":"thinking","thinking":"","signature":""}')

    def _open(self, part: int, kind: str, block: bytes) -> bytes:
        """Opens a block for the part, unless the open one is that part's."""
        if self._part == part and self._kind == kind:
            return b""
        ended = self._end_block()
        self._part, self._kind = part, kind
        self._index += 1
        return (
            b'%b%bevent: content_block_start\ndata: {"type":"content_block_start","index":%d,"content_block":%b}\n\n'
            % (
                ended,
                self._head(),
                self._index,
                block,
            )
        )

    def _delta(self, kind: bytes, field: bytes, text: str) -> bytes:
        return (
            b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,'
            b'"delta":{"type":"%b","%b":%b}}\n\n' % (self._index, kind, field, _encode(text))
        )

    def _end_block(self) -> bytes:
        if self._kind is None:
            return b""
        self._kind, self._part = None, -1
        return b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n' % self._index

    def _resume(self) -> bytes:
        """The events for the chunks that waited for a block to be whole."""
        waiting, self._waiting = self._waiting, []
        return b"".join([self.write(chunk) for chunk in waiting])

    def _head(self) -> bytes:
        if self._written:
            return b""
        self._written = True
        message = message_shape(self._started.id, self._started.model, self._usage)
        return event_bytes(_encode({"type": "message_start", "message": message}), "message_start")


_STOP: Final = event_bytes(b'{"type":"message_stop"}', "message_stop")
