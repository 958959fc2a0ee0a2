"""Where entries stand in the ledger, as the store knows it: by the id of what they are about.

It knows no entry; the ledger's writer notes a place in the transaction that commits the entry.
"""

import contextlib
import sqlite3
from pathlib import Path

from msgspec import Struct

from freehold.errors import StoreError
from freehold.store.folder import DATABASE


class Place(Struct, frozen=True):
    """The place of one entry, counted from 0. `at` is in Unix milliseconds."""

    place: int
    id: str
    kind: str
    at: int


def find_places(data: Path, about: str) -> list[Place]:
    """Where the entries about one id stand, oldest first; empty when there is none. Raises StoreError."""
    path = data / DATABASE
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as db:
            rows = db.execute(
                "SELECT place, id, kind, at FROM entries WHERE id = ? ORDER BY place", (about,)
            ).fetchall()
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be read: {error}.", "Start Freehold on this data folder once.") from error
    return [Place(*row) for row in rows]
