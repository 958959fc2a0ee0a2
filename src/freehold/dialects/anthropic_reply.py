"""Whole answers in the Messages dialect: read from a vendor, written for a caller.

Stop reasons go both ways here. A reason that we do not know is `error`, never `stop`, and there is no way back: Anthropic
has no stop reason for a failure, so an answer that ended in `error` is refused by `write_reply` with `VendorGarbled`
(the gateway fails over before it comes to that), and a stream of that kind ends with an `error` event.
Source: anthropic SDK 2.12, `types/message.py`, `types/beta/beta_stop_reason.py`, `types/refusal_stop_details.py`.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Raw

from freehold.dialects import origin
from freehold.dialects.anthropic_errors import error_inside
from freehold.dialects.anthropic_wire import (
    NAME,
    Block,
    RedactedThinkingBlock,
    TextBlock,
    ThinkingBlock,
    ToolUseBlock,
    UnknownBlock,
    decode_reply,
)
from freehold.dialects.usage import denormalise, normalise
from freehold.errors import VendorGarbled
from freehold.messages import (
    Finish,
    Finished,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Reply,
    Request,
    Text,
    ToolCall,
    Usage,
)

FINISHES: Final[Mapping[str, Finish]] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "pause_turn": "pause",
    "compaction": "pause",
    "refusal": "content_filter",
}
"""Anthropic's stop reasons in our words."""

_REASONS: Final[Mapping[str, str]] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "pause": "pause_turn",
    "content_filter": "refusal",
}
_CATEGORIES: Final = frozenset({"cyber", "bio", "frontier_llm", "reasoning_extraction", "general_harms"})

_encode: Final = msgspec.json.Encoder().encode
_object = msgspec.json.Decoder(dict[str, Raw])


def read_reply(body: bytes) -> Reply:
    """A vendor's whole answer. Raises `VendorGarbled`, and `VendorRefused` for an error under a status of 200."""
    try:
        head, blocks = decode_reply(body)
    except VendorGarbled:
        refused = error_inside(body)
        if refused is not None:
            raise refused from None
        raise
    return Reply(
        id=head.id,
        model=head.model,
        parts=tuple([_read_block(block) for block in blocks]),
        finish=finish_of(head.stop_reason),
        native_finish_reason=head.stop_reason,
        stop_sequence=head.stop_sequence,
        refusal_category=head.stop_details.category if head.stop_details is not None else None,
        usage=normalise(NAME, head.usage) if head.usage is not None else None,
    )


def write_reply(reply: Reply, request: Request) -> bytes:
    """A whole answer for a caller. Raises `VendorGarbled` for an answer that ended in an error, and for a tool call
    whose arguments are not a JSON object, which this dialect cannot say. Where the answer was cut off in the middle of a call,
    that one has an empty input, and the stop reason says why."""
    cut = reply.finish in ("length", "content_filter")
    content = [block for part in reply.parts if (block := _write_part(part, cut=cut)) is not None]
    end = Finished(reply.finish, reply.native_finish_reason, reply.stop_sequence, reply.refusal_category)
    message = message_shape(reply.id, reply.model, reply.usage)
    message["content"] = content
    message.update(stop_fields(end, refused=any(isinstance(part, Refusal) for part in reply.parts)))
    return _encode(message)


def finish_of(reason: str | None) -> Finish:
    """A stop reason in our words; `error` for one that is unknown or missing."""
    return FINISHES.get(reason or "", "error")


def stop_fields(end: Finished, *, refused: bool) -> dict[str, Any]:
    """`stop_reason`, `stop_sequence` and `stop_details`. `refused` says that the model declined in words of its own.
    Raises `VendorGarbled` for the finish `error`."""
    if end.finish == "error":
        raise VendorGarbled(
            f"The model's answer ended in a failure ({end.native_finish_reason or 'no reason given'}).",
            "Send the request again; what came before the failure is not the whole answer.",
        )
    native = end.native_finish_reason
    if native is not None and FINISHES.get(native) == end.finish:
        reason = native
    elif end.finish == "stop" and refused:
        reason = "refusal"
    else:
        reason = "stop_sequence" if end.finish == "stop" and end.stop_sequence is not None else _REASONS[end.finish]
    fields: dict[str, Any] = {"stop_reason": reason, "stop_sequence": end.stop_sequence, "stop_details": None}
    if reason == "refusal":
        category = end.refusal_category if end.refusal_category in _CATEGORIES else None
        fields["stop_details"] = {"type": "refusal", "category": category, "explanation": None}
    return fields


def message_shape(id: str, model: str, usage: Usage | None) -> dict[str, Any]:  # noqa: A002 - the wire's own word
    """A message without content that has not ended. A usage that is not known yet is zero."""
    return {
        "id": id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
        "usage": {"input_tokens": 0, "output_tokens": 0} if usage is None else denormalise(NAME, usage),
    }


def sealed(opaque: str, maker: str | None) -> str:
    """The opaque part as a caller gets it: with its maker's seal, which the gateway may have put on already."""
    if maker is None or opaque.startswith(origin.PREFIX):
        return opaque
    return origin.seal(opaque, maker)


def _read_block(block: Block) -> Part:
    if isinstance(block, TextBlock):
        return Text(block.text)
    if isinstance(block, ToolUseBlock):
        return ToolCall(block.id, block.name, bytes(block.input).decode())
    if isinstance(block, ThinkingBlock):
        return Reasoning(text=block.thinking, opaque=block.signature or None)
    if isinstance(block, RedactedThinkingBlock):
        return Reasoning(opaque=block.data, redacted=True)
    return Opaque(NAME, block.kind if isinstance(block, UnknownBlock) else "unknown")


def _write_part(part: Part, *, cut: bool) -> dict[str, Any] | None:
    """The block; None for what a reply of this dialect has no block for (sounds, records of another vendor's tools). `cut` says
    that the answer may have ended in the middle of it."""
    if isinstance(part, Text | Refusal):
        return {"type": "text", "text": part.text, "citations": None} if part.text else None
    if isinstance(part, Reasoning):
        opaque = sealed(part.opaque, part.origin) if part.opaque is not None else ""
        if part.redacted:
            return {"type": "redacted_thinking", "data": opaque}
        return {"type": "thinking", "thinking": part.text or "\n\n".join(part.summary), "signature": opaque}
    if isinstance(part, ToolCall):
        return {"type": "tool_use", "id": part.id, "name": part.name, "input": _input(part, cut=cut)}
    return None


def _input(part: ToolCall, *, cut: bool) -> Raw:
    if not part.arguments.strip():
        return Raw(b"{}")
    arguments = Raw(part.arguments.encode())
    try:
        _object.decode(arguments)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        if cut:
            return Raw(b"{}")
        raise VendorGarbled(
            f"The model called the tool {part.name!r} with arguments that are not a JSON object.",
            "Send the request again; a strict tool schema makes this rare.",
        ) from None
    return arguments
