"""Where the contents of a ledger lie: in its folder, or in the object store that its first start named.

    ledger/storage    which object store, as JSON, without keys, and in whose name; missing where there is none

The note is there so that nobody opens the contents in the wrong place: a command that knows only the data folder finds the
store, and a configuration that names another one is refused instead of losing what lies in the first.
"""

import secrets
from pathlib import Path

import msgspec

from freehold.config.settings import Storage
from freehold.errors import StoreError
from freehold.gateway.ledger_folder import LedgerFolder, replace_private
from freehold.ledger.contents import Contents
from freehold.ledger.folder import make_private
from freehold.ledger.object_blobs import ObjectBlobs
from freehold.ledger.object_store import ObjectStore
from freehold.ledger.subjects import Subjects


class _Note(msgspec.Struct, frozen=True, omit_defaults=True):
    url: str
    endpoint: str | None = None
    region: str | None = None
    owner: str = ""


def note_storage(folder: LedgerFolder, configured: Storage | None) -> None:
    """Notes at a start which object store is configured. Raises StoreError where contents lie in another one already."""
    noted = noted_storage(folder)
    if noted is not None and (configured is None or _at(configured) != _at(noted)):
        named = "names none" if configured is None else f"names {configured.url}"
        raise StoreError(
            f"Contents of this ledger lie in {noted.url}, and the configuration {named}.",
            f"Set ledger.storage as it was. To move them, copy all that is there, then remove {_file(folder)}.",
        )
    if configured is not None:
        before = _read(folder)
        owner = secrets.token_hex(8) if before is None else before.owner
        note = _Note(configured.url, configured.endpoint, configured.region, owner)
        if note != before:
            make_private(_file(folder).parent)
            replace_private(_file(folder), [msgspec.json.encode(note).decode()])


def noted_storage(folder: LedgerFolder) -> Storage | None:
    """The object store that was noted, without keys; None where contents lie in the folder. Raises StoreError."""
    note = _read(folder)
    return None if note is None else Storage(url=note.url, endpoint=note.endpoint, region=note.region)


def open_object_store(storage: Storage) -> ObjectStore:
    """The object store that is configured. Raises NotConfigured without the extra, StoreError."""
    return ObjectStore(
        storage.url,
        endpoint=storage.endpoint,
        region=storage.region,
        access_key=None if storage.access_key is None else storage.access_key.value,
        secret_key=None if storage.secret_key is None else storage.secret_key.value,
    )


def open_contents(folder: LedgerFolder, subjects: Subjects, configured: Storage | None = None) -> Contents:
    """The contents of a ledger, wherever they lie. `configured` brings the keys of an object store; without it the cloud's own
    ways find them. Raises StoreError."""
    noted = noted_storage(folder)
    if noted is None:
        return Contents(folder.contents, subjects)
    given = configured if configured is not None and _at(configured) == _at(noted) else noted
    return Contents(folder.contents, subjects, open_blobs(folder, open_object_store(given)))


def open_blobs(folder: LedgerFolder, store: ObjectStore) -> ObjectBlobs:
    """The segments of a ledger's contents before an object store, in the name that was noted. Raises StoreError."""
    note = _read(folder)
    return ObjectBlobs(folder.contents, store, "" if note is None else note.owner)


def _read(folder: LedgerFolder) -> _Note | None:
    try:
        return msgspec.json.decode(_file(folder).read_bytes(), type=_Note)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise StoreError(f"{_file(folder)} cannot be read: {error}.", "Restore it from a backup.") from error


def _at(storage: Storage) -> str:
    return storage.url.rstrip("/")


def _file(folder: LedgerFolder) -> Path:
    return folder.path / "storage"
