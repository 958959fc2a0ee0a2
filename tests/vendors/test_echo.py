"""The vendor that lives in the worker: deterministic, and in each dialect what the official client reads."""

import json
from typing import Any

import pytest
from anthropic.types import Message
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion
from openai.types.responses import Response

from dialects.assembled import assembled
from dialects.gathered import gather
from freehold.dialects import get
from freehold.dialects.sse import EventSplitter
from freehold.messages import Part, Reasoning, Reply, Text, ToolCall
from freehold.vendors.echo import CREATED, VENDOR, respond

FRONTS = ["openai-chat", "openai-responses", "anthropic-messages"]
fronts = pytest.mark.parametrize("front", FRONTS)
JUDGES: dict[str, Any] = {"openai-chat": ChatCompletion, "openai-responses": Response, "anthropic-messages": Message}


def body(front: str, text: str = "Say hello.", **fields: Any) -> bytes:
    """A small request of this dialect."""
    if front == "openai-responses":
        return json.dumps({"model": "echo", "input": text, **fields}).encode()
    cap = {"max_tokens": 1000} if front == "anthropic-messages" else {}
    begun: dict[str, Any] = {"model": "echo", **cap, "messages": [{"role": "user", "content": text}]}
    return json.dumps({**begun, **fields}).encode()


def answered(front: str, text: str = "Say hello.", **fields: Any) -> Reply:
    """The whole answer, after the SDK's own type has taken it."""
    status, headers, pieces = respond("echo", front, body(front, text, **fields))
    assert (status, headers) == (200, {"content-type": "application/json"})
    (data,) = pieces
    JUDGES[front].model_validate_json(data)
    return get(front).read_reply(data)


def text_of(parts: tuple[Part, ...]) -> str:
    return "".join(part.text for part in parts if isinstance(part, Text))


def call_of(reply: Reply) -> ToolCall:
    (call,) = [part for part in reply.parts if isinstance(part, ToolCall)]
    return call


# --- words ---------------------------------------------------------------------------------------------------------------


@fronts
def test_it_answers_with_what_was_said_and_counts_words(front: str) -> None:
    reply = answered(front, "Say hello – é.")
    assert (text_of(reply.parts), reply.finish, reply.model) == ("Say hello – é.", "stop", "echo")
    assert reply.usage is not None
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (4, 4)


@fronts
def test_the_same_question_gets_the_same_bytes_and_another_one_another_id(front: str) -> None:
    assert respond("echo", front, body(front)) == respond("echo", front, body(front))
    assert answered(front).id != answered(front, "Say goodbye.").id
    assert CREATED == 1_700_000_000


@fronts
def test_it_repeats_the_last_of_a_conversation(front: str) -> None:
    turns = [{"role": role, "content": said} for role, said in (("user", "a"), ("assistant", "b"), ("user", "c"))]
    fields: dict[str, Any] = {"input" if front == "openai-responses" else "messages": turns}
    assert text_of(answered(front, **fields).parts) == "c"


def test_pictures_and_files_are_told_of() -> None:
    content = [
        {"type": "text", "text": "Look:"},
        {"type": "image", "source": {"type": "url", "url": "u"}},
        {"type": "document", "source": {"type": "url", "url": "u"}},
    ]
    reply = answered("anthropic-messages", messages=[{"role": "user", "content": content}])
    assert text_of(reply.parts) == "Look: [image] [file]"


def test_a_cap_and_a_stop_cut_the_answer() -> None:
    capped = answered("anthropic-messages", "one two three", max_tokens=2)
    assert (text_of(capped.parts), capped.finish) == ("one two", "length")
    stopped = answered("openai-chat", "one two END three", stop=["END"])
    assert (text_of(stopped.parts), stopped.finish) == ("one two ", "stop")


# --- streams -------------------------------------------------------------------------------------------------------------

ASKS: dict[str, dict[str, Any]] = {
    "openai-chat": {"reasoning_effort": "low", "stream_options": {"include_usage": True}},
    "openai-responses": {"reasoning": {"effort": "low"}},
    "anthropic-messages": {"thinking": {"type": "adaptive"}},
}


@fronts
@pytest.mark.parametrize("thinks", [False, True])
def test_a_stream_says_the_same_as_the_whole_answer(front: str, thinks: bool) -> None:
    fields = ASKS[front] if thinks else {}
    status, headers, pieces = respond("echo", front, body(front, "Say hello – é.", stream=True, **fields))
    assert (status, headers) == (200, {"content-type": "text/event-stream"})
    assert len(pieces) > 3
    assert all(pieces)
    reader = get(front).stream_reader()
    events = EventSplitter().feed(b"".join(pieces))
    streamed = gather([chunk for event in events for chunk in reader.read(event)])
    whole = answered(front, "Say hello – é.", **fields)
    assert text_of(streamed.parts) == text_of(whole.parts) == "Say hello – é."
    assert (streamed.finish, streamed.usage) == (whole.finish, whole.usage)
    assert reader.finished()


@fronts
def test_the_official_client_puts_its_stream_together(front: str) -> None:
    _, _, pieces = respond("echo", front, body(front, "Say hello – é.", stream=True))
    assert text_of(get(front).read_reply(assembled(front, b"".join(pieces))).parts) == "Say hello – é."


# --- thinking ------------------------------------------------------------------------------------------------------------


def thought() -> dict[str, Any]:
    _, _, (data,) = respond("echo", "anthropic-messages", body("anthropic-messages", thinking={"type": "adaptive"}))
    block = json.loads(data)["content"][0]
    assert block["type"] == "thinking"
    assert block["thinking"] == "The caller spoke, so I repeat it."
    return block


@pytest.mark.parametrize("asked", [{}, {"thinking": {"type": "disabled"}}])
def test_it_thinks_only_when_asked(asked: dict[str, Any]) -> None:
    assert not any(isinstance(part, Reasoning) for part in answered("anthropic-messages", **asked).parts)


def test_a_thought_is_counted_and_sealed() -> None:
    reply = answered("anthropic-messages", "Say hello.", thinking={"type": "adaptive"})
    assert reply.usage is not None
    assert (reply.usage.output_tokens, reply.usage.reasoning_tokens) == (9, 7)
    assert thought()["signature"].startswith("echo:")


def test_it_takes_its_own_seal_back_and_no_other() -> None:
    def turns(block: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": [block, {"type": "text", "text": "a"}]},
            {"role": "user", "content": "b"},
        ]

    assert text_of(answered("anthropic-messages", messages=turns(thought())).parts) == "b"
    foreign = turns({**thought(), "signature": "EqQBCgIYAhIM"})
    status, _, (data,) = respond("echo", "anthropic-messages", body("anthropic-messages", messages=foreign))
    error = json.loads(data)["error"]
    assert status == 400
    assert error["details"] == {"error_code": "invalid_signature"}
    assert "signature" in error["message"]


# --- tools ---------------------------------------------------------------------------------------------------------------

SEARCH = {"name": "search", "input_schema": {"type": "object", "properties": {"q": {"type": "string"}}}}
ZOOM = {"name": "zoom", "input_schema": {"type": "object", "properties": {"x": {"type": "integer", "minimum": 3}}}}


@pytest.mark.parametrize(
    ("text", "choice", "name", "arguments"),
    [
        ("please zoom in", None, "zoom", {"x": 3}),
        ("please zoom in", {"type": "auto"}, "zoom", {"x": 3}),
        ("please", {"type": "any"}, "search", {"q": ""}),
        ("please zoom in", {"type": "any"}, "zoom", {"x": 3}),
        ("please search", {"type": "tool", "name": "zoom"}, "zoom", {"x": 3}),
    ],
)
def test_it_calls_the_tool_that_it_must_or_that_is_named(
    text: str, choice: dict[str, Any] | None, name: str, arguments: dict[str, Any]
) -> None:
    asked = {"tool_choice": choice} if choice else {}
    reply = answered("anthropic-messages", text, tools=[SEARCH, ZOOM], **asked)
    assert (call_of(reply).name, json.loads(call_of(reply).arguments)) == (name, arguments)
    assert reply.finish == "tool_calls"


@pytest.mark.parametrize(("text", "choice"), [("please", {"type": "auto"}), ("please zoom in", {"type": "none"})])
def test_it_calls_no_tool_that_it_need_not(text: str, choice: dict[str, Any]) -> None:
    reply = answered("anthropic-messages", text, tools=[SEARCH, ZOOM], tool_choice=choice)
    assert (text_of(reply.parts), reply.finish) == (text, "stop")


def test_a_result_is_repeated_and_ends_the_loop() -> None:
    turns = [
        {"role": "user", "content": "please zoom in"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "zoom", "input": {"x": 3}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "zoom: a tail"}]},
    ]
    reply = answered("anthropic-messages", messages=turns, tools=[SEARCH, ZOOM])
    assert (text_of(reply.parts), reply.finish) == ("zoom: a tail", "stop")


@fronts
def test_a_call_streams_in_pieces_that_the_official_client_joins(front: str) -> None:
    function = {"name": "zoom", "parameters": ZOOM["input_schema"]}
    tools = {
        "openai-chat": [{"type": "function", "function": function}],
        "openai-responses": [{"type": "function", **function}],
        "anthropic-messages": [ZOOM],
    }
    _, _, pieces = respond("echo", front, body(front, "zoom!", tools=tools[front], stream=True))
    reply = get(front).read_reply(assembled(front, b"".join(pieces)))
    assert (call_of(reply).name, json.loads(call_of(reply).arguments)) == ("zoom", {"x": 3})


# --- shapes --------------------------------------------------------------------------------------------------------------


def shaped(schema: Any) -> tuple[int, Any]:
    """The status, and the answer that follows the schema, or the error."""
    fields: dict[str, Any] = {"output_config": {"format": {"type": "json_schema", "schema": schema}}}
    status, _, (data,) = respond("echo", "anthropic-messages", body("anthropic-messages", **fields))
    value = json.loads(data)
    return status, json.loads(value["content"][0]["text"]) if status == 200 else value["error"]


@pytest.mark.parametrize(
    ("schema", "example"),
    [
        ({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "boolean"}}}, {"a": "", "b": False}),
        ({"type": "object", "properties": {"a": {"type": "null"}, "b": {}}, "required": ["a"]}, {"a": None}),
        ({"properties": {"n": {"type": "number"}}}, {"n": 0}),
        ({"type": "array", "items": {"type": "integer", "minimum": 2}, "minItems": 2}, [2, 2]),
        ({"type": "array", "items": {"type": "integer"}}, []),
        ({"type": "string", "minLength": 3}, "xxx"),
        ({"type": ["string", "null"]}, ""),
        ({"enum": ["red", "blue"]}, "red"),
        ({"const": {"a": 1}}, {"a": 1}),
        ({"type": "integer", "default": 7}, 7),
        ({"anyOf": [{"type": "boolean"}, {"type": "string"}]}, False),
        ({"oneOf": [{"type": "array"}]}, []),
        (
            {
                "$defs": {
                    "Cat": {"type": "object", "properties": {"name": {"$ref": "#/$defs/na~1me"}}},
                    "na/me": {"enum": ["Tom"]},
                },
                "type": "object",
                "properties": {"cat": {"$ref": "#/$defs/Cat"}, "nothing": {"$ref": "#/$defs/Dog"}},
                "required": ["cat"],
            },
            {"cat": {"name": "Tom"}},
        ),
        (
            {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#"}}}},
            {"children": []},
        ),
    ],
)
def test_it_answers_with_the_smallest_value_that_fits(schema: Any, example: Any) -> None:
    assert shaped(schema) == (200, example)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "minItems": 1_000_000_000},
        {"type": "string", "minLength": 1_000_000_000},
        {"type": "array", "minItems": 1000, "items": {"type": "array", "minItems": 1000}},
        {"type": "object", "properties": {"again": {"$ref": "#"}}},
    ],
)
def test_no_schema_holds_up_the_worker(schema: Any) -> None:
    status, error = shaped(schema)
    assert status == 400
    assert "larger example" in error["message"]


def test_any_json_is_an_object_with_what_was_said() -> None:
    reply = answered("openai-chat", "hello", response_format={"type": "json_object"})
    assert json.loads(text_of(reply.parts)) == {"echo": "hello"}


# --- the other operations ------------------------------------------------------------------------------------------------


def test_it_counts_words_as_tokens() -> None:
    data = b'{"model":"echo","system":"Be kind.","messages":[{"role":"user","content":"one two three"}]}'
    assert respond("echo", "anthropic-count-tokens", data) == (
        200,
        {"content-type": "application/json"},
        [b'{"input_tokens":5}'],
    )


def test_a_text_has_always_the_same_vector_of_numbers_between_minus_one_and_one() -> None:
    data = json.dumps({"model": "echo", "input": ["a b", "c", "a b"]}).encode()
    status, _, (answer,) = respond("echo", "openai-embeddings", data)
    reply = json.loads(answer)
    first, second, third = (row["embedding"] for row in reply["data"])
    assert status == 200
    assert first == third != second
    assert len(first) == 8
    assert all(-1 <= number <= 1 for number in first)
    assert reply["usage"]["prompt_tokens"] == 5


# --- errors --------------------------------------------------------------------------------------------------------------


@fronts
def test_down_is_always_down_in_the_callers_dialect(front: str) -> None:
    status, headers, (data,) = respond("down", front, b"anything")
    assert (status, headers) == (503, {"content-type": "application/json"})
    error = get(front).read_error(status, {}, data)
    assert "always down" in error.sentence


@fronts
@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"model":5}'])
def test_a_request_that_cannot_be_read_is_answered_as_a_server_would(front: str, data: bytes) -> None:
    status, _, (answer,) = respond("echo", front, data)
    assert status == 400
    assert get(front).read_error(status, {}, answer).kind == "invalid_request_error"


@given(st.text(max_size=30), st.sampled_from(FRONTS), st.booleans())
def test_whatever_is_said_is_said_again(text: str, front: str, stream: bool) -> None:
    status, _, pieces = respond("echo", front, body(front, text, stream=stream))
    assert status == 200
    if stream:
        reader = get(front).stream_reader()
        events = EventSplitter().feed(b"".join(pieces))
        heard = text_of(gather([chunk for event in events for chunk in reader.read(event)]).parts)
        assert reader.finished()
    else:
        heard = text_of(get(front).read_reply(pieces[0]).parts)
    assert heard == text


def test_it_needs_no_network_and_no_key() -> None:
    assert (VENDOR.transport, VENDOR.base_url, VENDOR.needs_key, VENDOR.respond) == ("inside", None, False, respond)
    assert VENDOR.names == ("echo", "down")
    assert [speaks.dialect for speaks in VENDOR.speaks] == FRONTS
