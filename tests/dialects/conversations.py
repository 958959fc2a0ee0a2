"""One conversation and its answers, written out in each of the three dialects, for the tests of translation.

Written by hand from the vendors' SDK types (openai 3.54, anthropic 2.12). The three say the same as far as each dialect
can: what one cannot say is left out of it here, and what is lost on the way is for the tests to name.
"""

import json
from typing import Any

from msgspec import Struct

PIXEL = "iVBORw0KGgo="
SCHEMA = {"type": "object", "properties": {"animal": {"type": "string"}}, "required": ["animal"]}
PARAMETERS = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}
THOUGHT = "Thinking it over – ü."
SEAL = "SIG+/=="


class Answer(Struct):
    """The same answer, whole and as a stream."""

    whole: bytes
    stream: bytes


class Spoken(Struct):
    """One dialect: a request, an answer with everything, and one that stopped at its cap."""

    request: dict[str, Any]
    rich: Answer
    cut: Answer


def _sse(events: list[dict[str, Any]], *, named: bool, done: bool) -> bytes:
    lines: list[str] = []
    for event in events:
        name = f"event: {event['type']}\n" if named else ""
        lines.append(f"{name}data: {json.dumps(event, ensure_ascii=False)}\n\n")
    return ("".join(lines) + ("data: [DONE]\n\n" if done else "")).encode()


# --- OpenAI Chat -----------------------------------------------------------------------------------------------------

_CHAT_REQUEST: dict[str, Any] = {
    "model": "workload",
    "messages": [
        {"role": "system", "content": "You are terse."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is in the picture?"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
            ],
        },
        {
            "role": "assistant",
            "content": "Let me look.",
            "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "zoom", "arguments": '{"x": 2}'}},
                {"id": "call_2", "type": "function", "function": {"name": "zoom", "arguments": '{"x": 3}'}},
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "a tail"},
        {"role": "tool", "tool_call_id": "call_2", "content": "a paw"},
        {"role": "user", "content": "So?"},
    ],
    "tools": [
        {"type": "function", "function": {"name": "zoom", "description": "Looks closer.", "parameters": PARAMETERS}}
    ],
    "tool_choice": "auto",
    "parallel_tool_calls": False,
    "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}},
    "reasoning_effort": "high",
    "max_completion_tokens": 500,
    "user": "u-1",
}

_CHAT_USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 30,
    "total_tokens": 130,
    "prompt_tokens_details": {"cached_tokens": 40},
    "completion_tokens_details": {"reasoning_tokens": 10},
}
_CHAT_CALL = {"id": "call_3", "type": "function", "function": {"name": "zoom", "arguments": '{"x": 4}'}}
_CHAT_DETAIL = {"type": "reasoning.text", "text": THOUGHT, "signature": SEAL, "index": 0}


def _chat_whole(message: dict[str, Any], finish: str) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish, "logprobs": None}
    return json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1790000000,
            "model": "answerer",
            "choices": [choice],
            "usage": _CHAT_USAGE,
        }
    ).encode()


def _chat_stream(deltas: list[dict[str, Any]], finish: str) -> bytes:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1790000000, "model": "answerer"}
    events: list[dict[str, Any]] = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        for delta in ({"role": "assistant", "content": ""}, *deltas)
    ]
    events.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    events.append({**head, "choices": [], "usage": _CHAT_USAGE})
    return _sse(events, named=False, done=True)


CHAT = Spoken(
    _CHAT_REQUEST,
    Answer(
        _chat_whole(
            {
                "content": "It is a cat.",
                "reasoning_content": THOUGHT,
                "reasoning_details": [_CHAT_DETAIL],
                "tool_calls": [_CHAT_CALL],
            },
            "tool_calls",
        ),
        _chat_stream(
            [
                {
                    "reasoning_content": THOUGHT[:9],
                    "reasoning_details": [{**_CHAT_DETAIL, "text": THOUGHT[:9], "signature": None}],
                },
                {
                    "reasoning_content": THOUGHT[9:],
                    "reasoning_details": [{**_CHAT_DETAIL, "text": THOUGHT[9:], "signature": None}],
                },
                {"reasoning_details": [{**_CHAT_DETAIL, "text": None}]},
                {"content": "It is"},
                {"content": " a cat."},
                {"tool_calls": [{"index": 0, **_CHAT_CALL, "function": {"name": "zoom", "arguments": ""}}]},
                {"tool_calls": [{"index": 0, "function": {"arguments": '{"x":'}}]},
                {"tool_calls": [{"index": 0, "function": {"arguments": " 4}"}}]},
            ],
            "tool_calls",
        ),
    ),
    Answer(
        _chat_whole({"content": "It is"}, "length"),
        _chat_stream([{"content": "It"}, {"content": " is"}], "length"),
    ),
)


# --- OpenAI Responses ------------------------------------------------------------------------------------------------

_RESPONSES_REQUEST: dict[str, Any] = {
    "model": "workload",
    "instructions": "You are terse.",
    "input": [
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "What is in the picture?"},
                {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}"},
            ],
        },
        {"role": "assistant", "content": "Let me look."},
        {"type": "function_call", "call_id": "call_1", "name": "zoom", "arguments": '{"x": 2}'},
        {"type": "function_call", "call_id": "call_2", "name": "zoom", "arguments": '{"x": 3}'},
        {"type": "function_call_output", "call_id": "call_1", "output": "a tail"},
        {"type": "function_call_output", "call_id": "call_2", "output": "a paw"},
        {"role": "user", "content": "So?"},
    ],
    "tools": [{"type": "function", "name": "zoom", "description": "Looks closer.", "parameters": PARAMETERS}],
    "tool_choice": "auto",
    "parallel_tool_calls": False,
    "text": {"format": {"type": "json_schema", "name": "answer", "schema": SCHEMA}},
    "reasoning": {"effort": "high"},
    "max_output_tokens": 500,
    "safety_identifier": "u-1",
    "store": False,
}

_RESPONSES_USAGE = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 0},
    "output_tokens": 30,
    "output_tokens_details": {"reasoning_tokens": 10},
    "total_tokens": 130,
}
_ITEM_THOUGHT = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [],
    "content": [{"type": "reasoning_text", "text": THOUGHT}],
    "encrypted_content": SEAL,
}
_ITEM_CALL = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "call_3",
    "name": "zoom",
    "arguments": '{"x": 4}',
    "status": "completed",
}


def _item_message(text: str, status: str = "completed") -> dict[str, Any]:
    part: dict[str, Any] = {"type": "output_text", "text": text, "annotations": []}
    return {"type": "message", "id": "msg_1", "role": "assistant", "status": status, "content": [part]}


def _response(output: list[dict[str, Any]], cut: bool) -> dict[str, Any]:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1790000000,
        "model": "answerer",
        "status": "incomplete" if cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "error": None,
        "output": output,
        "usage": _RESPONSES_USAGE,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }


def _message_events(at: int, text: str, cut: int, status: str = "completed") -> list[dict[str, Any]]:
    place: dict[str, Any] = {"item_id": "msg_1", "output_index": at, "content_index": 0}
    item = _item_message(text, status)
    return [
        {"type": "response.output_item.added", "output_index": at, "item": {**item, "content": []}},
        {
            "type": "response.content_part.added",
            **place,
            "part": {"type": "output_text", "text": "", "annotations": []},
        },
        {"type": "response.output_text.delta", **place, "delta": text[:cut], "logprobs": []},
        {"type": "response.output_text.delta", **place, "delta": text[cut:], "logprobs": []},
        {"type": "response.output_text.done", **place, "text": text, "logprobs": []},
        {"type": "response.content_part.done", **place, "part": item["content"][0]},
        {"type": "response.output_item.done", "output_index": at, "item": item},
    ]


def _responses_stream(response: dict[str, Any], middle: list[dict[str, Any]]) -> bytes:
    begun: dict[str, Any] = {
        **response,
        "status": "in_progress",
        "incomplete_details": None,
        "output": [],
        "usage": None,
    }
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
        *middle,
        {"type": f"response.{response['status']}", "response": response},
    ]
    numbered = [{**event, "sequence_number": number} for number, event in enumerate(events)]
    return _sse(numbered, named=True, done=False)


_RICH_RESPONSE = _response([_ITEM_THOUGHT, _item_message("It is a cat."), _ITEM_CALL], cut=False)
_CUT_RESPONSE = _response([_item_message("It is", "incomplete")], cut=True)

RESPONSES = Spoken(
    _RESPONSES_REQUEST,
    Answer(
        json.dumps(_RICH_RESPONSE).encode(),
        _responses_stream(
            _RICH_RESPONSE,
            [
                {
                    "type": "response.output_item.added",
                    "output_index": 0,
                    "item": {"type": "reasoning", "id": "rs_1", "summary": []},
                },
                {
                    "type": "response.reasoning_text.delta",
                    "item_id": "rs_1",
                    "output_index": 0,
                    "content_index": 0,
                    "delta": THOUGHT[:9],
                },
                {
                    "type": "response.reasoning_text.delta",
                    "item_id": "rs_1",
                    "output_index": 0,
                    "content_index": 0,
                    "delta": THOUGHT[9:],
                },
                {"type": "response.output_item.done", "output_index": 0, "item": _ITEM_THOUGHT},
                *_message_events(1, "It is a cat.", 5),
                {"type": "response.output_item.added", "output_index": 2, "item": {**_ITEM_CALL, "arguments": ""}},
                {
                    "type": "response.function_call_arguments.delta",
                    "item_id": "fc_1",
                    "output_index": 2,
                    "delta": '{"x":',
                },
                {
                    "type": "response.function_call_arguments.delta",
                    "item_id": "fc_1",
                    "output_index": 2,
                    "delta": " 4}",
                },
                {
                    "type": "response.function_call_arguments.done",
                    "item_id": "fc_1",
                    "output_index": 2,
                    "arguments": '{"x": 4}',
                },
                {"type": "response.output_item.done", "output_index": 2, "item": _ITEM_CALL},
            ],
        ),
    ),
    Answer(
        json.dumps(_CUT_RESPONSE).encode(),
        _responses_stream(_CUT_RESPONSE, _message_events(0, "It is", 2, "incomplete")),
    ),
)


# --- Anthropic Messages ----------------------------------------------------------------------------------------------

_MESSAGES_REQUEST: dict[str, Any] = {
    "model": "workload",
    "system": "You are terse.",
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is in the picture?"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "Let me look."},
                {"type": "tool_use", "id": "call_1", "name": "zoom", "input": {"x": 2}},
                {"type": "tool_use", "id": "call_2", "name": "zoom", "input": {"x": 3}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "call_1", "content": "a tail"},
                {"type": "tool_result", "tool_use_id": "call_2", "content": "a paw"},
                {"type": "text", "text": "So?"},
            ],
        },
    ],
    "tools": [{"name": "zoom", "description": "Looks closer.", "input_schema": PARAMETERS}],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    "output_config": {"effort": "high", "format": {"type": "json_schema", "schema": SCHEMA}},
    "max_tokens": 500,
    "metadata": {"user_id": "u-1"},
}

_MESSAGES_USAGE: dict[str, Any] = {
    "input_tokens": 60,
    "cache_read_input_tokens": 40,
    "cache_creation_input_tokens": 0,
    "output_tokens": 30,
    "output_tokens_details": {"thinking_tokens": 10},
}
_BLOCKS: list[dict[str, Any]] = [
    {"type": "thinking", "thinking": THOUGHT, "signature": SEAL},
    {"type": "text", "text": "It is a cat."},
    {"type": "tool_use", "id": "call_3", "name": "zoom", "input": {"x": 4}},
]


def _message(content: list[dict[str, Any]], stop: str | None) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "answerer",
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": _MESSAGES_USAGE,
    }


def _block_events(at: int, block: dict[str, Any], deltas: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": at, "content_block": block},
        *({"type": "content_block_delta", "index": at, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": at},
    ]


def _messages_stream(middle: list[dict[str, Any]], stop: str) -> bytes:
    begun: dict[str, Any] = {
        **_message([], None),
        "usage": {**_MESSAGES_USAGE, "output_tokens": 1, "output_tokens_details": None},
    }
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": begun},
        {"type": "ping"},
        *middle,
        {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": _MESSAGES_USAGE},
        {"type": "message_stop"},
    ]
    return _sse(events, named=True, done=False)


MESSAGES = Spoken(
    _MESSAGES_REQUEST,
    Answer(
        json.dumps(_message(_BLOCKS, "tool_use")).encode(),
        _messages_stream(
            [
                *_block_events(
                    0,
                    {"type": "thinking", "thinking": "", "signature": ""},
                    [
                        {"type": "thinking_delta", "thinking": THOUGHT[:9]},
                        {"type": "thinking_delta", "thinking": THOUGHT[9:]},
                        {"type": "signature_delta", "signature": SEAL},
                    ],
                ),
                *_block_events(
                    1,
                    {"type": "text", "text": ""},
                    [{"type": "text_delta", "text": "It is"}, {"type": "text_delta", "text": " a cat."}],
                ),
                *_block_events(
                    2,
                    {"type": "tool_use", "id": "call_3", "name": "zoom", "input": {}},
                    [
                        {"type": "input_json_delta", "partial_json": ""},
                        {"type": "input_json_delta", "partial_json": '{"x":'},
                        {"type": "input_json_delta", "partial_json": " 4}"},
                    ],
                ),
            ],
            "tool_use",
        ),
    ),
    Answer(
        json.dumps(_message([{"type": "text", "text": "It is"}], "max_tokens")).encode(),
        _messages_stream(
            _block_events(
                0,
                {"type": "text", "text": ""},
                [{"type": "text_delta", "text": "It"}, {"type": "text_delta", "text": " is"}],
            ),
            "max_tokens",
        ),
    ),
)

SPOKEN = {"openai-chat": CHAT, "openai-responses": RESPONSES, "anthropic-messages": MESSAGES}
