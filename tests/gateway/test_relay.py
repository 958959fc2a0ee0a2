"""A stream on its way through: what passes byte for byte, what is sealed or said in other words, what is held back."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from freehold.catalog.rows import Model
from freehold.config.settings import VendorSettings
from freehold.dialects import get
from freehold.dialects.anthropic_messages import DIALECT as MESSAGES
from freehold.dialects.dialect import Dialect, Traits
from freehold.dialects.openai_chat import DIALECT as CHAT
from freehold.errors import Blocked, RecordNotKept, VendorRefused
from freehold.gateway.answer import Answer, Canned, Stream
from freehold.gateway.deployments import Deployment, Way
from freehold.gateway.kept_ids import Keeper
from freehold.gateway.relay import Relay, sealed
from freehold.gateway.routing import Target
from freehold.gateway.visit import Visit
from freehold.messages import Chunk, Reasoning, Reply, Text, TextDelta
from freehold.store.callers import Key
from freehold.vendors import load
from gateway.misbehaving import TEXT, error, events

ORIGIN = "0123456789abcdef"
KEEPER = Keeper(b"s" * 32, "fedcba9876543210")
KEY = Key(id="key_1", name="k", prefix="fh_", organisation="o", project="p", role="member", created_at=0.0)
ASKS_USAGE = msgspec.json.encode(
    {
        "model": "m",
        "stream": True,
        "stream_options": {"include_usage": True},
        "messages": [{"role": "user", "content": "hi"}],
    }
)
ASKS_NONE = msgspec.json.encode({"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]})
ASKS_CLAUDE = msgspec.json.encode(
    {"model": "m", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
)


def named(name: str, **fields: object) -> bytes:
    """An event of the Messages dialect."""
    return b"event: " + name.encode() + b"\ndata: " + msgspec.json.encode({"type": name, **fields}) + b"\n\n"


THINKING = [
    named(
        "message_start",
        message={
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 3, "output_tokens": 1},
        },
    ),
    named("content_block_start", index=0, content_block={"type": "thinking", "thinking": "", "signature": ""}),
    named("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": "Hm."}),
    named("content_block_delta", index=0, delta={"type": "signature_delta", "signature": "c2ln"}),
    named("content_block_stop", index=0),
    named("content_block_start", index=1, content_block={"type": "text", "text": ""}),
    named("content_block_delta", index=1, delta={"type": "text_delta", "text": "Yes."}),
    named("content_block_stop", index=1),
    named("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 4}),
    named("message_stop"),
]


class Watch:
    """Stops a stream at a word."""

    def __init__(self, word: str) -> None:
        self._word = word

    def chunk(self, chunk: Chunk) -> None:
        if isinstance(chunk, TextDelta) and self._word in chunk.text:
            raise Blocked(f"The word {self._word} is not said here.")

    def reply(self, reply: Reply) -> None:
        raise AssertionError("a stream is watched chunk by chunk")


class Passing:
    """A relay of one stream, and what its caller got so far."""

    def __init__(
        self,
        pieces: Sequence[bytes],
        *,
        front: Dialect = CHAT,
        vendor: Dialect = CHAT,
        body: bytes = ASKS_USAGE,
        watch: Watch | None = None,
    ) -> None:
        self.visit = Visit("rec_1", front.name, KEY, 0.0, 0.0)
        self.visit.request = front.read_request(body)
        self.stream = Stream(Canned(200, {}, pieces), vendor.stream_reader(), "echo/m")
        deployment = Deployment(
            "echo/m",
            "m",
            load()["echo"],
            VendorSettings(name="echo", like="echo"),
            {},
            ORIGIN,
            Model(id="echo/m"),
            keeper=KEEPER,
        )
        answer = Answer(Target(deployment, None), Way(vendor, None, "", b"", Traits()), self.stream, 0.1)
        self.relay = Relay(front, self.visit, answer, self.stream, watch)
        self.given = b""

    async def run(self) -> bytes:
        """Takes the whole stream; gives what ends it."""
        await self.stream.start()
        while (batch := await self.stream.next()) is not None:
            self.given += self.relay.take(batch)
        return self.relay.close()


def words(data: bytes) -> str:
    """What a stream of Chat Completions says."""
    chunks = [msgspec.json.decode(line[6:]) for line in data.split(b"\n\n") if line.startswith(b"data: {")]
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk.get("choices", ()))


# --- the same dialect ---


async def test_every_event_passes_byte_for_byte_and_the_closing_one_is_held_back() -> None:
    whole = events("m")
    passing = Passing(whole)
    last = await passing.run()
    assert passing.given + last == b"".join(whole)
    assert last == b"data: [DONE]\n\n"


async def test_what_follows_the_closing_event_is_held_back_behind_it() -> None:
    whole = [*THINKING, b": bye\n\n"]
    passing = Passing(whole, front=MESSAGES, vendor=MESSAGES, body=ASKS_CLAUDE)
    last = await passing.run()
    assert last.endswith(b": bye\n\n")
    assert b"message_stop" in last
    assert b"message_stop" not in passing.given


async def test_a_usage_report_that_only_we_asked_for_is_counted_and_not_shown() -> None:
    passing = Passing(events("m"), body=ASKS_NONE)
    last = await passing.run()
    assert b"prompt_tokens" not in passing.given + last
    assert words(passing.given) == TEXT
    usage = passing.visit.tally.usage(0, whole=True)
    assert (usage.input_tokens, usage.output_tokens, usage.estimated) == (5, 4, False)


async def test_reasoning_gets_the_seal_of_its_origin_and_nothing_else_changes() -> None:
    passing = Passing(THINKING, front=MESSAGES, vendor=MESSAGES, body=ASKS_CLAUDE)
    last = await passing.run()
    whole = passing.given + last
    assert whole.count(b'"signature":"fh1.0123456789abcdef.c2ln"') == 1
    assert whole.replace(b"fh1.0123456789abcdef.", b"") == b"".join(THINKING)


# --- another dialect ---


async def test_another_dialect_is_said_in_the_callers_words_and_ends_in_them() -> None:
    passing = Passing(events("m"), front=MESSAGES, body=ASKS_CLAUDE)
    last = await passing.run()
    assert b"data: [DONE]" not in passing.given + last
    assert last.endswith(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')
    assert b"message_stop" not in passing.given
    texts = [
        msgspec.json.decode(line.split(b"data: ", 1)[1])["delta"].get("text", "")
        for line in passing.given.split(b"\n\n")
        if line.startswith(b"event: content_block_delta")
    ]
    assert "".join(texts) == TEXT


async def test_reasoning_crosses_over_under_the_seal_of_its_origin() -> None:
    passing = Passing(THINKING, front=get("openai-responses"), vendor=MESSAGES, body=b'{"model":"m","input":"hi"}')
    last = await passing.run()
    assert b"fh1.0123456789abcdef.c2ln" in passing.given + last


# --- what goes wrong ---


async def test_a_failure_inside_the_stream_is_raised_as_the_vendors_own() -> None:
    broken = [*events("m")[:3], b"data: " + error("Out of memory.", "server_error", None) + b"\n\n"]
    passing = Passing(broken)
    with pytest.raises(VendorRefused, match=r"Out of memory\.") as told:
        await passing.run()
    assert told.value.deployment == "echo/m"
    assert words(passing.given) == TEXT[:11]


async def test_a_word_that_is_not_allowed_stops_the_stream_before_it_is_given() -> None:
    passing = Passing(events("m"), watch=Watch("日本"))
    with pytest.raises(Blocked):
        await passing.run()
    assert words(passing.given) == "Grüße from "


@pytest.mark.parametrize(
    ("front", "body", "starts"),
    [
        (CHAT, ASKS_USAGE, b'data: {"error":{"message":"The record '),
        (MESSAGES, ASKS_CLAUDE, b'event: error\ndata: {"type":"error","error":'),
    ],
)
async def test_a_failure_is_told_in_the_callers_dialect_with_the_requests_id(
    front: Dialect, body: bytes, starts: bytes
) -> None:
    passing = Passing(events("m"), front=front, body=body)
    await passing.run()
    told = passing.relay.fail(RecordNotKept("The record could not be written."))
    assert told.startswith(starts)
    assert b"rec_1" in told
    assert b"[DONE]" not in told
    assert b"message_stop" not in told


# --- a whole reply ---


def test_every_opaque_artefact_of_a_reply_is_sealed() -> None:
    reply = Reply(id="r", model="m", parts=(Reasoning(text="Hm.", opaque="c2ln"), Text("Yes."), Reasoning(text="So.")))
    assert sealed(reply, ORIGIN).parts == (
        Reasoning(text="Hm.", opaque="fh1.0123456789abcdef.c2ln"),
        Text("Yes."),
        Reasoning(text="So."),
    )
    assert reply.parts[0] == Reasoning(text="Hm.", opaque="c2ln")


def test_a_reply_without_artefacts_is_given_as_it_is() -> None:
    reply = Reply(id="r", model="m", parts=(Text("Yes."), Reasoning(text="So.")))
    assert sealed(reply, ORIGIN) is reply


async def test_the_id_of_a_stored_response_is_given_under_the_owners_seal_and_nothing_else_changes() -> None:
    raw = (Path(__file__).parents[1] / "fixtures" / "openai_responses" / "stream_text.sse").read_bytes()
    responses = get("openai-responses")
    body = msgspec.json.encode({"model": "m", "input": "hi", "stream": True})
    passing = Passing([raw], front=responses, vendor=responses, body=body)
    last = await passing.run()
    sealed_id = KEEPER.seal("o\x00p", "resp_1").encode()
    assert last.count(sealed_id) == 1
    assert (passing.given + last).replace(sealed_id, b"resp_1") == raw
    assert raw.count(b"resp_1") == (passing.given + last).count(sealed_id)
