"""One worker put together: it reloads without dropping a request, keeps the old configuration when the new one is bad,
and drains."""

import asyncio
import logging
from pathlib import Path

import pytest

from gateway.door_in_process import ECHO, Door, running
from gateway.misbehaving import Upstream, misbehaving

CHAT = "/v1/chat/completions"
SAID = {"model": "echo/echo", "messages": [{"role": "user", "content": "one two"}]}
TEAM = """
[vendors.echo]

[workloads.default]
route = ["requested"]

[workloads.team]
route = ["echo/echo"]
"""


async def test_a_reload_takes_the_new_configuration_and_drops_no_request(tmp_path: Path) -> None:
    async with running(tmp_path, ECHO) as door:
        before = await door.post(CHAT, {**SAID, "model": "team"})
        assert before.status == 404
        under_way = [asyncio.create_task(door.post(CHAT, SAID)) for _ in range(20)]
        await asyncio.sleep(0)
        (tmp_path / "freehold.toml").write_text(TEAM)
        door.worker.reload()
        answers = await asyncio.gather(*under_way)
        assert {answer.status for answer in answers} == {200}
        after = await door.post(CHAT, {**SAID, "model": "team"})
        assert (after.status, after.headers["x-freehold-workload"]) == (200, "team")


async def test_a_reload_takes_up_how_much_is_answered_at_once(tmp_path: Path) -> None:
    async with misbehaving() as upstream, running(tmp_path, held(upstream, 9, 9)) as door:
        assert (await door.post(CHAT, SAID)).status == 200
        streaming = await open_stream(door)
        for together, of_one_key, status in ((1, 9, 503), (9, 1, 429), (9, 9, 200), (2, 2, 200), (1, 1, 503)):
            (tmp_path / "freehold.toml").write_text(held(upstream, together, of_one_key))
            door.worker.reload()
            assert (await door.post(CHAT, SAID)).status == status
        streaming.transport.abort()


async def test_a_reload_takes_up_how_large_and_how_slow_a_request_may_be_on_open_connections_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("freehold.gateway.worker.TICK_SECONDS", 0.02)
    post = b"POST /v1/messages HTTP/1.1\r\nhost: d\r\ncontent-length: %d\r\n\r\n"
    async with running(tmp_path, ECHO) as door:
        host, port = door.url.removeprefix("http://").split(":")
        lines = [await asyncio.open_connection(host, int(port)) for _ in range(3)]
        for reader, writer in lines:
            writer.write(b"GET /healthz HTTP/1.1\r\nhost: d\r\n\r\n")
            assert (await asyncio.wait_for(reader.readuntil(b"ok\n"), 20)).startswith(b"HTTP/1.1 200")
        (tmp_path / "freehold.toml").write_text(f"[door]\nmax_body_mb = 0.001\nbody_seconds = 0.05\n{ECHO}")
        door.worker.reload()
        lines[0][1].write(post % 1049)
        lines[1][1].write(post % 1048 + b"half")
        assert (await asyncio.wait_for(lines[0][0].readline(), 20)).startswith(b"HTTP/1.1 413")
        assert (await asyncio.wait_for(lines[1][0].readline(), 20)).startswith(b"HTTP/1.1 408")
        assert (await door.post("/v1/messages", b"x" * 1049)).status == 413
        (tmp_path / "freehold.toml").write_text(f"[door]\nkeep_alive_seconds = 0.05\n{ECHO}")
        door.worker.reload()
        lines[2][1].write(b"GET /healthz HTTP/1.1\r\nhost: d\r\n\r\n")
        assert (await asyncio.wait_for(lines[2][0].read(), 20)).endswith(b"ok\n")  # and then it is closed
        for _, writer in lines:
            writer.close()


def held(upstream: Upstream, together: int, of_one_key: int) -> str:
    limits = f"[door]\nmax_in_flight = {together}\nmax_in_flight_per_key = {of_one_key}\n"
    return f'{limits}[vendors.hold]\nspeaks = "openai-chat"\nbase_url = "{upstream.base_url}"\n{ECHO}'


async def open_stream(door: Door) -> asyncio.StreamWriter:
    """A stream that has begun and does not go on."""
    host, port = door.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    body = b'{"model":"hold/stalls","stream":true,"messages":[{"role":"user","content":"hi"}]}'
    head = f"POST {CHAT} HTTP/1.1\r\nhost: d\r\nauthorization: Bearer {door.key}\r\n"
    writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
    await asyncio.wait_for(reader.readuntil("Grüße".encode()), 20)
    return writer


async def test_a_configuration_that_cannot_be_used_leaves_the_old_one_in_force(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path, ECHO) as door:
        (tmp_path / "freehold.toml").write_text("[vendors.echo]\n[workloads.default]\nroute = 7\n")
        with caplog.at_level(logging.ERROR):
            door.worker.reload()
        assert "line 3" in caplog.text
        assert (await door.post(CHAT, SAID)).status == 200


async def test_a_draining_worker_ends_idle_connections_and_refuses_new_ones(tmp_path: Path) -> None:
    async with running(tmp_path, ECHO) as door:
        host, port = door.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /readyz HTTP/1.1\r\nhost: door\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        await door.worker.drain()
        await asyncio.wait_for(reader.read(), 5)
        with pytest.raises(OSError, match=r".*"):
            await asyncio.open_connection(host, int(port))
        writer.close()


async def test_the_metrics_count_what_went_through(tmp_path: Path) -> None:
    async with running(tmp_path, ECHO) as door:
        await door.post(CHAT, SAID)
        await door.post(CHAT, SAID, authorization="Bearer nobody")
        page = (await door.get("/metrics")).body.decode()
    series = 'deployment="echo/echo",dialect="openai-chat",status="answered",workload="default"'
    assert f"freehold_requests_total{{{series}}} 1.0\n" in page
    assert 'freehold_tokens_total{deployment="echo/echo",kind="input",workload="default"} 2.0\n' in page
    assert 'freehold_turned_away_total{reason="unknown-key"} 1.0\n' in page
