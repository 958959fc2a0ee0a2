import json

import pytest
from openai import AuthenticationError, BadRequestError, RateLimitError
from openai.types.responses import ResponseFunctionToolCall

from dialects.responses_sdk import ORIGIN, client, fixture, request_of, split, target, write_all
from freehold.dialects.openai_responses import DIALECT
from freehold.errors import FreeholdError, InvalidField, RateLimited, UnknownKey
from freehold.messages import Message, Reasoning, Reply, Request, Text, ToolCall


def test_it_is_known_by_name_and_path() -> None:
    assert (DIALECT.name, DIALECT.path) == ("openai-responses", "/responses")


def test_no_event_is_ever_hidden() -> None:
    request = request_of(stream=True)
    assert not any(DIALECT.hides(event, request) for event in split(fixture("stream_tools.sse")))


def test_the_official_client_reads_a_whole_answer() -> None:
    reply = Reply(
        id="a",
        model="claude",
        parts=(Text("Hello"), ToolCall("call_1", "f", '{"a":1}')),
        finish="tool_calls",
        created=1790000000,
    )
    response = client(DIALECT.write_reply(reply, request_of())).responses.create(model="m", input="hi")
    assert response.output_text == "Hello"
    call = response.output[1]
    assert isinstance(call, ResponseFunctionToolCall)
    assert (call.call_id, call.arguments) == ("call_1", '{"a":1}')


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (InvalidField("Wrong.", param="input"), BadRequestError),
        (UnknownKey("Who?"), AuthenticationError),
        (RateLimited("Slow."), RateLimitError),
    ],
)
def test_the_official_client_raises_its_own_class_of_error(error: FreeholdError, expected: type[Exception]) -> None:
    data = DIALECT.write_error(error, "req_1")
    with pytest.raises(expected):
        client(data, status=error.status).responses.create(model="m", input="hi")


def test_a_vendors_error_is_read() -> None:
    body = b'{"error":{"message":"Unknown.","type":"invalid_request_error","param":"model","code":"model_not_found"}}'
    error = DIALECT.read_error(404, {}, body)
    assert (error.status, error.native, error.param) == (404, "model_not_found", "model")


def test_a_tool_loop_keeps_its_artefact_byte_for_byte() -> None:
    """The vendor's answer is sealed for the caller, comes back as input, and leaves as the vendor made it."""
    handed_out = json.loads(DIALECT.seal(fixture("reply_tools.json"), ORIGIN))
    results = [{"type": "function_call_output", "call_id": call, "output": "22"} for call in ("call_3", "call_4")]
    back = json.dumps({"model": "m", "input": [*handed_out["output"], *results]}).encode()
    vendor = target()
    sent = json.loads(DIALECT.pass_request(DIALECT.read_request(back), back, vendor))
    assert sent["input"] == [*json.loads(fixture("reply_tools.json"))["output"], *results]
    assert vendor.dropped == []


def test_an_artefact_from_another_front_goes_back_to_this_vendor() -> None:
    """A caller of Messages has an artefact of this deployment: it leaves as the reasoning item that it was."""
    turn = Message("assistant", (Reasoning(opaque="gAAAA", origin=ORIGIN), ToolCall("c", "f", "{}")))
    request = Request(dialect="anthropic-messages", model="m", messages=(turn,))
    sent = json.loads(DIALECT.write_request(request, target()))
    assert sent["input"][0] == {"type": "reasoning", "summary": [], "encrypted_content": "gAAAA"}
    assert sent["input"][1]["type"] == "function_call"


def test_a_stream_that_is_read_and_written_is_what_the_client_expects() -> None:
    reader = DIALECT.stream_reader()
    chunks = [chunk for event in split(fixture("stream_tools.sse")) for chunk in reader.read(event)]
    data = write_all(DIALECT.stream_writer(request_of(stream=True)), chunks)
    with client(data, "text/event-stream").responses.stream(model="m", input="hi") as events:
        final = events.get_final_response()
    assert final.output_text == "Let me look."
    assert [item.type for item in final.output] == ["reasoning", "message", "function_call", "function_call"]
    assert final.usage is not None
    assert final.usage.output_tokens_details.reasoning_tokens == 40
