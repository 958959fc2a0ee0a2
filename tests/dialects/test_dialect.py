"""What every dialect keeps to, whichever it is: the promises that the gateway builds on."""

import json
from typing import Any

import pytest

from dialects.conversations import SPOKEN
from freehold.dialects import get, names
from freehold.dialects.dialect import Dialect, Event, Target, Traits
from freehold.dialects.sse import EventSplitter
from freehold.errors import BadInput, FreeholdError, InvalidField, StreamBroken, VendorError, VendorGarbled
from freehold.messages import MEANINGFUL, Finished, Ignored, Request, Started, TextDelta

DIALECTS = [get(name) for name in names()]
STREAMING = [get(name) for name in sorted(SPOKEN)]
every = pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
streaming = pytest.mark.parametrize("dialect", STREAMING, ids=lambda dialect: dialect.name)


def body_of(name: str) -> bytes:
    small: dict[str, dict[str, Any]] = {
        "openai-embeddings": {"model": "w", "input": "hi"},
        "anthropic-count-tokens": {"model": "w", "messages": [{"role": "user", "content": "hi"}]},
    }
    return json.dumps(small[name] if name in small else SPOKEN[name].request).encode()


def target(**traits: Any) -> Target:
    return Target(model="theirs/name", traits=Traits(**traits), origin="00112233aabbccdd", dropped=[])


def test_a_vendor_departs_from_its_dialect_in_nothing_until_it_says_so() -> None:
    traits = Traits()
    assert (traits.refuses, traits.renames, traits.no_abilities, traits.efforts) == (frozenset(), {}, frozenset(), {})
    assert (traits.system_role, traits.reasoning_field, traits.returns_reasoning) == (None, None, False)


@every
def test_a_dialect_is_found_by_the_name_that_its_requests_carry(dialect: Dialect) -> None:
    request = dialect.read_request(body_of(dialect.name))
    assert request.dialect == dialect.name
    assert get(request.dialect) is dialect
    assert dialect.path.startswith("/")
    assert all(header == header.lower() for header in dialect.forwards)


def test_names_and_paths_are_told_apart() -> None:
    assert len({dialect.name for dialect in DIALECTS}) == len({dialect.path for dialect in DIALECTS}) == len(DIALECTS)


def test_a_dialect_that_nobody_speaks_is_not_found() -> None:
    with pytest.raises(KeyError):
        get("morse")


@every
def test_the_vendor_is_asked_for_its_own_name_of_the_model_either_way(dialect: Dialect) -> None:
    data = body_of(dialect.name)
    request = dialect.read_request(data)
    assert json.loads(dialect.pass_request(request, data, target()))["model"] == "theirs/name"
    assert json.loads(dialect.write_request(request, target()))["model"] == "theirs/name"


@every
@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"model":"\xff"}', b'{"model":5}', b"{}"])
def test_a_callers_mistake_is_bad_input(dialect: Dialect, data: bytes) -> None:
    with pytest.raises(BadInput):
        dialect.read_request(data)


@every
@pytest.mark.parametrize("data", [b"", b"<html>", b"[]", b"5", b"\xff\xfe"])
def test_a_vendors_mistake_is_garbled(dialect: Dialect, data: bytes) -> None:
    with pytest.raises(VendorGarbled):
        dialect.read_reply(data)


@every
def test_an_error_that_is_written_can_be_read(dialect: Dialect) -> None:
    error = InvalidField("`a` is wrong.", "Use 1.", param="a")
    back = dialect.read_error(400, {}, dialect.write_error(error, "req_1"))
    assert (back.status, back.sentence, back.kind) == (400, "`a` is wrong. Use 1.", "invalid_request_error")


@every
def test_bytes_without_an_artefact_pass_untouched(dialect: Dialect) -> None:
    for raw in (b"", b": ping\n\n", b'data: {"a":1}\n\n', b'{"a": 1}'):
        assert dialect.seal(raw, "00112233aabbccdd") == raw


# --- streams -------------------------------------------------------------------------------------------------------------


@streaming
def test_a_comment_that_keeps_the_connection_alive_means_nothing(dialect: Dialect) -> None:
    for event in EventSplitter().feed(b": keep-alive\n\nretry: 1000\n\n"):
        reader = dialect.stream_reader()
        assert reader.read(event) == [Ignored()]
        assert not reader.ends(event)
        assert not reader.finished()


@streaming
def test_a_vendor_has_answered_when_it_says_so_and_not_before(dialect: Dialect) -> None:
    reader = dialect.stream_reader()
    events = EventSplitter().feed(SPOKEN[dialect.name].rich.stream)
    seen = [(reader.read(event), reader.finished()) for event in events]
    assert seen[-1][1]
    assert not seen[0][1]
    chunks = [chunk for made, _ in seen for chunk in made]
    begun = next(at for at, chunk in enumerate(chunks) if isinstance(chunk, MEANINGFUL))
    assert any(isinstance(chunk, Started) for chunk in chunks[:begun])
    assert not any(isinstance(chunk, Finished) for chunk in chunks[:begun])


@streaming
def test_what_a_writer_writes_its_own_reader_reads(dialect: Dialect) -> None:
    request = dialect.read_request(body_of(dialect.name))
    writer, reader = dialect.stream_writer(request), dialect.stream_reader()
    written = writer.write(Started("r", "m")) + writer.write(TextDelta(0, "a – é"))
    written += writer.write(Finished("stop")) + writer.close()
    chunks = [chunk for event in EventSplitter().feed(written) for chunk in reader.read(event)]
    assert [chunk.text for chunk in chunks if isinstance(chunk, TextDelta)] == ["a – é"]
    assert [chunk.finish for chunk in chunks if isinstance(chunk, Finished)] == ["stop"]
    assert reader.finished()


@streaming
def test_a_failure_is_told_in_whole_events_and_never_finishes_the_answer(dialect: Dialect) -> None:
    request: Request = dialect.read_request(body_of(dialect.name))
    error: FreeholdError = StreamBroken("It broke.")
    assert isinstance(error, VendorError)
    for begun in (False, True):
        writer, reader, splitter = dialect.stream_writer(request), dialect.stream_reader(), EventSplitter()
        written = writer.write(Started("r", "m")) + writer.write(TextDelta(0, "half")) if begun else b""
        events: list[Event] = splitter.feed(written + writer.fail(error, "req_1"))
        for event in events:
            reader.read(event)
        assert splitter.rest() == b""
        assert b"It broke." in b"".join(event.raw for event in events)
        assert not reader.finished()
