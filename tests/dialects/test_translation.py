"""Every ordered pair of front dialects: what a caller of one asks of a vendor of another, and what comes back."""

import json
from itertools import permutations
from typing import Any

import pytest
from msgspec.structs import replace

from dialects.assembled import assembled
from dialects.conversations import SEAL, SPOKEN, THOUGHT
from dialects.gathered import gather
from dialects.responses_sdk import ORIGIN, OTHER_ORIGIN
from freehold.dialects import get
from freehold.dialects.dialect import Dialect, Target, Traits
from freehold.dialects.origin import seal
from freehold.dialects.sse import EventSplitter
from freehold.errors import StreamBroken, Unsupported
from freehold.messages import (
    Chunk,
    Finished,
    Image,
    Part,
    Reasoning,
    ReasoningSeal,
    Reply,
    Request,
    Text,
    ToolCall,
    ToolResult,
    Usage,
    UsageReport,
)

PAIRS = list(permutations(sorted(SPOKEN), 2))
pairs = pytest.mark.parametrize(("front", "vendor"), PAIRS)

TRAITS = {
    "openai-chat": Traits(reasoning_field="reasoning_content"),
    "openai-responses": Traits(),
    "anthropic-messages": Traits(),
}


def target(vendor: str, origin: str = ORIGIN) -> Target:
    return Target(model="answerer", traits=TRAITS[vendor], origin=origin, dropped=[])


def asked(front: str, **more: Any) -> Request:
    return get(front).read_request(json.dumps({**SPOKEN[front].request, **more}).encode())


def said(request: Request) -> list[tuple[str, list[Any]]]:
    """The conversation, in a form that two ways of writing the same do not tell apart."""
    turns: list[tuple[str, list[Any]]] = []
    for message in request.messages:
        parts = [_plain(part) for part in message.parts]
        if turns and turns[-1][0] == message.role:
            turns[-1][1].extend(parts)
        else:
            turns.append((message.role, parts))
    return turns


def _plain(part: Part) -> Any:
    match part:
        case Text():
            return part.text
        case Image():
            return ("image", part.media_type, part.data)
        case ToolCall():
            return ("call", part.id, part.name, json.loads(part.arguments))
        case ToolResult():
            return ("result", part.call_id, [_plain(inner) for inner in part.parts])
        case _:
            return part


CONVERSATION: list[tuple[str, list[Any]]] = [
    ("system", ["You are terse."]),
    ("user", ["What is in the picture?", ("image", "image/png", "iVBORw0KGgo=")]),
    ("assistant", ["Let me look.", ("call", "call_1", "zoom", {"x": 2}), ("call", "call_2", "zoom", {"x": 3})]),
    ("tool", [("result", "call_1", ["a tail"]), ("result", "call_2", ["a paw"])]),
    ("user", ["So?"]),
]


# --- the request -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("front", sorted(SPOKEN))
def test_each_dialect_says_the_same_conversation(front: str) -> None:
    assert said(asked(front)) == CONVERSATION


@pairs
def test_a_rich_request_arrives_whole(front: str, vendor: str) -> None:
    request, whom = asked(front), target(vendor)
    arrived = get(vendor).read_request(get(vendor).write_request(request, whom))
    assert said(arrived) == CONVERSATION
    assert arrived.model == "answerer"
    (tool,) = arrived.tools
    assert (tool.name, tool.description) == ("zoom", "Looks closer.")
    assert json.loads(bytes(tool.parameters or b""))["required"] == ["x"]
    assert arrived.tool_choice is None or arrived.tool_choice.mode == "auto"
    assert arrived.parallel_tool_calls is False
    assert arrived.output is not None
    assert json.loads(bytes(arrived.output.schema or b""))["required"] == ["animal"]
    assert arrived.max_tokens == 500
    assert arrived.reasoning is not None
    assert arrived.reasoning.effort == "high"
    assert arrived.user == "u-1"
    assert whom.dropped == []


@pairs
@pytest.mark.parametrize("stream", [False, True])
def test_the_wish_for_a_stream_arrives(front: str, vendor: str, stream: bool) -> None:
    sent = get(vendor).write_request(asked(front, stream=stream), target(vendor))
    assert get(vendor).read_request(sent).stream is stream


SAYS_MORE: dict[str, dict[str, Any]] = {
    "openai-chat": {"stop": ["END"], "seed": 7, "logit_bias": {"5": 1}, "presence_penalty": 0.5},
    "openai-responses": {"truncation": "auto", "max_tool_calls": 3, "text": {"verbosity": "low"}, "store": True},
    "anthropic-messages": {"stop_sequences": ["END"], "top_k": 5, "container": "c", "inference_geo": "eu"},
}
LOST = {
    ("openai-chat", "openai-responses"): {"stop", "seed", "logit_bias", "presence_penalty"},
    ("openai-chat", "anthropic-messages"): {"seed", "logit_bias", "presence_penalty"},
    ("openai-responses", "openai-chat"): {"truncation", "max_tool_calls", "text.verbosity", "store"},
    ("openai-responses", "anthropic-messages"): {"truncation", "max_tool_calls", "text.verbosity", "store"},
    ("anthropic-messages", "openai-chat"): {"top_k", "container", "inference_geo"},
    ("anthropic-messages", "openai-responses"): {"stop_sequences", "top_k", "container", "inference_geo"},
}


@pairs
def test_what_the_other_cannot_say_is_named(front: str, vendor: str) -> None:
    whom = target(vendor)
    get(vendor).write_request(asked(front, **SAYS_MORE[front]), whom)
    assert set(whom.dropped) == LOST[front, vendor]
    assert len(whom.dropped) == len(LOST[front, vendor])


ONLY_ITS_OWN: dict[str, dict[str, Any]] = {
    "openai-chat": {"tools": [{"type": "custom", "custom": {"name": "sh"}}]},
    "openai-responses": {"tools": [{"type": "web_search"}]},
    "anthropic-messages": {"tools": [{"type": "code_execution_20250825", "name": "code_execution"}]},
}


@pairs
def test_a_tool_that_only_one_dialect_knows_is_an_error(front: str, vendor: str) -> None:
    with pytest.raises(Unsupported):
        get(vendor).write_request(asked(front, **ONLY_ITS_OWN[front]), target(vendor))


# --- the answer ------------------------------------------------------------------------------------------------------

USAGE = Usage(input_tokens=100, output_tokens=30, cache_read_tokens=40, reasoning_tokens=10)


def answered(front: str, vendor: str, whole: bytes) -> tuple[Reply, bytes]:
    """What a caller of `front` gets of a vendor's whole answer, as the door hands it out: read again, and as it is."""
    reply = get(vendor).read_reply(whole)
    parts = tuple(
        replace(part, opaque=seal(part.opaque, ORIGIN)) if isinstance(part, Reasoning) and part.opaque else part
        for part in reply.parts
    )
    data = get(front).write_reply(replace(reply, parts=parts), asked(front))
    return get(front).read_reply(data), data


def streamed(front: str, vendor: str, stream: bytes) -> tuple[Reply, bytes]:
    """What a caller of `front` has of a vendor's stream when the official client has put it together."""
    usage = {"stream_options": {"include_usage": True}} if front == "openai-chat" else {}
    writer, events = get(front).stream_writer(asked(front, stream=True, **usage)), list[bytes]()
    for chunk in _chunks(get(vendor), stream):
        events.append(writer.write(_sealed(chunk)))
    events.append(writer.close())
    data = assembled(front, b"".join(events))
    return get(front).read_reply(data), data


def _chunks(dialect: Dialect, stream: bytes) -> list[Chunk]:
    reader = dialect.stream_reader()
    chunks = [chunk for event in EventSplitter().feed(stream) for chunk in reader.read(event)]
    assert reader.finished()
    return chunks


def _sealed(chunk: Chunk) -> Chunk:
    return replace(chunk, opaque=seal(chunk.opaque, ORIGIN)) if isinstance(chunk, ReasoningSeal) else chunk


def content(parts: tuple[Part, ...]) -> list[Any]:
    """What an answer holds: its words, its calls, and what was thought, with the seal that it came with."""
    plain: list[Any] = []
    for part in parts:
        if isinstance(part, Reasoning):
            opaque = part.opaque if part.origin is None else seal(part.opaque or "", part.origin)
            plain.append(("thought", part.text or "\n\n".join(part.summary), opaque))
        else:
            plain.append(_plain(part))
    return plain


RICH: list[Any] = [
    ("thought", THOUGHT, f"fh1.{ORIGIN}.{SEAL}"),
    "It is a cat.",
    ("call", "call_3", "zoom", {"x": 4}),
]


@pairs
def test_a_rich_answer_comes_back_whole(front: str, vendor: str) -> None:
    reply, _ = answered(front, vendor, SPOKEN[vendor].rich.whole)
    assert content(reply.parts) == RICH
    assert (reply.finish, reply.usage, reply.model) == ("tool_calls", USAGE, "answerer")


@pairs
def test_a_rich_stream_comes_back_as_the_same_answer(front: str, vendor: str) -> None:
    reply, _ = streamed(front, vendor, SPOKEN[vendor].rich.stream)
    assert content(reply.parts) == RICH
    assert (reply.finish, reply.usage, reply.model) == ("tool_calls", USAGE, "answerer")


@pairs
def test_an_answer_that_was_cut_comes_back_cut(front: str, vendor: str) -> None:
    reply, _ = answered(front, vendor, SPOKEN[vendor].cut.whole)
    other, _ = streamed(front, vendor, SPOKEN[vendor].cut.stream)
    assert content(reply.parts) == content(other.parts) == ["It is"]
    assert (reply.finish, other.finish) == ("length", "length")
    assert reply.usage == other.usage == USAGE


@pytest.mark.parametrize("vendor", sorted(SPOKEN))
@pytest.mark.parametrize("kind", ["rich", "cut"])
def test_a_vendors_stream_says_the_same_as_its_whole_answer(vendor: str, kind: str) -> None:
    answer = getattr(SPOKEN[vendor], kind)
    whole, stream = get(vendor).read_reply(answer.whole), gather(_chunks(get(vendor), answer.stream))
    assert content(stream.parts) == content(whole.parts)
    assert (stream.finish, stream.usage, stream.native_finish_reason) == (
        whole.finish,
        whole.usage,
        whole.native_finish_reason,
    )


@pairs
def test_a_failure_in_the_middle_is_never_a_finished_answer(front: str, vendor: str) -> None:
    writer = get(front).stream_writer(asked(front, stream=True))
    chunks = [
        chunk
        for chunk in _chunks(get(vendor), SPOKEN[vendor].rich.stream)
        if not isinstance(chunk, Finished | UsageReport)
    ]
    written = b"".join([*(writer.write(chunk) for chunk in chunks), writer.fail(StreamBroken("It broke."), "req_1")])
    reader = get(front).stream_reader()
    read: list[Chunk] = []
    for event in EventSplitter().feed(written):
        read += reader.read(event)
    gathered = gather(read)
    assert gathered.finish in (None, "error")
    assert gathered.failed is not None
    assert "It broke." in gathered.failed.message
    assert not reader.finished()


# --- the next turn ---------------------------------------------------------------------------------------------------


def next_turn(front: str, data: bytes) -> Request:
    """The caller's next request: its conversation, the answer as it came, and the result of the call."""
    answer, body = json.loads(data), json.loads(json.dumps(SPOKEN[front].request))
    if front == "openai-chat":
        body["messages"] += [
            answer["choices"][0]["message"],
            {"role": "tool", "tool_call_id": "call_3", "content": "whiskers"},
        ]
    elif front == "openai-responses":
        body["input"] += [
            *answer["output"],
            {"type": "function_call_output", "call_id": "call_3", "output": "whiskers"},
        ]
    else:
        result = {"type": "tool_result", "tool_use_id": "call_3", "content": "whiskers"}
        body["messages"] += [
            {"role": "assistant", "content": answer["content"]},
            {"role": "user", "content": [result]},
        ]
    return get(front).read_request(json.dumps(body).encode())


@pairs
@pytest.mark.parametrize("stream", [False, True])
def test_an_artefact_returns_to_its_maker_byte_for_byte(front: str, vendor: str, stream: bool) -> None:
    answer = SPOKEN[vendor].rich
    _, data = streamed(front, vendor, answer.stream) if stream else answered(front, vendor, answer.whole)
    whom = target(vendor)
    sent = get(vendor).write_request(next_turn(front, data), whom)
    thought = next(
        part
        for message in get(vendor).read_request(sent).messages
        for part in message.parts
        if isinstance(part, Reasoning)
    )
    assert (thought.text, thought.opaque, thought.origin) == (THOUGHT, SEAL, None)
    assert b"fh1." not in sent
    assert whom.dropped == []


@pairs
def test_an_artefact_never_goes_to_another_deployment(front: str, vendor: str) -> None:
    _, data = answered(front, vendor, SPOKEN[vendor].rich.whole)
    whom = target(vendor, OTHER_ORIGIN)
    sent = get(vendor).write_request(next_turn(front, data), whom)
    assert SEAL.encode() not in sent
    assert b"fh1." not in sent
    assert "reasoning" in whom.dropped
    assert said(get(vendor).read_request(sent))[-2:] == [
        ("assistant", ["It is a cat.", ("call", "call_3", "zoom", {"x": 4})]),
        ("tool", [("result", "call_3", ["whiskers"])]),
    ]


@pairs
def test_what_one_vendor_thought_is_nothing_to_a_third(front: str, vendor: str) -> None:
    """The answer came from `vendor`; the next turn goes to a deployment of the remaining dialect."""
    (third,) = set(SPOKEN) - {front, vendor}
    _, data = answered(front, vendor, SPOKEN[vendor].rich.whole)
    whom = target(third, OTHER_ORIGIN)
    sent = get(third).write_request(next_turn(front, data), whom)
    assert SEAL.encode() not in sent
    assert "reasoning" in whom.dropped
