"""What a vendor of each dialect says, for the upstream that misbehaves: a whole answer, a whole stream, a refusal, a failure
in the middle. Written after the vendors' SDKs and documents, not with the code under test."""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

WORDS = ("Grüße ", "from ", "日本 ", "today")
TEXT = "".join(WORDS)

encode = msgspec.json.encode


class Words(Struct, frozen=True):
    """How one dialect says it. `reply` and `events` are given the model; in `events` the first that has words is number
    `first_words`. `refusal` and `failure` are given a message, a kind and a code; a failure is an event of a stream."""

    reply: Callable[[str], bytes]
    events: Callable[[str], list[bytes]]
    first_words: int
    refusal: Callable[[str, str, str | None], bytes]
    failure: Callable[[str, str, str | None], bytes]


def named(name: str, **fields: object) -> bytes:
    """An event whose data repeat its name as their type, as Messages and Responses write them."""
    return b"event: " + name.encode() + b"\ndata: " + encode({"type": name, **fields}) + b"\n\n"


# --- Chat Completions ------------------------------------------------------------------------------------------------------


def reply(model: str) -> bytes:
    """A whole good answer."""
    message = {"role": "assistant", "content": TEXT}
    return encode(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1700000000,
            "model": model,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 4, "total_tokens": 9},
        }
    )


def chunk(model: str, delta: dict[str, Any], finish: str | None = None) -> bytes:
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": model,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }
    return b"data: " + encode(body) + b"\n\n"


def events(model: str) -> list[bytes]:
    """A whole good stream, usage and terminator included."""
    usage = {"prompt_tokens": 5, "completion_tokens": 4, "total_tokens": 9}
    last: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": model,
        "choices": [],
    }
    return [
        chunk(model, {"role": "assistant", "content": ""}),
        *(chunk(model, {"content": word}) for word in WORDS),
        chunk(model, {}, "stop"),
        b"data: " + encode({**last, "usage": usage}) + b"\n\n",
        b"data: [DONE]\n\n",
    ]


def error(message: str, kind: str, code: str | None) -> bytes:
    return encode({"error": {"message": message, "type": kind, "code": code, "param": None}})


def _failure(message: str, kind: str, code: str | None) -> bytes:
    return b"data: " + error(message, kind, code) + b"\n\n"


CHAT = Words(reply, events, 1, error, _failure)


# --- Messages (Claude documentation, "Streaming messages" and "Errors") ----------------------------------------------------


def _message(model: str, content: list[Any], stop: str | None, written: int) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {"input_tokens": 5, "output_tokens": written},
    }


def _claude_reply(model: str) -> bytes:
    return encode(_message(model, [{"type": "text", "text": TEXT}], "end_turn", 4))


def _claude_events(model: str) -> list[bytes]:
    return [
        named("message_start", message=_message(model, [], None, 1)),
        named("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        *(named("content_block_delta", index=0, delta={"type": "text_delta", "text": word}) for word in WORDS),
        named("content_block_stop", index=0),
        named("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 4}),
        named("message_stop"),
    ]


def _claude_error(message: str, kind: str, code: str | None) -> dict[str, Any]:
    details = None if code is None else {"error_code": code}
    return {"error": {"type": kind, "message": message, "details": details}, "request_id": "req_1"}


def _claude_refusal(message: str, kind: str, code: str | None) -> bytes:
    return encode({"type": "error", **_claude_error(message, kind, code)})


def _claude_failure(message: str, kind: str, code: str | None) -> bytes:
    return named("error", **_claude_error(message, kind, code))


MESSAGES = Words(_claude_reply, _claude_events, 2, _claude_refusal, _claude_failure)


# --- Responses (openai SDK, `types/responses/response_*_event.py`) ---------------------------------------------------------


def _response(model: str, status: str, output: list[Any]) -> dict[str, Any]:
    usage = {
        "input_tokens": 5,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 4,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 9,
    }
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1700000000,
        "status": status,
        "model": model,
        "output": output,
        "error": None,
        "incomplete_details": None,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": usage if status == "completed" else None,
    }


def _item(status: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return {"id": "msg_1", "type": "message", "role": "assistant", "status": status, "content": list(parts)}


def _said(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _responses_reply(model: str) -> bytes:
    return encode(_response(model, "completed", [_item("completed", _said(TEXT))]))


def _responses_events(model: str) -> list[bytes]:
    at = {"output_index": 0, "item_id": "msg_1", "content_index": 0}
    whole = _item("completed", _said(TEXT))
    told: list[tuple[str, dict[str, Any]]] = [
        ("response.created", {"response": _response(model, "in_progress", [])}),
        ("response.in_progress", {"response": _response(model, "in_progress", [])}),
        ("response.output_item.added", {"output_index": 0, "item": _item("in_progress")}),
        ("response.content_part.added", {**at, "part": _said("")}),
        *(("response.output_text.delta", {**at, "delta": word, "logprobs": []}) for word in WORDS),
        ("response.output_text.done", {**at, "text": TEXT, "logprobs": []}),
        ("response.content_part.done", {**at, "part": _said(TEXT)}),
        ("response.output_item.done", {"output_index": 0, "item": whole}),
        ("response.completed", {"response": _response(model, "completed", [whole])}),
    ]
    return [named(name, **fields, sequence_number=number) for number, (name, fields) in enumerate(told)]


def _responses_failure(message: str, kind: str, code: str | None) -> bytes:
    return named("error", code=code or kind, message=message, param=None, sequence_number=9)


RESPONSES = Words(_responses_reply, _responses_events, 4, error, _responses_failure)

SPOKEN = {"/v1/chat/completions": CHAT, "/v1/messages": MESSAGES, "/v1/responses": RESPONSES}
"""What is spoken at each path."""
