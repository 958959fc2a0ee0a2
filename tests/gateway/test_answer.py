"""A committed answer: nothing is committed before the first meaningful token, and an end that comes too soon is no end."""

import asyncio
import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.dialects.anthropic_messages import DIALECT as MESSAGES
from freehold.dialects.dialect import Dialect
from freehold.dialects.openai_chat import DIALECT as CHAT
from freehold.dialects.openai_responses import DIALECT as RESPONSES
from freehold.errors import StreamBroken, VendorGarbled, VendorRefused, VendorTimeout, VendorUnreachable
from freehold.gateway import answer
from freehold.gateway.answer import Canned, Stream, refusal
from freehold.messages import Failed, Finished, TextDelta
from gateway.misbehaving import TEXT, chunk, error, events
from gateway.vendor_words import SPOKEN

DONE = b"data: [DONE]\n\n"
ROLE = chunk("m", {"role": "assistant", "content": ""})


class Pieces(Canned):
    """An upstream with these pieces. `read_so_far` counts those that were taken, `ended` how it was given up."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        super().__init__(200, {}, pieces)
        self.read_so_far = 0
        self.ended: list[object] = []

    def rest(self, seconds: float) -> None:
        self.ended.append(seconds)

    async def next(self) -> bytes | None:
        self.read_so_far += 1
        return await super().next()

    def close(self) -> None:
        self.ended.append("closed")
        super().close()

    def expire(self, error: Exception) -> None:
        self.ended.append(error)
        super().expire(error)


def streaming(*pieces: bytes, dialect: Dialect = CHAT) -> tuple[Stream, Pieces]:
    upstream = Pieces(pieces)
    return Stream(upstream, dialect.stream_reader(), "vendor/m"), upstream


async def texts(stream: Stream) -> tuple[str, bytes]:
    """What the rest of the stream says, and its bytes."""
    said, raw = "", b""
    while (batch := await stream.next()) is not None:
        for event, chunks in batch:
            raw += event.raw
            said += "".join(found.text for found in chunks if isinstance(found, TextDelta))
    return said, raw


# --- up to the commit point ---


async def test_the_start_reads_up_to_the_first_meaningful_token_and_no_further() -> None:
    stream, upstream = streaming(*events("m"))
    await stream.start()
    assert upstream.read_so_far == 2  # who speaks is not yet what is said


async def test_what_was_read_before_the_commit_point_is_given_first_and_whole() -> None:
    whole = events("m")
    stream, _ = streaming(*whole)
    await stream.start()
    assert await texts(stream) == (TEXT, b"".join(whole))


async def test_an_answer_without_a_word_commits_when_it_is_finished() -> None:
    stream, _ = streaming(ROLE, chunk("m", {}, "stop"), DONE)
    await stream.start()
    assert await texts(stream) == ("", ROLE + chunk("m", {}, "stop") + DONE)


async def test_a_tool_call_commits() -> None:
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}
    stream, upstream = streaming(ROLE, chunk("m", {"tool_calls": [call]}), chunk("m", {}, "tool_calls"), DONE)
    await stream.start()
    assert upstream.read_so_far == 2


@pytest.mark.parametrize("pieces", [(), (ROLE,), (b": ping\n\n", ROLE), (ROLE + b"data: {",)])
async def test_a_stream_that_ends_before_its_first_token_is_broken(pieces: tuple[bytes, ...]) -> None:
    stream, _ = streaming(*pieces)
    with pytest.raises(StreamBroken, match="before its first token") as told:
        await stream.start()
    assert told.value.deployment == "vendor/m"


async def test_a_failure_inside_the_stream_is_what_it_would_have_been_as_a_status() -> None:
    told = b"data: " + error("Slow down.", "rate_limit_error", "rate_limit_exceeded") + b"\n\n"
    stream, _ = streaming(ROLE, told)
    with pytest.raises(VendorRefused, match=r"Slow down\.") as refused:
        await stream.start()
    assert (refused.value.status, refused.value.native) == (429, "rate_limit_exceeded")
    assert (refused.value.kind, refused.value.deployment) == ("rate_limit_error", "vendor/m")


async def test_an_overload_of_anthropic_is_a_529_before_anything_is_committed() -> None:
    start = b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","model":"m","usage":{}}}\n\n'
    told = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
    stream, _ = streaming(start, told, dialect=MESSAGES)
    with pytest.raises(VendorRefused, match="Overloaded") as refused:
        await stream.start()
    assert refused.value.status == 529


async def test_what_makes_no_sense_is_garbled() -> None:
    stream, _ = streaming(b"data: {not json}\n\n")
    with pytest.raises(VendorGarbled):
        await stream.start()


async def test_a_failure_in_the_same_piece_as_the_first_token_is_still_before_it_went_out() -> None:
    stream, _ = streaming(chunk("m", {"content": "half"}) + b"data: " + error("Oops.", "server_error", None) + b"\n\n")
    with pytest.raises(VendorRefused):
        await stream.start()


# --- after it ---


async def test_an_end_before_the_vendor_said_that_it_is_one_is_broken() -> None:
    stream, _ = streaming(*events("m")[:3])
    await stream.start()
    assert await stream.next() is not None
    with pytest.raises(StreamBroken, match="before the answer was complete") as told:
        await texts(stream)
    assert told.value.deployment == "vendor/m"


async def test_a_failure_after_the_commit_point_is_a_chunk_for_whoever_passes_it_on() -> None:
    stream, _ = streaming(*events("m")[:2], b"data: " + error("Oops.", "server_error", None) + b"\n\n")
    await stream.start()
    await stream.next()
    batch = await stream.next()
    assert batch is not None
    assert any(isinstance(found, Failed) for _, chunks in batch for found in chunks)


async def test_the_closing_event_is_known_as_such() -> None:
    stream, _ = streaming(*events("m"))
    await stream.start()
    closing: list[bytes] = []
    while (batch := await stream.next()) is not None:
        closing += [event.raw for event, _ in batch if stream.ends(event)]
    assert closing == [DONE]


class Unending(Pieces):
    """An upstream that does not end its answer: it stays, or breaks the connection off."""

    def __init__(self, pieces: Sequence[bytes], *, breaks: bool) -> None:
        super().__init__(pieces)
        self._breaks = breaks

    async def next(self) -> bytes | None:
        data = await super().next()
        if data is None and self._breaks:
            raise VendorUnreachable("The connection broke before the answer was complete.", sent=True)
        if data is None:
            await asyncio.Event().wait()
        return data


@pytest.mark.parametrize("breaks", [True, False])
@pytest.mark.parametrize("dialect", [CHAT, MESSAGES, RESPONSES])
async def test_a_vendor_that_has_closed_its_stream_has_said_all(
    dialect: Dialect, breaks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer, "LINGER", 0.01)
    whole = SPOKEN[f"/v1{dialect.path}"].events("m")
    stream = Stream(Unending(whole, breaks=breaks), dialect.stream_reader(), "vendor/m")
    await stream.start()
    assert await asyncio.wait_for(texts(stream), 5) == (TEXT, b"".join(whole))


async def test_a_connection_that_breaks_before_the_closing_event_breaks_the_answer() -> None:
    stream = Stream(Unending(events("m")[:-1], breaks=True), CHAT.stream_reader(), "vendor/m")
    await stream.start()
    with pytest.raises(VendorUnreachable):
        await texts(stream)


@given(cuts=st.lists(st.integers(0, 2000), max_size=30))
async def test_wherever_the_network_cuts_the_stream_says_the_same(cuts: list[int]) -> None:
    whole = b"".join(events("m"))
    edges = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    stream, _ = streaming(*(whole[a:b] for a, b in itertools.pairwise(edges)))
    await stream.start()
    assert await texts(stream) == (TEXT, whole)


async def test_giving_up_reaches_the_upstream() -> None:
    stream, upstream = streaming(*events("m"))
    timeout = VendorTimeout("Too late.")
    stream.expire(timeout)
    stream.close()
    assert upstream.ended == [timeout, "closed"]


# --- answers without a network ---


async def test_a_canned_answer_is_read_piece_by_piece_or_whole() -> None:
    assert await Canned(200, {}, [b"a", b"b", b"c"]).read(100) == b"abc"
    canned = Canned(503, {"x": "y"}, [b"a", b"b", b"c"])
    assert (canned.status, canned.headers) == (503, {"x": "y"})
    assert await canned.next() == b"a"
    assert await canned.read(100) == b"bc"
    assert await canned.next() is None


async def test_a_canned_answer_that_was_given_up_has_nothing_more() -> None:
    closed, expired = Canned(200, {}, [b"a", b"b"]), Canned(200, {}, [b"a", b"b"])
    closed.close()
    expired.expire(VendorTimeout("Too late."))
    assert (await closed.next(), await expired.next()) == (None, None)


def test_a_failure_inside_a_stream_becomes_the_error_of_its_status() -> None:
    told = refusal(Failed(503, "overloaded", "Try later.", "server_error"), "vendor/m")
    assert (told.status, told.sentence, told.kind, told.native, told.deployment) == (
        503,
        "Try later.",
        "server_error",
        "overloaded",
        "vendor/m",
    )


async def test_an_answer_that_the_vendor_ended_in_error_before_a_word_is_broken() -> None:
    class Reader:
        def read(self, event: object) -> list[object]:
            return [Finished("error", "malfunction")]

        def ends(self, event: object) -> bool:
            return False

        def finished(self) -> bool:
            return True

    stream = Stream(Pieces([b"data: {}\n\n"]), Reader(), "vendor/m")  # pyright: ignore[reportArgumentType]
    with pytest.raises(StreamBroken, match="malfunction") as told:
        await stream.start()
    assert told.value.native == "malfunction"


# --- events that come fast ---


@pytest.mark.parametrize(
    ("pieces", "apart", "rested"),
    [
        ([1, 1, 1, 1], 0.02, [False, False, False, False]),  # as a vendor's model writes: none is late
        ([1, 1, 1, 1], 0.001, [False, False, True, True]),  # two that were passed on show how fast they come
        (
            [1, 1, 6, 6, 2, 1],
            0.01,
            [False, False, True, True, False, False],
        ),  # what gathers is waited for, until little does
    ],
)
async def test_events_that_come_fast_are_left_to_gather_and_the_first_never_is(
    pieces: list[int], apart: float, rested: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("freehold.gateway.answer.time.monotonic", lambda: now)
    word = chunk("m", {"content": "so "})
    upstream = Pieces([*(word * many for many in pieces), chunk("m", {}, "stop") + DONE])
    stream = Stream(upstream, CHAT.stream_reader(), "own/m", 0.01)
    await stream.start()
    seen: list[bool] = []
    for _ in pieces:
        upstream.ended.clear()
        assert await stream.next() is not None
        seen.append(upstream.ended == [0.01])
        now += apart
    assert seen == rested
    upstream.ended.clear()
    assert await stream.next() is not None
    assert upstream.ended == []  # nothing follows the end, so nobody waits for it
