"""A Chat stream, read event by event, however the network breaks it and whatever a vendor does to the format."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialects.chat_sdk import FIXTURES, chunk_of, delta_of, fixture, read_all, request_of, split
from dialects.gathered import gather
from freehold.dialects.openai_chat_stream import ChatReader, hides
from freehold.dialects.sse import EventSplitter
from freehold.errors import VendorGarbled
from freehold.messages import (
    Chunk,
    Failed,
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

DONE = b"data: [DONE]\n\n"


def call(index: int | None = 0, id: str | None = None, name: str | None = None, arguments: Any = None) -> bytes:  # noqa: A002
    fields: dict[str, Any] = {"index": index, "id": id, "function": {"name": name, "arguments": arguments}}
    return delta_of(tool_calls=[{key: value for key, value in fields.items() if value is not None}])


# --- the fixtures --------------------------------------------------------------------------------------------------------


def test_words_come_as_they_are_written() -> None:
    assert read_all(fixture("stream_text.sse")) == [
        Started("chatcmpl-1", "gpt-4o-2024-11-20", 1790000000),
        TextDelta(0, "A cat"),
        TextDelta(0, " – ü."),
        PartEnd(0),
        Finished("stop", "stop"),
        UsageReport(
            Usage(input_tokens=120, output_tokens=30, cache_read_tokens=100, reasoning_tokens=20, service_tier="flex")
        ),
        Ignored(),
    ]


def test_calls_are_told_apart_by_their_index() -> None:
    assert read_all(fixture("stream_tools.sse")) == [
        Started("chatcmpl-2", "gpt-4o", 1790000001),
        ToolCallStart(0, "call_1", "zoom"),
        ToolCallDelta(0, '{"x"'),
        ToolCallDelta(0, ": 2}"),
        PartEnd(0),
        ToolCallStart(1, "call_2", "zoom"),
        ToolCallDelta(1, '{"x": 3}'),
        PartEnd(1),
        Finished("tool_calls", "tool_calls"),
        Ignored(),
    ]


def test_a_chain_of_thought_is_a_part_of_its_own() -> None:
    assert read_all(fixture("stream_reasoning.sse")) == [
        Ignored(),
        Started("ds-1", "deepseek-v4-pro", 1790000002),
        ReasoningDelta(0, "I must "),
        ReasoningDelta(0, "zoom."),
        PartEnd(0),
        TextDelta(1, "A cat."),
        PartEnd(1),
        Finished("stop", "stop"),
        UsageReport(Usage(input_tokens=18, output_tokens=12, cache_read_tokens=16, reasoning_tokens=8)),
        Ignored(),
    ]


def test_details_are_read_once_though_the_display_text_repeats_them() -> None:
    assert read_all(fixture("stream_details.sse")) == [
        Ignored(),
        Started("gen-3", "anthropic/claude", 1790000003),
        ReasoningDelta(0, "I must "),
        ReasoningDelta(0, "zoom."),
        ReasoningSeal(0, "SIG+/=="),
        PartEnd(0),
        ReasoningSeal(1, "gAAA2", redacted=True),
        PartEnd(1),
        TextDelta(2, "A cat."),
        PartEnd(2),
        Finished("stop", "end_turn"),
        UsageReport(Usage(input_tokens=12, output_tokens=9)),
        Ignored(),
    ]


def test_an_error_inside_the_stream_is_a_failure() -> None:
    reader = ChatReader()
    assert read_all(fixture("stream_error.sse"), reader) == [
        Started("gen-4", "m", 1790000004),
        TextDelta(0, "A c"),
        Failed(500, "server_error", "Provider disconnected unexpectedly"),
    ]
    assert not reader.finished()


@given(st.sampled_from(sorted(path.name for path in FIXTURES.glob("*.sse"))), st.data())
def test_a_stream_reads_the_same_however_the_network_breaks_it(name: str, data: st.DataObject) -> None:
    raw = fixture(name)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=8)))
    splitter, reader = EventSplitter(), ChatReader()
    chunks: list[Chunk] = []
    for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True):
        for event in splitter.feed(raw[start:end]):
            chunks += reader.read(event)
    assert chunks == read_all(raw)
    assert splitter.rest() == b""


@pytest.mark.parametrize("name", ["stream_text.sse", "stream_tools.sse", "stream_reasoning.sse", "stream_details.sse"])
def test_a_stream_is_complete_only_with_its_reason(name: str) -> None:
    events = split(fixture(name))
    reader = ChatReader()
    seen = False
    for event in events:
        assert reader.finished() == seen
        seen = seen or any(isinstance(chunk, Finished) for chunk in reader.read(event))
        assert reader.ends(event) == (event.data == b"[DONE]")
    assert reader.finished()


# --- departures ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [b": ping\n\n", b"event: ping\ndata:\n\n", b"error: {}\n\n"])
def test_an_event_without_data_means_nothing(raw: bytes) -> None:
    assert read_all(raw) == [Ignored()]


def test_a_first_chunk_without_choices_only_starts() -> None:
    azure = chunk_of(choices=[], prompt_filter_results=[{"prompt_index": 0}])
    assert read_all(azure) == [Started("c-1", "m", 1)]


def test_a_first_chunk_that_does_not_say_who_it_is_does_not_start() -> None:
    azure = chunk_of(choices=[], id="", model="", created=0, prompt_filter_results=[{"prompt_index": 0}])
    assert read_all(azure + delta_of(content="A")) == [Ignored(), Started("c-1", "m", 1), TextDelta(0, "A")]


def test_a_refusal_is_a_part_of_its_own() -> None:
    chunks = read_all(delta_of(refusal="I ") + delta_of(refusal="won't.") + delta_of("content_filter"))
    assert gather(chunks).parts == (Refusal("I won't."),)
    assert RefusalDelta(0, "I ") in chunks


def test_a_list_of_parts_is_read_as_mistral_writes_it() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}
    stream = delta_of(content=[thinking]) + delta_of(content=[{"type": "text", "text": "A."}]) + delta_of("stop")
    assert gather(read_all(stream)).parts == (Reasoning(text="Hm."), Text("A."))


def test_thinking_may_begin_again_after_words() -> None:
    stream = delta_of(reasoning="a") + delta_of(content="b") + delta_of(reasoning="c") + delta_of("stop")
    assert gather(read_all(stream)).parts == (Reasoning(text="a"), Text("b"), Reasoning(text="c"))


def test_think_tags_stay_in_the_text() -> None:
    stream = delta_of(content="<thi") + delta_of(content="nk>a</think>b") + delta_of("stop")
    assert gather(read_all(stream)).parts == (Text("<think>a</think>b"),)


def test_a_call_may_come_whole_in_one_chunk() -> None:
    stream = call(0, "c", "f", '{"x":1}') + delta_of("tool_calls")
    assert gather(read_all(stream)).parts == (ToolCall("c", "f", '{"x":1}'),)


@pytest.mark.parametrize("index", [0, None])
def test_calls_that_all_have_the_same_index_or_none_are_told_apart_by_their_ids(index: int | None) -> None:
    stream = call(index, "c", "f", "{}") + call(index, "d", "f", "{}") + delta_of("tool_calls")
    assert gather(read_all(stream)).parts == (ToolCall("c", "f", "{}"), ToolCall("d", "f", "{}"))


def test_calls_without_index_and_id_are_told_apart_by_their_names() -> None:
    stream = call(None, None, "f", "{}") + call(None, None, "g", "{}") + delta_of("tool_calls")
    assert gather(read_all(stream)).parts == (ToolCall("call_c-1_0", "f", "{}"), ToolCall("call_c-1_1", "g", "{}"))


def test_a_call_that_repeats_its_id_and_name_is_still_one() -> None:
    stream = call(0, "c", "f", '{"x"') + call(0, "c", "f", ":1}") + call(0, "", None, "") + delta_of("tool_calls")
    assert gather(read_all(stream)).parts == (ToolCall("c", "f", '{"x":1}'),)


def test_calls_may_interleave() -> None:
    stream = call(0, "c", "f", '{"x"') + call(1, "d", "g", '{"y"') + call(0, arguments=":1}") + call(1, arguments=":2}")
    assert gather(read_all(stream + delta_of("tool_calls"))).parts == (
        ToolCall("c", "f", '{"x":1}'),
        ToolCall("d", "g", '{"y":2}'),
    )


def test_a_call_without_arguments_ends_with_the_answer() -> None:
    chunks = read_all(call(0, "c", "f", "") + call(1, "d", "g", "") + delta_of("tool_calls"))
    assert gather(chunks).parts == (ToolCall("c", "f", ""), ToolCall("d", "g", ""))


def test_arguments_that_go_on_after_their_end_are_garbled() -> None:
    stream = call(0, "c", "f", "{}") + call(1, "d", "g", "{}") + call(0, arguments="{}")
    with pytest.raises(VendorGarbled):
        read_all(stream)


def test_arguments_of_a_call_that_never_began_are_nothing() -> None:
    assert read_all(call(0, arguments="{}"))[1:] == []


def test_arguments_may_be_an_object() -> None:
    assert gather(read_all(call(0, "c", "f", {"x": 1}) + delta_of("stop"))).parts == (ToolCall("c", "f", '{"x":1}'),)


def test_a_function_call_from_before_tools_is_a_call() -> None:
    stream = delta_of(function_call={"name": "f", "arguments": ""}) + delta_of(function_call={"arguments": "{}"})
    gathered = gather(read_all(stream + delta_of("function_call")))
    assert gathered.parts == (ToolCall("function_call", "f", "{}"),)
    assert gathered.finish == "tool_calls"


@pytest.mark.parametrize("reason", ["stop", "tool_calls"])
def test_calls_make_the_finish_though_the_vendor_says_stop(reason: str) -> None:
    assert gather(read_all(call(0, "c", "f", "{}") + delta_of(reason))).finish == "tool_calls"


@pytest.mark.parametrize("reason", ["insufficient_system_resource", "error", "abort", "tomorrow"])
def test_a_reason_that_is_none_of_ours_is_an_error(reason: str) -> None:
    gathered = gather(read_all(delta_of(content="a") + delta_of(reason)))
    assert (gathered.finish, gathered.native_finish_reason) == ("error", reason)


def test_an_empty_reason_on_every_chunk_does_not_end_the_answer() -> None:
    stream = delta_of("", content="a") + delta_of("", content="b") + delta_of("stop")
    assert gather(read_all(stream)).parts == (Text("ab"),)


def test_done_without_a_reason_ends_as_the_content_says() -> None:
    reader = ChatReader()
    calls = gather(read_all(call(0, "c", "f", "{}") + delta_of("") + DONE, reader))
    assert (calls.finish, calls.native_finish_reason) == ("tool_calls", "")
    assert reader.finished()
    assert gather(read_all(delta_of(content="a") + DONE)).finish == "error"


def test_a_reason_said_twice_counts_once() -> None:
    chunks = read_all(delta_of(content="a") + delta_of("stop") + delta_of("stop") + DONE)
    assert [chunk for chunk in chunks if isinstance(chunk, Finished)] == [Finished("stop", "stop")]


def test_the_stop_sequence_is_read_where_a_vendor_says_it() -> None:
    vllm = chunk_of(choices=[{"index": 0, "delta": {}, "finish_reason": "stop", "stop_reason": "END"}])
    assert read_all(vllm)[-1] == Finished("stop", "stop", "END")


def test_with_several_choices_the_first_is_read_and_all_must_end() -> None:
    reader = ChatReader()
    first = delta_of(content="a") + delta_of(content="x", index=1) + delta_of("stop")
    assert gather(read_all(first, reader)).parts == (Text("a"),)
    assert not reader.finished()
    read_all(delta_of("stop", index=1), reader)
    assert reader.finished()


def test_usage_may_stand_in_any_chunk() -> None:
    stream = chunk_of(usage={"prompt_tokens": 1}) + chunk_of(usage={"prompt_tokens": 1, "completion_tokens": 2})
    assert gather(read_all(stream)).usage == Usage(input_tokens=1, output_tokens=2)


def test_the_tier_that_was_served_is_in_the_usage() -> None:
    chunks = read_all(chunk_of(usage={"prompt_tokens": 1}, service_tier="priority"))
    assert chunks[-1] == UsageReport(Usage(input_tokens=1, service_tier="priority"))


def test_the_tier_may_have_been_said_before_the_usage() -> None:
    chunks = read_all(chunk_of(service_tier="priority") + chunk_of(usage={"prompt_tokens": 1}))
    assert chunks[-1] == UsageReport(Usage(input_tokens=1, service_tier="priority"))


@pytest.mark.parametrize(
    ("data", "failed"),
    [
        (
            {"error": {"message": "Slow down.", "type": "rate_limit_error", "code": "rate_limit_exceeded"}},
            Failed(429, "rate_limit_exceeded", "Slow down.", "rate_limit_error"),
        ),
        ({"error": {"code": 503, "message": "Busy"}}, Failed(503, "503", "Busy")),
        ({"error": "out of memory"}, Failed(502, None, "out of memory")),
        (
            {"object": "error", "message": "Too long", "type": "BadRequestError", "code": 400},
            Failed(400, "400", "Too long", "BadRequestError"),
        ),
    ],
)
def test_an_error_tells_its_status_and_code(data: dict[str, Any], failed: Failed) -> None:
    assert read_all(b"data: " + json.dumps(data).encode() + b"\n\n") == [failed]


@pytest.mark.parametrize("data", [b"{", b"[]", b"3", b"hello", b'{"choices":{}}', b"\xff"])
def test_data_that_is_not_chat_is_garbled(data: bytes) -> None:
    with pytest.raises(VendorGarbled):
        read_all(b"data: " + data + b"\n\n")


# --- what is hidden ------------------------------------------------------------------------------------------------------

USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}


@pytest.mark.parametrize(
    ("raw", "hidden"),
    [
        (chunk_of(usage=USAGE), True),
        (chunk_of(usage=None), False),
        (chunk_of(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}], usage=USAGE), False),
        (delta_of(content='"usage"'), False),
        (chunk_of(), False),
        (DONE, False),
    ],
)
def test_only_the_chunk_that_we_asked_for_is_hidden(raw: bytes, hidden: bool) -> None:
    (event,) = split(raw)
    assert hides(event, request_of(stream=True)) is hidden
    assert hides(event, request_of(stream=True, stream_options={"include_usage": True})) is False


def test_an_artefact_that_repeats_the_chain_shown_before_it_is_read_once() -> None:
    detail = {"type": "reasoning.text", "text": "Hm. So.", "signature": "SIG", "index": 0}
    events = (
        delta_of(reasoning_content="Hm. ") + delta_of(reasoning_content="So.") + delta_of(reasoning_details=[detail])
    )
    again = delta_of(reasoning_content="Hm. So.") + delta_of(reasoning_details=[{**detail, "index": 1}])
    chunks = [chunk for chunk in read_all(events + again) if not isinstance(chunk, Started | Ignored)]
    assert chunks[:3] == [ReasoningDelta(0, "Hm. "), ReasoningDelta(0, "So."), ReasoningSeal(0, "SIG")]
    assert chunks[4:6] == [ReasoningDelta(1, "Hm. So."), ReasoningSeal(1, "SIG")]
