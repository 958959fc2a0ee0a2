"""`freehold trial run`: verdict and exit code, what the ledger holds of it, a `kill -9` in its middle, plans that were changed."""

import asyncio
import re
import subprocess
from pathlib import Path

import msgspec
import pytest

from cli.commands import run_beside
from cli.house_running import clean, command, until
from cli.trial_desk import Desk, desk
from freehold.cli.trial_opening import ENDED, PLANNED, entries_about
from freehold.errors import TrialError
from freehold.store import events
from freehold.trials.plan import TrialFolder, digest
from freehold.trials.results import read_results
from freehold.trials.samples import read_samples
from gateway.door_in_process import running
from trials.skilled import Skilled


async def test_a_trial_ends_in_a_verdict_that_the_ledger_holds_with_its_plan(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        trial = await here.plan(300, "--margin", "0.12", "--gate", "cost=1", "--max-tokens", "16")
        said = await here.trial("run", trial, "--most-usd", "1")
        assert said.exit_code == 0, said.stdout + said.stderr
        assert said.stdout.startswith(
            "Pass: skilled/right-74 is no worse than skilled/right-80 on sums by more than 12 points"
        )
        assert "600 answers asked for; $0.0081 spent." in said.stdout
        await asyncio.to_thread(here.door.write_ledger)
        entries = [entry for entry, _ in entries_about(tmp_path, trial)]
        folder = TrialFolder(tmp_path, trial)
        assert [entry["kind"] for entry in entries] == [PLANNED, ENDED]
        assert entries[0]["plan"] == entries[1]["plan"] == digest(folder.plan.read_bytes())
        assert entries[1]["results"] == digest(folder.results.read_bytes())
        assert (entries[1]["verdict"], entries[1]["gates"]) == (
            "pass",
            [{"gate": "quality", "outcome": "pass"}, {"gate": "cost", "outcome": "pass"}],
        )
        asked = [record for record in here.door.records() if record.project == "trials"]
        assert len(asked) == 600
        keys = msgspec.json.decode((await here_keys(tmp_path)).encode())
        (key,) = [key for key in keys if key["name"] == f"trial {trial}"]
        assert (key["state"], key["models"]) == ("revoked", ["skilled/right-74", "skilled/right-80"])


async def here_keys(data: Path) -> str:
    return (await run_beside("keys", "list", "--data", str(data), "--json")).stdout


async def test_costs_are_those_that_the_door_recorded_with_what_a_cache_saved(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        trial = await here.plan(40, "--gate", "cost=0.7", "--max-tokens", "16", candidate="skilled/right-80-cached")
        said = await here.trial("run", trial, "--most-usd", "1", "--json")
        results, _ = read_results(TrialFolder(tmp_path, trial).results)
        # 2 tokens at 1 dollar a million, 8 from the cache at 0.10, 2 written at 4: 10,800; without a cache 18,000
        assert {row.candidate.cost_nano for row in results.rows} == {10_800}
        assert {row.incumbent.cost_nano for row in results.rows} == {18_000}
        (cost,) = [gate for gate in results.verdict.gates if gate.kind == "cost"]
        assert (cost.estimate, cost.outcome) == (0.6, "pass")  # 1.0 by list prices
        assert results.spent_nano == 40 * 28_800
        assert msgspec.json.decode(said.stdout)["spent_usd"] == 0.001152
        log = read_samples(TrialFolder(tmp_path, trial).samples.read_bytes(), "log").values()
        assert sum(sample.cost_nano or 0 for sample in log) == 40 * 28_800
        assert not any("list prices" in note for note in results.notes)


async def test_a_worse_candidate_fails_with_another_exit_code(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        trial = await here.plan(300, candidate="skilled/right-40")
        said = await here.trial("run", trial, "--json")
        assert said.exit_code == 2
        verdict = msgspec.json.decode(said.stdout)["verdict"]
        assert verdict["outcome"] == "fail"
        assert verdict["sentence"].startswith("Fail: quality -")


async def test_kill_9_in_the_middle_loses_nothing_and_pays_nothing_twice(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        trial = await here.plan(100)
        here.vendor.after = 90
        words = ("trial", "run", trial, "--data", str(tmp_path), "--concurrency", "8")
        process = subprocess.Popen(command(*words), env=clean(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            await until(lambda: here.vendor.asked.total() >= 90, "the vendor has been asked 90 times")
            await asyncio.sleep(0.3)  # what was answered before is written by now; eight are under way
        finally:
            process.kill()
            process.wait()
        before = here.vendor.asked.copy()
        log = read_samples(TrialFolder(tmp_path, trial).samples.read_bytes(), "log")
        assert 90 - 8 <= len(log) < 90 + 8
        here.vendor.after = None
        here.vendor.gate.set()
        said = await here.trial("run", trial, "--json")
        assert said.exit_code in (0, 2, 3), said.stderr
        assert msgspec.json.decode(said.stdout)["asked"] == 200
        assert len(here.vendor.asked) == 200  # every question was put to both models
        twice = [question for question, count in here.vendor.asked.items() if count > 1]
        assert len(twice) <= 8
        assert all(before[question] == 1 for question in twice)
        kept = read_samples(TrialFolder(tmp_path, trial).samples.read_bytes(), "log")
        assert all(kept[key].receipt == sample.receipt for key, sample in log.items())


async def ends(here: Desk, trial: str) -> list[str]:
    """The digests of results that the ledger holds of a trial, the oldest first."""
    await asyncio.to_thread(here.door.write_ledger)
    return [entry["results"] for entry, _ in entries_about(here.data, trial) if entry["kind"] == ENDED]


async def test_the_ledger_has_each_results_once_whatever_the_verdict(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        trial = await here.plan(20)
        results = TrialFolder(tmp_path, trial).results
        await here.trial("run", trial)
        first = digest(results.read_bytes())
        await here.trial("run", trial)
        assert await ends(here, trial) == [first] == [digest(results.read_bytes())]
        verdict = read_results(results)[0].verdict
        item = msgspec.json.decode((await here.trial("label", trial, "--json")).stdout)["item"]
        await here.trial("label", trial, "--item", item, "--skip")
        await here.trial("run", trial)
        labelled = digest(results.read_bytes())
        assert labelled != first
        assert read_results(results)[0].verdict == verdict
        assert await ends(here, trial) == [first, labelled]


async def test_results_that_a_death_kept_from_being_noted_are_noted_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    async with desk(tmp_path) as here:
        trial = await here.plan(20)
        with monkeypatch.context() as patched:
            patched.setattr(events, "keep_event", die)
            assert (await here.trial("run", trial)).exit_code not in (0, 2, 3)
        written = TrialFolder(tmp_path, trial).results.read_bytes()
        assert await ends(here, trial) == []
        await here.trial("run", trial)
        assert await ends(here, trial) == [digest(written)]


async def test_a_plan_that_was_changed_or_made_elsewhere_is_not_run(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        trial = await here.plan(10)
        path = TrialFolder(tmp_path, trial).plan
        planned = path.read_bytes()
        path.write_bytes(planned.replace(b'"margin": 0.03', b'"margin": 0.30'))
        with pytest.raises(TrialError, match="is of another plan than the noted one"):
            await here.trial("run", trial)
        other = path.parent.with_name("trial_elsewhere")
        other.mkdir()
        (other / "plan.json").write_bytes(planned.replace(trial.encode(), b"trial_elsewhere"))
        with pytest.raises(TrialError, match="was noted for no plan"):
            await here.trial("run", "trial_elsewhere")
        assert here.vendor.asked.total() == 0


async def test_items_that_were_changed_are_not_run(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        trial = await here.plan(10)
        items = tmp_path / "items-10.jsonl"
        items.write_bytes(items.read_bytes().replace(b"What is 0", b"What is 1"))
        with pytest.raises(TrialError, match="was changed since the trial was planned"):
            await here.trial("run", trial)


async def test_a_limit_needs_the_price_of_both_models(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        trial = await here.plan(10, candidate="skilled/right-75")
        with pytest.raises(TrialError, match="The price of skilled/right-75 is unknown"):
            await here.trial("run", trial, "--most-usd", "1")


async def test_the_guide_does_what_it_says(tmp_path: Path) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "guides" / "first-trial.md").read_text()
    (toml,) = re.findall(r"^```toml\n(.*?)^```", guide, flags=re.M | re.S)
    make, plan, run, report = re.findall(r"^```sh\n(.*?)^```", guide, flags=re.M | re.S)
    subprocess.run(["bash", "-c", make.replace("300", "240")], cwd=tmp_path, check=True)
    async with running(tmp_path, toml) as door:
        here = Desk(door, Skilled(), tmp_path)
        where = ("--url", door.url)
        words = plan.replace("items.jsonl", str(tmp_path / "items.jsonl")).split()[2:]
        said = await here.trial(*words, *where, "--config", str(here.config))
        assert said.stdout.startswith("trial_")
        said = await here.trial(*run.split()[2:], *where)
        assert said.stdout.startswith("Pass: echo-two/echo is no worse than echo/echo on tickets by more than 3 points")
        for line in report.splitlines():
            words = line.partition("#")[0].replace("trial.html", str(tmp_path / "trial.html")).split()[1:]
            await asyncio.to_thread(door.write_ledger)
            said = await run_beside(*words, "--data", str(tmp_path))
            assert said.exit_code == 0, line
        assert "trial.ended" in said.stdout
        assert (tmp_path / "trial.html").exists()
