import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialects.gathered import gather
from dialects.responses_sdk import fixture, read_all, split
from freehold.dialects.dialect import Event
from freehold.dialects.responses_reader import Reader
from freehold.dialects.responses_reply import read_reply
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
    Started,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    Usage,
    UsageReport,
)

STREAMS = ["stream_text.sse", "stream_tools.sse", "stream_refusal.sse", "stream_incomplete.sse", "stream_failed.sse"]


def event(kind: str, **fields: Any) -> Event:
    data = json.dumps({"type": kind, "sequence_number": 0, **fields}).encode()
    return Event(b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n", kind, data)


def told(*events: Event) -> list[Chunk]:
    """What a fresh reader makes of these events, nothing ignored."""
    reader = Reader()
    return [chunk for one in events for chunk in reader.read(one) if not isinstance(chunk, Ignored)]


def completed(*output: dict[str, Any], **fields: Any) -> Event:
    return event(
        "response.completed", response={"id": "r", "model": "m", "status": "completed", "output": output, **fields}
    )


def test_a_text_is_told_in_deltas() -> None:
    chunks = [chunk for chunk in read_all(Reader(), fixture("stream_text.sse")) if not isinstance(chunk, Ignored)]
    assert chunks == [
        Started("resp_1", "gpt-6-sol-2026-08-01", 1790000000),
        TextDelta(0, "Sunny"),
        TextDelta(0, " – 24"),
        TextDelta(0, " °C."),
        PartEnd(0),
        UsageReport(
            Usage(
                input_tokens=120,
                output_tokens=9,
                cache_read_tokens=100,
                cache_write_5m_tokens=5,
                service_tier="default",
            )
        ),
        Finished("stop", "completed"),
    ]


def test_reasoning_text_and_calls_are_told_in_order() -> None:
    chunks = [chunk for chunk in read_all(Reader(), fixture("stream_tools.sse")) if not isinstance(chunk, Ignored)]
    assert chunks[1:-2] == [
        ReasoningDelta(0, "Two cities", summary=True),
        ReasoningDelta(0, " are asked.", summary=True),
        ReasoningDelta(0, "\n\nI call", summary=True),
        ReasoningDelta(0, " the tool twice.", summary=True),
        ReasoningSeal(0, "gAAAAABwhole+/==", redacted=False, id="rs_2"),
        PartEnd(0),
        TextDelta(1, "Let me"),
        TextDelta(1, " look."),
        PartEnd(1),
        ToolCallStart(2, "call_3", "get_weather"),
        ToolCallDelta(2, '{"city"'),
        ToolCallDelta(2, ': "Lis'),
        ToolCallDelta(2, 'bon"}'),
        PartEnd(2),
        ToolCallStart(3, "call_4", "get_weather"),
        ToolCallDelta(3, '{"city": "É'),
        ToolCallDelta(3, 'vora"}'),
        PartEnd(3),
    ]
    assert chunks[-1] == Finished("tool_calls", "completed")


@pytest.mark.parametrize("name", ["text", "tools", "incomplete"])
def test_a_stream_tells_the_same_as_the_whole_answer(name: str) -> None:
    whole = read_reply(fixture(f"reply_{name}.json"))
    streamed = gather(read_all(Reader(), fixture(f"stream_{name}.sse")))
    parts = tuple(
        Reasoning(part.text, ("\n\n".join(part.summary),), part.opaque) if isinstance(part, Reasoning) else part
        for part in whole.parts
    )
    assert streamed.parts == parts
    assert (streamed.id, streamed.model, streamed.finish) == (whole.id, whole.model, whole.finish)
    assert (streamed.native_finish_reason, streamed.usage) == (whole.native_finish_reason, whole.usage)


def test_a_failure_is_told_with_the_status_that_it_would_have_had() -> None:
    reader = Reader()
    chunks = read_all(reader, fixture("stream_failed.sse"))
    assert chunks[-1] == Failed(500, "server_error", "The model produced an error.")
    assert not any(isinstance(chunk, Finished) for chunk in chunks)
    assert not reader.finished()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"code": "rate_limit_exceeded", "message": "Slow."}, Failed(429, "rate_limit_exceeded", "Slow.")),
        (
            {"error": {"type": "server_error", "code": None, "message": "Oh."}},
            Failed(500, None, "Oh.", "server_error"),
        ),
        ({"error": {"code": 17}}, Failed(500, "17", "The vendor reported a failure (17).")),
        ({}, Failed(500, None, "The vendor reported a failure (no code).")),
    ],
)
def test_an_error_event_is_a_failure(fields: dict[str, Any], expected: Failed) -> None:
    assert told(event("error", **fields)) == [expected]


@pytest.mark.parametrize("name", STREAMS)
def test_only_the_last_event_ends_the_stream(name: str) -> None:
    reader = Reader()
    assert [reader.ends(one) for one in split(fixture(name))][-2:] == [False, True]
    assert sum(reader.ends(one) for one in split(fixture(name))) == 1


@pytest.mark.parametrize("name", ["stream_text.sse", "stream_incomplete.sse"])
def test_a_stream_is_finished_by_its_last_event_and_not_before(name: str) -> None:
    reader = Reader()
    *events, last = split(fixture(name))
    for one in events:
        reader.read(one)
    assert not reader.finished()
    reader.read(last)
    assert reader.finished()


@given(st.sampled_from(STREAMS), st.lists(st.integers(0, 10_000), max_size=8))
def test_bytes_may_break_anywhere(name: str, cuts: list[int]) -> None:
    stream = fixture(name)
    whole, broken = read_all(Reader(), stream), list[Chunk]()
    splitter, reader = EventSplitter(), Reader()
    places = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
    for start, end in pairwise(places):
        for one in splitter.feed(stream[start:end]):
            broken += reader.read(one)
    assert broken == whole


# --- servers that say less than OpenAI -------------------------------------------------------------------------------


def test_events_without_names_are_known_by_their_type() -> None:
    nameless = b"".join(b"data: " + one.data + b"\n\n" for one in split(fixture("stream_tools.sse")))
    assert read_all(Reader(), nameless + b"data: [DONE]\n\n") == [
        *read_all(Reader(), fixture("stream_tools.sse")),
        Ignored(),
    ]
    reader = Reader()
    assert [reader.ends(one) for one in split(nameless)][-1]


def test_a_server_that_sends_nothing_but_the_whole_is_understood() -> None:
    whole = json.loads(fixture("reply_tools.json"))
    streamed = gather(told(event("response.completed", response=whole)))
    assert streamed.id == "resp_2"
    assert [type(part).__name__ for part in streamed.parts] == ["Reasoning", "Text", "ToolCall", "ToolCall"]
    assert streamed.finish == "tool_calls"


def test_a_server_that_sends_no_deltas_is_understood() -> None:
    item: Any = {"type": "message", "id": "m", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]}
    call: Any = {"type": "function_call", "id": "f", "call_id": "c", "name": "f", "arguments": "{}"}
    thought: Any = {
        "type": "reasoning",
        "id": "r",
        "summary": [],
        "content": [{"type": "reasoning_text", "text": "hm"}],
    }
    assert told(
        event("response.output_item.done", output_index=0, item=thought),
        event("response.output_item.done", output_index=1, item=item),
        event("response.output_item.done", output_index=2, item=call),
        completed(thought, item, call),
    ) == [
        ReasoningDelta(0, "hm"),
        PartEnd(0),
        TextDelta(1, "Hi"),
        PartEnd(1),
        ToolCallStart(2, "c", "f"),
        ToolCallDelta(2, "{}"),
        PartEnd(2),
        Started("r", "m"),
        Finished("tool_calls", "completed"),
    ]


def test_a_part_that_no_event_ended_ends_with_the_response() -> None:
    assert told(event("response.output_text.delta", delta="a"), completed()) == [
        TextDelta(0, "a"),
        Started("r", "m"),
        PartEnd(0),
        Finished("stop", "completed"),
    ]


def test_a_call_in_the_stream_counts_even_where_the_last_event_repeats_nothing() -> None:
    call: Any = {"type": "function_call", "id": "f", "call_id": "c", "name": "f", "arguments": ""}
    chunks = told(event("response.output_item.added", output_index=0, item=call), completed())
    assert chunks[-1] == Finished("tool_calls", "completed")


def test_an_artefact_without_anything_readable_is_redacted() -> None:
    item: Any = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "abc"}
    assert told(event("response.output_item.done", output_index=0, item=item)) == [
        ReasoningSeal(0, "abc", redacted=True, id="rs_1"),
        PartEnd(0),
    ]


def test_a_chain_of_thought_is_told_as_text() -> None:
    assert told(event("response.reasoning_text.delta", output_index=0, content_index=0, delta="hm")) == [
        ReasoningDelta(0, "hm", summary=False)
    ]


@pytest.mark.parametrize(
    "one",
    [
        event("response.created"),
        event("response.newer_than_this_code", delta={"any": "thing"}),
        event("response.image_generation_call.partial_image", delta=5),
        event("response.output_text.delta", delta=""),
        event("response.output_text.annotation.added", annotation={}),
        event("response.function_call_arguments.delta", output_index=7, delta="x"),
        Event(b": ping\n\n", "", b""),
    ],
)
def test_an_event_without_meaning_is_passed_by(one: Event) -> None:
    assert Reader().read(one) == [Ignored()]


@pytest.mark.parametrize(
    "one",
    [
        Event(b"", "response.output_text.delta", b'{"delta":'),
        Event(b"", "response.output_text.delta", b'{"delta":5}'),
        Event(b"", "response.output_text.delta", b'{"delta":"\xff"}'),
        Event(b"", "response.completed", b"{}"),
    ],
)
def test_an_event_that_cannot_be_read_is_garbled(one: Event) -> None:
    with pytest.raises(VendorGarbled):
        Reader().read(one)
