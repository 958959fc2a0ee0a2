"""The key of a run: for one teacher, within its budget, and gone afterwards."""

import contextlib
from pathlib import Path

import pytest

from freehold.cli.traces_key import teacher_key
from freehold.errors import InvalidField
from freehold.store.callers import KeyBudget, list_keys
from freehold.store.database import open_database
from freehold.training.traces import Asked, AttemptLog


def held(path: Path) -> contextlib.closing[AttemptLog]:
    """The log of a run, for as long as it goes on."""
    return contextlib.closing(AttemptLog(path, Asked(teacher="a/b", route="api", grader="g")))


def test_the_key_asks_one_teacher_within_a_hard_budget_and_is_revoked(tmp_path: Path) -> None:
    with (
        held(tmp_path / "rows.attempts.jsonl") as log,
        teacher_key(tmp_path, log, "refunds", "deepseek/deepseek-chat", "1.5") as secret,
    ):
        assert len(secret) > 20
        with contextlib.closing(open_database(tmp_path)) as db:
            (key,) = list_keys(db)
        assert (key.models, key.project, key.revoked_at) == (("deepseek/deepseek-chat",), "training", None)
        assert key.budgets == (KeyBudget(1_500_000_000, "month", hard=True),)
        assert key.expires_at is not None
    with contextlib.closing(open_database(tmp_path)) as db:
        assert list_keys(db)[0].revoked_at is not None


def test_a_key_that_a_killed_run_left_behind_is_revoked_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "rows.attempts.jsonl"
    with held(path) as log:
        left = teacher_key(tmp_path, log, "refunds", "a/b", None)
        left.__enter__()
    with (
        held(path) as log,
        teacher_key(tmp_path, log, "refunds", "a/b", None),
        contextlib.closing(open_database(tmp_path)) as db,
    ):
        assert sorted(key.revoked_at is None for key in list_keys(db)) == [False, True]


@pytest.mark.parametrize("workload", ["refunds", "claims"])
def test_a_run_beside_it_that_asks_the_same_teacher_leaves_the_key_alone(tmp_path: Path, workload: str) -> None:
    (tmp_path / "other").mkdir()
    with (
        held(tmp_path / "rows.attempts.jsonl") as first,
        teacher_key(tmp_path, first, "refunds", "a/b", None),
        held(tmp_path / "other" / "rows.attempts.jsonl") as second,
        teacher_key(tmp_path, second, workload, "a/b", None),
        contextlib.closing(open_database(tmp_path)) as db,
    ):
        keys = list_keys(db)
        assert [key.revoked_at for key in keys] == [None, None]
        assert len({key.name for key in keys}) == 2


def test_an_amount_that_is_none_is_an_error(tmp_path: Path) -> None:
    with (
        held(tmp_path / "rows.attempts.jsonl") as log,
        pytest.raises(InvalidField, match="--most-usd"),
        teacher_key(tmp_path, log, "refunds", "a/b", "much"),
    ):
        pass
