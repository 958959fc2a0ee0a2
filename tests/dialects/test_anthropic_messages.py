"""The Messages dialect as a whole: through the official client and back, as a caller's program meets it."""

import json

import httpx2
import pytest
from anthropic import Anthropic, AuthenticationError, BadRequestError, RateLimitError
from anthropic.types import MessageParam

from dialects.messages_sdk import (
    ORIGIN,
    OTHER_ORIGIN,
    accumulated,
    checked_events,
    client,
    fixture,
    request_of,
    split,
    target,
    write_all,
)
from freehold.dialects import get
from freehold.dialects.anthropic_messages import DIALECT
from freehold.dialects.dialect import Target, Traits
from freehold.errors import FreeholdError, InvalidField, RateLimited, UnknownKey
from freehold.messages import Message, Reasoning, Request, Text, ToolCall, ToolResult

HI: list[MessageParam] = [{"role": "user", "content": "hi"}]


def test_it_is_known_by_name_and_path_and_takes_the_callers_beta_header_along() -> None:
    assert get("anthropic-messages") is DIALECT
    assert (DIALECT.name, DIALECT.path) == ("anthropic-messages", "/messages")
    assert DIALECT.forwards == ("anthropic-beta",)


def test_no_event_is_ever_hidden() -> None:
    assert not any(DIALECT.hides(event, request_of(stream=True)) for event in split(fixture("stream_tools.sse")))


def test_what_the_official_client_sends_is_read_whole() -> None:
    sent: list[bytes] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(request.content)
        return httpx2.Response(200, headers={"content-type": "application/json"}, content=fixture("reply_text.json"))

    sdk = Anthropic(
        api_key="key", base_url="http://door.test", http_client=httpx2.Client(transport=httpx2.MockTransport(answer))
    )
    sdk.messages.create(
        model="w",
        max_tokens=2000,
        messages=HI,
        system="Be kind.",
        tools=[{"name": "f", "input_schema": {"type": "object"}}],
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
        thinking={"type": "enabled", "budget_tokens": 1024},
        stop_sequences=["END"],
        metadata={"user_id": "u"},
    )
    request = DIALECT.read_request(sent[0])
    assert [message.role for message in request.messages] == ["system", "user"]
    assert (request.max_tokens, request.stop, request.user) == (2000, ("END",), "u")
    assert request.reasoning is not None
    assert request.reasoning.budget_tokens == 1024
    assert request.parallel_tool_calls is False
    assert request.unknown == ()


def test_a_tool_loop_of_the_official_client_keeps_its_artefacts_byte_for_byte() -> None:
    """The vendor's stream is sealed for the caller, the SDK sends its message back, and it leaves as the vendor made it."""
    handed_out = b"".join(DIALECT.seal(event.raw, ORIGIN) for event in split(fixture("stream_tools.sse")))
    message = accumulated(handed_out)
    assert message.content[0].to_dict()["signature"] == f"fh1.{ORIGIN}.EqQBCgIYAhIM+/whole=="
    blocks = [block.to_dict() for block in message.content]
    results = [{"type": "tool_result", "tool_use_id": call, "content": "r"} for call in ("toolu_03", "toolu_04")]
    turns = [*HI, {"role": "assistant", "content": blocks}, {"role": "user", "content": results}]
    back = json.dumps({"model": "w", "max_tokens": 9, "messages": turns}).encode()
    where = target()
    sent = json.loads(DIALECT.pass_request(DIALECT.read_request(back), back, where))
    theirs = [block.to_dict() for block in accumulated(fixture("stream_tools.sse")).content]
    assert sent["messages"][1]["content"] == theirs
    assert where.dropped == []


def test_a_written_turn_and_a_passed_one_tell_a_vendor_the_same() -> None:
    data = fixture("request.json")
    for origin in (ORIGIN, OTHER_ORIGIN):
        one, other = (Target(model="c", traits=Traits(), origin=origin, dropped=[]) for _ in "ab")
        passed = json.loads(DIALECT.pass_request(DIALECT.read_request(data), data, one))
        written = json.loads(DIALECT.write_request(DIALECT.read_request(data), other))
        assert passed["messages"] == written["messages"]
        assert passed["system"] == written["system"]
        assert one.dropped == other.dropped


def test_an_artefact_from_another_front_goes_back_to_this_vendor() -> None:
    """A caller of Chat has an artefact of this deployment: it leaves as the thinking block that it was."""
    turn = Message("assistant", (Reasoning(text="Hm.", opaque="SIG", origin=ORIGIN), ToolCall("c", "f", "{}")))
    result = Message("tool", (ToolResult("c", (Text("r"),)),))
    request = Request(dialect="openai-chat", model="m", messages=(Message("user", (Text("hi"),)), turn, result))
    sent = json.loads(DIALECT.write_request(request, target()))
    assert sent["messages"][1]["content"][0] == {"type": "thinking", "thinking": "Hm.", "signature": "SIG"}


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (InvalidField("Wrong.", param="messages"), BadRequestError),
        (UnknownKey("Who?"), AuthenticationError),
        (RateLimited("Slow."), RateLimitError),
    ],
)
def test_the_official_client_raises_its_own_class_of_error(error: FreeholdError, expected: type[Exception]) -> None:
    with pytest.raises(expected):
        client(DIALECT.write_error(error, "req_1"), status=error.status).messages.create(
            model="m", max_tokens=9, messages=HI
        )


def test_a_vendors_error_is_read() -> None:
    body = b'{"type":"error","error":{"type":"not_found_error","message":"model: claude-1"},"request_id":"req_1"}'
    error = DIALECT.read_error(404, {}, body)
    assert (error.status, error.kind, error.sentence) == (404, "not_found_error", "model: claude-1")


def test_the_official_client_sees_text_grow_in_a_stream_of_ours() -> None:
    reader = DIALECT.stream_reader()
    chunks = [chunk for event in split(fixture("stream_tools.sse")) for chunk in reader.read(event)]
    data = write_all(DIALECT.stream_writer(request_of(stream=True)), chunks)
    checked_events(data)
    with client(data, "text/event-stream").messages.stream(model="m", max_tokens=9, messages=HI) as events:
        assert list(events.text_stream) == ["Let me", " look."]
