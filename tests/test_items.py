"""The vocabulary of trials: what it holds goes through JSON unchanged, and says nothing that was not said."""

import msgspec
import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from freehold.items import Given, Grade, Item, Label, ToolUse

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


def test_an_item_is_written_without_what_was_not_said() -> None:
    item = Item(id="itm_1", workload="triage", input={"messages": []})
    assert msgspec.json.encode(item) == b'{"id":"itm_1","workload":"triage","input":{"messages":[]}}'


def test_an_item_with_everything_reads_back() -> None:
    item = Item(
        id="itm_2",
        workload="triage",
        input={"messages": [{"role": "user", "content": "Where is my parcel?"}]},
        at=1_764_150_000_000,
        given=Given(text="", tool_uses=(ToolUse("track", '{"id": 7'),), finish="tool_calls"),
        reference=["delivery", "parcel"],
        model="echo/echo",
        labels=(Label(source="human", score=0.5, model="echo/echo", at=1, by="ops"),),
    )
    assert msgspec.json.decode(msgspec.json.encode(item), type=Item) == item


@drawn(reference=VALUES, metadata=st.dictionaries(st.text(max_size=4), VALUES, max_size=3))
def test_any_json_can_be_a_reference_and_stand_in_the_metadata(reference: object, metadata: dict[str, object]) -> None:
    item = Item(id="itm_3", workload="w", input={}, reference=reference, metadata=metadata)
    assert msgspec.json.decode(msgspec.json.encode(item), type=Item) == item


def test_a_grade_without_a_score_is_not_a_zero() -> None:
    unscored = msgspec.json.decode(b'{"score":null,"reason":"no reference"}', type=Grade)
    assert unscored == Grade(score=None, reason="no reference")
    assert unscored != Grade(score=0.0, reason="no reference")


def test_a_label_must_say_where_it_comes_from() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"source":"a guess","score":1,"model":"m","at":0}', type=Label)
