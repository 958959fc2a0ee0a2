"""The shapes on the wire: the fixtures are what the SDK takes, unknown blocks pass, and an error points at its place."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from dialects.messages_sdk import FIXTURES, body, checked_events, checked_reply, checked_request, fixture, split
from freehold.dialects.anthropic_wire import (
    LooseResultBlock,
    LooseTurn,
    TextBlock,
    ThinkingBlock,
    ToolUseBlock,
    Turn,
    UnknownBlock,
    decode_reply,
    decode_request,
    decode_text_or_none,
    garbled,
    invalid,
)
from freehold.errors import BadInput, InvalidField, MalformedBody, VendorGarbled

# --- the fixtures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(path.name for path in FIXTURES.glob("reply_*.json")))
def test_every_fixture_of_a_reply_is_what_the_sdk_takes(name: str) -> None:
    checked_reply(fixture(name))


@pytest.mark.parametrize("name", sorted({path.name for path in FIXTURES.glob("stream_*.sse")} - {"stream_error.sse"}))
def test_every_fixture_of_a_stream_is_what_the_sdk_takes(name: str) -> None:
    assert checked_events(fixture(name))[0]["type"] == "message_start"


def test_the_fixture_of_a_failing_stream_ends_with_its_error() -> None:
    assert [event.name for event in split(fixture("stream_error.sse"))][-1] == "error"


def test_the_fixture_of_a_request_is_what_the_sdk_sends() -> None:
    checked_request(fixture("request.json"))


# --- requests ------------------------------------------------------------------------------------------------------------


def turns(content: Any, role: str = "user") -> bytes:
    return body(messages=[{"role": role, "content": content}])


def test_a_request_of_known_blocks_is_decoded_whole() -> None:
    head, decoded, fields = decode_request(fixture("request.json"))
    assert (head.model, head.max_tokens) == ("workload", 4096)
    assert [type(turn) for turn in decoded] == [Turn, Turn, Turn]
    assert bytes(fields["inference_geo"]) == b'"eu"'


NOT_OURS: list[dict[str, Any]] = [
    {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}},
    {"type": "web_search_tool_result", "tool_use_id": "s", "content": [{"type": "web_search_result"}]},
    {"type": "search_result", "source": "https://example.com", "title": "t", "content": []},
    {"type": "container_upload", "file_id": "f"},
    {"type": "newer_than_this_code", "text": {"deep": [1, None]}, "content": 7, "source": []},
]


@pytest.mark.parametrize("block", NOT_OURS)
def test_a_block_of_another_type_is_decoded_whatever_it_holds(block: dict[str, Any]) -> None:
    _, (turn,), _ = decode_request(turns([{"type": "text", "text": "a"}, block], "assistant"))
    assert isinstance(turn, LooseTurn)
    text, other = turn.content
    assert isinstance(text, TextBlock)
    assert isinstance(other, UnknownBlock)
    assert other.kind == block["type"]


def test_a_result_with_parts_of_other_types_keeps_the_rest() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "search_result", "source": 5}, {"type": "tool_reference"}]
    _, (turn,), _ = decode_request(turns([{"type": "tool_result", "tool_use_id": "t", "content": parts}]))
    (block,) = turn.content
    assert isinstance(block, LooseResultBlock)
    assert (block.unknown, len(block.content)) == (("search_result", "tool_reference"), 1)


@pytest.mark.parametrize(
    ("content", "path", "problem"),
    [
        ([{"type": "text"}], "messages[0].content[0].text", "it is required"),
        ([{"type": "text", "text": 5}], "messages[0].content[0].text", "expected `str`, got `int`"),
        ([{"text": "a"}], "messages[0].content[0].type", "it is required"),
        ([{"type": 5}], "messages[0].content[0].type", "expected `str`, got `int`"),
        (["a"], "messages[0].content[0]", "expected `object`, got `str`"),
        ([{"type": "image"}], "messages[0].content[0].source", "it is required"),
        (
            [{"type": "text", "text": "a"}, {"type": "tool_use", "id": "t", "name": "f"}],
            "messages[0].content[1].input",
            "it is required",
        ),
        (
            [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": None}]}],
            "messages[0].content[0].content[0].text",
            "expected `str`, got `null`",
        ),
        (
            [{"type": "tool_result", "tool_use_id": "t", "content": [["a"]]}],
            "messages[0].content[0].content[0]",
            "expected `object`, got `array`",
        ),
    ],
)
def test_a_wrong_block_is_named_by_its_path(content: Any, path: str, problem: str) -> None:
    with pytest.raises(InvalidField) as caught:
        decode_request(turns(content))
    assert caught.value.param == path
    assert caught.value.sentence == f"The field `{path}` is not valid: {problem}."


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"messages": "hi"}, "messages"),
        ({"messages": [{"role": "tool", "content": "a"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": "9"}, "max_tokens"),
        ({"system": [{"type": "image", "source": {"type": "url"}}]}, "system[0].type"),
        ({"stop_sequences": "END"}, "stop_sequences"),
        ({"tool_choice": {"type": "required"}}, "tool_choice.type"),
        ({"thinking": "on"}, "thinking"),
    ],
)
def test_a_wrong_field_is_named_by_its_path(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidField) as caught:
        decode_request(body(**fields))
    assert caught.value.param == path


def test_a_body_without_messages_or_model_is_refused() -> None:
    for name in ("messages", "model"):
        data = json.loads(body())
        del data[name]
        with pytest.raises(InvalidField) as caught:
            decode_request(json.dumps(data).encode())
        assert caught.value.param == name


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"model": "\xff"}', b'{"other":' + b"[" * 100_000])
def test_what_is_no_object_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedBody):
        decode_request(data)


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["text", "tool_use", "tool_result", "image", "a"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "content", "source", "input", "id", "name", "tool_use_id", "data"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(_json)
def test_any_content_is_decoded_or_refused_as_bad_input(content: Any) -> None:
    try:
        _, (turn,), _ = decode_request(turns(content))
    except BadInput:
        return
    assert isinstance(turn.content, str | list)


# --- replies -------------------------------------------------------------------------------------------------------------


def reply(*content: Any, **fields: Any) -> bytes:
    return json.dumps({"id": "msg", "model": "c", "content": content, "stop_reason": "end_turn", **fields}).encode()


def test_a_reply_keeps_every_block_in_its_place() -> None:
    text, search, call = {"type": "text", "text": "a"}, NOT_OURS[0], {"type": "tool_use", "id": "t", "name": "f"}
    _, blocks = decode_reply(reply(text, search, {**call, "input": {"a": 1}}))
    assert [type(block) for block in blocks] == [TextBlock, UnknownBlock, ToolUseBlock]


def test_thinking_that_nobody_signed_is_read() -> None:
    _, (block,) = decode_reply(reply({"type": "thinking", "thinking": "Hm."}))
    assert block == ThinkingBlock("Hm.", "")


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"[" * 100_000, "Messages API"),
        (b"[]", "Messages API"),
        (b'{"id":"m","model":"c"}', "at content"),
        (reply({"type": "text", "text": 5}), r"at content\[0\]\.text"),
        (reply({"type": "server_tool_use"}, {"type": "tool_use", "id": 5}), r"at content\[1\]\."),
        (reply({"type": "text", "text": "a"}, usage=[]), "at usage"),
        (reply("a"), r"at content\[0\]"),
    ],
)
def test_a_reply_that_does_not_follow_is_garbled_and_says_where(data: bytes, place: str) -> None:
    with pytest.raises(VendorGarbled, match=place):
        decode_reply(data)


@given(
    st.binary(max_size=60) | _json.map(lambda value: json.dumps({"id": "m", "model": "c", "content": value}).encode())
)
def test_any_bytes_are_a_reply_or_garbled(data: bytes) -> None:
    try:
        head, blocks = decode_reply(data)
    except VendorGarbled:
        return
    assert isinstance(head.id, str)
    assert isinstance(blocks, list)


def test_only_a_string_gives_text() -> None:
    assert decode_text_or_none(Raw(b'"\\u00e9"')) == "é"
    assert decode_text_or_none(Raw(b'["a"]')) is None


def test_the_two_faults_are_the_callers_and_the_vendors() -> None:
    assert (invalid("a.b", "no").param, invalid("a.b", "no").status) == ("a.b", 400)
    assert garbled("a.b", "no").status == 502
