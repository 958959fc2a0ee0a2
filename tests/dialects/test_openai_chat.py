"""The Chat dialect as the gateway holds it: read, written and passed through, one piece fitting the next."""

import json
from typing import Any

import pytest

from dialects.chat_sdk import ORIGIN, checked_chunks, checked_reply, client, fixture, request_of, split, target
from freehold.dialects import get
from freehold.dialects.openai_chat import DIALECT
from freehold.errors import UnknownModel
from freehold.messages import Reasoning, Started

ASK = request_of(stream=True, stream_options={"include_usage": True})


def test_it_is_found_by_its_name() -> None:
    assert get("openai-chat") is DIALECT
    assert (DIALECT.name, DIALECT.path) == ("openai-chat", "/chat/completions")


@pytest.mark.parametrize("name", ["reply_text.json", "reply_tools.json", "reply_details.json"])
def test_a_reply_through_our_words_says_the_same(name: str) -> None:
    before = checked_reply(fixture(name))["choices"][0]["message"]
    after = checked_reply(DIALECT.write_reply(DIALECT.read_reply(fixture(name)), ASK))["choices"][0]["message"]
    for field in ("role", "content", "refusal", "tool_calls"):
        assert after.get(field) == before.get(field)


@pytest.mark.parametrize("name", ["stream_text.sse", "stream_tools.sse", "stream_reasoning.sse", "stream_details.sse"])
def test_a_stream_through_our_words_says_the_same(name: str) -> None:
    reader, writer = DIALECT.stream_reader(), DIALECT.stream_writer(ASK)
    written = b"".join(writer.write(chunk) for event in split(fixture(name)) for chunk in reader.read(event))
    after = assembled(written + writer.close())
    before = assembled(fixture(name))
    assert after == before


def assembled(stream: bytes) -> dict[str, Any]:
    """The whole answer as the official SDK's own accumulator has it."""
    with client(stream, "text/event-stream").chat.completions.stream(
        model="m", messages=[{"role": "user", "content": "hi"}]
    ) as events:
        for _ in events:
            pass
        choice = events.current_completion_snapshot.choices[0]
    calls = [(call.id, call.function.name, call.function.arguments) for call in choice.message.tool_calls or ()]
    return {"content": choice.message.content or "", "calls": calls, "finish": choice.finish_reason}


def test_an_artefact_goes_to_the_caller_and_back_as_it_was() -> None:
    """Sealed in the reply that passes through, sent back by the caller, unsealed for its maker."""
    sealed = json.loads(DIALECT.seal(fixture("reply_details.json"), ORIGIN))["choices"][0]["message"]
    data = json.dumps({"model": "m", "messages": [sealed]}).encode()
    request = DIALECT.read_request(data)
    assert [part.origin for part in request.messages[0].parts if isinstance(part, Reasoning)] == [ORIGIN] * 3
    back = json.loads(DIALECT.pass_request(request, data, target(reasoning_field="reasoning")))
    made = json.loads(fixture("reply_details.json"))["choices"][0]["message"]
    assert back["messages"] == [made]


def test_errors_are_read_and_written_as_openai_writes_them() -> None:
    body = DIALECT.write_error(UnknownModel("There is no model 'x'.", "Look at /v1/models."), "req-1")
    error = DIALECT.read_error(404, {}, body)
    assert (error.status, error.kind, error.native) == (404, "not_found_error", "unknown-model")
    assert error.sentence == "There is no model 'x'. Look at /v1/models."


def test_the_start_alone_is_a_chunk_with_the_role() -> None:
    writer = DIALECT.stream_writer(request_of(stream=True))
    (value,) = checked_chunks(writer.write(Started("a", "m", 1)) + b"data: [DONE]\n\n")
    assert value["choices"][0]["delta"] == {"role": "assistant", "content": ""}
