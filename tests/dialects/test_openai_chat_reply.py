"""A whole Chat reply, read from vendors and written for callers; and what each reason to stop means."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from dialects.chat_sdk import ORIGIN, checked_reply, client, fixture, request_of
from freehold.dialects.openai_chat_reply import error_status, finish_of, read_reply, write_reply
from freehold.errors import VendorError, VendorGarbled, VendorRefused
from freehold.messages import Finish, Reasoning, Refusal, Reply, Text, ToolCall, Usage

ASK = request_of()


def read(message: dict[str, Any] | None = None, **choice: Any) -> Reply:
    value = {"id": "c", "model": "m", "choices": [{"message": message or {"content": "hi"}, **choice}]}
    return read_reply(json.dumps(value).encode())


# --- reading -------------------------------------------------------------------------------------------------------------


def test_an_answer_in_words_is_read() -> None:
    assert read_reply(fixture("reply_text.json")) == Reply(
        id="chatcmpl-1",
        model="gpt-4o-2024-11-20",
        parts=(Text("A cat – ü."),),
        finish="stop",
        native_finish_reason="stop",
        usage=Usage(
            input_tokens=120, output_tokens=30, cache_read_tokens=100, reasoning_tokens=20, service_tier="flex"
        ),
        created=1790000000,
    )


def test_calls_make_the_finish_whatever_the_vendor_says() -> None:
    assert read_reply(fixture("reply_tools.json")) == Reply(
        id="chatcmpl-2",
        model="grok-4",
        parts=(ToolCall("call_1", "zoom", '{"x": 2}'), ToolCall("call_2", "zoom", '{"x": 3}')),
        finish="tool_calls",
        native_finish_reason="stop",
        usage=Usage(input_tokens=40, output_tokens=17, reasoning_tokens=7),
        created=1790000001,
    )


def test_artefacts_of_reasoning_are_read() -> None:
    reply = read_reply(fixture("reply_details.json"))
    assert reply.parts == (
        Reasoning(text="I must zoom.", opaque="SIG+/=="),
        Reasoning(summary=("It zoomed.",), opaque="gAAA1", id="rs_1"),
        Reasoning(opaque="gAAA2", redacted=True),
        Text("A cat."),
    )
    assert (reply.finish, reply.native_finish_reason) == ("stop", "end_turn")


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ({"content": "a", "reasoning_content": "Hm."}, (Reasoning(text="Hm."), Text("a"))),
        ({"content": None, "refusal": "No."}, (Refusal("No."),)),
        ({"content": ""}, ()),
        (
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
                    {"type": "text", "text": "a"},
                ]
            },
            (Reasoning(text="Hm."), Text("a")),
        ),  # Mistral
        ({"tool_calls": [{"function": {"name": "f", "arguments": {"x": 1}}}]}, (ToolCall("call_0", "f", '{"x":1}'),)),
        ({"function_call": {"name": "f", "arguments": "{}"}}, (ToolCall("function_call", "f", "{}"),)),
    ],
)
def test_departures_of_vendors_are_read(message: dict[str, Any], parts: tuple[Any, ...]) -> None:
    assert read(message, finish_reason="stop").parts == parts


def test_the_stop_sequence_is_read_where_a_vendor_says_it() -> None:
    assert read(finish_reason="stop", stop_reason="END").stop_sequence == "END"  # vLLM
    assert read(finish_reason="stop", stop_reason=128009).stop_sequence is None  # the id of a token


def test_of_several_choices_the_first_is_read() -> None:
    value = {"choices": [{"index": 1, "message": {"content": "b"}}, {"index": 0, "message": {"content": "a"}}]}
    assert read_reply(json.dumps(value).encode()).parts == (Text("a"),)


@pytest.mark.parametrize(
    ("native", "finish"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("tool_calls", "tool_calls"),
        ("function_call", "tool_calls"),
        ("content_filter", "content_filter"),
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("model_length", "length"),
        ("pause_turn", "pause"),
        ("refusal", "content_filter"),
        ("SAFETY", "content_filter"),
        ("STOP", "stop"),
        ("insufficient_system_resource", "error"),
        ("error", "error"),
        ("abort", "error"),
        ("MALFORMED_FUNCTION_CALL", "error"),
        ("tomorrow's word", "error"),
        ("", "error"),
        (None, "error"),
    ],
)
def test_a_reason_that_nobody_knows_is_an_error_and_never_a_stop(native: str | None, finish: Finish) -> None:
    assert finish_of(native, has_tool_calls=False) == finish


@pytest.mark.parametrize(
    ("native", "finish"),
    [("stop", "tool_calls"), ("", "tool_calls"), (None, "tool_calls"), ("length", "length"), ("error", "error")],
)
def test_calls_decide_where_the_vendor_says_stop_or_nothing(native: str | None, finish: Finish) -> None:
    assert finish_of(native, has_tool_calls=True) == finish


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"<html>",
        b"{}",
        b'{"choices":[]}',
        b'{"choices":[{}]}',
        b'{"choices":3}',
        b"\xff",
        b"[" * 99_999,
    ],
)
def test_what_is_not_chat_is_garbled(data: bytes) -> None:
    with pytest.raises(VendorGarbled):
        read_reply(data)


def test_an_error_under_a_status_of_200_is_a_refusal() -> None:
    with pytest.raises(VendorRefused) as caught:
        read_reply(b'{"error": {"code": 429, "message": "Rate limited upstream"}}')
    assert (caught.value.status, caught.value.sentence) == (429, "Rate limited upstream")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"code": 503}, 503),
        ({"code": "429"}, 429),
        ({"code": "rate_limit_exceeded"}, 429),
        ({"code": None, "type": "insufficient_quota"}, 429),
        ({"type": "invalid_request_error", "code": "x"}, 400),
        ({"code": 200}, 502),
        ({"code": "who knows"}, 502),
        ("text", 502),
        ({"code": [], "type": {}}, 502),
    ],
)
def test_an_error_says_which_status_it_would_have_had(error: Any, status: int) -> None:
    assert error_status(error) == status


@given(st.binary(max_size=60) | st.from_regex(rb'\{"choices":\[\{"message":\{.{0,40}', fullmatch=True))
def test_any_bytes_are_read_or_are_the_vendors_error(data: bytes) -> None:
    try:
        read_reply(data)
    except VendorError:
        return


# --- writing -------------------------------------------------------------------------------------------------------------

WHOLE = Reply(
    id="msg_1",
    model="claude",
    parts=(
        Reasoning(text="Hm.", opaque="S", origin=ORIGIN),
        Text("A "),
        Text("cat."),
        ToolCall("c", "f", '{"x":1}'),
    ),
    finish="tool_calls",
    native_finish_reason="tool_use",
    usage=Usage(input_tokens=10, output_tokens=5, cache_read_tokens=4, reasoning_tokens=2, service_tier="default"),
    created=7,
)


def test_an_answer_whose_vendor_does_not_say_when_was_made_now() -> None:
    assert checked_reply(write_reply(replace(WHOLE, created=0), ASK))["created"] > 1_700_000_000


def test_an_answer_is_written_whole() -> None:
    assert checked_reply(write_reply(WHOLE, ASK)) == {
        "id": "msg_1",
        "object": "chat.completion",
        "created": 7,
        "model": "claude",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "A cat.",
                    "refusal": None,
                    "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}],
                    "reasoning_content": "Hm.",
                    "reasoning_details": [
                        {"type": "reasoning.text", "text": "Hm.", "signature": f"fh1.{ORIGIN}.S", "index": 0}
                    ],
                },
                "logprobs": None,
                "finish_reason": "tool_calls",
                "native_finish_reason": "tool_use",
            }
        ],
        "usage": {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "total_tokens": 15,
            "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 2, "audio_tokens": 0},
        },
        "service_tier": "default",
    }


def test_the_sdk_reads_what_is_written() -> None:
    completion = client(write_reply(WHOLE, ASK)).chat.completions.create(
        model="m", messages=[{"role": "user", "content": "hi"}]
    )
    message = completion.choices[0].message
    assert message.content == "A cat."
    assert message.tool_calls is not None
    assert message.tool_calls[0].id == "c"
    assert completion.usage is not None
    assert completion.usage.total_tokens == 15


@pytest.mark.parametrize(
    ("finish", "word"),
    [("stop", "stop"), ("length", "length"), ("content_filter", "content_filter"), ("pause", "length")],
)
def test_a_finish_has_a_word_in_chat(finish: Finish, word: str) -> None:
    value = checked_reply(write_reply(Reply(id="a", model="m", parts=(Text("x"),), finish=finish), ASK))
    assert value["choices"][0]["finish_reason"] == word


def test_a_failure_is_never_written_as_a_stop() -> None:
    value = json.loads(write_reply(Reply(id="a", model="m", finish="error", native_finish_reason="boom"), ASK))
    assert value["choices"][0]["finish_reason"] == "error"
    assert value["choices"][0]["native_finish_reason"] == "boom"


def test_an_answer_without_words_is_null_only_beside_calls_or_a_refusal() -> None:
    def said(*parts: Any) -> Any:
        return checked_reply(write_reply(Reply(id="a", model="m", parts=parts), ASK))["choices"][0]["message"]

    assert said()["content"] == ""
    assert said(Refusal("No.")) == {"role": "assistant", "content": None, "refusal": "No."}
    assert said(ToolCall("c", "f", ""))["content"] is None


def test_a_tier_that_chat_has_no_word_for_is_left_out() -> None:
    usage = Usage(input_tokens=1, service_tier="batch")
    assert "service_tier" not in checked_reply(write_reply(Reply(id="a", model="m", usage=usage), ASK))


def test_what_is_written_is_read_again_with_the_seal_of_another_freehold_as_the_vendors_own() -> None:
    assert read_reply(write_reply(WHOLE, ASK)) == Reply(
        id="msg_1",
        model="claude",
        parts=(Reasoning(text="Hm.", opaque=f"fh1.{ORIGIN}.S"), Text("A cat."), ToolCall("c", "f", '{"x":1}')),
        finish="tool_calls",
        native_finish_reason="tool_use",
        usage=WHOLE.usage,
        created=7,
    )
