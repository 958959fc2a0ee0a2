import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from openai.types.responses.response_create_params import (
    ResponseCreateParamsNonStreaming,
    ResponseCreateParamsStreaming,
)

from dialects.judging import judge
from dialects.responses_sdk import ORIGIN, OTHER_ORIGIN, body, fixture, target
from freehold.dialects.responses_body import pass_request, write_request
from freehold.dialects.responses_request import read_request
from freehold.errors import InvalidField, Unsupported
from freehold.messages import (
    File,
    Image,
    Message,
    OutputFormat,
    Part,
    Reasoning,
    ReasoningAsk,
    Refusal,
    Request,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)

ASK = (Message("user", (Text("hi"),)),)
SCHEMA = Raw(b'{"type":"object","properties":{"a":{"type":"string"}}}')


def written(request: Request, **traits: Any) -> tuple[dict[str, Any], list[str]]:
    """The body as JSON, checked against the SDK's types, and what was named as dropped."""
    vendor = target(**traits)
    value: dict[str, Any] = json.loads(write_request(request, vendor))
    kind = ResponseCreateParamsStreaming if value.get("stream") else ResponseCreateParamsNonStreaming
    judge(kind).validate_python(value)
    return value, vendor.dropped


def chat(**fields: Any) -> Request:
    return Request(dialect="openai-chat", model="workload", messages=fields.pop("messages", ASK), **fields)


def passed(data: bytes, **traits: Any) -> tuple[bytes, list[str]]:
    vendor = target(**traits)
    return pass_request(read_request(data), data, vendor), vendor.dropped


# --- from our words --------------------------------------------------------------------------------------------------


def test_a_small_request_is_stateless_and_brings_its_reasoning_back() -> None:
    assert written(chat()) == (
        {
            "model": "gpt-6-sol",
            "input": [{"type": "message", "role": "user", "content": "hi"}],
            "include": ["reasoning.encrypted_content"],
            "store": False,
        },
        [],
    )


def test_everything_that_responses_has_is_carried() -> None:
    value, dropped = written(
        chat(
            tools=(Tool("f", "does f", SCHEMA, True), Tool("g")),
            tool_choice=ToolChoice("function", "f"),
            parallel_tool_calls=False,
            output=OutputFormat("json_schema", SCHEMA, "shape", "a shape", True),
            reasoning=ReasoningAsk(effort="low", summary="auto"),
            max_tokens=100,
            temperature=0.5,
            top_p=0.9,
            metadata={"a": "b"},
            service_tier="flex",
            prompt_cache_key="k",
            user="u",
            stream=True,
        )
    )
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    assert value == {
        "model": "gpt-6-sol",
        "input": [{"type": "message", "role": "user", "content": "hi"}],
        "tools": [
            {"type": "function", "name": "f", "description": "does f", "parameters": schema, "strict": True},
            {"type": "function", "name": "g", "parameters": {"type": "object", "properties": {}}, "strict": False},
        ],
        "tool_choice": {"type": "function", "name": "f"},
        "parallel_tool_calls": False,
        "text": {
            "format": {
                "type": "json_schema",
                "name": "shape",
                "description": "a shape",
                "schema": schema,
                "strict": True,
            }
        },
        "reasoning": {"effort": "low", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
        "max_output_tokens": 100,
        "temperature": 0.5,
        "top_p": 0.9,
        "metadata": {"a": "b"},
        "service_tier": "flex",
        "prompt_cache_key": "k",
        "safety_identifier": "u",
        "store": False,
        "stream": True,
    }
    assert dropped == []


def test_any_json_object_can_be_asked_for() -> None:
    assert written(chat(output=OutputFormat("json_object")))[0]["text"] == {"format": {"type": "json_object"}}


@pytest.mark.parametrize("mode", ["auto", "none", "required"])
def test_a_choice_is_one_word(mode: Any) -> None:
    assert written(chat(tool_choice=ToolChoice(mode)))[0]["tool_choice"] == mode


@pytest.mark.parametrize(
    ("fields", "dropped"),
    [
        ({"stop": ("END",)}, ["stop"]),
        ({"seed": 0}, ["seed"]),
        ({"top_k": 40}, ["top_k"]),
        ({"frequency_penalty": 0.5, "presence_penalty": 0.0}, ["frequency_penalty"]),
        ({"logprobs": True, "top_logprobs": 2}, ["logprobs", "top_logprobs"]),
        ({"logprobs": False, "n": 1, "stop": ()}, []),
        ({"unknown": ("logit_bias", "modalities")}, ["logit_bias", "modalities"]),
        ({"service_tier": "standard_only"}, ["service_tier"]),
        ({"tools": (Tool("f", cache="5m"),)}, ["cache_control"]),
    ],
)
def test_what_responses_has_no_field_for_is_named(fields: dict[str, Any], dropped: list[str]) -> None:
    value, named = written(chat(**fields))
    assert named == dropped
    assert not {"stop", "seed", "top_k", "top_logprobs", "service_tier"} & set(value)


def test_what_is_dropped_is_named_in_the_callers_words() -> None:
    fields = {"stop_sequences": Raw(b'["END"]'), "max_tokens": Raw(b"5"), "thinking": Raw(b"{}")}
    request = Request(
        dialect="anthropic-messages",
        model="m",
        messages=ASK,
        stop=("END",),
        max_tokens=5,
        reasoning=ReasoningAsk(enabled=True, budget_tokens=5000),
        fields=fields,
    )
    _, dropped = written(request, refuses=frozenset({"max_output_tokens", "reasoning"}))
    assert sorted(dropped) == ["max_tokens", "stop_sequences", "thinking", "thinking.budget_tokens"]


@pytest.mark.parametrize(
    ("ask", "traits", "wanted"),
    [
        (ReasoningAsk(effort="max"), {"efforts": {"max": "xhigh"}}, {"effort": "xhigh"}),
        (ReasoningAsk(enabled=False), {}, {"effort": "none"}),
        (ReasoningAsk(enabled=False), {"efforts": {"none": "minimal"}}, {"effort": "minimal"}),
        (ReasoningAsk(enabled=True, budget_tokens=1024), {}, {"effort": "low"}),
        (ReasoningAsk(enabled=True, budget_tokens=8000), {}, {"effort": "medium"}),
        (ReasoningAsk(enabled=True, budget_tokens=20000), {}, {"effort": "high"}),
        (ReasoningAsk(adaptive=True), {}, None),
        (ReasoningAsk(effort="low", summary="omitted"), {}, {"effort": "low"}),
        (ReasoningAsk(summary="detailed"), {}, {"summary": "detailed"}),
    ],
)
def test_thinking_is_asked_for_in_efforts(ask: ReasoningAsk, traits: dict[str, Any], wanted: Any) -> None:
    assert written(chat(reasoning=ask), **traits)[0].get("reasoning") == wanted


def test_a_vendor_that_does_not_reason_is_not_asked_to() -> None:
    value, dropped = written(chat(reasoning=ReasoningAsk(effort="high")), reasoning_style="none")
    assert "reasoning" not in value
    assert "include" not in value
    assert dropped == ["reasoning"]


def test_refused_fields_are_dropped_and_renamed_ones_renamed() -> None:
    value, dropped = written(
        chat(temperature=0.5, user="u"),
        refuses=frozenset({"temperature", "include", "store"}),
        renames={"safety_identifier": "user"},
    )
    assert value == {
        "model": "gpt-6-sol",
        "input": [{"type": "message", "role": "user", "content": "hi"}],
        "user": "u",
    }
    assert dropped == ["temperature"]


def test_a_temperature_above_what_the_vendor_takes_is_an_error() -> None:
    with pytest.raises(InvalidField) as caught:
        written(chat(temperature=1.5), temperature_max=1.0)
    assert caught.value.param == "temperature"


def test_more_than_one_answer_is_an_error() -> None:
    with pytest.raises(Unsupported) as caught:
        written(chat(n=2))
    assert caught.value.param == "n"


@pytest.mark.parametrize("operation", ["embed", "count_tokens"])
def test_responses_only_generates(operation: Any) -> None:
    with pytest.raises(Unsupported):
        written(chat(operation=operation))


@pytest.mark.parametrize(
    ("fields", "ability"),
    [
        ({"tools": (Tool("f"),)}, "tools"),
        ({"output": OutputFormat("json_schema", SCHEMA)}, "json_schema"),
        ({"stream": True}, "streaming"),
        ({"messages": (Message("user", (Image(url="https://e.com"),)),)}, "vision"),
        ({"tools": (Tool("f"),), "tool_choice": ToolChoice("required")}, "forced_tool_choice"),
    ],
)
def test_an_ability_that_is_missing_is_an_error_in_both_ways(fields: dict[str, Any], ability: str) -> None:
    vendor = target(no_abilities=frozenset({ability}))
    with pytest.raises(Unsupported):
        write_request(chat(**fields), vendor)
    with pytest.raises(Unsupported):
        pass_request(chat(**fields), b"{}", vendor)


def test_a_tool_of_another_dialect_is_an_error() -> None:
    with pytest.raises(Unsupported) as caught:
        written(chat(tools=(Tool("code", kind="code_execution"),)))
    assert "openai-chat" in caught.value.sentence


def test_within_the_dialect_only_the_input_is_written_anew() -> None:
    data = body(
        instructions="be terse",
        input=[{"role": "user", "content": [{"type": "input_image", "image_url": "https://e.com/i"}]}],
        tools=[{"type": "web_search"}],
        text={"verbosity": "low"},
        previous_response_id="resp_1",
        store=True,
    )
    request = read_request(data)
    request.messages = (request.messages[0], Message("user", (Image(media_type="image/png", data="iVBO"),)))
    value, dropped = written(request)
    assert value == {
        "model": "gpt-6-sol",
        "instructions": "be terse",
        "input": [
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_image", "image_url": "data:image/png;base64,iVBO", "detail": "auto"}],
            }
        ],
        "tools": [{"type": "web_search"}],
        "text": {"verbosity": "low"},
        "previous_response_id": "resp_1",
        "store": True,
    }
    assert dropped == []


# --- there and back --------------------------------------------------------------------------------------------------

_words = st.text(max_size=20)
_ids = st.text("abc123_", min_size=1, max_size=8)
_texts = st.builds(Text, _words)
_images = st.sampled_from(
    [
        Image(media_type="image/png", data="iVBO", detail="low"),
        Image(media_type="image/png", data="AAAA", detail="auto"),
        Image(url="https://e.com/i", detail="high"),
    ]
)
_files = st.just(File(media_type="application/pdf", data="JVBE", filename="a.pdf")) | st.just(
    File(url="https://e.com/f")
)
_calls = st.builds(ToolCall, _ids, _ids, _words)


def _artefact(summary: list[str], opaque: str, number: str) -> Reasoning:
    return Reasoning(summary=tuple(summary), opaque=opaque, id=f"rs_{number}")


def _message(role: Role, parts: list[Part]) -> Message:
    return Message(role, tuple(parts))


def _result(call: str, parts: list[Text | Image | File]) -> Message:
    return Message("tool", (ToolResult(call, tuple(parts)),))


_artefacts = st.builds(
    _artefact,
    st.lists(st.text(min_size=1, max_size=9), max_size=2),
    st.text("abcXYZ+/=", min_size=1, max_size=12),
    _ids,
)
_operators = st.builds(_message, st.sampled_from(["system", "developer"]), st.lists(_texts, min_size=1, max_size=2))
_users = st.builds(_message, st.just("user"), st.lists(_texts | _images | _files, min_size=1, max_size=3))
_turns = st.builds(
    _message,
    st.just("assistant"),
    st.lists(_texts | _calls | _artefacts | st.builds(Refusal, _words), min_size=1, max_size=5),
)
_results = st.builds(_result, _ids, st.lists(_texts | _images, min_size=1, max_size=2))


@st.composite
def _conversations(draw: st.DrawFn) -> tuple[Message, ...]:
    """Messages in which no two turns of the assistant are neighbours: those would become one."""
    messages: list[Message] = []
    for message in draw(st.lists(_operators | _users | _turns | _results, min_size=1, max_size=6)):
        if messages and messages[-1].role == message.role == "assistant":
            messages.append(draw(_users))
        messages.append(message)
    return tuple(messages)


@given(
    _conversations(),
    st.none() | st.sampled_from(["low", "high"]),
    st.none() | st.integers(1, 5000),
    st.none() | st.floats(0, 2),
    st.none() | st.booleans(),
    st.booleans(),
)
def test_what_is_written_reads_back_as_it_was(
    messages: tuple[Message, ...],
    effort: str | None,
    cap: int | None,
    temperature: float | None,
    parallel: bool | None,
    stream: bool,
) -> None:
    request = Request(
        dialect="openai-responses",
        model="m",
        messages=messages,
        tools=(Tool("f", "d", SCHEMA, None), Tool("g", None, SCHEMA, True)),
        tool_choice=ToolChoice("function", "g"),
        output=OutputFormat("json_schema", SCHEMA, "s", None, None),
        reasoning=None if effort is None else ReasoningAsk(effort=effort),
        max_tokens=cap,
        temperature=temperature,
        parallel_tool_calls=parallel,
        stream=stream,
    )
    vendor = target()
    back = read_request(write_request(request, vendor))
    assert back.messages == messages
    assert [(t.name, t.description, bytes(t.parameters or b""), t.strict) for t in back.tools] == [
        ("f", "d", bytes(SCHEMA), None),
        ("g", None, bytes(SCHEMA), True),
    ]
    assert (back.tool_choice, back.reasoning, back.stream) == (request.tool_choice, request.reasoning, stream)
    assert (back.max_tokens, back.temperature, back.parallel_tool_calls) == (cap, temperature, parallel)
    assert back.output is not None
    assert (bytes(back.output.schema or b""), back.output.name) == (bytes(SCHEMA), "s")
    assert vendor.dropped == []


# --- from the caller's own bytes -------------------------------------------------------------------------------------


def test_every_value_but_the_model_passes_byte_for_byte() -> None:
    data = b'{ "model":"openai/gpt-6-sol" , "input": [ {"role":"user",  "content":"\\u00e9"} ],"new":1.50, "n":null }'
    sent, dropped = passed(data)
    assert sent == b'{"model":"gpt-6-sol","input":[ {"role":"user",  "content":"\\u00e9"} ],"new":1.50,"n":null}'
    assert dropped == []


def test_state_passes_within_the_dialect() -> None:
    sent, dropped = passed(body(previous_response_id="resp_1", background=False, conversation="c"))
    assert json.loads(sent) == {
        "model": "gpt-6-sol",
        "input": "hi",
        "previous_response_id": "resp_1",
        "background": False,
        "conversation": "c",
    }
    assert dropped == []


def test_refused_fields_are_taken_out_and_named() -> None:
    sent, dropped = passed(
        body(temperature=1, user="u"), refuses=frozenset({"temperature", "seed"}), renames={"user": "safety_identifier"}
    )
    assert json.loads(sent) == {"model": "gpt-6-sol", "input": "hi", "safety_identifier": "u"}
    assert dropped == ["temperature"]


def test_a_level_that_the_model_lacks_goes_to_the_one_that_stands_for_it() -> None:
    wish = {"effort": "minimal", "summary": "auto", "context": "all_turns"}
    sent, dropped = passed(body(reasoning=wish), efforts={"minimal": "low"})
    assert json.loads(sent)["reasoning"] == {"effort": "low", "summary": "auto", "context": "all_turns"}
    assert dropped == []
    for known in ({"effort": "high"}, {"effort": None}, {"summary": "auto"}, {}):
        assert json.loads(passed(body(reasoning=known), efforts={"minimal": "low"})[0])["reasoning"] == known


def test_a_model_that_does_not_reason_is_not_asked_to_where_bytes_pass_either() -> None:
    more = {"include": ["reasoning.encrypted_content", "message.output_text.logprobs"]}
    sent, dropped = passed(body(reasoning={"effort": "low"}, **more), reasoning_style="none")
    assert json.loads(sent) == {"model": "gpt-6-sol", "input": "hi", "include": ["message.output_text.logprobs"]}
    assert dropped == ["reasoning"]
    sent, dropped = passed(body(reasoning={"effort": "none"}), reasoning_style="none")
    assert (json.loads(sent), dropped) == ({"model": "gpt-6-sol", "input": "hi"}, [])


def test_a_request_that_was_changed_on_the_way_asks_in_the_models_words_too() -> None:
    request = read_request(body(reasoning={"effort": "minimal"}))
    assert json.loads(write_request(request, target(efforts={"minimal": "low"})))["reasoning"] == {"effort": "low"}


def test_an_artefact_goes_back_to_its_maker_byte_for_byte() -> None:
    given = fixture("request.json")
    sent, dropped = passed(given)
    assert f"fh1.{ORIGIN}.".encode() in given
    expected = json.loads(given)
    expected["model"] = "gpt-6-sol"
    expected["input"][2]["encrypted_content"] = "gAAAAA+/first=="
    assert json.loads(sent) == expected
    assert dropped == []


def test_the_escapes_of_a_client_do_not_hide_a_seal() -> None:
    item = b'{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content" : "fh1.00112233aabbccdd.a\\/b"}'
    sent, _ = passed(b'{"model":"m","input":[' + item + b"]}")
    assert sent == (
        b'{"model":"gpt-6-sol","input":[{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content" : "a\\/b"}]}'
    )


def _turn(opaque: str) -> list[dict[str, Any]]:
    return [
        {"role": "user", "content": "hi"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": opaque},
        {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": []},
        {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "22"},
        {"type": "message", "id": "msg_2", "role": "assistant", "status": "completed", "content": []},
    ]


def test_a_foreign_artefact_is_left_out_with_the_ids_that_lean_on_it() -> None:
    sent, dropped = passed(body(input=_turn(f"fh1.{OTHER_ORIGIN}.abc")))
    assert json.loads(sent)["input"] == [
        {"role": "user", "content": "hi"},
        {"type": "message", "role": "assistant", "status": "completed", "content": []},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "22"},
        {"type": "message", "id": "msg_2", "role": "assistant", "status": "completed", "content": []},
    ]
    assert dropped == ["reasoning"]


def test_an_artefact_from_before_the_door_passes_as_it_is() -> None:
    sent, dropped = passed(body(input=_turn("gAAAA")))
    assert json.loads(sent)["input"] == _turn("gAAAA")
    assert dropped == []


def test_items_that_the_door_made_up_are_not_asked_of_a_vendor() -> None:
    made: list[Any] = [
        {"type": "reasoning", "id": "rs_fh_12_0", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]},
        {"type": "message", "id": "msg_fh_12_1", "role": "assistant", "status": "completed", "content": []},
        {"type": "reasoning", "id": "rs_fh_12_2", "summary": [], "encrypted_content": f"fh1.{ORIGIN}.abc"},
        {"type": "function_call", "id": "fc_fh_12_3", "call_id": "c", "name": "f", "arguments": "{}"},
    ]
    sent, dropped = passed(body(input=made))
    assert json.loads(sent)["input"] == [
        {"type": "message", "role": "assistant", "status": "completed", "content": []},
        {"type": "reasoning", "summary": [], "encrypted_content": "abc"},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
    ]
    assert dropped == ["reasoning"]


def test_a_history_that_another_deployment_compacted_is_an_error() -> None:
    own = {"type": "compaction", "id": "cmp_1", "encrypted_content": f"fh1.{ORIGIN}.abc"}
    assert json.loads(passed(body(input=[own]))[0])["input"][0]["encrypted_content"] == "abc"
    foreign = {**own, "encrypted_content": f"fh1.{OTHER_ORIGIN}.abc"}
    with pytest.raises(Unsupported):
        passed(body(input=[foreign]))


def test_the_word_in_a_text_changes_nothing() -> None:
    data = body(input=[{"role": "user", "content": '"encrypted_content": "fh1.00112233aabbccdd.x" _fh_'}])
    sent, dropped = passed(data)
    assert json.loads(sent)["input"] == json.loads(data)["input"]
    assert dropped == []
