"""What was said in an answered request, taken out of the sealed contents and held against the entry's commitments."""

import contextlib
from collections.abc import Generator
from typing import Literal

from msgspec import Struct

from freehold.cli.audit import OpenLedger
from freehold.errors import ContentsDamaged, OpeningRefused, SubjectErased, UnknownContents
from freehold.ledger.commitments import verify
from freehold.ledger.contents import Contents
from freehold.ledger.entry import Entry
from freehold.ledger.sealing import Field
from freehold.ledger.subjects import Subjects

State = Literal["opens", "does-not-open", "not-kept", "gone", "erased", "damaged"]

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
        contextlib.closing(Contents(folder.contents, subjects)) as contents,
    ):
        yield Shelf(contents, subjects)


def open_fields(kept: Shelf | None, entry: Entry) -> list[Opened]:
    """Every field that the entry commits to, in the order of their names."""
    commitments: dict[str, str] = entry.body.get("commitments", {})
    fields: dict[str, Field] = {}
    missing: State = "gone"
    if kept is not None and commitments:
        try:
            fields = kept.contents.read(f"trace:{entry.id}" if entry.kind == "trace" else entry.id).fields
        except UnknownContents:
            missing = "erased" if _is_erased(kept.subjects, entry.body.get("subject")) else "gone"
        except SubjectErased:
            missing = "erased"
        except ContentsDamaged:
            missing = "damaged"
    return [_open(name, commitment, fields.get(name), missing) for name, commitment in sorted(commitments.items())]


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
