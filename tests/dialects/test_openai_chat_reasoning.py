"""Artefacts of reasoning in Chat messages: read from details, written as details, without loss."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialects.chat_sdk import ORIGIN, OTHER_ORIGIN
from freehold.dialects.openai_chat_reasoning import display_text, read_reasoning, write_details
from freehold.dialects.openai_chat_wire import MessageFields
from freehold.messages import Reasoning


def read(**fields: Any) -> tuple[Reasoning, ...]:
    return read_reasoning(msgspec.convert(fields, MessageFields))


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_a_chain_of_thought_is_text(name: str) -> None:
    assert read(**{name: "Hm."}) == (Reasoning(text="Hm."),)


def test_details_win_over_the_display_text_that_repeats_them() -> None:
    details = [{"type": "reasoning.text", "text": "Hm.", "signature": "S", "index": 0}]
    assert read(reasoning_content="Hm.", reasoning_details=details) == (Reasoning(text="Hm.", opaque="S"),)


def test_a_display_text_beside_details_that_cannot_be_read_is_kept() -> None:
    details = [{"type": "reasoning.encrypted", "data": "E", "index": 0}]
    assert read(reasoning="Hm.", reasoning_details=details) == (
        Reasoning(text="Hm."),
        Reasoning(opaque="E", redacted=True),
    )


def test_a_summary_and_its_data_are_one_artefact() -> None:
    details = [
        {"type": "reasoning.summary", "summary": "It thought.", "id": "rs_1", "index": 0},
        {"type": "reasoning.encrypted", "data": "E", "id": "rs_1", "index": 0},
    ]
    assert read(reasoning_details=details) == (Reasoning(summary=("It thought.",), opaque="E", id="rs_1"),)


def test_details_without_an_index_belong_together_by_id() -> None:
    details = [
        {"type": "reasoning.summary", "summary": "A", "id": "rs_1"},
        {"type": "reasoning.encrypted", "data": "E", "id": "rs_1"},
        {"type": "reasoning.text", "text": "B"},
        {"type": "reasoning.text", "text": "C"},
    ]
    assert read(reasoning_details=details) == (
        Reasoning(summary=("A",), opaque="E", id="rs_1"),
        Reasoning(text="B"),
        Reasoning(text="C"),
    )


def test_pieces_that_a_client_gathered_from_a_stream_are_put_together() -> None:
    details = [
        {"type": "reasoning.text", "text": "I must ", "index": 0},
        {"type": "reasoning.text", "text": "zoom.", "index": 0},
        {"type": "reasoning.text", "signature": "S", "index": 0},
        {"type": "reasoning.encrypted", "data": "E", "index": 1},
    ]
    assert read(reasoning_details=details) == (
        Reasoning(text="I must zoom.", opaque="S"),
        Reasoning(opaque="E", redacted=True),
    )


def test_two_opaque_parts_are_two_artefacts_even_under_one_index() -> None:
    details = [{"type": "reasoning.encrypted", "data": data, "index": 0} for data in ("E1", "E2")]
    assert read(reasoning_details=details) == (
        Reasoning(opaque="E1", redacted=True),
        Reasoning(opaque="E2", redacted=True),
    )


def test_a_seal_tells_the_origin() -> None:
    details = [{"type": "reasoning.text", "text": "a", "signature": f"fh1.{ORIGIN}.S", "index": 0}]
    assert read(reasoning_details=details) == (Reasoning(text="a", opaque="S", origin=ORIGIN),)


def test_what_can_be_read_is_shown_with_the_summary_for_want_of_a_chain() -> None:
    parts = (Reasoning(text="One."), Reasoning(summary=("Two.", "Three.")), Reasoning(opaque="E", redacted=True))
    assert display_text(parts) == "One.\n\nTwo.\n\nThree."


def test_a_chain_without_an_artefact_needs_no_details() -> None:
    assert write_details((Reasoning(text="One."),)) == []


def test_artefacts_are_written_with_their_seal() -> None:
    parts = (
        Reasoning(text="a", opaque="S", origin=ORIGIN),
        Reasoning(summary=("b",), opaque="E", id="rs_1"),
        Reasoning(opaque="R", redacted=True),
        Reasoning(opaque="O"),
    )
    assert write_details(parts) == [
        {"type": "reasoning.text", "text": "a", "signature": f"fh1.{ORIGIN}.S", "index": 0},
        {"type": "reasoning.summary", "summary": "b", "id": "rs_1", "index": 1},
        {"type": "reasoning.encrypted", "data": "E", "id": "rs_1", "index": 1},
        {"type": "reasoning.encrypted", "data": "R", "index": 2},
        {"type": "reasoning.text", "text": "", "signature": "O", "index": 3},
    ]


_text = st.text(max_size=6)
_opaque = st.text("abcXYZ019+/=", min_size=1, max_size=8)
_id = st.none() | st.sampled_from(["rs_1", "rs_2"])
_origin = st.none() | st.sampled_from([ORIGIN, OTHER_ORIGIN])
_artefacts = st.one_of(
    st.builds(Reasoning, text=_text, opaque=_opaque, origin=_origin, id=_id),
    st.builds(Reasoning, summary=st.tuples(st.text(min_size=1, max_size=6)), opaque=_opaque, origin=_origin, id=_id),
    st.builds(Reasoning, opaque=_opaque, origin=_origin, id=_id, redacted=st.just(True)),
)


@given(st.lists(_artefacts, min_size=1, max_size=4))
def test_artefacts_come_back_as_they_were(parts: list[Reasoning]) -> None:
    assert read(reasoning_details=write_details(parts)) == tuple(parts)
