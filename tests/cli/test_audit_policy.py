"""Under which policy: the text behind a digest, what it changed, and what is said where it was not kept or is another."""

import contextlib
import hashlib
import json
from pathlib import Path

import pytest

from cli.commands import run
from cli.ledgers import answer, settle
from freehold.cli.audit import open_ledger
from freehold.cli.audit_policy import Change, InForce, changes, flat, policies
from freehold.cli.settings import known_vendors
from freehold.config.digest import digest
from freehold.config.reading import read
from freehold.config.settings import Settings
from freehold.gateway.supervisor import Bookkeeper
from freehold.ledger.entry import read_entry
from freehold.store.database import open_database

TOML = """
[vendors.openai]
api_key = { env = "KEY" }

[workloads.triage]
route = ["openai/gpt-5-mini"]
budget = { usd = 200 }
keep_days = 90
"""


def configured(folder: Path, toml: str) -> Settings:
    path = folder / "freehold.toml"
    path.write_text(toml)
    return read(path, {"KEY": "sk-secret"}, known_vendors())


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Answer 1 under a first policy, and answer 2 under one with a larger budget and another model."""
    bookkeeper = Bookkeeper(tmp_path)
    for number, toml in ((1, TOML), (2, TOML.replace("usd = 200", "usd = 300").replace("mini", "nano"))):
        settings = configured(tmp_path, toml)
        bookkeeper.note_policy(settings)
        settle(tmp_path)
        answer(tmp_path, number, policy=digest(settings))
        settle(tmp_path)
    return tmp_path


def of(data: Path, place: int) -> InForce | None:
    ledger = open_ledger(data)
    with policies(ledger) as known:
        return known.of(read_entry(ledger.leaf(place)), place)


def test_the_digest_of_an_answer_leads_to_the_configuration_and_to_what_it_changed(data: Path) -> None:
    first, second = of(data, 1), of(data, 3)
    assert first is not None
    assert second is not None
    assert first.text is not None
    assert hashlib.sha256(first.text).hexdigest() == first.digest
    assert json.loads(first.text)["workloads"]["triage"]["route"][0]["model"] == "openai/gpt-5-mini"
    assert (first.before, first.changes) == (None, None)
    assert second.before == first.digest
    assert second.changes == (
        Change("workloads.triage.budget.0.nano", "200000000000", "300000000000"),
        Change("workloads.triage.route.0.model", '"openai/gpt-5-mini"', '"openai/gpt-5-nano"'),
    )
    assert second.settings("triage")["keep_days"] == "90"
    assert second.settings("nothing") == {}
    assert b"sk-secret" not in first.text


def test_of_a_policy_that_came_back_it_is_the_last_time_before_the_answer(data: Path) -> None:
    settings = configured(data, TOML)
    Bookkeeper(data).note_policy(settings)
    settle(data)
    answer(data, 3, policy=digest(settings))
    settle(data)
    first, again = of(data, 1), of(data, 5)
    assert first is not None
    assert again is not None
    assert (first.digest, first.place, again.place) == (again.digest, 0, 4)
    assert [change.after for change in again.changes or ()] == ["200000000000", '"openai/gpt-5-mini"']


def test_an_answer_that_stands_just_before_its_policy_has_it_all_the_same(tmp_path: Path) -> None:
    settings = configured(tmp_path, TOML)
    answer(tmp_path, 1, policy=digest(settings))
    settle(tmp_path)
    Bookkeeper(tmp_path).note_policy(settings)
    settle(tmp_path)
    found = of(tmp_path, 0)
    assert found is not None
    assert (found.place, found.text is not None) == (1, True)


def test_what_was_not_kept_and_what_is_another_is_said_and_not_shown(data: Path) -> None:
    with contextlib.closing(open_database(data)) as db:
        db.execute("DELETE FROM policies WHERE digest = ?", (of(data, 1).digest,))  # pyright: ignore[reportOptionalMemberAccess]
        db.execute("UPDATE policies SET text = CAST(replace(text, '300', '999') AS BLOB)")
    first, second = of(data, 1), of(data, 3)
    assert first is not None
    assert second is not None
    assert (first.text, first.damaged) == (None, False)
    assert first.sentence.endswith("; its text was not kept")
    assert (second.text, second.damaged, second.changes) == (None, True, None)
    assert second.sentence.endswith("; what is kept of it has another SHA-256 and is not shown")


def test_settings_are_told_by_name_and_what_is_not_set_is_left_out() -> None:
    text = b'{"a":{"b":[{"c":1,"d":null},{"c":2}],"e":["x","y"],"f":[]},"g":false,"h":""}'
    assert flat(text) == {"a.b.0.c": "1", "a.b.1.c": "2", "a.e": '["x", "y"]', "g": "false"}
    assert changes(text, b'{"a":{"b":[{"c":1}],"e":["x","y"]},"g":true}') == [
        Change("a.b.1.c", "2", None),
        Change("g", "false", "true"),
    ]
    assert Change("a", None, "9" * 400).sentence == f"a: (not set) -> {'9' * 300}..."


def test_show_says_under_which_policy_and_machines_get_the_whole(data: Path) -> None:
    said = run("audit", "show", "rec_000002", "--data", str(data)).stdout
    second = of(data, 3)
    assert second is not None
    assert f"the policy {second.digest}: in force since " in said
    assert '    route.0.model              "openai/gpt-5-nano"' in said.splitlines()
    assert "    workloads.triage.budget.0.nano: 200000000000 -> 300000000000" in said.splitlines()
    (shown,) = json.loads(run("audit", "show", "rec_000002", "--data", str(data), "--json").stdout)
    assert shown["policy"]["state"] == "kept"
    assert shown["policy"]["configuration"]["workloads"]["triage"]["keep_days"] == 90
    assert [one["setting"] for one in shown["policy"]["changes"]] == [
        "workloads.triage.budget.0.nano",
        "workloads.triage.route.0.model",
    ]
    first = of(data, 1)
    assert first is not None
    assert (
        '    workloads.triage.route.0.model "openai/gpt-5-mini"'
        in run("audit", "show", first.digest, "--data", str(data)).stdout
    )
