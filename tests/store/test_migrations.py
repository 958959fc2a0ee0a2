"""The steps of the schema: every older version comes to the same schema as a new database, and keeps its rows."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

from freehold.store import database
from freehold.store.callers import create_key, list_keys
from freehold.store.database import open_database
from freehold.store.migrations import MIGRATIONS
from store.samples import NOON


def schema(db: sqlite3.Connection) -> list[tuple[str, str, str]]:
    return db.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name").fetchall()


@pytest.fixture
def newest(tmp_path: Path) -> list[tuple[str, str, str]]:
    with contextlib.closing(open_database(tmp_path / "new")) as db:
        return schema(db)


@pytest.mark.parametrize("older", range(len(MIGRATIONS) + 1))
def test_every_older_version_comes_to_the_newest_schema(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, older: int, newest: list[tuple[str, str, str]]
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", MIGRATIONS[:older])
        open_database(tmp_path / "old").close()
    with contextlib.closing(open_database(tmp_path / "old")) as db:
        assert schema(db) == newest
        assert [row[0] for row in db.execute("SELECT number FROM migrations ORDER BY number")] == list(
            range(1, len(MIGRATIONS) + 1)
        )
        create_key(db, name="k", now=NOON)
        assert len(list_keys(db)) == 1


@pytest.mark.parametrize("older", range(1, len(MIGRATIONS) + 1))
def test_rows_of_every_older_version_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, older: int) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", MIGRATIONS[:older])
        with contextlib.closing(open_database(tmp_path)) as db:
            db.execute("INSERT INTO organisations VALUES ('acme', 1)")
            db.execute("INSERT INTO projects VALUES ('support', 'acme', 1)")
            db.execute(
                "INSERT INTO keys (id, name, project, role, prefix, digest, created_at, budgets) "
                "VALUES ('key_1', 'k', 'support', 'member', 'abc', x'00', 1, '[]')"
            )
    with contextlib.closing(open_database(tmp_path)) as db:
        [key] = list_keys(db)
        assert (key.id, key.organisation, key.project) == ("key_1", "acme", "support")


def test_every_step_can_be_applied_alone_in_one_transaction() -> None:
    """SQLite's transactions cover its schema; what they do not cover (VACUUM, pragmas) has no place in a step."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        for step in MIGRATIONS:
            before = schema(db)
            db.execute("BEGIN")
            for statement in step:
                db.execute(statement)
                assert db.in_transaction
            db.execute("ROLLBACK")
            assert schema(db) == before
            for statement in step:
                db.execute(statement)
            assert schema(db) != before
