"""The fixtures of the Chat dialect against the official SDK's types, and the shapes against what is newer than they."""

import json

import msgspec
import pytest
from openai.types.chat import ChatCompletionChunk, CompletionCreateParams

from dialects.chat_sdk import FIXTURES, checked_reply, fixture, split
from dialects.judging import judge
from freehold.dialects.openai_chat_wire import Answer, ContentPart, MessageFields, RequestFields


def test_the_sdk_takes_the_request() -> None:
    judge(CompletionCreateParams).validate_python(json.loads(fixture("request.json")))


@pytest.mark.parametrize("name", sorted(path.name for path in FIXTURES.glob("reply_*.json")))
def test_the_sdk_takes_each_reply(name: str) -> None:
    checked_reply(fixture(name))


@pytest.mark.parametrize("name", sorted(path.name for path in FIXTURES.glob("stream_*.sse")))
def test_the_sdk_takes_each_chunk(name: str) -> None:
    chunks = [event.data for event in split(fixture(name)) if event.data not in (b"", b"[DONE]")]
    assert chunks
    for chunk in chunks:
        if b'"error"' not in chunk:
            ChatCompletionChunk.model_validate_json(chunk)


def test_every_fixture_is_described() -> None:
    described = fixture("README.md").decode()
    assert all(f"`{path.name}`" in described for path in FIXTURES.iterdir() if path.name != "README.md")


def test_fields_newer_than_this_code_are_skipped() -> None:
    wire = msgspec.json.decode(
        b'{"model":"m","messages":[{"role":"user","content":[{"type":"hologram","cube":[1]}],"mood":3}],"later":{}}',
        type=RequestFields,
    )
    assert wire.messages == [MessageFields(role="user", content=[ContentPart("hologram")])]
    answer = msgspec.json.decode(b'{"id":null,"choices":null,"usage":null,"later":1}', type=Answer)
    assert answer.choices is None
