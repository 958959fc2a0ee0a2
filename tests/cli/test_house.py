"""The whole of it, as people run it: `freehold up` with real worker processes, killed, reloaded and ended under load."""

import asyncio
import contextlib
import json
import os
import signal
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from cli.house_running import Cut, House, Line, Paced, alive, freehold, house, line_to_each_worker, paced, until
from freehold.store.counters import Counters
from freehold.store.folder import COUNTERS
from freehold.store.grants import Remaining
from freehold.store.scopes import Period
from gateway.door_in_process import Answer
from gateway.misbehaving import TEXT

ECHO = "[vendors.echo]\n"

PRICED = """
    [vendors.echo]

    [prices."echo/echo"]
    input = 0
    output = 1000

    [workloads.poor]
    route = ["echo/echo"]
    budget = { usd = 0.1, per = "day", hard = true }
"""
"""A token said costs a thousandth of a dollar, so the budget of `poor` pays for a hundred of them."""

FIVE_WORDS = "one two three four five"
ASKED = {"model": "slow", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 50, "stream": True}


def slow(vendor: Paced, more: str = "") -> str:
    """A configuration in which the workload `slow` is answered by this vendor, for at most $0.05 of a budget of $0.06."""
    return f"""
        [vendors.echo]

        [vendors.paced]
        speaks = "openai-chat"
        base_url = "{vendor.base_url}"

        [prices."paced/good"]
        input = 0
        output = 1000

        [workloads.slow]
        route = ["paced/good"]
        budget = {{ usd = 0.06, per = "day", hard = true }}
        {more}
    """


class Rule(NamedTuple):
    """A hard budget per day, in nano-dollars."""

    nano: int
    per: Period = "day"
    hard: bool = True


def stands(data: Path, workload: str, nano: int) -> Remaining:
    """How the hard budget of a workload stands, as an onlooker sees it."""
    with contextlib.closing(Counters.open(data / COUNTERS, None)) as counters:
        (charge,) = counters.charges("workload", workload, [Rule(nano)])
        return counters.remaining(charge, time.time())


def said(answer: Answer) -> str:
    """What a whole stream of Chat Completions says. It must be whole in its own words too."""
    data = [line.removeprefix("data: ") for line in answer.body.decode().split("\n\n") if line]
    assert data[-1] == "[DONE]"
    chunks = [json.loads(line) for line in data[:-1]]
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


async def begun(door: House, vendor: Paced) -> Line:
    """A connection on which a stream of the workload `slow` is in the middle."""
    line = await door.line()
    before = vendor.waiting
    await line.send(door.key, ASKED)
    await until(lambda: vendor.waiting > before, "the stream has begun")
    return line


async def test_kill_9_of_a_worker_under_load_loses_no_record_of_a_whole_answer(tmp_path: Path) -> None:
    rich = PRICED.replace("0.1", "1000")
    whole: list[Answer] = []
    cut = 0

    async def caller(door: House) -> None:
        nonlocal cut
        for _ in range(4):
            try:
                whole.append(await door.say("poor", FIVE_WORDS, max_tokens=5))
            except Cut:
                cut += 1

    async with house(tmp_path, rich, "--workers", "2") as door:
        before = door.workers()
        callers = [asyncio.create_task(caller(door)) for _ in range(250)]
        await until(lambda: len(whole) > 200, "the load has begun")
        door.config.write_text(
            door.config.read_text() + '\n[workloads.never]\nroute = ["echo/echo"]\n'
        )  # and no SIGHUP
        os.kill(before[0], signal.SIGKILL)
        await asyncio.gather(*callers)
        await until(lambda: len(door.workers()) == 2, "the worker is restored")
        after = door.workers()
        assert after[1] == before[1]
        assert after[0] != before[0]
        assert set(await line_to_each_worker(door)) == set(after.values())
        assert await door.end() == 0
        records = {record.id: record for record in door.records()}
        usage = json.loads(await door.cli("usage", "--by", "workload", "--json"))

    assert {answer.status for answer in whole} == {200}
    assert len(whole) + cut == 1000
    receipts = {answer.headers["x-freehold-receipt"] for answer in whole}
    assert len(receipts) == len(whole)
    assert receipts <= set(records)
    assert len({record.policy for record in records.values()}) == 1  # the restored worker has what was put in force
    assert {(records[receipt].status, records[receipt].cost_nano) for receipt in receipts} == {("answered", 5_000_000)}
    counted = {row["workload"]: row["requests"] for row in usage}
    assert counted["poor"] == len([record for record in records.values() if record.workload == "poor"])
    standing = stands(door.data, "poor", 1_000_000_000_000)
    assert standing.reserved == 0
    assert standing.spent >= 5_000_000 * counted["poor"]


async def test_what_a_killed_worker_had_reserved_counts_as_spent(tmp_path: Path) -> None:
    async with paced() as vendor, house(tmp_path, slow(vendor)) as door:
        line = await begun(door, vendor)
        held = stands(door.data, "slow", 60_000_000)
        assert (held.spent, held.reserved, held.left) == (0, 50_000_000, 10_000_000)

        async def answered_by_one() -> bool:
            return b"\nfreehold_in_flight 1.0\n" in (await door.ask(None, "/metrics")).body

        await until(answered_by_one, "the metrics show the request")
        (worker,) = door.workers().values()
        os.kill(worker, signal.SIGKILL)
        with pytest.raises(Cut):
            await line.whole()

        await until(lambda: stands(door.data, "slow", 60_000_000).reserved == 0, "the reservation is swept")
        assert stands(door.data, "slow", 60_000_000).spent == 50_000_000
        await until(lambda: set(door.workers().values()) - {worker}, "the worker is restored")
        refused = await door.ask(ASKED)
        assert refused.status == 429
        assert refused.json["error"]["message"].startswith(
            "This request could cost up to $0.050000; the budget of workload slow per day has $0.010000 left of $0.06."
        )

        async def forgotten() -> bool:
            return b"\nfreehold_in_flight 0.0\n" in (await door.ask(None, "/metrics")).body

        await until(forgotten, "the metrics no longer count the request of the dead worker")


async def test_what_was_swept_stays_spent_when_the_counters_are_lost(tmp_path: Path) -> None:
    async with paced() as vendor:
        async with house(tmp_path, slow(vendor)) as door:
            await begun(door, vendor)
            os.kill(door.workers()[0], signal.SIGKILL)
            await until(lambda: stands(door.data, "slow", 60_000_000).reserved == 0, "the reservation is swept")
        (door.data / COUNTERS).unlink()
        async with house(tmp_path, slow(vendor)) as door:
            assert stands(door.data, "slow", 60_000_000).spent == 50_000_000


async def test_kill_9_of_the_supervisor_ends_its_children_once_they_have_answered(tmp_path: Path) -> None:
    async with paced() as vendor:
        async with house(tmp_path, slow(vendor), "--workers", "2") as door:
            line = await begun(door, vendor)
            workers = list(door.workers().values())
            assert len(workers) == 2
            assert await door.end(signal.SIGKILL) == -signal.SIGKILL
            await until(lambda: len(alive(workers)) == 1, "the idle worker has ended")
            vendor.go_on.set()
            answer = await line.whole()
            assert said(answer) == TEXT
            await until(lambda: not alive(workers), "the busy worker has ended")
        async with house(tmp_path, slow(vendor)) as door:
            (record,) = [found for found in door.records() if found.workload == "slow"]
            assert record.id == answer.headers["x-freehold-receipt"]
            assert record.status == "answered"


async def test_sighup_reloads_every_worker_and_drops_no_request(tmp_path: Path) -> None:
    async with paced() as vendor, house(tmp_path, slow(vendor), "--workers", "2") as door:
        stream = await begun(door, vendor)
        lines = await line_to_each_worker(door)
        fresh = {"model": "fresh", "messages": [{"role": "user", "content": "hi"}]}
        for line in lines.values():
            assert (await line.ask(door.key, fresh)).status == 404
        ended = asyncio.Event()
        statuses: list[int] = []

        async def caller() -> None:
            while not ended.is_set():
                statuses.append((await door.say("echo/echo", FIVE_WORDS)).status)

        callers = [asyncio.create_task(caller()) for _ in range(20)]
        door.config.write_text(slow(vendor) + '\n[workloads.fresh]\nroute = ["echo/echo"]\n')
        door.process.send_signal(signal.SIGHUP)
        for line in lines.values():

            async def takes_it(line: Line = line) -> bool:
                return (await line.ask(door.key, fresh)).status == 200

            await until(takes_it, "the worker has read the new configuration")
        seen = len(statuses)
        await until(lambda: len(statuses) > seen + 20, "the load goes on")
        ended.set()
        await asyncio.gather(*callers)
        vendor.go_on.set()

        assert said(await stream.whole()) == TEXT
        assert set(statuses) == {200}


async def test_sighup_with_a_configuration_that_cannot_be_used_changes_nothing(tmp_path: Path) -> None:
    async with house(tmp_path, PRICED, "--workers", "2") as door:
        door.config.write_text("[door]\nport = -1\n")
        door.process.send_signal(signal.SIGHUP)
        told = "the configuration was not reloaded"
        await until(lambda: told in door.log.read_text(), "the house has said so")
        assert "line 2: [door] port must be a whole number from 0 to 65535, not -1." in door.log.read_text()
        for line in (await line_to_each_worker(door)).values():
            asked = {"model": "poor", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}
            assert (await line.ask(door.key, asked)).status == 200


async def test_sigterm_lets_a_stream_end_and_takes_no_new_connection(tmp_path: Path) -> None:
    async with paced() as vendor, house(tmp_path, slow(vendor), "--workers", "2") as door:
        line = await begun(door, vendor)
        door.process.send_signal(signal.SIGTERM)

        async def refused() -> bool:
            try:
                (await door.line()).close()
            except ConnectionRefusedError:
                return True
            return False

        await until(refused, "new connections are refused")
        assert vendor.waiting == 1
        vendor.go_on.set()
        answer = await line.whole()
        assert said(answer) == TEXT
        assert await door.ended() == 0
        (record,) = door.records()
        assert (record.id, record.status) == (answer.headers["x-freehold-receipt"], "answered")
        assert stands(door.data, "slow", 60_000_000) == Remaining(4_000_000, 0, 56_000_000)


async def test_what_outlasts_drain_seconds_is_cut_and_recorded_as_cancelled(tmp_path: Path) -> None:
    async with paced() as vendor, house(tmp_path, slow(vendor, "[door]\ndrain_seconds = 0.1")) as door:
        line = await begun(door, vendor)
        assert await door.end() == 0
        with pytest.raises(Cut):
            await line.whole()
        (record,) = door.records()
        assert (record.status, record.deployment) == ("cancelled", "paced/good")


async def test_concurrent_callers_of_two_workers_never_pass_a_hard_budget(tmp_path: Path) -> None:
    async with house(tmp_path, PRICED, "--workers", "2") as door:
        answers = await asyncio.gather(*(door.say("poor", FIVE_WORDS, max_tokens=5) for _ in range(150)))
        assert sorted(answer.status for answer in answers) == [200] * 20 + [429] * 130
        codes = {answer.json["error"]["code"] for answer in answers if answer.status == 429}
        assert codes == {"insufficient_quota"}  # OpenAI's own code: its SDK must not try again
        assert stands(door.data, "poor", 100_000_000) == Remaining(100_000_000, 0, 0)
        assert await door.end() == 0
        records = door.records()
        assert sum(record.cost_nano for record in records) == 100_000_000
        assert [record.status for record in records].count("refused") == 130
    async with house(tmp_path, PRICED) as door:
        assert (await door.say("poor", "one", max_tokens=1)).status == 429


async def test_a_second_freehold_on_the_same_data_folder_is_refused(tmp_path: Path) -> None:
    async with house(tmp_path, ECHO) as door:
        second = await asyncio.to_thread(freehold, "up", "--port", "0", "--data", str(door.data))
        assert second.returncode == 1
        assert second.stdout == ""
        assert second.stderr == (
            f"A Freehold is already running on the data folder {door.data}.\n"
            "hint: Stop it first, or name another with --data.\n"
        )
        assert await door.cli("call", "still here", "--model", "echo/echo") == "still here\n"
