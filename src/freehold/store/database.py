"""`freehold.db`: the small relational store. Opens it, brings it to this version's schema, counts its queries.

Synchronous SQLite. It knows no row's meaning, and the path of a request never comes here: the gateway calls it in threads
or leaves it to the supervisor. It exists so that there is one place where the file is made, migrated and backed up.
"""

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Generator
from pathlib import Path

from freehold.errors import StoreError
from freehold.store.folder import DATABASE, make_private
from freehold.store.migrations import MIGRATIONS

BUSY_SECONDS = 10.0


def open_database(data_dir: Path) -> sqlite3.Connection:
    """A connection to the database in `data_dir`, made and migrated where needed.

    Statements outside `transaction` commit by themselves. The connection may move between threads, one at a time.
    Raises StoreError when the file cannot be used, or is of a newer Freehold.
    """
    path = make_private(data_dir) / DATABASE
    try:
        # Made with its mode before SQLite sees it; the files beside it (-wal, -shm) take over the same mode. Never opened
        # by us when it is there: closing it would take back the locks that another connection of this process holds.
        if not path.exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        path.chmod(0o600)
        db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"{path} cannot be opened: {error}.", "Make the data folder readable and writable.") from error
    try:
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA foreign_keys = ON")
        if db.execute("PRAGMA journal_mode").fetchone() != ("wal",) or _version(db) != len(MIGRATIONS):
            with _alone(path):  # SQLite does not wait for its lock when it changes the mode
                db.execute("PRAGMA journal_mode = WAL")
                _migrate(db, path)
    except sqlite3.DatabaseError as error:
        db.close()
        raise StoreError(f"{path} cannot be used: {error}.", "Restore it from a backup, or move it away.") from error
    except StoreError:
        db.close()
        raise
    return db


@contextlib.contextmanager
def transaction(db: sqlite3.Connection) -> Generator[None]:
    """All of the block's writes, or none. Takes the one write lock at once, so that it never fails half-way for it."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if db.in_transaction:  # SQLite has rolled back by itself when the disk is full.
            db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


@contextlib.contextmanager
def count_queries(db: sqlite3.Connection) -> Generator[list[str]]:
    """The statements that `db` ran inside the block, filled as they run. For tests."""
    statements: list[str] = []
    db.set_trace_callback(statements.append)
    try:
        yield statements
    finally:
        db.set_trace_callback(None)


@contextlib.contextmanager
def _alone(path: Path) -> Generator[None]:
    """Keeps other processes from making or migrating the same database meanwhile, by a lock on its folder."""
    fd = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _migrate(db: sqlite3.Connection, path: Path) -> None:
    with transaction(db):
        # Another process may have migrated while this one waited.
        version = _version(db)
        if version > len(MIGRATIONS):
            raise StoreError(
                f"{path} was written by a newer Freehold (schema {version}; this one knows {len(MIGRATIONS)}).",
                f"Install that version again, or restore {path.name}.before-{len(MIGRATIONS) + 1}.",
            )
        if 0 < version < len(MIGRATIONS):
            _back_up(path, version + 1)
        db.execute("CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY)")
        for number in range(version + 1, len(MIGRATIONS) + 1):
            for statement in MIGRATIONS[number - 1]:
                db.execute(statement)
            db.execute("INSERT INTO migrations (number) VALUES (?)", (number,))


def _version(db: sqlite3.Connection) -> int:
    if db.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'migrations'").fetchone() == (0,):
        return 0
    (number,) = db.execute("SELECT coalesce(max(number), 0) FROM migrations").fetchone()
    return int(number)


def _back_up(path: Path, number: int) -> None:
    """Copies the database, as it was last committed, to `freehold.db.before-NUMBER`."""
    copy = path.with_name(f"{path.name}.before-{number}")
    draft = copy.with_name(f".{copy.name}")
    draft.unlink(missing_ok=True)
    os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    with contextlib.closing(sqlite3.connect(path)) as source, contextlib.closing(sqlite3.connect(draft)) as target:
        source.backup(target)
    draft.replace(copy)
