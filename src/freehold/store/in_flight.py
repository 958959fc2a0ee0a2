"""Which requests of a canary still run: what each worker leaves once a second in a file of its own, and what that adds up to.

Outcomes are counted in the order in which their requests began, or a candidate that is slower than the incumbent would seem
to have no answers at all at first. So whoever counts must know that nothing older is still to come. A request is taken off
when its record is in the journal; one whose worker died is forgotten with the worker, for it never gets a record.
"""

import contextlib
import sqlite3
import time
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from freehold.store.folder import JOURNAL, make_private

IN_FLIGHT: Final = "in_flight"

SLACK_SECONDS: Final = 0.5
"""A request is noted a moment after it began: it may have waited for keys that were read again."""


class _Left(Struct, frozen=True):
    """One worker's file: when it was written, and since when the oldest request of each canary has run, in Unix seconds."""

    at: float
    oldest: dict[str, float] = {}


class InFlight:
    """The requests of canaries that one worker is answering."""

    def __init__(self, folder: Path, worker: int) -> None:
        self._path = make_private(folder) / f"w{worker:02}.json"
        self._running: dict[str, tuple[str, float]] = {}
        self.save()

    def began(self, canary: str, record_id: str, at: float) -> None:
        """A request has been taken that began at `at`, in Unix seconds."""
        self._running[record_id] = canary, at

    def ended(self, record_id: str) -> None:
        """The record of a request is in the journal, or never will be."""
        self._running.pop(record_id, None)

    def save(self) -> None:
        """Leaves what runs now where it is read. Called once a second, after the journal has been written."""
        oldest: dict[str, float] = {}
        for canary, at in self._running.values():
            oldest[canary] = min(at, oldest.get(canary, at))
        draft = self._path.with_suffix(".new")
        with contextlib.suppress(OSError):  # a full disk must not stop the door; counting then waits
            draft.write_bytes(msgspec.json.encode(_Left(time.time(), oldest)))
            draft.replace(self._path)


class Settled:
    """Up to which moment everything is in the store that began before it. Moves on only."""

    def __init__(self, db: sqlite3.Connection, data: Path) -> None:
        self._db = db
        self._in_flight = data / IN_FLIGHT
        self._journal = data / JOURNAL
        self._until: dict[str, float] = {}
        self._next: tuple[dict[str, float], dict[str, int]] | None = None

    def look(self) -> None:
        """Takes a look: at what runs, then at how long the journals are. What ran no more at the one is in the other, and once
        the journals are stored up to there it is in the store."""
        if self._next is None:
            until = settled_until(self._in_flight)
            self._next = until, {path.name: _size(path) for path in self._journal.glob("w*.log")}
        until, sizes = self._next
        if all(self._is_stored(name, size) for name, size in sizes.items()):
            self._until, self._next = until, None

    def until(self, canary: str) -> float:
        """The moment for the requests of one canary, in Unix seconds; 0 before anything is known."""
        return self._until.get(canary, self._until.get("", 0.0))

    def _is_stored(self, name: str, size: int) -> bool:
        row = self._db.execute("SELECT stored FROM segments WHERE name = ?", (name,)).fetchone()
        stored = 0 if row is None else int(row[0])
        return stored >= size or not (self._journal / name).exists()


def settled_until(folder: Path) -> dict[str, float]:
    """Up to which moment every request has ended: for each canary that has requests running, and under "" for all others.
    In Unix seconds; an empty folder has nothing running and gives nothing."""
    found = [left for path in sorted(folder.glob("w*.json")) if (left := _read(path)) is not None]
    if not found:
        return {}
    newest = min(left.at for left in found) - SLACK_SECONDS
    until = {"": newest}
    for left in found:
        for canary, at in left.oldest.items():
            until[canary] = min(at, until.get(canary, newest))
    return until


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # stored and deleted since it was listed
        return 0


def _read(path: Path) -> _Left | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Left)
    except (OSError, msgspec.DecodeError):
        return None
