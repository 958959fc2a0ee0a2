"""One worker put together: it reloads without dropping a request, keeps the old configuration when the new one is bad,
and drains."""

import asyncio
import logging
from pathlib import Path

import pytest

from gateway.door_in_process import ECHO, running

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
        before = await door.post("/v1/chat/completions", {**SAID, "model": "team"})
        assert before.status == 404
        under_way = [asyncio.create_task(door.post("/v1/chat/completions", SAID)) for _ in range(20)]
        await asyncio.sleep(0)
        (tmp_path / "freehold.toml").write_text(TEAM)
        door.worker.reload()
        answers = await asyncio.gather(*under_way)
        assert {answer.status for answer in answers} == {200}
        after = await door.post("/v1/chat/completions", {**SAID, "model": "team"})
        assert (after.status, after.headers["x-freehold-workload"]) == (200, "team")


async def test_a_configuration_that_cannot_be_used_leaves_the_old_one_in_force(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path, ECHO) as door:
        (tmp_path / "freehold.toml").write_text("[vendors.echo]\n[workloads.default]\nroute = 7\n")
        with caplog.at_level(logging.ERROR):
            door.worker.reload()
        assert "line 3" in caplog.text
        assert (await door.post("/v1/chat/completions", SAID)).status == 200


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
        await door.post("/v1/chat/completions", SAID)
        await door.post("/v1/chat/completions", SAID, authorization="Bearer nobody")
        page = (await door.get("/metrics")).body.decode()
    series = 'deployment="echo/echo",dialect="openai-chat",status="answered",workload="default"'
    assert f"freehold_requests_total{{{series}}} 1.0\n" in page
    assert 'freehold_tokens_total{deployment="echo/echo",kind="input",workload="default"} 2.0\n' in page
    assert 'freehold_turned_away_total{reason="unknown-key"} 1.0\n' in page
