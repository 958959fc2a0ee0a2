"""The ledger's small SQLite files: private from their first byte, and forgetful of what is deleted.

It knows no table. It exists because `contents.py` and `subjects.py` need the same three promises: only the owner reads the
file, a transaction is whole or not there, and what was deleted stands neither in the file nor in its write-ahead log.
"""

import contextlib
import os
import sqlite3
from collections.abc import Generator
from pathlib import Path
from typing import Final, Literal

from freehold.errors import StoreError
from freehold.ledger.folder import alone

BUSY_SECONDS: Final = 10.0


def open_private(path: Path, schema: str, synchronous: Literal["NORMAL", "FULL"]) -> sqlite3.Connection:
    """A connection to the database at `path`, mode 0600, made with `schema` where it was missing.

    Statements outside `transaction` commit by themselves. It may move between threads, one at a time. With `FULL` each
    commit survives a power cut; with `NORMAL` the last ones may be undone by it, and those before them never. Raises
    StoreError when the file cannot be used or was written by a newer Freehold.
    """
    try:
        if not path.exists():  # opening and closing it would take back the locks of this process's other connections
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        path.chmod(0o600)
        db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"{path} cannot be opened: {error}.", "Make its folder readable and writable.") from error
    try:
        # SQLite does not wait when two processes make the same file a write-ahead one.
        with alone(path.with_name(f".{path.name}.lock")):
            _prepare(db, path, schema, synchronous)
    except (OSError, sqlite3.Error) as error:
        db.close()
        raise StoreError(f"{path} cannot be used: {error}.", "Restore it from a backup.") from error
    except StoreError:
        db.close()
        raise
    return db


@contextlib.contextmanager
def transaction(db: sqlite3.Connection, *, flush: bool = False) -> Generator[None]:
    """All of the block's writes, or none; with `flush` they survive a power cut whatever the connection was opened with."""
    if flush:
        db.execute("PRAGMA synchronous = FULL")
    try:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # SQLite has rolled back by itself when the disk is full.
            db.execute("ROLLBACK")
        raise
    finally:
        if flush:
            db.execute("PRAGMA synchronous = NORMAL")


def scrub(db: sqlite3.Connection) -> bool:
    """Empties the write-ahead log, where deleted rows still stand. False when a reader held on to it until time ran out."""
    busy, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


def _prepare(db: sqlite3.Connection, path: Path, schema: str, synchronous: str) -> None:
    db.execute("PRAGMA journal_mode = WAL")
    db.execute(f"PRAGMA synchronous = {synchronous}")
    db.execute("PRAGMA secure_delete = ON")
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > 1:
        raise StoreError(
            f"{path} was written by a newer Freehold (schema {version}; this one knows 1).", "Install that."
        )
    if version == 0:
        with transaction(db):
            for statement in schema.split(";"):
                db.execute(statement)
            db.execute("PRAGMA user_version = 1")
