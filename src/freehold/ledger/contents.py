"""The store of contents and salts outside the log: sealed blobs in segments, found through an index, gone when they must be.

    contents.db    where each record's blob stands, whose it is, how long it is kept; can be made again from the segments
    open/          the segments being written: one for each writer, locked while it lives, appended to with single writes
    segments/      finished segments, never changed, behind the seam `Blobs`: files here, which may move to an object store
    drafts/        segments being rewritten

A write stands in its segment before it stands in the index, so a death at any moment leaves at most a tail that the index
does not know; `settle` then indexes its whole blobs and names what is torn. Removing goes the other way: first out of the
index, then out of the segments, which are deleted when nothing in them lives and rewritten when something does.

It knows pseudonyms, and ciphers by pseudonym, never who a data subject is (`subjects.py`), and nothing of the log.
"""

import contextlib
import logging
import os
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, Protocol

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from freehold.errors import ContentsDamaged, RecordNotKept, StoreError, SubjectErased, UnknownContents
from freehold.ledger.database import open_private, scrub, transaction
from freehold.ledger.folder import alone, make_private, write_private
from freehold.ledger.sealing import NONCE_BYTES, Gap, RecordContents, blobs_in, pseudonym_bytes, seal, unseal
from freehold.ledger.segments import Blobs, FileBlobs, OpenSegment, claimed, read_part, segment_name

SEGMENT_BYTES: Final = 16 << 20
"""A segment is finished at this size: small enough to be rewritten in a second, large enough to be few."""

REMOVE_AT_ONCE: Final = 10_000
"""Expired records that leave the index in one transaction, so that writers need not wait for all of them."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS segments (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, state TEXT NOT NULL, indexed INTEGER NOT NULL,
    total INTEGER NOT NULL, live INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS records (
    id TEXT PRIMARY KEY, subject BLOB NOT NULL, segment INTEGER NOT NULL, at INTEGER NOT NULL, length INTEGER NOT NULL,
    keep_until INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS records_by_subject ON records (subject);
CREATE INDEX IF NOT EXISTS records_by_segment ON records (segment);
CREATE INDEX IF NOT EXISTS records_by_end ON records (keep_until);
CREATE TABLE IF NOT EXISTS forgotten (subject BLOB PRIMARY KEY, records INTEGER NOT NULL) WITHOUT ROWID
"""
"""A segment is `open`, then `sealed`; `draft` while it is the rewriting of another. `live` of its `total` blobs are in
the index. A forgotten subject gets no record into the index any more, whoever still holds its key."""

_INSERT: Final = "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
_IS_FORGOTTEN: Final = "SELECT 1 FROM forgotten WHERE subject = ?"
_EXPIRED: Final = "SELECT id, segment FROM records WHERE keep_until < ? LIMIT ?"
_ADVANCE: Final = "UPDATE segments SET indexed = ?, total = total + ?, live = live + ? WHERE number = ?"

_Row = tuple[str, bytes, int, int, int, int]
"""A row of `records`, in the order of its columns."""

log = logging.getLogger("freehold.ledger.contents")


class Ciphers(Protocol):
    """Who has the keys of data subjects; `subjects.Subjects` is one."""

    def ciphers(self, pseudonyms: Collection[str]) -> Mapping[str, AESGCM]:
        """The ciphers of those that have a key. One that is missing was erased, or never was."""
        ...


class Refused(msgspec.Struct, frozen=True):
    """A record of a batch that was not kept, and why. The others were."""

    id: str
    reason: Literal["subject-erased", "already-kept"]


class Expired(msgspec.Struct, frozen=True):
    """What an expiry did: how many records went, how many segments were deleted whole, how many were rewritten."""

    records: int
    deleted: int
    rewritten: int


class PassedOver(msgspec.Struct, frozen=True):
    """Bytes of a segment that are no whole blob: the tail of a write that was torn, or damage."""

    segment: str
    at: int
    length: int


class Contents:
    """The contents of one data folder. Many processes may have one each; one of them is for one thread at a time."""

    def __init__(
        self,
        folder: Path,
        ciphers: Ciphers,
        blobs: Blobs | None = None,
        *,
        draw: Callable[[int], bytes] = os.urandom,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        """Opens the store in `folder`, made where it was missing. Raises StoreError when it cannot be used.

        After a death, call `settle`: until then what the dead process had not indexed is not found. `draw` gives random
        bytes for nonces.
        """
        self._folder = make_private(folder)
        self._open = make_private(folder / "open")
        self._drafts = make_private(folder / "drafts")
        self._blobs = FileBlobs(folder / "segments") if blobs is None else blobs
        self._db = open_private(folder / "contents.db", _SCHEMA, "NORMAL")
        self._ciphers = ciphers
        self._draw = draw
        self._segment_bytes = segment_bytes
        self._segment: OpenSegment | None = None
        self._number = 0

    def write_many(self, records: Sequence[RecordContents], *, flush: bool = True) -> tuple[Refused, ...]:
        """Keeps the records, and gives those that it refused. With `flush` the others survive a power cut.

        Without, they are the kernel's: they survive a `kill -9`. Each id is kept once; the first one stays. Raises
        RecordNotKept when none could be kept.
        """
        ciphers = self._ciphers.ciphers({record.subject for record in records})
        known = [record for record in records if record.subject in ciphers]
        nonces = self._draw(NONCE_BYTES * len(known))
        sealed = [
            seal(record, ciphers[record.subject], nonces[NONCE_BYTES * index : NONCE_BYTES * (index + 1)])
            for index, record in enumerate(known)
        ]
        refused = [Refused(record.id, "subject-erased") for record in records if record.subject not in ciphers]
        return (*refused, *(self._append(known, sealed, flush=flush) if known else ()))

    def read(self, record_id: str) -> RecordContents:
        """What is kept of one record.

        Raises UnknownContents when nothing is, SubjectErased when its subject has no key any more, ContentsDamaged when
        the bytes are not what was written, StoreError when they cannot be read.
        """
        with self._named_failures("read"):
            blob, subject = self._find(record_id)
        cipher = self._ciphers.ciphers((subject,)).get(subject)
        if cipher is None:
            raise SubjectErased(f"The data subject of {record_id} was erased.")
        return unseal(blob, record_id, subject, cipher)

    def list_by(self, subject: str) -> list[str]:
        """The ids of the records that are kept of the subject with this pseudonym, in the order of their text."""
        rows = self._db.execute("SELECT id FROM records WHERE subject = ? ORDER BY id", (pseudonym_bytes(subject),))
        return [record_id for (record_id,) in rows.fetchall()]

    def expire(self, before: int) -> Expired:
        """Removes every record whose `keep_until` is before this time (Unix seconds), and no other.

        Segments in which nothing lives are deleted, mixed ones rewritten. A segment that another living process still
        writes is left to a later call; its expired records are out of the index at once. Raises StoreError when it
        fails; what is removed stays so, and the next call goes on.
        """
        with self._named_failures("expired"), alone(self._folder / "maintenance.lock"):
            self._adopt_all()
            records = 0
            while True:
                with transaction(self._db, flush=True):
                    removed = self._remove(_EXPIRED, (before, REMOVE_AT_ONCE))
                records += removed
                if removed < REMOVE_AT_ONCE:
                    break
            deleted, rewritten = self._sweep()
            return Expired(records, deleted, rewritten)

    def forget(self, subject: str) -> int:
        """Removes everything of the subject with this pseudonym, for good, and gives how many records it had.

        Called again it gives the same number. No write for that pseudonym succeeds afterwards, in any process. Raises
        StoreError when it fails; call it again then. See `expire` on segments that another process writes.
        """
        raw = pseudonym_bytes(subject)
        with self._named_failures("forgotten"), alone(self._folder / "maintenance.lock"):
            self._adopt_all()
            with transaction(self._db, flush=True):
                removed = self._remove("SELECT id, segment FROM records WHERE subject = ?", (raw,))
                self._db.execute(
                    "INSERT INTO forgotten VALUES (?, ?) ON CONFLICT DO UPDATE SET records = records + excluded.records",
                    (raw, removed),
                )
            self._sweep()
            (records,) = self._db.execute("SELECT records FROM forgotten WHERE subject = ?", (raw,)).fetchone()
            return int(records)

    def settle(self) -> tuple[PassedOver, ...]:
        """Puts in order what dead processes left, and names the bytes that are no whole blob.

        Indexes what stands in segments alone, finishes those without a writer, completes `expire` and `forget`. Raises StoreError.
        """
        with self._named_failures("settled"), alone(self._folder / "maintenance.lock"):
            passed_over = self._adopt_all()
            self._sweep()
            return passed_over

    def finish_old(self, seconds: float) -> None:
        """Finishes this process's segment when it is that old, so that it moves on to where finished ones lie."""
        if self._segment is not None and time.monotonic() - self._segment.begun_at >= seconds:
            self._finish()

    def close(self) -> None:
        """Finishes this process's segment and closes the index."""
        self._finish()
        self._db.close()

    # --- writing ---

    def _append(self, records: list[RecordContents], sealed: list[bytes], *, flush: bool) -> list[Refused]:
        with self._named_failures("kept", RecordNotKept):
            segment = self._writable()
            at = segment.size
            data = b"".join(sealed)
            rows: list[_Row] = []
            for record, blob in zip(records, sealed, strict=True):
                subject = bytes.fromhex(record.subject)
                rows.append((record.id, subject, self._number, at, len(blob), record.keep_until))
                at += len(blob)
            segment.append(data, flush=flush)
            try:
                with transaction(self._db):
                    kept = self._insert(rows)
                    self._db.execute(_ADVANCE, (at, len(rows), kept, self._number))
            except sqlite3.Error:
                segment.take_back(len(data))
                raise
            return [] if kept == len(rows) else self._refused(rows)

    def _insert(self, rows: list[_Row]) -> int:
        """Puts rows into the index, inside the caller's transaction; gives how many. Forgotten subjects get none, for whom
        is asked once and not for each row: that made a row half as dear again."""
        forgotten = {subject for subject in {row[1] for row in rows} if self._is_forgotten(subject)}
        wanted = [row for row in rows if row[1] not in forgotten] if forgotten else rows
        return max(self._db.executemany(_INSERT, wanted).rowcount, 0)

    def _is_forgotten(self, subject: bytes) -> bool:
        return self._db.execute(_IS_FORGOTTEN, (subject,)).fetchone() is not None

    def _refused(self, rows: list[_Row]) -> list[Refused]:
        refused: list[Refused] = []
        for record_id, subject, number, at, *_ in rows:
            found = self._db.execute("SELECT segment, at FROM records WHERE id = ?", (record_id,)).fetchone()
            if found != (number, at):
                refused.append(Refused(record_id, "subject-erased" if self._is_forgotten(subject) else "already-kept"))
        self._finish()  # It holds blobs that nothing points at; finished, it can be rewritten.
        return refused

    def _writable(self) -> OpenSegment:
        if self._segment is not None and (self._segment.torn or self._segment.size >= self._segment_bytes):
            self._finish()
        if self._segment is None:
            segment = OpenSegment(self._open)
            self._number = self._add_segment(segment.name, "open")
            self._segment = segment
        return self._segment

    def _finish(self) -> None:
        """Moves the segment that this process writes behind the seam. Where that fails, `settle` does it later."""
        segment, self._segment = self._segment, None
        if segment is None:
            return
        try:
            if not segment.torn and segment.size:
                self._blobs.put(segment.name, segment.path)
                self._db.execute("UPDATE segments SET state = 'sealed' WHERE number = ?", (self._number,))
        except (OSError, sqlite3.Error) as error:
            log.warning("the segment %s is finished and could not be moved yet: %s", segment.name, error)
        finally:
            segment.release()

    def _add_segment(self, name: str, state: str) -> int:
        cursor = self._db.execute("INSERT INTO segments VALUES (NULL, ?, ?, 0, 0, 0)", (name, state))
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    # --- reading ---

    def _find(self, record_id: str) -> tuple[bytes, str]:
        name = ""
        for _ in range(3):  # The segment may be finished or rewritten between our look-up and our read.
            row = self._db.execute(
                "SELECT name, at, length, subject FROM records JOIN segments ON number = segment WHERE id = ?",
                (record_id,),
            ).fetchone()
            if row is None:
                raise UnknownContents(f"No contents are kept of {record_id}.")
            name, at, length, subject = row
            with contextlib.suppress(FileNotFoundError):
                return self._bytes(name, at, length), subject.hex()
        raise ContentsDamaged(f"The contents of {record_id} are lost: the segment {name} is missing.")

    def _bytes(self, name: str, at: int, length: int) -> bytes:
        try:
            return read_part(self._open / name, at, length)
        except FileNotFoundError:
            return self._blobs.get(name, at, length)

    # --- removing ---

    def _remove(self, query: str, parameters: tuple[object, ...]) -> int:
        """Takes the records that `query` finds (id, segment) out of the index, inside the caller's transaction."""
        found: list[tuple[str, int]] = self._db.execute(query, parameters).fetchall()
        gone = Counter(number for _, number in found)
        self._db.executemany("UPDATE segments SET live = live - ? WHERE number = ?", [(n, s) for s, n in gone.items()])
        self._db.executemany("DELETE FROM records WHERE id = ?", [(record_id,) for record_id, _ in found])
        return len(found)

    def _sweep(self) -> tuple[int, int]:
        """Deletes finished segments in which nothing lives or ever stood, rewrites mixed ones. Gives how many of each."""
        mine = self._db.execute("SELECT live < total FROM segments WHERE number = ?", (self._number,)).fetchone()
        if mine is not None and mine[0]:
            self._finish()
        mixed: list[tuple[int, str, int]] = self._db.execute(
            "SELECT number, name, live FROM segments WHERE state = 'sealed' AND (live < total OR indexed = 0)"
        ).fetchall()
        deleted = rewritten = 0
        for number, name, live in mixed:
            if live and not self._rewrite(number, name):
                continue
            self._discard(number, name)
            rewritten += bool(live)
            deleted += not live
        if not scrub(self._db):
            log.warning("a reader holds on to the log of contents.db; what was removed leaves it later")
        return deleted, rewritten

    def _rewrite(self, number: int, name: str) -> bool:
        """Moves what lives in a segment into a new one. After the last commit, nothing points at the old one."""
        try:
            whole = self._blobs.get(name)
        except FileNotFoundError:
            log.error("the segment %s is missing; the records in it cannot be read", name)
            return False
        except ConnectionError as error:  # nothing points at what was removed; the next call takes it out
            log.warning("the segment %s cannot be rewritten yet: %s", name, error)
            return False
        draft = segment_name()
        with transaction(self._db, flush=True):
            target = self._add_segment(draft, "draft")
        parts: list[bytes] = []
        moves: list[tuple[int, int, str]] = []
        size = 0
        rows = self._db.execute("SELECT id, at, length FROM records WHERE segment = ? ORDER BY at", (number,))
        for record_id, at, length in rows.fetchall():
            moves.append((target, size, record_id))
            parts.append(whole[at : at + length])
            size += len(parts[-1])
        write_private(self._drafts / draft, b"".join(parts))
        self._blobs.put(draft, self._drafts / draft)
        with transaction(self._db, flush=True):
            self._db.executemany("UPDATE records SET segment = ?, at = ? WHERE id = ?", moves)
            self._db.execute(_ADVANCE, (size, len(moves), len(moves), target))
            self._db.execute("UPDATE segments SET state = 'sealed' WHERE number = ?", (target,))
            self._db.execute("UPDATE segments SET live = 0 WHERE number = ?", (number,))
        return True

    def _discard(self, number: int, name: str) -> None:
        self._blobs.delete(name)
        self._db.execute("DELETE FROM segments WHERE number = ?", (number,))

    # --- putting in order ---

    def _adopt_all(self) -> tuple[PassedOver, ...]:
        for number, name in self._db.execute("SELECT number, name FROM segments WHERE state = 'draft'").fetchall():
            self._discard(number, name)
        for path in self._drafts.iterdir():
            path.unlink()
        names = {path.name for path in self._open.iterdir() if not path.name.startswith(".")}
        names.update(self._blobs.list())
        names.update(name for (name,) in self._db.execute("SELECT name FROM segments WHERE state = 'open'").fetchall())
        return tuple(passed_over for name in sorted(names) for passed_over in self._adopt(name))

    def _adopt(self, name: str) -> list[PassedOver]:
        """Indexes the rest of a segment without a writer and finishes it."""
        path = self._open / name
        with claimed(path) as size:
            if size is None and path.exists():
                return []  # Its writer lives.
            row = self._db.execute("SELECT number, state, indexed FROM segments WHERE name = ?", (name,)).fetchone()
            number, state, indexed = row or (self._add_segment(name, "open"), "open", 0)
            if state == "sealed":
                return []
            try:
                rest = self._blobs.get(name, indexed) if size is None else read_part(path, indexed, None)
            except FileNotFoundError:
                self._db.execute("DELETE FROM segments WHERE number = ? AND live = 0", (number,))
                return []
            except ConnectionError as error:
                log.warning("the segment %s cannot be looked through yet: %s", name, error)
                return []
            passed_over = self._index(number, name, indexed, rest)
            if size is not None:
                self._blobs.put(name, path)
            self._db.execute("UPDATE segments SET state = 'sealed' WHERE number = ?", (number,))
            return passed_over

    def _index(self, number: int, name: str, start: int, rest: bytes) -> list[PassedOver]:
        rows: list[_Row] = []
        passed_over: list[PassedOver] = []
        for piece in blobs_in(rest):
            at = start + piece.at
            if isinstance(piece, Gap):
                passed_over.append(PassedOver(name, at, piece.length))
                log.warning("%d bytes of %s at %d are no whole record and are passed over", piece.length, name, at)
            else:
                rows.append((piece.id, piece.subject, number, at, piece.length, piece.keep_until))
        with transaction(self._db, flush=True):
            kept = self._insert(rows)
            self._db.execute(_ADVANCE, (start + len(rest), len(rows), kept, number))
        return passed_over

    @contextlib.contextmanager
    def _named_failures(self, done: str, kind: type[StoreError | RecordNotKept] = StoreError) -> Generator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise kind(
                f"The contents in {self._folder} cannot be {done}: {error}.",
                "Make the folder readable and writable, and free some space on its disk.",
            ) from error
