"""Finished segments in an object store: here first, as files, and moved there in their own time.

    segments/   finished, and not moved yet: as good as moved, for whoever reads
    doomed/     names of what must go there too, and may not have gone yet; nobody reads these any more
    PREFIX/contents/   in the object store, and PREFIX/owner: whose they are

So no writer, no reader of what is new and no erasure waits for the store, and none fails when it is out of reach. `carry`
moves what waits: an object is there before its file goes, so a death in between leaves both, and the next call goes on.
Deleting and moving exclude each other, so that nothing that was deleted is moved there after all. Nothing is listed, moved or
deleted where another Freehold's contents lie: each would take the other's segments for its own, and clear them away.
"""

import contextlib
import fcntl
import logging
import os
import time
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Final, Protocol

from freehold.ledger.folder import alone, flush_folder, make_private
from freehold.ledger.segments import FileBlobs

CONTENTS: Final = "contents"
"""The folder of segments in the object store."""

OWNER: Final = "owner"
"""The object that says whose contents lie there."""

AWAY_SECONDS: Final = 30.0
"""How long a store that could not be reached is not asked again to delete something at once."""

log = logging.getLogger("freehold.ledger.contents")


class Store(Protocol):
    """Where objects lie; `object_store.ObjectStore` is one. Failures are OSError."""

    url: str

    def put(self, name: str, data: bytes, *, kind: str = ..., kept: str | None = ...) -> None:
        """Stores `data`, whole or not at all."""
        ...

    def get(self, name: str, at: int = 0, length: int | None = None) -> bytes:
        """Raises FileNotFoundError when there is none."""
        ...

    def delete(self, name: str) -> None:
        """That it is not there is no error."""
        ...

    def list(self, folder: str) -> Iterable[str]:
        """The names in a folder."""
        ...


class ObjectBlobs:
    """The seam `segments.Blobs` before an object store. Many processes may have one each."""

    def __init__(self, folder: Path, store: Store, owner: str) -> None:
        """`folder` is that of the contents, `owner` a name that no other Freehold has. Asks the store nothing."""
        self._store = store
        self._owner = owner
        self._claimed = False
        self._files = FileBlobs(folder / "segments")
        self._folder = folder / "segments"
        self._doomed = make_private(folder / "doomed")
        self._lock = folder / "carry.lock"
        self._away_until = 0.0

    def put(self, name: str, draft: Path) -> None:
        self._files.put(name, draft)

    def get(self, name: str, at: int = 0, length: int | None = None) -> bytes:
        try:
            return self._files.get(name, at, length)
        except FileNotFoundError:
            if self._is_doomed(name):
                raise
            return self._store.get(f"{CONTENTS}/{name}", at, length)

    def delete(self, name: str) -> None:
        os.close(os.open(self._doomed / name, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        flush_folder(self._doomed)
        self._files.delete(name)
        if time.monotonic() < self._away_until:
            return
        with self._alone_or_not() as here:
            if not here:
                return  # whoever moves segments now deletes this one next
            try:
                self._delete_there(name)
            except OSError as error:
                self._away_until = time.monotonic() + AWAY_SECONDS
                log.warning("what was removed from the contents leaves the object store later: %s", error)

    def list(self) -> Iterable[str]:
        """The names that there are; those alone that are here while the store is out of reach."""
        names = set(self._files.list())
        try:
            self._claim()
            names.update(self._store.list(CONTENTS))
        except OSError as error:
            log.warning("the segments in the object store cannot be listed: %s", error)
        return sorted(name for name in names if not self._is_doomed(name))

    def carry(self) -> int:
        """Moves every finished segment to the store, and deletes there what must go; gives how many of both there were.

        Raises OSError at the first that fails; those before are done, and the next call goes on."""
        self._claim()
        done = 0
        for path in sorted(self._doomed.iterdir()):
            with alone(self._lock):
                self._delete_there(path.name)
            done += 1
        for name in self._files.list():
            with alone(self._lock):
                done += self._move(name)
        return done

    def waiting(self) -> tuple[int, int]:
        """How many segments are still to be moved, and how many to be deleted."""
        return sum(1 for _ in self._files.list()), sum(1 for _ in self._doomed.iterdir())

    def _claim(self) -> None:
        """Makes sure that this place is ours, which it is for good when it was nobody's. Raises ConnectionError."""
        if self._claimed:
            return
        try:
            there = self._store.get(OWNER).decode(errors="replace")
        except FileNotFoundError:
            self._store.put(OWNER, self._owner.encode(), kind="text/plain")
            there = self._owner
        if there != self._owner:
            raise ConnectionError(f"{self._store.url} has the contents of another Freehold; give each its own prefix")
        self._claimed = True

    def _move(self, name: str) -> bool:
        try:
            data = self._files.get(name)
        except FileNotFoundError:  # rewritten or deleted meanwhile
            return False
        self._store.put(f"{CONTENTS}/{name}", data)
        self._files.delete(name)
        return True

    def _delete_there(self, name: str) -> None:
        self._claim()
        self._files.delete(name)  # a death after the mark left it, and it would be moved yet
        self._store.delete(f"{CONTENTS}/{name}")
        (self._doomed / name).unlink(missing_ok=True)
        flush_folder(self._doomed)

    def _is_doomed(self, name: str) -> bool:
        return (self._doomed / name).exists()

    @contextlib.contextmanager
    def _alone_or_not(self) -> Generator[bool]:
        """Whether nobody else moves or deletes until the end of the block."""
        fd = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            yield _locked(fd)
        finally:
            os.close(fd)


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
