"""Segments: the files that sealed blobs are appended to, and where they go when they are finished.

A segment has one writer, which holds a lock on it for as long as it lives; that is how everybody else knows. When it is
finished it moves behind the seam `Blobs`, under the same name, and never changes again. Knows bytes, not what they mean.
"""

import contextlib
import fcntl
import os
import secrets
import time
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Protocol

from freehold.errors import RecordNotKept
from freehold.ledger.folder import flush_folder, make_private


class Blobs(Protocol):
    """Where finished segments lie: files (`FileBlobs`), or an object store behind the same four calls.

    Failures are OSError, so that one place can name them.
    """

    def put(self, name: str, draft: Path) -> None:
        """Takes the file over under this name, whole or not at all and flushed; `draft` is gone afterwards."""
        ...

    def get(self, name: str, at: int = 0, length: int | None = None) -> bytes:
        """`length` bytes from `at`, or all from there. Raises FileNotFoundError when there is none of this name."""
        ...

    def delete(self, name: str) -> None:
        """Deletes it; that it is not there is no error."""
        ...

    def list(self) -> Iterable[str]:
        """The names that there are."""
        ...


class FileBlobs:
    """Finished segments as files of one folder, on the same filesystem as the drafts."""

    def __init__(self, folder: Path) -> None:
        self._folder = make_private(folder)

    def put(self, name: str, draft: Path) -> None:
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.rename(self._folder / name)
        flush_folder(self._folder)

    def get(self, name: str, at: int = 0, length: int | None = None) -> bytes:
        return read_part(self._folder / name, at, length)

    def delete(self, name: str) -> None:
        (self._folder / name).unlink(missing_ok=True)
        flush_folder(self._folder)

    def list(self) -> Iterable[str]:
        return sorted(path.name for path in self._folder.iterdir())


class OpenSegment:
    """The segment that this process appends to."""

    def __init__(self, folder: Path) -> None:
        """Begins one in `folder`, locked. Raises RecordNotKept."""
        self.name = segment_name()
        self.begun_at = time.monotonic()
        self.path = folder / self.name
        self.size = 0
        self.torn = False
        draft = folder / f".{self.name}"
        try:
            self._fd = os.open(draft, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            # Locked before it has the name that others look for: they would take it for one without a writer.
            fcntl.flock(self._fd, fcntl.LOCK_EX)
            draft.rename(self.path)
            flush_folder(folder)
        except OSError as error:
            raise RecordNotKept(f"No segment can be begun in {folder}: {error.strerror}.") from error

    def append(self, data: bytes, *, flush: bool) -> None:
        """Puts `data` at the end, whole or not at all; with `flush` it survives a power cut. Raises RecordNotKept."""
        try:
            written = os.write(self._fd, data)
            if written == len(data) and flush:
                os.fsync(self._fd)
        except OSError as error:
            self.take_back(0)
            raise RecordNotKept(f"The contents could not be written: {error.strerror}.") from error
        if written != len(data):
            self.take_back(0)
            raise RecordNotKept("The contents could not be written: the disk is full.")
        self.size += written

    def take_back(self, length: int) -> None:
        """Cuts the last `length` bytes off, and whatever a failed write left behind them."""
        self.size -= length
        try:
            os.ftruncate(self._fd, self.size)
        except OSError:
            self.torn = True  # The writer begins another; what is torn is passed over when this one is settled.

    def release(self) -> None:
        """Ends the writing: from now on anybody may settle the segment."""
        os.close(self._fd)


@contextlib.contextmanager
def claimed(path: Path) -> Generator[int | None]:
    """The size of the segment at `path`, for this process alone; None while its writer lives or when it has moved on."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    try:
        yield os.fstat(fd).st_size if _lock(fd, path) else None
    finally:
        os.close(fd)


def segment_name() -> str:
    """A name that no other segment has and that sorts by the time it was drawn."""
    return f"{time.time_ns():020}-{secrets.token_hex(6)}.seg"


def read_part(path: Path, at: int, length: int | None) -> bytes:
    """`length` bytes of the file from `at`, or all from there."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(fd, os.fstat(fd).st_size if length is None else length, at)
    finally:
        os.close(fd)


def _lock(fd: int, path: Path) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Its writer may have finished and moved it between our open and our lock.
        return path.stat().st_ino == os.fstat(fd).st_ino
    except (BlockingIOError, FileNotFoundError):
        return False
