"""The drain: every whole line is stored exactly once, whoever dies when; what cannot be read is set aside and named."""

import contextlib
import logging
import os
import sqlite3
from pathlib import Path

import pytest

from freehold.errors import StoreError
from freehold.store.database import open_database, transaction
from freehold.store.drain import CHUNK_BYTES, Drain, EventLine, Line
from freehold.store.events import Event
from freehold.store.folder import DATABASE, JOURNAL
from freehold.store.journal import Journal
from freehold.store.records import Private
from freehold.store.usage import find_record
from store.processes import drain_and_die, first_line, start, write_records
from store.samples import counted, record, segments, stored_ids


@pytest.fixture
def folder(data: Path) -> Path:
    return data / JOURNAL


@pytest.fixture
def drain(db: sqlite3.Connection, folder: Path) -> Drain:
    folder.mkdir()
    return Drain(db, folder)


def write(folder: Path, *numbers: int, worker: int = 0) -> None:
    """A finished segment with these records."""
    journal = Journal(folder, worker)
    for number in numbers:
        journal.append(record(number))
    journal.close()


def raw(folder: Path, content: bytes, name: str = "w00-1-1.log") -> Path:
    """A segment with this content and no writer."""
    (folder / name).write_bytes(content)
    return folder / name


def set_aside(db: sqlite3.Connection) -> list[tuple[str, int, bytes]]:
    return db.execute("SELECT segment, at, line FROM unreadable_lines ORDER BY segment, at").fetchall()


# --- exactly once ---


def test_a_record_of_a_canary_waits_to_be_counted_once_and_no_other_does(
    db: sqlite3.Connection, folder: Path, drain: Drain
) -> None:
    with contextlib.closing(Journal(folder, 0)) as journal:
        for number, canary in ((1, ""), (2, "can_1"), (2, "can_1"), (3, "can_2")):
            journal.append(record(number, canary=canary))
    assert drain.drain_once() == 4
    with contextlib.closing(Journal(folder, 0)) as journal:
        journal.append(record(4))
    assert drain.drain_once() == 1
    told = db.execute("SELECT canary, record FROM canary_outcomes ORDER BY number").fetchall()
    assert told == [("can_1", "rec_000002"), ("can_2", "rec_000003")]


def test_finished_segments_are_stored_and_deleted(db: sqlite3.Connection, folder: Path, drain: Drain) -> None:
    write(folder, 1, 2)
    write(folder, 3, worker=1)
    assert drain.drain_once() == 3
    assert stored_ids(db) == ["rec_000001", "rec_000002", "rec_000003"]
    assert counted(db) == (3, 21)
    assert segments(folder) == []
    assert find_record(db, "rec_000002") == record(2)


def test_a_second_drain_stores_nothing_again(db: sqlite3.Connection, folder: Path, drain: Drain) -> None:
    write(folder, 1, 2)
    drain.drain_once()
    assert drain.drain_once() == 0
    assert Drain(db, folder).drain_once() == 0
    assert counted(db) == (2, 14)


def test_the_segment_of_a_living_writer_is_stored_as_it_grows_and_stays(
    db: sqlite3.Connection, folder: Path, drain: Drain
) -> None:
    journal = Journal(folder, 0)
    journal.append(record(1))
    assert drain.drain_once() == 1
    journal.append(record(2))
    assert drain.drain_once() == 1
    assert len(segments(folder)) == 1
    journal.close()
    assert drain.drain_once() == 0
    assert segments(folder) == []
    assert counted(db) == (2, 14)


def test_a_rotated_segment_is_deleted_while_its_writer_goes_on(
    db: sqlite3.Connection, folder: Path, drain: Drain
) -> None:
    journal = Journal(folder, 0, rotate_bytes=1)
    for number in range(3):
        journal.append(record(number))
    assert drain.drain_once() == 3
    assert len(segments(folder)) == 1
    journal.close()


def test_a_drain_that_is_killed_before_any_of_its_statements_repeats_and_loses_nothing(tmp_path: Path) -> None:
    with start(drain_and_die, tmp_path) as child:
        deaths = int(first_line(child))
    assert deaths >= 10, "each of its statements was its last once"
    for number in range(deaths + 1):
        data = tmp_path / str(number)
        db = open_database(data)
        drain = Drain(db, data / JOURNAL)
        drain.drain_once()
        assert stored_ids(db) == ["rec_000000", "rec_000001", "rec_000002"]
        assert counted(db) == (3, 21)
        assert [line for _, _, line in set_aside(db)] == [b"damaged"]
        assert segments(data / JOURNAL) == []
        assert drain.drain_once() == 0
        assert db.execute("SELECT count(*) FROM segments").fetchone() == (0,)
        db.close()


def test_records_of_killed_writers_are_all_stored_while_others_write(data: Path, db: sqlite3.Connection) -> None:
    drain = Drain(db, data / JOURNAL)
    with start(write_records, data, 1, 20_000) as killed, start(write_records, data, 2, 20_000) as other:
        for number in range(100):
            assert first_line(killed) == first_line(other) == str(number)
        drain.drain_once()
        killed.kill()
        killed.wait()
        drain.drain_once()
        other.kill()
        other.wait()
        drain.drain_once()
        assert killed.stdout is not None
        assert other.stdout is not None
        said = [100 + len(process.stdout.read().splitlines()) for process in (killed, other) if process.stdout]
    for worker, least in zip((1, 2), said, strict=True):
        stored = [name for name in stored_ids(db) if name.startswith(f"rec_{worker}_")]
        assert stored == [f"rec_{worker}_{number:06}" for number in range(len(stored))]
        assert least <= len(stored) <= least + 1
    # A death while a segment is made can leave an empty draft; no record was ever in it.
    assert [name for name in segments(data / JOURNAL) if not name.startswith(".")] == []
    assert counted(db) == (len(stored_ids(db)), 7 * len(stored_ids(db)))


def test_the_same_record_in_two_segments_counts_once(db: sqlite3.Connection, folder: Path, drain: Drain) -> None:
    """As when a segment is put back from a backup."""
    write(folder, 1)
    copy = (folder / segments(folder)[0]).read_bytes()
    drain.drain_once()
    raw(folder, copy)
    drain.drain_once()
    assert counted(db) == (1, 7)
    assert segments(folder) == []


@pytest.mark.parametrize("size", [0, 3 * CHUNK_BYTES])
def test_what_a_writer_appends_as_its_last_word_is_stored_before_its_segment_is_deleted(
    db: sqlite3.Connection, folder: Path, drain: Drain, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    journal = Journal(folder, 0)
    journal.append(record(1))

    def append_and_die(fd: int, operation: int) -> None:
        # The drain has stored all that it saw, and asks for the lock; the writer is quicker.
        journal.append(record(2, model="x" * size))
        journal.close()

    with monkeypatch.context() as patch:
        patch.setattr("freehold.store.drain.fcntl.flock", append_and_die)
        drain.drain_once()
    drain.drain_once()
    assert stored_ids(db) == ["rec_000001", "rec_000002"]
    assert segments(folder) == []


def test_segments_are_stored_a_chunk_at_a_time_and_lines_of_any_length_fit(
    db: sqlite3.Connection, folder: Path, drain: Drain
) -> None:
    journal = Journal(folder, 0)
    journal.append(record(0))
    journal.append(record(1, model="x" * (3 * CHUNK_BYTES)))
    journal.append(record(2))
    journal.close()
    assert drain.drain_once() == 3
    assert stored_ids(db) == ["rec_000000", "rec_000001", "rec_000002"]


# --- what cannot be read ---


def test_a_torn_last_line_is_passed_over_and_named(
    db: sqlite3.Connection, folder: Path, drain: Drain, caplog: pytest.LogCaptureFixture
) -> None:
    write(folder, 1)
    path = folder / segments(folder)[0]
    with path.open("ab") as file:
        file.write(b'{"id":"rec_torn"')
    with caplog.at_level(logging.WARNING, "freehold.store.drain"):
        assert drain.drain_once() == 1
    assert caplog.messages == [f"the last line of {path.name} is torn (16 bytes); its answer was never finished"]
    assert stored_ids(db) == ["rec_000001"]
    assert set_aside(db) == []
    assert segments(folder) == []


def test_the_unfinished_line_of_a_living_writer_is_waited_for(
    db: sqlite3.Connection, folder: Path, drain: Drain, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(folder, 0)
    path = folder / segments(folder)[0]
    journal.append(record(1))
    line = path.read_bytes()
    os.truncate(path, 40)
    assert drain.drain_once() == 0
    path.write_bytes(line)
    assert drain.drain_once() == 1
    assert caplog.messages == []
    journal.close()


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\0\0\0",
        b"not json",
        b'{"id":"rec_1"}',
        b'{"id":"rec_1","started_at":1,"ended_at":1,"dialect":"d","operation":"o","status":"lost","http_status":200}',
        b'{"id":"\xff","started_at":1,"ended_at":1,"dialect":"d","operation":"o","status":"failed","http_status":0}',
        b'{"id":"rec_1","started_at":1,"ended_at":1,"dialect":"d","operation":"o","status":"failed","http_status":200,'
        b'"cost_nano":9223372036854775808}',
    ],
    ids=["empty", "zeros", "not json", "too little", "unknown status", "not utf-8", "a number beyond 64 bits"],
)
def test_a_line_that_cannot_be_read_is_set_aside_and_the_others_are_stored(
    db: sqlite3.Connection, folder: Path, drain: Drain, caplog: pytest.LogCaptureFixture, line: bytes
) -> None:
    write(folder, 1, 2)
    path = folder / segments(folder)[0]
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + line + b"\n" + second)
    assert drain.drain_once() == 2
    assert stored_ids(db) == ["rec_000001", "rec_000002"]
    assert set_aside(db) == [(path.name, len(first), line)]
    [message] = caplog.messages
    assert message.startswith(f"a line of {path.name} at {len(first)} cannot be read and is set aside")
    assert segments(folder) == []


def test_only_segments_are_read(db: sqlite3.Connection, folder: Path, drain: Drain) -> None:
    raw(folder, b"notes\n", "README")
    raw(folder, b"draft\n", ".w00-2-2.log")
    assert drain.drain_once() == 0
    assert segments(folder) == [".w00-2-2.log", "README"]
    assert set_aside(db) == []


def test_an_empty_segment_without_a_writer_is_deleted(folder: Path, drain: Drain) -> None:
    Journal(folder, 0).close()
    assert drain.drain_once() == 0
    assert segments(folder) == []


# --- a database in trouble ---


def test_a_database_that_cannot_be_written_keeps_the_journal(
    db: sqlite3.Connection, data: Path, folder: Path, drain: Drain
) -> None:
    write(folder, 1, 2)
    db.execute("PRAGMA busy_timeout = 0")
    other = sqlite3.connect(data / DATABASE, isolation_level=None)
    with transaction(other), pytest.raises(StoreError, match="Records cannot be stored: database is locked") as caught:
        drain.drain_once()
    other.close()
    assert "They stay in the journal" in caught.value.advice
    assert drain.drain_once() == 2
    assert counted(db) == (2, 14)


def test_a_segment_stays_until_its_records_outlast_a_power_cut(
    db: sqlite3.Connection, data: Path, folder: Path, drain: Drain
) -> None:
    write(folder, 1)
    reader = sqlite3.connect(data / DATABASE, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM records").fetchone()
    assert drain.drain_once() == 1
    assert len(segments(folder)) == 1, "a reader holds the checkpoint up, and with it the flush to the disk"
    reader.execute("COMMIT")
    reader.close()
    assert drain.drain_once() == 0
    assert segments(folder) == []
    assert counted(db) == (1, 7)


def test_a_segment_is_gone_for_good_before_the_database_forgets_that_it_was_stored(
    db: sqlite3.Connection, folder: Path, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, 1)
    done: list[str] = []
    real = os.fsync

    def flushed(fd: int) -> None:
        if os.fstat(fd).st_ino == folder.stat().st_ino:
            done.append(f"flushed with {len(segments(folder))} segments")
        real(fd)

    monkeypatch.setattr(os, "fsync", flushed)
    db.set_trace_callback(lambda statement: done.append(statement) if statement.startswith("DELETE") else None)
    drain.drain_once()
    assert [one.partition(" WHERE")[0] for one in done] == ["flushed with 0 segments", "DELETE FROM segments"]


# --- who follows ---


class Books:
    """A follower that keeps what it was given, and fails when told to."""

    def __init__(self) -> None:
        self.taken: list[Line] = []
        self.events: list[EventLine] = []
        self.commits = 0
        self.failing = False

    def take(self, lines: list[Line]) -> None:
        if self.failing:
            raise StoreError("The books are closed.")
        self.taken += lines

    def take_lines_of_events(self, lines: list[EventLine]) -> None:
        assert self.taken, "an event stands behind the record that it is about"
        self.events += lines

    def committed(self) -> None:
        self.commits += 1


def test_a_follower_gets_every_line_once_with_what_is_kept_apart(db: sqlite3.Connection, folder: Path) -> None:
    private = Private(subject="s", keep_until=5, salts={"request": b"\x01" * 32})
    with contextlib.closing(Journal(folder, 0)) as journal:
        journal.append(record(1), private)
        journal.append(record(2))
    books = Books()
    assert Drain(db, folder, books).drain_once() == 2
    assert Drain(db, folder, books).drain_once() == 0
    assert [(line.record.id, line.private) for line in books.taken] == [("rec_000001", private), ("rec_000002", None)]
    assert books.commits == 1
    [(body,), _] = db.execute("SELECT body FROM records ORDER BY id").fetchall()
    assert "\t" not in body
    assert "salts" not in body


def test_what_a_follower_refuses_is_not_stored_and_comes_again(db: sqlite3.Connection, folder: Path) -> None:
    with contextlib.closing(Journal(folder, 0)) as journal:
        journal.append(record(1))
    books = Books()
    books.failing = True
    with pytest.raises(StoreError, match="closed"):
        Drain(db, folder, books).drain_once()
    assert db.execute("SELECT count(*) FROM records").fetchone() == (0,)
    assert books.commits == 0
    books.failing = False
    assert Drain(db, folder, books).drain_once() == 1
    assert [line.record.id for line in books.taken] == ["rec_000001"]


def test_events_of_the_journal_go_to_the_follower_behind_the_records_and_are_no_records(
    db: sqlite3.Connection, folder: Path
) -> None:
    private = Private(subject="", keep_until=5, salts={"trace": b"\x01" * 32}, contents={"trace": b"{}"})
    event = Event("trace", "rec_000001", 7, {"steps": 2})
    with contextlib.closing(Journal(folder, 0)) as journal:
        journal.append(record(1))
        journal.append(event, private)
        journal.append(record(2), later=True)
        journal.append(Event("trace", "rec_000002", 8), later=True)
    books = Books()
    assert Drain(db, folder, books).drain_once() == 4
    assert books.events == [EventLine(event, private), EventLine(Event("trace", "rec_000002", 8), None)]
    assert stored_ids(db) == ["rec_000001", "rec_000002"]
    assert segments(folder) == []


def test_an_event_that_cannot_be_read_is_set_aside_and_without_a_follower_events_end_with_their_segment(
    db: sqlite3.Connection, folder: Path, drain: Drain
) -> None:
    line = b'{"kind":"trace","id":7}'
    raw(folder, line + b"\n" + b'{"kind":"trace","id":"rec_1","at":5,"body":{}}\n')
    assert drain.drain_once() == 1
    assert set_aside(db) == [("w00-1-1.log", 0, line)]
    assert segments(folder) == []
