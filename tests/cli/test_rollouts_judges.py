"""How judges are asked: through a real door, each workload on a key of its own, whose budget no restart gives anew."""

import contextlib
import stat
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from cli.ledger_reading import entries
from freehold.cli.rollouts_judges import JudgeDoor, judge_key
from freehold.cli.running import state_file
from freehold.config.canary_rules import CanaryRules
from freehold.config.settings import Budget, Judging, Workload
from freehold.graders.grader import Ask
from freehold.store.callers import list_keys
from freehold.store.canaries import MILLION
from freehold.store.database import open_database
from gateway.door_in_process import Door, running
from reasoning.toy_models import Served, served
from trials.rounds import rounds

RULES = CanaryRules(margin=0.5, harm=0.1, min_items=5, max_p95_ratio=0, patience=0.0, alpha_rollback=0.2)

TOML = """
[vendors.toys]
speaks = "openai-chat"
base_url = "{}"

[workloads.default]
route = ["requested"]

[workloads.triage]
route = ["toys/good"]
capture = {{}}
graders = [{{ kind = "judge", models = ["toys/judge"], rubric = "It is polite." }}]
judging = {{ budget = {{ usd = 1, per = "day" }}, seconds = 5 }}

[prices."toys/judge"]
input = 1.0
output = 4.0
"""


def good(question: str, begun: str | None, forced: bool) -> str:
    return "With pleasure."


def rude(question: str, begun: str | None, forced: bool) -> str:
    return "No."


def judge(question: str, begun: str | None, forced: bool) -> str:
    """Finds pleasure polite."""
    return msgspec.json.encode({"reason": "-", "verdict": "pass" if "With pleasure." in question else "fail"}).decode()


@pytest.fixture
async def toys() -> AsyncGenerator[Served]:
    async with served({"good": good, "rude": rude, "judge": judge}) as found:
        yield found


@pytest.fixture
async def door(tmp_path: Path, toys: Served) -> AsyncGenerator[Door]:
    async with running(tmp_path, TOML.format(toys.base_url)) as found:
        state_file(tmp_path).parent.mkdir(exist_ok=True)
        state_file(tmp_path).write_bytes(msgspec.json.encode({"url": found.url, "pid": 0}))
        yield found


def asked(door: Door, text: str = "With pleasure.") -> Ask:
    body = {"model": "toys/judge", "messages": [{"role": "user", "content": text}], "max_tokens": 50}
    return Ask(operation="chat", body=body)


def bump(door: Door) -> None:
    door.worker.counters.bump()


def job(door: Door) -> Workload:
    return door.worker.settings.workloads["triage"]


async def test_a_judge_is_asked_on_a_key_that_can_ask_it_and_nothing_else(door: Door) -> None:
    with contextlib.closing(open_database(door.data)) as db:
        desk = JudgeDoor(door.data, db, lambda: door.worker.settings, lambda: bump(door))
        assert await desk.ask("triage", asked(door)) == '{"reason":"-","verdict":"pass"}'
        (key,) = [key for key in list_keys(db) if key.name == "judges of triage"]
        assert (key.models, key.project, key.budgets[0].nano) == (("toys/judge",), "trials", 10**9)
        other = replace(asked(door), body={**asked(door).body, "model": "toys/good"})
        assert await desk.ask("triage", other) is None
        assert await desk.ask("nothing", asked(door)) is None
        desk.close()
    assert [record.key_id for record in door.records() if record.deployment == "toys/judge"] == [key.id]


async def test_the_key_outlives_the_process_and_another_budget_makes_another(door: Door) -> None:
    with contextlib.closing(open_database(door.data)) as db:
        told: list[int] = []
        first = judge_key(door.data, db, job(door), lambda: told.append(1))
        assert judge_key(door.data, db, job(door), lambda: told.append(1)) == first
        assert len(told) == 1
        path = door.data / "judges" / "triage"
        assert path.read_text() == first
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        more = replace(job(door), judging=Judging(budget=(Budget(nano=2 * 10**9),)))
        second = judge_key(door.data, db, more, lambda: told.append(1))
        assert second != first
        live = [key for key in list_keys(db) if key.name == "judges of triage" and key.revoked_at is None]
        assert [key.budgets[0].nano for key in live] == [2 * 10**9]


async def test_when_the_budget_is_spent_there_is_no_answer(
    door: Door, toys: Served, caplog: pytest.LogCaptureFixture
) -> None:
    poor = replace(job(door), judging=Judging(budget=(Budget(nano=1_000),)))
    settings = replace(door.worker.settings, workloads={**door.worker.settings.workloads, "triage": poor})
    with contextlib.closing(open_database(door.data)) as db:
        desk = JudgeDoor(door.data, db, lambda: settings, lambda: bump(door))
        assert await desk.ask("triage", asked(door)) is None
        assert await desk.ask("triage", asked(door, "again")) is None
        desk.close()
    assert toys.bodies == []
    assert caplog.text.count("judges of triage give no answer") == 1


async def test_a_candidate_that_a_judge_finds_worse_is_taken_back(door: Door) -> None:
    """The whole way but the process: answers through the door, captured, judged through the door, counted, decided, logged."""
    async with rounds(door) as here:
        canary = here.start("triage", "toys/rude", (500_000, MILLION), RULES)
        await here.ask("triage", range(40))
        now = await here.until(canary, "rolled_back")
    assert now.reason == "shown to be worse than the incumbent by more than 0.1"
    (ended,) = [entry for entry in entries(door.data) if entry.kind == "canary.rolled_back"]
    assert ended.body["candidate_arm"]["mean_ppm"] == 0
    assert ended.body["incumbent_arm"]["mean_ppm"] == 1_000_000
