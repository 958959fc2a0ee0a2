"""The journal: each record as one line at the end of a file, before the answer's last byte leaves.

One segment for each worker and start, `w03-TIME-PID.log`, appended to with single writes: what was appended is the kernel's
and survives a `kill -9` of any process, though not a power cut. It knows what a record is and nothing of the database;
`drain.py` carries the lines there. A segment is locked while its writer lives; that is how the drain knows.
"""

import fcntl
import os
import time
from pathlib import Path
from typing import Final

import msgspec

from freehold.errors import RecordNotKept, StoreError
from freehold.store.folder import make_private
from freehold.store.records import Record

ROTATE_BYTES: Final = 16 << 20


class Journal:
    """The journal of one worker."""

    def __init__(self, folder: Path, worker: int, rotate_bytes: int = ROTATE_BYTES) -> None:
        """Begins a segment in `folder`. Raises RecordNotKept when it cannot."""
        self._folder = folder
        self._worker = worker
        self._rotate_bytes = rotate_bytes
        self._encode_into = msgspec.json.Encoder().encode_into
        self._line = bytearray()
        self._size = 0
        self._torn = False
        self._fd = self._begin()

    def append(self, record: Record) -> None:
        """Writes one record down. When this returns, the kernel has it.

        Raises RecordNotKept when it could not be written whole; the segment then ends with the record before.
        """
        if self._torn or self._size >= self._rotate_bytes:
            self._rotate()
        line = self._line
        self._encode_into(record, line)
        line.append(10)
        try:
            written = os.write(self._fd, line)
        except OSError as error:
            self._take_back()
            raise RecordNotKept(f"The record {record.id} could not be written: {error.strerror}.") from error
        if written != len(line):
            self._take_back()
            raise RecordNotKept(f"The record {record.id} could not be written: the disk is full.")
        self._size += written

    def close(self) -> None:
        """Ends the segment; the drain may then delete it."""
        os.close(self._fd)

    def _take_back(self) -> None:
        try:
            os.ftruncate(self._fd, self._size)
        except OSError:
            # The torn line stays the last of its segment, where the drain passes over it.
            self._torn = True

    def _rotate(self) -> None:
        fd = self._begin()
        os.close(self._fd)
        self._fd = fd
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
