"""A canary through the real processes: real workers, a real vendor that fails, decisions that outlive `kill -9`."""

import asyncio
import contextlib
import itertools
import json
import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

from cli.house_running import House, freehold, house, until
from cli.ledger_reading import entries
from freehold.ledger.entry import Entry
from freehold.store.canaries import Canary, list_canaries
from freehold.store.database import open_database
from gateway.misbehaving import Upstream, misbehaving


def configured(upstream: Upstream) -> str:
    """The workload `triage`, answered by a model that always answers."""
    return f"""
        [vendors.echo]

        [vendors.rack]
        speaks = "openai-chat"
        base_url = "{upstream.base_url}"

        [workloads.triage]
        route = ["rack/good"]
        retries = 0
        canary = {{ min_items = 5, margin = 0.5, harm = 0.3, max_error_rate = 0.2 }}
    """


def canary_of(data: Path) -> Canary:
    """The newest canary."""
    with contextlib.closing(open_database(data)) as db:
        return list_canaries(db)[0]


def decisions(data: Path) -> list[Entry]:
    """The ledger's entries about canaries, the oldest first, once the whole log has been verified."""
    return [entry for entry in entries(data) if entry.kind.startswith("canary.")]


async def ask(door: House, numbers: range, text: str = "") -> Counter[int]:
    """One question each in conversations of these numbers, a few at once; gives how often each status came."""
    free = asyncio.Semaphore(8)

    async def one(number: int) -> int:
        said = f"{text} {number}" if text else "hello"
        body = {"model": "triage", "messages": [{"role": "user", "content": said}]}
        async with free:
            return (await door.ask(body, **{"x-freehold-conversation": f"c{number}"})).status

    return Counter(await asyncio.gather(*map(one, numbers)))


async def start(door: House, candidate: str, *options: str) -> dict[str, Any]:
    """Begins a canary on `triage`."""
    words = ("canary", "start", "triage", "--candidate", candidate, "--errors-only", "--json")
    return json.loads(await door.cli(*words, "--config", str(door.config), *options))


async def counted(door: House) -> int:
    """How many requests the canary has counted, in both arms."""
    (one,) = json.loads(await door.cli("canary", "status", "triage", "--json"))["canaries"]
    return sum(one["shown"][f"{arm}_arm"]["requests"] for arm in ("candidate", "incumbent"))


async def test_a_candidate_that_fails_is_taken_back_by_itself_and_no_caller_sees_it(tmp_path: Path) -> None:
    async with misbehaving() as upstream, house(tmp_path, configured(upstream)) as door:
        await start(door, "rack/broken", "--steps", "50,100")
        assert await ask(door, range(80)) == {200: 80}
        await until(lambda: canary_of(door.data).phase == "rolled_back", "the canary is taken back")
        before = upstream.asked["broken"]
        assert before > 0
        assert await ask(door, range(80, 120)) == {200: 40}
        assert upstream.asked["broken"] == before
        assert await door.end() == 0
    started, rolled_back = decisions(door.data)
    assert (started.kind, rolled_back.kind) == ("canary.started", "canary.rolled_back")
    assert rolled_back.id == started.id
    assert (started.body["share_ppm"], rolled_back.body["share_ppm"]) == (500_000, 0)
    assert rolled_back.body["recent_failures"] >= 10
    assert "failed" in rolled_back.body["reason"] or "fail more often" in rolled_back.body["reason"]
    verified = await asyncio.to_thread(freehold, "audit", "verify", "--data", str(door.data))
    assert verified.returncode == 0, verified.stdout + verified.stderr


async def test_kill_9_of_the_rollouts_loses_no_outcome_and_counts_none_twice(tmp_path: Path) -> None:
    async with misbehaving() as upstream, house(tmp_path, configured(upstream), "--workers", "2") as door:
        await start(door, "rack/crumbs", "--steps", "50,100", "--min-items", "100000")
        killed = 0
        for round_ in range(2):
            assert await ask(door, range(100 * round_, 100 * (round_ + 1))) == {200: 100}
            pid = door.rollouts()
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
                killed += 1
            await until(lambda old=pid: door.rollouts() not in (None, old), "the process is restored")
        assert killed == 2

        async def all_counted() -> bool:
            return await counted(door) >= 200

        await until(all_counted, "every request is counted")
        assert await counted(door) == 200
        assert await door.end() == 0
    records = [record for record in door.records() if record.canary]
    assert len(records) == 200
    (one,) = json.loads(await door.cli("canary", "status", "triage", "--json"))["canaries"]
    arms = Counter(record.arm for record in records)
    assert one["shown"]["candidate_arm"]["requests"] == arms["candidate"]
    assert one["shown"]["candidate_arm"]["scored"] == arms["candidate"]


async def test_a_good_candidate_advances_is_promoted_and_serves_after_a_restart(tmp_path: Path) -> None:
    async with misbehaving() as upstream:
        async with house(tmp_path, configured(upstream)) as door:
            await start(door, "rack/crumbs", "--steps", "50,100", "--max-p95-ratio", "0")
            numbers = itertools.count(step=40)

            async def ended() -> bool:
                number = next(numbers)
                assert await ask(door, range(number, number + 40)) == {200: 40}
                return canary_of(door.data).phase != "running"

            await until(ended, "the canary has ended")
            assert canary_of(door.data).phase == "promoted"
            assert await door.end() == 0
        async with house(tmp_path, configured(upstream)) as door:
            before = upstream.asked["crumbs"]
            assert await ask(door, range(9000, 9010)) == {200: 10}
            assert upstream.asked["crumbs"] == before + 10
            await door.cli("canary", "abort", "triage", "--reason", "the old one is wanted back")
            before = upstream.asked["crumbs"]

            async def back() -> bool:
                await ask(door, range(9010, 9011))
                return upstream.asked["crumbs"] == before

            await until(back, "the route serves again")
            assert await door.end() == 0
    kinds = [entry.kind for entry in decisions(door.data)]
    assert kinds == ["canary.started", "canary.advanced", "canary.promoted", "canary.aborted"]


async def test_a_candidate_that_answers_worse_is_taken_back_by_grades_alone(tmp_path: Path) -> None:
    async with misbehaving() as upstream:
        graded = (
            configured(upstream)
            + """
        capture = {}
        graders = [{ kind = "regex", pattern = "today$" }]
        shadow = { model = "echo/echo" }
        """
        )
        async with house(tmp_path, graded) as door:
            words = ("canary", "start", "triage", "--candidate", "echo/echo", "--steps", "50,100", "--json")
            begun = json.loads(await door.cli(*words, "--config", str(door.config)))
            assert begun["graded"]
            number = 0
            while canary_of(door.data).phase == "running" and number < 600:
                assert await ask(door, range(number, number + 20), "question") == {200: 20}
                number += 20
            await until(lambda: canary_of(door.data).phase == "rolled_back", "the canary is taken back")
            assert canary_of(door.data).reason == "shown to be worse than the incumbent by more than 0.3"
            (shadow,) = json.loads(await door.cli("canary", "status", "--json"))["shadows"]
            assert (shadow["candidate"], shadow["candidate_mean_ppm"]) == ("echo/echo", 0)
            assert shadow["incumbent_mean_ppm"] == 1_000_000
            assert await door.end() == 0
    rolled_back = next(entry for entry in decisions(door.data) if entry.kind == "canary.rolled_back")
    assert rolled_back.body["tests"]["harm"]["crossed_at"] > 0
    assert rolled_back.body["candidate_arm"]["failed"] == 0
    assert [entry.kind for entry in entries(door.data) if entry.kind.startswith("shadow.")] == ["shadow.harmed"]
