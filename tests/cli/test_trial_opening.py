"""What a trial rests on: a plan that is noted, a key that can do no more than it must, models under their whole names."""

import asyncio
import contextlib
import time
from pathlib import Path

import pytest

from cli.trial_desk import desk
from freehold.cli import trial_opening
from freehold.cli.running import Running
from freehold.cli.trial_opening import arm_of, find_ended, find_noted, pilot_of, require_noted, shelf, trial_key
from freehold.errors import NotFound, TrialError, UnknownModel
from freehold.gateway.ledger_folder import LedgerFolder
from freehold.ledger.tiles import CHECKPOINT
from freehold.store.callers import list_keys
from freehold.store.database import open_database
from freehold.store.events import keep_event
from freehold.store.places import find_places
from freehold.trials.plan import TrialFolder
from trials.test_plan import plan_of


async def test_a_plan_counts_as_noted_once_the_ledger_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial_opening, "LEDGER_SECONDS", 0.2)
    async with desk(tmp_path) as here:
        await asyncio.to_thread(here.door.write_ledger)
        digest = TrialFolder(tmp_path, "trial_x").write_plan(plan_of())
        with contextlib.closing(open_database(tmp_path)) as db:
            assert find_noted(tmp_path, db, "trial_x") is None
            keep_event(db, "trial.planned", "trial_x", {"plan": digest})
            waiting = find_noted(tmp_path, db, "trial_x")
            assert waiting is not None
            assert (waiting.digest, waiting.place) == (digest, None)
            with pytest.raises(TrialError, match="has not taken the plan yet"):
                require_noted(tmp_path, db, "trial_x", digest)
            checkpoint = LedgerFolder(tmp_path).log / CHECKPOINT
            before = checkpoint.read_bytes()
            await asyncio.to_thread(here.door.write_ledger)
            after = checkpoint.read_bytes()
            checkpoint.write_bytes(before)  # as the writer leaves it between committing the entry and publishing it
            with pytest.raises(TrialError, match="has not taken the plan yet"):
                require_noted(tmp_path, db, "trial_x", digest)
            checkpoint.write_bytes(after)
            assert require_noted(tmp_path, db, "trial_x", digest).place is not None
            keep_event(db, "trial.planned", "trial_x", {"plan": "another"})
            await asyncio.to_thread(here.door.write_ledger)
            assert require_noted(tmp_path, db, "trial_x", digest).digest == digest  # the first one counts


async def test_the_end_that_was_noted_last_is_found_wherever_it_is_on_its_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path) as here:
        checkpoint = LedgerFolder(tmp_path).log / CHECKPOINT
        await asyncio.to_thread(here.door.write_ledger)
        with contextlib.closing(open_database(tmp_path)) as db:
            assert find_ended(tmp_path, db, "trial_x") is None
            for results in ("ab", "cd"):
                keep_event(db, "trial.ended", "trial_x", {"results": results})
                waiting = find_ended(tmp_path, db, "trial_x")
                assert waiting is not None
                assert (waiting.body["results"], waiting.place) == (results, None)
                before = checkpoint.read_bytes()
                await asyncio.to_thread(here.door.write_ledger)
            after = checkpoint.read_bytes()
            checkpoint.write_bytes(before)  # as the writer leaves it between committing the entry and publishing it

            def publish(_: float) -> None:
                checkpoint.write_bytes(after)

            with monkeypatch.context() as patched:
                patched.setattr(time, "sleep", publish)
                there = find_ended(tmp_path, db, "trial_x")
            assert there is not None
            assert (there.body["results"], there.place) == ("cd", find_places(tmp_path, "trial_x")[-1].place)


async def test_the_key_of_a_run_asks_its_models_within_its_budget_and_is_revoked(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        plan = plan_of()
        with shelf(tmp_path) as opened:
            with trial_key(opened, plan, 5), trial_key(opened, plan, 7) as secret:
                keys = [key for key in list_keys(opened.db) if key.name == "trial trial_x"]
                assert [key.revoked_at is None for key in keys] == [False, True]  # a run that was killed left the first
                assert keys[1].models == ("own/nano", "openai/gpt-5-mini")
                assert [budget.nano for budget in keys[1].budgets] == [7]
                body = {"model": "skilled/right-80", "messages": [{"role": "user", "content": "What is 1 + 1?"}]}
                refused = await here.door.post("/v1/chat/completions", body, authorization=f"Bearer {secret}")
                assert refused.status == 403
            assert all(key.revoked_at is not None for key in list_keys(opened.db) if key.name == "trial trial_x")


async def test_a_model_is_known_by_its_whole_name_and_todays_price(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        door = Running(here.door.url, here.door.key)
        known = await asyncio.to_thread(arm_of, door, "skilled/right-74")
        assert (known.model, known.input_rate, known.output_rate) == ("skilled/right-74", 500_000_000, 2_000_000_000)
        unknown = await asyncio.to_thread(arm_of, door, "skilled/right-9")
        assert (unknown.input_rate, unknown.weights) == (None, None)
        with pytest.raises(UnknownModel):
            await asyncio.to_thread(arm_of, door, "gone/away")
        with pytest.raises(TrialError, match=r"is answered by skilled/right-80"):
            await asyncio.to_thread(arm_of, door, "sums")


async def test_the_newest_trial_is_meant_where_none_is_named_and_a_pilot_is_of_the_same_models(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="There are no trials"):
        trial_opening.find_trial(tmp_path, None)
    async with desk(tmp_path) as here:
        await here.plan(6)
        second = await here.plan(8)
        assert trial_opening.find_trial(tmp_path, None).path.name == second
        await here.trial("run", second)
        pilot = pilot_of(tmp_path, "sums", "skilled/right-74", "skilled/right-80")
        assert pilot is not None
        assert pilot.trial == second
        assert pilot_of(tmp_path, "sums", "skilled/right-75", "skilled/right-80") is None
