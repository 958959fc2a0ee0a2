"""The JSON in a reply."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from freehold.graders.json_reply import json_of, json_text

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_what_is_written_is_read(value: Any) -> None:
    assert json_of(json_text(value)) == (value, "")
    assert json_of(f"```json\n{json.dumps(value, indent=2)}\n```") == (value, "")


def test_prose_around_it_is_wrong_unless_asked() -> None:
    text = 'I first had {"a": 0}. Now {"a": [1, {"b": 2}]} it is.'
    assert json_of(text)[1] != ""
    assert json_of(text, anywhere=True) == ({"a": [1, {"b": 2}]}, "")
    assert json_of("{" * 5000, anywhere=True)[1] != ""
    assert json_of('a {"a": 1, "a": 2}', anywhere=True)[1] == "the key 'a' stands twice"


@given(st.text(max_size=200))
def test_no_text_makes_it_raise(text: str) -> None:
    json_of(text, anywhere=True)
