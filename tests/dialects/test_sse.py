"""Server-sent events from bytes that break anywhere, against the WHATWG rules and the official client's own decoder."""

import json
from collections.abc import Iterable
from itertools import pairwise

import pytest
from anthropic._streaming import SSEDecoder
from hypothesis import given
from hypothesis import strategies as st

from freehold.dialects.dialect import Event
from freehold.dialects.sse import MAX_EVENT_BYTES, EventSplitter, event
from freehold.errors import VendorGarbled


def split(*pieces: bytes) -> list[tuple[str, bytes]]:
    """The name and the data of each event, of bytes that come in these pieces."""
    splitter = EventSplitter()
    return [(one.name, one.data) for piece in pieces for one in splitter.feed(piece)]


# --- one event -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "events"),
    [
        (b"data: a\n\n", [("", b"a")]),
        (b"data:a\n\n", [("", b"a")]),
        (b"data:  a \n\n", [("", b" a ")]),
        (b"data: a\ndata: b\n\n", [("", b"a\nb")]),  # the examples of WHATWG HTML, section 9.2.6
        (b"data: YHOO\ndata: +2\ndata: 10\n\n", [("", b"YHOO\n+2\n10")]),
        (b"data\ndata\n\n", [("", b"\n")]),
        (b"event: ping\ndata: {}\n\n", [("ping", b"{}")]),
        (b"data: {}\nevent: ping\n\n", [("ping", b"{}")]),
        (b"id: 1\nretry: 10\ndata: a\nother: b\n\n", [("", b"a")]),
        (b"data: a: b\n\n", [("", b"a: b")]),
        (b"event: a\nevent: b\ndata: x\n\n", [("b", b"x")]),
        (b": comment\n\n", [("", b"")]),
        (b": comment\ndata: a\n\n", [("", b"a")]),
        (b"event: ping\n\n", [("ping", b"")]),
        (b"\n\n\ndata: a\n\n\n\ndata: b\n\n", [("", b"a"), ("", b"b")]),
        (b"event: \xff\ndata: a\n\n", [("\ufffd", b"a")]),
        (b"data: a\n", []),
        (b"", []),
    ],
)
def test_an_event_is_read_by_the_rules(data: bytes, events: list[tuple[str, bytes]]) -> None:
    assert split(data) == events


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_all_three_ends_of_lines_are_understood(line_end: bytes) -> None:
    stream = b"event: a\ndata: 1\n\ndata: 2\n\n: end\n\n".replace(b"\n", line_end)
    assert split(stream, b"data")[:2] == [("a", b"1"), ("", b"2")]


def test_an_event_keeps_its_bytes_to_pass_them_on() -> None:
    raw = b": c\nid: 7\nevent: a\ndata: 1\n\n"
    assert [one.raw for one in EventSplitter().feed(raw + raw)] == [raw, raw]


def test_a_mark_of_byte_order_before_the_stream_is_no_part_of_it() -> None:
    stream = b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfevent: b\ndata: \xef\xbb\xbf\n\n"
    assert split(stream) == [("", b"a"), ("b", b"\xef\xbb\xbf")]
    assert EventSplitter().feed(stream)[0].raw == b"data: a\n\n"


def test_an_event_that_never_ended_is_left() -> None:
    splitter = EventSplitter()
    assert splitter.feed(b"data: a\n\ndata: b") == [Event(b"data: a\n\n", "", b"a")]
    assert splitter.rest() == b"data: b"
    splitter.feed(b"\n\n")
    assert splitter.rest() == b""


def test_an_event_without_end_is_refused_before_it_fills_the_memory() -> None:
    splitter = EventSplitter()
    splitter.feed(b"data: " + b"x" * (MAX_EVENT_BYTES - 6))
    with pytest.raises(VendorGarbled, match="16777216 bytes"):
        splitter.feed(b"x")


def test_a_large_event_in_many_pieces_is_one_event() -> None:
    splitter = EventSplitter()
    pieces = [b"data: ", *([b"x" * 1024] * 9000), b"\n", b"\n"]
    assert [len(one.data) for piece in pieces for one in splitter.feed(piece)] == [9000 * 1024]
    assert splitter.rest() == b""


@pytest.mark.parametrize(
    "ends", [(b"\r", b"\r"), (b"\n", b"\r", b"\n"), (b"\r", b"\n", b"\r", b"\n"), (b"\n", b"", b"\n")]
)
def test_an_empty_line_may_come_in_pieces(ends: tuple[bytes, ...]) -> None:
    assert split(b"data: ", b"a", *ends, b"data: b\n\n") == [("", b"a"), ("", b"b")]


def test_many_small_events_are_no_large_one() -> None:
    splitter = EventSplitter()
    chunk = b"data: " + b"x" * (1024 * 1024) + b"\n\n"
    assert sum(len(splitter.feed(chunk)) for _ in range(20)) == 20


# --- bytes that break anywhere -------------------------------------------------------------------------------------------


def cut(stream: bytes, cuts: Iterable[int]) -> list[bytes]:
    places = sorted({min(at, len(stream)) for at in cuts} | {0, len(stream)})
    return [stream[begin:end] for begin, end in pairwise(places)]


WORDS = "data: né – 💡\r\n\r\nevent: a\r\ndata: 1\r\ndata: 2\r\n\r\n: ping\r\n\r\n".encode()


def test_no_cut_changes_the_events_not_even_within_a_character_or_a_line_end() -> None:
    wanted = [("", "né – 💡".encode()), ("a", b"1\n2"), ("", b"")]
    assert split(WORDS) == wanted
    for at in range(len(WORDS) + 1):
        assert split(WORDS[:at], WORDS[at:]) == wanted
    assert split(*(WORDS[at : at + 1] for at in range(len(WORDS)))) == wanted


_lines = st.lists(
    st.sampled_from(["data: ", "data:", "event: ", "id: ", ": ", "x: "]).flatmap(
        lambda field: st.text("a né💡:{}", max_size=6).map(lambda text: field + text)
    ),
    min_size=1,
    max_size=4,
)


@given(
    st.lists(_lines, max_size=4),
    st.sampled_from(["\n", "\r\n"]),
    st.lists(st.integers(0, 200), max_size=6),
)
def test_what_has_data_is_what_the_official_client_reads(
    blocks: list[list[str]], line_end: str, cuts: list[int]
) -> None:
    stream = "".join(line_end.join(lines) + 2 * line_end for lines in blocks).encode()
    theirs = [(one.event or "", one.data) for one in SSEDecoder().iter_bytes(iter([stream])) if one.data]
    ours = [(name, data.decode()) for name, data in split(*cut(stream, cuts)) if data]
    assert ours == theirs


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=5))
def test_any_bytes_give_the_same_events_however_they_come(data: bytes, cuts: list[int]) -> None:
    closed = data + b"\n\ndata: end\n\n"
    assert split(*cut(closed, cuts)) == split(closed)


# --- writing -------------------------------------------------------------------------------------------------------------


def test_an_event_is_written_with_its_name_or_without() -> None:
    assert event(b'{"a":1}') == b'data: {"a":1}\n\n'
    assert event(b'{"a":1}', "ping") == b'event: ping\ndata: {"a":1}\n\n'


@given(st.text(), st.none() | st.sampled_from(["ping", "message_stop"]))
def test_what_is_written_is_read(text: str, name: str | None) -> None:
    data = json.dumps({"text": text}, ensure_ascii=False).encode("utf-8", "surrogatepass")
    assert split(event(data, name)) == [(name or "", data)]
