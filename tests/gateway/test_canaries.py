"""Canaries at a real door: who gets the candidate, what its records say, and that no caller sees it fail."""

import contextlib
from collections import Counter
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from freehold.config.digest import route_digest
from freehold.gateway import canaries as module
from freehold.gateway.canaries import lead
from freehold.gateway.placed import Placed
from freehold.gateway.routing import Choice, Target
from freehold.store.callers import create_key
from freehold.store.canaries import MILLION, Canary, Phase, assign, change_canary, start_canary
from freehold.store.database import open_database, transaction
from freehold.store.in_flight import IN_FLIGHT, settled_until
from freehold.store.records import Record
from gateway.door_in_process import Answer, Door, running
from gateway.misbehaving import Upstream, misbehaving
from gateway.settled import deployments_of

HALF = (500_000, MILLION)


@pytest.fixture
async def upstream() -> AsyncGenerator[Upstream]:
    async with misbehaving() as found:
        yield found


@contextlib.asynccontextmanager
async def door_to(upstream: Upstream, tmp_path: Path, more: str = "") -> AsyncGenerator[Door]:
    """A door whose workload `triage` asks a model that always answers."""
    toml = f"""
[vendors.rack]
speaks = "openai-chat"
base_url = "{upstream.base_url}"

[workloads.default]
route = ["requested"]

[workloads.triage]
route = ["rack/good"]
retries = 0
{more}
"""
    async with running(tmp_path, toml) as door:
        yield door


def begin(door: Door, candidate: str, steps: tuple[int, ...] = HALF, phase: Phase | None = None) -> Canary:
    """A canary on `triage`, of which the door hears at its next request."""
    route = route_digest(door.worker.settings.workloads["triage"])
    with contextlib.closing(open_database(door.data)) as db:
        canary = start_canary(db, workload="triage", candidate=candidate, route=route, steps=steps, rules={})
        if phase is not None:
            with transaction(db):
                canary = change_canary(db, canary, "changed", {}, phase=phase)
    door.worker.counters.bump()
    return canary


async def ask(door: Door, conversation: str, key: str = "", **more: Any) -> Answer:
    body = {"model": "triage", "messages": [{"role": "user", "content": "hello"}], **more}
    headers = {"authorization": f"Bearer {key}"} if key else {}
    return await door.post("/v1/chat/completions", body, x_freehold_conversation=conversation, **headers)


def parts(door: Door) -> list[Record]:
    return [record for record in door.records() if record.canary]


async def test_a_conversation_stays_with_its_model_and_the_records_say_why(upstream: Upstream, tmp_path: Path) -> None:
    async with door_to(upstream, tmp_path) as door:
        canary = begin(door, "rack/crumbs")
        for number in range(40):
            assert (await ask(door, f"c{number % 20}")).status == 200
        records = parts(door)
    assert len(records) == 40
    of_conversation: dict[str, set[tuple[str, str, int]]] = {}
    for record in records:
        assert (record.canary, record.propensity_ppm) == (canary.id, 500_000)
        assert record.deployment == ("rack/crumbs" if record.arm == "candidate" else "rack/good")
        assert assign(canary, record.conversation) == record.arm
        of_conversation.setdefault(record.conversation, set()).add((record.arm, record.deployment, 1))
    assert len(of_conversation) == 20
    assert {len(found) for found in of_conversation.values()} == {1}
    assert len({record.arm for record in records}) == 2


async def test_a_request_that_the_candidate_fails_is_answered_by_the_route_and_stays_in_its_arm(
    upstream: Upstream, tmp_path: Path
) -> None:
    async with door_to(upstream, tmp_path) as door:
        begin(door, "rack/broken", (999_999, MILLION))
        answers = [await ask(door, f"c{number}") for number in range(12)]
        records = parts(door)
    assert {answer.status for answer in answers} == {200}
    assert {(record.arm, record.deployment, record.propensity_ppm) for record in records} == {
        ("candidate", "rack/good", 999_999)
    }
    first = records[0]
    assert [(attempt.deployment, attempt.outcome) for attempt in first.attempts] == [
        ("rack/broken", "failed"),
        ("rack/good", "answered"),
    ]
    assert len(records[-1].attempts) == 1, "its breaker is open, and the request is in its arm all the same"
    assert 0 < upstream.asked["broken"] < 12


async def test_the_probability_in_a_record_is_that_of_its_own_arm(upstream: Upstream, tmp_path: Path) -> None:
    async with door_to(upstream, tmp_path) as door:
        begin(door, "rack/crumbs", (200_000, MILLION))
        for number in range(60):
            await ask(door, f"c{number}")
        found = Counter((record.arm, record.propensity_ppm) for record in parts(door))
    assert set(found) == {("candidate", 200_000), ("incumbent", 800_000)}


@pytest.mark.parametrize(("phase", "model"), [("promoted", "rack/crumbs"), ("rolled_back", "rack/good")])
async def test_who_serves_after_the_end(upstream: Upstream, tmp_path: Path, phase: Phase, model: str) -> None:
    async with door_to(upstream, tmp_path) as door:
        begin(door, "rack/crumbs", phase=phase)
        answer = await ask(door, "c1")
        assert answer.headers["x-freehold-model"] == model
        (record,) = door.records()
        assert (record.arm, record.propensity_ppm) == (("candidate", MILLION) if phase == "promoted" else ("", 0))


async def test_a_paused_canary_keeps_its_share(upstream: Upstream, tmp_path: Path) -> None:
    async with door_to(upstream, tmp_path) as door:
        canary = begin(door, "rack/crumbs", phase="paused")
        for number in range(20):
            await ask(door, f"c{number}")
        assert {record.arm for record in parts(door)} == {"candidate", "incumbent"}
        assert all(assign(canary, record.conversation) == record.arm for record in parts(door))


async def test_a_canary_on_another_route_decides_nothing(upstream: Upstream, tmp_path: Path) -> None:
    async with door_to(upstream, tmp_path) as door:
        with contextlib.closing(open_database(door.data)) as db:
            start_canary(db, workload="triage", candidate="rack/crumbs", route="of before", steps=HALF, rules={})
        door.worker.counters.bump()
        for number in range(6):
            assert (await ask(door, f"c{number}")).headers["x-freehold-model"] == "rack/good"
        assert parts(door) == []


async def test_a_key_that_may_not_use_the_candidate_has_no_part_in_either_arm(
    upstream: Upstream, tmp_path: Path
) -> None:
    async with door_to(upstream, tmp_path) as door:
        with contextlib.closing(open_database(door.data)) as db:
            _, secret = create_key(db, name="narrow", models=("rack/good",))
        begin(door, "rack/crumbs")
        for number in range(8):
            answer = await ask(door, f"c{number}", secret)
            assert answer.headers["x-freehold-model"] == "rack/good"
        assert parts(door) == []


async def test_a_candidate_without_a_price_gets_nothing_that_a_hard_budget_pays(
    upstream: Upstream, tmp_path: Path
) -> None:
    more = 'budget = { usd = 1, per = "day" }\n\n[prices."rack/good"]\ninput = 1\noutput = 1\n'
    async with door_to(upstream, tmp_path, more) as door:
        begin(door, "rack/crumbs")
        for number in range(6):
            answer = await ask(door, f"c{number}", max_tokens=10)
            assert (answer.status, answer.headers["x-freehold-model"]) == (200, "rack/good")
        assert parts(door) == []


async def test_several_replies_at_once_are_no_part_of_it(upstream: Upstream, tmp_path: Path) -> None:
    async with door_to(upstream, tmp_path) as door:
        begin(door, "rack/crumbs")
        for number in range(6):
            await ask(door, f"c{number}", n=2)
        assert parts(door) == []


async def test_the_dearer_model_of_a_canary_is_reserved_for_in_both_arms(upstream: Upstream, tmp_path: Path) -> None:
    prices = '[prices."rack/good"]\ninput = 0\noutput = 1\n\n[prices."rack/crumbs"]\ninput = 0\noutput = 100\n'
    more = f'budget = {{ usd = 1, per = "day" }}\n\n{prices}'
    async with door_to(upstream, tmp_path, more) as door:
        begin(door, "rack/crumbs")
        for number in range(10):
            assert (await ask(door, f"c{number}", max_tokens=10)).status == 200
        assert {(record.arm, record.reserved_nano) for record in parts(door)} == {
            ("candidate", 1_000_000),
            ("incumbent", 1_000_000),
        }


async def test_a_request_that_runs_is_seen_to_run_until_it_has_its_record(upstream: Upstream, tmp_path: Path) -> None:
    async with door_to(upstream, tmp_path) as door:
        canary = begin(door, "rack/crumbs")
        await ask(door, "c1")
        canaries = door.worker.lifecycle._parts.canaries  # pyright: ignore[reportPrivateUsage]
        canaries.save()
        assert canary.id not in settled_until(door.data / IN_FLIGHT)


async def test_the_door_explains_that_a_canary_goes_before_the_route(upstream: Upstream, tmp_path: Path) -> None:
    async with door_to(upstream, tmp_path) as door:
        assert (await door.get("/v1/routes/explain?workload=triage")).json["canary"] is None
        canary = begin(door, "rack/crumbs", (50_000, MILLION))
        assert (await door.get("/v1/routes/explain?workload=triage")).json["canary"] == {
            "id": canary.id,
            "candidate": "rack/crumbs",
            "phase": "running",
            "share": 0.05,
            "step": 1,
            "steps": 2,
        }


async def test_canaries_that_cannot_be_read_again_stay_in_force(
    upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with door_to(upstream, tmp_path) as door:
        begin(door, "rack/crumbs", (999_999, MILLION))
        assert (await ask(door, "c1")).headers["x-freehold-model"] == "rack/crumbs"
        monkeypatch.setattr(module, "PAUSE_SECONDS", 0.0)
        canaries = door.worker.lifecycle._parts.canaries  # pyright: ignore[reportPrivateUsage]

        def fails() -> list[Canary]:
            raise OSError

        monkeypatch.setattr(canaries, "_load", fails)
        door.worker.counters.bump()
        assert (await ask(door, "c2")).headers["x-freehold-model"] == "rack/crumbs"


def test_a_candidate_is_asked_before_the_route_and_an_incumbents_arm_is_as_without_a_canary() -> None:
    deployment = deployments_of("[vendors.echo]\n").get("echo/echo")
    own, candidate = Target(deployment, None), Target(deployment, None)
    choice = Choice((own,))
    canary = Canary(
        id="can_1",
        workload="triage",
        candidate="echo/echo",
        route="r",
        steps=HALF,
        salt="00",
        rules={},
        created_at=0,
        changed_at=0,
    )
    assert lead(choice, Placed(canary, "incumbent", 500_000, candidate), 0.0) is choice
    assert lead(choice, Placed(canary, "candidate", 500_000, candidate), 0.0).targets == (candidate, own)
