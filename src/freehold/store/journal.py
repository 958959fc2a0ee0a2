"""The journal: each record as one line at the end of a file, before the answer's last byte leaves.

One segment for each worker and start, `w03-TIME-PID.log`, appended to with single writes: what was appended is the kernel's
and survives a `kill -9` of any process; after `sync` it survives a power cut too. A line is the record as JSON and, after a
tab (which JSON never holds as such), what is kept apart from it. What comes of an answer later, such as the trace of its
reasoning, is a line too: an event, behind the record that it is about. It knows nothing of the database; `drain.py` carries the
lines there. A segment is locked while its writer lives; that is how the drain knows.
"""

import fcntl
import os
import time
from pathlib import Path
from typing import Final

import msgspec

from freehold.errors import RecordNotKept, StoreError
from freehold.store.events import Event
from freehold.store.folder import make_private
from freehold.store.records import Private, Record

ROTATE_BYTES: Final = 16 << 20
ROTATE_SECONDS: Final = 60.0
"""A segment in which something stands is ended at this age, whatever its size: what was said in a request stands in it
openly, and leaves the disk with the segment once that is drained."""

EVENT_LINE: Final = b'{"kind":'
"""How the line of an event begins; that of a record begins with its id."""

LONGEST_WAIT_BYTES: Final = 64 << 10
"""What may wait in memory before it is handed over all the same."""


class Journal:
    """The journal of one worker."""

    def __init__(self, folder: Path, worker: int, rotate_bytes: int = ROTATE_BYTES) -> None:
        """Begins a segment in `folder`. Raises RecordNotKept when it cannot."""
        self._folder = folder
        self._worker = worker
        self._rotate_bytes = rotate_bytes
        self._encode_into = msgspec.json.Encoder().encode_into
        self._line = bytearray()
        self._waiting = bytearray()
        self._finished: list[int] = []
        self._size = 0
        self._torn = False
        self._fd = self._begin()
        self._begun_at = time.monotonic()

    def append(self, record: Record | Event, private: Private | None = None, *, later: bool = False) -> None:
        """Writes one record or event down. When this returns, the kernel has it; with `later`, once `flush` has been called.

        Raises RecordNotKept when it could not be written whole; the segment then ends with the record before.
        """
        if self._torn or self._size >= self._rotate_bytes:
            self._rotate()
        line = self._line
        self._encode_into(record, line)
        if private is not None:
            line.append(9)
            self._encode_into(private, line, -1)
        line.append(10)
        if later and len(self._waiting) < LONGEST_WAIT_BYTES:
            self._waiting += line
            return
        self._write(self._waiting + line if self._waiting else line, record.id)
        self._waiting.clear()

    def flush(self) -> None:
        """Hands over to the kernel what waits. Raises RecordNotKept; it then waits on."""
        if self._waiting:
            if self._torn:
                self._rotate()
            self._write(self._waiting, "that waits")
            self._waiting.clear()

    def rotate_old(self, seconds: float = ROTATE_SECONDS) -> None:
        """Ends the segment when it is this old and not empty. Raises RecordNotKept when no other can be begun."""
        if self._size and time.monotonic() - self._begun_at >= seconds:
            self._rotate()

    @property
    def rotated(self) -> bool:
        """Whether a finished segment still waits for `sync`, which closes it."""
        return bool(self._finished)

    def sync(self) -> None:
        """Puts on the disk what the kernel has. May run in a thread of its own, while records are appended.

        Raises RecordNotKept when the disk fails; then nobody knows what is on it.
        """
        # In this order: a rotation in between then gives us the segment before it, one way or the other.
        current = self._fd
        finished, self._finished = self._finished, []
        try:
            for fd in dict.fromkeys((*finished, current)):
                os.fdatasync(fd)
        except OSError as error:
            raise RecordNotKept(f"The journal could not be put on the disk: {error.strerror}.") from error
        finally:
            for fd in finished:
                os.close(fd)

    def close(self) -> None:
        """Ends the segment; the drain may then delete it."""
        try:
            self.flush()
        finally:
            for fd in (*self._finished, self._fd):
                os.close(fd)
            self._finished = []

    def _write(self, data: bytearray, name: str) -> None:
        try:
            written = os.write(self._fd, data)
        except OSError as error:
            self._take_back()
            raise RecordNotKept(f"The record {name} could not be written: {error.strerror}.") from error
        if written != len(data):
            self._take_back()
            raise RecordNotKept(f"The record {name} could not be written: the disk is full.")
        self._size += written

    def _take_back(self) -> None:
        try:
            os.ftruncate(self._fd, self._size)
        except OSError:
            # The torn line stays the last of its segment, where the drain passes over it.
            self._torn = True

    def _rotate(self) -> None:
        fd = self._begin()
        # Given free for the drain, but not closed here: a `sync` in another thread may be at it.
        fcntl.flock(self._fd, fcntl.LOCK_UN)
        self._finished.append(self._fd)
        self._fd = fd
        self._begun_at = time.monotonic()
        self._size = 0
        self._torn = False

    def _begin(self) -> int:
        name = f"w{self._worker:02}-{time.time_ns()}-{os.getpid()}.log"
        try:
            draft = make_private(self._folder) / f".{name}"
            fd = os.open(draft, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                # Locked before it has the name that the drain looks for: it would delete an empty segment without a writer.
                fcntl.flock(fd, fcntl.LOCK_EX)
                draft.rename(self._folder / name)
            except OSError:
                os.close(fd)
                draft.unlink()
                raise
        except StoreError as error:
            raise RecordNotKept(error.sentence) from error
        except OSError as error:
            raise RecordNotKept(f"No journal can be written in {self._folder}: {error.strerror}.") from error
        return fd
