"""The keys of data subjects: one for each, found by the subject, destroyed with it.

    subjects.db   masters    the master key and the lookup key, wrapped by a `Keys` (a private file, or a KMS)
                  subjects   HMAC(lookup key, subject) -> pseudonym, and wrapped under the master: key || pseudonym secret
                  erasures   what was erased, when, on which legal basis, and whether the ledger says so
                  tombstones for a day: HMAC(lookup key, 0x00 || subject) -> when it was erased

    pseudonym = HMAC-SHA-256(pseudonym secret, subject), the secret random for each subject

So nobody gets from a subject to its pseudonym without the row, and nobody gets there at all once the row is destroyed:
erasure is one deleted row, after which every blob sealed under the key is noise, salts included, and every commitment in
the log is unlinkable. Who comes back after an erasure gets a new key and a new pseudonym. What was asked before it and is
still on its way must get neither; the tombstone is how its carrier knows.

It knows what a subject is called only while it is asked. What it cannot reach: a copy of `subjects.db` made before an
erasure (`rotate` makes it unreadable, so rotate as often as backups must forget); the old blocks of a disk that does not
write in place, which hold the key wrapped (`rotate` again); memory, which Python cannot wipe, until its pages are reused.
"""

import contextlib
import hmac
import logging
import os
import sqlite3
from collections.abc import Callable, Collection, Generator
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol, TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from freehold.errors import InvalidField, StoreError
from freehold.ledger.database import open_private, scrub, transaction
from freehold.ledger.folder import alone, make_private
from freehold.ledger.keyfile import KEY_BYTES, NONCE_BYTES, Keys

CACHED: Final = 1 << 16
"""Subjects whose key and pseudonym stay in memory: about 40 MB."""

LONGEST: Final = 256
"""Characters of a name; what a longer one has beyond does not tell it apart."""

REWRAP_AT_ONCE: Final = 1_000
"""Keys rewrapped in one transaction, so that new subjects wait for tens of milliseconds at most."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS masters (epoch INTEGER PRIMARY KEY AUTOINCREMENT, wrapped BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS subjects (
    lookup BLOB PRIMARY KEY, pseudonym TEXT NOT NULL UNIQUE, epoch INTEGER NOT NULL, wrapped BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS erasures (
    number INTEGER PRIMARY KEY AUTOINCREMENT, pseudonym TEXT NOT NULL UNIQUE, erased_at INTEGER NOT NULL,
    basis TEXT NOT NULL, records INTEGER, logged INTEGER NOT NULL DEFAULT 0)
"""
_TOMBSTONES: Final = (
    "CREATE TABLE IF NOT EXISTS tombstones (lookup BLOB PRIMARY KEY, erased_at INTEGER NOT NULL) WITHOUT ROWID"
)
_MASTER_CONTEXT: Final = b"freehold/master/v1"
_TOMB: Final = "\0"
"""What stands before the name in a tombstone's lookup."""

_SUBJECT_CONTEXT: Final = b"freehold/subject/v1"

Known = TypeVar("Known")

log = logging.getLogger("freehold.ledger.subjects")


class Forgetting(Protocol):
    """Where a subject's records are kept; `contents.Contents` is one."""

    def forget(self, subject: str) -> int:
        """Removes everything of this pseudonym, for good; gives how many records, the same number when called again."""
        ...


class Erasure(msgspec.Struct, frozen=True):
    """What the ledger says of an erasure. Nothing in it leads to the subject."""

    pseudonym: str
    records: int
    erased_at: int
    """Unix seconds."""
    basis: str
    """The legal basis, for example `GDPR Art. 17(1)(b)`."""


class _Master(msgspec.Struct, frozen=True):
    cipher: AESGCM
    key: bytes
    lookup: bytes


def filed_as(subject: str) -> str:
    """The name under which a data subject is known here. Raises InvalidField for what is no Unicode text."""
    if not subject.isascii() and any("\ud800" <= character <= "\udfff" for character in subject):
        raise InvalidField("The name of a data subject is not Unicode text.", "Write it as UTF-8.", param="subject")
    return subject[:LONGEST]


class Subjects:
    """The keys of one data folder. Many processes may have one each; one of them is for one thread at a time."""

    def __init__(self, folder: Path, keys: Keys, *, draw: Callable[[int], bytes] = os.urandom) -> None:
        """Opens the keys in `folder`, made where it was missing. `draw` gives cryptographically random bytes.

        After a death, call `resume`. Raises StoreError when the folder or the master key cannot be used.
        """
        self._path = make_private(folder) / "subjects.db"
        self._keys = keys
        self._draw = draw
        self._db = open_private(self._path, _SCHEMA, "FULL")
        self._masters: dict[int, _Master] = {}
        self._pseudonyms: dict[str, str] = {}
        self._ciphers: dict[str, AESGCM] = {}
        self._version: int = -1
        self._erasures: int = -1
        self._tombstones: dict[bytes, int] = {}
        try:
            self._begin()
        except BaseException:
            self._db.close()
            raise

    def pseudonyms(self, subjects: Collection[str]) -> dict[str, str]:
        """The pseudonym of each subject: 64 hexadecimal digits. New ones get a key, on the disk when this returns.

        From memory, about 4 µs a call and 0.1 µs a subject; a new subject costs a flush, shared by all of one call. Raises
        StoreError when the keys cannot be read or written.
        """
        with self._named_failures():
            self._notice_erasures()
            known = self._pseudonyms
            missing = [subject for subject in dict.fromkeys(subjects) if subject not in known]
            found = {subject: known[subject] for subject in subjects if subject in known}
            if missing:
                found.update(self._find_or_make(missing))
            return found

    def pseudonym_of(self, subject: str) -> str | None:
        """The subject's pseudonym, or None when it has no key. Makes none."""
        with self._named_failures():
            row = self._row_of(subject)
            return None if row is None else row[0]

    def ciphers(self, pseudonyms: Collection[str]) -> dict[str, AESGCM]:
        """The cipher of each pseudonym that has a key; those that were erased are missing.

        AES-256-GCM under the subject's own key. Raises StoreError when a wrapped key is damaged or cannot be read.
        """
        with self._named_failures():
            self._notice_erasures()
            found: dict[str, AESGCM] = {}
            for pseudonym in pseudonyms:
                cipher = self._ciphers.get(pseudonym) or self._load_cipher(pseudonym)
                if cipher is not None:
                    found[pseudonym] = cipher
            return found

    def erase(self, subject: str, basis: str, at: int, contents: Forgetting) -> Erasure | None:
        """Destroys the subject's key, and with it whatever was sealed under it; None when there is none to destroy.

        1. The key's row is deleted and the erasure noted, with a tombstone even where there was no key, in one flushed
           transaction: from here on nothing opens, in any process. 2. The row leaves the write-ahead log too. 3. `contents` forgets the records. 4. Their number is noted.

        `at` is now, in Unix seconds; `basis` goes into the ledger. After a failure or death in between, `resume` completes
        it. Give the result to the ledger, then call `acknowledge`. Raises InvalidField without a basis, StoreError when it
        fails.
        """
        if not basis.strip():
            raise InvalidField(
                "An erasure needs its legal basis.", "Say which, as `GDPR Art. 17(1)(b)`.", param="basis"
            )
        with self._named_failures():
            pseudonym = self._destroy(subject, basis, at)  # 1
            self._notice_erasures(always=True)
            if pseudonym is None:
                return None
            self._scrub()  # 2
            return self._complete(pseudonym, contents)  # 3, 4

    def erased_at(self, subjects: Collection[str]) -> dict[str, int]:
        """When those of them were erased of whom a request from before may still be on its way, in Unix seconds. From memory."""
        with self._named_failures():
            self._notice_erasures()
            if not self._tombstones:
                return {}
            found = {subject: self._tombstones.get(self._lookup(subject, _TOMB)) for subject in subjects}
            return {subject: at for subject, at in found.items() if at is not None}

    def drop_tombstones(self, before: int) -> None:
        """Drops those of erasures before this time (Unix seconds): nothing from before them is on its way any more."""
        with self._named_failures():
            self._notice_erasures()
            if any(at < before for at in self._tombstones.values()):
                with transaction(self._db):
                    self._db.execute("DELETE FROM tombstones WHERE erased_at < ?", (before,))
                self._notice_erasures(always=True)
                self._scrub()

    def resume(self, contents: Forgetting) -> list[Erasure]:
        """Completes erasures that a death or a failure cut short. Gives all that the ledger has not acknowledged yet."""
        with self._named_failures():
            self._scrub()
            rows = self._db.execute("SELECT pseudonym FROM erasures WHERE logged = 0 ORDER BY number").fetchall()
            return [self._complete(pseudonym, contents) for (pseudonym,) in rows]

    def acknowledge(self, erasure: Erasure) -> None:
        """Notes that the ledger holds this erasure."""
        with self._named_failures(), transaction(self._db):
            self._db.execute("UPDATE erasures SET logged = 1 WHERE pseudonym = ?", (erasure.pseudonym,))

    def rotate(self) -> int:
        """Draws a new master key, wraps every subject's key anew under it, destroys the old one. Gives how many there are.

        What wraps the master is renewed too, and the old one retired, so that no earlier copy of `subjects.db` opens any
        more. Others go on working meanwhile; a rotation that was cut short is completed by the next one. Raises StoreError
        when it fails.
        """
        with self._named_failures(), alone(self._path.with_name("rotation.lock")):
            self._keys.renew()
            epoch = self._new_master()
            count, after = 0, b""
            while lookups := self._rewrap(epoch, after):
                count, after = count + len(lookups), lookups[-1]
            with transaction(self._db):
                self._db.execute(
                    "DELETE FROM masters WHERE epoch < ? AND epoch NOT IN (SELECT epoch FROM subjects)", (epoch,)
                )
            self._masters.clear()
            self._newest()  # Unwrapped from what the disk has, before the old key is gone.
            self._keys.retire()
            self._scrub()
            return count

    def close(self) -> None:
        """Closes the database and drops what is in memory."""
        self._pseudonyms.clear()
        self._ciphers.clear()
        self._masters.clear()
        self._db.close()

    # --- masters ---

    def _begin(self) -> None:
        with self._named_failures():
            self._db.execute(_TOMBSTONES)
            if self._db.execute("SELECT 1 FROM masters").fetchone() is None:
                with transaction(self._db):
                    if self._db.execute("SELECT 1 FROM masters").fetchone() is None:
                        self._add_master(self._draw(KEY_BYTES), self._draw(KEY_BYTES))
            self._newest()

    def _newest(self) -> tuple[int, _Master]:
        """The master to wrap with, and its epoch. Other processes may have rotated since the last look."""
        epoch, wrapped = self._db.execute("SELECT epoch, wrapped FROM masters ORDER BY epoch DESC LIMIT 1").fetchone()
        return epoch, self._master(epoch, wrapped)

    def _master(self, epoch: int, wrapped: bytes) -> _Master:
        master = self._masters.get(epoch)
        if master is None:
            secret = self._keys.unwrap(wrapped, _MASTER_CONTEXT)
            master = _Master(AESGCM(secret[:KEY_BYTES]), secret[:KEY_BYTES], secret[KEY_BYTES:])
            self._masters[epoch] = master
        return master

    def _add_master(self, key: bytes, lookup: bytes) -> int:
        wrapped = self._keys.wrap(key + lookup, _MASTER_CONTEXT)
        cursor = self._db.execute("INSERT INTO masters (wrapped) VALUES (?)", (wrapped,))
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def _new_master(self) -> int:
        with transaction(self._db):
            _, newest = self._newest()
            for epoch, wrapped in self._db.execute("SELECT epoch, wrapped FROM masters").fetchall():
                old = self._master(epoch, wrapped)
                anew = self._keys.wrap(old.key + old.lookup, _MASTER_CONTEXT)
                self._db.execute("UPDATE masters SET wrapped = ? WHERE epoch = ?", (anew, epoch))
            # The lookup key stays: nobody here knows what the subjects are called, to file them anew.
            return self._add_master(self._draw(KEY_BYTES), newest.lookup)

    def _rewrap(self, epoch: int, after: bytes) -> list[bytes]:
        """Rewraps the next keys behind the lookup `after`; gives the lookups that it has been through."""
        with transaction(self._db):
            _, target = self._newest()
            rows = self._db.execute(
                "SELECT lookup, pseudonym, subjects.wrapped, epoch, masters.wrapped FROM subjects JOIN masters USING (epoch)"
                " WHERE lookup > ? ORDER BY lookup LIMIT ?",
                (after, REWRAP_AT_ONCE),
            ).fetchall()
            for lookup, pseudonym, wrapped, old, master in rows:
                secret = self._unwrap(self._master(old, master), lookup, pseudonym, wrapped)
                anew = self._wrap(target, lookup, pseudonym, secret)
                self._db.execute("UPDATE subjects SET epoch = ?, wrapped = ? WHERE lookup = ?", (epoch, anew, lookup))
            return [row[0] for row in rows]

    # --- one subject's row ---

    def _row_of(self, subject: str) -> tuple[str] | None:
        lookup = self._lookup(subject)
        return self._db.execute("SELECT pseudonym FROM subjects WHERE lookup = ?", (lookup,)).fetchone()

    def _find_or_make(self, subjects: list[str]) -> dict[str, str]:
        rows = {subject: self._row_of(subject) for subject in subjects}
        found = {subject: row[0] for subject, row in rows.items() if row is not None}
        if len(found) < len(subjects):
            with transaction(self._db):
                epoch, master = self._newest()
                for subject in subjects:
                    if subject not in found:
                        row = self._row_of(subject)  # Again: another process may have been first.
                        found[subject] = row[0] if row is not None else self._make(subject, epoch, master)
        for subject, pseudonym in found.items():
            _remember(self._pseudonyms, subject, pseudonym)
        return found

    def _make(self, subject: str, epoch: int, master: _Master) -> str:
        secret = self._draw(2 * KEY_BYTES)
        pseudonym = hmac.digest(secret[KEY_BYTES:], subject.encode(), sha256).hex()
        lookup = self._lookup(subject)
        wrapped = self._wrap(master, lookup, pseudonym, secret)
        self._db.execute("INSERT INTO subjects VALUES (?, ?, ?, ?)", (lookup, pseudonym, epoch, wrapped))
        return pseudonym

    def _load_cipher(self, pseudonym: str) -> AESGCM | None:
        row = self._db.execute(
            "SELECT lookup, subjects.wrapped, epoch, masters.wrapped FROM subjects JOIN masters USING (epoch)"
            " WHERE pseudonym = ?",
            (pseudonym,),
        ).fetchone()
        if row is None:
            return None
        lookup, wrapped, epoch, master = row
        cipher = AESGCM(self._unwrap(self._master(epoch, master), lookup, pseudonym, wrapped)[:KEY_BYTES])
        _remember(self._ciphers, pseudonym, cipher)
        return cipher

    def _lookup(self, subject: str, mark: str = "") -> bytes:
        named = f"{mark}{filed_as(subject)}".encode()
        return hmac.digest(next(iter(self._masters.values())).lookup, named, sha256)

    def _wrap(self, master: _Master, lookup: bytes, pseudonym: str, secret: bytes) -> bytes:
        nonce = self._draw(NONCE_BYTES)
        return nonce + master.cipher.encrypt(nonce, secret, _context(lookup, pseudonym))

    def _unwrap(self, master: _Master, lookup: bytes, pseudonym: str, wrapped: bytes) -> bytes:
        try:
            return master.cipher.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], _context(lookup, pseudonym))
        except InvalidTag as error:
            raise StoreError(
                f"The key of the data subject {pseudonym} in {self._path} is damaged.", "Restore it from a backup."
            ) from error

    # --- erasing ---

    def _destroy(self, subject: str, basis: str, at: int) -> str | None:
        """Deletes the subject's row and leaves a tombstone; gives its pseudonym, None when there was no row."""
        with transaction(self._db):
            self._db.execute(
                "INSERT INTO tombstones VALUES (?, ?) ON CONFLICT DO UPDATE SET erased_at = excluded.erased_at",
                (self._lookup(subject, _TOMB), at),  # another than that of the row, which must be gone
            )
            row = self._row_of(subject)
            if row is None:
                return None
            self._db.execute("INSERT INTO erasures (pseudonym, erased_at, basis) VALUES (?, ?, ?)", (row[0], at, basis))
            self._db.execute("DELETE FROM subjects WHERE pseudonym = ?", row)
            return row[0]

    def _notice_erasures(self, *, always: bool = False) -> None:
        """Drops what is in memory when somebody has erased a subject: another process, or with `always` this one."""
        (version,) = self._db.execute("PRAGMA data_version").fetchone()
        if always or version != self._version:
            (newest,) = self._db.execute("SELECT coalesce(max(number), 0) FROM erasures").fetchone()
            if newest != self._erasures:
                self._pseudonyms.clear()
                self._ciphers.clear()
            self._version, self._erasures = version, newest
            self._tombstones = dict(self._db.execute("SELECT lookup, erased_at FROM tombstones").fetchall())

    def _complete(self, pseudonym: str, contents: Forgetting) -> Erasure:
        records = contents.forget(pseudonym)
        with transaction(self._db):
            self._db.execute("UPDATE erasures SET records = ? WHERE pseudonym = ?", (records, pseudonym))
        erased_at, basis = self._db.execute(
            "SELECT erased_at, basis FROM erasures WHERE pseudonym = ?", (pseudonym,)
        ).fetchone()
        return Erasure(pseudonym, records, erased_at, basis)

    def _scrub(self) -> None:
        if not scrub(self._db):
            log.warning("a reader holds on to the log of %s; wrapped keys that were deleted leave it later", self._path)

    @contextlib.contextmanager
    def _named_failures(self) -> Generator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"{self._path} cannot be used: {error}.", "Make it readable and writable, and free space on its disk."
            ) from error


def _context(lookup: bytes, pseudonym: str) -> bytes:
    return _SUBJECT_CONTEXT + lookup + pseudonym.encode()


def _remember(cache: dict[str, Known], key: str, value: Known) -> None:
    if len(cache) >= CACHED:
        del cache[next(iter(cache))]
    cache[key] = value
