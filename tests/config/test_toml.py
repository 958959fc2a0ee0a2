"""Names and values written as TOML, read back by the standard library."""

import tomllib
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.config import toml

texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    texts | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.decimals(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(texts, values)
def test_what_is_written_is_read_back(name: str, thing: object) -> None:
    assert tomllib.loads(f"{toml.key(name)} = {toml.value(thing)}", parse_float=Decimal) == {name: thing}


@pytest.mark.parametrize(
    ("thing", "text"),
    [
        ('say "hi"\n', '"say \\"hi\\"\\n"'),
        ("\x7f", '"\\u007F"'),
        (True, "true"),
        (0.1, "0.1"),
        (Decimal("1E+3"), "1000"),
        (Decimal("Infinity"), "inf"),
        (date(2026, 11, 23), "2026-11-23"),
        (["a", 1], '["a", 1]'),
        ({}, "{}"),
        ({"usd": 200, "a b": False}, '{ usd = 200, "a b" = false }'),
    ],
)
def test_values_stand_on_one_line(thing: object, text: str) -> None:
    assert toml.value(thing) == text


def test_a_key_is_quoted_only_where_it_must_be() -> None:
    assert toml.key("rack-7") == "rack-7"
    assert toml.key("gpt-4.1") == '"gpt-4.1"'
    assert toml.key("") == '""'
    assert toml.key("line\n") == '"line\\n"'


def test_what_toml_cannot_hold_is_refused() -> None:
    with pytest.raises(TypeError, match="TOML has no NoneType"):
        toml.value([None])
