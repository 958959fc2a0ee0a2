"""The drain: carries the journal's lines into the database, each exactly once, and deletes what is carried.

Progress stands in the same database and is committed with the records, so a death at any moment repeats nothing and loses
nothing. It knows lines and rows. It runs in the supervisor, in a thread; no worker waits for it.
"""

import fcntl
import logging
import os
import sqlite3
from pathlib import Path
from typing import Final, Protocol

import msgspec
from msgspec import Struct

from freehold.errors import StoreError
from freehold.store.canaries import hear_of_records
from freehold.store.database import transaction
from freehold.store.events import Event
from freehold.store.journal import EVENT_LINE
from freehold.store.records import Private, Record

CHUNK_BYTES: Final = 4 << 20
"""How much is read, and committed, at once: some three thousand records."""

_INSERT: Final = (
    "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)

_NEWEST: Final = "SELECT coalesce(max(rowid), 0) FROM records"

_ADD_UP: Final = """
    INSERT INTO usage_hours
    SELECT
        CAST(ended_at / 3600 AS INTEGER) * 3600, organisation, project, key_id, workload, deployment,
        count(*), sum(status = 'failed'), sum(status = 'refused'), sum(estimated),
        sum(input_tokens), sum(output_tokens), sum(cache_read_tokens), sum(cache_write_5m_tokens),
        sum(cache_write_1h_tokens), sum(reasoning_tokens), sum(audio_input_tokens), sum(audio_output_tokens),
        sum(searches), sum(cost_nano)
    FROM records WHERE rowid > ?
    GROUP BY 1, 2, 3, 4, 5, 6
    ON CONFLICT DO UPDATE SET
        requests              = requests              + excluded.requests,
        failed                = failed                + excluded.failed,
        refused               = refused               + excluded.refused,
        estimated             = estimated             + excluded.estimated,
        input_tokens          = input_tokens          + excluded.input_tokens,
        output_tokens         = output_tokens         + excluded.output_tokens,
        cache_read_tokens     = cache_read_tokens     + excluded.cache_read_tokens,
        cache_write_5m_tokens = cache_write_5m_tokens + excluded.cache_write_5m_tokens,
        cache_write_1h_tokens = cache_write_1h_tokens + excluded.cache_write_1h_tokens,
        reasoning_tokens      = reasoning_tokens      + excluded.reasoning_tokens,
        audio_input_tokens    = audio_input_tokens    + excluded.audio_input_tokens,
        audio_output_tokens   = audio_output_tokens   + excluded.audio_output_tokens,
        searches              = searches              + excluded.searches,
        cost_nano             = cost_nano             + excluded.cost_nano
"""
"""Adds up what was stored since a row, once for each group: a trigger that did it row by row took a quarter of the drain."""

log = logging.getLogger("freehold.store.drain")


class Line(Struct, frozen=True, gc=False):
    """One line of the journal, read."""

    record: Record
    private: Private | None


class EventLine(Struct, frozen=True, gc=False):
    """A line of the journal that is an event. What is kept apart from it is about the same person as the record that its id
    names, whose line came before; so it has no subject of its own."""

    event: Event
    private: Private | None


class Follower(Protocol):
    """Keeps books of its own in step with the database; the ledger does."""

    def take(self, lines: list[Line]) -> None:
        """Takes lines, inside the transaction that stores them. What it raises undoes the transaction."""
        ...

    def take_lines_of_events(self, lines: list[EventLine]) -> None:
        """Takes events, behind the records of the same part of the journal and inside the same transaction."""
        ...

    def committed(self) -> None:
        """Called when that transaction is committed."""
        ...


class Drain:
    """Moves records from the journal in `folder` into `db`. `follower` gets every line, in the order in which it is stored."""

    def __init__(self, db: sqlite3.Connection, folder: Path, follower: Follower | None = None) -> None:
        self._db = db
        self._folder = folder
        self._follower = follower
        self._decode = msgspec.json.Decoder(Record).decode
        self._decode_event = msgspec.json.Decoder(Event).decode
        self._decode_private = msgspec.json.Decoder(Private).decode

    def drain_once(self) -> int:
        """Stores every whole line that is there now, then deletes the finished segments. Gives how many were stored.

        One drain runs at a time. Raises StoreError when the database cannot be written; nothing is lost then.
        """
        try:
            return self._drain()
        except sqlite3.Error as error:
            raise StoreError(
                f"Records cannot be stored: {error}.", "They stay in the journal. Free some space on the disk."
            ) from error

    def _drain(self) -> int:
        stored = 0
        finished: list[str] = []
        for path in sorted(self._folder.glob("w*.log")):
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                stored += self._store(path.name, fd)
                if self._is_finished(path.name, fd):
                    finished.append(path.name)
            finally:
                os.close(fd)
        self._delete(finished)
        self._forget_deleted()
        return stored

    def _store(self, name: str, fd: int) -> int:
        """Stores the whole lines of one segment, a chunk at a time."""
        stored = 0
        size = CHUNK_BYTES
        while os.fstat(fd).st_size > self._progress(name):
            with transaction(self._db):
                at = self._progress(name)
                chunk = os.pread(fd, size, at)
                end = chunk.rfind(b"\n") + 1
                if end:
                    stored += self._insert(name, at, chunk[:end])
                    self._db.execute(
                        "INSERT INTO segments VALUES (?, ?) ON CONFLICT DO UPDATE SET stored = excluded.stored",
                        (name, at + end),
                    )
            if end and self._follower is not None:
                self._follower.committed()
            if end:
                size = CHUNK_BYTES
            elif len(chunk) < size:
                break
            else:
                size *= 2  # One line is longer than the chunk.
        return stored

    def _insert(self, name: str, at: int, lines: bytes) -> int:
        rows: list[tuple[object, ...]] = []
        read: list[Line] = []
        events: list[EventLine] = []
        for line in lines.split(b"\n")[:-1]:
            try:
                if line.startswith(EVENT_LINE):
                    events.append(self._read_event(line))
                else:
                    body, record = self._read(line, read)
                    rows.append(_row(record, body))
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                log.error("a line of %s at %d cannot be read and is set aside: %s", name, at, error)
                self._db.execute("INSERT INTO unreadable_lines VALUES (?, ?, ?, ?)", (name, at, line, str(error)))
            at += len(line) + 1
        (newest,) = self._db.execute(_NEWEST).fetchone()
        self._db.executemany(_INSERT, rows)
        self._db.execute(_ADD_UP, (newest,))
        if any(line.record.canary for line in read):
            hear_of_records(self._db, newest)
        if self._follower is not None and read:
            self._follower.take(read)
        if self._follower is not None and events:
            self._follower.take_lines_of_events(events)
        return len(read) + len(events)

    def _read(self, line: bytes, read: list[Line]) -> tuple[bytes, Record]:
        """The line without its private part, and its record; both parts go to `read`."""
        body, tab, rest = line.partition(b"\t")
        record = self._decode(body)
        read.append(Line(record, self._decode_private(rest) if tab else None))
        return body, record

    def _read_event(self, line: bytes) -> EventLine:
        body, tab, rest = line.partition(b"\t")
        return EventLine(self._decode_event(body), self._decode_private(rest) if tab else None)

    def _progress(self, name: str) -> int:
        row = self._db.execute("SELECT stored FROM segments WHERE name = ?", (name,)).fetchone()
        return 0 if row is None else int(row[0])

    def _is_finished(self, name: str, fd: int) -> bool:
        """Whether the writer is gone and every whole line is stored. A torn last line was never a finished answer."""
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        # The writer may have appended between our last look and its death.
        at = self._progress(name)
        left = os.pread(fd, os.fstat(fd).st_size - at, at)
        if b"\n" in left:
            return False
        if left:
            log.warning("the last line of %s is torn (%d bytes); its answer was never finished", name, len(left))
        return True

    def _delete(self, finished: list[str]) -> None:
        if not finished:
            return
        # With synchronous = NORMAL a commit may still be undone by a power cut; a checkpoint makes it last.
        busy, frames, done = self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if not busy and frames == done:
            for name in finished:
                (self._folder / name).unlink()
            # A power cut must not bring a file back of which the database has forgotten that it is stored.
            fd = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)

    def _forget_deleted(self) -> None:
        """Drops the progress of segments that are gone. Never before the file is: it would be stored again."""
        for (name,) in self._db.execute("SELECT name FROM segments").fetchall():
            if not (self._folder / name).exists():
                self._db.execute("DELETE FROM segments WHERE name = ?", (name,))


def _row(record: Record, line: bytes) -> tuple[object, ...]:
    return (
        record.id,
        record.ended_at,
        record.organisation,
        record.project,
        record.key_id,
        record.workload,
        record.deployment,
        record.status,
        record.estimated,
        record.input_tokens,
        record.output_tokens,
        record.cache_read_tokens,
        record.cache_write_5m_tokens,
        record.cache_write_1h_tokens,
        record.reasoning_tokens,
        record.audio_input_tokens,
        record.audio_output_tokens,
        record.searches,
        record.cost_nano,
        line.decode(),
    )
