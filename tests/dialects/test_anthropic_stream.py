"""Streams in the Messages dialect: a vendor's events become chunks, and the SDK accumulates what we write."""

import json
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import anthropic
import pytest
from anthropic.types import TextBlock, ToolUseBlock
from hypothesis import given
from hypothesis import strategies as st

from dialects.gathered import gather
from dialects.messages_sdk import accumulated, checked_events, fixture, read_all, request_of, split, write_all
from freehold.dialects.anthropic_reply import read_reply
from freehold.dialects.anthropic_stream import MessagesReader, MessagesWriter
from freehold.dialects.dialect import Event
from freehold.dialects.sse import EventSplitter
from freehold.errors import FreeholdError, RateLimited, StreamBroken, VendorGarbled, VendorRefused
from freehold.messages import (
    Chunk,
    Failed,
    Finish,
    Finished,
    Ignored,
    PartEnd,
    Reasoning,
    ReasoningDelta,
    ReasoningSeal,
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

STREAMS = [
    *("stream_text.sse", "stream_tools.sse", "stream_omitted.sse", "stream_refusal.sse"),
    *("stream_search.sse", "stream_error.sse"),
]


def event(kind: str, **fields: Any) -> Event:
    data = json.dumps({"type": kind, **fields}).encode()
    return Event(b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n", kind, data)


def started(index: int, **block: Any) -> Event:
    return event("content_block_start", index=index, content_block=block)


def delta(index: int, kind: str, **fields: Any) -> Event:
    return event("content_block_delta", index=index, delta={"type": kind, **fields})


def stopped(index: int) -> Event:
    return event("content_block_stop", index=index)


def told(*events: Event) -> list[Chunk]:
    """What a fresh reader makes of these events, nothing ignored."""
    reader = MessagesReader()
    return [chunk for one in events for chunk in reader.read(one) if not isinstance(chunk, Ignored)]


# --- reading -------------------------------------------------------------------------------------------------------------


def test_a_text_is_told_in_deltas_and_usage_at_both_ends() -> None:
    assert [chunk for chunk in read_all(fixture("stream_text.sse")) if not isinstance(chunk, Ignored)] == [
        Started("msg_01", "claude-haiku-4-5-20251001"),
        UsageReport(Usage(input_tokens=25, output_tokens=1, service_tier="default")),
        TextDelta(0, "Sunny"),
        TextDelta(0, " – 24"),
        TextDelta(0, " °C."),
        PartEnd(0),
        UsageReport(Usage(input_tokens=25, output_tokens=15, service_tier="default")),
        Finished("stop", "end_turn"),
    ]


def test_thinking_and_calls_are_told_in_order_with_artefacts_whole() -> None:
    chunks = [chunk for chunk in read_all(fixture("stream_tools.sse")) if not isinstance(chunk, Ignored | UsageReport)]
    assert chunks[1:] == [
        ReasoningDelta(0, "Two cities are asked"),
        ReasoningDelta(0, " – Évora too."),
        ReasoningSeal(0, "EqQBCgIYAhIM+/whole=="),
        PartEnd(0),
        ReasoningSeal(1, "EmwKAhgB+/hidden==", redacted=True),
        PartEnd(1),
        TextDelta(2, "Let me"),
        TextDelta(2, " look."),
        PartEnd(2),
        ToolCallStart(3, "toolu_03", "get_weather"),
        ToolCallDelta(3, '{"city"'),
        ToolCallDelta(3, ': "É'),
        ToolCallDelta(3, 'vora"}'),
        PartEnd(3),
        ToolCallStart(4, "toolu_04", "get_map"),
        ToolCallDelta(4, "{}"),
        PartEnd(4),
        Finished("tool_calls", "tool_use"),
    ]


def test_thinking_whose_text_is_omitted_keeps_its_signature() -> None:
    gathered = gather(read_all(fixture("stream_omitted.sse")))
    assert gathered.parts == (Reasoning(opaque="EosBCkgIAh+/omitted=="), Text("42"))
    assert read_all(fixture("stream_omitted.sse"))[-2] == Finished("stop", "stop_sequence", "END")


def test_a_refusal_says_why() -> None:
    assert read_all(fixture("stream_refusal.sse"))[-2] == Finished(
        "content_filter", "refusal", refusal_category="frontier_llm"
    )


def test_what_a_server_did_for_the_model_is_no_part_and_its_searches_are_counted() -> None:
    gathered = gather(read_all(fixture("stream_search.sse")))
    assert gathered.parts == (Text("Sunny."),)
    assert (gathered.finish, gathered.native_finish_reason) == ("pause", "pause_turn")
    assert gathered.usage is not None
    assert gathered.usage.searches == 2


@pytest.mark.parametrize("name", ["text", "tools", "refusal"])
def test_a_stream_tells_the_same_as_the_whole_answer(name: str) -> None:
    whole = read_reply(fixture(f"reply_{name}.json"))
    streamed = gather(read_all(fixture(f"stream_{name}.sse")))
    spaced = [
        ToolCall(part.id, part.name, json.dumps(json.loads(part.arguments), ensure_ascii=False))
        if isinstance(part, ToolCall)
        else part
        for part in whole.parts
    ]
    assert list(streamed.parts) == spaced
    assert (streamed.id, streamed.model, streamed.finish) == (whole.id, whole.model, whole.finish)
    assert (streamed.native_finish_reason, streamed.usage) == (whole.native_finish_reason, whole.usage)


def test_later_counts_replace_earlier_ones_and_what_they_leave_out_still_holds() -> None:
    begun = {"input_tokens": 5, "cache_read_input_tokens": 7, "output_tokens": 1, "service_tier": "batch"}
    chunks = told(
        event("message_start", message={"id": "m", "model": "c", "usage": begun}),
        event("message_delta", delta={}, usage={"output_tokens": 4}),
        event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 9, "input_tokens": None}),
    )
    usages = [chunk.usage for chunk in chunks if isinstance(chunk, UsageReport)]
    assert [usage.output_tokens for usage in usages] == [1, 4, 9]
    assert usages[-1] == Usage(input_tokens=12, output_tokens=9, cache_read_tokens=7, service_tier="batch")


def test_a_stream_that_only_summarises_the_conversation_ends_well_and_all_of_it_is_counted() -> None:
    spent = {"type": "compaction", "input_tokens": 150_000, "output_tokens": 4000}
    chunks = told(
        event("message_start", message={"id": "m", "model": "c", "usage": {"input_tokens": 0, "output_tokens": 0}}),
        event("content_block_start", index=0, content_block={"type": "compaction", "content": None}),
        event("content_block_delta", index=0, delta={"type": "compaction_delta", "content": "They spoke."}),
        event("content_block_stop", index=0),
        event("message_delta", delta={"stop_reason": "compaction"}, usage={"output_tokens": 0, "iterations": [spent]}),
    )
    assert [chunk.usage for chunk in chunks if isinstance(chunk, UsageReport)][-1] == Usage(150_000, 4000)
    assert chunks[-1] == Finished("pause", "compaction")


def test_a_failure_under_a_good_status_is_told_with_the_status_that_it_would_have_had() -> None:
    reader = MessagesReader()
    chunks = read_all(fixture("stream_error.sse"), reader)
    assert chunks[-1] == Failed(529, None, "Overloaded", "overloaded_error")
    assert not any(isinstance(chunk, Finished) for chunk in chunks)
    assert not reader.finished()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"error": {"type": "rate_limit_error", "message": "Slow.", "details": {"error_code": "slow"}}},
            Failed(429, "slow", "Slow.", "rate_limit_error"),
        ),
        ({"error": {"type": "newer_error", "message": "Oh."}}, Failed(500, None, "Oh.", "newer_error")),
        (
            {"error": {"type": "api_error", "message": "Oh.", "details": ["a"]}},
            Failed(500, None, "Oh.", "api_error"),
        ),
        ({"error": "It broke."}, Failed(500, None, "It broke.")),
        ({"error": ""}, Failed(500, None, "The vendor reported a failure in the stream and did not say which.")),
        ({}, Failed(500, None, "The vendor reported a failure in the stream and did not say which.")),
    ],
)
def test_an_error_event_is_a_failure(fields: dict[str, Any], expected: Failed) -> None:
    assert told(event("error", **fields)) == [expected]


@pytest.mark.parametrize("name", sorted(set(STREAMS) - {"stream_error.sse"}))
def test_only_the_last_event_ends_and_finishes_the_stream(name: str) -> None:
    reader = MessagesReader()
    *events, last = split(fixture(name))
    for one in events:
        reader.read(one)
        assert not reader.ends(one)
    assert not reader.finished()
    reader.read(last)
    assert reader.ends(last)
    assert reader.finished()


@given(st.sampled_from(STREAMS), st.lists(st.integers(0, 5_000), max_size=8), st.sampled_from([b"\n", b"\r\n"]))
def test_bytes_may_break_anywhere(name: str, cuts: list[int], line_end: bytes) -> None:
    stream = fixture(name).replace(b"\n", line_end)
    splitter, reader, broken = EventSplitter(), MessagesReader(), list[Chunk]()
    places = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
    for begin, end in pairwise(places):
        for one in splitter.feed(stream[begin:end]):
            broken += reader.read(one)
    assert broken == read_all(fixture(name))


# --- servers that say less, or more, than Anthropic ----------------------------------------------------------------------


def test_events_without_names_are_known_by_their_type() -> None:
    events = split(fixture("stream_tools.sse"))
    nameless = split(b"".join(b"data: " + one.data + b"\n\n" for one in events))
    named, unnamed = MessagesReader(), MessagesReader()
    assert [named.read(one) for one in events] == [unnamed.read(one) for one in nameless]
    assert [unnamed.ends(one) for one in nameless] == [named.ends(one) for one in events]


@pytest.mark.parametrize(
    "one",
    [
        event("ping"),
        *split(b": keep-alive\n\n"),
        *split(b"retry: 3000\n\n"),
        *split(b"event: ping\n\n"),
        *split(b"data: [DONE]\n\n"),
        event("newer_than_this_code", index="x", delta=[1], message=5),
        event("content_block_delta", index=0),
        event("content_block_start", index=0),
        event("content_block_stop", index=7),
        event("message_start"),
        event("message_delta"),
        delta(0, "text_delta", text=""),
        delta(0, "thinking_delta", thinking=""),
        delta(0, "signature_delta", signature=""),
        delta(0, "input_json_delta", partial_json=""),
        delta(0, "citations_delta", citation={"type": "char_location"}),
        delta(0, "newer_delta", anything=[1]),
        started(0, type="text", text=""),
        started(0, type="newer_than_this_code", input={"a": 1}),
    ],
)
def test_an_event_without_meaning_is_passed_by(one: Event) -> None:
    reader = MessagesReader()
    assert reader.read(one) == [Ignored()]
    assert not reader.ends(one)


@pytest.mark.parametrize(
    "one",
    [
        Event(b"", "content_block_delta", b'{"type":'),
        Event(b"", "content_block_delta", b'{"type":"content_block_delta","index":"0"}'),
        Event(b"", "content_block_delta", b'{"type":"content_block_delta","delta":{"type":"text_delta","text":5}}'),
        Event(b"", "content_block_delta", b"[]"),
        Event(b"", "", b'{"type":"message_delta","usage":[]}'),
        Event(b"", "content_block_delta", b'{"type":"x","delta":{"text":"\xff"}}'),
        Event(b"", "", b'{"type":"ping","later":' + b"[" * 100_000),
        started(0, type="text"),
        started(0, type="tool_use", id=5, name="f", input={}),
        started(0),
    ],
)
def test_an_event_that_cannot_be_read_is_garbled(one: Event) -> None:
    with pytest.raises(VendorGarbled):
        MessagesReader().read(one)


@pytest.mark.parametrize(
    "data",
    [b'["message_stop"]', b'{"type":5,"a":"message_stop"}', b'{"type":"ping","a":"message_stop"}', b'"message_stop'],
)
def test_only_the_type_of_an_event_without_a_name_ends_the_stream(data: bytes) -> None:
    assert not MessagesReader().ends(Event(b"", "", data))


@given(st.sampled_from(["", "message_stop", "message_start", "content_block_delta", "ping"]), st.binary(max_size=30))
def test_any_bytes_are_read_or_garbled(name: str, data: bytes) -> None:
    reader = MessagesReader()
    one = Event(data, name, data)
    assert isinstance(reader.ends(one), bool)
    try:
        assert reader.read(one)
    except VendorGarbled:
        return


@pytest.mark.parametrize(
    ("block", "chunks"),
    [
        ({"type": "text", "text": "Hi"}, [TextDelta(0, "Hi")]),
        ({"type": "thinking", "thinking": "Hm."}, [ReasoningDelta(0, "Hm.")]),
        (
            {"type": "thinking", "thinking": "Hm.", "signature": "SIG"},
            [ReasoningDelta(0, "Hm."), ReasoningSeal(0, "SIG")],
        ),
        (
            {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
            [ToolCallStart(0, "t", "f"), ToolCallDelta(0, '{"a": 1}')],
        ),
    ],
)
def test_a_block_may_come_whole_with_its_start(block: dict[str, Any], chunks: list[Chunk]) -> None:
    assert told(started(0, **block), stopped(0)) == [*chunks, PartEnd(0)]


def test_deltas_of_a_call_go_before_what_its_start_held() -> None:
    events = [
        started(0, type="tool_use", id="t", name="f", input={"a": 0}),
        delta(0, "input_json_delta", partial_json="{}"),
    ]
    assert told(*events, stopped(0)) == [ToolCallStart(0, "t", "f"), ToolCallDelta(0, "{}"), PartEnd(0)]


def test_positions_count_the_parts_that_we_know() -> None:
    chunks = told(
        started(0, type="server_tool_use", id="s", name="n", input={}),
        delta(0, "input_json_delta", partial_json="{}"),
        stopped(0),
        started(1, type="text", text=""),
        delta(1, "text_delta", text="a"),
        stopped(1),
        started(2, type="newer_than_this_code"),
        delta(2, "text_delta", text="hidden"),
        stopped(2),
        started(3, type="text", text="b"),
        stopped(3),
    )
    assert chunks == [TextDelta(0, "a"), PartEnd(0), TextDelta(1, "b"), PartEnd(1)]


# --- writing -------------------------------------------------------------------------------------------------------------

START = Started("msg_1", "own/nano", 1790000000)
STOP = Finished("stop", "stop")
RICH: tuple[Chunk, ...] = (
    START,
    ReasoningDelta(0, "Let me "),
    ReasoningDelta(0, "think."),
    ReasoningSeal(0, "fh1.00112233aabbccdd.sig"),
    PartEnd(0),
    TextDelta(1, "I call"),
    TextDelta(1, " two – ü."),
    PartEnd(1),
    ToolCallStart(2, "call_1", "f"),
    ToolCallDelta(2, '{"a"'),
    ToolCallDelta(2, ":1}"),
    PartEnd(2),
    ToolCallStart(3, "call_2", "g"),
    PartEnd(3),
    UsageReport(Usage(input_tokens=5, output_tokens=7, cache_read_tokens=3, reasoning_tokens=2, searches=1)),
    Finished("tool_calls", "stop"),
)


def stream(chunks: Iterable[Chunk]) -> bytes:
    return write_all(MessagesWriter(request_of(stream=True)), chunks)


def shape(data: bytes) -> list[str]:
    """The events in short: which block opens, what is added to it, and where it closes."""
    short: list[str] = []
    for one in checked_events(data)[1:-2]:
        if one["type"] == "content_block_start":
            short.append(one["content_block"]["type"])
        elif one["type"] == "content_block_delta":
            content = {name: value for name, value in one["delta"].items() if name != "type"}
            short += [str(value) for value in content.values()]
        else:
            short.append("/")
    return short


def test_a_text_is_written_event_by_event() -> None:
    data = stream([START, TextDelta(0, "Hel"), TextDelta(0, "lo\n"), PartEnd(0), STOP, UsageReport(Usage(3, 2))])
    assert checked_events(data) == [
        {
            "type": "message_start",
            "message": {
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "model": "own/nano",
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "stop_details": None,
                "usage": {"input_tokens": 0, "output_tokens": 0},
            },
        },
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hel"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "lo\n"}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None, "stop_details": None},
            "usage": {
                "input_tokens": 3,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
                "output_tokens": 2,
                "output_tokens_details": {"thinking_tokens": 0},
            },
        },
        {"type": "message_stop"},
    ]


def test_the_sdk_accumulates_a_rich_answer() -> None:
    checked_events(stream(RICH))
    message = accumulated(stream(RICH))
    assert (message.id, message.model, message.stop_reason) == ("msg_1", "own/nano", "tool_use")
    thought, text, first, second = message.content
    assert thought.to_dict() == {
        "type": "thinking",
        "thinking": "Let me think.",
        "signature": "fh1.00112233aabbccdd.sig",
    }
    assert isinstance(text, TextBlock)
    assert text.text == "I call two – ü."
    assert isinstance(first, ToolUseBlock)
    assert (first.id, first.name, first.input) == ("call_1", "f", {"a": 1})
    assert isinstance(second, ToolUseBlock)
    assert (second.id, second.input) == ("call_2", {})
    usage = message.usage
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens) == (2, 3, 7)
    assert usage.output_tokens_details is not None
    assert usage.output_tokens_details.thinking_tokens == 2
    assert usage.server_tool_use is not None
    assert usage.server_tool_use.web_search_requests == 1


@pytest.mark.parametrize("name", ["stream_text.sse", "stream_tools.sse", "stream_omitted.sse", "stream_refusal.sse"])
def test_a_stream_that_is_read_and_written_accumulates_to_the_same(name: str) -> None:
    ours, theirs = accumulated(stream(read_all(fixture(name)))), accumulated(fixture(name))
    assert ours.content == theirs.content
    assert (ours.id, ours.model) == (theirs.id, theirs.model)
    assert (ours.stop_reason, ours.stop_sequence) == (theirs.stop_reason, theirs.stop_sequence)
    assert (ours.stop_details and ours.stop_details.category) == (theirs.stop_details and theirs.stop_details.category)
    assert ours.usage.input_tokens == theirs.usage.input_tokens
    assert ours.usage.output_tokens == theirs.usage.output_tokens
    assert ours.usage.cache_creation == theirs.usage.cache_creation


def test_usage_that_is_known_early_stands_in_the_first_event() -> None:
    (begun, *_) = checked_events(
        stream([START, UsageReport(Usage(12, 1, cache_read_tokens=7)), TextDelta(0, "a"), STOP])
    )
    assert begun["message"]["usage"]["input_tokens"] == 5
    assert begun["message"]["usage"]["cache_read_input_tokens"] == 7


def test_usage_that_nobody_reports_is_zero() -> None:
    (*_, end, _) = checked_events(stream([START, TextDelta(0, "a"), STOP]))
    assert end["usage"] == {"output_tokens": 0}


def test_nothing_goes_out_before_there_is_content() -> None:
    writer = MessagesWriter(request_of(stream=True))
    early: list[Chunk] = [START, Ignored(), UsageReport(Usage(1, 1)), Failed(500, None, "x"), PartEnd(4), STOP]
    assert [writer.write(chunk) for chunk in early] == [b""] * 6
    assert shape(writer.close()) == []


def test_an_answer_without_a_start_names_the_model_that_was_asked() -> None:
    data = write_all(MessagesWriter(request_of(model="own/nano")), [TextDelta(0, "a"), STOP])
    assert checked_events(data)[0]["message"]["model"] == "own/nano"


def test_a_redacted_artefact_is_a_block_of_its_own() -> None:
    chunks = [START, ReasoningSeal(0, "DATA", redacted=True), PartEnd(0), TextDelta(1, "a"), PartEnd(1), STOP]
    block = checked_events(stream(chunks))[1]["content_block"]
    assert block == {"type": "redacted_thinking", "data": "DATA"}
    assert shape(stream(chunks)) == ["redacted_thinking", "/", "text", "a", "/"]


def test_a_signature_alone_is_thinking_whose_text_is_omitted() -> None:
    message = accumulated(stream([START, ReasoningSeal(0, "SIG"), PartEnd(0), TextDelta(1, "a"), STOP]))
    assert message.content[0].to_dict() == {"type": "thinking", "thinking": "", "signature": "SIG"}


def test_parts_that_nobody_ended_end_with_the_stream() -> None:
    assert shape(stream([START, TextDelta(0, "a"), STOP])) == ["text", "a", "/"]


def test_text_that_is_interrupted_goes_on_in_a_new_block() -> None:
    chunks = [START, TextDelta(0, "a"), ReasoningDelta(1, "hm"), TextDelta(0, "b"), PartEnd(0), PartEnd(1), STOP]
    assert shape(stream(chunks)) == ["text", "a", "/", "thinking", "hm", "/", "text", "b", "/"]


def test_a_call_is_never_cut_in_two() -> None:
    chunks = [
        START,
        TextDelta(0, "a"),
        ToolCallStart(1, "c1", "f"),
        ToolCallStart(2, "c2", "g"),
        ToolCallDelta(1, "{"),
        ToolCallDelta(2, '{"x"'),
        TextDelta(0, "b"),
        ToolCallStart(3, "c3", "h"),
        ToolCallDelta(1, "}"),
        ToolCallDelta(2, ":1}"),
        PartEnd(1),
        PartEnd(0),
        ToolCallDelta(3, "{}"),
        PartEnd(3),
        PartEnd(2),
        Finished("tool_calls"),
    ]
    assert shape(stream(chunks)) == [
        *("text", "a", "/"),
        *("tool_use", "{", "}", "/"),
        *("tool_use", '{"x"', ":1}", "/"),
        *("text", "b", "/"),
        *("tool_use", "{}", "/"),
    ]


def test_thinking_is_never_cut_from_its_signature() -> None:
    chunks = [
        START,
        ReasoningDelta(0, "h"),
        TextDelta(1, "a"),
        ReasoningDelta(2, "other"),
        ToolCallStart(3, "c3", "f"),
        ReasoningDelta(0, "m"),
        PartEnd(1),
        ReasoningSeal(0, "S0"),
        PartEnd(0),
        TextDelta(4, "b"),
        ToolCallDelta(3, "{}"),
        ReasoningSeal(2, "S2"),
        PartEnd(2),
        PartEnd(3),
        Finished("tool_calls"),
    ]
    assert shape(stream(chunks)) == [
        *("thinking", "h", "m", "S0", "/"),
        *("text", "a", "/"),
        *("thinking", "other", "S2", "/"),
        *("tool_use", "{}", "/"),
        *("text", "b", "/"),
    ]


def test_thinking_that_is_signed_holds_nobody_up() -> None:
    writer = MessagesWriter(request_of(stream=True))
    for chunk in (START, ReasoningDelta(0, "hm"), TextDelta(1, "waits")):
        before = writer.write(chunk)
    assert before == b""
    assert b'"text":"waits"' in writer.write(ReasoningSeal(0, "S0"))
    assert b'"text":"at once"' in writer.write(TextDelta(1, "at once"))


def test_calls_that_nobody_ended_are_written_whole_at_the_end() -> None:
    chunks = [
        START,
        *(ToolCallStart(at, f"c{at}", "f") for at in range(3)),
        *(ToolCallDelta(at, f"[{at}]") for at in range(3)),
        TextDelta(3, "a"),
        Finished("tool_calls"),
    ]
    assert shape(stream(chunks)) == [
        *("tool_use", "[0]", "/", "tool_use", "[1]", "/", "tool_use", "[2]", "/", "text", "a", "/"),
    ]


def test_a_refusal_is_text_and_ends_as_one() -> None:
    data = stream([START, RefusalDelta(0, "I can"), RefusalDelta(0, "not."), PartEnd(0), STOP])
    message = accumulated(data)
    assert isinstance(message.content[0], TextBlock)
    assert message.content[0].text == "I cannot."
    assert message.stop_reason == "refusal"
    assert message.stop_details is not None


@pytest.mark.parametrize(
    ("end", "reason", "sequence"),
    [
        (Finished("length", "length"), "max_tokens", None),
        (Finished("length", "model_context_window_exceeded"), "model_context_window_exceeded", None),
        (Finished("pause", "pause_turn"), "pause_turn", None),
        (Finished("stop", "stop_sequence", "END"), "stop_sequence", "END"),
    ],
)
def test_the_end_says_why(end: Finished, reason: str, sequence: str | None) -> None:
    message = accumulated(stream([START, TextDelta(0, "a"), end]))
    assert (message.stop_reason, message.stop_sequence) == (reason, sequence)


@pytest.mark.parametrize("end", [(), (Finished("error", "MALFORMED_RESPONSE"),)])
def test_an_answer_that_failed_is_never_a_finished_one(end: tuple[Finished, ...]) -> None:
    data = stream([START, TextDelta(0, "half"), *end])
    kinds = [one.name for one in split(data)]
    assert kinds[-1] == "error"
    assert "message_stop" not in kinds
    assert "message_delta" not in kinds
    with pytest.raises(anthropic.APIStatusError):
        accumulated(data)


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (StreamBroken("It broke."), "api_error", "stream-broken"),
        (RateLimited("It broke."), "rate_limit_error", "rate-limited"),
        (
            VendorRefused("It broke.", status=529, kind="overloaded_error", native="busy"),
            "overloaded_error",
            "busy",
        ),
    ],
)
def test_a_failure_in_the_middle_is_told_and_ends_the_stream(error: FreeholdError, kind: str, code: str) -> None:
    writer = MessagesWriter(request_of(stream=True))
    data = writer.write(START) + writer.write(TextDelta(0, "half")) + writer.fail(error, "req_1")
    told_of = json.loads(split(data)[-1].data)
    assert told_of["request_id"] == "req_1"
    assert (told_of["error"]["type"], told_of["error"]["details"]["error_code"]) == (kind, code)
    with pytest.raises(anthropic.APIStatusError, match="It broke"):
        accumulated(data)


_finishes = st.sampled_from(["stop", "length", "tool_calls", "pause", "content_filter"])


@st.composite
def _interleaved(draw: st.DrawFn) -> list[Chunk]:
    """Up to four parts whose chunks come in any order among each other, as Chat may send calls side by side."""
    queues: list[list[Chunk]] = []
    for at in range(draw(st.integers(0, 4))):
        pieces = draw(st.lists(st.text("ab – é\n", min_size=1, max_size=3), min_size=1, max_size=3))
        kind = draw(st.sampled_from(["text", "thought", "call"]))
        if kind == "text":
            queues.append([*(TextDelta(at, piece) for piece in pieces), PartEnd(at)])
        elif kind == "thought":
            queues.append([*(ReasoningDelta(at, piece) for piece in pieces), ReasoningSeal(at, f"S{at}"), PartEnd(at)])
        else:
            whole = json.dumps({"v": "".join(pieces)})
            cut = draw(st.integers(0, len(whole)))
            deltas = [ToolCallDelta(at, whole[:cut]), ToolCallDelta(at, whole[cut:])]
            queues.append([ToolCallStart(at, f"c{at}", "f"), *deltas, PartEnd(at)])
    chunks: list[Chunk] = [START]
    while any(queues):
        chunks.append(draw(st.sampled_from([queue for queue in queues if queue])).pop(0))
    return chunks


@given(_interleaved(), _finishes)
def test_parts_in_any_order_are_one_block_at_a_time_and_nothing_is_lost(chunks: list[Chunk], finish: Finish) -> None:
    data = stream([*chunks, Finished(finish)])
    checked_events(data)
    content = accumulated(data).content
    text = sorted("".join(block.text for block in content if isinstance(block, TextBlock)))
    assert text == sorted("".join(chunk.text for chunk in chunks if isinstance(chunk, TextDelta)))
    thought = sorted("".join(block.thinking for block in content if block.type == "thinking"))
    assert thought == sorted("".join(chunk.text for chunk in chunks if isinstance(chunk, ReasoningDelta)))
    thoughts = {
        chunk.opaque: "".join(c.text for c in chunks if isinstance(c, ReasoningDelta) and c.index == chunk.index)
        for chunk in chunks
        if isinstance(chunk, ReasoningSeal)
    }
    assert {block.signature: block.thinking for block in content if block.type == "thinking"} == thoughts
    calls: dict[str, str] = {}
    for chunk in chunks:
        if isinstance(chunk, ToolCallDelta):
            calls[f"c{chunk.index}"] = calls.get(f"c{chunk.index}", "") + chunk.arguments
    made = {block.id: block.input for block in content if isinstance(block, ToolUseBlock)}
    assert made == {call: json.loads(arguments) for call, arguments in calls.items()}
