"""The key of a run: its models, its budget, its end."""

import contextlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from freehold.cli.run_key import run_key, runs_out
from freehold.store.callers import KeyBudget, list_keys
from freehold.store.database import open_database


def moment(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("made", "limited", "ends"),
    [
        ("2026-11-10T12:00:00", True, "2026-11-17T12:00:00"),
        ("2026-11-28T12:00:00", True, "2026-12-01T00:00:00"),
        ("2026-12-31T23:59:59", True, "2027-01-01T00:00:00"),
        ("2026-11-28T12:00:00", False, "2026-12-05T12:00:00"),
    ],
)
def test_a_limit_does_not_begin_anew_with_the_month(made: str, limited: bool, ends: str) -> None:
    assert runs_out(moment(made), limited=limited) == moment(ends)


def test_a_key_asks_its_models_within_its_budget_until_the_run_ends(tmp_path: Path) -> None:
    with contextlib.closing(open_database(tmp_path)) as db:
        with run_key(tmp_path, db, name="run", project="p", models=["a/b"], most_nano=7):
            (key,) = list_keys(db)
            assert (key.models, key.project, key.revoked_at) == (("a/b",), "p", None)
            assert key.budgets == (KeyBudget(7, "month", hard=True),)
        assert list_keys(db)[0].revoked_at is not None


def test_one_that_was_left_behind_is_revoked(tmp_path: Path) -> None:
    with contextlib.closing(open_database(tmp_path)) as db:
        left = run_key(tmp_path, db, name="run", project="p", models=["a/b"], most_nano=None)
        left.__enter__()
        with run_key(tmp_path, db, name="run", project="p", models=["a/b"], most_nano=None):
            assert sorted(key.revoked_at is None for key in list_keys(db)) == [False, True]
