"""A caller's Chat request in our words, and what is refused before any vendor sees it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from dialects.chat_sdk import ORIGIN, body, fixture, request_of
from freehold.dialects.openai_chat_reading import read_request
from freehold.errors import BadInput, InvalidField, MalformedBody
from freehold.messages import (
    Audio,
    File,
    Image,
    Message,
    Opaque,
    OutputFormat,
    Reasoning,
    ReasoningAsk,
    Refusal,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)

NAME = "openai-chat"


def content(*parts: dict[str, Any]) -> tuple[Any, ...]:
    return request_of(messages=[{"role": "user", "content": list(parts)}]).messages[0].parts


def assistant(**fields: Any) -> tuple[Any, ...]:
    return request_of(messages=[{"role": "assistant", **fields}]).messages[0].parts


# --- everything in one request -------------------------------------------------------------------------------------------


def test_every_field_finds_its_place() -> None:
    request = read_request(fixture("request.json"))
    assert request.dialect == NAME
    assert request.model == "ticket-triage"
    assert request.operation == "generate"
    assert request.tools == (
        Tool(
            "zoom",
            "Looks closer.",
            Raw(b'{"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}'),
            strict=True,
        ),
    )
    assert request.tool_choice == ToolChoice("function", "zoom")
    assert request.parallel_tool_calls is False
    assert request.output == OutputFormat(
        "json_schema",
        Raw(b'{"type": "object", "properties": {"animal": {"type": "string"}}, "required": ["animal"]}'),
        "animal",
        "Which one.",
        strict=True,
    )
    assert request.reasoning == ReasoningAsk(effort="high")
    assert (request.max_tokens, request.temperature, request.top_p, request.stop) == (900, 0.3, 0.9, ("END",))
    assert (request.seed, request.frequency_penalty, request.presence_penalty) == (7, 0.1, 0.2)
    assert (request.logprobs, request.top_logprobs, request.n) == (True, 3, 1)
    assert (request.user, request.service_tier, request.prompt_cache_key) == ("u-1", "flex", "k")
    assert request.metadata == {"team": "support"}
    assert (request.stream, request.stream_usage) == (True, True)
    assert request.unknown == ("verbosity", "logit_bias")
    assert request.fields["logit_bias"] == Raw(b'{"50256": -100}')


def test_every_message_finds_its_place() -> None:
    assert read_request(fixture("request.json")).messages == (
        Message("developer", (Text("You are terse."),), "operator"),
        Message(
            "user",
            (
                Text("What is this? – ü", cache="1h"),
                Image(media_type="image/png", data="iVBORw0KGgo=", detail="low"),
                Image(url="https://example.com/cat.png"),
                Audio("UklGRg==", "wav"),
                File(media_type="application/pdf", data="JVBERi0=", filename="a.pdf"),
            ),
        ),
        Message(
            "assistant",
            (
                Reasoning(text="I must zoom.", opaque="SIG+/==", origin=ORIGIN),
                Text("Let me look."),
                ToolCall("call_1", "zoom", '{"x": 2}'),
            ),
        ),
        Message("tool", (ToolResult("call_1", (Text("A cat."),)),)),
        Message("user", (Text("Well?"),)),
    )


# --- parts ---------------------------------------------------------------------------------------------------------------


def test_an_unknown_part_passes_as_opaque() -> None:
    assert content({"type": "video_url", "video_url": {"url": "https://x.test/v.mp4"}}) == (Opaque(NAME, "video_url"),)


def test_a_picture_may_be_written_as_a_bare_url() -> None:
    assert content({"type": "image_url", "image_url": "https://x.test/a.png"}) == (Image(url="https://x.test/a.png"),)


def test_a_file_may_be_an_id_an_url_or_bare_base64() -> None:
    assert content(
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "file", "file": {"file_data": "https://x.test/a.pdf"}},
        {"type": "file", "file": {"file_data": "JVBE", "filename": "a.pdf"}},
    ) == (File(file_id="file-1"), File(url="https://x.test/a.pdf"), File(data="JVBE", filename="a.pdf"))


@pytest.mark.parametrize(
    ("mark", "cache"),
    [
        ({"cache_control": {"type": "ephemeral"}}, "5m"),
        ({"cache_control": {"type": "ephemeral", "ttl": "1h"}}, "1h"),
        ({"prompt_cache_breakpoint": {"mode": "explicit"}}, "5m"),
        ({"prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}}, "1h"),
    ],
)
def test_marks_for_the_cache_are_read(mark: dict[str, Any], cache: str) -> None:
    assert content({"type": "text", "text": "a", **mark}) == (Text("a", cache),)


def test_a_refusal_and_the_calls_of_an_assistant_are_read() -> None:
    assert assistant(
        content=[{"type": "text", "text": "No."}, {"type": "refusal", "refusal": "I won't."}],
        refusal="Never.",
        tool_calls=[{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{"}}],
    ) == (Text("No."), Refusal("I won't."), Refusal("Never."), ToolCall("c", "f", "{"))


def test_what_only_this_dialect_has_passes_as_opaque() -> None:
    assert assistant(
        content=None,
        audio={"id": "audio_1"},
        tool_calls=[{"id": "c", "type": "custom", "custom": {"name": "f", "input": "x"}}],
        function_call={"name": "f", "arguments": "{}"},
    ) == (Opaque(NAME, "audio"), Opaque(NAME, "tool_call.custom"), Opaque(NAME, "function_call"))
    legacy = request_of(messages=[{"role": "function", "name": "f", "content": "1"}])
    assert legacy.messages == (Message("tool", (Opaque(NAME, "function"),), "f"),)


def test_a_tool_may_answer_nothing_or_with_a_picture() -> None:
    request = request_of(
        messages=[
            {"role": "tool", "tool_call_id": "a", "content": None},
            {"role": "tool", "tool_call_id": "b", "content": [{"type": "image_url", "image_url": "https://x.test/i"}]},
        ]
    )
    assert [message.parts for message in request.messages] == [
        (ToolResult("a", ()),),
        (ToolResult("b", (Image(url="https://x.test/i"),)),),
    ]


# --- tools, shape, thinking ----------------------------------------------------------------------------------------------

TWO = [{"type": "function", "function": {"name": name}} for name in ("a", "b")]


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        ("auto", ToolChoice("auto")),
        ("none", ToolChoice("none")),
        ("required", ToolChoice("required")),
        ("any", ToolChoice("required")),
        ({"type": "function", "function": {"name": "a"}}, ToolChoice("function", "a")),
    ],
)
def test_a_tool_choice_is_read(choice: Any, wanted: ToolChoice) -> None:
    assert request_of(tools=TWO, tool_choice=choice).tool_choice == wanted


def test_allowed_tools_leave_only_those() -> None:
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "b"}}]}
    request = request_of(tools=TWO, tool_choice={"type": "allowed_tools", "allowed_tools": allowed})
    assert request.tools == (Tool("b"),)
    assert request.tool_choice == ToolChoice("required")


def test_a_choice_of_a_custom_tool_is_named_as_unknown() -> None:
    request = request_of(
        tools=[{"type": "custom", "custom": {"name": "sh"}}], tool_choice={"type": "custom", "custom": {"name": "sh"}}
    )
    assert request.tools == (Tool("custom", kind="custom"),)
    assert request.unknown == ("tool_choice",)


def test_functions_from_before_tools_are_a_kind_of_their_own() -> None:
    request = request_of(functions=[{"name": "f", "parameters": {"type": "object"}}], function_call="auto")
    assert request.tools == (Tool("f", parameters=Raw(b'{"type": "object"}'), kind="legacy_function"),)
    assert request.unknown == ("function_call",)


@pytest.mark.parametrize(
    ("wanted", "output", "unknown"),
    [
        ({"type": "text"}, None, ()),
        ({"type": "json_object"}, OutputFormat("json_object"), ()),
        ({"type": "json_schema", "json_schema": {"name": "a"}}, OutputFormat("json_schema", name="a"), ()),
        ({"type": "grammar", "grammar": "x"}, None, ("response_format",)),
    ],
)
def test_the_shape_of_the_answer_is_read(wanted: Any, output: OutputFormat | None, unknown: tuple[str, ...]) -> None:
    request = request_of(response_format=wanted)
    assert (request.output, request.unknown) == (output, unknown)


@pytest.mark.parametrize(
    ("fields", "ask"),
    [
        ({}, None),
        ({"reasoning_effort": "none"}, ReasoningAsk(effort="none")),
        ({"reasoning": {"effort": "low"}}, ReasoningAsk(effort="low")),
        ({"reasoning": {"max_tokens": 2000}}, ReasoningAsk(budget_tokens=2000)),
        ({"reasoning": {"enabled": False}}, ReasoningAsk(enabled=False)),
        ({"thinking": {"type": "disabled"}}, ReasoningAsk(enabled=False)),
        ({"thinking": {"type": "adaptive"}}, ReasoningAsk(enabled=True, adaptive=True)),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 1024}, "reasoning_effort": "high"},
            ReasoningAsk(effort="high", budget_tokens=1024, enabled=True),
        ),
    ],
)
def test_how_much_to_think_is_read(fields: dict[str, Any], ask: ReasoningAsk | None) -> None:
    request = request_of(**fields)
    assert request.reasoning == ask
    assert request.unknown == ()


def test_the_newer_cap_wins_and_one_word_may_stop() -> None:
    request = request_of(max_tokens=5, max_completion_tokens=9, stop="END")
    assert (request.max_tokens, request.stop) == (9, ("END",))
    assert request_of(max_tokens=5).max_tokens == 5


def test_null_says_nothing() -> None:
    names = ("tools", "stop", "stream", "stream_options", "max_tokens", "temperature", "response_format", "n")
    request = request_of(**dict.fromkeys(names))
    assert (request.tools, request.stop, request.stream, request.max_tokens) == ((), (), False, None)


# --- what is refused -----------------------------------------------------------------------------------------------------


BAD_FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"model": ""}, "model"),
    ({"model": 3}, "model"),
    ({"messages": []}, "messages"),
    ({"messages": "hi"}, "messages"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"max_completion_tokens": -1}, "max_completion_tokens"),
    ({"max_tokens": 1.5}, "max_tokens"),
    ({"temperature": -0.1}, "temperature"),
    ({"temperature": "hot"}, "temperature"),
    ({"top_p": 1.1}, "top_p"),
    ({"n": 0}, "n"),
    ({"top_logprobs": -1}, "top_logprobs"),
    ({"stop": [1]}, "stop[0]"),
    ({"metadata": {"a": 1}}, "metadata[...]"),
    ({"tool_choice": "sometimes"}, "tool_choice"),
    ({"tool_choice": {"type": "function"}}, "tool_choice.function.name"),
    ({"tools": [{"type": "function"}]}, "tools[0].function"),
    ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
    ({"tools": [{"type": "function", "function": {"name": ""}}]}, "tools[0].function.name"),
    ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
    ({"response_format": {}}, "response_format.type"),
]


@pytest.mark.parametrize(("fields", "param"), BAD_FIELDS)
def test_a_bad_field_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidField) as caught:
        request_of(**fields)
    assert caught.value.param == param


BAD_MESSAGES: list[tuple[dict[str, Any], str]] = [
    ({"content": "hi"}, "messages[0].role"),
    ({"role": "robot", "content": "hi"}, "messages[0].role"),
    ({"role": "user"}, "messages[0].content"),
    ({"role": "user", "content": 3}, "messages[0].content"),
    ({"role": "user", "content": [{"text": "a"}]}, "messages[0].content[0].type"),
    ({"role": "user", "content": [{"type": "text"}]}, "messages[0].content[0].text"),
    ({"role": "user", "content": [{"type": "image_url"}]}, "messages[0].content[0].image_url"),
    (
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png,abc"}}]},
        "messages[0].content[0].image_url.url",
    ),
    ({"role": "user", "content": [{"type": "input_audio"}]}, "messages[0].content[0].input_audio"),
    ({"role": "user", "content": [{"type": "file"}]}, "messages[0].content[0].file"),
    ({"role": "user", "content": [{"type": "file", "file": {}}]}, "messages[0].content[0].file.file_data"),
    ({"role": "tool", "content": "1"}, "messages[0].tool_call_id"),
    (
        {"role": "tool", "tool_call_id": "a", "content": [{"type": "refusal", "refusal": "no"}]},
        "messages[0].content[0]",
    ),
    ({"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]}, "messages[0].tool_calls[0].id"),
    ({"role": "assistant", "tool_calls": [{"id": "c"}]}, "messages[0].tool_calls[0].function.name"),
]


@pytest.mark.parametrize(("message", "param"), BAD_MESSAGES)
def test_a_bad_message_is_named_to_the_part(message: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidField) as caught:
        request_of(messages=[message])
    assert caught.value.param == param


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'"x"', b'{"model":"\xff","messages":[]}', b"\xff"])
def test_a_body_that_is_no_json_object_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedBody):
        read_request(data)


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
_names = [
    *(
        "role",
        "content",
        "name",
        "tool_calls",
        "tool_call_id",
        "reasoning_details",
        "refusal",
        "function_call",
        "audio",
    ),
    *("reasoning_content", "type", "text", "image_url", "file", "input_audio", "id", "function"),
]
_message = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "tool", "system", "function"]) | _json},
    optional={name: _json | st.lists(st.dictionaries(st.sampled_from(_names), _json)) for name in _names[1:]},
)


@given(st.lists(_message | _json, max_size=3), st.dictionaries(st.sampled_from(["tools", "stop", "reasoning"]), _json))
def test_any_json_is_read_or_refused_as_bad_input(messages: list[Any], fields: dict[str, Any]) -> None:
    data = body(messages=messages, **fields)
    try:
        request = read_request(data)
    except BadInput:
        return
    assert len(request.messages) == len(messages)
    assert set(request.fields) == set(json.loads(data))
