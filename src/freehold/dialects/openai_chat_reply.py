"""OpenAI Chat: a whole reply, read from a vendor and written for a caller; and what each reason to stop means.

It knows the shape and its departures at vendors that copy it, and no vendor by name. A reason that nobody has told us
about is an `error`, never `stop`: a failure that looks like success is the worst of all answers.
"""

import time
from collections.abc import Mapping
from typing import Any, Final, cast

import msgspec

from freehold.dialects import body
from freehold.dialects.openai_chat_reading import NAME, arguments_text
from freehold.dialects.openai_chat_reasoning import display_text, read_reasoning, write_details
from freehold.dialects.openai_chat_wire import Answer, ContentPart, MessageFields
from freehold.dialects.openai_chat_writing import TIERS, tool_call
from freehold.dialects.openai_errors import read_error
from freehold.dialects.usage import denormalise, normalise
from freehold.errors import VendorGarbled
from freehold.messages import Finish, Part, Reasoning, Refusal, Reply, Request, Text, ToolCall, Usage

answer_decoder: Final = msgspec.json.Decoder(Answer)
_encode: Final = msgspec.json.Encoder().encode

# Chat's own five words, then those that vendors let through from underneath.
_FINISHES: Final[Mapping[str, Finish]] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "max_tokens": "length",
    "model_length": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "pause_turn": "pause",
    "refusal": "content_filter",
    "safety": "content_filter",
    "recitation": "content_filter",
    "blocklist": "content_filter",
    "prohibited_content": "content_filter",
    "spii": "content_filter",
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
}

NATIVE_WORDS: Final[Mapping[Finish, str]] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "pause": "length",  # Chat has no pause; what it has for "there is more" is length
    "error": "error",
}


def finish_of(native: str | None, *, has_tool_calls: bool) -> Finish:
    """Why the answer ended, from the vendor's word and from what it holds. Some vendors say stop, or nothing at all,
    after tool calls; so the calls decide there. A word that we do not know is `error`."""
    finish: Finish = _FINISHES.get(native.lower(), "error") if native else "error"
    if has_tool_calls and (finish == "stop" or not native):
        return "tool_calls"
    return finish


# --- reading -------------------------------------------------------------------------------------------------------------


def read_reply(data: bytes) -> Reply:
    """A vendor's whole answer. Raises `VendorGarbled`, and `VendorRefused` for an error under a status of 200."""
    answer = decode_answer(data)
    if answer.error and not answer.choices:
        raise read_error(error_status(answer.error), {}, data)
    choices = answer.choices or ()
    choice = choices[0] if len(choices) == 1 else min(choices, key=lambda choice: choice.index, default=None)
    if choice is None or choice.message is None:
        raise VendorGarbled("The vendor's answer holds no choice with a message.")
    parts = _parts(choice.message)
    return Reply(
        id=answer.id or "",
        model=answer.model or "",
        parts=parts,
        finish=finish_of(choice.finish_reason, has_tool_calls=ToolCall in [type(part) for part in parts]),
        native_finish_reason=choice.native_finish_reason or choice.finish_reason,
        stop_sequence=choice.stop_reason if isinstance(choice.stop_reason, str) else None,
        usage=usage_of(answer),
        created=int(answer.created or 0),
    )


def decode_answer(data: bytes) -> Answer:
    """A reply or a chunk, typed. Raises `VendorGarbled`."""
    try:
        return answer_decoder.decode(data)
    except msgspec.ValidationError as error:
        problem, path = body.located(str(error))
        raise VendorGarbled(f"The vendor's answer is not what Chat says: `{path or 'the body'}` {problem}.") from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise VendorGarbled("The vendor's answer is not valid JSON.") from None


def usage_of(answer: Answer) -> Usage | None:
    """The usage, with the service tier that Chat says beside it."""
    if answer.usage is None:
        return None
    if answer.service_tier is not None:
        answer.usage["service_tier"] = answer.service_tier
    return normalise(NAME, answer.usage)


def error_status(error: object) -> int:
    """The HTTP status that an error under a status of 200 would have had; 502 when it does not say."""
    fields = cast("dict[str, object]", error) if isinstance(error, dict) else {}
    code = fields.get("code")
    if isinstance(code, str) and code.isdigit():
        code = int(code)
    if isinstance(code, int) and 400 <= code <= 599:
        return code
    for word in (code, fields.get("type")):
        if isinstance(word, str) and word in _STATUS_OF_WORD:
            return _STATUS_OF_WORD[word]
    return 502


_STATUS_OF_WORD: Final[Mapping[str, int]] = {
    "invalid_request_error": 400,
    "context_length_exceeded": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "model_not_found": 404,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "server_error": 500,
    "internal_server_error": 500,
    "overloaded_error": 503,
    "server_is_overloaded": 503,
    "unavailable_error": 503,
}


def _parts(message: MessageFields) -> tuple[Part, ...]:
    parts: list[Part] = []
    if message.reasoning_details or message.reasoning_content or message.reasoning:
        parts += read_reasoning(message, from_vendor=True)
    if isinstance(message.content, str):
        if message.content:
            parts.append(Text(message.content))
    else:
        parts += [part for piece in message.content or () if (part := content_part(piece)) is not None]
    if message.refusal:
        parts.append(Refusal(message.refusal))
    for number, call in enumerate(message.tool_calls or ()):
        function = call.function
        if function is not None and function.name:
            parts.append(ToolCall(call.id or f"call_{number}", function.name, arguments_text(function.arguments)))
    legacy = message.function_call
    if legacy is not None and legacy.name:
        parts.append(ToolCall("function_call", legacy.name, arguments_text(legacy.arguments)))
    return tuple(parts)


def content_part(piece: ContentPart) -> Text | Reasoning | None:
    """A part of a reply's content, where a vendor writes a list (Mistral: text and thinking)."""
    if piece.text:
        return Text(piece.text)
    if piece.type == "thinking":
        chain = thinking_text(piece.thinking)
        return Reasoning(text=chain) if chain else None
    return None


def thinking_text(thinking: object) -> str:
    """The chain in a part of type `thinking`: text, or a list of text parts."""
    if isinstance(thinking, str):
        return thinking
    if not isinstance(thinking, list):
        return ""
    pieces = [cast("dict[str, object]", piece) for piece in cast("list[object]", thinking) if isinstance(piece, dict)]
    return "".join(text for piece in pieces if isinstance(text := piece.get("text"), str))


# --- writing -------------------------------------------------------------------------------------------------------------


def write_reply(reply: Reply, request: Request) -> bytes:
    """The body for a caller."""
    answer: dict[str, Any] = {
        "id": reply.id,
        "object": "chat.completion",
        "created": reply.created or int(time.time()),  # Messages does not say when
        "model": reply.model,
        "choices": [
            {
                "index": 0,
                "message": _message(reply.parts),
                "logprobs": None,
                "finish_reason": NATIVE_WORDS[reply.finish],
                "native_finish_reason": reply.native_finish_reason,
            }
        ],
    }
    if reply.usage is not None:
        answer["usage"] = denormalise(NAME, reply.usage)
        if reply.usage.service_tier in TIERS:
            answer["service_tier"] = reply.usage.service_tier
    return _encode(answer)


def _message(parts: tuple[Part, ...]) -> dict[str, Any]:
    text = [part.text for part in parts if isinstance(part, Text)]
    refusals = [part.text for part in parts if isinstance(part, Refusal)]
    calls = [tool_call(part) for part in parts if isinstance(part, ToolCall)]
    thoughts = [part for part in parts if isinstance(part, Reasoning)]
    message: dict[str, Any] = {
        "role": "assistant",
        "content": "".join(text) if text or not (calls or refusals) else None,
        "refusal": "".join(refusals) if refusals else None,
    }
    if calls:
        message["tool_calls"] = calls
    if thoughts:
        message["reasoning_content"] = display_text(thoughts)
        details = write_details(thoughts)
        if details:
            message["reasoning_details"] = details
    return message
