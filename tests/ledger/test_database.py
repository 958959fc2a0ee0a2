"""The ledger's databases: private, whole, and without a trace of what was deleted."""

import os
import sqlite3
from pathlib import Path

import pytest

from freehold.errors import StoreError
from freehold.ledger.database import open_private, scrub, transaction

SCHEMA = "CREATE TABLE IF NOT EXISTS words (word TEXT); CREATE INDEX IF NOT EXISTS by_word ON words (word)"


def words(db: sqlite3.Connection) -> list[str]:
    return [word for (word,) in db.execute("SELECT word FROM words ORDER BY word").fetchall()]


def test_a_database_and_the_files_beside_it_are_their_owners_alone(tmp_path: Path) -> None:
    db = open_private(tmp_path / "a.db", SCHEMA, "FULL")
    db.execute("INSERT INTO words VALUES ('a')")
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {".a.db.lock": 0o600, "a.db": 0o600, "a.db-shm": 0o600, "a.db-wal": 0o600}
    db.close()


def test_a_database_that_others_could_read_is_made_private(tmp_path: Path) -> None:
    open_private(tmp_path / "a.db", SCHEMA, "FULL").close()
    (tmp_path / "a.db").chmod(0o644)
    open_private(tmp_path / "a.db", SCHEMA, "FULL").close()
    assert (tmp_path / "a.db").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("synchronous", "number"), [("NORMAL", 1), ("FULL", 2)])
def test_commits_are_flushed_as_asked(tmp_path: Path, synchronous: str, number: int) -> None:
    db = open_private(tmp_path / "a.db", SCHEMA, "FULL" if synchronous == "FULL" else "NORMAL")
    assert db.execute("PRAGMA synchronous").fetchone() == (number,)
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    db.close()


def test_one_transaction_of_a_relaxed_database_can_be_flushed(tmp_path: Path) -> None:
    db = open_private(tmp_path / "a.db", SCHEMA, "NORMAL")
    with transaction(db, flush=True):
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert db.execute("PRAGMA synchronous").fetchone() == (1,)
    db.close()


@pytest.mark.parametrize("flush", [True, False])
def test_a_transaction_that_fails_leaves_nothing_and_the_next_one_works(tmp_path: Path, flush: bool) -> None:
    db = open_private(tmp_path / "a.db", SCHEMA, "NORMAL")
    with pytest.raises(sqlite3.OperationalError), transaction(db, flush=flush):
        db.execute("INSERT INTO words VALUES ('a')").execute("no statement")
    with transaction(db, flush=flush):
        db.execute("INSERT INTO words VALUES ('b')")
    assert words(db) == ["b"]
    db.close()


def test_what_was_deleted_stands_neither_in_the_file_nor_in_its_log(tmp_path: Path) -> None:
    db = open_private(tmp_path / "a.db", SCHEMA, "FULL")
    for word in ("rosebud", "xanadu"):
        db.execute("INSERT INTO words VALUES (?)", (word,))
    db.execute("DELETE FROM words WHERE word = 'rosebud'")
    assert scrub(db)
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"rosebud" not in written
    assert b"xanadu" in written
    db.close()


def test_scrubbing_says_when_a_reader_holds_on_to_the_log(tmp_path: Path) -> None:
    db, reader = (open_private(tmp_path / "a.db", SCHEMA, "FULL") for _ in range(2))
    db.execute("PRAGMA busy_timeout = 10")
    db.execute("INSERT INTO words VALUES ('a')")
    reader.execute("BEGIN")
    assert words(reader) == ["a"]
    db.execute("INSERT INTO words VALUES ('b')")
    assert not scrub(db)
    reader.execute("COMMIT")
    assert scrub(db)
    db.close()
    reader.close()


def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    db = open_private(tmp_path / "a.db", SCHEMA, "FULL")
    db.execute("PRAGMA user_version = 2")
    db.close()
    with pytest.raises(StoreError, match=r"a\.db was written by a newer Freehold \(schema 2; this one knows 1\)"):
        open_private(tmp_path / "a.db", SCHEMA, "FULL")


def test_a_file_that_is_no_database_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreError, match=r"a\.db cannot be used: file is not a database"):
        open_private(tmp_path / "a.db", SCHEMA, "FULL")


def test_a_folder_that_is_missing_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"a\.db cannot be opened"):
        open_private(tmp_path / "missing" / "a.db", SCHEMA, "FULL")


def test_processes_that_open_it_first_at_the_same_time_all_can(tmp_path: Path) -> None:
    for attempt in range(20):
        children: list[int] = []
        for number in range(4):
            child = os.fork()
            if child == 0:
                try:
                    db = open_private(tmp_path / f"{attempt}.db", SCHEMA, "FULL")
                    with transaction(db):
                        db.execute("INSERT INTO words VALUES (?)", (str(number),))
                    os._exit(0)
                finally:
                    os._exit(1)
            children.append(child)
        assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0, 0]
        db = open_private(tmp_path / f"{attempt}.db", SCHEMA, "FULL")
        assert words(db) == ["0", "1", "2", "3"]
        db.close()
