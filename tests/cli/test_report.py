"""`freehold report`: what stands in the store, the trials and the catalog, brought together."""

import contextlib
import json
import time
from pathlib import Path
from typing import Any

import pytest

from cli.canaries import begin
from cli.commands import run
from cli.test_usage import record
from cli.trial_desk import desk
from freehold.errors import InvalidField, StoreError
from freehold.store.canaries import change_canary
from freehold.store.database import open_database
from freehold.store.drain import Drain
from freehold.store.folder import JOURNAL
from freehold.store.journal import Journal
from freehold.store.records import Record

NOVEMBER = 1_793_577_600.0  # 2026-11-02T00:00:00Z
PERIOD = ("--since", "2026-11-01", "--until", "2026-12-01")


def keep(data: Path, *records: Record, worker: int = 0) -> None:
    journal = Journal(data / JOURNAL, worker)
    for one in records:
        journal.append(one)
    journal.close()
    with contextlib.closing(open_database(data)) as db:
        assert Drain(db, data / JOURNAL).drain_once() == len(records)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four answers in November 2026, one failure, one copy in shadow, one question of a trial, one answer in October."""
    keep(
        tmp_path,
        record(NOVEMBER, nano=3_000_000_000, deployment="openai/gpt-4o"),
        record(NOVEMBER + 1, nano=3_000_000_000, deployment="openai/gpt-4o"),
        record(NOVEMBER + 2, nano=2_000_000_000, deployment="anthropic/no-such-model", workload="claims"),
        record(NOVEMBER + 3, nano=0, deployment="own/nano", workload="chat"),
        record(NOVEMBER + 4, status="failed", deployment="openai/gpt-4o"),
        record(NOVEMBER + 5, nano=500_000_000, deployment="own/nano", key_id="shadow"),
        record(NOVEMBER + 6, nano=250_000_000, deployment="openai/gpt-4o", project="trials"),
        record(NOVEMBER - 86_400 * 3, nano=9_000_000_000, deployment="openai/gpt-4o"),
    )
    return tmp_path


def told(data: Path, *words: str) -> Any:
    said = run("report", *(words or PERIOD), "--data", str(data), "--json")
    assert said.exit_code == 0, said.stderr
    return json.loads(said.stdout)


def test_what_callers_used_is_shared_out_and_what_measuring_cost_stands_apart(data: Path) -> None:
    found = told(data)
    assert [(part["name"], part["spend"], part["requests"]) for part in found["vendors"]] == [
        ("openai", 0.75, 2),
        ("anthropic", 0.25, 1),
        ("own", 0.0, 1),
    ]
    assert [part["name"] for part in found["workloads"]] == ["triage", "claims", "chat"]
    assert found["measuring_nano"] == 750_000_000
    assert found["spend"] == {"hhi": 6_250.0, "reading": "highly concentrated", "like": 1.6}
    assert found["traffic"]["hhi"] == 3_750.0


def test_a_house_of_own_models_alone_is_told_so_and_one_without_answers_has_no_tables(tmp_path: Path) -> None:
    keep(tmp_path, record(NOVEMBER, nano=0, deployment="own/nano", workload="chat"))
    said = run("report", *PERIOD, "--data", str(tmp_path)).stdout
    assert "\nNo rented model is in use.\n" in said
    assert "model in use" not in said
    before = run("report", "--since", "2026-10-01", "--until", "2026-10-02", "--data", str(tmp_path)).stdout
    assert before == "2026-10-01 00:00 to 2026-10-02 00:00 UTC: 0 answers for $0.00.\n"


def test_models_are_looked_up_in_the_catalog_and_one_that_it_lacks_is_unknown(data: Path) -> None:
    endings = {one["model"]: one for one in told(data)["endings"]}
    assert set(endings) == {"openai/gpt-4o", "anthropic/no-such-model"}
    assert endings["openai/gpt-4o"]["known"] is True
    assert endings["anthropic/no-such-model"] == {
        "model": "anthropic/no-such-model", "requests": 1, "cost_nano": 2_000_000_000, "retires": None, "days": None,
        "known": False,
    }  # fmt: skip


def test_a_promoted_canary_is_a_way_out_and_one_that_was_taken_back_is_none(data: Path) -> None:
    canary = begin(data, workload="triage")
    assert told(data)["standings"][0]["out"] == "none"
    with contextlib.closing(open_database(data)) as db:
        canary = change_canary(db, canary, "promoted", {}, phase="promoted")
    standing = told(data)["standings"][0]
    assert (standing["workload"], standing["out"]) == ("triage", "tested")
    assert standing["ways"][0]["id"] == canary.id
    with contextlib.closing(open_database(data)) as db:
        change_canary(db, canary, "aborted", {}, phase="aborted")
    assert told(data)["standings"][0]["out"] == "none"


def test_people_get_tables_and_a_page(data: Path, tmp_path: Path) -> None:
    said = run("report", *PERIOD, "--data", str(data)).stdout
    assert "2026-11-01 00:00 to 2026-12-01 00:00 UTC: 4 answers for $8.00." in said
    assert "Concentration of spend: 6,250, highly concentrated, as 1.6 equal vendors." in said
    assert "unknown: no trial" in said
    path = tmp_path / "page.html"
    done = run("report", *PERIOD, "--data", str(data), "--html", str(path))
    assert (done.stdout, done.stderr) == ("", f"{path}\n")
    assert "<h1>Independence</h1>" in path.read_text()
    with pytest.raises(StoreError, match=r"cannot be written"):
        run("report", "--data", str(data), "--html", str(tmp_path))


def test_by_itself_it_looks_back_over_thirty_days(tmp_path: Path) -> None:
    now = time.time()
    keep(tmp_path, record(now, workload="today"), record(now - 32 * 86_400, workload="long-ago"))
    assert [
        one["workload"] for one in told(tmp_path, "--until", "2999-01-01", "--since", "2000-01-01")["standings"]
    ] == [
        "long-ago",
        "today",
    ]
    said = json.loads(run("report", "--data", str(tmp_path), "--json").stdout)
    assert [one["workload"] for one in said["standings"]] == ["today"]
    assert said["until"] - said["since"] == pytest.approx(30 * 86_400)


def test_a_time_that_ends_before_it_begins_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidField, match="ends before it begins"):
        run("report", "--since", "2026-11-02", "--until", "2026-11-01", "--data", str(tmp_path))
    with pytest.raises(InvalidField, match="is no day or time"):
        run("report", "--since", "soon", "--data", str(tmp_path))


async def test_a_trial_that_was_really_run_opens_a_way_out_until_its_results_are_changed(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        trial = await here.plan(400, "--margin", "0.2", candidate="skilled/right-74")
        assert (await here.trial("run", trial)).exit_code == 0
        await here.trial("list")  # the ledger's writer goes round before each command
    answers = [
        record(NOVEMBER + number, nano=18_000, workload="sums", deployment="skilled/right-80")
        for number in range(1_000)
    ]
    keep(tmp_path, *answers, worker=9)
    before = told(tmp_path, "--since", "2000-01-01", "--until", "2999-01-01")
    (move,) = (one for one in before["moves"] if one["workload"] == "sums")
    # Ten tokens at 1 and two at 4 dollars a million, against half of that: 9,000 nano-dollars saved on each of 1,000 answers.
    assert move["saving"]["nano"] == pytest.approx(9_000_000)
    (standing,) = (one for one in before["standings"] if one["workload"] == "sums")
    # The same vendor's model is no way out of that vendor, however well it does.
    assert standing["out"] == "none"
    results = tmp_path / "trials" / trial / "results.json"
    results.write_bytes(results.read_bytes().replace(b'"outcome": "pass"', b'"outcome":  "pass"', 1))
    after = told(tmp_path, "--since", "2000-01-01", "--until", "2999-01-01")
    (move,) = (one for one in after["moves"] if one["workload"] == "sums")
    assert (move["saving"], move["unknown"]) == (None, "the trial's results are not those that the ledger holds")
