import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialects.responses_sdk import ORIGIN, body, fixture
from freehold.dialects.responses_request import read_request
from freehold.errors import BadInput, InvalidField, MalformedBody, Unsupported
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

PIXEL = "iVBORw0KGgo="


def test_a_rich_request_is_read_whole() -> None:
    request = read_request(fixture("request.json"))
    assert request.dialect == "openai-responses"
    assert request.model == "openai/gpt-6-sol"
    assert request.messages == (
        Message("system", (Text("You are terse."),)),
        Message("developer", (Text("Answer in English."),)),
        Message(
            "user",
            (
                Text("What is the weather where this was taken? – né"),
                Image(media_type="image/png", data=PIXEL, detail="low"),
                Image(url="https://example.com/a.jpg", detail="auto"),
                File(media_type="application/pdf", data="JVBERi0xLjQ=", filename="trip.pdf"),
            ),
        ),
        Message(
            "assistant",
            (
                Reasoning(
                    summary=("Looking at the picture.", "It is Lisbon."),
                    opaque="gAAAAA+/first==",
                    origin=ORIGIN,
                    id="rs_1",
                ),
                Text("This is Lisbon."),
                ToolCall("call_1", "get_weather", '{"city":"Lisbon"}'),
                ToolCall("call_2", "get_map", "{}"),
            ),
        ),
        Message("tool", (ToolResult("call_1", (Text("22 degrees"),)),)),
        Message(
            "tool",
            (ToolResult("call_2", (Text("the map"), Image(media_type="image/png", data=PIXEL, detail="auto"))),),
        ),
        Message("user", (Text("And tomorrow?"),)),
    )


def test_a_rich_request_keeps_what_it_asks_for() -> None:
    request = read_request(fixture("request.json"))
    weather, chart = request.tools
    assert (weather.name, weather.description, weather.strict) == ("get_weather", "The weather of a city.", True)
    assert weather.parameters is not None
    assert json.loads(bytes(weather.parameters))["required"] == ["city"]
    assert (chart.name, chart.description, chart.strict) == ("get_map", None, False)
    assert request.tool_choice == ToolChoice("function", "get_weather")
    assert request.parallel_tool_calls is False
    assert request.output is not None
    assert (request.output.kind, request.output.name, request.output.strict) == ("json_schema", "weather", True)
    assert request.output.description == "A forecast."
    assert request.reasoning == ReasoningAsk(effort="high", summary="auto")
    assert (request.max_tokens, request.temperature, request.top_p) == (2000, 0.5, 0.9)
    assert request.metadata == {"ticket": "17"}
    assert (request.prompt_cache_key, request.user, request.service_tier) == ("weather", "user-1", "flex")
    assert request.stream
    assert request.stream_usage
    assert request.unknown == ()
    assert request.bound is None
    assert json.loads(bytes(request.fields["include"])) == ["reasoning.encrypted_content"]


def test_a_text_as_input_is_one_message_of_the_user() -> None:
    assert read_request(body(input="hello")).messages == (Message("user", (Text("hello"),)),)


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"type": "output_text", "text": "a", "annotations": []}, Text("a")),
        ({"type": "refusal", "refusal": "no"}, Refusal("no")),
        ({"type": "input_image", "file_id": "file_1"}, Image(file_id="file_1")),
        (
            {"type": "input_image", "image_url": "https://e.com/i", "detail": "original"},
            Image(url="https://e.com/i", detail="high"),
        ),
        ({"type": "input_file", "file_id": "file_1"}, File(file_id="file_1")),
        ({"type": "input_file", "file_url": "https://e.com/f"}, File(url="https://e.com/f")),
        (
            {"type": "input_file", "file_data": "JVBE", "filename": "A.PDF"},
            File(media_type="application/pdf", data="JVBE", filename="A.PDF"),
        ),
        ({"type": "input_file", "file_data": "JVBE"}, File(data="JVBE")),
        ({"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}}, Audio("UklG", "wav")),
        ({"type": "input_video", "video": {}}, Opaque("openai-responses", "input_video")),
        ({"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}}, Text("a", "5m")),
        (
            {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "30m"}},
            Text("a", "1h"),
        ),
    ],
)
def test_each_part_has_its_place(part: dict[str, Any], expected: object) -> None:
    request = read_request(body(input=[{"role": "user", "content": [part]}]))
    assert request.messages == (Message("user", (expected,)),)  # pyright: ignore[reportArgumentType]


def test_items_of_one_answer_become_one_turn() -> None:
    items: Any = [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "abc"},
        {"role": "assistant", "content": "one"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "two"}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        {"role": "user", "content": "three"},
        {"role": "assistant", "content": "four"},
    ]
    assert read_request(body(input=items)).messages == (
        Message(
            "assistant",
            (
                Reasoning(opaque="abc", id="rs_1"),
                Text("one"),
                Text("two"),
                ToolCall("c", "f", "{}"),
                Opaque("openai-responses", "web_search_call"),
            ),
        ),
        Message("user", (Text("three"),)),
        Message("assistant", (Text("four"),)),
    )


def test_an_artefact_without_a_seal_has_no_known_origin() -> None:
    items: Any = [{"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "abc"}]
    (message,) = read_request(body(input=items)).messages
    assert message.parts == (Reasoning(opaque="abc", origin=None, id="rs_1"),)


def test_a_redacted_artefact_is_known_by_the_id_that_we_gave_it() -> None:
    items: Any = [{"type": "reasoning", "id": "rs_fh_redacted_0", "summary": [], "encrypted_content": "abc"}]
    (message,) = read_request(body(input=items)).messages
    assert message.parts == (Reasoning(opaque="abc", redacted=True, id="rs_fh_redacted_0"),)


def test_a_chain_of_thought_is_read_as_text() -> None:
    items: Any = [
        {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]}
    ]
    (message,) = read_request(body(input=items)).messages
    assert message.parts == (Reasoning(text="hm", id="rs_1"),)


def test_an_output_that_is_no_text_image_or_file_stays_in_this_dialect() -> None:
    items: Any = [{"type": "function_call_output", "call_id": "c", "output": [{"type": "input_video"}]}]
    (message,) = read_request(body(input=items)).messages
    assert message == Message("tool", (Opaque("openai-responses", "function_call_output"),))


# --- state -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "bound"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"conversation": {"id": "conv_1"}}, "conversation"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"input": [{"role": "user", "content": "a"}, {"type": "item_reference", "id": "msg_1"}]}, "input[1]"),
        ({"input": [{"id": "msg_1"}]}, "input[0]"),
        ({"previous_response_id": None, "conversation": None, "background": False, "prompt": None}, None),
        ({"store": True}, None),
    ],
)
def test_what_only_its_vendor_keeps_binds_the_request_to_it(fields: dict[str, Any], bound: str | None) -> None:
    assert read_request(body(**fields)).bound == bound


def test_the_field_that_binds_is_also_named_as_unknown() -> None:
    assert read_request(body(previous_response_id="resp_1", prompt={"id": "pmpt_1"})).unknown == (
        "previous_response_id",
        "prompt",
    )


def test_a_job_in_the_background_is_refused_since_nobody_here_learns_what_it_cost() -> None:
    with pytest.raises(Unsupported, match="`background` leaves the answer with the vendor") as caught:
        read_request(body(background=True))
    assert caught.value.param == "background"
    for said in (False, None):
        request = read_request(body(background=said))
        assert (request.bound, request.unknown) == (None, ())


def test_input_may_be_missing_only_where_the_vendor_has_it() -> None:
    stored = json.dumps({"model": "m", "prompt": {"id": "p"}}).encode()
    assert read_request(stored).messages == ()
    with pytest.raises(InvalidField) as caught:
        read_request(b'{"model":"m"}')
    assert caught.value.param == "input"


# --- what other dialects have no place for ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "unknown"),
    [
        ({"text": {"verbosity": "low"}}, ("text.verbosity",)),
        ({"text": {"format": {"type": "text"}}}, ()),
        ({"reasoning": {"mode": "pro", "context": "all_turns"}}, ("reasoning.context", "reasoning.mode")),
        ({"reasoning": {"mode": "standard", "context": "auto"}}, ()),
        ({"include": ["reasoning.encrypted_content"]}, ()),
        ({"include": ["file_search_call.results"]}, ("include",)),
        ({"store": True}, ("store",)),
        ({"store": False}, ()),
        ({"truncation": "auto"}, ("truncation",)),
        ({"truncation": "disabled"}, ()),
        ({"stream_options": {"include_obfuscation": False}}, ()),
        ({"stream_options": {"include_obfuscation": True}}, ("stream_options",)),
        ({"max_tool_calls": 3, "moderation": None}, ("max_tool_calls",)),
        ({"tools": [{"type": "web_search"}], "tool_choice": {"type": "web_search"}}, ("tool_choice",)),
        ({"something_new": {"a": 1}}, ("something_new",)),
    ],
)
def test_what_has_no_place_in_our_words_is_named(fields: dict[str, Any], unknown: tuple[str, ...]) -> None:
    assert read_request(body(**fields)).unknown == unknown


# --- tools, choice, format -------------------------------------------------------------------------------------------


def test_tools_that_are_no_functions_keep_their_kind() -> None:
    tools: Any = [{"type": "web_search", "filters": {}}, {"type": "custom", "name": "sh", "format": {"type": "text"}}]
    assert read_request(body(tools=tools)).tools == (
        Tool(name="web_search", kind="web_search"),
        Tool(name="sh", kind="custom"),
    )


def test_a_function_may_come_without_parameters() -> None:
    tools: Any = [{"type": "function", "name": "f", "parameters": None}]
    assert read_request(body(tools=tools)).tools == (Tool(name="f"),)


def test_allowed_tools_leave_only_those() -> None:
    tools: Any = [{"type": "function", "name": "f"}, {"type": "function", "name": "g"}, {"type": "web_search"}]
    choice = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "g"}]}
    request = read_request(body(tools=tools, tool_choice=choice))
    assert request.tools == (Tool(name="g"),)
    assert request.tool_choice == ToolChoice("required")


@pytest.mark.parametrize("mode", ["auto", "none", "required"])
def test_a_choice_in_one_word_is_kept(mode: Any) -> None:
    assert read_request(body(tool_choice=mode)).tool_choice == ToolChoice(mode)


def test_any_json_object_may_be_asked_for() -> None:
    assert read_request(body(text={"format": {"type": "json_object"}})).output == OutputFormat("json_object")


def test_logprobs_are_asked_for_through_include() -> None:
    request = read_request(body(include=["message.output_text.logprobs"], top_logprobs=3))
    assert (request.logprobs, request.top_logprobs, request.unknown) == (True, 3, ())


# --- bad input -------------------------------------------------------------------------------------------------------


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"model": 5}, "model"),
    ({"input": 5}, "input"),
    ({"input": [{"role": "user", "content": [{"type": "input_text", "text": 5}]}]}, "input[0].content[0].text"),
    ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
    ({"input": [{"role": "user", "content": [{"text": "a"}]}]}, "input[0].content[0].type"),
    ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input[0].content[0].image_url"),
    ({"input": [{"role": "usr", "content": "a"}]}, "input[0].role"),
    ({"input": [{"role": "user"}]}, "input[0].content"),
    ({"input": [{"type": "message", "content": "a"}]}, "input[0].role"),
    ({"input": [{}]}, "input[0]"),
    ({"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": {}}]}, "input[0].arguments"),
    ({"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]}, "input[0].call_id"),
    ({"input": [{"type": "function_call_output", "call_id": "c"}]}, "input[0].output"),
    ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools[0].name"),
    ({"tools": [{"name": "f"}]}, "tools[0].type"),
    ({"tool_choice": "any"}, "tool_choice"),
    ({"tool_choice": {"type": "function"}}, "tool_choice.name"),
    ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
    ({"max_output_tokens": 0}, "max_output_tokens"),
    ({"max_output_tokens": -5}, "max_output_tokens"),
    ({"max_output_tokens": 10**30}, "max_output_tokens"),
    ({"temperature": 3}, "temperature"),
    ({"top_p": 1.5}, "top_p"),
    ({"metadata": {"a": 1}}, "metadata[...]"),
    ({"stream": "yes"}, "stream"),
]


@pytest.mark.parametrize(("fields", "param"), WRONG)
def test_a_wrong_field_is_named_by_its_path(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidField) as caught:
        read_request(body(**fields))
    assert caught.value.param == param


def test_a_missing_model_is_named() -> None:
    with pytest.raises(InvalidField) as caught:
        read_request(b'{"input":"hi"}')
    assert caught.value.param == "model"


def test_a_tool_in_the_form_of_chat_is_explained() -> None:
    with pytest.raises(InvalidField) as caught:
        read_request(body(tools=[{"type": "function", "function": {"name": "f"}}]))
    assert "beside `type`" in caught.value.advice


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b'"a"',
        b'{"model":"m","input":"a"',
        b'{"model":"m","input":"\xff"}',
        b'{"model":"m","input":"a","x":"\xff"}',
    ],
)
def test_a_body_that_is_no_json_object_in_utf8_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedBody):
        read_request(data)


def test_a_body_nested_without_end_is_malformed() -> None:
    with pytest.raises(BadInput):
        read_request(b'{"model":"m","input":"a","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}")


def _refusal(data: bytes) -> BadInput | None:
    try:
        read_request(data)
    except BadInput as error:
        return error
    return None


@given(st.binary(max_size=60))
def test_any_bytes_give_a_request_or_a_clear_refusal(data: bytes) -> None:
    refusal = _refusal(data)
    assert refusal is None or refusal.status == 400


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from(["message", "user", "reasoning", "", "input_text"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "role", "content", "text", "id", "output", "summary"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(_json)
def test_any_input_gives_a_request_or_names_the_field(value: Any) -> None:
    refusal = _refusal(body(input=value))
    assert refusal is None or (refusal.param or "").startswith("input")


def test_what_names_a_thing_that_the_vendor_keeps_is_named_whatever_else_does() -> None:
    fields = {
        "previous_response_id": "resp_0",
        "conversation": "conv_1",
        "prompt": None,
        "max_tool_calls": 3,
        "input": [{"type": "item_reference", "id": "msg_1"}],
    }
    request = read_request(body(**fields))
    assert request.bound == "previous_response_id"
    assert request.earlier == "resp_0"
    assert request.references == ("conversation", "input[0]")
    assert request.max_tool_calls == 3
    assert "max_tool_calls" in request.unknown
