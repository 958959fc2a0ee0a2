"""The erasure of a data subject, with its entry in the ledger: keys and salts are destroyed, and the log says so.

It knows where the pieces stand and in which order they go. The entry holds the subject's pseudonym, which nothing leads to
any more, how many records it had, and the legal basis.
"""

import contextlib
import re
import sqlite3
import time
from collections.abc import Collection
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from freehold.config.settings import Storage
from freehold.errors import InvalidField, LedgerError
from freehold.gateway.entries import event_entry
from freehold.gateway.ledger_folder import LedgerFolder
from freehold.gateway.ledger_storage import open_contents
from freehold.ledger.folder import alone
from freehold.ledger.subjects import Erasure, Subjects, filed_as
from freehold.messages import MOST_EXACT
from freehold.store.database import open_database, transaction
from freehold.store.events import Event, keep_event
from freehold.store.folder import JOURNAL
from freehold.store.items import forget_subject

ERASURE = "erasure"

_ID: Final = re.compile(rb'"id":"[^"\\]+"')


class _About(Struct):
    subject: str


def erase(data: Path, subject: str, basis: str, storage: Storage | None = None) -> Erasure | None:
    """Erases a subject; None when nothing is known of it. What was asked before now and is still on its way to the ledger,
    in a journal or in flight, is erased as it arrives. `storage` brings the keys of an object store. Erasures that a failure or
    a death cut short are completed and told first; asked again for one of them, that is what it gives.

    Raises InvalidField without a basis, or with one that no entry can hold; StoreError."""
    _check_basis(basis)
    folder = LedgerFolder(data)
    with (
        contextlib.closing(open_database(data)) as db,
        contextlib.closing(Subjects(folder.subjects, folder.master_key)) as subjects,
        contextlib.closing(open_contents(folder, subjects, storage)) as contents,
        alone(folder.path / ".erasure.lock"),  # what another command is at is not what was cut short
    ):
        cut_short = subjects.resume(contents)
        for erasure in cut_short:
            keep_erasure(db, subjects, erasure)
        before = subjects.erased_at((subject,)).get(subject)
        if journaled(db, data, subject):
            # What is in a journal alone, or was set aside, needs a name under which the ledger tells of it.
            subjects.pseudonyms((subject,))
        pseudonym = subjects.pseudonym_of(subject)
        records = [] if pseudonym is None else contents.list_by(pseudonym)
        _cut_set_aside(db, _set_aside_about(db, subject, records))
        erasure = subjects.erase(subject, basis, int(time.time()), contents)
        if erasure is None:
            return next((one for one in cut_short if one.erased_at == before), None)
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
    """How many records about a subject stand in journals, or were set aside from one, and are not in the ledger."""
    decode = msgspec.json.Decoder(_About).decode
    named = filed_as(subject)
    taken = dict(db.execute("SELECT name, stored FROM segments").fetchall())
    count = len(_set_aside_about(db, subject, ()))
    for path in (data / JOURNAL).glob("w*.log"):
        with contextlib.suppress(FileNotFoundError):  # taken over meanwhile
            for line in path.read_bytes()[taken.get(path.name, 0) :].split(b"\n")[:-1]:
                _, tab, private = line.partition(b"\t")
                with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
                    count += bool(tab) and decode(private).subject == named
    return count


def _set_aside_about(db: sqlite3.Connection, subject: str, records: Collection[str]) -> list[int]:
    """Which lines of journals that could not be read name this subject, or belong to one of its records, as its items do."""
    named = b'"subject":' + msgspec.json.encode(filed_as(subject))
    ids = {f'"id":"{record}"'.encode() for record in records}
    rows = db.execute("SELECT rowid, line FROM unreadable_lines").fetchall()
    return [row for row, line in rows if named in line or any(found in ids for found in _ID.findall(line))]


def _cut_set_aside(db: sqlite3.Connection, rows: Collection[int]) -> None:
    """Cuts off what was said, and leaves of each line what its record says of itself; of one that is all damage, nothing."""
    if not rows:
        return
    db.execute("PRAGMA secure_delete = ON")
    with transaction(db):
        for row in rows:
            (line,) = db.execute("SELECT line FROM unreadable_lines WHERE rowid = ?", (row,)).fetchone()
            kept, tab, _ = bytes(line).partition(b"\t")
            db.execute("UPDATE unreadable_lines SET line = ? WHERE rowid = ?", (kept if tab else b"", row))
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def keep_erasure(db: sqlite3.Connection, subjects: Subjects, erasure: Erasure) -> None:
    """Notes an erasure for the ledger, and removes the rows of its items. Repeated after a death, it is noted twice rather than
    never."""
    with transaction(db):
        body = {"records": erasure.records, "basis": erasure.basis}
        keep_event(db, ERASURE, erasure.pseudonym, body, erasure.erased_at)
        forget_subject(db, erasure.pseudonym)
    subjects.acknowledge(erasure)
