"""`freehold keys`: made once, shown once, revoked for good, and in force at once in every worker of a running door."""

import contextlib
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from cli.commands import run
from cli.house_running import Line, house, line_to_each_worker
from freehold.errors import InvalidField, NotFound
from freehold.store.callers import KeyBudget, load_keys
from freehold.store.counters import Counters
from freehold.store.database import open_database
from freehold.store.folder import COUNTERS

HELLO = {"model": "echo/echo", "messages": [{"role": "user", "content": "hi"}]}


def create(data: Path, *words: str) -> dict[str, Any]:
    return json.loads(run("keys", "create", *words, "--data", str(data), "--json").stdout)


def listed(data: Path) -> list[dict[str, Any]]:
    return json.loads(run("keys", "list", "--data", str(data), "--json").stdout)


async def statuses(lines: list[Line], key: str) -> list[int]:
    return [(await line.ask(key, HELLO)).status for line in lines]


def test_the_secret_goes_to_stdout_once_and_is_kept_nowhere(tmp_path: Path) -> None:
    said = run("keys", "create", "ada", "--data", str(tmp_path))
    assert re.fullmatch(r"fh_[0-9a-zA-Z]{43}\n", said.stdout)
    assert re.fullmatch(r"This is key_[0-9a-f]{16}\. The secret is shown this once; keep it now\.\n", said.stderr)
    secret = said.stdout.strip()
    assert all(secret.encode() not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert secret not in run("keys", "list", "--data", str(tmp_path), "--json").stdout


def test_a_key_is_what_it_was_asked_to_be(tmp_path: Path) -> None:
    made = create(
        tmp_path,
        *("ci", "--organisation", "acme", "--project", "support", "--admin", "--expires-days", "0.5"),
        *("--workload", "triage", "--workload", "claims", "--model", "openai/*"),
        *("--budget-usd", "0.000000001", "--budget-per", "day"),
        *("--requests-per-minute", "60", "--tokens-per-minute", "9000"),
    )
    assert made["secret"].startswith(f"fh_{made['prefix']}")
    with contextlib.closing(open_database(tmp_path)) as db:
        (key,) = load_keys(db).values()
    assert (key.id, key.name, key.organisation, key.project, key.role) == (made["id"], "ci", "acme", "support", "admin")
    assert (key.workloads, key.models) == (("triage", "claims"), ("openai/*",))
    assert key.budgets == (KeyBudget(1, "day", True),)
    assert made["budgets"] == [{"usd": "0.000000001", "per": "day", "hard": True}]
    assert (key.requests_per_minute, key.tokens_per_minute) == (60, 9000)
    assert key.expires_at is not None
    assert 43_000 < key.expires_at - time.time() <= 43_200


def test_a_key_may_have_several_budgets_hard_and_soft(tmp_path: Path) -> None:
    made = create(
        tmp_path,
        *("ci", "--budget-usd", "200", "--budget-usd", "10/day"),
        *("--soft-budget-usd", "150.5", "--soft-budget-usd", "$8/day", "--budget-per", "month"),
    )
    with contextlib.closing(open_database(tmp_path)) as db:
        (key,) = load_keys(db).values()
    assert key.budgets == (
        KeyBudget(200_000_000_000, "month", True),
        KeyBudget(10_000_000_000, "day", True),
        KeyBudget(150_500_000_000, "month", False),
        KeyBudget(8_000_000_000, "day", False),
    )
    (shown,) = listed(tmp_path)
    assert shown["id"] == made["id"]
    assert shown["budgets"] == [
        {"usd": "200", "per": "month", "hard": True},
        {"usd": "10", "per": "day", "hard": True},
        {"usd": "150.5", "per": "month", "hard": False},
        {"usd": "8", "per": "day", "hard": False},
    ]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--budget-usd", "twenty"), r"--budget-usd must be a number of dollars, such as 200 or 0\.25, not 'twenty'\."),
        (("--budget-usd", "-5"), r"--budget-usd must not be negative, not '-5'\."),
        (("--budget-usd", "0.0000000001"), "has more than 9 decimals, which is finer than a nano-dollar"),
        (("--budget-usd", "nan"), "must be a number of dollars"),
        (("--budget-usd", "5", "--budget-per", "week"), "A budget is per day or per month, not per 'week'"),
        (("--budget-usd", "5/week"), "A budget is per day or per month, not per 'week'"),
        (("--budget-usd", "5/"), "A budget is per day or per month, not per ''"),
        (("--budget-usd", "5", "--soft-budget-usd", "x/day"), "--soft-budget-usd must be a number of dollars"),
        (("--expires-days", "-1"), "would have expired before it exists"),
        (("--project", " "), "is no name for this key's project"),
    ],
)
def test_what_means_nothing_is_told_and_makes_no_key(words: tuple[str, ...], why: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidField, match=why):
        run("keys", "create", "ada", *words, "--data", str(tmp_path))
    assert listed(tmp_path) == []


def test_limits_of_nothing_are_refused_by_the_command_line(tmp_path: Path) -> None:
    assert run("keys", "create", "ada", "--requests-per-minute", "0", "--data", str(tmp_path)).exit_code == 2
    assert not tmp_path.joinpath("freehold.db").exists()


def test_the_list_says_which_keys_are_good(tmp_path: Path) -> None:
    good, old, gone = (create(tmp_path, name, "--expires-days", "1") for name in ("good", "old", "gone"))
    with contextlib.closing(open_database(tmp_path)) as db:
        db.execute("UPDATE keys SET created_at = 1, expires_at = 2 WHERE id = ?", (old["id"],))
    run("keys", "revoke", gone["id"], "--data", str(tmp_path))
    assert {key["id"]: key["state"] for key in listed(tmp_path)} == {
        good["id"]: "good",
        old["id"]: "expired",
        gone["id"]: "revoked",
    }


def test_people_get_a_table_with_whole_ids_and_names_as_they_are(tmp_path: Path) -> None:
    made = create(tmp_path, "[bold]x", "--model", "openai/*", "--model", "own/*")
    rows = [" ".join(line.split()) for line in run("keys", "list", "--data", str(tmp_path)).stdout.splitlines()]
    assert rows == [
        "id name begins with role organisation project state may use",
        f"{made['id']} [bold]x fh_{made['prefix']}... member default default good openai/*, own/*",
    ]


def test_a_revoked_key_stays_revoked_from_the_first_time(tmp_path: Path) -> None:
    made = create(tmp_path, "ada")
    said = run("keys", "revoke", made["id"], "--data", str(tmp_path))
    assert said.stdout == f"{made['id']} (ada) is revoked.\n"
    with contextlib.closing(open_database(tmp_path)) as db:
        (before,) = load_keys(db).values()
    assert json.loads(run("keys", "revoke", made["id"], "--data", str(tmp_path), "--json").stdout)["state"] == "revoked"
    with contextlib.closing(open_database(tmp_path)) as db:
        (after,) = load_keys(db).values()
    assert after.revoked_at == before.revoked_at is not None


def test_an_id_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"There is no key with the id 'key_none'\."):
        run("keys", "revoke", "key_none", "--data", str(tmp_path))


def test_workers_are_told_of_a_change_and_not_of_a_look(tmp_path: Path) -> None:
    made = create(tmp_path, "ada")
    Counters.create(tmp_path / COUNTERS, time.time())
    with contextlib.closing(Counters.open(tmp_path / COUNTERS, None)) as counters:
        before = counters.generation()
        run("keys", "list", "--data", str(tmp_path))
        assert counters.generation() == before
        run("keys", "create", "bob", "--data", str(tmp_path))
        assert counters.generation() == before + 1
        run("keys", "revoke", made["id"], "--data", str(tmp_path))
        assert counters.generation() == before + 2


async def test_a_key_works_and_a_revoked_one_does_not_at_once_in_every_worker(tmp_path: Path) -> None:
    async with house(tmp_path, "[vendors.echo]\n", "--workers", "2") as door:
        lines = list((await line_to_each_worker(door)).values())
        assert len(lines) == 2
        made = json.loads(await door.cli("keys", "create", "ada", "--json"))
        assert await statuses(lines, made["secret"]) == [200, 200]
        assert made["id"] in await door.cli("keys", "list")

        await door.cli("keys", "revoke", made["id"])
        for line in lines:
            refused = await line.ask(made["secret"], HELLO)
            assert refused.status == 401
            assert refused.json["error"]["message"].startswith("This key has been revoked.")
        assert await statuses(lines, door.key) == [200, 200]
        assert await door.end() == 0
        usage = json.loads(await door.cli("usage", "--by", "key", "--json"))
        assert {row["key"]: row["requests"] for row in usage}[made["id"]] == 2
