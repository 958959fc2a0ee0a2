"""A copy of the log's public files in an object store, so that anything that serves files can serve it (C2SP tlog-tiles).

The files here stay the source. A copy grows in the order that a reader needs:

1. full tiles and bundles, which never change again, a stretch of the log at a time
2. the partial ones at the log's right edge
3. the checkpoint, which so never names what is not there
4. partial files in whose place a full one came are deleted

How far it came is noted here after each stretch, so a death in between repeats some of it and loses nothing.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from freehold.errors import ForkedHistory, RolledBack, StoreError
from freehold.ledger.checkpoints import Checkpoint, parse_checkpoint
from freehold.ledger.folder import flush_folder, write_private
from freehold.ledger.merkle import root
from freehold.ledger.notes import parse_note
from freehold.ledger.object_blobs import Store
from freehold.ledger.tiles import (
    CHECKPOINT,
    HEIGHT,
    WIDTH,
    Bundle,
    Read,
    Tile,
    TileReader,
    bundles_of,
    tile_at,
    tiles_of,
)

LOG: Final = "log"
"""The folder of the copy in the object store."""

STRETCH: Final = 64 * WIDTH
"""Entries that are copied before that is noted: 64 bundles and as many tiles."""

_TEXT: Final = "text/plain; charset=utf-8"
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_FRESH: Final = "no-cache"


class Mirror:
    """The copy of one log. One process at a time makes it."""

    def __init__(self, read: Read, store: Store, note: Path) -> None:
        """`read` reads the log's files; `note` is the file that says how far the copy came."""
        self._read = read
        self._store = store
        self._note = note
        self._copied: bytes | None = None

    def carry(self) -> int:
        """Brings the copy to the checkpoint in force; gives how many files it stored.

        Raises OSError; the next call goes on. Raises StoreError where the copy of another log lies, RolledBack where the copy has
        more entries than the log, ForkedHistory where the log does not begin with it: all are for a person to look at, and
        nothing there is overwritten."""
        try:
            checkpoint = self._read(CHECKPOINT)
        except FileNotFoundError:
            return 0
        if checkpoint == self._copied:
            return 0
        head = parse_checkpoint(parse_note(checkpoint).text)
        if self._copied is None:
            self._check(head)
        size = head.size
        since = self._noted(size)
        stored = 0
        edge = self._copied is None  # what was noted may be the end of a stretch, without the partial files of any size
        while since // WIDTH * WIDTH + STRETCH <= size:  # 1
            until = since // WIDTH * WIDTH + STRETCH
            stored += self._copy(file for file in _files(until, since) if file.width == WIDTH)
            self._prune(until, since)
            since, edge = until, True
            self._write_note(since)
        stored += self._copy(dict.fromkeys((*_files(size, since), *(_edge_tiles(size) if edge else ()))))  # 1, 2
        self._store.put(f"{LOG}/{CHECKPOINT}", checkpoint, kind=_TEXT, kept=_FRESH)  # 3
        self._prune(size, since)  # 4
        self._write_note(size)
        self._copied = checkpoint
        return stored + 1

    def _check(self, head: Checkpoint) -> None:
        """Whether what lies there is an earlier state of this log, or nothing."""
        try:
            there = parse_checkpoint(parse_note(self._store.get(f"{LOG}/{CHECKPOINT}")).text)
        except FileNotFoundError:
            return
        if there.origin != head.origin:
            raise StoreError(
                f"In {self._store.url} lies the copy of another log, {there.origin!r}.",
                "Give each Freehold its own prefix.",
            )
        if there.size > head.size:
            raise RolledBack(
                f"The copy in {self._store.url} has {there.size:,} entries, and the log here {head.size:,}.",
                "The data folder was put back to an earlier state. Keep both, and find out why.",
            )
        if root(there.size, TileReader(self._read, head.size).hashes) != there.root:
            raise ForkedHistory(
                f"The copy in {self._store.url} has {there.size:,} entries, and the log here does not begin with them.",
                "The data folder was put back to an earlier state and has grown since. Keep both, and find out why.",
            )

    def _copy(self, files: Iterable[Tile | Bundle]) -> int:
        stored = 0
        for file in files:
            self._store.put(f"{LOG}/{file.path}", self._read(file.path), kept=_FOR_EVER)
            stored += 1
        return stored

    def _prune(self, size: int, since: int) -> None:
        """Deletes the partial files of what became full between the two sizes."""
        for file in _files(size, since):
            level = file.level if isinstance(file, Tile) else 0
            if file.width == WIDTH and _edge(since, level) == file.index:
                folder = f"{LOG}/{file.path}.p"
                for name in list(self._store.list(folder)):
                    self._store.delete(f"{folder}/{name}")

    def _noted(self, size: int) -> int:
        """How many entries the copy in this store has, 0 where nothing says so."""
        try:
            url, noted = self._note.read_text().split()
        except (FileNotFoundError, ValueError):
            return 0
        return min(int(noted), size) if url == self._store.url and noted.isdigit() else 0

    def _write_note(self, size: int) -> None:
        draft = self._note.with_name(f".{self._note.name}")
        draft.unlink(missing_ok=True)
        write_private(draft, f"{self._store.url} {size}\n".encode())
        draft.replace(self._note)
        flush_folder(self._note.parent)


def _files(size: int, since: int) -> Iterator[Tile | Bundle]:
    yield from bundles_of(size, since)
    yield from tiles_of(size, since)


def _edge_tiles(size: int) -> Iterator[Tile]:
    """The partial tiles of a tree, one of a level at most."""
    level = 0
    while size >> HEIGHT * level:
        if (index := _edge(size, level)) is not None:
            yield tile_at(size, level, index)
        level += 1


def _edge(size: int, level: int) -> int | None:
    """The number of the partial tile of a level, None where that level ends with a full one."""
    hashes = size >> HEIGHT * level
    return None if hashes % WIDTH == 0 else hashes // WIDTH
