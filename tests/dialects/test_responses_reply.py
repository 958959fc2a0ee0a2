import json
from typing import Any

import pytest
from openai.types.responses import Response

from dialects.responses_sdk import ORIGIN, checked_response, fixture, request_of
from freehold.dialects.responses_reply import item_id, read_reply, write_reply
from freehold.dialects.responses_request import read_request
from freehold.errors import VendorGarbled, VendorRefused
from freehold.messages import Finish, Opaque, Part, Reasoning, Refusal, Reply, Text, ToolCall, Usage

CALL = ToolCall("call_1", "f", '{"a":1}')


def response(**fields: Any) -> bytes:
    return json.dumps({"id": "resp_1", "model": "m", "output": [], **fields}).encode()


# --- reading ---------------------------------------------------------------------------------------------------------


def test_a_text_is_read() -> None:
    assert read_reply(fixture("reply_text.json")) == Reply(
        id="resp_1",
        model="gpt-6-sol-2026-08-01",
        parts=(Text("Sunny – 24 °C."),),
        finish="stop",
        native_finish_reason="completed",
        usage=Usage(
            input_tokens=120,
            output_tokens=9,
            cache_read_tokens=100,
            cache_write_5m_tokens=5,
            service_tier="default",
        ),
        created=1790000000,
    )


def test_reasoning_text_and_calls_are_read_in_order() -> None:
    reply = read_reply(fixture("reply_tools.json"))
    assert reply.parts == (
        Reasoning(summary=("Two cities are asked.", "I call the tool twice."), opaque="gAAAAABwhole+/==", id="rs_2"),
        Text("Let me look."),
        ToolCall("call_3", "get_weather", '{"city": "Lisbon"}'),
        ToolCall("call_4", "get_weather", '{"city": "Évora"}'),
    )
    assert reply.finish == "tool_calls"
    assert reply.usage == Usage(input_tokens=300, output_tokens=80, reasoning_tokens=40, service_tier="default")


@pytest.mark.parametrize(
    ("fields", "finish", "native"),
    [
        ({"status": "completed"}, "stop", "completed"),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            "length",
            "max_output_tokens",
        ),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
            "content_filter",
            "content_filter",
        ),
        ({"status": "incomplete", "incomplete_details": {"reason": "steered"}}, "pause", "steered"),
        ({"status": "incomplete", "incomplete_details": {"reason": "newer"}}, "error", "newer"),
        ({"status": "incomplete"}, "pause", "incomplete"),
        ({"status": "queued"}, "pause", "queued"),
        ({"status": "cancelled"}, "error", "cancelled"),
        ({"status": "failed"}, "error", "failed"),
        ({"status": "newer"}, "error", "newer"),
        ({}, "stop", None),
    ],
)
def test_each_status_has_its_meaning(fields: dict[str, Any], finish: Finish, native: str | None) -> None:
    reply = read_reply(response(**fields))
    assert (reply.finish, reply.native_finish_reason) == (finish, native)


def test_a_call_that_was_cut_off_is_not_a_finished_call() -> None:
    call: Any = {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a'}
    cut = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    assert read_reply(response(output=[call], **cut)).finish == "length"
    assert read_reply(response(output=[call], status="completed")).finish == "tool_calls"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("rate_limit_exceeded", 429),
        ("server_error", 500),
        ("server_is_overloaded", 503),
        ("vector_store_timeout", 504),
        ("invalid_prompt", 400),
        ("image_too_large", 400),
        ("failed_to_download_image", 400),
        ("newer", 500),
    ],
)
def test_a_failure_under_status_200_is_the_error_that_it_would_have_been(code: str, status: int) -> None:
    failed = response(status="failed", error={"code": code, "message": "It failed."})
    with pytest.raises(VendorRefused) as caught:
        read_reply(failed)
    assert (caught.value.status, caught.value.native, caught.value.sentence) == (status, code, "It failed.")


def test_the_fixture_of_a_failure_is_a_failure() -> None:
    with pytest.raises(VendorRefused) as caught:
        read_reply(fixture("reply_failed.json"))
    assert caught.value.status == 429


def test_what_is_empty_is_left_out() -> None:
    output: Any = [
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": ""}]},
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
    ]
    assert read_reply(response(output=output)).parts == (Opaque("openai-responses", "web_search_call"),)


def test_an_artefact_that_nobody_can_read_is_redacted() -> None:
    output: Any = [{"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": f"fh1.{ORIGIN}.abc"}]
    reply = read_reply(response(output=output))
    assert reply.parts == (Reasoning(opaque=f"fh1.{ORIGIN}.abc", redacted=True, id="rs_1"),)


def test_searches_and_the_tier_stand_beside_the_usage() -> None:
    usage = {"input_tokens": 5, "output_tokens": 2}
    reply = read_reply(response(usage=usage, service_tier="priority", tool_usage={"web_search": {"num_requests": 3}}))
    assert reply.usage == Usage(input_tokens=5, output_tokens=2, searches=3, service_tier="priority")


@pytest.mark.parametrize(
    "data", [b"", b"<html>", b"[]", b'{"id":"r"}', b'{"output":[]}', b'{"id":"r","output":5}', b"{\xff"]
)
def test_what_is_no_response_is_garbled(data: bytes) -> None:
    with pytest.raises(VendorGarbled):
        read_reply(data)


# --- writing ---------------------------------------------------------------------------------------------------------


def reply(*parts: Part, finish: Finish = "stop", **fields: Any) -> Reply:
    return Reply(id="msg_01", model="claude", parts=parts, finish=finish, created=1790000000, **fields)


def test_a_small_answer_is_a_whole_response_object() -> None:
    usage = Usage(input_tokens=10, output_tokens=3, cache_read_tokens=4, reasoning_tokens=1, service_tier="default")
    value = checked_response(
        write_reply(reply(Text("Hello"), usage=usage, native_finish_reason="end_turn"), request_of())
    )
    assert value == {
        "id": "resp_msg_01",
        "object": "response",
        "created_at": 1790000000,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "model": "claude",
        "background": False,
        "instructions": None,
        "max_output_tokens": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "prompt_cache_key": None,
        "reasoning": {"effort": None, "summary": None},
        "safety_identifier": None,
        "service_tier": "default",
        "store": False,
        "temperature": None,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "top_p": None,
        "truncation": "disabled",
        "user": None,
        "output": [
            {
                "id": item_id("msg", "msg_01", 0),
                "type": "message",
                "status": "completed",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "Hello", "annotations": [], "logprobs": []}],
            }
        ],
        "usage": {
            "input_tokens": 10,
            "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
            "output_tokens": 3,
            "output_tokens_details": {"reasoning_tokens": 1},
            "total_tokens": 13,
        },
        "native_finish_reason": "end_turn",
    }


def test_the_request_is_repeated_as_it_came() -> None:
    data = fixture("request.json")
    asked = json.loads(data)
    value = checked_response(write_reply(reply(Text("a")), read_request(data)))
    for name in ("instructions", "tools", "tool_choice", "text", "metadata", "temperature", "top_p", "reasoning"):
        assert value[name] == asked[name], name
    assert value["max_output_tokens"] == 2000
    assert value["parallel_tool_calls"] is False
    assert value["service_tier"] == "flex"


def test_a_field_that_was_null_is_repeated_as_its_default() -> None:
    value = checked_response(write_reply(reply(Text("a")), request_of(tools=None, metadata=None, text=None)))
    assert (value["tools"], value["metadata"], value["text"]) == ([], {}, {"format": {"type": "text"}})


def test_an_answer_is_never_said_to_be_stored() -> None:
    assert checked_response(write_reply(reply(Text("a")), request_of(store=True)))["store"] is False


def test_each_part_becomes_an_item_and_neighbouring_texts_one_message() -> None:
    thought = Reasoning(text="hm", summary=("s",), opaque="sig", origin=ORIGIN)
    value = checked_response(
        write_reply(reply(thought, Text("a"), Refusal("no"), CALL, Text("b"), finish="tool_calls"), request_of())
    )
    assert value["output"] == [
        {
            "id": item_id("rs", "msg_01", 0),
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": "s"}],
            "content": [{"type": "reasoning_text", "text": "hm"}],
            "encrypted_content": f"fh1.{ORIGIN}.sig",
        },
        {
            "id": item_id("msg", "msg_01", 1),
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [
                {"type": "output_text", "text": "a", "annotations": [], "logprobs": []},
                {"type": "refusal", "refusal": "no"},
            ],
        },
        {
            "id": item_id("fc", "msg_01", 2),
            "type": "function_call",
            "status": "completed",
            "call_id": "call_1",
            "name": "f",
            "arguments": '{"a":1}',
        },
        {
            "id": item_id("msg", "msg_01", 3),
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "b", "annotations": [], "logprobs": []}],
        },
    ]
    assert value["status"] == "completed"


@pytest.mark.parametrize(
    ("finish", "status", "details"),
    [
        ("stop", "completed", None),
        ("tool_calls", "completed", None),
        ("length", "incomplete", {"reason": "max_output_tokens"}),
        ("content_filter", "incomplete", {"reason": "content_filter"}),
        ("pause", "incomplete", {"reason": None}),
        ("error", "failed", None),
    ],
)
def test_each_end_has_its_status(finish: Finish, status: str, details: dict[str, Any] | None) -> None:
    value = checked_response(write_reply(reply(Text("a"), finish=finish, native_finish_reason="x"), request_of()))
    assert (value["status"], value["incomplete_details"]) == (status, details)
    assert value["native_finish_reason"] == "x"
    assert (value["error"] is not None) == (finish == "error")
    assert value["output"][-1]["status"] == ("incomplete" if finish == "length" else "completed")


@pytest.mark.parametrize("finish", ["stop", "tool_calls", "length", "content_filter", "pause", "error"])
def test_an_end_survives_being_written_and_read(finish: Finish) -> None:
    parts = (CALL,) if finish == "tool_calls" else (Text("a"),)
    data = write_reply(reply(*parts, finish=finish), request_of())
    if finish == "error":
        with pytest.raises(VendorRefused):
            read_reply(data)
    else:
        assert read_reply(data).finish == finish


def test_a_redacted_artefact_comes_back_redacted() -> None:
    data = write_reply(reply(Reasoning(opaque="data", origin=ORIGIN, redacted=True), Text("a")), request_of())
    output = json.loads(data)["output"]
    back = read_request(json.dumps({"model": "m", "input": output}).encode())
    assert back.messages[0].parts[0] == Reasoning(opaque="data", origin=ORIGIN, redacted=True, id=output[0]["id"])


def test_why_a_vendor_declined_stands_beside() -> None:
    value = checked_response(
        write_reply(reply(finish="content_filter", refusal_category="cyber", stop_sequence="END"), request_of())
    )
    assert (value["refusal_category"], value["stop_sequence"]) == ("cyber", "END")


def test_usage_that_nobody_counted_is_null() -> None:
    assert checked_response(write_reply(reply(Text("a")), request_of()))["usage"] is None


def test_the_ids_of_items_are_short_safe_and_distinct() -> None:
    ids = {item_id(kind, given, at) for kind in ("msg", "fc") for given in ("a", "b" * 200, "ü/") for at in (0, 1)}
    assert len(ids) == 12
    assert all(len(given) <= 64 and given.replace("_", "").isalnum() and given.isascii() for given in ids)


def test_the_sdk_reads_the_text_out_of_it() -> None:
    value = Response.model_validate(json.loads(write_reply(reply(Text("a"), Text("b")), request_of())))
    assert value.output_text == "ab"
