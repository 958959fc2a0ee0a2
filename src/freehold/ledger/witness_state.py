"""Where a witness keeps what it vouched for last, one tree for each log, so that no death and no power cut takes it back.

It decides nothing (`witness.py` does) and knows no sockets. A new tree is set only in the place of the one that the decision
was made on, in one flushed transaction, so two requests at once, even of two processes, cannot both get a cosignature for
trees of which neither continues the other (C2SP tlog-witness, "add-checkpoint").
"""

import contextlib
import sqlite3
from collections.abc import Generator
from pathlib import Path
from typing import Final

from freehold.errors import StoreError
from freehold.ledger.database import open_private, transaction
from freehold.ledger.folder import make_private
from freehold.ledger.merkle import EMPTY_ROOT
from freehold.ledger.witness import Vouched

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS vouched (
    origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID
"""


class WitnessState:
    """The state of one witness. Many processes may have one each; one of them is for one thread at a time."""

    def __init__(self, folder: Path) -> None:
        """Opens `witness.db` in `folder`, made where it was missing. Raises StoreError when it cannot be used."""
        self._path = make_private(folder) / "witness.db"
        self._db = open_private(self._path, _SCHEMA, "FULL")

    def latest(self, origin: str) -> Vouched:
        """The tree of this log that was vouched for last; the empty one for a log never seen. Raises StoreError."""
        with self._named_failures():
            row = self._db.execute("SELECT size, root FROM vouched WHERE origin = ?", (origin,)).fetchone()
        return Vouched() if row is None else Vouched(int(row[0]), bytes(row[1]))

    def replace(self, origin: str, before: Vouched, after: Vouched, at: int) -> bool:
        """Puts `after` where `before` stands, on the disk when this returns; False, and nothing done, when another stands
        there. `at` is in Unix seconds. Raises StoreError when it cannot be written: then nothing may be cosigned."""
        with self._named_failures(), transaction(self._db):
            row = self._db.execute("SELECT size, root FROM vouched WHERE origin = ?", (origin,)).fetchone()
            stands = (0, EMPTY_ROOT) if row is None else (int(row[0]), bytes(row[1]))
            if stands != (before.size, before.root):
                return False
            self._db.execute(
                "INSERT INTO vouched VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                "size = excluded.size, root = excluded.root, at = excluded.at",
                (origin, after.size, after.root, at),
            )
        return True

    def close(self) -> None:
        """Closes the file."""
        self._db.close()

    @contextlib.contextmanager
    def _named_failures(self) -> Generator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"{self._path} cannot be used: {error}.", "Make it readable and writable, and free space on its disk."
            ) from error
