"""Up to which moment everything has ended and is stored: what workers leave, and what the journals still hold."""

import sqlite3
import time
from pathlib import Path

import msgspec
import pytest

from freehold.store.drain import Drain
from freehold.store.folder import JOURNAL
from freehold.store.in_flight import IN_FLIGHT, SLACK_SECONDS, InFlight, Settled, settled_until
from freehold.store.journal import Journal
from store.samples import record


def left(folder: Path, worker: int, at: float, **oldest: float) -> None:
    """A worker's file, as of a moment of the test's own."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"w{worker:02}.json").write_bytes(msgspec.json.encode({"at": at, "oldest": oldest}))


def test_nothing_is_known_before_a_worker_has_left_anything(tmp_path: Path) -> None:
    assert settled_until(tmp_path) == {}


def test_the_oldest_request_of_any_worker_bounds_its_own_canary(tmp_path: Path) -> None:
    left(tmp_path, 0, 100.0, can_a=90.0)
    left(tmp_path, 1, 98.0, can_a=95.0, can_b=97.0)
    assert settled_until(tmp_path) == {"": 97.5, "can_a": 90.0, "can_b": 97.0}


def test_a_worker_says_since_when_its_oldest_request_runs_until_that_has_ended(tmp_path: Path) -> None:
    running = InFlight(tmp_path, 3)
    now = time.time()
    running.began("can_a", "rec_1", now - 50)
    running.began("can_a", "rec_2", now - 20)
    running.began("can_b", "rec_3", now - 10)
    running.save()
    assert settled_until(tmp_path)["can_a"] == now - 50
    running.ended("rec_1")
    running.ended("rec_1")
    running.save()
    found = settled_until(tmp_path)
    assert (found["can_a"], found["can_b"]) == (now - 20, now - 10)
    running.ended("rec_2")
    running.ended("rec_3")
    running.save()
    assert list(settled_until(tmp_path)) == [""]
    assert now - 1 <= settled_until(tmp_path)[""] <= time.time() - SLACK_SECONDS


def test_a_new_worker_takes_what_a_dead_one_of_its_number_left_out_of_the_way(tmp_path: Path) -> None:
    left(tmp_path, 0, 100.0, can_a=90.0)
    InFlight(tmp_path, 0)
    assert list(settled_until(tmp_path)) == [""]


def test_a_torn_file_holds_nobody_up(tmp_path: Path) -> None:
    left(tmp_path, 0, 100.0)
    (tmp_path / "w01.json").write_bytes(b'{"at": 5')
    assert settled_until(tmp_path) == {"": 99.5}


def test_a_moment_is_settled_once_the_journals_of_that_moment_are_stored(data: Path, db: sqlite3.Connection) -> None:
    journal = Journal(data / JOURNAL, 0)
    drain = Drain(db, data / JOURNAL)
    journal.append(record(1))
    left(data / IN_FLIGHT, 0, 100.0, can_a=80.0)
    settled = Settled(db, data)
    settled.look()
    assert settled.until("can_a") == 0.0
    left(data / IN_FLIGHT, 0, 200.0)
    journal.append(record(2))
    settled.look()
    assert settled.until("can_a") == 0.0
    drain.drain_once()
    settled.look()
    assert (settled.until("can_a"), settled.until("can_b")) == (80.0, 99.5)
    journal.append(record(3))
    settled.look()
    assert settled.until("can_a") == 80.0
    drain.drain_once()
    settled.look()
    assert (settled.until("can_a"), settled.until("can_b")) == (199.5, 199.5)
    journal.close()


def test_a_journal_that_was_stored_and_deleted_is_settled(data: Path, db: sqlite3.Connection) -> None:
    journal = Journal(data / JOURNAL, 0)
    journal.append(record(1))
    left(data / IN_FLIGHT, 0, 100.0)
    settled = Settled(db, data)
    settled.look()
    assert settled.until("") == 0.0
    journal.close()
    Drain(db, data / JOURNAL).drain_once()
    assert list((data / JOURNAL).iterdir()) == []
    settled.look()
    assert settled.until("") == 99.5


def test_a_full_disk_does_not_stop_a_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    running = InFlight(tmp_path, 0)

    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    running.began("can_a", "rec_1", 1.0)
    running.save()
    monkeypatch.undo()
    running.save()
    assert settled_until(tmp_path)["can_a"] == 1.0
