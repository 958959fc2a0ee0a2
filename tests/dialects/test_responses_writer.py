import json
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import APIError
from openai.types.responses import Response, ResponseFunctionToolCall, ResponseReasoningItem

from dialects.gathered import gather
from dialects.responses_sdk import checked_events, client, fixture, read_all, request_of, write_all
from freehold.dialects.responses_reader import Reader
from freehold.dialects.responses_reply import item_id
from freehold.dialects.responses_request import read_request
from freehold.dialects.responses_writer import Writer
from freehold.errors import FreeholdError, RateLimited, StreamBroken, VendorRefused
from freehold.messages import (
    Chunk,
    Failed,
    Finish,
    Finished,
    Ignored,
    PartEnd,
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

START = Started("msg_01", "claude", 1790000000)
HELLO: tuple[Chunk, ...] = (START, TextDelta(0, "Hel"), TextDelta(0, "lo"), PartEnd(0))
STOP = Finished("stop", "end_turn")
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
    UsageReport(Usage(input_tokens=5, output_tokens=7, reasoning_tokens=2, service_tier="default")),
    Finished("tool_calls", "tool_use"),
)


def stream(chunks: Iterable[Chunk], **fields: Any) -> bytes:
    return write_all(Writer(request_of(stream=True, **fields)), chunks)


def kinds(data: bytes) -> list[str]:
    return [event["type"].removeprefix("response.") for event in checked_events(data)]


# --- the sequence ----------------------------------------------------------------------------------------------------


def test_a_text_is_announced_filled_and_told_whole() -> None:
    events = checked_events(stream([*HELLO, STOP]))
    message = item_id("msg", "msg_01", 0)
    place = {"item_id": message, "output_index": 0, "content_index": 0}
    whole: Any = {"type": "output_text", "text": "Hello", "annotations": [], "logprobs": []}
    item: Any = {"id": message, "type": "message", "status": "completed", "role": "assistant", "content": [whole]}
    assert [event["response"]["status"] for event in events[:2]] == ["in_progress", "in_progress"]
    assert [event["response"]["output"] for event in events[:2]] == [[], []]
    assert events[2:-1] == [
        {
            "type": "response.output_item.added",
            "sequence_number": 2,
            "output_index": 0,
            "item": {**item, "status": "in_progress", "content": []},
        },
        {
            "type": "response.content_part.added",
            "sequence_number": 3,
            **place,
            "part": {"type": "output_text", "text": "", "annotations": [], "logprobs": []},
        },
        {"type": "response.output_text.delta", "sequence_number": 4, **place, "delta": "Hel", "logprobs": []},
        {"type": "response.output_text.delta", "sequence_number": 5, **place, "delta": "lo", "logprobs": []},
        {"type": "response.output_text.done", "sequence_number": 6, **place, "text": "Hello", "logprobs": []},
        {"type": "response.content_part.done", "sequence_number": 7, **place, "part": whole},
        {"type": "response.output_item.done", "sequence_number": 8, "output_index": 0, "item": item},
    ]
    last = events[-1]
    assert last["type"] == "response.completed"
    assert last["response"]["output"] == [item]
    assert last["response"]["id"] == "resp_msg_01"
    assert last["response"]["native_finish_reason"] == "end_turn"
    assert last["response"]["usage"] is None


def test_a_rich_answer_has_the_whole_sequence() -> None:
    assert kinds(stream(RICH)) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "reasoning_text.delta",
        "reasoning_text.delta",
        "reasoning_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]


def test_the_last_event_repeats_the_items_as_they_were_told() -> None:
    events = checked_events(stream(RICH))
    told = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert events[-1]["response"]["output"] == told
    assert [item["type"] for item in told] == ["reasoning", "message", "function_call", "function_call"]
    assert told[0]["encrypted_content"] == "fh1.00112233aabbccdd.sig"
    assert told[2]["arguments"] == '{"a":1}'
    assert events[-1]["response"]["usage"]["output_tokens_details"] == {"reasoning_tokens": 2}
    assert events[-1]["response"]["service_tier"] == "default"


def test_the_request_is_repeated_in_every_response() -> None:
    request = read_request(fixture("request.json"))
    for event in checked_events(write_all(Writer(request), [*HELLO, STOP])):
        if "response" in event:
            assert event["response"]["metadata"] == {"ticket": "17"}
            assert event["response"]["tools"][0]["name"] == "get_weather"


def test_neighbouring_texts_share_a_message() -> None:
    chunks = [*HELLO, RefusalDelta(1, "no"), PartEnd(1), TextDelta(2, "x"), PartEnd(2), STOP]
    (item,) = checked_events(stream(chunks))[-1]["response"]["output"]
    assert [part.get("text", part.get("refusal")) for part in item["content"]] == ["Hello", "no", "x"]


def test_parts_may_be_told_by_turns() -> None:
    chunks = [
        START,
        TextDelta(0, "a"),
        ToolCallStart(1, "c1", "f"),
        ToolCallStart(2, "c2", "g"),
        ToolCallDelta(1, "{"),
        ToolCallDelta(2, "["),
        TextDelta(0, "b"),
        ToolCallDelta(1, "}"),
        ToolCallDelta(2, "]"),
        PartEnd(1),
        PartEnd(0),
        PartEnd(2),
        Finished("tool_calls"),
    ]
    message, first, second = checked_events(stream(chunks))[-1]["response"]["output"]
    assert message["content"][0]["text"] == "ab"
    assert (first["call_id"], first["arguments"]) == ("c1", "{}")
    assert (second["call_id"], second["arguments"]) == ("c2", "[]")


def test_parts_that_nobody_ended_end_with_the_stream() -> None:
    assert kinds(stream([START, TextDelta(0, "a"), STOP])) == kinds(
        stream([START, TextDelta(0, "a"), PartEnd(0), STOP])
    )


def test_a_redacted_artefact_says_so_in_its_id() -> None:
    chunks = [START, ReasoningSeal(0, "fh1.00112233aabbccdd.x", redacted=True), PartEnd(0), *HELLO[1:-1], STOP]
    item = checked_events(stream(chunks))[-1]["response"]["output"][0]
    back = read_request(json.dumps({"model": "m", "input": [item]}).encode()).messages[0].parts[0]
    assert item["id"].startswith("rs_fh_redacted_")
    assert getattr(back, "redacted", None) is True


@pytest.mark.parametrize(
    "chunk", [TextDelta(0, ""), RefusalDelta(0, ""), Ignored(), PartEnd(5), Failed(500, None, "x")]
)
def test_what_carries_nothing_writes_nothing(chunk: Chunk) -> None:
    writer = Writer(request_of())
    writer.write(START)
    assert writer.write(chunk) == b""


@pytest.mark.parametrize(
    ("finish", "kind", "status"),
    [
        ("stop", "completed", "completed"),
        ("length", "incomplete", "incomplete"),
        ("content_filter", "incomplete", "completed"),
        ("pause", "incomplete", "completed"),
    ],
)
def test_each_end_has_its_event(finish: Finish, kind: str, status: str) -> None:
    last = checked_events(stream([*HELLO, Finished(finish, "x", refusal_category="cyber")]))[-1]
    assert last["type"] == f"response.{kind}"
    assert last["response"]["output"][0]["status"] == status
    assert (last["response"]["native_finish_reason"], last["response"]["refusal_category"]) == ("x", "cyber")


@pytest.mark.parametrize("chunks", [HELLO, [*HELLO, Finished("error", "overloaded")], []])
def test_an_answer_that_did_not_end_well_is_never_completed(chunks: Sequence[Chunk]) -> None:
    told = kinds(stream(chunks))
    assert told[-2:] == ["failed", "error"]
    assert "completed" not in told


# --- failures --------------------------------------------------------------------------------------------------------


def broken(error: FreeholdError, chunks: Iterable[Chunk] = HELLO) -> bytes:
    writer = Writer(request_of(stream=True))
    return b"".join([*(writer.write(chunk) for chunk in chunks), writer.fail(error, "req_1")])


def test_a_failure_is_told_in_both_ways_and_nothing_is_completed() -> None:
    events = checked_events(broken(StreamBroken("It broke.", "Ask again.")))
    failed, error = events[-2:]
    assert failed["type"] == "response.failed"
    assert failed["response"]["status"] == "failed"
    assert failed["response"]["error"] == {"code": "server_error", "message": "It broke. Ask again."}
    assert error["type"] == "error"
    assert (error["code"], error["message"], error["param"]) == ("stream-broken", "It broke. Ask again.", None)
    assert error["error"]["request_id"] == "req_1"
    assert not any(event["type"] == "response.completed" for event in events)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RateLimited("Too fast."), "rate_limit_exceeded"),
        (VendorRefused("No.", status=400, native="invalid_prompt"), "invalid_prompt"),
        (VendorRefused("No.", status=429), "rate_limit_exceeded"),
        (VendorRefused("No.", status=500), "server_error"),
    ],
)
def test_a_failed_response_names_its_code_in_openais_words(error: FreeholdError, code: str) -> None:
    assert checked_events(broken(error))[-2]["response"]["error"]["code"] == code


def test_a_failure_behind_a_vendors_own_bytes_is_an_error_alone() -> None:
    assert kinds(broken(StreamBroken("It broke."), ())) == ["error"]


# --- through the official client -------------------------------------------------------------------------------------


def test_the_sdk_puts_the_same_response_together() -> None:
    with client(stream(RICH), "text/event-stream").responses.stream(model="m", input="hi") as events:
        text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
        final = events.get_final_response()
    assert text == "I call two – ü."
    assert final.output_text == "I call two – ü."
    thought, _, first, second = final.output
    assert isinstance(thought, ResponseReasoningItem)
    assert thought.encrypted_content == "fh1.00112233aabbccdd.sig"
    assert isinstance(first, ResponseFunctionToolCall)
    assert (first.call_id, first.name, first.arguments) == ("call_1", "f", '{"a":1}')
    assert isinstance(second, ResponseFunctionToolCall)
    assert second.arguments == ""
    assert final.usage is not None
    assert (final.usage.input_tokens, final.usage.total_tokens) == (5, 12)


def test_the_sdk_iterates_over_every_event() -> None:
    finals: list[Response] = []
    count = 0
    for event in client(stream(RICH), "text/event-stream").responses.create(model="m", input="hi", stream=True):
        assert event.sequence_number == count
        count += 1
        if event.type == "response.completed":
            finals.append(event.response)
    assert count == 25
    assert [final.status for final in finals] == ["completed"]


@pytest.mark.parametrize("chunks", [HELLO, ()])
def test_the_sdk_raises_a_failure_after_what_came_before(chunks: Sequence[Chunk]) -> None:
    seen: list[str] = []
    opened = client(broken(StreamBroken("It broke."), chunks), "text/event-stream").responses.create(
        model="m", input="hi", stream=True
    )
    with pytest.raises(APIError) as caught:
        seen.extend(event.type for event in opened)
    assert "It broke." in caught.value.message
    assert "response.completed" not in seen
    assert ("response.output_text.delta" in seen) == bool(chunks)


def test_the_sdks_helper_raises_a_failure_too() -> None:
    data = broken(StreamBroken("It broke."))
    with (
        client(data, "text/event-stream").responses.stream(model="m", input="hi") as events,
        pytest.raises(APIError),
    ):
        events.get_final_response()


def test_an_answer_that_stopped_short_reaches_the_sdk_as_such() -> None:
    data = stream([*HELLO, Finished("length", "max_tokens")])
    *_, last = client(data, "text/event-stream").responses.create(model="m", input="hi", stream=True)
    assert last.type == "response.incomplete"
    assert last.response.incomplete_details is not None
    assert last.response.incomplete_details.reason == "max_output_tokens"


# --- there and back --------------------------------------------------------------------------------------------------

_pieces = st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=3)


@st.composite
def _answers(draw: st.DrawFn) -> list[Chunk]:
    """The chunks of an answer, part by part."""
    chunks: list[Chunk] = [START]
    for index in range(draw(st.integers(0, 5))):
        kind = draw(st.sampled_from(["text", "refusal", "call", "chain", "summary"]))
        pieces = draw(_pieces)
        if kind == "text":
            chunks += [TextDelta(index, piece) for piece in pieces]
        elif kind == "refusal":
            chunks += [RefusalDelta(index, piece) for piece in pieces]
        elif kind == "call":
            chunks += [ToolCallStart(index, f"call_{index}", "f"), *(ToolCallDelta(index, piece) for piece in pieces)]
        else:
            chunks += [ReasoningDelta(index, piece, kind == "summary") for piece in pieces]
            if draw(st.booleans()):
                chunks.append(ReasoningSeal(index, "seal"))
        chunks.append(PartEnd(index))
    return [
        *chunks,
        UsageReport(Usage(input_tokens=3, output_tokens=2)),
        Finished(draw(st.sampled_from(["length", "content_filter"])), "x"),
    ]


@given(_answers())
def test_what_is_written_reads_back_as_it_was(chunks: list[Chunk]) -> None:
    data = stream(chunks)
    checked_events(data)
    before, after = gather(chunks), gather(read_all(Reader(), data))
    assert after.parts == before.parts
    assert (after.finish, after.usage) == (before.finish, before.usage)
    assert after.id == "resp_msg_01"


def test_a_call_without_arguments_stays_without() -> None:
    back = gather(read_all(Reader(), stream(RICH)))
    assert back.parts[1:] == (Text("I call two – ü."), ToolCall("call_1", "f", '{"a":1}'), ToolCall("call_2", "g", ""))
    assert Refusal("x") not in back.parts
