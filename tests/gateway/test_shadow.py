"""Shadows at a real door: what a candidate is asked after the answer, what is kept of it, and that no caller ever notices."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from freehold.config.settings import Budget
from freehold.gateway.ledger_folder import LedgerFolder
from freehold.gateway.shadow import is_drawn
from freehold.items import Item
from freehold.ledger.contents import Contents
from freehold.ledger.subjects import Subjects
from freehold.store.counters import Counters
from freehold.store.database import open_database
from freehold.store.folder import COUNTERS
from freehold.store.records import Record
from freehold.store.shadows import Pair, waiting_pairs
from freehold.store.usage import spent_by_scope
from gateway.door_in_process import Answer, Door, running
from gateway.misbehaving import TEXT, Upstream, misbehaving

KEY = "shadow"


@pytest.fixture
async def upstream() -> AsyncGenerator[Upstream]:
    async with misbehaving() as found:
        yield found


@contextlib.asynccontextmanager
async def door_to(upstream: Upstream, tmp_path: Path, shadow: str, more: str = "") -> AsyncGenerator[Door]:
    """A door whose workload `triage` is answered by `echo` and shadowed as said."""
    toml = f"""
[vendors.echo]

[vendors.rack]
speaks = "openai-chat"
base_url = "{upstream.base_url}"

[workloads.default]
route = ["requested"]

[workloads.triage]
route = ["echo/echo"]
capture = {{}}
shadow = {{ {shadow} }}

[prices."rack/crumbs"]
input = 0
output = 1000
{more}
"""
    async with running(tmp_path, toml) as door:
        yield door


async def ask(door: Door, text: str, *, stream: bool = False, **headers: str) -> Answer:
    body = {"model": "triage", "messages": [{"role": "user", "content": text}], "stream": stream, "max_tokens": 20}
    answer = await door.post("/v1/chat/completions", body, **headers)
    assert answer.status == 200, answer.body
    assert answer.headers["x-freehold-model"] == "echo/echo"
    return answer


async def until(holds: Callable[[], Any]) -> Any:
    async with asyncio.timeout(30):
        while not (found := holds()):
            await asyncio.sleep(0.02)
        return found


def pairs(door: Door) -> list[Pair]:
    door.write_ledger()
    with contextlib.closing(open_database(door.data)) as db:
        return waiting_pairs(db, 100)


def shadows(door: Door) -> list[Record]:
    return [record for record in door.records() if record.key_id == KEY]


def sealed(data: Path, sealed_id: str) -> Item:
    folder = LedgerFolder(data)
    with (
        contextlib.closing(Subjects(folder.subjects, folder.master_key)) as subjects,
        contextlib.closing(Contents(folder.contents, subjects)) as contents,
    ):
        content = contents.read(sealed_id).fields["item"].content
    assert content is not None
    return msgspec.json.decode(content, type=Item)


async def metrics(door: Door) -> Counter[str]:
    """What came of the copies, by status."""
    page = (await door.get("/metrics")).body.decode()
    lines = [line for line in page.splitlines() if line.startswith("freehold_shadows_total{")]
    return Counter({line.split('status="')[1].split('"')[0]: int(float(line.split()[-1])) for line in lines})


@pytest.mark.parametrize("stream", [False, True])
async def test_a_candidate_gets_a_copy_and_its_answer_lies_beside_the_callers(
    upstream: Upstream, tmp_path: Path, stream: bool
) -> None:
    async with door_to(upstream, tmp_path, 'model = "rack/crumbs"') as door:
        answer = await ask(door, "write to anna@example.com", stream=stream)
        (pair,) = await until(lambda: pairs(door))
        (record,) = shadows(door)
        receipt = answer.headers["x-freehold-receipt"]
        assert (pair.record, pair.workload, pair.candidate, pair.outcome) == (
            receipt,
            "triage",
            "rack/crumbs",
            "answered",
        )
        assert pair.shadow == record.id != receipt
        assert (record.arm, record.model, record.deployment, record.workload) == (
            "shadow",
            "rack/crumbs",
            "rack/crumbs",
            "triage",
        )
        assert (record.organisation, record.project, record.cost_nano, record.streamed) == ("", "", 4_000_000, False)
        said = sealed(door.data, f"shadow:{receipt}")
        captured = await until(lambda: pairs(door) and sealed(door.data, f"item:{receipt}"))
        assert said.given is not None
        assert said.given.text == TEXT
        assert said.input == captured.input
        assert "[EMAIL_1]" in str(said.input)
        (asked,) = [body for body in upstream.bodies if body["model"] == "crumbs"]
        assert not asked.get("stream")
        assert asked["messages"][-1]["content"] == "write to anna@example.com"


@pytest.mark.parametrize("model", ["silent", "reset", "broken", "not-json", "half", "busy-long"])
async def test_a_candidate_that_hangs_or_fails_is_felt_by_nobody(
    upstream: Upstream, tmp_path: Path, model: str
) -> None:
    async with door_to(upstream, tmp_path, f'model = "rack/{model}", seconds = 0.5') as door:
        for number in range(4):
            await ask(door, f"question {number}")
        assert await until(lambda: len(pairs(door)) >= 1)
        assert {pair.outcome for pair in pairs(door)} <= {
            "vendor-timeout",
            "vendor-unreachable",
            "vendor-refused",
            "vendor-garbled",
            "stream-broken",
        }
        answered = [record for record in door.records() if record.key_id != KEY]
        assert {(record.status, len(record.attempts)) for record in answered} == {("answered", 1)}


async def test_answers_do_not_wait_for_a_candidate_and_too_many_copies_are_dropped(
    upstream: Upstream, tmp_path: Path
) -> None:
    async with door_to(upstream, tmp_path, 'model = "rack/silent", concurrency = 2, queue = 3, seconds = 600') as door:
        answers = await asyncio.wait_for(asyncio.gather(*(ask(door, f"question {n}") for n in range(20))), 20)
        assert len(answers) == 20
        await until(lambda: upstream.asked["silent"] == 2)
        assert await metrics(door) == {"dropped": 15}
        assert upstream.asked["silent"] == 2
    records = [record for record in door.records() if record.key_id == KEY]
    assert [record.status for record in records] == ["cancelled", "cancelled"]


async def test_a_shadow_is_paid_from_a_budget_of_its_own_and_stops_when_that_is_spent(
    upstream: Upstream, tmp_path: Path
) -> None:
    budget = 'model = "rack/crumbs", concurrency = 1, budget = { usd = 0.03, per = "day" }'
    async with door_to(upstream, tmp_path, budget) as door:
        for number in range(6):  # each may cost $0.02 and costs $0.004
            await ask(door, f"question {number}")
            await asyncio.sleep(0.1)
        await until(lambda: len(pairs(door)) == 3)
        found = await metrics(door)
        assert found == {"answered": 3, "budget": 3}
        with contextlib.closing(open_database(door.data)) as db:
            spent = spent_by_scope(db, time.time())
        assert spent["shadow:triage:day"] == 12_000_000
        assert spent["workload:triage:day"] == 0
        assert not any(scope.startswith("key:shadow") for scope in spent)
        with contextlib.closing(Counters.open(door.data / COUNTERS, None)) as counters:
            (charge,) = counters.charges("shadow", "triage", [Budget(nano=30_000_000, per="day")])
            left = counters.remaining(charge, time.time())
        assert (left.spent, left.reserved) == (12_000_000, 0)


async def test_a_shadow_that_goes_on_without_us_is_billed_at_its_worst_case(upstream: Upstream, tmp_path: Path) -> None:
    more = f"""
[vendors.line]
speaks = "openai-responses"
base_url = "{upstream.base_url}"

[prices."line/queued"]
input = 0
output = 1000
"""
    async with door_to(upstream, tmp_path, 'model = "line/queued"', more) as door:
        await ask(door, "question")
        record = await until(lambda: next((record for record in door.records() if record.key_id == KEY), None))
        assert (record.deployment, record.cost_nano) == ("line/queued", 20_000_000)


async def test_what_is_not_captured_is_not_shadowed(upstream: Upstream, tmp_path: Path) -> None:
    async with door_to(upstream, tmp_path, 'model = "rack/crumbs"') as door:
        path = door.data / "freehold.toml"
        path.write_text(path.read_text().replace("capture = {}", "capture = { share = 0.0 }"))
        door.worker.reload()
        await ask(door, "question")
        await asyncio.sleep(0.2)
        assert upstream.asked["crumbs"] == 0


async def test_a_shadow_that_fails_does_not_take_its_model_out_of_a_route_that_it_serves(
    upstream: Upstream, tmp_path: Path
) -> None:
    more = '\n[workloads.other]\nroute = ["rack/flaky"]\nretries = 0\n'
    async with door_to(upstream, tmp_path, 'model = "rack/broken", seconds = 1', more) as door:
        for number in range(12):
            await ask(door, f"question {number}")
        await until(lambda: len(pairs(door)) >= 3)
        explained = (await door.get("/v1/routes/explain?model=rack/broken")).json
        assert explained["targets"][0]["breaker"] == "closed"


def test_the_share_of_conversations_is_the_one_that_is_asked_for_and_each_stays_in_or_out() -> None:
    names = [f"{number:016x}" for number in range(4000)]
    drawn = [name for name in names if is_drawn(name, "triage", 0.2)]
    assert drawn == [name for name in names if is_drawn(name, "triage", 0.2)]
    assert abs(len(drawn) / 4000 - 0.2) < 0.03
    assert set(drawn) < {name for name in names if is_drawn(name, "triage", 0.5)}
    assert all(is_drawn(name, "triage", 1.0) for name in names)
    assert not any(is_drawn(name, "triage", 0.0) for name in names)
