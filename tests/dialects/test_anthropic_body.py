"""The body that a vendor of this dialect is sent for a request of any front, judged by the SDK's types."""

import json
from typing import Any

import pytest
from msgspec import Raw
from msgspec.structs import replace

from dialects.messages_sdk import ORIGIN, OTHER_ORIGIN, checked_count, checked_request, fixture, target
from freehold.dialects.anthropic_body import lacks_thinking, require_prefill, write_count, write_request
from freehold.dialects.anthropic_request import read_request
from freehold.dialects.dialect import Target
from freehold.errors import InvalidField, Unsupported
from freehold.messages import (
    Message,
    OutputFormat,
    Reasoning,
    ReasoningAsk,
    Request,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)

HI = Message("user", (Text("hi"),))
F = Tool("f", "Does it.", Raw(b'{"type":"object","properties":{"a":{"type":"integer"}}}'))


def asked(**fields: Any) -> Request:
    """A request of a caller of Chat with these fields."""
    return replace(Request(dialect="openai-chat", model="w", messages=(HI,)), **fields)


def written(where: Target | None = None, **fields: Any) -> Any:
    """The body as JSON, taken by the SDK's type, without the model and the messages."""
    value = checked_request(write_request(asked(**fields), where or target(default_max_tokens=4096)))
    assert value.pop("model") == "claude-x"
    del value["messages"]
    return value


# --- the whole -----------------------------------------------------------------------------------------------------------


def test_a_small_request_says_no_more_than_it_must() -> None:
    assert checked_request(write_request(asked(), target(default_max_tokens=4096))) == {
        "model": "claude-x",
        "max_tokens": 4096,
        "messages": [{"role": "user", "content": "hi"}],
    }


def test_a_rich_request_in_anthropics_own_words_comes_out_as_it_went_in() -> None:
    where = target()
    sent = checked_request(write_request(read_request(fixture("request.json")), where))
    wanted = json.loads(fixture("request.json"))
    unsealed = {"signature": "EqQBCgIYAhIM+/first==", "data": "EmwKAhgB+/hidden=="}
    for block in wanted["messages"][1]["content"]:
        block.update({name: value for name, value in unsealed.items() if name in block})
    del wanted["tools"][1]["type"]
    assert sent == {**wanted, "model": "claude-x"}
    assert where.dropped == []


def test_the_callers_cap_goes_before_the_models() -> None:
    assert written(max_tokens=7) == {"max_tokens": 7}


# --- tools ---------------------------------------------------------------------------------------------------------------


def test_a_function_is_a_tool_with_a_schema() -> None:
    tools = (F, Tool("g", strict=True), Tool("h", strict=False, cache="1h"))
    assert written(tools=tools)["tools"] == [
        {
            "name": "f",
            "description": "Does it.",
            "input_schema": {"type": "object", "properties": {"a": {"type": "integer"}}},
        },
        {"name": "g", "input_schema": {"type": "object", "properties": {}}, "strict": True},
        {
            "name": "h",
            "input_schema": {"type": "object", "properties": {}},
            "cache_control": {"type": "ephemeral", "ttl": "1h"},
        },
    ]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (b"{}", {"type": "object", "properties": {}}),
        (b'{"properties":{"a":{}},"required":["a"]}', {"type": "object", "properties": {"a": {}}, "required": ["a"]}),
        (b'{"type":"object"}', {"type": "object"}),
        (b"true", True),
    ],
)
def test_parameters_that_do_not_say_so_are_an_objects(given: bytes, wanted: Any) -> None:
    assert written(tools=(Tool("f", parameters=Raw(given)),))["tools"][0]["input_schema"] == wanted


@pytest.mark.parametrize(
    ("choice", "parallel", "wanted"),
    [
        (None, None, None),
        (ToolChoice("auto"), None, {"type": "auto"}),
        (ToolChoice("none"), None, {"type": "none"}),
        (ToolChoice("none"), False, {"type": "none"}),
        (ToolChoice("required"), None, {"type": "any"}),
        (ToolChoice("function", "f"), None, {"type": "tool", "name": "f"}),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        (None, True, {"type": "auto", "disable_parallel_tool_use": False}),
        (ToolChoice("required"), False, {"type": "any", "disable_parallel_tool_use": True}),
        (ToolChoice("function", "f"), False, {"type": "tool", "name": "f", "disable_parallel_tool_use": True}),
    ],
)
def test_a_choice_of_tools_is_said_in_anthropics_words(
    choice: ToolChoice | None, parallel: bool | None, wanted: dict[str, Any] | None
) -> None:
    assert written(tools=(F,), tool_choice=choice, parallel_tool_calls=parallel).get("tool_choice") == wanted


def test_without_tools_there_is_nothing_to_choose() -> None:
    assert written(tool_choice=ToolChoice("auto"), parallel_tool_calls=False) == {"max_tokens": 4096}
    with pytest.raises(InvalidField) as caught:
        write_request(asked(tool_choice=ToolChoice("required")), target())
    assert caught.value.param == "tool_choice"


def test_a_tool_that_only_another_dialect_knows_is_an_error() -> None:
    with pytest.raises(Unsupported) as caught:
        write_request(asked(tools=(Tool("web_search", kind="web_search"),)), target())
    assert caught.value.param == "tools"


def test_a_forced_tool_is_an_error_where_it_cannot_be_forced() -> None:
    where = target(no_abilities=frozenset({"forced_tool_choice"}))
    with pytest.raises(Unsupported):
        write_request(asked(tools=(F,), tool_choice=ToolChoice("required")), where)


# --- the shape of the answer ---------------------------------------------------------------------------------------------


def format_of(schema: Any, dialect: str = "openai-chat") -> Any:
    output = OutputFormat("json_schema", Raw(json.dumps(schema).encode()), name="n", strict=True)
    return written(output=output, dialect=dialect)["output_config"]["format"]


def test_objects_of_a_schema_are_closed_wherever_they_stand() -> None:
    leaf = {"type": "object", "properties": {"a": {"type": "string"}}}
    closed = {**leaf, "additionalProperties": False}
    assert format_of(
        {
            "type": "object",
            "properties": {
                "one": leaf,
                "many": {"type": "array", "items": leaf},
                "some": {"anyOf": [leaf, {}]},
                "one of": {"oneOf": [leaf]},
            },
            "$defs": {"D": leaf},
            "definitions": {"E": leaf},
            "allOf": [leaf],
            "enum": [{"properties": {}}],
        }
    ) == {
        "type": "json_schema",
        "schema": {
            "type": "object",
            "properties": {
                "one": closed,
                "many": {"type": "array", "items": closed},
                "some": {"anyOf": [closed, {}]},
                "one of": {"oneOf": [closed]},
            },
            "$defs": {"D": closed},
            "definitions": {"E": closed},
            "allOf": [leaf],
            "enum": [{"properties": {}}],
            "additionalProperties": False,
        },
    }


@pytest.mark.parametrize(
    "schema", [{"type": "object", "properties": {}, "additionalProperties": True}, {"type": "string"}]
)
def test_a_schema_that_says_how_open_it_is_stays(schema: dict[str, Any]) -> None:
    assert format_of(schema)["schema"] == schema


def test_a_schema_in_anthropics_own_dialect_is_not_touched() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    assert format_of(schema, "anthropic-messages")["schema"] == schema


def test_an_effort_and_a_format_stand_together() -> None:
    value = written(reasoning=ReasoningAsk(effort="low"), output=OutputFormat("json_schema", Raw(b'{"type":"string"}')))
    assert value["output_config"] == {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "string"}}}
    assert value["thinking"] == {"type": "adaptive"}


def test_just_any_json_cannot_be_assured() -> None:
    with pytest.raises(Unsupported) as caught:
        write_request(asked(output=OutputFormat("json_object"), fields={"response_format": Raw(b"{}")}), target())
    assert caught.value.param == "response_format"


# --- what cannot be ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 2}, "n"),
        ({"stop": ("END", "\n\n")}, "stop"),
        ({"bound": "previous_response_id", "dialect": "openai-responses"}, "previous_response_id"),
    ],
)
def test_what_no_claude_can_do_is_an_error(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(Unsupported) as caught:
        write_request(asked(**fields), target())
    assert caught.value.param == param


def test_one_answer_is_what_is_given_anyway() -> None:
    where = target()
    assert "n" not in written(where, n=1)
    assert where.dropped == []


def test_what_anthropic_keeps_binds_nobody_in_its_own_dialect() -> None:
    request = asked(
        dialect="anthropic-messages", bound="container", unknown=("container",), fields={"container": Raw(b'"c"')}
    )
    assert json.loads(write_request(request, target()))["container"] == "c"


NO_PREFILL = frozenset({"prefill"})
BEGUN = (HI, Message("assistant", (Text("The answer is ("),)))


def test_an_answer_may_be_begun_where_the_model_can_go_on() -> None:
    (_, begun) = json.loads(write_request(asked(messages=BEGUN), target()))["messages"]
    assert begun == {"role": "assistant", "content": "The answer is ("}


def test_an_answer_that_is_begun_is_an_error_where_the_model_cannot() -> None:
    where = target(no_abilities=NO_PREFILL)
    with pytest.raises(Unsupported) as caught:
        write_request(asked(messages=BEGUN), where)
    assert caught.value.param == "messages"
    require_prefill(asked(), where)
    require_prefill(asked(messages=()), where)


# --- sampling ------------------------------------------------------------------------------------------------------------

THINKS = ReasoningAsk(effort="low")


@pytest.mark.parametrize(
    ("fields", "sent", "dropped"),
    [
        ({"temperature": 0.5}, {"temperature": 0.5}, []),
        ({"temperature": 0.0, "top_k": 5}, {"temperature": 0.0, "top_k": 5}, []),
        ({"top_p": 0.5}, {"top_p": 0.5}, []),
        ({"temperature": 0.5, "top_p": 0.5}, {"temperature": 0.5}, ["top_p"]),
        ({"temperature": 0.5, "top_p": 1.0}, {"temperature": 0.5}, []),
        ({"reasoning": THINKS, "temperature": 0.5, "top_k": 5}, {}, ["temperature", "top_k"]),
        ({"reasoning": THINKS, "temperature": 1.0}, {"temperature": 1.0}, []),
        ({"reasoning": THINKS, "top_p": 0.95}, {"top_p": 0.95}, []),
        ({"reasoning": THINKS, "top_p": 0.9}, {}, ["top_p"]),
        ({"reasoning": THINKS, "temperature": 0.5, "top_p": 0.95}, {"top_p": 0.95}, ["temperature"]),
        ({"reasoning": ReasoningAsk(enabled=False), "temperature": 0.5}, {"temperature": 0.5}, []),
    ],
)
def test_sampling_goes_as_far_as_anthropic_takes_it(
    fields: dict[str, Any], sent: dict[str, Any], dropped: list[str]
) -> None:
    where = target(temperature_max=1.0)
    value = written(where, **fields)
    assert {name: value[name] for name in value if name in ("temperature", "top_p", "top_k")} == sent
    assert where.dropped == dropped


def test_a_temperature_out_of_range_is_an_error_unless_it_is_dropped_anyway() -> None:
    with pytest.raises(InvalidField) as caught:
        written(target(temperature_max=1.0), temperature=1.2)
    assert caught.value.param == "temperature"
    where = target(temperature_max=1.0, refuses=frozenset({"temperature"}))
    assert "temperature" not in written(where, temperature=1.2)
    assert where.dropped == ["temperature"]


# --- the rest ------------------------------------------------------------------------------------------------------------


def test_what_both_know_is_sent() -> None:
    value = written(stop=("A", "B"), user="u-1", service_tier="default", stream=True)
    assert value == {
        "max_tokens": 4096,
        "stop_sequences": ["A", "B"],
        "metadata": {"user_id": "u-1"},
        "service_tier": "standard_only",
        "stream": True,
    }


@pytest.mark.parametrize(
    ("fields", "dropped"),
    [
        ({"seed": 0, "prompt_cache_key": "k", "top_logprobs": 0}, ["seed", "prompt_cache_key", "top_logprobs"]),
        (
            {"frequency_penalty": 0.1, "presence_penalty": -0.1, "logprobs": True, "metadata": {"a": "b"}},
            ["frequency_penalty", "presence_penalty", "logprobs", "metadata"],
        ),
        ({"frequency_penalty": 0.0, "presence_penalty": 0.0, "logprobs": False, "metadata": {}}, []),
        ({"service_tier": "flex"}, ["service_tier"]),
        ({"unknown": ("logit_bias",), "fields": {"logit_bias": Raw(b"{}")}}, ["logit_bias"]),
    ],
)
def test_what_anthropic_does_not_know_is_named(fields: dict[str, Any], dropped: list[str]) -> None:
    where = target(default_max_tokens=4096)
    assert written(where, **fields) == {"max_tokens": 4096}
    assert where.dropped == dropped


def test_a_refused_field_is_named_in_the_callers_word() -> None:
    where = target(refuses=frozenset({"stop_sequences"}))
    written(where, stop=("A",))
    assert where.dropped == ["stop"]
    where = target(refuses=frozenset({"output_config"}))
    written(where, reasoning=THINKS, fields={"reasoning_effort": Raw(b'"low"')})
    assert where.dropped == ["reasoning_effort"]
    where = target(refuses=frozenset({"stop_sequences"}))
    written(where, stop=("A",), dialect="anthropic-messages")
    assert where.dropped == ["stop_sequences"]


def test_a_field_goes_under_the_name_that_the_vendor_knows() -> None:
    where = target(renames={"max_tokens": "max_output_tokens"})
    assert json.loads(write_request(asked(max_tokens=5), where))["max_output_tokens"] == 5


# --- tool loops ----------------------------------------------------------------------------------------------------------


def loop(*before: Reasoning) -> tuple[Message, ...]:
    call = Message("assistant", (*before, ToolCall("t", "f", "{}")))
    return (HI, call, Message("tool", (ToolResult("t", (Text("r"),)),)))


def test_a_budget_is_not_asked_for_in_a_loop_whose_thinking_stayed_behind() -> None:
    where = target(reasoning_style="thinking")
    ask = ReasoningAsk(budget_tokens=2000)
    foreign = loop(Reasoning(text="Hm.", opaque="SIG", origin=OTHER_ORIGIN))
    assert "thinking" not in written(where, messages=foreign, tools=(F,), reasoning=ask)
    assert where.dropped == ["reasoning"]
    ours = loop(Reasoning(text="Hm.", opaque="SIG", origin=ORIGIN))
    assert written(target(reasoning_style="thinking"), messages=ours, tools=(F,), reasoning=ask)["thinking"] == {
        "type": "enabled",
        "budget_tokens": 2000,
    }


@pytest.mark.parametrize(
    ("messages", "lacks"),
    [
        ([], False),
        ([{"role": "user", "content": "hi"}], False),
        ([{"role": "assistant", "content": "a"}, {"role": "user", "content": "b"}], False),
        (
            [
                {"role": "assistant", "content": [{"type": "tool_use"}]},
                {"role": "user", "content": [{"type": "tool_result"}, {"type": "text"}]},
            ],
            True,
        ),
        (
            [
                {"role": "assistant", "content": [{"type": "redacted_thinking"}, {"type": "tool_use"}]},
                {"role": "user", "content": [{"type": "tool_result"}]},
            ],
            False,
        ),
        (
            [
                {"role": "assistant", "content": [{"type": "tool_use"}]},
                {"role": "user", "content": [{"type": "tool_result"}]},
                {"role": "assistant", "content": "done"},
            ],
            False,
        ),
    ],
)
def test_only_a_loop_that_is_still_open_counts(messages: list[Any], lacks: bool) -> None:
    assert lacks_thinking(messages) is lacks


# --- counting ------------------------------------------------------------------------------------------------------------


def test_to_count_only_what_has_tokens_is_sent() -> None:
    fields: dict[str, Any] = {
        "messages": (Message("system", (Text("s"),)), HI),
        "tools": (F,),
        "tool_choice": ToolChoice("auto"),
        "reasoning": THINKS,
        "max_tokens": 9,
        "temperature": 1.0,
        "stop": ("A",),
        "user": "u",
        "stream": True,
    }
    assert set(checked_count(write_count(asked(**fields), target()))) == {
        *("model", "messages", "system", "tools", "tool_choice", "thinking", "output_config"),
    }
