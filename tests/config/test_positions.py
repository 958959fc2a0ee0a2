"""The lines of keys, against documents whose lines are known because they were written here."""

import string
import tomllib
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.config import toml
from freehold.config.positions import KeyPath, locate

DOCUMENT = '''# 1
top = 1
[door]   # 3
port = 8080
"quoted key" = true

[vendors."a.b"]
headers = { one = "1", two = { three = 3 } }
text = """
a [fake]
key = 1
"""
after = \'\'\'x\'\'\'

[workloads.default]
route = [
  "first",  # ] not the end
  { model = "second", weight = 2 },

  [ 1,
    2 ],
]
a.b.c = 1979-05-27 07:32:00
[[budgets]]
usd = 1
[[budgets]]
usd = 2
[budgets.inner]
x = 1
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 2),
        (("door",), 3),
        (("door", "port"), 4),
        (("door", "quoted key"), 5),
        (("vendors",), 7),
        (("vendors", "a.b"), 7),
        (("vendors", "a.b", "headers", "two", "three"), 8),
        (("vendors", "a.b", "text"), 9),
        (("vendors", "a.b", "after"), 13),
        (("workloads", "default", "route"), 16),
        (("workloads", "default", "route", 0), 17),
        (("workloads", "default", "route", 1), 18),
        (("workloads", "default", "route", 2, 1), 21),
        (("workloads", "default", "a", "b", "c"), 23),
        (("budgets",), 24),
        (("budgets", 0, "usd"), 25),
        (("budgets", 1), 26),
        (("budgets", 1, "inner", "x"), 29),
    ],
)
def test_each_key_has_its_line(path: KeyPath, line: int) -> None:
    assert locate(DOCUMENT).line(path) == line


def test_a_path_that_is_not_there_has_the_line_of_what_encloses_it() -> None:
    positions = locate("[a]\n[a.b]\nc = 1\n")

    assert positions.line(("a", "b", "missing", 3)) == 2
    assert positions.line(("missing",)) is None
    assert ("a", "b", "missing") not in positions


def test_an_explicit_header_wins_over_an_implied_one() -> None:
    assert locate("[a.b]\nx = 1\n\n[a]\ny = 2\n").line(("a",)) == 4


def test_carriage_returns_do_not_shift_lines() -> None:
    assert locate('a = """x\r\ny"""\r\n\r\nb = 1\r\n').line(("b",)) == 4


def test_quotes_inside_strings_do_not_end_them() -> None:
    text = 'a = """"quoted" \\""""""\nb = \'\'\'\'x\'\'\'\'\'\nc = "\\"#"\n"d\\u0041" = 1\n'

    assert tomllib.loads(text) == {"a": '"quoted" """', "b": "'x''", "c": '"#', "dA": 1}
    assert {path: locate(text).line(path) for path in locate(text).paths()} == {
        ("a",): 1,
        ("b",): 2,
        ("c",): 3,
        ("dA",): 4,
    }


# --- documents that are written line by line, so that each key's line is known as it is written ---

names = st.text(string.ascii_letters + '-_ .#"[]=é', min_size=1, max_size=6)
blanks = st.lists(st.sampled_from(["", "   ", "# [no.table]", "#= ]"]), max_size=2)


class Written:
    """A document that grows, and where each of its paths stands."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.expected: dict[KeyPath, int] = {}

    def note(self, path: KeyPath) -> None:
        self.expected[path] = len(self.lines) + 1


@st.composite
def documents(draw: st.DrawFn) -> Written:
    """Some tables and arrays of tables, each with some keys."""
    written = Written()
    _pairs(draw, written, ())
    for name in draw(st.lists(names, max_size=4, unique=True)):
        path: KeyPath = (f"7{name}",)  # no name of a pair has a digit
        if draw(st.booleans()):
            written.lines += draw(blanks)
            written.note(path)
            written.lines.append(f"  [ {toml.key(path[0])} ] # table")
            _pairs(draw, written, path)
        else:
            for index in range(draw(st.integers(1, 3))):
                written.lines += draw(blanks)
                if index == 0:
                    written.note(path)
                written.note((*path, index))
                written.lines.append(f"[[{toml.key(path[0])}]]")
                _pairs(draw, written, (*path, index))
    return written


def _pairs(draw: st.DrawFn, written: Written, table: KeyPath) -> None:
    for name in draw(st.lists(names, max_size=4, unique=True)):
        written.lines += draw(blanks)
        path = (*table, name)
        dotted = draw(st.booleans())
        written.note(path)
        if dotted:
            path = (*path, "in side")
            written.note(path)
        key = f"{toml.key(name)} . 'in side'" if dotted else toml.key(name)
        _value(draw, written, path, f"{key} = ")


def _value(draw: st.DrawFn, written: Written, path: KeyPath, before: str) -> None:
    kind = draw(st.sampled_from(["plain", "long", "literal", "inline", "array"]))
    if kind == "plain":
        scalar = st.sampled_from(["1", "-1.5e3", "true", "'#'", '"]\\"}"', "07:32:00", "1979-05-27 07:32:00Z", "inf"])
        written.lines.append(before + draw(scalar) + "  # done")
    elif kind == "long":
        written.lines += [before + '"""', *draw(blanks), '\\""x" key = 1', "[x]\\", '""" # done']
    elif kind == "literal":
        written.lines += [before + "'''one", "it''s [x] \\", "'''"]
    elif kind == "inline":
        written.note((*path, "x"))
        written.note((*path, "y"))
        written.note((*path, "y", 0))
        written.lines.append(before + '{ x = "}", y = [{}] }')
    else:
        _array(draw, written, path, before)


def _array(draw: st.DrawFn, written: Written, path: KeyPath, before: str) -> None:
    written.lines.append(before + "[ # open")
    for index in range(draw(st.integers(0, 3))):
        written.lines += draw(blanks)
        here = (*path, index)
        written.note(here)
        written.lines.append("  " + draw(st.sampled_from(["1", '"]"', "'''a'''", "[ ]", "{}"])) + " , # ]")
    written.lines.append("]")


@given(documents())
@settings(max_examples=200)
def test_every_key_of_a_generated_document_is_found_on_its_line(written: Written) -> None:
    text = "\n".join(written.lines)
    document = tomllib.loads(text)
    positions = locate(text)

    assert {path: positions.line(path) for path in positions.paths()} == written.expected
    assert positions.paths() == _paths(document)


fragments = st.sampled_from(
    [
        "a",
        "b",
        ".",
        "=",
        "1",
        '"x"',
        "'y'",
        "[",
        "]",
        "[[",
        "]]",
        "{",
        "}",
        ",",
        "\n",
        " ",
        "#",
        '"""',
        "'''",
        "\\",
        "true",
    ]
)


@given(st.lists(fragments, max_size=14).map("".join))
@settings(max_examples=1000)
def test_whatever_the_standard_library_reads_is_located_completely(text: str) -> None:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return

    assert locate(text).paths() == _paths(document)


def _paths(thing: object, path: KeyPath = ()) -> set[KeyPath]:
    found = {path} if path else set[KeyPath]()
    if isinstance(thing, dict):
        for name, value in cast(dict[str, object], thing).items():
            found |= _paths(value, (*path, name))
    elif isinstance(thing, list):
        for index, value in enumerate(cast(list[object], thing)):
            found |= _paths(value, (*path, index))
    return found
