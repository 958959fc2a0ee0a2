"""The shapes of Anthropic's Messages API on the wire, and the one way in which bytes become them.

Shapes are permissive: a field that we do not use is not declared, so it may hold anything, and a block of a type that we
do not know becomes `UnknownBlock` instead of an error. It knows nothing of our own words (see `anthropic_request.py`).

Blocks are decoded as one tagged union, which is the fastest that msgspec offers; only when that fails is a body decoded
again block by block, to let unknown types through and to point an error at its place.
Source: anthropic SDK 2.12, `types/message_create_params.py`, `types/content_block_param.py`, `types/content_block.py`.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from freehold.dialects.body import located, read
from freehold.errors import FreeholdError, InvalidField, VendorGarbled

NAME = "anthropic-messages"
"""The dialect's name, as `Request.dialect` and `Opaque.dialect` carry it."""

COUNT_NAME = "anthropic-count-tokens"
"""The name of the dialect that only counts (see `anthropic_count.py`)."""

_Count = Annotated[int, Meta(ge=0)]


# --- blocks ----------------------------------------------------------------------------------------------------------


class CacheControl(Struct, gc=False):
    ttl: str | None = None


class CitationsConfig(Struct, gc=False):
    enabled: bool | None = None


class Source(Struct, gc=False):
    """Where an image or a document is: `type` is `base64`, `url`, `file`, `text` or `content`."""

    type: str
    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    file_id: str | None = None
    content: Raw | UnsetType = UNSET


class TextBlock(Struct, tag="text"):
    text: str
    cache_control: CacheControl | None = None


class ImageBlock(Struct, tag="image"):
    source: Source
    cache_control: CacheControl | None = None


class DocumentBlock(Struct, tag="document"):
    source: Source
    title: str | None = None
    context: str | None = None
    citations: CitationsConfig | None = None
    cache_control: CacheControl | None = None


class ThinkingBlock(Struct, tag="thinking"):
    """`signature` is required by Anthropic; vendors that copy the dialect leave it out or empty."""

    thinking: str
    signature: str = ""


class RedactedThinkingBlock(Struct, tag="redacted_thinking"):
    data: str


class ToolUseBlock(Struct, tag="tool_use"):
    id: str
    name: str
    input: Raw
    cache_control: CacheControl | None = None


ResultPart = TextBlock | ImageBlock | DocumentBlock


class UnknownBlock(Struct):
    """A block of a type that is not ours to read: server tools, search results, what is newer than this code."""

    kind: str


class ToolResultBlock(Struct, tag="tool_result"):
    tool_use_id: str
    content: str | list[ResultPart] | None = None
    is_error: bool | None = None
    cache_control: CacheControl | None = None


class LooseResultBlock(Struct):
    """A tool's result of which some parts are of types that we do not know; `unknown` names those types."""

    tool_use_id: str
    content: list[ResultPart]
    is_error: bool | None
    cache_control: CacheControl | None
    unknown: tuple[str, ...]


KnownBlock = (
    TextBlock | ImageBlock | DocumentBlock | ThinkingBlock | RedactedThinkingBlock | ToolUseBlock | ToolResultBlock
)
Block = KnownBlock | LooseResultBlock | UnknownBlock


# --- requests ----------------------------------------------------------------------------------------------------------


class Turn(Struct):
    role: Literal["user", "assistant", "system"]
    content: str | list[KnownBlock]


class ToolShape(Struct):
    """A function (`type` absent or `custom`) or a tool of Anthropic's own."""

    type: str | None = None
    name: str | None = None
    description: str | None = None
    input_schema: Raw | UnsetType = UNSET
    input_examples: Raw | UnsetType = UNSET
    strict: bool | None = None
    cache_control: CacheControl | None = None
    max_uses: int | None = None


class ToolChoiceShape(Struct):
    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class Thinking(Struct):
    type: str
    budget_tokens: int | None = None
    display: str | None = None


class FormatShape(Struct):
    type: str
    schema: Raw | UnsetType = UNSET


class OutputConfig(Struct):
    effort: str | None = None
    format: FormatShape | None = None


class Metadata(Struct):
    user_id: str | None = None


class Head(Struct, kw_only=True):
    """A request without its messages."""

    model: str
    max_tokens: _Count | None = None
    system: str | list[TextBlock] | None = None
    metadata: Metadata | None = None
    stop_sequences: list[str] | None = None
    stream: bool | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    tools: list[ToolShape] | None = None
    tool_choice: ToolChoiceShape | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    service_tier: str | None = None


KNOWN_FIELDS = frozenset(Head.__struct_fields__) | {"messages"}
"""The top-level fields that have a place in our words."""


class Body(Head, kw_only=True):
    messages: list[Turn]


class LooseTurn(Struct):
    """A turn whose blocks may be of types that we do not know."""

    role: Literal["user", "assistant", "system"]
    content: str | list[Block]


class _RawTurn(Struct):
    role: Literal["user", "assistant", "system"]
    content: str | list[Raw]


class _RawBody(Head, kw_only=True):
    messages: list[_RawTurn]


class _RawResult(Struct):
    tool_use_id: str
    content: str | list[Raw] | None = None
    is_error: bool | None = None
    cache_control: CacheControl | None = None


class _Kind(Struct):
    type: str


class _Added(Struct):
    definition: ToolShape | None = None


class _Addition(Struct):
    tool: _Added


# --- replies -----------------------------------------------------------------------------------------------------------


class StopDetails(Struct):
    category: str | None = None


class ReplyHead(Struct, kw_only=True):
    id: str
    model: str
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None
    usage: dict[str, Any] | None = None


ReplyPart = TextBlock | ThinkingBlock | RedactedThinkingBlock | ToolUseBlock


class ReplyBody(ReplyHead, kw_only=True):
    content: list[ReplyPart]


class _RawReply(ReplyHead, kw_only=True):
    content: list[Raw]


# --- decoding ------------------------------------------------------------------------------------------------------------

_body = msgspec.json.Decoder(Body)
_raw_body = msgspec.json.Decoder(_RawBody)
_raw_result = msgspec.json.Decoder(_RawResult)
_kind = msgspec.json.Decoder(_Kind)
_addition = msgspec.json.Decoder(_Addition)
_raw_turns = msgspec.json.Decoder(list[_RawTurn])
_block = msgspec.json.Decoder(KnownBlock)
_text = msgspec.json.Decoder(str)
_reply = msgspec.json.Decoder(ReplyBody)
_raw_reply = msgspec.json.Decoder(_RawReply)

ADDITION = "tool_addition"
"""The kind of a block that brings a tool in the middle of a conversation, or refers to one that stands elsewhere."""

_KINDS = frozenset({"text", "image", "document", "thinking", "redacted_thinking", "tool_use", "tool_result"})
_RESULT_KINDS = frozenset({"text", "image", "document"})

_T = TypeVar("_T")
_Fault = Callable[[str, str], FreeholdError]


def decode_request(body: bytes) -> tuple[Head, Sequence[Turn | LooseTurn], dict[str, Raw]]:
    """(the head, the turns, every top-level field as raw bytes) of a caller's body.

    Raises `MalformedBody` for what is not one JSON object in UTF-8, `InvalidField` (with the path of the field) for
    what has the wrong type.
    """
    try:
        decoded, fields = read(_body, body)
    except InvalidField:
        raw, fields = read(_raw_body, body)
        return raw, [_loose_turn(turn, f"messages[{at}].content") for at, turn in enumerate(raw.messages)], fields
    return decoded, decoded.messages, fields


def decode_reply(body: bytes) -> tuple[ReplyHead, list[Block]]:
    """(the head, the blocks) of a vendor's whole answer. Raises `VendorGarbled`."""
    try:
        decoded = _reply.decode(body)
    except msgspec.ValidationError:
        raw = _checked(_raw_reply.decode, body, "", garbled)
        return raw, [decode_block(block, f"content[{at}]", garbled) for at, block in enumerate(raw.content)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise VendorGarbled(f"The vendor's answer is not valid JSON: {error}.") from None
    return decoded, [*decoded.content]


def decode_block(raw: Raw, where: str, fault: _Fault) -> Block:
    """One block, of a known type or not. `where` is its path, for the error that `fault` makes."""
    kind = _checked(_kind.decode, raw, where, fault).type
    if kind not in _KINDS:
        return UnknownBlock(kind)
    if kind == "tool_result":
        return _result(_checked(_raw_result.decode, raw, where, fault), where, fault)
    return _checked(_block.decode, raw, where, fault)


def decode_additions(messages: Raw) -> list[tuple[str, ToolShape]]:
    """(the path, the tool) of each tool that a block of the conversation defines. Raises `InvalidField`."""
    found: list[tuple[str, ToolShape]] = []
    for at, turn in enumerate(_raw_turns.decode(messages)):
        for place, block in enumerate(turn.content if isinstance(turn.content, list) else ()):
            path = f"messages[{at}].content[{place}]"
            if _checked(_kind.decode, block, path, invalid).type == ADDITION:
                tool = _checked(_addition.decode, block, path, invalid).tool.definition
                if tool is not None:
                    found.append((f"{path}.tool.definition", tool))
    return found


def decode_text_or_none(raw: Raw) -> str | None:
    """A JSON string's text; None for any other value."""
    try:
        return _text.decode(raw)
    except msgspec.DecodeError:
        return None


def invalid(where: str, problem: str) -> InvalidField:
    """The error for a caller's field at `where`, in the words that every front dialect uses."""
    return InvalidField(f"The field `{where}` is not valid: {problem}.", param=where)


def garbled(where: str, problem: str) -> VendorGarbled:
    """The error for what a vendor sent at `where`."""
    place = f" at {where}" if where else ""
    return VendorGarbled(f"The vendor's answer does not follow the Messages API{place}: {problem}.")


def _loose_turn(turn: _RawTurn, where: str) -> LooseTurn:
    if isinstance(turn.content, str):
        return LooseTurn(turn.role, turn.content)
    blocks = [decode_block(raw, f"{where}[{at}]", invalid) for at, raw in enumerate(turn.content)]
    return LooseTurn(turn.role, blocks)


def _result(raw: _RawResult, where: str, fault: _Fault) -> ToolResultBlock | LooseResultBlock:
    if isinstance(raw.content, str) or raw.content is None:
        return ToolResultBlock(raw.tool_use_id, raw.content, raw.is_error, raw.cache_control)
    parts: list[ResultPart] = []
    unknown: list[str] = []
    for at, part in enumerate(raw.content):
        path = f"{where}.content[{at}]"
        kind = _checked(_kind.decode, part, path, fault).type
        block = _checked(_block.decode, part, path, fault) if kind in _RESULT_KINDS else None
        if isinstance(block, TextBlock | ImageBlock | DocumentBlock):
            parts.append(block)
        else:
            unknown.append(kind)
    return LooseResultBlock(raw.tool_use_id, parts, raw.is_error, raw.cache_control, tuple(unknown))


def _checked(decode: Callable[[Raw | bytes], _T], data: Raw | bytes, where: str, fault: _Fault) -> _T:
    try:
        return decode(data)
    except msgspec.ValidationError as error:
        raise _located(error, where, fault) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise fault(where, str(error)) from None


def _located(error: msgspec.ValidationError, where: str, fault: _Fault) -> FreeholdError:
    problem, path = located(str(error))
    return fault(where + path if path.startswith("[") or not where or not path else f"{where}.{path}", problem)
