"""The database file: private, migrated forward only with a copy kept, and refused with advice where it cannot be used."""

import contextlib
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from freehold.errors import StoreError
from freehold.store import database
from freehold.store.callers import create_key, list_keys
from freehold.store.database import count_queries, open_database, transaction
from freehold.store.folder import DATABASE
from freehold.store.migrations import MIGRATIONS
from store.samples import NOON

NEWEST = len(MIGRATIONS)
NEXT = ("CREATE TABLE tags (name TEXT PRIMARY KEY)", "ALTER TABLE keys ADD COLUMN tag TEXT REFERENCES tags (name)")


def version(db: sqlite3.Connection) -> int:
    return db.execute("SELECT max(number) FROM migrations").fetchone()[0]


def tables(db: sqlite3.Connection) -> set[str]:
    return {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def files(data: Path) -> list[str]:
    """What is in the folder but for SQLite's own files beside the database."""
    return sorted(path.name for path in data.iterdir() if not path.name.endswith(("-wal", "-shm")))


def test_a_new_database_is_private_with_all_that_lies_beside_it(data: Path) -> None:
    with contextlib.closing(open_database(data)) as db:
        create_key(db, name="k")
        assert version(db) == NEWEST
        assert {path.name for path in data.iterdir()} == {DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm"}
        assert {stat.S_IMODE(path.stat().st_mode) for path in data.iterdir()} == {0o600}
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert files(data) == [DATABASE], "a new one needs no copy of the one before"


def test_a_database_that_others_could_read_is_made_private(data: Path) -> None:
    open_database(data).close()
    (data / DATABASE).chmod(0o644)
    open_database(data).close()
    assert stat.S_IMODE((data / DATABASE).stat().st_mode) == 0o600


def test_an_up_to_date_database_is_opened_as_it_is(data: Path) -> None:
    with contextlib.closing(open_database(data)) as db:
        create_key(db, name="k", now=NOON)
        before = list_keys(db)
    with contextlib.closing(open_database(data)) as db:
        assert list_keys(db) == before
    assert files(data) == [DATABASE]


def test_references_are_kept(db: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        db.execute("INSERT INTO projects VALUES ('p', 'no such organisation', 0)")


# --- migration ---


def test_a_migration_keeps_the_rows_and_a_copy_of_the_database_before_it(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with contextlib.closing(open_database(data)) as db:
        create_key(db, name="k", now=NOON)
    monkeypatch.setattr(database, "MIGRATIONS", (*MIGRATIONS, NEXT))
    with contextlib.closing(open_database(data)) as db:
        assert version(db) == NEWEST + 1
        assert db.execute("SELECT name, tag FROM keys").fetchall() == [("k", None)]
    copy = f"{DATABASE}.before-{NEWEST + 1}"
    assert files(data) == [DATABASE, copy]
    assert stat.S_IMODE((data / copy).stat().st_mode) == 0o600
    with contextlib.closing(sqlite3.connect(data / copy)) as db:
        assert version(db) == NEWEST
        assert db.execute("SELECT name FROM keys").fetchall() == [("k",)]
        assert "tags" not in tables(db)


def test_several_versions_are_caught_up_in_order(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_database(data).close()
    steps = (("CREATE TABLE a (x)",), ("ALTER TABLE a RENAME TO b",), ("ALTER TABLE b ADD COLUMN y",))
    monkeypatch.setattr(database, "MIGRATIONS", (*MIGRATIONS, *steps))
    with contextlib.closing(open_database(data)) as db:
        assert version(db) == NEWEST + 3
        assert db.execute("SELECT x, y FROM b").fetchall() == []
    assert files(data) == [DATABASE, f"{DATABASE}.before-{NEWEST + 1}"]


def test_a_migration_that_fails_leaves_the_database_as_it_was(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with contextlib.closing(open_database(data)) as db:
        create_key(db, name="k")
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", (*MIGRATIONS, ("CREATE TABLE tags (name)", "CREATE TABLE tags (name)")))
        with pytest.raises(StoreError, match="table tags already exists"):
            open_database(data)
    with contextlib.closing(open_database(data)) as db:
        assert version(db) == NEWEST
        assert "tags" not in tables(db)
        assert len(list_keys(db)) == 1


def test_a_newer_database_is_refused_with_advice_and_left_alone(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", (*MIGRATIONS, NEXT))
        open_database(data).close()
    before = (data / DATABASE).read_bytes()
    with pytest.raises(StoreError) as caught:
        open_database(data)
    assert f"written by a newer Freehold (schema {NEWEST + 1}; this one knows {NEWEST})" in caught.value.sentence
    assert caught.value.advice == f"Install that version again, or restore {DATABASE}.before-{NEWEST + 1}."
    assert (data / DATABASE).read_bytes() == before


def test_processes_that_start_at_once_migrate_once(data: Path) -> None:
    barrier = threading.Barrier(4)
    problems: list[BaseException] = []

    def begin() -> None:
        barrier.wait()
        try:
            with contextlib.closing(open_database(data)) as db:
                create_key(db, name="k")
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=begin) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    with contextlib.closing(open_database(data)) as db:
        assert len(list_keys(db)) == 4
        assert db.execute("SELECT count(*) FROM migrations").fetchone() == (NEWEST,)


# --- what cannot be used ---


def test_a_file_that_is_no_database_is_refused_and_left_alone(data: Path) -> None:
    data.mkdir()
    (data / DATABASE).write_bytes(b"not a database, and long enough to be sure of it" * 50)
    with pytest.raises(StoreError, match="file is not a database") as caught:
        open_database(data)
    assert caught.value.advice == "Restore it from a backup, or move it away."
    assert (data / DATABASE).read_bytes().startswith(b"not a database")


def test_a_folder_in_its_place_is_refused(data: Path) -> None:
    (data / DATABASE).mkdir(parents=True)
    with pytest.raises(StoreError, match="cannot be opened") as caught:
        open_database(data)
    assert caught.value.advice == "Make the data folder readable and writable."


# --- transactions ---


def test_a_transaction_is_whole_or_not_at_all(db: sqlite3.Connection) -> None:
    def fail() -> None:
        with transaction(db):
            db.execute("INSERT INTO organisations VALUES ('a', 0)")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert db.execute("SELECT count(*) FROM organisations").fetchone() == (0,)
    with transaction(db):
        db.execute("INSERT INTO organisations VALUES ('a', 0)")
    assert db.execute("SELECT count(*) FROM organisations").fetchone() == (1,)


def test_a_transaction_that_sqlite_took_back_itself_still_tells_what_happened(db: sqlite3.Connection) -> None:
    """As SQLite does when the disk is full."""

    def insert_twice() -> None:
        with transaction(db):
            db.execute("INSERT INTO organisations VALUES ('a', 0)")
            db.execute("INSERT OR ROLLBACK INTO organisations VALUES ('a', 0)")

    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        insert_twice()
    assert db.execute("SELECT count(*) FROM organisations").fetchone() == (0,)


def test_two_writers_take_turns(data: Path, db: sqlite3.Connection) -> None:
    with contextlib.closing(open_database(data)) as other:
        other.execute("PRAGMA busy_timeout = 0")
        with transaction(db):
            db.execute("INSERT INTO organisations VALUES ('a', 0)")
            assert other.execute("SELECT count(*) FROM organisations").fetchone() == (0,), "readers do not wait"
            with pytest.raises(sqlite3.OperationalError, match="locked"), transaction(other):
                pass
        with transaction(other):
            other.execute("INSERT INTO organisations VALUES ('b', 0)")
    assert db.execute("SELECT count(*) FROM organisations").fetchone() == (2,)


def test_queries_are_counted_inside_the_block_only(db: sqlite3.Connection) -> None:
    with count_queries(db) as statements:
        assert statements == []
        db.execute("SELECT 1")
        db.execute("SELECT ?", (2,))
    db.execute("SELECT 3")
    assert statements == ["SELECT 1", "SELECT 2"]
