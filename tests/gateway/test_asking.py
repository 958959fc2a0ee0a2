"""Step 7 against an upstream that misbehaves: with one healthy deployment left, no request fails."""

import asyncio
import textwrap
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from freehold.vendors.own import Served
from gateway.door_in_process import Door, running
from gateway.misbehaving import TEXT, Upstream, misbehaving

BEFORE_THE_FIRST_TOKEN = [
    "busy",
    "busy-long",
    "poor",
    "broken",
    "overloaded",
    "locked",
    "moved",
    "retired",
    "reset",
    "silent",
    "html",
    "not-json",
    "no-http",
    "half",
    "failed-inside",
    "slow",
]
AFTER_IT = ["cut", "cut-politely", "fails-late", "stalls"]


@pytest.fixture
async def upstream() -> AsyncGenerator[Upstream]:
    async with misbehaving() as found:
        yield found


@pytest.fixture
async def door(tmp_path: Path, upstream: Upstream) -> AsyncGenerator[Door]:
    workloads = "".join(
        f'\n[workloads.via-{name}]\nroute = ["bad/{name}", "good/good"]\nretries = 1\n'
        for name in BEFORE_THE_FIRST_TOKEN
    )
    toml = f"""
        [timeouts]
        connect = 2
        first_token = 0.3
        whole = 0.3
        idle = 0.3
        total = 10

        [vendors.bad]
        speaks = "openai-chat"
        base_url = "{upstream.base_url}"

        [vendors.good]
        speaks = "openai-chat"
        base_url = "{upstream.base_url}"

        [workloads.default]
        route = ["requested"]
        retries = 2

        [workloads.hedged]
        route = ["bad/slow", "good/good"]
        hedge = {{ after = 0.05, min_seconds = 0 }}

        [workloads.patient]
        route = ["bad/flaky"]
        retries = 1
    """
    async with running(tmp_path, textwrap.dedent(toml) + workloads) as found:
        yield found


def asking(model: str, *, stream: bool) -> dict[str, Any]:
    return {"model": model, "stream": stream, "messages": [{"role": "user", "content": "hello"}]}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("name", BEFORE_THE_FIRST_TOKEN)
async def test_a_failure_before_the_first_token_is_never_seen(door: Door, name: str, stream: bool) -> None:
    answer = await door.post("/v1/chat/completions", asking(f"via-{name}", stream=stream))
    assert answer.status == 200
    assert answer.headers["x-freehold-model"] == "good/good"
    record = door.records()[0]
    assert record.status == "answered"
    assert (record.input_tokens, record.output_tokens, record.estimated) == (5, 4, False)
    assert [attempt.outcome for attempt in record.attempts][-2:] == ["failed", "answered"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_however_silent_those_before_it_are_the_last_one_is_asked_in_time(
    tmp_path: Path, upstream: Upstream, stream: bool
) -> None:
    toml = f"""
        [timeouts]
        total = 1.5

        [vendors.rack]
        speaks = "openai-chat"
        base_url = "{upstream.base_url}"

        [workloads.default]
        route = ["rack/silent", "rack/slow", "rack/good"]
    """
    async with running(tmp_path, toml) as door:
        answer = await door.post("/v1/chat/completions", asking("any", stream=stream))
        assert answer.status == 200
        record = door.records()[0]
    assert record.deployment == "rack/good"
    assert [attempt.code for attempt in record.attempts] == ["vendor-timeout", "vendor-timeout", None]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_the_total_time_ends_a_request_that_nobody_answers(
    tmp_path: Path, upstream: Upstream, stream: bool
) -> None:
    toml = f"""
        [timeouts]
        total = 0.2

        [vendors.rack]
        speaks = "openai-chat"
        base_url = "{upstream.base_url}"

        [workloads.default]
        route = ["requested"]
    """
    async with running(tmp_path, toml) as door:
        answer = await door.post("/v1/chat/completions", asking("rack/silent", stream=stream))
        assert (answer.status, answer.json["error"]["code"]) == (504, "vendor-timeout")
        assert await asyncio.wait_for(upstream.closed.get(), 5) == "silent"
        endless = await door.post("/v1/chat/completions", asking("rack/endless", stream=True))
        assert b"more" in endless.body
        assert b"vendor-timeout" in endless.body
        assert b"[DONE]" not in endless.body
        assert [record.status for record in door.records()] == ["failed", "failed"]


@pytest.mark.parametrize("name", AFTER_IT)
async def test_a_failure_after_the_first_token_is_told_and_never_a_stop(door: Door, name: str) -> None:
    async with openai.AsyncOpenAI(base_url=f"{door.url}/v1", api_key=door.key, max_retries=0) as client:
        create: Any = client.chat.completions.create  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        stream: Any = await create(**asking(f"bad/{name}", stream=True))
        said, finishes = "", set[str | None]()
        with pytest.raises(openai.APIError):  # noqa: PT012 (a stream is read in a loop)
            async for chunk in stream:
                said += chunk.choices[0].delta.content or ""
                finishes.add(chunk.choices[0].finish_reason)
    assert TEXT.startswith(said)
    assert said
    assert finishes == {None}
    record = door.records()[0]
    assert (record.status, record.estimated) == ("failed", True)
    assert record.output_tokens > 0


@pytest.mark.parametrize("name", AFTER_IT)
async def test_it_is_told_in_the_callers_own_dialect(door: Door, name: str) -> None:
    async with anthropic.AsyncAnthropic(base_url=door.url, api_key=door.key, max_retries=0) as client:
        with pytest.raises(anthropic.APIError):
            async with client.messages.stream(
                model=f"bad/{name}", max_tokens=20, messages=[{"role": "user", "content": "hello"}]
            ) as stream:
                await stream.get_final_message()


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/responses"])
async def test_code_points_split_between_reads_come_out_whole(door: Door, path: str) -> None:
    body: dict[str, Any] = {"model": "bad/crumbs", "stream": True}
    if path == "/v1/responses":
        body["input"] = "hello"
    else:
        body |= {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 50}
    answer = await door.post(path, body)
    text = answer.body.decode()
    assert all(word in text for word in ("Grüße", "日本", "today"))
    assert door.records()[0].output_tokens == 4


async def test_a_moments_weakness_is_retried_on_the_same_deployment(door: Door, upstream: Upstream) -> None:
    answer = await door.post("/v1/chat/completions", asking("patient", stream=False))
    assert answer.status == 200
    assert upstream.asked["flaky"] == 2


@pytest.mark.parametrize("name", ["half", "reset"])
async def test_a_connection_that_breaks_after_the_request_was_sent_may_be_billed(
    tmp_path: Path, upstream: Upstream, name: str
) -> None:
    toml = f"""
        [vendors.bad]
        speaks = "openai-chat"
        base_url = "{upstream.base_url}"

        [prices."bad/{name}"]
        input = "1"
        output = "10"

        [workloads.default]
        route = ["requested"]
        retries = 2
        budget = {{ usd = "0.015", per = "day", hard = true }}
    """
    async with running(tmp_path, toml) as door:
        answer = await door.post("/v1/chat/completions", asking(f"bad/{name}", stream=False) | {"max_tokens": 1000})
        assert (answer.status, answer.json["error"]["code"]) == (429, "insufficient_quota")
        assert upstream.asked[name] == 1, "the budget does not cover it twice"
        record = door.records()[0]
    assert 10_000_000 < record.cost_nano == record.reserved_nano < 10_500_000  # the output, and a little for the input
    assert [(one.code, one.estimated) for one in record.attempts] == [("vendor-unreachable", True)]


@pytest.mark.parametrize(
    ("name", "stream"), [("half", False), ("not-json", False), ("silent", False), ("silent", True), ("reset", True)]
)
async def test_an_own_model_that_fails_costs_nobody_anything(
    tmp_path: Path, upstream: Upstream, name: str, stream: bool
) -> None:
    toml = f"""
        [own.{name}]
        url = "{upstream.base_url}"
        engine = "llama.cpp"

        [prices."own/{name}"]
        input = "1"
        output = "10"

        [workloads.default]
        route = ["requested"]
        retries = 1
        timeouts = {{ first_token = 0.3, whole = 0.3 }}
        budget = {{ usd = "0.015", per = "day", hard = true }}
    """
    served = Served(base_url=upstream.base_url, here=False)
    async with running(tmp_path, toml, {name: served}) as door:
        asked = asking(f"own/{name}", stream=stream) | {"max_tokens": 1000}
        answer = await door.post("/v1/chat/completions", asked)
        assert answer.status in (502, 504)
        (record,) = door.records()
    assert (record.cost_nano, record.reserved_nano > 0) == (0, True)
    assert {(one.outcome, one.cost_nano) for one in record.attempts} == {("failed", 0)}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_refusal_that_breaks_off_is_a_refusal_and_costs_nothing(
    door: Door, upstream: Upstream, stream: bool
) -> None:
    answer = await door.post("/v1/chat/completions", asking("bad/broken-half", stream=stream))
    assert answer.status == 500
    record = door.records()[0]
    assert [(one.status, one.code) for one in record.attempts] == [(500, "vendor-refused")] * 3
    assert record.cost_nano == 0


async def test_retry_after_is_obeyed_when_it_is_short(door: Door, upstream: Upstream) -> None:
    answer = await door.post("/v1/chat/completions", asking("bad/busy-briefly", stream=False))
    assert answer.status == 429
    assert upstream.asked["busy-briefly"] == 3


async def test_a_long_retry_after_is_passed_on_and_not_waited_out(door: Door, upstream: Upstream) -> None:
    answer = await door.post("/v1/chat/completions", asking("bad/busy-long", stream=False))
    assert answer.status == 429
    assert answer.headers["retry-after"] == "3600"
    assert upstream.asked["busy-long"] == 1


async def test_a_request_at_fault_is_told_once(door: Door, upstream: Upstream) -> None:
    answer = await door.post("/v1/chat/completions", asking("bad/picky", stream=False))
    assert answer.status == 400
    assert upstream.asked["picky"] == 1


async def test_the_gateways_own_key_is_not_the_callers_and_not_shown(door: Door) -> None:
    answer = await door.post("/v1/chat/completions", asking("bad/locked", stream=False))
    assert answer.status == 502
    assert b"sk-very-secret" not in answer.body


async def test_a_vendor_that_repeats_the_key_does_not_show_it_to_the_caller(tmp_path: Path, upstream: Upstream) -> None:
    (tmp_path / "key").write_text("sk-of-the-door-0123")
    settings = f'''
        [vendors.keyed]
        speaks = "openai-chat"
        base_url = "{upstream.base_url}"
        api_key = {{ file = "{tmp_path / "key"}" }}
    '''
    async with running(tmp_path, settings) as door:
        answer = await door.post("/v1/chat/completions", asking("keyed/telling", stream=False))
    assert answer.status == 400
    assert answer.json["error"]["message"] == "The key *** may not ask this."


async def test_the_slow_one_loses_to_its_hedge_and_is_cancelled(door: Door, upstream: Upstream) -> None:
    answer = await door.post("/v1/chat/completions", asking("hedged", stream=True))
    assert answer.headers["x-freehold-model"] == "good/good"
    assert await asyncio.wait_for(upstream.closed.get(), 5) == "slow"
    attempts = {attempt.deployment: attempt for attempt in door.records()[0].attempts}
    assert attempts["bad/slow"].outcome == "cancelled"
    assert attempts["good/good"].hedge


@pytest.mark.parametrize("name", ["endless", "slow"])
async def test_a_caller_who_leaves_ends_the_vendors_work(door: Door, upstream: Upstream, name: str) -> None:
    host, port = door.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    body = b'{"model":"bad/%b","stream":true,"messages":[{"role":"user","content":"hi"}]}' % name.encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: d\r\nauthorization: Bearer {door.key}\r\ncontent-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    if name == "endless":
        await reader.readuntil(b"more")
    else:
        while upstream.asked["slow"] == 0:
            await asyncio.sleep(0.001)
    writer.transport.abort()
    assert await asyncio.wait_for(upstream.closed.get(), 5) == name
    while door.worker.lifecycle.in_flight:
        await asyncio.sleep(0.001)
    assert door.records()[0].status == "cancelled"
