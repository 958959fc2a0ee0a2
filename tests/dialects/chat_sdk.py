"""What the tests of the Chat dialect share: the fixtures, the official SDK's types as a judge, and its client."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import httpx2
from openai import OpenAI
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from freehold.dialects.dialect import Event, StreamReader, StreamWriter, Target, Traits
from freehold.dialects.openai_chat_reading import read_request
from freehold.dialects.openai_chat_stream import ChatReader
from freehold.dialects.sse import EventSplitter
from freehold.messages import Chunk, Request

FIXTURES = Path(__file__).parent.parent / "fixtures" / "openai_chat"

ORIGIN = "00112233aabbccdd"
"""The origin that sealed the artefact in `request.json`."""

OTHER_ORIGIN = "ffeeddccbbaa9988"


def fixture(name: str) -> bytes:
    return (FIXTURES / name).read_bytes()


def target(**traits: Any) -> Target:
    """A deployment of the model `gpt-x` at the origin `ORIGIN`."""
    return Target(model="gpt-x", traits=Traits(**traits), origin=ORIGIN, dropped=[])


def body(**fields: Any) -> bytes:
    """A small request with these fields."""
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}).encode()


def request_of(**fields: Any) -> Request:
    """A caller's request in our words, written by hand in this dialect."""
    return read_request(body(**fields))


def split(stream: bytes) -> list[Event]:
    return EventSplitter().feed(stream)


def read_all(stream: bytes, reader: StreamReader | None = None) -> list[Chunk]:
    reader = reader or ChatReader()
    return [chunk for event in split(stream) for chunk in reader.read(event)]


def chunk_of(**fields: Any) -> bytes:
    """One chunk with these fields, as an event."""
    value: dict[str, Any] = {
        "id": "c-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [],
        **fields,
    }
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def delta_of(finish_reason: str | None = None, index: int = 0, **delta: Any) -> bytes:
    """One chunk of the first choice with this delta, as an event."""
    return chunk_of(choices=[{"index": index, "delta": delta, "finish_reason": finish_reason}])


def write_all(writer: StreamWriter, chunks: Iterable[Chunk]) -> bytes:
    return b"".join([*(writer.write(chunk) for chunk in chunks), writer.close()])


# --- the judge -----------------------------------------------------------------------------------------------------------


def checked_reply(data: bytes) -> Any:
    """The reply as JSON, after the SDK's own type has taken it."""
    ChatCompletion.model_validate_json(data)
    return json.loads(data)


def checked_chunks(stream: bytes) -> list[dict[str, Any]]:
    """The chunks as JSON, each taken by the SDK's type, after the check that `[DONE]` ends them."""
    events = split(stream)
    assert events[-1].data == b"[DONE]"
    for event in events[:-1]:
        ChatCompletionChunk.model_validate_json(event.data)
    return [json.loads(event.data) for event in events[:-1]]


# --- the client ----------------------------------------------------------------------------------------------------------


def client(
    content: bytes, media: Literal["application/json", "text/event-stream"] = "application/json", status: int = 200
) -> OpenAI:
    """The official client, answered by these bytes whatever it asks."""

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, headers={"content-type": media}, content=content)

    return OpenAI(
        api_key="key",
        base_url="http://door.test/v1",
        max_retries=0,
        http_client=httpx2.Client(transport=httpx2.MockTransport(answer)),
    )
