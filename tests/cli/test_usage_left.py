"""`freehold usage --left`: every hard budget and quota as the door counts it, in its own measure."""

import contextlib
import json
import time
from pathlib import Path

import pytest

from cli.commands import run
from freehold.config.customers import Quota
from freehold.errors import NotFound, StoreError
from freehold.store.callers import KeyBudget, create_key, revoke_key
from freehold.store.counters import Counters
from freehold.store.database import open_database
from freehold.store.folder import COUNTERS
from freehold.store.grants import Grant, Held

TOML = """
[vendors.echo]

[workloads.default]
route = ["requested"]
budget = [{ usd = 5, per = "day" }, { usd = 1, per = "day", hard = false }]

[plans.starter]
budget = { usd = 20 }
quotas = { "echo/echo" = { tokens = 50000, usd = 3 } }

[projects.shop]
plan = "starter"

[projects.free]
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder in which the shop has used some of its plan, and one request is on its way."""
    (tmp_path / "freehold.toml").write_text(TOML)
    with contextlib.closing(open_database(tmp_path)) as db:
        key, _ = create_key(db, name="ann", project="shop", budgets=(KeyBudget(2_000_000_000, "day"),))
        gone, _ = create_key(db, name="gone", project="shop", budgets=(KeyBudget(2_000_000_000, "day"),))
        revoke_key(db, gone.id)
    now = time.time()
    Counters.create(tmp_path / COUNTERS, now)
    with contextlib.closing(Counters.open(tmp_path / COUNTERS, 0)) as worker:
        budgets = worker.charges("key", key.id, (KeyBudget(2_000_000_000, "day"),))
        quotas = worker.quotas("shop", "echo/echo", Quota(tokens=50_000, nano=3_000_000_000))
        held = tuple(Held(quota, 1_000) for quota in quotas)
        done = worker.acquire(budgets, (), 1_500, 1_000, now, held)
        assert isinstance(done, Grant)
        done.model = "echo/echo"
        worker.settle(done, 1_200, 640, now)
        assert isinstance(worker.acquire(budgets, (), 1_500, 1_000, now, held), Grant)
    return tmp_path


def test_a_project_that_there_is_not_is_told(data: Path) -> None:
    with pytest.raises(NotFound, match="There is no project 'shup'") as caught:
        left(data, "--project", "shup")
    assert caught.value.advice == 'Did you mean "shop"?'
    assert left(data, "--project", "free").split() == ["whose", "of", "per", "used", "reserved", "most", "left"]


def left(data: Path, *words: str) -> str:
    done = run("usage", "--left", "--data", str(data), "--config", str(data / "freehold.toml"), *words)
    assert done.exit_code == 0, done.stderr
    return done.stdout


def test_every_hard_bound_is_told_with_what_is_used_and_reserved(data: Path) -> None:
    found = {
        (one["whose"].partition(" (")[0], one["of"], one["measure"]): one for one in json.loads(left(data, "--json"))
    }
    assert {place: (one["per"], one["used"], one["reserved"], one["most"]) for place, one in found.items()} == {
        ("project shop", "budget", "cost"): ("month", 0, 0, 20_000_000_000),
        ("project shop", "echo/echo", "tokens"): ("month", 640, 1_000, 50_000),
        ("project shop", "echo/echo", "cost"): ("month", 1_200, 1_000, 3_000_000_000),
        ("workload default", "budget", "cost"): ("day", 0, 0, 5_000_000_000),
        ("key ann", "budget", "cost"): ("day", 1_200, 1_500, 2_000_000_000),
    }
    assert all(one["left"] == one["most"] - one["used"] - one["reserved"] for one in found.values())


def test_people_see_dollars_and_tokens_and_one_project_alone(data: Path) -> None:
    shown = left(data, "--project", "shop").splitlines()
    assert [line.split()[:2] for line in shown[1:]] == [["project", "shop"]] * 3 + [["key", "ann"]]
    assert "48,360 tokens" in shown[2]
    assert shown[1].split()[-1] == "$20"
    assert left(data, "--project", "free", "--csv").strip() == "whose,of,per,measure,used,reserved,most,left"


def test_before_the_first_start_there_is_nothing_to_count(tmp_path: Path) -> None:
    (tmp_path / "freehold.toml").write_text(TOML)
    with pytest.raises(StoreError):
        run("usage", "--left", "--data", str(tmp_path), "--config", str(tmp_path / "freehold.toml"))
