"""A Chat stream, written chunk by chunk, as the official SDK reads it."""

import json
from typing import Any

import msgspec
import openai
import pytest

from dialects.chat_sdk import ORIGIN, checked_chunks, client, read_all, request_of, split, write_all
from dialects.gathered import gather
from freehold.dialects.openai_chat_reasoning import read_reasoning
from freehold.dialects.openai_chat_stream_writing import ChatWriter
from freehold.dialects.openai_chat_wire import MessageFields
from freehold.errors import StreamBroken
from freehold.messages import (
    Chunk,
    Finished,
    Ignored,
    PartEnd,
    Reasoning,
    ReasoningDelta,
    ReasoningSeal,
    Refusal,
    RefusalDelta,
    Started,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    Usage,
    UsageReport,
)

PLAIN = request_of(stream=True)
COUNTING = request_of(stream=True, stream_options={"include_usage": True})
START = Started("msg_1", "claude", 7)
END = Finished("stop", "end_turn")
COUNTS = Usage(input_tokens=10, output_tokens=5, cache_read_tokens=4)

TALK: list[Chunk] = [
    START,
    TextDelta(0, "A "),
    Ignored(),
    TextDelta(0, "cat – ü."),
    PartEnd(0),
    UsageReport(COUNTS),
    END,
]


def deltas(chunks: list[Chunk]) -> list[dict[str, Any]]:
    """What stands in `delta` of each event before the last one."""
    return [value["choices"][0]["delta"] for value in checked_chunks(write_all(ChatWriter(PLAIN), [*chunks, END]))][:-1]


def test_words_are_written_as_chunks() -> None:
    head = {"id": "msg_1", "object": "chat.completion.chunk", "created": 7, "model": "claude"}
    assert checked_chunks(write_all(ChatWriter(PLAIN), TALK)) == [
        {**head, "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]},
        {**head, "choices": [{"index": 0, "delta": {"content": "A "}, "finish_reason": None}]},
        {**head, "choices": [{"index": 0, "delta": {"content": "cat – ü."}, "finish_reason": None}]},
        {
            **head,
            "choices": [
                {
                    "index": 0,
                    "delta": {},
                    "logprobs": None,
                    "finish_reason": "stop",
                    "native_finish_reason": "end_turn",
                }
            ],
        },
    ]


def test_usage_comes_last_and_only_when_asked_for() -> None:
    chunks = checked_chunks(write_all(ChatWriter(COUNTING), TALK))
    assert [chunk["usage"] for chunk in chunks[:-1]] == [None] * 4
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["prompt_tokens"] == 10
    assert chunks[-1]["usage"]["prompt_tokens_details"]["cached_tokens"] == 4
    assert b"usage" not in write_all(ChatWriter(PLAIN), TALK)


def test_usage_that_nobody_reported_is_not_made_up() -> None:
    chunks = checked_chunks(write_all(ChatWriter(COUNTING), [START, TextDelta(0, "a"), END]))
    assert chunks[-1]["usage"] is None
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


def test_the_reason_to_stop_waits_for_the_end() -> None:
    writer = ChatWriter(PLAIN)
    assert b"stop" not in b"".join(writer.write(chunk) for chunk in TALK)
    assert b'"finish_reason":"stop"' in writer.close()


def test_id_and_name_of_a_call_stand_in_its_first_delta_only() -> None:
    assert deltas(
        [
            START,
            TextDelta(0, "a"),
            PartEnd(0),
            ToolCallStart(1, "c", "f"),
            ToolCallDelta(1, '{"x"'),
            ToolCallDelta(1, ":1}"),
            PartEnd(1),
            ToolCallStart(2, "d", "g"),
            ToolCallDelta(2, "{}"),
            PartEnd(2),
        ]
    )[2:] == [
        {"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"x"'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]},
        {"tool_calls": [{"index": 1, "id": "d", "type": "function", "function": {"name": "g", "arguments": ""}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]},
    ]


def test_an_artefact_is_written_whole_when_it_is_sealed() -> None:
    assert deltas(
        [
            START,
            ReasoningDelta(0, "I must "),
            ReasoningDelta(0, "zoom."),
            ReasoningSeal(0, f"fh1.{ORIGIN}.S"),
            PartEnd(0),
            ReasoningDelta(1, "It zoomed.", summary=True),
            ReasoningSeal(1, "E", id="rs_1"),
            PartEnd(1),
            ReasoningSeal(2, "R", redacted=True),
            PartEnd(2),
        ]
    )[1:] == [
        {"reasoning_content": "I must "},
        {"reasoning_content": "zoom."},
        {
            "reasoning_details": [
                {"type": "reasoning.text", "text": "I must zoom.", "signature": f"fh1.{ORIGIN}.S", "index": 0}
            ]
        },
        {"reasoning_content": "It zoomed."},
        {
            "reasoning_details": [
                {"type": "reasoning.summary", "summary": "It zoomed.", "id": "rs_1", "index": 1},
                {"type": "reasoning.encrypted", "data": "E", "id": "rs_1", "index": 1},
            ]
        },
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "R", "index": 2}]},
    ]


def test_a_client_that_gathers_the_deltas_can_send_the_artefacts_back() -> None:
    gathered = deltas(
        [
            START,
            ReasoningDelta(0, "Hm."),
            ReasoningSeal(0, f"fh1.{ORIGIN}.S"),
            PartEnd(0),
            ReasoningSeal(1, f"fh1.{ORIGIN}.R", redacted=True),
            PartEnd(1),
        ]
    )
    details = [detail for delta in gathered for detail in delta.get("reasoning_details", [])]
    fields = {"reasoning_content": "Hm.", "reasoning_details": details}
    assert read_reasoning(msgspec.convert(fields, MessageFields)) == (
        Reasoning(text="Hm.", opaque="S", origin=ORIGIN),
        Reasoning(opaque="R", origin=ORIGIN, redacted=True),
    )


@pytest.mark.parametrize("first", [TextDelta(0, "a"), END])
def test_an_answer_that_never_said_that_it_started_is_well_formed(first: Chunk) -> None:
    chunks = checked_chunks(write_all(ChatWriter(PLAIN), [first, END]))
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert chunks[0]["created"] == chunks[-1]["created"] > 1_700_000_000
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


def test_an_answer_without_an_end_is_an_error_and_never_a_stop() -> None:
    stream = write_all(ChatWriter(PLAIN), [START, TextDelta(0, "a")])
    assert b'"finish_reason":"error"' in stream
    assert b'"stop"' not in stream


def test_what_is_written_is_read_again() -> None:
    chunks: list[Chunk] = [
        START,
        ReasoningDelta(0, "Hm."),
        PartEnd(0),
        TextDelta(1, "a"),
        PartEnd(1),
        RefusalDelta(2, "No."),
        PartEnd(2),
        ToolCallStart(3, "c", "f"),
        ToolCallDelta(3, "{}"),
        PartEnd(3),
        UsageReport(COUNTS),
        Finished("tool_calls", "tool_use"),
    ]
    gathered = gather(read_all(write_all(ChatWriter(COUNTING), chunks)))
    assert gathered.parts == (Reasoning(text="Hm."), Text("a"), Refusal("No."), ToolCall("c", "f", "{}"))
    assert (gathered.finish, gathered.native_finish_reason, gathered.usage) == ("tool_calls", "tool_use", COUNTS)


# --- the official SDK ----------------------------------------------------------------------------------------------------


def streamed(stream: bytes) -> Any:
    return client(stream, "text/event-stream").chat.completions.create(
        model="m", messages=[{"role": "user", "content": "hi"}], stream=True
    )


def test_the_sdk_reads_the_stream_to_its_end() -> None:
    chunks = list(streamed(write_all(ChatWriter(COUNTING), TALK)))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "A cat – ü."
    assert chunks[-1].usage.completion_tokens == 5


def test_the_sdk_raises_when_the_answer_breaks_off() -> None:
    writer = ChatWriter(PLAIN)
    error = StreamBroken("The vendor stopped in the middle.", "Try again.")
    stream = b"".join(writer.write(chunk) for chunk in TALK[:2]) + writer.fail(error, "req-1")
    assert b"[DONE]" not in stream
    chunks = iter(streamed(stream))
    assert [next(chunks).choices[0].delta.content for _ in range(2)] == ["", "A "]
    with pytest.raises(openai.APIError) as caught:
        next(chunks)
    assert caught.value.message == "The vendor stopped in the middle. Try again."
    assert (caught.value.code, caught.value.type) == ("stream-broken", "server_error")
    assert json.loads(split(stream)[-1].data)["error"]["request_id"] == "req-1"
