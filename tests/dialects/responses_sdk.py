"""What the tests of the Responses dialect share: the fixtures, the official SDK's types as a judge, and its client.

The judge is strict: a missing field, a wrong type or a word that is not among those the SDK lists fails.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

import httpx2
from openai import OpenAI
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel

from freehold.dialects.dialect import Event, StreamReader, StreamWriter, Target, Traits
from freehold.dialects.responses_request import read_request
from freehold.dialects.sse import EventSplitter
from freehold.messages import Chunk, Request

FIXTURES = Path(__file__).parent.parent / "fixtures" / "openai_responses"

ORIGIN = "00112233aabbccdd"
"""The origin that sealed the artefact in `request.json`."""

OTHER_ORIGIN = "ffeeddccbbaa9988"


def fixture(name: str) -> bytes:
    return (FIXTURES / name).read_bytes()


def target(**traits: Any) -> Target:
    """A deployment of the model `gpt-6-sol` at the origin `ORIGIN`."""
    return Target(model="gpt-6-sol", traits=Traits(**traits), origin=ORIGIN, dropped=[])


def body(**fields: Any) -> bytes:
    """A small request with these fields."""
    return json.dumps({"model": "m", "input": "hi", **fields}).encode()


def split(stream: bytes) -> list[Event]:
    return EventSplitter().feed(stream)


def read_all(reader: StreamReader, stream: bytes) -> list[Chunk]:
    return [chunk for event in split(stream) for chunk in reader.read(event)]


def write_all(writer: StreamWriter, chunks: Iterable[Chunk]) -> bytes:
    return b"".join([*(writer.write(chunk) for chunk in chunks), writer.close()])


# --- the judge -------------------------------------------------------------------------------------------------------

_EVENTS: dict[str, type[BaseModel]] = {
    get_args(model.model_fields["type"].annotation)[0]: model for model in get_args(get_args(ResponseStreamEvent)[0])
}


def checked_response(data: bytes) -> Any:
    """The response as JSON, after the SDK's own type has taken it and the fields that OpenAI always sends are there."""
    value = json.loads(data)
    check_response(value)
    return value


def check_response(value: dict[str, Any]) -> None:
    Response.model_validate(value)
    always = set(json.loads(fixture("reply_text.json")))
    assert always <= set(value), always - set(value)


def checked_events(stream: bytes) -> list[dict[str, Any]]:
    """The events as JSON, each taken by the SDK's type for it, numbered without a gap, and named as their type."""
    events: list[dict[str, Any]] = []
    for at, event in enumerate(split(stream)):
        value: dict[str, Any] = json.loads(event.data)
        assert value["type"] == event.name
        assert value["sequence_number"] == at
        _EVENTS[event.name].model_validate(value)
        if "response" in value:
            check_response(value["response"])
        events.append(value)
    return events


# --- the client ------------------------------------------------------------------------------------------------------


def client(content: bytes, media: str = "application/json", status: int = 200) -> OpenAI:
    """The official client, answered by these bytes whatever it asks. It validates what it gets."""

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, headers={"content-type": media}, content=content)

    return OpenAI(
        api_key="key",
        base_url="http://door.test/v1",
        max_retries=0,
        http_client=httpx2.Client(transport=httpx2.MockTransport(answer)),
        _strict_response_validation=True,
    )


def request_of(**fields: Any) -> Request:
    """A caller's request in our words, written by hand in this dialect."""
    return read_request(body(**fields))
