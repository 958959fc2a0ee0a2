"""Private folders and files, and one process at a time. It knows nothing of what the files hold.

It exists so that every file of contents and keys is private from its first byte on (folders 0700, files 0600), and so that
whoever says "on the disk" means it.
"""

import contextlib
import fcntl
import os
from collections.abc import Generator
from pathlib import Path

from freehold.errors import FreeholdError, StoreError


def make_private(folder: Path) -> Path:
    """The folder, made with mode 0700 where it was missing. Raises StoreError when it cannot be made."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"The folder {folder} cannot be made: {error.strerror}.", "Make its parent writable."
        ) from error
    return folder


def write_private(path: Path, content: bytes) -> None:
    """Writes a new file with mode 0600 and flushes it. Raises FileExistsError when there is one of this name; another OSError,
    of a full disk for example, leaves none."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink()
        raise


def flush_folder(folder: Path) -> None:
    """Makes the names in `folder` survive a power cut."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextlib.contextmanager
def alone(lock: Path) -> Generator[None]:
    """Waits until nobody else is inside a block with this lock, then runs it. A death inside lets the next one in."""
    fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


@contextlib.contextmanager
def alone_or(lock: Path, taken: FreeholdError) -> Generator[None]:
    """Runs a block, unless somebody else is inside one with this lock: then raises `taken` at once. The lock's file says which process is inside, or was last. A
    death inside lets the next one in."""
    fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise taken from None
        os.ftruncate(fd, 0)
        os.write(fd, str(os.getpid()).encode())
        yield
    finally:
        os.close(fd)
