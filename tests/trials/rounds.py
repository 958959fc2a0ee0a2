"""The rounds of canaries on the data folder of a door that runs in the test's process: real answers, captures, grades, decisions."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from freehold.cli.rollouts_judges import JudgeDoor
from freehold.config.canary_rules import CanaryRules
from freehold.config.digest import route_digest
from freehold.config.settings import Settings
from freehold.gateway.ledger_folder import LedgerFolder
from freehold.ledger.contents import Contents
from freehold.ledger.subjects import Subjects
from freehold.store.canaries import Canary, find_canary, start_canary
from freehold.store.database import open_database
from freehold.store.in_flight import Settled
from freehold.trials.canary import Rollouts
from freehold.trials.grading import Grading
from freehold.trials.judges import Judges
from gateway.door_in_process import Door

SECONDS = 20


class Rounds:
    """What the process of rollouts does, when the test says so."""

    def __init__(self, door: Door, db: sqlite3.Connection, settings: Settings, rollouts: Rollouts) -> None:
        self._door = door
        self._db = db
        self._settings = settings
        self._rollouts = rollouts

    def start(self, workload: str, candidate: str, steps: tuple[int, ...], rules: CanaryRules) -> Canary:
        """Begins a graded canary, which the door hears of."""
        canary = start_canary(
            self._db, workload=workload, candidate=candidate, route=route_digest(self._settings.workloads[workload]),
            steps=steps, rules=msgspec.to_builtins(rules), graded=True,
        )  # fmt: skip
        self._door.worker.counters.bump()
        return canary

    async def ask(self, workload: str, numbers: range) -> None:
        """One question in each of these conversations."""
        for number in numbers:
            body = {"model": workload, "messages": [{"role": "user", "content": f"Question {number}?"}]}
            answer = await self._door.post("/v1/chat/completions", body, **{"x-freehold-conversation": f"c{number}"})
            assert answer.status == 200

    async def until(self, canary: Canary, phase: str) -> Canary:
        """The canary once it is in this phase. Raises TimeoutError when it never is."""
        async with asyncio.timeout(SECONDS):
            while (now := find_canary(self._db, canary.id)) is None or now.phase != phase:
                await asyncio.to_thread(self._door.write_ledger)
                await asyncio.to_thread(self._rollouts.round)
                await asyncio.sleep(0.02)
        await asyncio.to_thread(self._door.write_ledger)
        return now


@contextlib.asynccontextmanager
async def rounds(door: Door) -> AsyncGenerator[Rounds]:
    """The rounds, until the block ends."""
    settings, folder, tell = door.worker.settings, LedgerFolder(door.data), door.worker.counters.bump
    async with contextlib.AsyncExitStack() as stack:
        db = stack.enter_context(contextlib.closing(open_database(door.data)))
        desk_db = stack.enter_context(contextlib.closing(open_database(door.data)))
        desk = stack.enter_context(contextlib.closing(JudgeDoor(door.data, desk_db, lambda: settings, tell)))
        judges = Judges(desk.ask, lambda workload: settings.workloads[workload].judging)
        stack.push_async_callback(judges.close)
        subjects = stack.enter_context(contextlib.closing(Subjects(folder.subjects, folder.master_key)))
        contents = stack.enter_context(contextlib.closing(Contents(folder.contents, subjects)))

        def tables(workload: str) -> tuple[dict[str, Any], ...]:
            return settings.workloads[workload].graders

        grading = Grading(db, contents.read, tables, lambda workload, conversation: True, judges)
        rollouts = Rollouts(db, Settled(db, door.data), lambda: settings, grading, tell)
        yield Rounds(door, db, settings, rollouts)
