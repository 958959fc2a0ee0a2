"""The erasure of a data subject, with its entry in the ledger: keys and salts are destroyed, and the log says so.

It knows where the pieces stand and in which order they go. The entry holds the subject's pseudonym, which nothing leads to
any more, how many records it had, and the legal basis.
"""

import contextlib
import sqlite3
import time
from pathlib import Path

import msgspec
from msgspec import Struct

from freehold.config.settings import Storage
from freehold.errors import InvalidField, LedgerError
from freehold.gateway.entries import event_entry
from freehold.gateway.ledger_folder import LedgerFolder
from freehold.gateway.ledger_storage import open_contents
from freehold.ledger.entry import MOST_EXACT
from freehold.ledger.subjects import Erasure, Subjects, filed_as
from freehold.store.database import open_database, transaction
from freehold.store.events import Event, keep_event
from freehold.store.folder import JOURNAL
from freehold.store.items import forget_subject

ERASURE = "erasure"


class _About(Struct):
    subject: str


def erase(data: Path, subject: str, basis: str, storage: Storage | None = None) -> Erasure | None:
    """Erases a subject; None when nothing is known of it. What was asked before now and is still on its way to the ledger,
    in a journal or in flight, is erased as it arrives. `storage` brings the keys of an object store.

    Raises InvalidField without a basis, or with one that no entry can hold; StoreError."""
    _check_basis(basis)
    folder = LedgerFolder(data)
    with (
        contextlib.closing(open_database(data)) as db,
        contextlib.closing(Subjects(folder.subjects, folder.master_key)) as subjects,
        contextlib.closing(open_contents(folder, subjects, storage)) as contents,
    ):
        if journaled(db, data, subject):
            subjects.pseudonyms(
                (subject,)
            )  # what is in the journal alone needs a name under which the ledger tells of it
        erasure = subjects.erase(subject, basis, int(time.time()), contents)
        if erasure is not None:
            keep_erasure(db, subjects, erasure)
        return erasure


def _check_basis(basis: str) -> None:
    """What is destroyed must be told, so whether the ledger can hold it is found out before."""
    about = Event(ERASURE, "0" * 64, MOST_EXACT, {"records": MOST_EXACT, "basis": basis})
    try:
        event_entry(about)
    except LedgerError as error:
        raise InvalidField(
            f"No entry can hold this legal basis: {error.sentence}",
            "Say it in a sentence, as UTF-8. Nothing was erased.",
            param="basis",
        ) from None


def journaled(db: sqlite3.Connection, data: Path, subject: str) -> int:
    """How many records about a subject stand in journals, and are not in the ledger yet."""
    decode = msgspec.json.Decoder(_About).decode
    named = filed_as(subject)
    taken = dict(db.execute("SELECT name, stored FROM segments").fetchall())
    count = 0
    for path in (data / JOURNAL).glob("w*.log"):
        with contextlib.suppress(FileNotFoundError):  # taken over meanwhile
            for line in path.read_bytes()[taken.get(path.name, 0) :].split(b"\n")[:-1]:
                _, tab, private = line.partition(b"\t")
                with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
                    count += bool(tab) and decode(private).subject == named
    return count


def keep_erasure(db: sqlite3.Connection, subjects: Subjects, erasure: Erasure) -> None:
    """Notes an erasure for the ledger, and removes the rows of its items. Repeated after a death, it is noted twice rather than
    never."""
    with transaction(db):
        body = {"records": erasure.records, "basis": erasure.basis}
        keep_event(db, ERASURE, erasure.pseudonym, body, erasure.erased_at)
        forget_subject(db, erasure.pseudonym)
    subjects.acknowledge(erasure)
