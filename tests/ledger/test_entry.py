"""Entries are canonical JSON, one spelling for each, and hold nothing that JSON cannot hold exactly."""

from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from freehold.errors import EntryTooLarge, MalformedEntry
from freehold.ledger.entry import read_entry, write_entry

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)
NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcXYZ_.09", max_size=8), inner, max_size=4),
    max_leaves=20,
)
BODIES = st.dictionaries(st.text("bcdefgXYZ_.09", min_size=1, max_size=8), VALUES, max_size=5).filter(
    lambda body: not body.keys() & {"v", "kind", "id", "at"}
)


@given(BODIES)
def test_its_bytes_are_those_of_another_implementation_of_rfc_8785(body: dict[str, Any]) -> None:
    assert write_entry("answer", "rec_1", 5, body) == rfc8785.dumps(
        {**body, "v": 1, "kind": "answer", "id": "rec_1", "at": 5}
    )


@given(BODIES)
def test_what_was_written_is_read(body: dict[str, Any]) -> None:
    entry = read_entry(write_entry("answer", "rec_1", 5, body))
    assert (entry.kind, entry.id, entry.at, entry.body) == ("answer", "rec_1", 5, body)


def test_the_published_example_of_escapes_is_written_so() -> None:
    # RFC 8785, section 3.2.2.2: the string of the example there.
    body = {"string": '\u20ac$\u000f\nA\'B"\\\\"/'}
    written = write_entry("k", "i", 0, body)
    assert written == '{"at":0,"id":"i","kind":"k","string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/","v":1}'.encode()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"cost": 2**53}, "cost"),
        ({"share": 0.5}, "float"),
        ({"raw": b"x"}, "bytes"),
        ({"deep": {"list": [{"x": {1, 2}}]}}, "deep.list.x"),
        ({"ключ": 1}, "ASCII"),
        ({"text": "\ud800"}, "cannot be written"),
    ],
)
def test_what_json_cannot_hold_exactly_is_refused_by_name(body: dict[str, Any], words: str) -> None:
    with pytest.raises(MalformedEntry, match=words):
        write_entry("answer", "rec_1", 5, body)


def test_an_entry_is_at_most_as_long_as_a_bundle_can_say() -> None:
    fits = 65_535 - len(write_entry("k", "i", 0, {"t": ""}))
    assert len(write_entry("k", "i", 0, {"t": "x" * fits})) == 65_535
    with pytest.raises(EntryTooLarge):
        write_entry("k", "i", 0, {"t": "x" * (fits + 1)})


@pytest.mark.parametrize(
    "leaf",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"at":0,"id":"i","v":1}',
        b'{"at":0,"id":"i","kind":"k","v":2}',
        b'{"at":0,"id":"i","kind":"k", "v":1}',
        b'{"id":"i","at":0,"kind":"k","v":1}',
        b'{"at":0,"at":0,"id":"i","kind":"k","v":1}',
        b'{"at":0.0,"id":"i","kind":"k","v":1}',
    ],
)
def test_bytes_that_are_no_canonical_entry_are_refused(leaf: bytes) -> None:
    with pytest.raises(MalformedEntry):
        read_entry(leaf)
