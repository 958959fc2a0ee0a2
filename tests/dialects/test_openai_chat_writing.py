"""A request in our words, written for a Chat vendor."""

import json
from typing import Any

import msgspec
import pytest
from msgspec import Raw
from openai.types.chat import CompletionCreateParams

from dialects.chat_sdk import ORIGIN, OTHER_ORIGIN, fixture, target
from dialects.judging import judge
from freehold.dialects.dialect import Target
from freehold.dialects.openai_chat_reading import read_request
from freehold.dialects.openai_chat_writing import write_request
from freehold.errors import InvalidField, Unsupported
from freehold.messages import (
    Audio,
    File,
    Image,
    Message,
    Opaque,
    OutputFormat,
    Part,
    Reasoning,
    ReasoningAsk,
    Refusal,
    Request,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)

HI = (Message("user", (Text("hi"),)),)


def written(request: Request, where: Target | None = None) -> dict[str, Any]:
    """The body as JSON, after the SDK's own type has taken it."""
    value = json.loads(write_request(request, where or target()))
    judge(CompletionCreateParams).validate_python(value)
    return value


def asked(**fields: Any) -> Request:
    given: dict[str, Any] = {"dialect": "anthropic-messages", "model": "w", "messages": HI}
    return Request(**(given | fields))


def message(role: Any, *parts: Part, **traits: Any) -> dict[str, Any]:
    return written(asked(messages=(Message(role, parts),)), target(**traits))["messages"][0]


# --- fields --------------------------------------------------------------------------------------------------------------


def test_a_small_request_is_small() -> None:
    assert written(asked()) == {"model": "gpt-x", "messages": [{"role": "user", "content": "hi"}]}


def test_every_field_that_chat_has_is_written() -> None:
    request = asked(
        tools=(Tool("f", "Does.", Raw(b'{"type":"object"}'), strict=True),),
        tool_choice=ToolChoice("function", "f"),
        parallel_tool_calls=True,
        output=OutputFormat("json_schema", Raw(b'{"type":"object"}'), "a", "An a.", strict=False),
        reasoning=ReasoningAsk(effort="low"),
        max_tokens=9,
        temperature=0.5,
        top_p=0.9,
        stop=("a", "b"),
        seed=3,
        frequency_penalty=0.1,
        presence_penalty=0.2,
        logprobs=True,
        top_logprobs=2,
        n=2,
        user="u",
        service_tier="flex",
        prompt_cache_key="k",
        metadata={"a": "b"},
        stream=True,
    )
    where = target()
    assert written(request, where) == {
        "model": "gpt-x",
        "messages": [{"role": "user", "content": "hi"}],
        "tools": [
            {
                "type": "function",
                "function": {"name": "f", "description": "Does.", "parameters": {"type": "object"}, "strict": True},
            }
        ],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "parallel_tool_calls": True,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "a", "description": "An a.", "schema": {"type": "object"}, "strict": False},
        },
        "reasoning_effort": "low",
        "max_tokens": 9,
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ["a", "b"],
        "seed": 3,
        "frequency_penalty": 0.1,
        "presence_penalty": 0.2,
        "logprobs": True,
        "top_logprobs": 2,
        "n": 2,
        "user": "u",
        "service_tier": "flex",
        "prompt_cache_key": "k",
        "metadata": {"a": "b"},
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert where.dropped == []


def test_what_was_read_is_written_again() -> None:
    """The fixture through our words and back says the same, but for what the vendor has no use for."""
    value = written(read_request(fixture("request.json")), target(reasoning_field="reasoning_content"))
    before = json.loads(fixture("request.json"))
    before["model"] = "gpt-x"
    before["stream_options"] = {"include_usage": True}
    before["max_tokens"] = before.pop("max_completion_tokens")
    before["messages"][1]["content"][0].pop("cache_control")
    before["messages"][2].pop("reasoning_content")
    before["messages"][2]["reasoning_details"][0]["signature"] = "SIG+/=="
    before["messages"][3]["content"] = "A cat."
    assert value == before


def test_what_chat_has_no_word_for_is_named() -> None:
    where = target()
    request = asked(top_k=5, service_tier="standard_only", unknown=("container", "mcp_servers"))
    assert written(request, where).keys() == {"model", "messages"}
    assert where.dropped == ["service_tier", "top_k", "container", "mcp_servers"]


def test_unknown_fields_of_the_same_dialect_are_kept() -> None:
    request = asked(dialect="openai-chat", fields={"verbosity": Raw(b'"low"')}, unknown=("verbosity",))
    assert written(request)["verbosity"] == "low"


def test_any_json_may_be_asked_for() -> None:
    assert written(asked(output=OutputFormat("json_object")))["response_format"] == {"type": "json_object"}
    plain = written(asked(output=OutputFormat("json_schema", Raw(b"{}"))))["response_format"]
    assert plain == {"type": "json_schema", "json_schema": {"name": "answer", "schema": {}}}


# --- traits --------------------------------------------------------------------------------------------------------------


def test_refused_fields_are_dropped_and_named_in_the_callers_words() -> None:
    where = target(refuses=frozenset({"temperature", "stop"}), renames={"max_tokens": "max_completion_tokens"})
    value = written(asked(temperature=0.5, stop=("x",), max_tokens=7), where)
    assert value == {"model": "gpt-x", "messages": [{"role": "user", "content": "hi"}], "max_completion_tokens": 7}
    assert where.dropped == ["temperature", "stop_sequences"]


def test_usage_is_not_asked_for_where_that_is_refused() -> None:
    where = target(refuses=frozenset({"stream_options"}))
    assert "stream_options" not in written(asked(stream=True), where)
    assert where.dropped == []


def test_a_temperature_that_is_too_high_is_an_error_and_not_clamped() -> None:
    with pytest.raises(InvalidField) as caught:
        write_request(asked(temperature=1.5), target(temperature_max=1.0))
    assert caught.value.param == "temperature"
    assert written(asked(temperature=1.0), target(temperature_max=1.0))["temperature"] == 1.0


def test_a_missing_ability_is_an_error() -> None:
    with pytest.raises(Unsupported):
        write_request(asked(tools=(Tool("f"),)), target(no_abilities=frozenset({"tools"})))


@pytest.mark.parametrize(("role", "wanted"), [("system", "system"), ("developer", "system"), ("user", "user")])
def test_the_operators_words_go_under_the_role_that_the_vendor_knows(role: str, wanted: str) -> None:
    assert message(role, Text("Be terse."), system_role="system")["role"] == wanted


def test_a_tool_that_chat_does_not_have_is_an_error() -> None:
    with pytest.raises(Unsupported) as caught:
        write_request(asked(tools=(Tool("web_search", kind="web_search_20250305"),)), target())
    assert "web_search_20250305" in caught.value.sentence


# --- messages ------------------------------------------------------------------------------------------------------------


def test_texts_are_one_string_since_some_vendors_take_nothing_else() -> None:
    assert message("system", Text("a"), Text("b"))["content"] == "a\n\nb"
    assert message("assistant", Text("a"), Text("b"))["content"] == "ab"


def test_pictures_sounds_and_files_are_parts() -> None:
    assert message(
        "user",
        Text("a"),
        Image(media_type="image/png", data="AA", detail="high"),
        Image(url="https://x.test/i"),
        Audio("BB", "mp3"),
        File(media_type="application/pdf", data="CC", filename="c.pdf"),
        File(file_id="file-1"),
        File(text="plain"),
    )["content"] == [
        {"type": "text", "text": "a"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA", "detail": "high"}},
        {"type": "image_url", "image_url": {"url": "https://x.test/i"}},
        {"type": "input_audio", "input_audio": {"data": "BB", "format": "mp3"}},
        {"type": "file", "file": {"filename": "c.pdf", "file_data": "data:application/pdf;base64,CC"}},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "text", "text": "plain"},
    ]


def test_an_assistants_turn_keeps_its_calls_and_refusal() -> None:
    assert message("assistant", ToolCall("c", "f", '{"x":1'), ToolCall("d", "g", "")) == {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"x":1'}},
            {"id": "d", "type": "function", "function": {"name": "g", "arguments": "{}"}},
        ],
    }
    assert message("assistant", Refusal("No.")) == {"role": "assistant", "content": None, "refusal": "No."}
    assert message("assistant") == {"role": "assistant", "content": ""}


def test_each_result_of_a_tool_is_a_message() -> None:
    results = Message("tool", (ToolResult("a", (Text("1"), Text("2"))), ToolResult("b", (), is_error=True)))
    where = target()
    assert written(asked(messages=(results,)), where)["messages"] == [
        {"role": "tool", "tool_call_id": "a", "content": "1\n\n2"},
        {"role": "tool", "tool_call_id": "b", "content": ""},
    ]
    assert where.dropped == ["is_error"]


def test_marks_for_the_cache_are_named_once() -> None:
    where = target()
    marked = (Message("system", (Text("a", "5m"),)), Message("user", (Text("b", "1h"), Text("c"))))
    written(asked(messages=marked, tools=(Tool("f", cache="5m"),)), where)
    assert where.dropped == ["cache_control"]


@pytest.mark.parametrize(
    ("role", "part"),
    [
        ("tool", ToolResult("c", (Image(data="AA"),))),
        ("tool", ToolResult("c", (File(data="AA"),))),
        ("tool", Opaque("openai-chat", "function")),
        ("user", Image(file_id="file-1")),
        ("user", File(url="https://x.test/a.pdf")),
        ("user", Opaque("anthropic-messages", "search_result")),
        ("assistant", Opaque("anthropic-messages", "server_tool_use")),
        ("assistant", Image(data="AA")),
    ],
)
def test_a_part_that_chat_has_no_place_for_is_an_error(role: Any, part: Part) -> None:
    with pytest.raises(Unsupported) as caught:
        write_request(asked(messages=(Message(role, (part,)),)), target())
    assert "'gpt-x'" in caught.value.sentence
    assert caught.value.advice


# --- reasoning -----------------------------------------------------------------------------------------------------------

OURS = Reasoning(text="Hm.", opaque="S", origin=ORIGIN)
FOREIGN = Reasoning(text="Hm.", opaque="S", origin=OTHER_ORIGIN)
UNKNOWN = Reasoning(text="Hm.", opaque="S")
READABLE = Reasoning(text="Hm.")


def turn(*thoughts: Reasoning, **traits: Any) -> tuple[dict[str, Any], list[str]]:
    where = target(**traits)
    parts = (*thoughts, Text("Done."))
    wire = json.loads(write_request(asked(messages=(Message("assistant", parts),)), where))["messages"][0]
    return {name: wire[name] for name in wire if name.startswith("reasoning")}, where.dropped


def test_our_own_artefacts_go_back_unsealed() -> None:
    fields, dropped = turn(OURS)
    assert fields == {"reasoning_details": [{"type": "reasoning.text", "text": "Hm.", "signature": "S", "index": 0}]}
    assert dropped == []


@pytest.mark.parametrize("thought", [FOREIGN, UNKNOWN, READABLE])
def test_what_this_vendor_cannot_read_is_dropped_and_named(thought: Reasoning) -> None:
    assert turn(thought) == ({}, ["reasoning"])


def test_a_readable_chain_goes_back_where_it_is_wanted() -> None:
    wants = {"reasoning_field": "reasoning_content", "returns_reasoning": True}
    assert turn(READABLE, **wants) == ({"reasoning_content": "Hm."}, [])
    assert turn(FOREIGN, **wants) == ({"reasoning_content": "Hm."}, ["reasoning"])
    assert turn(**wants) == ({"reasoning_content": ""}, [])


def test_the_schema_of_a_tool_stays_as_it_was_written() -> None:
    raw = b'{ "type":"object",  "x": 1.50 }'
    assert raw in write_request(asked(tools=(Tool("f", parameters=Raw(raw)),)), target())


def test_a_request_is_not_changed_by_writing_it() -> None:
    request = read_request(fixture("request.json"))
    before = msgspec.json.encode(request)
    write_request(request, target())
    assert msgspec.json.encode(request) == before
