"""A caller's Messages request in our words: nothing that it says is lost, and what has no place here is named."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from dialects.messages_sdk import ORIGIN, body, fixture, request_of
from freehold.dialects.anthropic_request import read_count, read_request
from freehold.errors import InvalidField
from freehold.messages import (
    File,
    Image,
    Message,
    Opaque,
    OutputFormat,
    Part,
    Reasoning,
    ReasoningAsk,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)

PIXEL = "iVBORw0KGgo="


def read_turn(*content: Any, role: str = "user", **fields: Any) -> tuple[Message, ...]:
    return request_of(messages=[{"role": role, "content": list(content)}], **fields).messages


def only_part(*content: Any, role: str = "user") -> Part:
    ((part,),) = [message.parts for message in read_turn(*content, role=role)]
    return part


# --- everything at once --------------------------------------------------------------------------------------------------


def test_a_rich_conversation_is_read_whole() -> None:
    assert read_request(fixture("request.json")).messages == (
        Message("system", (Text("You are terse."), Text("Answer in English. – né", cache="1h"))),
        Message(
            "user",
            (
                Text("Compare the pictures with the report.", cache="5m"),
                Image(media_type="image/png", data=PIXEL),
                Image(url="https://example.com/a.jpg"),
                File(media_type="application/pdf", data="JVBERi0xLjQ=", filename="report.pdf"),
                File(text="Rain.", filename="notes.txt"),
                File(url="https://example.com/b.pdf"),
            ),
        ),
        Message(
            "assistant",
            (
                Reasoning(text="Two cities – I call the tool twice.", opaque="EqQBCgIYAhIM+/first==", origin=ORIGIN),
                Reasoning(opaque="EmwKAhgB+/hidden==", origin=ORIGIN, redacted=True),
                Text("Let me look."),
                ToolCall("toolu_01", "get_weather", '{\n            "city": "Évora"\n          }'),
                ToolCall("toolu_02", "get_map", "{}"),
            ),
        ),
        Message("tool", (ToolResult("toolu_01", (Text("22 degrees"),)),)),
        Message(
            "tool",
            (ToolResult("toolu_02", (Text("half a map"), Image(media_type="image/png", data=PIXEL)), is_error=True),),
        ),
        Message("user", (Text("And tomorrow?"),)),
    )


def test_rich_options_are_read_whole() -> None:
    request = read_request(fixture("request.json"))
    weather, chart = request.tools
    assert (weather.name, weather.description, weather.strict) == ("get_weather", "The weather of a city.", True)
    assert json.loads(bytes(weather.parameters or b""))["required"] == ["city"]
    assert (chart.kind, chart.cache, chart.strict) == ("function", "5m", None)
    assert (request.tool_choice, request.parallel_tool_calls) == (ToolChoice("auto"), False)
    assert request.reasoning == ReasoningAsk(effort="high", adaptive=True, summary="auto")
    assert request.output is not None
    assert json.loads(bytes(request.output.schema or b""))["required"] == ["degrees"]
    assert (request.dialect, request.model, request.operation) == ("anthropic-messages", "workload", "generate")
    assert (request.max_tokens, request.stop, request.user) == (4096, ("END",), "u-1")
    assert (request.service_tier, request.stream, request.stream_usage) == ("auto", True, True)
    assert (request.unknown, request.bound) == (("inference_geo",), None)


# --- the cap -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fields", [{}, {"max_tokens": None}])
def test_an_answer_needs_a_cap(fields: dict[str, Any]) -> None:
    data = json.loads(body())
    del data["max_tokens"]
    with pytest.raises(InvalidField) as caught:
        read_request(json.dumps({**data, **fields}).encode())
    assert caught.value.param == "max_tokens"


def test_a_count_needs_no_cap() -> None:
    request = read_count(b'{"model":"m","messages":[{"role":"user","content":"hi"}]}', "anthropic-count-tokens")
    assert (request.operation, request.dialect, request.max_tokens) == ("count_tokens", "anthropic-count-tokens", None)


def test_a_cap_of_zero_is_a_cap() -> None:
    assert request_of(max_tokens=0).max_tokens == 0


# --- turns ---------------------------------------------------------------------------------------------------------------


def test_a_string_is_one_text() -> None:
    assert request_of(system="Be kind.").messages == (
        Message("system", (Text("Be kind."),)),
        Message("user", (Text("hi"),)),
    )


@pytest.mark.parametrize("system", ["", [], None])
def test_an_empty_system_prompt_was_not_said(system: Any) -> None:
    assert [message.role for message in request_of(system=system).messages] == ["user"]


def test_an_instruction_in_the_middle_keeps_its_place() -> None:
    turns = [{"role": role, "content": "a"} for role in ("user", "assistant", "system", "user")]
    assert [message.role for message in request_of(messages=turns).messages] == ["user", "assistant", "system", "user"]


def test_results_become_messages_of_their_own_before_the_users_words() -> None:
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "1"}
    other = {"type": "tool_result", "tool_use_id": "t2"}
    assert read_turn({"type": "text", "text": "So?"}, result, other) == (
        Message("tool", (ToolResult("t1", (Text("1"),)),)),
        Message("tool", (ToolResult("t2", ()),)),
        Message("user", (Text("So?"),)),
    )


def test_a_turn_of_results_leaves_no_empty_turn_behind() -> None:
    assert [m.role for m in read_turn({"type": "tool_result", "tool_use_id": "t", "content": "1"})] == ["tool"]


def test_an_empty_turn_is_still_a_turn() -> None:
    assert request_of(messages=[{"role": "assistant", "content": []}]).messages == (Message("assistant", ()),)


def test_a_prefill_is_the_assistants_last_message() -> None:
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "The answer is ("}]
    assert request_of(messages=turns).messages[-1] == Message("assistant", (Text("The answer is ("),))


@pytest.mark.parametrize(
    ("role", "block", "path"),
    [
        ("user", {"type": "tool_use", "id": "t", "name": "f", "input": {}}, "messages[0].content[0]"),
        ("assistant", {"type": "tool_result", "tool_use_id": "t"}, "messages[0].content[0]"),
        ("assistant", {"type": "tool_use", "id": "t", "name": "f", "input": []}, "messages[0].content[0].input"),
        ("assistant", {"type": "tool_use", "id": "t", "name": "f", "input": "{}"}, "messages[0].content[0].input"),
        ("user", {"type": "image", "source": {"type": "base64"}}, "messages[0].content[0].source.data"),
        ("user", {"type": "image", "source": {"type": "url"}}, "messages[0].content[0].source.url"),
        ("user", {"type": "document", "source": {"type": "file"}}, "messages[0].content[0].source.file_id"),
        (
            "user",
            {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "image", "source": {"type": "url"}}]},
            "messages[0].content[0].content[0].source.url",
        ),
    ],
)
def test_a_block_that_cannot_stand_there_is_named_by_its_path(role: str, block: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidField) as caught:
        read_turn(block, role=role)
    assert caught.value.param == path


# --- parts ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ({"type": "text", "text": ""}, Text("")),
        (
            {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
            Text("a", cache="1h"),
        ),
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/webp", "data": "UklG"}},
            Image(media_type="image/webp", data="UklG"),
        ),
        ({"type": "image", "source": {"type": "file", "file_id": "f_1"}}, Image(file_id="f_1")),
        (
            {"type": "image", "source": {"type": "url", "url": "u"}, "cache_control": {"type": "ephemeral"}},
            Image(url="u", cache="5m"),
        ),
        (
            {"type": "document", "source": {"type": "file", "file_id": "f_1"}, "title": "t"},
            File(file_id="f_1", filename="t"),
        ),
        ({"type": "document", "source": {"type": "content", "content": "a"}}, File(text="a")),
        (
            {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "a"}]}},
            Opaque("anthropic-messages", "document"),
        ),
        ({"type": "image", "source": {"type": "s3", "uri": "u"}}, Opaque("anthropic-messages", "image")),
        ({"type": "search_result", "source": "u"}, Opaque("anthropic-messages", "search_result")),
    ],
)
def test_each_kind_of_content_has_its_part(block: dict[str, Any], part: Part) -> None:
    assert only_part(block) == part


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ({"type": "thinking", "thinking": "Hm.", "signature": "SIG+/=="}, Reasoning(text="Hm.", opaque="SIG+/==")),
        (
            {"type": "thinking", "thinking": "", "signature": f"fh1.{ORIGIN}.SIG"},
            Reasoning(opaque="SIG", origin=ORIGIN),
        ),
        ({"type": "thinking", "thinking": "Hm."}, Reasoning(text="Hm.")),
        (
            {"type": "thinking", "thinking": "Hm.", "signature": "fh1.short.SIG"},
            Reasoning(text="Hm.", opaque="fh1.short.SIG"),
        ),
        ({"type": "redacted_thinking", "data": "D+/=="}, Reasoning(opaque="D+/==", redacted=True)),
    ],
)
def test_an_artefact_is_read_with_its_maker(block: dict[str, Any], part: Reasoning) -> None:
    assert only_part(block, role="assistant") == part


@given(st.text(max_size=20), st.text(min_size=1, max_size=20).filter(lambda text: not text.startswith("fh1.")))
def test_thinking_and_signature_are_read_byte_for_byte(thinking: str, signature: str) -> None:
    block = {"type": "thinking", "thinking": thinking, "signature": signature}
    assert only_part(block, role="assistant") == Reasoning(text=thinking, opaque=signature)


def test_arguments_stay_as_they_were_written() -> None:
    data = (
        b'{"model":"m","max_tokens":9,"messages":[{"role":"assistant","content":['
        b'{"type":"tool_use","id":"t","name":"f","input":{"n": 1.50,  "e":"\\u00e9"}}]}]}'
    )
    assert read_request(data).messages[0].parts == (ToolCall("t", "f", '{"n": 1.50,  "e":"\\u00e9"}'),)


def test_what_cannot_stand_in_a_result_stands_beside_it() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "search_result", "source": "u"}]
    assert read_turn({"type": "tool_result", "tool_use_id": "t", "content": parts}) == (
        Message("tool", (ToolResult("t", (Text("a"),)),)),
        Message("user", (Opaque("anthropic-messages", "search_result"),)),
    )


# --- what has no place ---------------------------------------------------------------------------------------------------


def test_unknown_fields_are_named_and_null_ones_were_not_said() -> None:
    request = request_of(cache_control={"type": "ephemeral"}, speed="fast", mcp_servers=[], container=None)
    assert request.unknown == ("cache_control", "speed", "mcp_servers")
    assert request.fields["speed"] == Raw(b'"fast"')


@pytest.mark.parametrize(
    ("more", "unknown"),
    [
        ({"context": "About rain."}, ("context",)),
        ({"citations": {"enabled": True}}, ("citations",)),
        ({"citations": {"enabled": False}}, ()),
    ],
)
def test_what_a_document_asks_beyond_its_content_is_named(more: dict[str, Any], unknown: tuple[str, ...]) -> None:
    block = {"type": "document", "source": {"type": "url", "url": "u"}, **more}
    assert request_of(messages=[{"role": "user", "content": [block]}]).unknown == unknown


@pytest.mark.parametrize(
    ("fields", "bound"),
    [
        ({"container": "c_1"}, "container"),
        (
            {"messages": [{"role": "user", "content": [{"type": "container_upload", "file_id": "f_1"}]}]},
            "container_upload",
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image", "source": {"type": "file", "file_id": "f"}}]}
                ]
            },
            "file_id",
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {
                                "type": "tool_result",
                                "tool_use_id": "t",
                                "content": [{"type": "document", "source": {"type": "file", "file_id": "f"}}],
                            }
                        ],
                    }
                ]
            },
            "file_id",
        ),
        ({"metadata": {"user_id": "u"}}, None),
    ],
)
def test_what_only_anthropic_keeps_binds_the_request(fields: dict[str, Any], bound: str | None) -> None:
    assert request_of(**fields).bound == bound


# --- options -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "wanted", "parallel"),
    [
        ({"type": "auto"}, ToolChoice("auto"), None),
        ({"type": "any"}, ToolChoice("required"), None),
        ({"type": "none"}, ToolChoice("none"), None),
        ({"type": "tool", "name": "f"}, ToolChoice("function", "f"), None),
        ({"type": "any", "disable_parallel_tool_use": True}, ToolChoice("required"), False),
        ({"type": "auto", "disable_parallel_tool_use": False}, ToolChoice("auto"), True),
    ],
)
def test_a_choice_of_tools_is_read(choice: dict[str, Any], wanted: ToolChoice, parallel: bool | None) -> None:
    request = request_of(tools=[{"name": "f", "input_schema": {"type": "object"}}], tool_choice=choice)
    assert (request.tool_choice, request.parallel_tool_calls) == (wanted, parallel)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"tools": [{"input_schema": {"type": "object"}}]}, "tools[0].name"),
        ({"tools": [{"name": "f", "input_schema": {"type": "object"}}, {"name": "g"}]}, "tools[1].input_schema"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
        ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format"),
        ({"output_config": {"format": {"type": "grammar", "schema": {}}}}, "output_config.format"),
    ],
)
def test_an_option_that_lacks_its_half_is_named(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidField) as caught:
        request_of(**fields)
    assert caught.value.param == path


def test_a_tool_of_anthropics_own_keeps_its_kind() -> None:
    tools = [{"type": "web_search_20260318", "name": "web_search", "max_uses": 3}, {"type": "memory_20250818"}]
    assert request_of(tools=tools).tools == (
        Tool("web_search", kind="web_search_20260318", max_uses=3),
        Tool("memory_20250818", kind="memory_20250818"),
    )


def test_examples_of_a_tool_are_named() -> None:
    assert request_of(tools=[{"name": "f", "input_schema": {"type": "object"}, "input_examples": [{}]}]).unknown == (
        "input_examples",
    )


@pytest.mark.parametrize(
    ("fields", "ask"),
    [
        ({}, None),
        ({"thinking": None, "output_config": {}}, None),
        ({"output_config": {"effort": "low"}}, ReasoningAsk(effort="low")),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 2048}},
            ReasoningAsk(budget_tokens=2048, enabled=True),
        ),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 2048, "display": "omitted"}},
            ReasoningAsk(budget_tokens=2048, enabled=True, summary="omitted"),
        ),
        (
            {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "max"}},
            ReasoningAsk(effort="max", adaptive=True, summary="auto"),
        ),
        ({"thinking": {"type": "disabled"}}, ReasoningAsk(enabled=False)),
        (
            {"thinking": {"type": "between_tools"}, "output_config": {"effort": "low"}},
            ReasoningAsk(effort="low", enabled=False),
        ),
    ],
)
def test_a_wish_to_think_is_read(fields: dict[str, Any], ask: ReasoningAsk | None) -> None:
    request = request_of(**fields)
    assert (request.reasoning, request.unknown) == (ask, ())


def test_a_way_of_thinking_newer_than_this_code_is_named() -> None:
    request = request_of(thinking={"type": "hovering"}, output_config={"effort": "low"})
    assert (request.reasoning, request.unknown) == (ReasoningAsk(effort="low"), ("thinking",))


def test_a_schema_stays_as_it_was_written() -> None:
    data = body().replace(
        b'"max_tokens"', b'"output_config":{"format":{"type":"json_schema","schema":{ "a":1.0 }}},"max_tokens"'
    )
    assert read_request(data).output == OutputFormat("json_schema", Raw(b'{ "a":1.0 }'))


@pytest.mark.parametrize(("given_tier", "tier"), [("auto", "auto"), ("standard_only", "default"), (None, None)])
def test_the_ordinary_tier_has_our_name(given_tier: str | None, tier: str | None) -> None:
    assert request_of(service_tier=given_tier).service_tier == tier


def test_sampling_is_as_the_caller_gave_it() -> None:
    request = request_of(temperature=0.7, top_p=0.9, top_k=40)
    assert (request.temperature, request.top_p, request.top_k) == (0.7, 0.9, 40)


def test_the_cap_on_a_tool_that_runs_at_the_vendor_is_read_and_a_container_is_named() -> None:
    tool = {"type": "web_search_20250305", "name": "web_search", "max_uses": 4}
    request = read_request(body(container="container_1", tools=[tool]))
    assert request.tools[0].max_uses == 4
    assert request.references == ("container",)


def test_a_tool_that_a_block_brings_is_a_tool_of_the_request() -> None:
    search = {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}
    blocks = [
        {"type": "text", "text": "hi"},
        {"type": "tool_addition", "tool": {"type": "tool_definition", "definition": search}},
        {"type": "tool_addition", "tool": {"type": "tool_reference", "tool_name": "elsewhere"}},
    ]
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": blocks}]}
    assert read_request(json.dumps(body).encode()).tools == (
        Tool(name="web_search", kind="web_search_20250305", max_uses=2),
    )
    del search["type"]
    with pytest.raises(InvalidField, match="input_schema") as refused:
        read_request(json.dumps(body).encode())
    assert refused.value.param == "messages[0].content[1].tool.definition.input_schema"
