"""Whole requests through a door with the official SDKs as callers, answered by `echo`."""

import asyncio
import contextlib
import socket
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from freehold.store.callers import create_key
from freehold.store.database import open_database
from freehold.store.items import list_items
from gateway.door_in_process import Door, running
from gateway.misbehaving import misbehaving

CONFIGURED = """
    [vendors.echo]

    [prices."echo/echo"]
    input = 1000
    output = 1000

    [workloads.default]
    route = ["requested"]

    [workloads.resilient]
    route = ["echo/down", "echo/echo"]
    retries = 0

    [workloads.poor]
    route = ["echo/echo"]
    budget = { usd = 0.5, per = "day", hard = true }

    [workloads.slow]
    route = ["echo/echo"]
    limits = { requests_per_minute = 2 }
"""
COUNTED = """
    [ledger]
    contents = true

    [vendors.echo]

    [prices."echo/echo"]
    input = 1000
    output = 1000

    [projects.default]
    budget = { usd = 9, per = "day", hard = true }

    [workloads.default]
    route = ["requested"]

    [workloads.rich]
    route = ["echo/echo"]
    budget = [{ usd = 5, per = "month", hard = true }, { usd = 1, per = "day", hard = false }]
    limits = { requests_per_minute = 50, tokens_per_minute = 9000 }
    capture = { share = 1.0 }
"""
COMPATIBLE = """
    [vendors.rack]
    speaks = "openai-chat"
    base_url = "http://127.0.0.1:9/v1"

    [workloads.default]
    route = ["requested"]
"""
SAID = [{"role": "user", "content": "four words are here"}]
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
    "required": ["city", "days"],
    "additionalProperties": False,
}


@pytest.fixture
async def door(tmp_path: Path) -> AsyncGenerator[Door]:
    async with running(tmp_path, CONFIGURED) as found:
        yield found


@pytest.fixture
async def chat(door: Door) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{door.url}/v1", api_key=door.key, max_retries=0) as client:
        yield client


@pytest.fixture
async def claude(door: Door) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(base_url=door.url, api_key=door.key, max_retries=0) as client:
        yield client


async def test_chat_completions_answer_whole_and_streamed_alike(chat: Any, door: Door) -> None:
    whole = await chat.chat.completions.create(model="echo/echo", messages=SAID)
    stream = await chat.chat.completions.create(
        model="echo/echo",
        messages=SAID,
        stream=True,
        stream_options={"include_usage": True},
    )
    text, usage = "", None
    async for chunk in stream:
        text += "".join(choice.delta.content or "" for choice in chunk.choices)
        usage = chunk.usage or usage
    assert text == whole.choices[0].message.content == "four words are here"
    assert usage is not None
    assert whole.usage is not None
    assert usage.total_tokens == whole.usage.total_tokens == 8
    first, second = door.records()
    assert (first.status, first.input_tokens, first.output_tokens, first.cost_nano) == ("answered", 4, 4, 8_000_000)
    assert (second.status, second.input_tokens, second.output_tokens, second.cost_nano) == ("answered", 4, 4, 8_000_000)
    assert second.streamed


async def test_usage_that_was_not_asked_for_is_not_shown(door: Door) -> None:
    answer = await door.post("/v1/chat/completions", {"model": "echo/echo", "messages": SAID, "stream": True})
    assert b'"prompt_tokens"' not in answer.body
    assert answer.body.endswith(b"data: [DONE]\n\n")
    assert door.records()[0].input_tokens == 4


async def test_responses_answer_whole_and_streamed_alike(chat: Any) -> None:
    whole = await chat.responses.create(model="echo/echo", input="four words are here")
    async with chat.responses.stream(model="echo/echo", input="four words are here") as stream:
        async for _ in stream:
            pass
        final = await stream.get_final_response()
    assert whole.output_text == final.output_text == "four words are here"
    assert whole.usage is not None
    assert final.usage is not None
    assert whole.usage.total_tokens == final.usage.total_tokens == 8


async def test_messages_answer_whole_and_streamed_alike(claude: Any) -> None:
    asked = {"model": "echo/echo", "max_tokens": 50, "messages": SAID}
    whole = await claude.messages.create(**asked)
    async with claude.messages.stream(**asked) as stream:
        final = await stream.get_final_message()
    assert whole.content[0].text == final.content[0].text == "four words are here"
    assert whole.stop_reason == final.stop_reason == "end_turn"
    assert whole.usage.output_tokens == final.usage.output_tokens == 4


async def test_counting_tokens_costs_nothing(claude: Any, door: Door) -> None:
    counted = await claude.messages.count_tokens(model="echo/echo", messages=[{"role": "user", "content": "one two"}])
    assert counted.input_tokens == 2
    record = door.records()[0]
    assert (record.operation, record.input_tokens, record.cost_nano) == ("count_tokens", 0, 0)


async def test_a_vendor_that_cannot_count_tokens_is_estimated_for(tmp_path: Path) -> None:
    async with running(tmp_path, COMPATIBLE) as door:
        asked = {"model": "rack/any", "messages": [{"role": "user", "content": "one two three"}]}
        answer = await door.post("/v1/messages/count_tokens", asked)
        assert answer.status == 200
        assert answer.json == {"input_tokens": 18}  # 72 bytes of body, four a token
        assert answer.headers["x-freehold-estimated"] == "input_tokens"
        assert door.records()[0].attempts == ()


async def test_embeddings_answer(chat: Any) -> None:
    answer = await chat.embeddings.create(model="echo/echo", input=["a b", "c"], encoding_format="float")
    assert [len(row.embedding) for row in answer.data] == [8, 8]
    assert answer.usage.prompt_tokens == 3


async def test_a_tool_is_called_in_every_dialect(chat: Any, claude: Any) -> None:
    function = {"name": "weather", "parameters": WEATHER}
    said = await chat.chat.completions.create(
        model="echo/echo",
        messages=[{"role": "user", "content": "call weather"}],
        tools=[{"type": "function", "function": function}],
    )
    assert said.choices[0].finish_reason == "tool_calls"
    assert said.choices[0].message.tool_calls[0].function.arguments == '{"city":"","days":1}'
    answered = await claude.messages.create(
        model="echo/echo",
        max_tokens=50,
        messages=[{"role": "user", "content": "call weather"}],
        tools=[{"name": "weather", "input_schema": WEATHER}],
    )
    assert answered.stop_reason == "tool_use"
    assert answered.content[0].input == {"city": "", "days": 1}


async def test_a_schema_is_followed(chat: Any) -> None:
    said = await chat.chat.completions.create(
        model="echo/echo",
        messages=[{"role": "user", "content": "weather"}],
        response_format={"type": "json_schema", "json_schema": {"name": "w", "schema": WEATHER, "strict": True}},
    )
    assert said.choices[0].message.content == '{"city":"","days":1}'


async def test_a_picture_goes_through(chat: Any) -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    said = await chat.chat.completions.create(
        model="echo/echo",
        messages=[{"role": "user", "content": [{"type": "text", "text": "see"}, picture]}],
    )
    assert said.choices[0].message.content == "see [image]"


async def test_a_failing_deployment_is_failed_over(door: Door) -> None:
    answer = await door.post("/v1/chat/completions", {"model": "resilient", "messages": SAID})
    assert answer.status == 200
    assert answer.headers["x-freehold-model"] == "echo/echo"
    assert answer.headers["x-freehold-workload"] == "resilient"
    record = door.records()[0]
    assert [(attempt.deployment, attempt.outcome) for attempt in record.attempts] == [
        ("echo/down", "failed"),
        ("echo/echo", "answered"),
    ]
    assert answer.headers["x-freehold-receipt"] == record.id


async def test_a_hard_budget_is_refused_before_anything_is_spent(chat: Any, door: Door) -> None:
    with pytest.raises(openai.RateLimitError) as refused:
        await chat.chat.completions.create(model="poor", messages=[{"role": "user", "content": "hi"}], max_tokens=600)
    assert refused.value.type == "insufficient_quota"
    record = door.records()[0]
    assert (record.status, record.code, record.cost_nano) == ("refused", "budget-exhausted", 0)


async def test_a_request_within_its_budget_is_answered(chat: Any) -> None:
    said = await chat.chat.completions.create(
        model="poor", messages=[{"role": "user", "content": "hi"}], max_tokens=100
    )
    assert said.choices[0].message.content == "hi"


async def test_a_third_request_in_a_minute_is_too_many(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    body = {"model": "slow", "messages": SAID}
    statuses = [(await door.post("/v1/chat/completions", body)).status for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert "were billed" not in caplog.text  # where there is no budget, nothing was reserved that could be passed


async def test_thinking_comes_back_sealed_and_is_taken_back(claude: Any) -> None:
    asked: dict[str, Any] = {
        "model": "echo/echo",
        "max_tokens": 2000,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "messages": [{"role": "user", "content": "think"}],
    }
    said = await claude.messages.create(**asked)
    thought = said.content[0]
    assert thought.signature.startswith("fh1.")
    asked["messages"] = [
        {"role": "user", "content": "think"},
        {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in said.content]},
        {"role": "user", "content": "again"},
    ]
    again = await claude.messages.create(**asked)
    assert again.content[-1].text == "again"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/chat/completions", b"{", 400),
        ("/v1/chat/completions", b"\xff\xfe", 400),
        ("/v1/chat/completions", b"[]", 400),
        ("/v1/chat/completions", b'{"model":"echo/echo","messages":7}', 400),
        ("/v1/chat/completions", b'{"model":"nobody/knows","messages":[{"role":"user","content":"x"}]}', 404),
        ("/v1/messages", b'{"model":"echo/echo","messages":[{"role":"user","content":"x"}]}', 400),
        ("/v1/responses", b'{"model":"echo/echo","input":{}}', 400),
        ("/v1/nothing", b"{}", 404),
        (
            "/v1/chat/completions",
            b'{"model":"echo/echo","messages":[{"role":"user","content":'
            b'[{"type":"image_url","image_url":{"url":"http://169.254.169.254/x"}}]}]}',
            400,
        ),
    ],
)
async def test_bad_input_gets_its_status_and_a_sentence(door: Door, path: str, body: bytes, status: int) -> None:
    answer = await door.post(path, body)
    assert answer.status == status
    assert len(answer.json["error"]["message"]) > 20


async def test_an_unknown_key_is_turned_away_in_the_callers_dialect(door: Door) -> None:
    answer = await door.post("/v1/messages", {}, authorization="Bearer nobody")
    assert answer.status == 401
    assert answer.json["error"]["type"] == "authentication_error"
    assert door.records() == []


async def test_a_header_names_the_workload(door: Door) -> None:
    answer = await door.post(
        "/v1/chat/completions", {"model": "anything", "messages": SAID}, x_freehold_workload="resilient"
    )
    assert answer.headers["x-freehold-workload"] == "resilient"
    unknown = await door.post("/v1/chat/completions", {"model": "x", "messages": SAID}, x_freehold_workload="nope")
    assert unknown.status == 404


async def test_the_routes_are_explained(door: Door) -> None:
    answer = await door.get("/v1/routes/explain?workload=resilient")
    assert [(row["deployment"], row["rank"]) for row in answer.json["targets"]] == [("echo/down", 0), ("echo/echo", 1)]


async def test_a_request_asks_no_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every statement of every connection is counted, also of those that were open before: with a hard budget, limits, capture,
    contents in the ledger, whole and streamed."""
    asked: list[str] = []
    connect = sqlite3.connect

    def traced(*arguments: Any, **named: Any) -> sqlite3.Connection:
        asked.append("connect")
        db = connect(*arguments, **named)
        db.set_trace_callback(asked.append)
        return db

    monkeypatch.setattr("sqlite3.connect", traced)
    async with running(tmp_path, COUNTED) as door:
        assert len(asked) > 10  # the door was made with it
        asked.clear()
        body = {"model": "rich", "messages": SAID, "max_tokens": 50}
        for path, more in (
            ("/v1/chat/completions", {}),
            ("/v1/chat/completions", {"stream": True}),
            ("/v1/messages", {"stream": True}),
        ):
            answer = await door.post(path, body | more)
            assert answer.status == 200
            assert b"words" in answer.body
        await door.worker.drain()  # what is made after an answer, the item of capture say, is made by then
        assert asked == []
        records = door.records()
        assert len(asked) > 10
        assert [(record.status, record.workload, record.cost_nano > 0) for record in records] == [
            ("answered", "rich", True)
        ] * 3
        with contextlib.closing(open_database(tmp_path)) as db:
            assert len(list_items(db)) == 1  # the same conversation three times


async def test_many_at_once_are_all_answered_and_recorded(door: Door) -> None:
    body = {"model": "echo/echo", "messages": SAID}
    answers = await asyncio.gather(*(door.post("/v1/chat/completions", body) for _ in range(50)))
    assert [answer.status for answer in answers] == [200] * 50
    assert len({record.id for record in door.records()}) == 50


# --- callers that read slowly ---


@contextlib.asynccontextmanager
async def streaming(door: Door, model: str) -> AsyncGenerator[socket.socket]:
    """The caller's side of a stream of which nothing has been read."""
    host, port = door.url.removeprefix("http://").split(":")
    body = b'{"model":"bad/%b","stream":true,"messages":[{"role":"user","content":"hi"}]}' % model.encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: d\r\nauthorization: Bearer {door.key}\r\nconnection: close\r\n"
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        line.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(line, (host, int(port)))
        await loop.sock_sendall(line, f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        yield line


def limited(base_url: str, *, idle: float, total: float) -> str:
    return f"""
        [timeouts]
        idle = {idle}
        total = {total}

        [vendors.bad]
        speaks = "openai-chat"
        base_url = "{base_url}"

        [workloads.default]
        route = ["requested"]
    """


@pytest.mark.parametrize("idle", [0.2, 60.0])
async def test_a_caller_who_stops_reading_holds_nothing_beyond_the_total_time(tmp_path: Path, idle: float) -> None:
    async with (
        misbehaving() as upstream,
        running(tmp_path, limited(upstream.base_url, idle=idle, total=1.0)) as door,
        streaming(door, "flood"),
    ):
        while not upstream.asked["flood"]:
            await asyncio.sleep(0.01)
        async with asyncio.timeout(10):
            while door.worker.lifecycle.in_flight:
                await asyncio.sleep(0.01)
            assert await upstream.closed.get() == "flood"
        record = door.records()[0]
    assert (record.status, record.code) == ("cancelled", None)
    assert record.total_ms >= 1000


async def test_a_caller_who_pauses_and_reads_on_gets_the_whole_answer(tmp_path: Path) -> None:
    async with (
        misbehaving() as upstream,
        running(tmp_path, limited(upstream.base_url, idle=0.2, total=60.0)) as door,
        streaming(door, "plenty") as line,
    ):
        await asyncio.sleep(1)
        said = bytearray()
        while data := await asyncio.get_running_loop().sock_recv(line, 1 << 20):
            said += data
        assert b"vendor-timeout" not in said
        assert b"[DONE]" in said
        assert said.count(b"more ") >= 2_400_000 - 12_000  # a word may be split where the door cuts its chunks
        assert door.records()[0].status == "answered"


async def test_a_stored_response_is_gone_on_from_by_its_own_project_only(door: Door) -> None:
    first = await door.post("/v1/responses", {"model": "echo/echo", "input": "one two"})
    given = first.json["id"]
    assert given.startswith("resp_fh1.")
    on: dict[str, Any] = {"model": "echo/echo", "input": "three", "previous_response_id": given}
    second = await door.post("/v1/responses", on)
    assert (second.status, second.json["previous_response_id"]) == (200, given)
    streamed = await door.post("/v1/responses", {**on, "stream": True})
    assert streamed.status == 200
    assert streamed.body.count(f'"previous_response_id":"{given}"'.encode()) == streamed.body.count(b'"response":{')
    with contextlib.closing(open_database(door.data)) as db:
        _, stranger = create_key(db, name="stranger", project="elsewhere")
    door.worker.counters.bump()
    for told, key in ((given, stranger), (given.rpartition(".")[2], door.key)):
        refused = await door.post("/v1/responses", {**on, "previous_response_id": told}, authorization=f"Bearer {key}")
        assert (refused.status, refused.json["error"]["param"]) == (400, "previous_response_id")
        assert "same project" in refused.json["error"]["message"]
