"""The official SDKs as callers of one door that `echo` answers: tools, schemas and pictures in each dialect, and the class of
error that each raises for what the door refuses."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
import pytest_asyncio

from freehold.store.callers import create_key, revoke_key
from freehold.store.database import open_database
from gateway.callers_of_tests import FRONTS, Callers, calling
from gateway.door_in_process import Door, running
from gateway.misbehaving import misbehaving

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATHS = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
TOOLS: dict[str, list[dict[str, Any]]] = {
    "chat": [{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}],
    "responses": [{"type": "function", "name": "weather", "parameters": WEATHER, "strict": True}],
    "messages": [{"name": "weather", "input_schema": WEATHER}],
}
SCHEMAS: dict[str, dict[str, Any]] = {
    "chat": {
        "response_format": {"type": "json_schema", "json_schema": {"name": "w", "schema": WEATHER, "strict": True}}
    },
    "responses": {"text": {"format": {"type": "json_schema", "name": "w", "schema": WEATHER, "strict": True}}},
    "messages": {"output_config": {"format": {"type": "json_schema", "schema": WEATHER}}},
}
DOT = "iVBORw0KGgo="


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Door]:
    """A small door: three requests at once, two of one key, bodies of up to 20 KiB."""
    folder: Path = tmp_path_factory.mktemp("door")
    async with misbehaving() as upstream:
        toml = f"""
            [door]
            max_in_flight = 3
            max_in_flight_per_key = 2
            max_body_mb = 0.02

            [vendors.echo]

            [vendors.hold]
            speaks = "openai-chat"
            base_url = "{upstream.base_url}"

            [prices."echo/echo"]
            input = 1000
            output = 1000

            [workloads.default]
            route = ["requested"]

            [workloads.poor]
            route = ["echo/echo"]
            budget = {{ usd = 0.01, per = "day", hard = true }}

            [workloads.slow]
            route = ["echo/echo"]
            limits = {{ requests_per_minute = 1 }}
        """
        async with running(folder, toml) as found:
            yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def callers(door: Door) -> AsyncGenerator[Callers]:
    async with calling(door) as found:
        yield found


def key_of(door: Door, **more: Any) -> tuple[str, str]:
    """The id and the secret of a new key."""
    with contextlib.closing(open_database(door.data)) as db:
        key, secret = create_key(db, name="somebody", **more)
    door.worker.counters.bump()
    return key.id, secret


# --- what is asked for ---


def _called(front: str, answer: Any) -> tuple[str, str, Any]:
    """Why a whole answer ended, the tool that it calls, and with what."""
    if front == "chat":
        (choice,) = answer.choices
        (call,) = choice.message.tool_calls
        return choice.finish_reason, call.function.name, call.function.arguments
    if front == "responses":
        (call,) = answer.output
        return answer.status, call.name, call.arguments
    (call,) = answer.content
    return answer.stop_reason, call.name, call.input


@pytest.mark.parametrize("front", FRONTS)
async def test_a_tool_is_called(callers: Callers, front: str) -> None:
    answer = await callers.ask(front, "echo/echo", "call weather", tools=TOOLS[front])
    assert (
        _called(front, answer)
        == {
            "chat": ("tool_calls", "weather", '{"city":"","days":1}'),
            "responses": ("completed", "weather", '{"city":"","days":1}'),
            "messages": ("tool_use", "weather", {"city": "", "days": 1}),
        }[front]
    )


async def test_a_tool_is_called_in_a_stream_of_chat(callers: Callers) -> None:
    stream = await callers.ask("chat", "echo/echo", "call weather", tools=TOOLS["chat"], stream=True)
    names, arguments, finishes = list[str](), list[str](), list[str]()
    async for chunk in stream:
        for choice in chunk.choices:
            finishes += [choice.finish_reason] if choice.finish_reason else []
            for call in choice.delta.tool_calls or ():
                names += [call.function.name] if call.function.name else []
                arguments += [call.function.arguments] if call.function.arguments else []
    assert (names, "".join(arguments), finishes) == (["weather"], '{"city":"","days":1}', ["tool_calls"])
    assert len(arguments) == 2


async def test_a_tool_is_called_in_a_stream_of_responses(callers: Callers) -> None:
    asked: dict[str, Any] = {"model": "echo/echo", "input": "call weather", "tools": TOOLS["responses"]}
    async with callers.gpt.responses.stream(**asked) as stream:
        deltas = [event.delta async for event in stream if event.type == "response.function_call_arguments.delta"]
        final = await stream.get_final_response()
    assert len(deltas) == 2
    assert "".join(deltas) == '{"city":"","days":1}'
    assert _called("responses", final) == ("completed", "weather", '{"city":"","days":1}')


async def test_a_tool_is_called_in_a_stream_of_messages(callers: Callers) -> None:
    asked: dict[str, Any] = {"model": "echo/echo", "max_tokens": 200, "tools": TOOLS["messages"]}
    said = [{"role": "user", "content": "call weather"}]
    async with callers.claude.messages.stream(messages=said, **asked) as stream:
        deltas = [event.partial_json async for event in stream if event.type == "input_json"]
        final = await stream.get_final_message()
    assert "".join(deltas) == '{"city":"","days":1}'
    assert _called("messages", final) == ("tool_use", "weather", {"city": "", "days": 1})


@pytest.mark.parametrize("front", FRONTS)
async def test_a_tools_result_is_taken_back(callers: Callers, front: str) -> None:
    """The second half of a call, as each SDK's guide writes it."""
    said: Any = {"role": "user", "content": "call weather"}
    answer = await callers.ask(front, "echo/echo", "call weather", tools=TOOLS[front])
    if front == "chat":
        message = answer.choices[0].message
        result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "sunny"}
        again = await callers.gpt.chat.completions.create(
            model="echo/echo", messages=[said, message, result], tools=TOOLS[front]
        )
        assert again.choices[0].message.content == "sunny"
    elif front == "responses":
        output = {"type": "function_call_output", "call_id": answer.output[0].call_id, "output": "sunny"}
        again = await callers.gpt.responses.create(
            model="echo/echo", input=[said, *answer.output, output], tools=TOOLS[front]
        )
        assert again.output_text == "sunny"
    else:
        result = {"type": "tool_result", "tool_use_id": answer.content[0].id, "content": "sunny"}
        turns = [said, {"role": "assistant", "content": answer.content}, {"role": "user", "content": [result]}]
        again = await callers.claude.messages.create(
            model="echo/echo", max_tokens=200, messages=turns, tools=TOOLS[front]
        )
        assert again.content[0].text == "sunny"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("front", FRONTS)
async def test_a_schema_is_followed(callers: Callers, front: str, stream: bool) -> None:
    if stream:
        heard = [(kind, text) async for kind, text in callers.listen(front, "echo/echo", "weather", **SCHEMAS[front])]
        assert "".join(text for kind, text in heard if kind == "word") == '{"city":"","days":1}'
        return
    answer = await callers.ask(front, "echo/echo", "weather", **SCHEMAS[front])
    assert _said(front, answer) == '{"city":"","days":1}'


@pytest.mark.parametrize("front", FRONTS)
async def test_a_picture_goes_through(callers: Callers, front: str) -> None:
    if front == "chat":
        picture: Any = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DOT}"}}
        text: Any = [{"type": "text", "text": "see"}, picture]
    elif front == "responses":
        picture = {"type": "input_image", "image_url": f"data:image/png;base64,{DOT}", "detail": "auto"}
        text = [{"role": "user", "content": [{"type": "input_text", "text": "see"}, picture]}]
    else:
        picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DOT}}
        text = [{"type": "text", "text": "see"}, picture]
    answer = await callers.ask(front, "echo/echo", text)
    assert _said(front, answer) == "see [image]"


def _said(front: str, answer: Any) -> str:
    if front == "chat":
        return answer.choices[0].message.content
    return answer.output_text if front == "responses" else answer.content[0].text


# --- what is refused ---


class Refusal(Exception):
    """What the SDK raised, with the same fields for both."""

    def __init__(self, error: Any, front: str) -> None:
        super().__init__(error.message)
        self.kind = type(error).__name__
        self.status = error.status_code
        self.code = error.error_code if front == "messages" else error.code
        self.headers = error.response.headers
        self.message: str = error.message


async def refused(callers: Callers, front: str, model: str = "echo/echo", words: str = "hi", **more: Any) -> Refusal:
    """The error that the SDK raises."""
    with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)) as told:
        await callers.ask(front, model, words, **more)
    return Refusal(told.value, front)


@pytest.mark.parametrize("front", FRONTS)
async def test_keys_that_are_no_longer_good_are_authentication_errors(door: Door, front: str) -> None:
    _, expired = key_of(door, now=1.0, expires_at=2.0)
    revoked_id, revoked = key_of(door)
    with contextlib.closing(open_database(door.data)) as db:
        revoke_key(db, revoked_id)
    door.worker.counters.bump()
    for secret, code in ((expired, "expired-key"), (revoked, "revoked-key"), ("fh_nobody", "unknown-key")):
        async with calling(door, secret) as somebody:
            told = await refused(somebody, front)
        assert (told.kind, told.status, told.code) == ("AuthenticationError", 401, code)


@pytest.mark.parametrize("front", FRONTS)
async def test_what_a_key_may_not_use_is_a_permission_error(door: Door, front: str) -> None:
    _, secret = key_of(door, models=("openai/*",))
    async with calling(door, secret) as somebody:
        told = await refused(somebody, front)
    assert (told.kind, told.status, told.code) == ("PermissionDeniedError", 403, "out-of-scope")


@pytest.mark.parametrize("front", FRONTS)
async def test_a_body_that_is_too_large_is_a_413(callers: Callers, door: Door, front: str) -> None:
    before = len(door.records())
    told = await refused(callers, front, words="x" * 21_000)
    kind = "ContentTooLargeError" if front == "messages" else "APIStatusError"
    assert (told.kind, told.status, told.code) == (kind, 413, "body-too-large")
    assert "door.max_body_mb" in told.message
    assert len(door.records()) == before


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize(
    "body",
    [b'{"model":"echo/echo","messages":"\xff\xfe"', b'{"model":"echo/\xc3\x28"}', b"{", b"[]", b"\xef\xbb\xbf\x00"],
    ids=["cut", "utf-8", "json", "list", "bom"],
)
async def test_a_body_that_is_no_json_in_utf_8_is_a_bad_request(callers: Callers, front: str, body: bytes) -> None:
    """The SDKs send such bytes where they are given them as they are."""
    client = callers.claude if front == "messages" else callers.gpt
    path = PATHS[front] if front == "messages" else PATHS[front].removeprefix("/v1")
    with pytest.raises((openai.BadRequestError, anthropic.BadRequestError)) as told:
        await client.post(path, cast_to=object, content=body)
    assert Refusal(told.value, front).code in ("malformed-body", "invalid-field")


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("text", ["\r\nx-injected: 1\r\n\r\n", "x\r\nset-cookie: a=b", "\x00", "ü\u2028", "x" * 5000])
async def test_a_name_ends_no_header_line(callers: Callers, front: str, text: str) -> None:
    told = await refused(callers, front, model=f"echo/{text}")
    assert (told.kind, told.status, told.code) == ("NotFoundError", 404, "unknown-model")
    assert {"x-injected", "set-cookie"}.isdisjoint(told.headers)
    named = await refused(callers, front, extra_headers={"x-freehold-workload": "no\twhere"})
    assert (named.kind, named.code) == ("NotFoundError", "unknown-workload")


@pytest.mark.parametrize("front", FRONTS)
async def test_what_the_door_cannot_take_has_its_class(callers: Callers, front: str) -> None:
    told = await refused(callers, front, model="poor", words="x" * 9000)
    assert (told.kind, told.status) == ("RateLimitError", 429)
    assert told.code == ("budget-exhausted" if front == "messages" else "insufficient_quota")
    assert told.headers["x-should-retry"] == "false"
    told = await refused(callers, front, extra_body={"temperature": "hot"})
    assert (told.kind, told.status, told.code) == ("BadRequestError", 400, "invalid-field")
    told = await refused(callers, front, model="echo/down")
    assert (told.kind, told.status) == (
        "ServiceUnavailableError" if front == "messages" else "InternalServerError",
        503,
    )


async def test_a_workload_that_is_asked_too_often_says_when_to_come_again(callers: Callers) -> None:
    await callers.ask("chat", "slow")
    for front in FRONTS:
        told = await refused(callers, front, model="slow")
        assert (told.kind, told.status, told.code) == ("RateLimitError", 429, "rate-limited")
        assert 1 <= int(told.headers["retry-after"]) <= 61


# --- too many at once ---


@contextlib.asynccontextmanager
async def held(door: Door, *secrets: str) -> AsyncGenerator[None]:
    """A stream under way for each of these keys."""
    writers: list[asyncio.StreamWriter] = []
    host, port = door.url.removeprefix("http://").split(":")
    body = b'{"model":"hold/stalls","stream":true,"messages":[{"role":"user","content":"hi"}]}'
    for secret in secrets:
        reader, writer = await asyncio.open_connection(host, int(port))
        writers.append(writer)
        head = f"POST {PATHS['chat']} HTTP/1.1\r\nhost: d\r\nauthorization: Bearer {secret}\r\n"
        writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        await asyncio.wait_for(reader.readuntil("Grüße".encode()), 20)
    try:
        assert door.worker.lifecycle.in_flight == len(secrets)
        yield
    finally:
        for writer in writers:
            writer.transport.abort()
        async with asyncio.timeout(20):
            while door.worker.lifecycle.in_flight:
                await asyncio.sleep(0.001)


async def test_one_key_that_asks_too_much_at_once_is_told_to_wait_and_others_are_not(
    callers: Callers, door: Door
) -> None:
    _, secret = key_of(door)
    async with held(door, secret, secret), calling(door, secret) as somebody:
        before = len(door.records())
        receipts: list[str] = []
        for front in FRONTS:
            told = await refused(somebody, front)
            assert (told.kind, told.status, told.code) == ("RateLimitError", 429, "rate-limited")
            assert told.headers["retry-after"] == "1"
            assert told.message.count("2 requests of this key are being answered.") == 1
            receipts.append(told.headers["x-freehold-receipt"])
        refusals = door.records()[before:]
        assert [record.id for record in refusals] == receipts  # each has its entry, of what is known without the body
        assert {(one.status, one.code, one.http_status) for one in refusals} == {("refused", "rate-limited", 429)}
        assert {(len(one.commitments), one.model) for one in refusals} == {(0, "")}
        assert _said("chat", await callers.ask("chat", "echo/echo", "hi")) == "hi"
    async with calling(door, secret) as somebody:
        assert _said("chat", await somebody.ask("chat", "echo/echo", "hi")) == "hi"


async def test_a_full_door_is_told_to_everybody_and_takes_the_next_when_one_has_left(
    callers: Callers, door: Door
) -> None:
    _, one = key_of(door)
    _, other = key_of(door)
    kinds = {"messages": "ServiceUnavailableError"}
    async with held(door, one, one, other):
        for front in FRONTS:
            told = await refused(callers, front)
            assert (told.kind, told.status) == (kinds.get(front, "InternalServerError"), 503)
            assert told.code == "door-full"
            assert told.headers["retry-after"] == "1"
            assert "3 requests are being answered." in told.message
    page = (await door.get("/metrics")).body.decode()
    assert 'freehold_turned_away_total{reason="door-full"} 3.0' in page
    assert _said("chat", await callers.ask("chat", "echo/echo", "hi")) == "hi"
