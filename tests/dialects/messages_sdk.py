"""What the tests of the Messages dialect share: the fixtures, the official SDK's types as a judge, and its client.

The judge is strict: a missing field, a wrong type or a word that is not among those the SDK lists fails.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import httpx2
from anthropic import Anthropic
from anthropic.types import Message, RawMessageStreamEvent
from anthropic.types.message_count_tokens_params import MessageCountTokensParams
from anthropic.types.message_create_params import MessageCreateParams

from dialects.judging import judge
from freehold.dialects.anthropic_request import read_request
from freehold.dialects.anthropic_stream import MessagesReader
from freehold.dialects.dialect import Event, StreamReader, StreamWriter, Target, Traits
from freehold.dialects.sse import EventSplitter
from freehold.messages import Chunk, Request

FIXTURES = Path(__file__).parent.parent / "fixtures" / "anthropic_messages"

ORIGIN = "00112233aabbccdd"
"""The origin that sealed the artefacts in `request.json`."""

OTHER_ORIGIN = "ffeeddccbbaa9988"


def fixture(name: str) -> bytes:
    return (FIXTURES / name).read_bytes()


def target(**traits: Any) -> Target:
    """A deployment of the model `claude-x` at the origin `ORIGIN`."""
    return Target(model="claude-x", traits=Traits(**traits), origin=ORIGIN, dropped=[])


def body(**fields: Any) -> bytes:
    """A small request with these fields."""
    begun: dict[str, Any] = {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]}
    return json.dumps({**begun, **fields}).encode()


def request_of(**fields: Any) -> Request:
    """A caller's request in our words, written by hand in this dialect."""
    return read_request(body(**fields))


def split(stream: bytes) -> list[Event]:
    return EventSplitter().feed(stream)


def read_all(stream: bytes, reader: StreamReader | None = None) -> list[Chunk]:
    reader = reader or MessagesReader()
    return [chunk for event in split(stream) for chunk in reader.read(event)]


def write_all(writer: StreamWriter, chunks: Iterable[Chunk]) -> bytes:
    return b"".join([*(writer.write(chunk) for chunk in chunks), writer.close()])


# --- the judge -----------------------------------------------------------------------------------------------------------


def checked_request(data: bytes) -> Any:
    """The request as JSON, after the SDK's own type of what it sends has taken it."""
    judge(MessageCreateParams).validate_json(data)
    return json.loads(data)


def checked_count(data: bytes) -> Any:
    """The request to count as JSON, after the SDK's own type has taken it, which has no other fields."""
    judge(MessageCountTokensParams).validate_json(data)
    value = json.loads(data)
    assert set(value) <= set(MessageCountTokensParams.__annotations__)
    return value


def checked_reply(data: bytes) -> Any:
    """The reply as JSON, after the SDK's own type has taken it and the fields that Anthropic always sends are there."""
    Message.model_validate_json(data)
    value = json.loads(data)
    assert {"id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage"} <= set(value)
    return value


def checked_events(stream: bytes) -> list[dict[str, Any]]:
    """The events as JSON, pings left out, each taken by the SDK's type and named as its type, in Anthropic's order: the
    message around everything, one block at a time, indices without gaps."""
    events: list[dict[str, Any]] = []
    for event in split(stream):
        value: dict[str, Any] = json.loads(event.data)
        assert value["type"] == event.name
        if event.name != "ping":
            judge(RawMessageStreamEvent).validate_python(value)
            events.append(value)
    kinds = [event["type"] for event in events]
    assert (kinds[0], kinds[-2:]) == ("message_start", ["message_delta", "message_stop"])
    open_block, blocks = None, 0
    for event in events[1:-2]:
        if event["type"] == "content_block_start":
            assert (open_block, event["index"]) == (None, blocks)
            open_block, blocks = blocks, blocks + 1
        else:
            assert event["type"] in ("content_block_delta", "content_block_stop")
            assert event["index"] == open_block
            open_block = None if event["type"] == "content_block_stop" else open_block
    assert open_block is None
    return events


# --- the client ----------------------------------------------------------------------------------------------------------


def client(
    content: bytes, media: Literal["application/json", "text/event-stream"] = "application/json", status: int = 200
) -> Anthropic:
    """The official client, answered by these bytes whatever it asks. It validates what it gets."""

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, headers={"content-type": media}, content=content)

    return Anthropic(
        api_key="key",
        base_url="http://door.test",
        max_retries=0,
        http_client=httpx2.Client(transport=httpx2.MockTransport(answer)),
        _strict_response_validation=True,
    )


def accumulated(stream: bytes) -> Message:
    """The whole message that the official client makes of a stream. Raises the SDK's errors."""
    with client(stream, "text/event-stream").messages.stream(
        model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}]
    ) as events:
        return events.get_final_message()
