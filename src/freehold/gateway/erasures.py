"""The erasure of a data subject, with its entry in the ledger: keys and salts are destroyed, and the log says so.

It knows where the pieces stand and in which order they go. The entry holds the subject's pseudonym, which nothing leads to
any more, how many records it had, and the legal basis.
"""

import contextlib
import sqlite3
import time
from pathlib import Path

from freehold.gateway.ledger_folder import LedgerFolder
from freehold.ledger.contents import Contents
from freehold.ledger.subjects import Erasure, Subjects
from freehold.store.database import open_database, transaction
from freehold.store.events import keep_event

ERASURE = "erasure"


def erase(data: Path, subject: str, basis: str) -> Erasure | None:
    """Erases a subject; None when nothing is known of it. Raises InvalidField without a basis, StoreError."""
    folder = LedgerFolder(data)
    with (
        contextlib.closing(open_database(data)) as db,
        contextlib.closing(Subjects(folder.subjects, folder.master_key)) as subjects,
        contextlib.closing(Contents(folder.contents, subjects)) as contents,
    ):
        erasure = subjects.erase(subject, basis, int(time.time()), contents)
        if erasure is not None:
            keep_erasure(db, subjects, erasure)
        return erasure


def keep_erasure(db: sqlite3.Connection, subjects: Subjects, erasure: Erasure) -> None:
    """Notes an erasure for the ledger. Repeated after a death, it is noted twice rather than never."""
    with transaction(db):
        body = {"records": erasure.records, "basis": erasure.basis}
        keep_event(db, ERASURE, erasure.pseudonym, body, erasure.erased_at)
    subjects.acknowledge(erasure)
