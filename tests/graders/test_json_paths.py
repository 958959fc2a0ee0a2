"""Paths into JSON."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.graders.json_paths import ABSENT, covers, expanded, leaves, read_path, value_at, write_path

RECORD = {"a": {"b.c": [1, {"d": None}]}, "rows": [{"x": 1}, {"x": 2}], "empty": []}


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("a", ("a",)),
        ("a.b", ("a", "b")),
        ('a."b.c"[1].d', ("a", "b.c", 1, "d")),
        ("[0].x", (0, "x")),
        ("rows[*].x", ("rows", None, "x")),
        ("$", ()),
    ],
)
def test_a_path_is_read_and_written(written: str, path: tuple[object, ...]) -> None:
    assert read_path(written) == path
    assert write_path(read_path(written)) == written


@pytest.mark.parametrize("written", ["", ".a", "a.", "a..b", "a[x]", "a[-1]", 'a"b"', "a b", "a.[0]"])
def test_what_is_no_path_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"path|read"):
        read_path(written)


@given(st.lists(st.text(min_size=1, max_size=6) | st.integers(0, 99), min_size=1, max_size=4))
def test_every_path_can_be_written_and_read_back(parts: list[str | int]) -> None:
    assert read_path(write_path(tuple(parts))) == tuple(parts)


def test_a_path_leads_to_a_value_or_nowhere() -> None:
    assert value_at(RECORD, ("a", "b.c", 0)) == 1
    assert value_at(RECORD, ("a", "b.c", 1, "d")) is ABSENT
    assert value_at(RECORD, ("rows", 2)) is ABSENT
    assert value_at(RECORD, ("rows", "x")) is ABSENT
    assert value_at(RECORD, ()) == RECORD


def test_a_star_stands_for_the_longest_list() -> None:
    assert expanded(("rows", None, "x"), RECORD, {"rows": [1, 2, 3]}) == [("rows", n, "x") for n in (0, 1, 2)]
    assert expanded(("none", None), RECORD) == []


def test_leaves_are_told_with_their_paths_and_null_is_none() -> None:
    assert list(leaves(RECORD)) == [
        (("a", "b.c", 0), 1),
        (("rows", 0, "x"), 1),
        (("rows", 1, "x"), 2),
        (("empty",), []),
    ]


def test_a_rule_covers_what_is_below_it() -> None:
    assert covers(("rows", None), ("rows", 1, "x"))
    assert not covers(("rows", None, "x"), ("rows", 1))
