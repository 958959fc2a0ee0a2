"""Counting tokens: the same body as Messages without a cap, and a number that the official client reads."""

import json

import pytest

from dialects.messages_sdk import ORIGIN, OTHER_ORIGIN, checked_count, client, split, target
from freehold.dialects.anthropic_count import DIALECT, read_reply, read_request, write_reply
from freehold.dialects.dialect import Event
from freehold.errors import InvalidField, Unsupported, VendorGarbled
from freehold.messages import Message, Reply, Request, Text, Usage

QUESTION = {
    "model": "w",
    "system": "Be kind.",
    "messages": [
        {"role": "user", "content": "hi"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": f"fh1.{ORIGIN}.SIG"},
                {"type": "thinking", "thinking": "So.", "signature": f"fh1.{OTHER_ORIGIN}.SIG"},
                {"type": "text", "text": "a"},
            ],
        },
    ],
}


def test_it_is_known_by_name_and_path() -> None:
    assert (DIALECT.name, DIALECT.path) == ("anthropic-count-tokens", "/messages/count_tokens")


def test_a_request_to_count_is_read_without_a_cap() -> None:
    request = read_request(json.dumps(QUESTION).encode())
    assert (request.dialect, request.operation) == ("anthropic-count-tokens", "count_tokens")
    assert [message.role for message in request.messages] == ["system", "user", "assistant"]


def test_a_request_without_messages_is_refused_by_name() -> None:
    with pytest.raises(InvalidField) as caught:
        read_request(b'{"model":"w"}')
    assert caught.value.param == "messages"


def test_it_passes_with_its_artefacts_sorted_as_those_of_a_message() -> None:
    data, where = json.dumps(QUESTION).encode(), target()
    sent = checked_count(DIALECT.pass_request(read_request(data), data, where))
    assert sent["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "Hm.", "signature": "SIG"},
        {"type": "text", "text": "a"},
    ]
    assert (sent["model"], where.dropped) == ("claude-x", ["reasoning"])


def test_a_request_of_another_front_is_written_as_one_to_count() -> None:
    request = Request(dialect="openai-chat", model="w", messages=(Message("user", (Text("hi"),)),), max_tokens=9)
    assert checked_count(DIALECT.write_request(request, target())) == {
        "model": "claude-x",
        "messages": [{"role": "user", "content": "hi"}],
    }


def test_the_official_client_reads_the_count() -> None:
    data = write_reply(
        Reply(id="", model="", usage=Usage(input_tokens=2095)), read_request(json.dumps(QUESTION).encode())
    )
    counted = client(data).messages.count_tokens(model="m", messages=[{"role": "user", "content": "hi"}])
    assert counted.input_tokens == 2095


def test_a_reply_that_was_not_counted_counts_nothing() -> None:
    assert write_reply(Reply(id="", model=""), Request(dialect="x", model="m")) == b'{"input_tokens":0}'


def test_a_vendors_count_is_the_input_of_a_reply_without_content() -> None:
    reply = read_reply(b'{"input_tokens": 14, "later": {}}')
    assert (reply.usage, reply.parts) == (Usage(input_tokens=14), ())


@pytest.mark.parametrize("data", [b"", b"{}", b'{"input_tokens":"14"}', b"[14]", b'{"input_tokens":null}', b"\xff"])
def test_a_count_that_cannot_be_read_is_garbled(data: bytes) -> None:
    with pytest.raises(VendorGarbled):
        read_reply(data)


def test_counting_does_not_stream_and_hides_nothing() -> None:
    request = read_request(json.dumps(QUESTION).encode())
    with pytest.raises(Unsupported):
        DIALECT.stream_reader()
    with pytest.raises(Unsupported):
        DIALECT.stream_writer(request)
    (event,) = split(b"data: {}\n\n")
    assert isinstance(event, Event)
    assert not DIALECT.hides(event, request)
