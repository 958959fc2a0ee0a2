"""A data folder with the store, contents and keys of data subjects open, for items."""

import contextlib
import sqlite3
from collections.abc import Generator
from pathlib import Path
from typing import Any

from msgspec import Struct

from freehold.gateway.ledger_folder import LedgerFolder
from freehold.items import Item
from freehold.ledger.contents import Contents
from freehold.ledger.subjects import Subjects
from freehold.store.database import open_database
from freehold.trials.items import Items

SECRET = b"s" * 32
KEEP_UNTIL = 4_000_000_000


class Shelf(Struct):
    """What is open."""

    db: sqlite3.Connection
    contents: Contents
    subjects: Subjects
    items: Items


@contextlib.contextmanager
def shelf(data: Path) -> Generator[Shelf]:
    """The data folder, made where it was missing."""
    folder = LedgerFolder(data)
    with (
        contextlib.closing(open_database(data)) as db,
        contextlib.closing(Subjects(folder.subjects, folder.master_key)) as subjects,
        contextlib.closing(Contents(folder.contents, subjects)) as contents,
    ):
        yield Shelf(db, contents, subjects, Items(db, contents, subjects, SECRET))


def item(number: int, text: str | None = None, **fields: Any) -> Item:
    """An item whose question nothing is like."""
    said = f"Question {number * 7919} about {number * 104729} and {number * 1299709}" if text is None else text
    given: dict[str, Any] = {"id": f"rec_{number}", "workload": "triage", "at": 1000 + number, "model": "echo/echo"}
    return Item(input={"messages": [{"role": "user", "content": said}]}, **{**given, **fields})
