"""The key of a run: for one teacher, within its budget, and gone afterwards."""

import contextlib
from pathlib import Path

import pytest

from freehold.cli.traces_key import teacher_key
from freehold.errors import InvalidField
from freehold.store.callers import KeyBudget, list_keys
from freehold.store.database import open_database


def test_the_key_asks_one_teacher_within_a_hard_budget_and_is_revoked(tmp_path: Path) -> None:
    with teacher_key(tmp_path, "deepseek/deepseek-chat", "1.5") as secret:
        assert len(secret) > 20
        with contextlib.closing(open_database(tmp_path)) as db:
            (key,) = list_keys(db)
        assert (key.models, key.project, key.revoked_at) == (("deepseek/deepseek-chat",), "training", None)
        assert key.budgets == (KeyBudget(1_500_000_000, "month", hard=True),)
        assert key.expires_at is not None
    with contextlib.closing(open_database(tmp_path)) as db:
        assert list_keys(db)[0].revoked_at is not None


def test_a_key_that_a_killed_run_left_behind_is_revoked_by_the_next(tmp_path: Path) -> None:
    left = teacher_key(tmp_path, "a/b", None)
    left.__enter__()
    with teacher_key(tmp_path, "a/b", None), contextlib.closing(open_database(tmp_path)) as db:
        assert sorted(key.revoked_at is None for key in list_keys(db)) == [False, True]


def test_an_amount_that_is_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidField, match="--most-usd"), teacher_key(tmp_path, "a/b", "much"):
        pass
