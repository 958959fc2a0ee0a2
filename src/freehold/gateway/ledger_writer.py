"""The ledger's one writer: from the workers' journals to the log, the store and the contents, in one order for all workers.

What it does in a round, and what a death at any moment leaves:

1 the journals' new lines are read, inside a transaction of the store
2 salts, contents and traces are sealed under their subjects' keys (kept once by record id, so a repetition changes nothing)
3 entries are staged in the log, and the longer log is signed      (files beyond the committed size are written anew)
4 records, places of entries and the signed checkpoint are stored, and committed
5 the checkpoint is published                                      (published again at the next start)

So an answer that was journaled gets exactly one entry. Several rounds a second bound the age of the newest checkpoint. Witnesses
are asked beside the rounds, so that a slow one cannot hold up a checkpoint; their cosignatures are published when they come.
One writer at a time: a new supervisor waits for what the killed one left behind.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import sqlite3
import time
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from freehold.config.settings import Ledger
from freehold.errors import (
    ContentsDamaged,
    ForkedHistory,
    FreeholdError,
    LedgerError,
    RolledBack,
    RootMismatch,
    StoreError,
    SubjectErased,
    UnknownContents,
)
from freehold.gateway.entries import ANSWER, answer_entry, event_entry
from freehold.gateway.erasures import keep_erasure
from freehold.gateway.item_rows import FEEDBACK, ITEM, take_feedback, take_item
from freehold.gateway.ledger_folder import KEY_ADDED, LedgerFolder
from freehold.gateway.ledger_storage import note_storage, open_contents
from freehold.gateway.ledger_upkeep import Upkeep
from freehold.gateway.shadow_rows import take_shadow
from freehold.gateway.witnesses import Cosigning, Witnesses
from freehold.ledger.checkpoints import Checkpoint, parse_checkpoint
from freehold.ledger.log import COSIGNED, Log
from freehold.ledger.notes import Signer, parse_note, sign_note
from freehold.ledger.sealing import Field, RecordContents
from freehold.ledger.subjects import Subjects
from freehold.ledger.tiles import CHECKPOINT
from freehold.store.database import open_database, transaction
from freehold.store.drain import Drain, EventLine, Line
from freehold.store.events import Event, keep_event, set_aside, take_events
from freehold.store.folder import JOURNAL, make_private
from freehold.store.items import forget_ended, forget_subject
from freehold.store.records import Private, Record
from freehold.store.shadows import SHADOW

LEDGER = "FREEHOLD_LEDGER"
"""The variable in which the writer's process is given its settings, as JSON."""

ROUND_SECONDS = 0.4
"""Between two rounds. A checkpoint is at most this much and one round older than its newest entry."""

CHECKPOINT_PAGES = 8000
"""Pages (32 MiB) of SQLite's write-ahead log before they are moved into the database: eight times the default, since what is moved more rarely is moved
less often twice."""

ITEMS_END_SECONDS = 3600
"""Between two looks for items whose time is over."""

STUCK = "records cannot be moved on; they stay in the journal and nothing is lost"

OTHER_SECONDS = 30.0
"""How long to wait for another writer's end. One whose supervisor is gone is in its last round."""

SEGMENT_SECONDS = 600.0
"""What is kept on its way to an object store: no contents stay here alone for longer, however few there are."""

LONGEST_REQUEST_SECONDS = 86_400
"""No request is on its way for longer: what began before an erasure that is older than this has been journaled."""

log = logging.getLogger("freehold.ledger")


class _New(Struct, frozen=True, gc=False):
    """One entry on its way into the log."""

    kind: str
    id: str
    at: int
    leaf: bytes


class LedgerWriter:
    """Moves records into the store, and entries into the log where it is switched on."""

    def __init__(self, data: Path, settings: Ledger) -> None:
        """Opens the store and the log in the data folder `data`, and puts in order what a death left.

        Raises StoreError, also when another writer is at work there and goes on, or a LedgerError when the log on the disk
        is not the one that was committed: one that was changed, or that is ahead of a store put back to an earlier state."""
        with contextlib.ExitStack() as opened:
            opened.enter_context(_alone(data))
            self._db = opened.enter_context(contextlib.closing(open_database(data)))
            # What is committed here is deleted from the journal, so it must survive what the journal would have.
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
            self._books: _Books | None = None
            if settings.enabled:
                books = _Books(self._db, LedgerFolder(data), settings)
                self._books = opened.enter_context(contextlib.closing(books))
            self._settings = settings
            self.failing = False
            self._drain = Drain(self._db, data / JOURNAL, self._books)
            self._opened = opened.pop_all()

    def round(self) -> int:
        """Takes everything that is there now; gives how many records and events. Raises StoreError, LedgerError."""
        began = int(time.time())
        taken = self._drain.drain_once()
        if self._books is not None:
            taken += self._take_events(self._books)
            self._books.committed()
            self._books.drained(began)
        return taken

    async def run(self, stop: asyncio.Event) -> None:
        """Rounds until `stop`, and one more, with the upkeep beside them. What fails is said once, and tried again."""
        books = self._books
        beside = None if books is None else asyncio.create_task(books.upkeep.run(stop))
        await self._rounds(stop)
        if books is not None and beside is not None:
            await beside
            await books.upkeep.finish()

    async def _rounds(self, stop: asyncio.Event) -> None:
        books = self._books
        cosigning = None if books is None else books.cosigning(self._settings.witnesses)
        stopping = False
        while not stopping:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), ROUND_SECONDS)
                stopping = True
            try:
                self.round()
                if cosigning is not None and books is not None and (fresh := books.fresh()) is not None:
                    cosigning.offer(fresh)
                self.failing = False
            except FreeholdError as error:
                if not self.failing:
                    log.error("%s: %s", STUCK, error.message)
                self.failing = True
            except Exception:
                if not self.failing:
                    log.exception(STUCK)
                self.failing = True
        if cosigning is not None:
            await cosigning.finish()

    def close(self) -> None:
        """Lets go of all files."""
        self._opened.close()

    def _take_events(self, books: "_Books") -> int:
        try:
            return take_events(self._db, books.take_events)
        except sqlite3.Error as error:
            raise StoreError(f"Events cannot be stored: {error}.", "Free some space on the disk.") from error


class _Books:
    """The ledger's side of a round: the store's `Follower`."""

    def __init__(self, db: sqlite3.Connection, folder: LedgerFolder, settings: Ledger) -> None:
        self._db = db
        name, signers = folder.origin(settings.origin), self._signers(folder, settings)
        note_storage(folder, settings.storage)
        folder.note_master_key(settings.master_key)
        self.upkeep = Upkeep(folder, settings.storage)
        self._moves = settings.storage is not None
        self._subjects = Subjects(folder.subjects, folder.master_key)
        self._contents = open_contents(folder, self._subjects, settings.storage)
        for gap in self._contents.settle():
            log.warning("contents: %s", gap)
        for erasure in self._subjects.resume(self._contents):
            keep_erasure(db, self._subjects, erasure)
        self._log = Log(folder.log, name, signers, self._head()[0])
        self._check_log(folder.log)
        self._ended_at = 0
        self._published: str | None = None
        self._fresh: str | None = None
        self._sign_anew(signers)
        self.committed()

    def take(self, lines: list[Line]) -> None:
        pseudonyms = self._seal(lines)
        self._append(
            [
                _New(
                    ANSWER,
                    line.record.id,
                    int(line.record.ended_at * 1000),
                    answer_entry(line.record, pseudonyms.get(line.record.id)),
                )
                for line in lines
            ]
        )

    def take_events(self, events: list[Event]) -> None:
        """Takes events, inside the transaction that removes them from the store."""
        new: list[_New] = []
        for event in events:
            try:
                new.append(_New(event.kind, event.id, event.at, event_entry(event)))
            except LedgerError as error:  # an event that cannot be written must not hold up all others
                log.error("the event %s of %s has no entry and is set aside: %s", event.kind, event.id, error)
                set_aside(self._db, event, str(error))
        self._append(new)

    def take_lines_of_events(self, lines: list[EventLine]) -> None:
        """Takes events of the journal. What is kept apart from one is sealed as `KIND:ID`, under the key of the record that
        its id names: where that is erased or expired, there is nobody to keep it for, and it is not kept. Items have no entry
        of their own (`item_rows.py`)."""
        events: list[Event] = []
        sealed: list[RecordContents] = []
        for line in lines:
            event, private = line.event, line.private
            subject = self._subject_of(event.id)
            sealed_id: str | None = f"{event.kind}:{event.id}"
            if event.kind == ITEM:
                sealed_id = take_item(self._db, event, private, subject)
            elif event.kind == FEEDBACK:
                sealed_id = take_feedback(self._db, event, private, subject)
            elif event.kind == SHADOW:
                sealed_id = take_shadow(self._db, event, subject)
            if subject is not None:
                event = replace(event, body={**event.body, "subject": subject})
                if private is not None and sealed_id is not None:
                    sealed.append(RecordContents(sealed_id, subject, private.keep_until, _fields(private)))
            if event.kind != ITEM:
                events.append(event)
        refused = {one.id for one in self._contents.write_many(sealed) if one.reason == "subject-erased"}
        for subject in {one.subject for one in sealed if one.id in refused}:
            forget_subject(self._db, subject)  # erased at this very moment
        self.take_events(events)

    def committed(self) -> None:
        """Publishes the checkpoint that is committed, unless that is done."""
        _, checkpoint = self._head()
        if checkpoint is not None and checkpoint != self._published:
            self._log.publish(checkpoint)
            self._published = self._fresh = checkpoint

    def drained(self, began: int) -> None:
        """Everything that was journaled by `began` (Unix seconds) has been taken: what is not needed after that goes."""
        self._subjects.drop_tombstones(began - LONGEST_REQUEST_SECONDS)
        if self._moves:
            self._contents.finish_old(SEGMENT_SECONDS)
        if began - self._ended_at >= ITEMS_END_SECONDS:
            forget_ended(self._db, began)
            self._ended_at = began

    def cosigning(self, configured: Mapping[str, str]) -> Cosigning | None:
        """What has checkpoints of this log cosigned, None where there are no witnesses."""
        return Cosigning(Witnesses(configured, self._log.read), self._cosigned) if configured else None

    def fresh(self) -> str | None:
        """The checkpoint that was published since this was asked last, None when none was."""
        fresh, self._fresh = self._fresh, None
        return fresh

    def _cosigned(self, checkpoint: str) -> None:
        """Keeps a checkpoint with what witnesses added, and publishes it unless a newer one is in force by now."""
        self._log.keep_cosigned(checkpoint)
        if self._published is not None and parse_note(checkpoint).text == parse_note(self._published).text:
            self._log.publish(checkpoint)

    def close(self) -> None:
        self._contents.close()
        self._subjects.close()

    def _seal(self, lines: list[Line]) -> dict[str, str]:
        """Keeps what goes with the records; gives the pseudonyms of their subjects, by record.

        A record whose subject was erased after it began gets neither: it would live on under a new key. Looked for before a
        key is made, and again after that, since erasures happen meanwhile."""
        private = [(line.record, line.private) for line in lines if line.private is not None]
        private = self._not_erased(private)
        pseudonyms = self._subjects.pseudonyms({apart.subject for _, apart in private})
        private = self._not_erased(private)
        self._contents.write_many(
            [
                RecordContents(record.id, pseudonyms[apart.subject], apart.keep_until, _fields(apart))
                for record, apart in private
            ]
        )
        return {record.id: pseudonyms[apart.subject] for record, apart in private}

    def _not_erased(self, private: list[tuple[Record, Private]]) -> list[tuple[Record, Private]]:
        erased = self._subjects.erased_at({apart.subject for _, apart in private})
        if not erased:
            return private
        # Erasures are noted in whole seconds; what began within that second goes too.
        return [(record, apart) for record, apart in private if record.started_at >= erased.get(apart.subject, -1) + 1]

    def _signers(self, folder: LedgerFolder, settings: Ledger) -> Sequence[Signer]:
        """The keys that sign. One that the configuration names for the first time signs beside the others, and it is noted."""
        before = folder.verifiers()
        with transaction(self._db):
            signers = folder.signers(settings.origin, settings.signer)
            for key in (signer.verifier for signer in signers):
                if before and key not in before:
                    keep_event(self._db, KEY_ADDED, key.id.hex(), {"key": str(key), "signer": settings.signer})
        return signers

    def _check_log(self, folder: Path) -> None:
        """The tiles must lead to the root that was committed, and what was published must be their beginning: a log that goes on
        from anything else signs a second history. Raises RootMismatch, RolledBack, ForkedHistory."""
        size, committed = self._head()
        if committed is not None and self._log.root_at(size) != _checkpoint_in(committed).root:
            raise RootMismatch(
                f"The tiles in {folder} do not lead to the root that was signed for {_entries(size)}.",
                "Restore the folder from a copy: `freehold audit verify` names what was changed.",
            )
        for name in (CHECKPOINT, COSIGNED):
            try:
                published = _checkpoint_in((folder / name).read_text())
            except (FileNotFoundError, UnicodeDecodeError, LedgerError):  # it is published anew
                continue
            if published.size > size:
                raise RolledBack(
                    f"{folder / name} signs {_entries(published.size)}, and freehold.db knows {size:,}: it is older than the log.",
                    "Restore freehold.db as it was with this log. Where it is lost, keep that file elsewhere: without it the log goes "
                    "on from what freehold.db knows, and contradicts what it signed beyond.",
                )
            if self._log.root_at(published.size) != published.root:
                raise ForkedHistory(
                    f"{folder / name} signs {_entries(published.size)}, with which the log of freehold.db does not begin.",
                    "freehold.db and the log are not of one data folder. Restore both as they were together.",
                )

    def _sign_anew(self, signers: Sequence[Signer]) -> None:
        """Has the keys of now sign the checkpoint in force where other ones did: what it says stays as it is."""
        size, checkpoint = self._head()
        if checkpoint is None:
            return
        note = parse_note(checkpoint)
        signed = [(signature.name, signature.key_id) for signature in note.unverified]
        if signed != [(key.name, key.id) for key in (signer.verifier for signer in signers)]:
            anew = sign_note(note.text, signers, int(time.time()))
            with transaction(self._db):
                self._db.execute("UPDATE ledger_head SET checkpoint = ? WHERE size = ?", (anew, size))

    def _subject_of(self, record_id: str) -> str | None:
        """The pseudonym under whose key the contents of a record are sealed; None when they cannot be opened any more."""
        try:
            return self._contents.read(record_id).subject
        except (UnknownContents, SubjectErased, ContentsDamaged):
            return None

    def _append(self, new: Sequence[_New]) -> None:
        first, _ = self._head()
        self._log.rewind(first)  # What a transaction staged that was undone after that does not count.
        staged = self._log.stage([one.leaf for one in new])
        self._db.executemany(
            "INSERT INTO entries VALUES (?, ?, ?, ?)",
            [(first + place, one.id, one.kind, one.at) for place, one in enumerate(new)],
        )
        self._db.execute(
            "INSERT INTO ledger_head VALUES (1, ?, ?) "
            "ON CONFLICT DO UPDATE SET size = excluded.size, checkpoint = excluded.checkpoint",
            (staged.size, staged.checkpoint),
        )

    def _head(self) -> tuple[int, str | None]:
        """Size and checkpoint that are committed, or stand in the open transaction."""
        row = self._db.execute("SELECT size, checkpoint FROM ledger_head").fetchone()
        return (0, None) if row is None else (int(row[0]), str(row[1]))


@contextlib.contextmanager
def _alone(data: Path) -> Generator[None]:
    """Keeps other writers out of this data folder; raises StoreError when one stays in. A death lets the next one in."""
    fd = os.open(make_private(data / "run") / "ledger.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + OTHER_SECONDS
        while not _locked(fd):
            if time.monotonic() > deadline:
                raise StoreError(
                    f"Another process writes the ledger of the data folder {data}.",
                    "Stop it: `ps -A -o pid,args | grep ledger_writer` shows it.",
                )
            time.sleep(0.02)
        yield
    finally:
        os.close(fd)


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _checkpoint_in(note: str) -> Checkpoint:
    return parse_checkpoint(parse_note(note).text)


def _entries(count: int) -> str:
    return "1 entry" if count == 1 else f"{count:,} entries"


def _fields(private: Private) -> dict[str, Field]:
    return {name: Field(salt, private.contents.get(name)) for name, salt in private.salts.items()}
