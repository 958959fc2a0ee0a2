"""The door's paths: what stands at each, who may see it, and how a caller is told that there is nothing."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from freehold.gateway.exchange import Exchange
from freehold.gateway.http import Clock, Limits, Server
from freehold.store.callers import create_key
from freehold.store.database import open_database
from gateway.door_in_process import Answer, Door, running

TOML = """
    [door]
    max_body_mb = 0.001

    [vendors.echo]

    [workloads.default]
    route = ["requested"]

    [workloads.triage]
    route = ["echo/down", "echo/echo"]
"""
CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
POSTED = ["/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/messages/count_tokens", "/v1/embeddings"]
SHOWN = ["/healthz", "/readyz", "/metrics", "/v1/models", "/v1/models/echo/echo", "/v1/routes/explain"]


@pytest.fixture
async def door(tmp_path: Path) -> AsyncGenerator[Door]:
    async with running(tmp_path, TOML) as found:
        yield found


def member(door: Door, **scope: Any) -> str:
    """The secret of a key without the role admin."""
    with contextlib.closing(open_database(door.data)) as db:
        _, secret = create_key(db, name="member", **scope)
    door.worker.counters.bump()
    return secret


def is_openais(answer: Answer) -> bool:
    """Whether this is an error as OpenAI writes it."""
    return set(answer.json) == {"error"} and {"message", "type", "param", "code"} <= set(answer.json["error"])


def is_anthropics(answer: Answer) -> bool:
    """Whether this is an error as Anthropic writes it."""
    return answer.json["type"] == "error" and {"type", "message"} <= set(answer.json["error"])


# --- what is not there ---


async def test_an_unknown_path_names_those_that_there_are(door: Door) -> None:
    answer = await door.post("/v1/completions", {})
    assert answer.status == 404
    assert is_openais(answer)
    assert answer.json["error"]["code"] == "unknown-path"
    said = answer.json["error"]["message"]
    assert said.startswith("There is nothing at /v1/completions. Models answer at /v1/chat/completions,")


async def test_a_caller_is_told_in_the_dialect_of_its_path_or_of_its_headers(door: Door) -> None:
    assert is_anthropics(await door.get(MESSAGES))
    assert is_anthropics(await door.get("/v1/messages/count_tokens"))
    assert is_openais(await door.get(CHAT))
    assert is_openais(await door.get("/nothing"))
    elsewhere = await door.get("/nothing", anthropic_version="2023-06-01")
    assert is_anthropics(elsewhere)
    assert elsewhere.json["error"]["type"] == "not_found_error"


async def test_a_path_that_is_nearly_one_is_none(door: Door) -> None:
    for path in ("/", "//v1/models", "/v1/models2", "/V1/MODELS", "/v1/chat/completions/", "/v1/", "/healthz/x"):
        assert (await door.get(path)).status == 404, path


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
async def test_a_path_for_requests_takes_post(door: Door, method: str) -> None:
    for path in POSTED:
        answer = await door.send(method, path, b"", {"authorization": f"Bearer {door.key}"})
        assert answer.status == 405
        assert answer.headers["allow"] == "POST"  # RFC 9110, section 15.5.6
        assert answer.json["error"]["message"] == f"{path} takes POST."


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_a_page_takes_get(door: Door, method: str) -> None:
    for path in SHOWN:
        answer = await door.send(method, path, b"", {"authorization": f"Bearer {door.key}"})
        assert answer.status == 405
        assert answer.headers["allow"] == "GET, HEAD"
        assert answer.json["error"]["code"] == "method-not-allowed"


async def test_a_page_has_a_head(door: Door) -> None:
    for path in SHOWN[:-1]:
        whole = await door.get(path)
        head = await door.send("HEAD", path, b"", {"authorization": f"Bearer {door.key}"})
        assert (head.status, head.body) == (200, b"")
        assert head.headers["content-type"] == whole.headers["content-type"]
        assert int(head.headers["content-length"]) > 0


# --- requests that never became whole ---


@pytest.mark.parametrize(
    ("request_bytes", "status", "code"),
    [
        (b"POST %b HTTP/1.1\r\nhost: d\r\ncontent-length: 1049\r\n\r\n", 413, "body-too-large"),
        (b"POST %b HTTP/1.1\r\nhost: d\r\nx: " + b"y" * 65536 + b"\r\n\r\n", 431, "bad-input"),
        (b"POST %b HTTP/1.1\r\nhost: d\r\nx: y\nz: y\r\n\r\n", 400, "malformed-body"),
    ],
    ids=["body", "headers", "bytes"],
)
async def test_what_is_wrong_with_the_bytes_is_told_in_the_callers_dialect(
    door: Door, request_bytes: bytes, status: int, code: str
) -> None:
    chat = await door.raw(request_bytes % CHAT.encode())
    assert chat.status == status
    assert is_openais(chat)
    assert chat.json["error"]["code"] == code
    claude = await door.raw(request_bytes % MESSAGES.encode())
    assert claude.status == status
    assert is_anthropics(claude)
    assert door.records() == []


async def test_a_request_that_comes_too_slowly_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("freehold.gateway.worker.TICK_SECONDS", 0.02)
    async with running(tmp_path, "[door]\nbody_seconds = 0.05\n[vendors.echo]\n") as door:
        answer = await door.raw(b"POST /v1/messages HTTP/1.1\r\nhost: d\r\ncontent-length: 9\r\n\r\nhalf")
        assert answer.status == 408
        assert is_anthropics(answer)
        assert door.records() == []


# --- models and routes, as the SDKs ask for them ---


async def test_the_sdks_list_models_and_find_one(door: Door) -> None:
    async with openai.AsyncOpenAI(base_url=f"{door.url}/v1", api_key=door.key, max_retries=0) as chat:
        assert [model.id async for model in chat.models.list()] == ["triage", "echo/down", "echo/echo"]
        assert (await chat.models.retrieve("echo/echo")).owned_by == "echo"
        with pytest.raises(openai.NotFoundError):
            await chat.models.retrieve("nobody/knows")
    async with anthropic.AsyncAnthropic(base_url=door.url, api_key=door.key, max_retries=0) as claude:
        assert [model.id async for model in claude.models.list()] == ["triage", "echo/down", "echo/echo"]
        assert (await claude.models.retrieve("echo/echo")).display_name == "echo/echo"
        with pytest.raises(anthropic.NotFoundError):
            await claude.models.retrieve("nobody/knows")


async def test_the_pages_about_models_want_a_key(door: Door) -> None:
    for path in ("/v1/models", "/v1/models/echo/echo", "/v1/routes/explain?workload=triage"):
        assert (await door.get(path, authorization="")).status == 401
        assert (await door.get(path, authorization="Bearer fh_nobody")).status == 401
        assert (await door.get(path)).status == 200


async def test_a_key_made_a_moment_ago_is_known(door: Door) -> None:
    secret = member(door, models=("echo/echo",))
    answer = await door.get("/v1/models", authorization=f"Bearer {secret}")
    assert [row["id"] for row in answer.json["data"]] == ["triage", "echo/echo"]
    refused = await door.get("/v1/models/echo/down", authorization=f"Bearer {secret}")
    assert (refused.status, refused.json["error"]["code"]) == (403, "out-of-scope")


async def test_the_query_of_an_explanation_is_taken_apart(door: Door) -> None:
    answer = await door.get("/v1/routes/explain?workload=nope&workload=triage&max_tokens=%35")
    assert answer.status == 200
    assert [row["deployment"] for row in answer.json["targets"]] == ["echo/down", "echo/echo"]
    refused = await door.get("/v1/routes/explain?workload=triage&max_tokens=%2D5")
    assert (refused.status, refused.json["error"]["param"]) == (400, "max_tokens")


# --- metrics ---


@contextlib.asynccontextmanager
async def elsewhere(door: Door) -> AsyncGenerator[Door]:
    """The same door, as it looks from another machine."""

    async def handle(exchange: Exchange) -> None:
        exchange.peer = "192.0.2.7"
        await door.worker.door.handle(exchange)

    limits = Limits(max_body=1000, body_seconds=30.0, keep_alive_seconds=75.0)
    connections: set[Server] = set()
    server = await asyncio.get_running_loop().create_server(
        lambda: Server(handle, limits, Clock(), connections), "127.0.0.1", 0
    )
    try:
        yield Door(door.worker, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", door.data)
    finally:
        server.close()
        while connections:
            await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("setting", "here", "there", "of_a_member", "of_an_admin"),
    [("local", 200, 401, 403, 200), ("admin", 401, 401, 403, 200), ("open", 200, 200, 200, 200)],
)
async def test_metrics_are_for_whom_the_settings_say(
    tmp_path: Path, setting: str, here: int, there: int, of_a_member: int, of_an_admin: int
) -> None:
    async with (
        running(tmp_path, f'[door]\nmetrics = "{setting}"\n[vendors.echo]\n') as door,
        elsewhere(door) as far,
    ):
        secret = member(door)
        assert (await door.get("/metrics", authorization="")).status == here
        assert (await far.get("/metrics", authorization="")).status == there
        assert (await far.get("/metrics", authorization=f"Bearer {secret}")).status == of_a_member
        assert (await far.get("/metrics")).status == of_an_admin


async def test_a_header_does_not_make_a_caller_local(door: Door) -> None:
    async with elsewhere(door) as far:
        answer = await far.get("/metrics", authorization="", x_forwarded_for="127.0.0.1", x_real_ip="127.0.0.1")
        assert answer.status == 401


async def test_metrics_count_what_was_answered_and_what_was_turned_away(door: Door) -> None:
    said = [{"role": "user", "content": "two words"}]
    await door.post(CHAT, {"model": "triage", "messages": said})
    await door.post(CHAT, {"model": "triage", "messages": said}, authorization="Bearer fh_nobody")
    await door.get("/nothing")
    answer = await door.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    page = answer.body.decode()
    requests = 'deployment="echo/echo",dialect="openai-chat",status="answered",workload="triage"'
    assert f"freehold_requests_total{{{requests}}} 1.0" in page
    assert 'freehold_turned_away_total{reason="unknown-key"} 1.0' in page
    assert 'freehold_turned_away_total{reason="unknown-path"} 1.0' in page


# --- ready or not ---


async def test_health_needs_no_key_and_readiness_says_whether_requests_are_taken(door: Door) -> None:
    health = await door.get("/healthz", authorization="")
    assert (health.status, health.body, health.headers["content-type"]) == (200, b"ok\n", "text/plain; charset=utf-8")
    ready = await door.get("/readyz", authorization="")
    assert (ready.status, ready.body) == (200, b"ready\n")


async def test_while_it_is_not_ready_the_door_says_so_and_takes_no_request(door: Door) -> None:
    door.worker.door.ready = False
    ready = await door.get("/readyz", authorization="")
    assert (ready.status, ready.body) == (503, b"not ready\n")
    assert (await door.get("/healthz", authorization="")).status == 200
    assert (await door.get("/v1/models")).status == 200
    chat = await door.post(CHAT, {"model": "echo/echo", "messages": [{"role": "user", "content": "hi"}]})
    assert (chat.status, chat.headers["retry-after"], chat.json["error"]["code"]) == (503, "1", "draining")
    assert is_openais(chat)
    claude = await door.post(MESSAGES, {})
    assert claude.status == 503
    assert is_anthropics(claude)
    assert (await door.get(CHAT)).status == 405
    assert door.records() == []


async def test_an_error_has_an_id_that_a_person_can_name(door: Door) -> None:
    answer = await door.get("/nothing")
    assert answer.headers["x-request-id"].startswith("rec_")
    assert answer.headers["request-id"] == answer.headers["x-request-id"]
    assert "x-freehold-receipt" not in answer.headers  # there is no record to prove
