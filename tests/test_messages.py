"""The vocabulary: parts and chunks that can be told apart on paper, and requests in which what was not said is None."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.messages import (
    MEANINGFUL,
    Audio,
    Chunk,
    Failed,
    File,
    Finished,
    Ignored,
    Image,
    Message,
    Opaque,
    Part,
    PartEnd,
    Reasoning,
    ReasoningDelta,
    ReasoningSeal,
    Refusal,
    RefusalDelta,
    Reply,
    Request,
    Started,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    ToolResult,
    Usage,
    UsageReport,
)

TEXT = st.text(max_size=20)
MAYBE = st.none() | TEXT
INDEX = st.integers(0, 100)
COUNT = st.integers(0, 2**53)
INNER = st.builds(Text, TEXT, MAYBE) | st.builds(Image, MAYBE, MAYBE) | st.builds(File, text=MAYBE, filename=MAYBE)
PARTS: st.SearchStrategy[Part] = st.one_of(
    INNER,
    st.builds(Audio, TEXT, TEXT),
    st.builds(Reasoning, TEXT, st.lists(TEXT, max_size=2).map(tuple), MAYBE, MAYBE, st.booleans(), MAYBE),
    st.builds(ToolCall, TEXT, TEXT, TEXT, MAYBE),
    st.builds(ToolResult, TEXT, st.lists(INNER, max_size=3).map(tuple), st.booleans()),
    st.builds(Refusal, TEXT),
    st.builds(Opaque, TEXT, TEXT),
)
FINISHES = st.sampled_from(["stop", "length", "tool_calls", "content_filter", "pause", "error"])
CHUNKS: st.SearchStrategy[Chunk] = st.one_of(
    st.builds(Started, TEXT, TEXT, COUNT),
    st.builds(TextDelta, INDEX, TEXT),
    st.builds(RefusalDelta, INDEX, TEXT),
    st.builds(ReasoningDelta, INDEX, TEXT, st.booleans()),
    st.builds(ReasoningSeal, INDEX, TEXT, st.booleans(), MAYBE),
    st.builds(ToolCallStart, INDEX, TEXT, TEXT),
    st.builds(ToolCallDelta, INDEX, TEXT),
    st.builds(PartEnd, INDEX),
    st.builds(Finished, FINISHES, MAYBE, MAYBE, MAYBE),
    st.builds(UsageReport, st.builds(Usage, COUNT, COUNT, COUNT, service_tier=MAYBE, estimated=st.booleans())),
    st.builds(Failed, st.integers(400, 599), MAYBE, TEXT, MAYBE),
    st.just(Ignored()),
)


@given(st.lists(PARTS, max_size=5).map(tuple))
def test_a_message_that_is_written_down_is_read_back_as_it_was(parts: tuple[Part, ...]) -> None:
    message = Message("assistant", parts)
    assert msgspec.json.decode(msgspec.json.encode(message), type=Message) == message


@given(st.lists(CHUNKS, max_size=5))
def test_chunks_that_are_written_down_are_read_back_as_they_were(chunks: list[Chunk]) -> None:
    assert msgspec.json.decode(msgspec.json.encode(chunks), type=list[Chunk]) == chunks


def test_only_what_the_caller_would_see_commits_an_answer() -> None:
    commits = [TextDelta(0, "a"), RefusalDelta(0, "a"), ReasoningDelta(0, "a"), ReasoningSeal(0, "a")]
    commits += [ToolCallStart(0, "call_1", "weather"), ToolCallDelta(0, "{")]
    waits = [Started("id", "model"), PartEnd(0), UsageReport(Usage()), Failed(500, None, "Oops."), Ignored()]
    assert all(isinstance(chunk, MEANINGFUL) for chunk in commits)
    assert not any(isinstance(chunk, (*MEANINGFUL,)) for chunk in waits)


def test_a_request_says_nothing_that_was_not_said() -> None:
    request = Request(dialect="openai-chat", model="echo/echo")
    said = {name: getattr(request, name) for name in request.__struct_fields__ if getattr(request, name) is not None}
    assert said == {
        "dialect": "openai-chat",
        "model": "echo/echo",
        "operation": "generate",
        "messages": (),
        "tools": (),
        "stop": (),
        "stream": False,
        "stream_usage": False,
        "inputs": (),
        "fields": {},
        "unknown": (),
        "references": (),
    }


def test_two_requests_share_no_fields() -> None:
    first, second = Request(dialect="openai-chat", model="a"), Request(dialect="openai-chat", model="b")
    first.fields["seed"] = msgspec.Raw(b"7")
    assert second.fields == {}


def test_an_answer_without_a_report_of_usage_is_not_one_that_used_nothing() -> None:
    assert Reply(id="r", model="m").usage is None
    assert Reply(id="r", model="m", usage=Usage()).usage == Usage(input_tokens=0, output_tokens=0, estimated=False)


@pytest.mark.parametrize("part", [Text("a"), Image(url="https://example.com/a.png"), Usage(), Message("user", ())])
def test_what_several_rooms_hold_cannot_be_changed(part: msgspec.Struct) -> None:
    with pytest.raises(AttributeError):
        setattr(part, part.__struct_fields__[0], "changed")
