"""A caller's body: what is refused, and how exactly the error names the field."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw, Struct

from freehold.dialects.body import located, read
from freehold.errors import BadInput, InvalidField, MalformedBody


class Inner(Struct):
    text: str


class Outer(Struct):
    name: str
    items: list[Inner] = []
    tags: dict[str, str] = {}


decoder = msgspec.json.Decoder(Outer)


def test_a_body_is_read_typed_and_raw() -> None:
    typed, fields = read(decoder, b'{"name": "a", "new": [1,  2]}')
    assert typed.name == "a"
    assert fields == {"name": Raw(b'"a"'), "new": Raw(b"[1,  2]")}


@pytest.mark.parametrize(
    ("data", "param", "problem"),
    [
        (b'{"name": 3}', "name", "expected `str`, got `int`"),
        (b"{}", "name", "it is required"),
        (b'{"name": "a", "items": [{"text": "x"}, {"text": 4}]}', "items[1].text", "expected `str`, got `int`"),
        (b'{"name": "a", "items": [{}]}', "items[0].text", "it is required"),
        (b'{"name": "a", "items": {}}', "items", "expected `array`, got `object`"),
        (b'{"name": "a", "tags": {"b": 1}}', "tags[...]", "expected `str`, got `int`"),
    ],
)
def test_a_wrong_field_is_named_by_its_path(data: bytes, param: str, problem: str) -> None:
    with pytest.raises(InvalidField) as caught:
        read(decoder, data)
    assert caught.value.param == param
    assert caught.value.sentence == f"The field `{param}` is not valid: {problem}."


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "The body is empty."),
        (b"  \n", "The body is empty."),
        (b"{", "The body is not valid JSON: input data was truncated."),
        (b'{"name": "a"} x', "The body is not valid JSON: trailing characters (byte 15)."),
        (b"[]", "The body is not a JSON object."),
        (b"null", "The body is not a JSON object."),
        (b'{"name": "\xff"}', "The body is not valid UTF-8."),
        (b'{"name": "a", "other": "\xff"}', "The body is not valid UTF-8."),
        (b'{"name": "a", "other": ' + b"[" * 100_000, "The body is nested too deeply."),
        (b'{"name": "a", "name": NaN}', "The body is not valid JSON: invalid character (byte 22)."),
    ],
)
def test_a_broken_body_says_how_it_is_broken(data: bytes, sentence: str) -> None:
    with pytest.raises(MalformedBody) as caught:
        read(decoder, data)
    assert caught.value.sentence == sentence


def test_a_byte_order_mark_is_not_json() -> None:
    with pytest.raises(MalformedBody):
        read(decoder, b'\xef\xbb\xbf{"name": "a"}')


@given(st.binary(max_size=40) | st.text(max_size=40).map(lambda text: b'{"name":"' + text.encode() + b'"}'))
def test_any_bytes_are_read_or_refused_as_bad_input(data: bytes) -> None:
    try:
        typed, fields = read(decoder, data)
    except BadInput:
        return
    assert "name" in fields
    assert isinstance(typed.name, str)


def test_the_path_is_taken_from_the_message() -> None:
    assert located("Expected `str`, got `int` - at `$.messages[0].content`") == (
        "expected `str`, got `int`",
        "messages[0].content",
    )
    assert located("Object missing required field `url` - at `$.image`") == ("it is required", "image.url")
    assert located("Expected `object`, got `array`") == ("expected `object`, got `array`", "")
