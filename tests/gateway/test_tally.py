"""Counting an answer: whole and streamed must come to the same."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from freehold.gateway.tally import Tally, size
from freehold.messages import (
    Chunk,
    Finished,
    PartEnd,
    Reasoning,
    ReasoningDelta,
    Reply,
    Started,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    Usage,
    UsageReport,
)


@given(text=st.text(), thought=st.text(), arguments=st.text(), cut=st.integers(0, 50))
def test_a_stream_is_estimated_like_the_same_answer_in_one_piece(
    text: str, thought: str, arguments: str, cut: int
) -> None:
    whole, streamed = Tally(), Tally()
    parts = (Reasoning(text=thought), Text(text), ToolCall("c", "f", arguments))
    whole.take_reply(Reply(id="r", model="m", parts=parts))
    chunks: list[Chunk] = [
        Started("r", "m"),
        ReasoningDelta(0, thought[:cut]),
        ReasoningDelta(0, thought[cut:]),
        TextDelta(1, text[:cut]),
        TextDelta(1, text[cut:]),
        ToolCallStart(2, "c", "f"),
        ToolCallDelta(2, arguments),
        PartEnd(2),
        Finished("stop"),
    ]
    for chunk in chunks:
        streamed.take(chunk)
    assert whole.usage(7, whole=True) == streamed.usage(7, whole=True)
    assert streamed.usage(7, whole=True).estimated


def test_a_reported_count_is_taken_as_it_is() -> None:
    tally = Tally()
    tally.take(TextDelta(0, "four words are here"))
    tally.take(UsageReport(Usage(input_tokens=9, output_tokens=4)))
    assert tally.usage(100, whole=True) == Usage(input_tokens=9, output_tokens=4)


def test_a_later_report_replaces_an_earlier_one() -> None:
    tally = Tally()
    tally.take(UsageReport(Usage(input_tokens=9, output_tokens=1)))
    tally.take(UsageReport(Usage(input_tokens=9, output_tokens=40)))
    assert tally.usage(0, whole=True).output_tokens == 40


def test_a_count_from_the_middle_of_a_broken_stream_is_raised_to_what_was_seen() -> None:
    tally = Tally()
    tally.take(UsageReport(Usage(input_tokens=9, output_tokens=1)))
    tally.take(TextDelta(0, "x" * 400))
    usage = tally.usage(0, whole=False)
    assert usage.output_tokens == 100
    assert usage.estimated


def test_searches_and_sounds_of_a_broken_stream_are_not_lost() -> None:
    tally = Tally()
    tally.take(UsageReport(Usage(input_tokens=9, searches=2, audio_input_tokens=3, audio_output_tokens=1)))
    usage = tally.usage(0, whole=False)
    assert (usage.searches, usage.audio_input_tokens, usage.audio_output_tokens) == (2, 3, 1)


def test_the_end_is_kept_in_both_words() -> None:
    tally = Tally()
    tally.take(Finished("length", "max_tokens"))
    assert tally.finish == "length"
    assert tally.native_finish_reason == "max_tokens"


def test_an_answer_that_is_not_finished_and_not_counted_goes_on_without_us() -> None:
    queued = Reply(id="r", model="m", finish="pause", native_finish_reason="queued")
    whole, counted, streamed = Tally(), Tally(), Tally()
    whole.take_reply(queued)
    counted.take_reply(replace(queued, usage=Usage(input_tokens=9)))
    streamed.take(Finished("pause", "in_progress"))
    assert (whole.goes_on, counted.goes_on, streamed.goes_on) == (True, False, True)
    finished = Tally()
    finished.take_reply(replace(queued, finish="stop"))
    assert not finished.goes_on


def test_size_counts_bytes() -> None:
    assert size("abc") == 3
    assert size("日本") == 6
