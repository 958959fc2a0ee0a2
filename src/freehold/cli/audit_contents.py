"""What was said in an answered request, taken out of the sealed contents and held against the entry's commitments."""

import contextlib
import sqlite3
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Literal

from msgspec import Struct

from freehold.cli.audit import OpenLedger
from freehold.cli.settings import read_settings
from freehold.config.paths import config_file, environment, user_name
from freehold.config.settings import Storage
from freehold.errors import ContentsDamaged, OpeningRefused, StoreError, SubjectErased, UnknownContents
from freehold.gateway.item_rows import FEEDBACK, LABEL
from freehold.gateway.ledger_storage import noted_storage, open_contents
from freehold.ledger.commitments import verify
from freehold.ledger.contents import Contents
from freehold.ledger.entry import Entry
from freehold.ledger.sealing import Field
from freehold.ledger.subjects import Subjects
from freehold.store.database import transaction
from freehold.store.events import keep_event

READ = "contents.read"
"""The kind of the entry that says that somebody has looked at contents."""

State = Literal["opens", "does-not-open", "not-kept", "gone", "erased", "damaged"]

APART = ("trace", "shadow")
"""Kinds of entries about an answer whose contents are sealed beside the answer's own, as `KIND:ID`."""

SAID: dict[State, str] = {
    "opens": "opens its commitment: these are the bytes that were committed to",
    "does-not-open": "does NOT open its commitment: the kept bytes are not those of the time",
    "not-kept": "was not kept, only the salt that would open its commitment",
    "gone": "is not kept: it never was, or its time has run out",
    "erased": "cannot be opened by anybody: its data subject was erased",
    "damaged": "is damaged and cannot be read",
}
"""What each state means, as the end of a sentence that begins with the field."""


class Opened(Struct, frozen=True):
    """One field of an entry, opened as far as it can be. `content` is None unless it was kept and can be read."""

    field: str
    commitment: str
    state: State
    salt: bytes | None = None
    content: bytes | None = None

    @property
    def sentence(self) -> str:
        return f"The {self.field} {SAID[self.state]}."


class Shelf(Struct, frozen=True):
    """The kept contents of a data folder, and the keys that open them."""

    contents: Contents
    subjects: Subjects


@contextlib.contextmanager
def shelf(ledger: OpenLedger) -> Generator[Shelf | None]:
    """The kept contents of a data folder, None where there are none. Raises StoreError."""
    folder = ledger.folder
    if not folder.contents.exists() or not folder.subjects.exists():
        yield None
        return
    with (
        contextlib.closing(Subjects(folder.subjects, folder.master_key)) as subjects,
        contextlib.closing(open_contents(folder, subjects, storage_of(ledger))) as contents,
    ):
        yield Shelf(contents, subjects)


def storage_of(ledger: OpenLedger) -> Storage | None:
    """The object store of a ledger's contents, with the keys that the freehold.toml in this folder has for it; where there is
    none, or it is of another ledger, the cloud's own ways find them. None where contents lie in the folder. Raises ConfigError,
    StoreError."""
    noted = noted_storage(ledger.folder)
    path = None if noted is None else config_file(None, Path())
    if noted is None or path is None:
        return noted
    configured = read_settings(path).ledger.storage
    return configured if configured is not None and configured.url.rstrip("/") == noted.url.rstrip("/") else noted


def note_reading(ledger: OpenLedger, entries: Iterable[Entry], why: str) -> None:
    """Notes for the ledger that the contents of these entries are looked at now, by whom and in which way. Call it before
    they are shown, and show nothing when it fails. Raises StoreError."""
    by = user_name(environment())
    try:
        with contextlib.closing(ledger.store()) as db, transaction(db):
            for entry in entries:
                if entry.body.get("commitments"):
                    keep_event(db, READ, entry.id, {"by": by, "command": why, "of": entry.kind})
    except sqlite3.Error as error:
        raise StoreError(
            f"That contents are looked at cannot be noted, so they are not shown: {error}.",
            "Make freehold.db writable, and free some space on its disk.",
        ) from error


def open_fields(kept: Shelf | None, entry: Entry) -> list[Opened]:
    """Every field that the entry commits to, in the order of their names."""
    commitments: dict[str, str] = entry.body.get("commitments", {})
    fields: dict[str, Field] = {}
    missing: State = "gone"
    if kept is not None and commitments:
        try:
            fields = kept.contents.read(_sealed_as(entry)).fields
        except UnknownContents:
            missing = "erased" if _is_erased(kept.subjects, entry.body.get("subject")) else "gone"
        except SubjectErased:
            missing = "erased"
        except ContentsDamaged:
            missing = "damaged"
    return [_open(name, commitment, fields.get(name), missing) for name, commitment in sorted(commitments.items())]


def _sealed_as(entry: Entry) -> str:
    """The name under which the words of an entry are sealed."""
    if entry.kind == FEEDBACK:
        return f"{LABEL}:{entry.body['label']}"
    return f"{entry.kind}:{entry.id}" if entry.kind in APART else entry.id


def _open(name: str, commitment: str, field: Field | None, missing: State) -> Opened:
    if field is None:
        return Opened(name, commitment, missing)
    if field.content is None:
        return Opened(name, commitment, "not-kept", field.salt)
    try:
        verify(bytes.fromhex(commitment), field.salt, field.content)
    except (OpeningRefused, ValueError):
        return Opened(name, commitment, "does-not-open", field.salt, field.content)
    return Opened(name, commitment, "opens", field.salt, field.content)


def _is_erased(subjects: Subjects, pseudonym: str | None) -> bool:
    """Whether the key of this pseudonym is destroyed; there was one, or there were no pseudonym."""
    return pseudonym is not None and not subjects.ciphers((pseudonym,))
