"""Whole answers in the Messages dialect: what is read from a vendor, and what the SDK's `Message` takes of ours."""

import json
from typing import Any, get_args

import pytest
from anthropic.types.beta import BetaStopReason
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from dialects.messages_sdk import ORIGIN, checked_reply, client, fixture, request_of
from freehold.dialects.anthropic_reply import (
    FINISHES,
    finish_of,
    message_shape,
    read_reply,
    sealed,
    stop_fields,
    write_reply,
)
from freehold.errors import VendorGarbled, VendorRefused
from freehold.messages import (
    Audio,
    Finish,
    Finished,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Reply,
    Text,
    ToolCall,
    Usage,
)

# --- reading -------------------------------------------------------------------------------------------------------------


def test_a_text_is_read() -> None:
    assert read_reply(fixture("reply_text.json")) == Reply(
        id="msg_01",
        model="claude-haiku-4-5-20251001",
        parts=(Text("Sunny – 24 °C."),),
        finish="stop",
        native_finish_reason="end_turn",
        usage=Usage(input_tokens=25, output_tokens=15, service_tier="default"),
    )


def test_thinking_text_and_calls_are_read_in_order() -> None:
    reply = read_reply(fixture("reply_tools.json"))
    assert reply.parts == (
        Reasoning(text="Two cities are asked – Évora too.", opaque="EqQBCgIYAhIM+/whole=="),
        Reasoning(opaque="EmwKAhgB+/hidden==", redacted=True),
        Text("Let me look."),
        ToolCall("toolu_03", "get_weather", '{\n        "city": "Évora"\n      }'),
        ToolCall("toolu_04", "get_map", "{}"),
    )
    assert (reply.finish, reply.native_finish_reason) == ("tool_calls", "tool_use")


def test_the_cache_is_in_our_input_and_thinking_in_our_output() -> None:
    assert read_reply(fixture("reply_tools.json")).usage == Usage(
        input_tokens=260,
        output_tokens=90,
        cache_read_tokens=200,
        cache_write_5m_tokens=30,
        cache_write_1h_tokens=20,
        reasoning_tokens=60,
        service_tier="default",
    )


def test_a_refusal_says_why() -> None:
    reply = read_reply(fixture("reply_refusal.json"))
    assert (reply.finish, reply.native_finish_reason) == ("content_filter", "refusal")
    assert (reply.refusal_category, reply.parts) == ("frontier_llm", (Text("I cannot"),))


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("pause_turn", "pause"),
        ("compaction", "pause"),
        ("refusal", "content_filter"),
        ("newer_than_this_code", "error"),
        ("", "error"),
        (None, "error"),
    ],
)
def test_every_stop_reason_has_a_finish_and_an_unknown_one_is_never_a_stop(reason: str | None, finish: Finish) -> None:
    assert finish_of(reason) == finish


def test_an_answer_that_is_a_summary_of_the_conversation_is_whole_and_all_of_it_is_counted() -> None:
    spent = {"type": "compaction", "input_tokens": 150_000, "output_tokens": 4000}
    block = {"type": "compaction", "content": "They spoke of the weather."}
    reply = read_reply(
        raw(
            content=[block],
            stop_reason="compaction",
            usage={"input_tokens": 9, "output_tokens": 1, "iterations": [spent]},
        )
    )
    assert (reply.finish, reply.native_finish_reason) == ("pause", "compaction")
    assert reply.parts == (Opaque("anthropic-messages", "compaction"),)
    assert reply.usage == Usage(input_tokens=150_009, output_tokens=4001)


def test_every_stop_reason_of_the_sdk_is_known() -> None:
    assert set(FINISHES) == set(get_args(BetaStopReason))


def raw(**fields: Any) -> bytes:
    return json.dumps({"id": "m", "model": "c", "content": [], "stop_reason": "end_turn", **fields}).encode()


def test_the_stop_sequence_is_read() -> None:
    reply = read_reply(raw(stop_reason="stop_sequence", stop_sequence="END"))
    assert (reply.finish, reply.stop_sequence) == ("stop", "END")


def test_a_vendor_that_does_not_count_has_no_usage() -> None:
    assert read_reply(raw()).usage is None


def test_what_a_server_did_for_the_model_is_not_lost() -> None:
    reply = read_reply(raw(content=[{"type": "server_tool_use", "id": "s", "name": "n", "input": {}}]))
    assert reply.parts == (Opaque("anthropic-messages", "server_tool_use"),)


def test_an_answer_that_does_not_follow_is_garbled() -> None:
    with pytest.raises(VendorGarbled):
        read_reply(raw(content="hi"))


# --- writing -------------------------------------------------------------------------------------------------------------


def written(*parts: Part, **fields: Any) -> Any:
    reply = replace(Reply(id="msg_1", model="own/nano", parts=parts), **fields)
    return checked_reply(write_reply(reply, request_of()))


@pytest.mark.parametrize(
    ("kind", "status"), [("overloaded_error", 529), ("invalid_request_error", 400), ("new_error", 500)]
)
def test_an_error_in_the_place_of_an_answer_is_a_refusal(kind: str, status: int) -> None:
    told = {"type": "error", "error": {"type": kind, "message": "Not now."}, "request_id": "req_1"}
    with pytest.raises(VendorRefused, match="Not now") as refused:
        read_reply(json.dumps(told).encode())
    assert (refused.value.status, refused.value.kind) == (status, kind)


def test_a_small_answer_has_every_field_that_anthropic_sends() -> None:
    assert written(Text("Hello"), usage=Usage(input_tokens=5, output_tokens=2)) == {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "own/nano",
        "content": [{"type": "text", "text": "Hello", "citations": None}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "stop_details": None,
        "usage": {
            "input_tokens": 5,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": 2,
            "output_tokens_details": {"thinking_tokens": 0},
        },
    }


@pytest.mark.parametrize("name", ["reply_text.json", "reply_tools.json", "reply_refusal.json"])
def test_an_answer_that_was_read_is_written_as_the_vendor_wrote_it(name: str) -> None:
    vendors = json.loads(fixture(name))
    again = json.loads(write_reply(read_reply(fixture(name)), request_of()))
    for block in [*vendors["content"], *again["content"]]:
        block.pop("citations", None)
    assert again["content"] == vendors["content"]
    assert (again["id"], again["model"]) == (vendors["id"], vendors["model"])
    assert again["stop_reason"] == vendors["stop_reason"]
    details = vendors["stop_details"]
    assert again["stop_details"] == (details and {**details, "explanation": None})
    told = {name: vendors["usage"][name] for name in ("input_tokens", "cache_read_input_tokens", "output_tokens")}
    assert told.items() <= again["usage"].items()


def test_what_has_no_words_is_left_out() -> None:
    assert written(Text(""), Refusal(""), Audio("AAAA", "wav"), Opaque("openai-chat", "x"))["content"] == []


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (Reasoning(text="Hm."), {"type": "thinking", "thinking": "Hm.", "signature": ""}),
        (
            Reasoning(text="Hm.", opaque="SIG", origin=ORIGIN),
            {"type": "thinking", "thinking": "Hm.", "signature": f"fh1.{ORIGIN}.SIG"},
        ),
        (
            Reasoning(text="Hm.", opaque=f"fh1.{ORIGIN}.SIG", origin=ORIGIN),
            {"type": "thinking", "thinking": "Hm.", "signature": f"fh1.{ORIGIN}.SIG"},
        ),
        (Reasoning(opaque="SIG"), {"type": "thinking", "thinking": "", "signature": "SIG"}),
        (
            Reasoning(summary=("One.", "Two."), opaque="gAAA"),
            {"type": "thinking", "thinking": "One.\n\nTwo.", "signature": "gAAA"},
        ),
        (
            Reasoning(opaque="D", origin=ORIGIN, redacted=True),
            {"type": "redacted_thinking", "data": f"fh1.{ORIGIN}.D"},
        ),
        (Refusal("No."), {"type": "text", "text": "No.", "citations": None}),
        (ToolCall("t", "f", " "), {"type": "tool_use", "id": "t", "name": "f", "input": {}}),
        (ToolCall("t", "f", '{"a": [1]}'), {"type": "tool_use", "id": "t", "name": "f", "input": {"a": [1]}}),
    ],
)
def test_each_kind_of_part_has_its_block(part: Part, block: dict[str, Any]) -> None:
    assert written(part, finish="tool_calls" if isinstance(part, ToolCall) else "stop")["content"] == [block]


@pytest.mark.parametrize("arguments", ["[1]", "null", "{", '{"a":1}}', "[" * 5000])
def test_arguments_that_are_no_object_cannot_be_said(arguments: str) -> None:
    with pytest.raises(VendorGarbled, match="'f'"):
        written(ToolCall("t", "f", arguments), finish="tool_calls")


@pytest.mark.parametrize(("finish", "reason"), [("length", "max_tokens"), ("content_filter", "refusal")])
def test_a_call_that_the_end_of_the_answer_cut_off_has_no_input_and_the_reason_says_why(
    finish: Finish, reason: str
) -> None:
    told = written(Text("Well."), ToolCall("t", "f", '{"a": "lo'), finish=finish)
    assert told["content"][1] == {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    assert told["stop_reason"] == reason


@pytest.mark.parametrize(
    ("end", "refused", "reason"),
    [
        (Finished("stop"), False, "end_turn"),
        (Finished("stop", "stop"), False, "end_turn"),
        (Finished("stop", "end_turn"), True, "end_turn"),
        (Finished("stop", "stop"), True, "refusal"),
        (Finished("stop", "stop", "END"), False, "stop_sequence"),
        (Finished("length", "length"), False, "max_tokens"),
        (Finished("length", "model_context_window_exceeded"), False, "model_context_window_exceeded"),
        (Finished("tool_calls", "stop"), False, "tool_use"),
        (Finished("pause"), False, "pause_turn"),
        (Finished("pause", "compaction"), False, "compaction"),
        (Finished("content_filter", "content_filter"), False, "refusal"),
        (Finished("length", "end_turn"), False, "max_tokens"),
        (Finished("length", "length"), True, "max_tokens"),
    ],
)
def test_every_finish_has_a_stop_reason(end: Finished, refused: bool, reason: str) -> None:
    fields = stop_fields(end, refused=refused)
    assert (fields["stop_reason"], fields["stop_sequence"]) == (reason, end.stop_sequence)
    assert (fields["stop_details"] is not None) == (reason == "refusal")


@pytest.mark.parametrize(
    ("category", "told"), [("cyber", "cyber"), ("reasoning_extraction", "reasoning_extraction"), ("hate", None)]
)
def test_a_refusal_tells_a_category_that_the_sdk_knows(category: str, told: str | None) -> None:
    fields = written(Text("I"), finish="content_filter", refusal_category=category)
    assert fields["stop_details"] == {"type": "refusal", "category": told, "explanation": None}


def test_a_model_that_declined_in_its_own_words_ends_in_a_refusal() -> None:
    assert written(Refusal("No."), finish="stop", native_finish_reason="stop")["stop_reason"] == "refusal"


@pytest.mark.parametrize("native", [None, "MALFORMED_FUNCTION_CALL"])
def test_a_failure_is_never_an_answer(native: str | None) -> None:
    with pytest.raises(VendorGarbled, match=native or "no reason given"):
        written(Text("half"), finish="error", native_finish_reason=native)


def test_the_official_client_reads_an_answer() -> None:
    reply = Reply(
        id="msg_1",
        model="c",
        parts=(Reasoning(text="Hm.", opaque="SIG"), Text("Hello"), ToolCall("t", "f", '{"a":1}')),
        finish="tool_calls",
        usage=Usage(input_tokens=9, output_tokens=8, cache_read_tokens=4, reasoning_tokens=3, service_tier="priority"),
    )
    message = client(write_reply(reply, request_of())).messages.create(
        model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}]
    )
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use"]
    assert (message.usage.input_tokens, message.usage.cache_read_input_tokens) == (5, 4)
    assert message.usage.service_tier == "priority"
    assert message.usage.output_tokens_details is not None
    assert message.usage.output_tokens_details.thinking_tokens == 3


def test_a_message_that_has_begun_has_counted_nothing() -> None:
    begun = message_shape("m", "c", None)
    assert begun["usage"] == {"input_tokens": 0, "output_tokens": 0}
    assert (begun["content"], begun["stop_reason"]) == ([], None)


def test_a_seal_is_put_on_once_and_only_by_a_known_maker() -> None:
    assert sealed("SIG", None) == "SIG"
    assert sealed("SIG", ORIGIN) == f"fh1.{ORIGIN}.SIG"
    assert sealed(f"fh1.{ORIGIN}.SIG", ORIGIN) == f"fh1.{ORIGIN}.SIG"


_opaque = st.text("aB+/=", min_size=1)
_parts = st.lists(
    st.builds(Text, st.text(min_size=1, max_size=9))
    | st.builds(Reasoning, text=st.text(max_size=9), opaque=_opaque)
    | st.builds(Reasoning, opaque=_opaque, redacted=st.just(value=True))
    | st.builds(ToolCall, st.just("t"), st.just("f"), st.dictionaries(st.text(), st.text()).map(json.dumps)),
    max_size=5,
).map(tuple)


@given(_parts, st.sampled_from(["stop", "length", "tool_calls", "pause", "content_filter"]))
def test_what_is_written_is_read_again(parts: tuple[Part, ...], finish: Finish) -> None:
    reply = Reply(id="m", model="c", parts=parts, finish=finish)
    back = read_reply(write_reply(reply, request_of()))
    assert (back.parts, back.finish) == (parts, finish)
