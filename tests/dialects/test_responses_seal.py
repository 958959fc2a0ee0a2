import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialects.responses_sdk import ORIGIN, checked_events, fixture, split
from freehold.dialects.responses_seal import seal, unseal


def test_an_artefact_in_a_reply_is_sealed_and_nothing_else_changes() -> None:
    reply = fixture("reply_tools.json")
    assert reply.count(b'"gAAAAABwhole+/=="') == 1
    assert seal(reply, ORIGIN) == reply.replace(b'"gAAAAABwhole', b'"fh1.00112233aabbccdd.gAAAAABwhole')


def test_artefacts_are_sealed_wherever_a_stream_repeats_them() -> None:
    sealed = b"".join(seal(event.raw, ORIGIN) for event in split(fixture("stream_tools.sse")))
    assert sealed == fixture("stream_tools.sse").replace(b'"gAAAAA', b'"fh1.00112233aabbccdd.gAAAAA')
    places = [
        event["type"]
        for event in checked_events(sealed)
        if "fh1.00112233aabbccdd.gAAAAABwhole+/==" in json.dumps(event)
    ]
    assert places == ["response.output_item.done", "response.completed"]


@pytest.mark.parametrize("name", ["reply_text.json", "stream_text.sse"])
def test_bytes_without_artefacts_pass_untouched(name: str) -> None:
    assert seal(fixture(name), ORIGIN) == fixture(name)


def test_a_compacted_history_is_sealed_too() -> None:
    reply = b'{"id":"r","output":[{"type":"compaction","id":"c","encrypted_content" :\t"abc"}]}'
    assert seal(reply, ORIGIN) == reply.replace(b'"abc"', b'"fh1.00112233aabbccdd.abc"')


def test_a_field_of_the_callers_by_that_name_is_left_alone() -> None:
    reply = (
        b'{"metadata":{"encrypted_content":"mine"},"tools":[{"parameters":{"properties":{"encrypted_content":{"type":'
        b'"string"}}}}],"output":[{"type":"reasoning","encrypted_content":null},{"type":"message","content":[{"type":'
        b'"output_text","text":"\\"encrypted_content\\":\\"abc\\""}]},{"type":"reasoning","encrypted_content":"abc"}]}'
    )
    assert seal(reply, ORIGIN) == reply.replace(b':"abc"}]}', b':"fh1.00112233aabbccdd.abc"}]}')


def test_an_event_over_several_lines_is_sealed() -> None:
    raw = b'event: response.output_item.done\ndata: {"item":\ndata: {"type":"reasoning","encrypted_content":"abc"}}\n\n'
    assert seal(raw, ORIGIN) == raw.replace(b'"abc"', b'"fh1.00112233aabbccdd.abc"')


def test_only_ones_own_seal_comes_off() -> None:
    own = b'{"type":"reasoning","encrypted_content":"fh1.00112233aabbccdd.abc"}'
    other = b'{"type":"reasoning","encrypted_content":"fh1.ffeeddccbbaa9988.abc"}'
    assert unseal(own, ORIGIN) == b'{"type":"reasoning","encrypted_content":"abc"}'
    assert unseal(other, ORIGIN) == other


@given(st.lists(st.text(max_size=12), max_size=3), st.booleans())
def test_a_seal_that_comes_off_leaves_the_very_bytes(artefacts: list[str], spaced: bool) -> None:
    items: Any = [{"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": text} for text in artefacts]
    raw = json.dumps({"output": items}, separators=(", ", ": ") if spaced else (",", ":")).encode()
    sealed = seal(raw, ORIGIN)
    assert unseal(sealed, ORIGIN) == raw
    assert [item["encrypted_content"] for item in json.loads(sealed)["output"]] == [
        f"fh1.{ORIGIN}.{text}" for text in artefacts
    ]


@given(st.binary(max_size=40))
def test_a_seal_only_ever_adds_itself(data: bytes) -> None:
    raw = b'{"encrypted_content":' + data
    assert seal(raw, ORIGIN).replace(b"fh1.00112233aabbccdd.", b"") == raw
