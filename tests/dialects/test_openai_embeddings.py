"""Texts and tokens in, vectors out."""

import base64
import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from openai.types import CreateEmbeddingResponse

from dialects.chat_sdk import client, target
from freehold.dialects import get
from freehold.dialects.openai_embeddings import DIALECT
from freehold.dialects.sse import EventSplitter
from freehold.errors import BadInput, InvalidField, Unsupported, VendorError, VendorGarbled
from freehold.messages import Reply, Request, Usage

ASK = Request(dialect="openai-embeddings", model="m", operation="embed")

REPLY = b"""{"object":"list","model":"text-embedding-3-small","data":[
 {"object":"embedding","index":1,"embedding":[0.5, -1.0]},
 {"object":"embedding","index":0,"embedding":[0.10,2e-3]}],
 "usage":{"prompt_tokens":8,"total_tokens":8}}"""


def read(**fields: Any) -> Request:
    return DIALECT.read_request(json.dumps({"model": "m", **fields}).encode())


def test_it_is_found_by_its_name() -> None:
    assert get("openai-embeddings") is DIALECT
    assert DIALECT.path == "/embeddings"


@pytest.mark.parametrize(
    ("given_input", "texts", "tokens"),
    [
        ("a", ("a",), None),
        (["a", "b"], ("a", "b"), None),
        ([5, 6, 7], (), 3),
        ([[5, 6], [7], []], (), 3),
    ],
)
def test_input_is_text_or_counted_tokens(given_input: Any, texts: tuple[str, ...], tokens: int | None) -> None:
    request = read(input=given_input)
    assert (request.operation, request.inputs, request.input_tokens) == ("embed", texts, tokens)
    assert json.loads(bytes(request.fields["input"])) == given_input


def test_the_other_fields_are_read() -> None:
    request = read(input="a", dimensions=256, encoding_format="base64", user="u", later=1)
    assert (request.user, request.unknown) == ("u", ("later",))


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "input"),
        ({"input": []}, "input"),
        ({"input": None}, "input"),
        ({"input": ["a", 1]}, "input"),
        ({"input": [1, [2]]}, "input"),
        ({"input": [["a"]]}, "input[0][0]"),
        ({"input": "a", "model": ""}, "model"),
        ({"input": "a", "dimensions": 0}, "dimensions"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format"),
    ],
)
def test_a_bad_field_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidField) as caught:
        read(**fields)
    assert caught.value.param == param


@given(st.binary(max_size=40) | st.from_regex(rb'\{"model":"m","input":.{0,20}\}', fullmatch=True))
def test_any_bytes_are_read_or_refused_as_bad_input(data: bytes) -> None:
    try:
        request = DIALECT.read_request(data)
    except BadInput:
        return
    assert request.inputs or request.input_tokens is not None


def test_the_body_passes_but_for_the_model_and_what_is_refused() -> None:
    data = b'{"model":"w","input":[ 5,  6 ],"dimensions":256,"user":"u"}'
    where = target(refuses=frozenset({"user"}), renames={"dimensions": "output_dimension"})
    assert DIALECT.pass_request(DIALECT.read_request(data), data, where) == (
        b'{"model":"gpt-x","input":[ 5,  6 ],"output_dimension":256}'
    )
    assert where.dropped == ["user"]


def test_tokens_are_written_as_they_came() -> None:
    assert json.loads(DIALECT.write_request(read(input=[[1, 2]], dimensions=3), target())) == {
        "model": "gpt-x",
        "input": [[1, 2]],
        "dimensions": 3,
    }
    made = Request(dialect="echo", model="m", operation="embed", inputs=("a", "b"))
    assert json.loads(DIALECT.write_request(made, target())) == {"model": "gpt-x", "input": ["a", "b"]}


def test_an_answer_cannot_be_asked_of_embeddings() -> None:
    with pytest.raises(Unsupported):
        DIALECT.write_request(Request(dialect="openai-chat", model="m"), target())


def test_vectors_come_in_the_order_of_the_inputs_as_they_were_written() -> None:
    assert DIALECT.read_reply(REPLY) == Reply(
        id="",
        model="text-embedding-3-small",
        usage=Usage(input_tokens=8),
        vectors=(Raw(b"[0.10,2e-3]"), Raw(b"[0.5, -1.0]")),
    )


def test_the_sdk_takes_what_is_written() -> None:
    written = DIALECT.write_reply(DIALECT.read_reply(REPLY), ASK)
    assert b"[0.10,2e-3]" in written
    answer = CreateEmbeddingResponse.model_validate_json(written)
    assert [vector.embedding for vector in answer.data] == [[0.1, 0.002], [0.5, -1.0]]
    assert answer.usage.total_tokens == 8


def test_the_sdk_reads_vectors_in_base64() -> None:
    packed = base64.b64encode(struct.pack("<2f", 0.5, -1.0)).decode()
    written = DIALECT.write_reply(Reply(id="", model="m", vectors=(packed,), usage=Usage(input_tokens=1)), ASK)
    assert client(written).embeddings.create(model="m", input="a").data[0].embedding == [0.5, -1.0]


@pytest.mark.parametrize("data", [b"", b"{}", b'{"data":[{}]}', b'{"data":3}', b"<html>", b"\xff"])
def test_what_holds_no_vectors_is_garbled(data: bytes) -> None:
    with pytest.raises(VendorGarbled):
        DIALECT.read_reply(data)


@given(st.binary(max_size=40))
def test_any_answer_is_read_or_is_the_vendors_error(data: bytes) -> None:
    try:
        DIALECT.read_reply(data)
    except VendorError:
        return


def test_nothing_is_streamed_sealed_or_hidden() -> None:
    with pytest.raises(Unsupported):
        DIALECT.stream_reader()
    with pytest.raises(Unsupported):
        DIALECT.stream_writer(ASK)
    assert DIALECT.seal(REPLY, "x") is REPLY
    (event,) = EventSplitter().feed(b"data: {}\n\n")
    assert DIALECT.hides(event, ASK) is False
