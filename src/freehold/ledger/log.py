"""The log on the disk: entries go in, the files of C2SP tlog-tiles come out, and a signed checkpoint says how many count.

It knows no record and no database. Growing takes two steps, so that whoever feeds it can keep its own books in step:

1. `stage` writes every file that the longer log needs, and flushes them; nobody looks at them yet.
2. `publish` puts the new signed checkpoint in the place of the old one.

Between the two the caller commits what `stage` gave (size and checkpoint) together with where its entries came from. After
a death it opens the log at the size that it has committed, publishes that checkpoint again, and feeds the rest again: files
beyond a published size are written anew, so nothing is there twice and nothing is lost. One process grows a log at a time.
"""

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from freehold.errors import LogUnwritable
from freehold.ledger.checkpoints import Checkpoint
from freehold.ledger.folder import flush_folder, make_private
from freehold.ledger.merkle import Frontier, leaf_hash
from freehold.ledger.merkle import root as root_of
from freehold.ledger.notes import Signer, sign_note
from freehold.ledger.tiles import (
    CHECKPOINT,
    HEIGHT,
    WIDTH,
    Bundle,
    Tile,
    TileReader,
    bundles_of,
    encode_bundle,
    tiles_of,
)

OLDER: Final = "checkpoints"
"""Where the first checkpoint of each day is kept, so that the log can be held to what it signed before."""

COSIGNED: Final = "checkpoint.cosigned"
"""Where the newest checkpoint is kept that witnesses vouched for: the one in force may be newer, and have none of their lines."""

LOOKED_AT: Final = 64
"""Full tiles of a level at whose partial files an opening looks: more than any stage fills."""


class Staged(msgspec.Struct, frozen=True):
    """What a stage came to: the log's new size, and its checkpoint as a signed note."""

    size: int
    checkpoint: str


class Log:
    """The log in one folder, as its one writer has it."""

    def __init__(self, folder: Path, origin: str, signers: Sequence[Signer], size: int = 0) -> None:
        """Opens the log at `size` entries; what stands beyond is not counted. Raises TileMissing, MalformedTile."""
        self._folder = make_private(folder)
        self._origin = origin
        self._signers = tuple(signers)
        self._frontier = self._at(size)
        self._outgrown = list(self._left_over(size))

    @property
    def size(self) -> int:
        """How many entries are staged."""
        return self._frontier.size

    def rewind(self, size: int) -> None:
        """Goes on from `size` entries, as if opened there: what was staged beyond was not committed after all."""
        if size != self.size:
            self._frontier = self._at(size)
            self._outgrown.clear()

    def stage(self, entries: Sequence[bytes], *, flush: bool = True) -> Staged:
        """Writes the entries and their hashes, and signs the longer log. With `flush` they survive a power cut.

        Raises EntryTooLarge, and LogUnwritable when the disk is full or broken; the log is then as long as before.
        """
        since = self._frontier.size
        nodes = self._frontier.extend([leaf_hash(entry) for entry in entries], HEIGHT)
        hashes = {(node.level // HEIGHT, node.index): node.hash for node in nodes}
        try:
            before = TileReader(self.read, since)
            files = [*self._bundles(before, entries), *self._tiles(before, hashes)]
            for folder in {self._write(file, data, flush=flush) for file, data in files}:
                if flush:
                    flush_folder(folder)
        except BaseException as error:
            self.rewind(since)
            if isinstance(error, OSError):
                raise LogUnwritable(f"The ledger cannot be written: {error.strerror}.") from error
            raise
        text = Checkpoint(self._origin, self._frontier.size, self._frontier.root()).text
        return Staged(self._frontier.size, sign_note(text, self._signers, int(time.time())))

    def publish(self, checkpoint: str) -> None:
        """Puts a checkpoint in force, and keeps the first one of each day beside it. Raises LogUnwritable.

        Partial files in whose place a full one came go now, and not before: until here the log may still be the shorter one.
        Where a death came between the two, the next to open the log finds what is left and it goes with its first checkpoint.
        """
        kept = make_private(self._folder / OLDER) / time.strftime("%Y-%m-%d", time.gmtime())
        try:
            if not kept.exists():
                _replace(kept, checkpoint.encode())
            _replace(self._folder / CHECKPOINT, checkpoint.encode())
        except OSError as error:
            raise LogUnwritable(f"The checkpoint cannot be written: {error.strerror}.") from error
        while self._outgrown:
            shutil.rmtree(self._outgrown.pop(), ignore_errors=True)

    def keep_cosigned(self, checkpoint: str) -> None:
        """Keeps a checkpoint with what witnesses added to it, beside the one in force. Raises LogUnwritable."""
        try:
            _replace(self._folder / COSIGNED, checkpoint.encode())
        except OSError as error:
            raise LogUnwritable(f"The cosigned checkpoint cannot be written: {error.strerror}.") from error

    def read(self, path: str) -> bytes:
        """The bytes of one of its files; what `TileReader` and `verify_log` read with. Raises FileNotFoundError."""
        return (self._folder / path).read_bytes()

    def root_at(self, size: int) -> bytes:
        """The root of the first `size` entries, as its files have it. Raises TileMissing, MalformedTile."""
        return root_of(size, TileReader(self.read, self.size).hashes)

    def _at(self, size: int) -> Frontier:
        return Frontier(size, TileReader(self.read, size).hashes) if size else Frontier()

    def _left_over(self, size: int) -> Iterator[Path]:
        """The folders of partial files whose full one is committed: what a death between commit and publication leaves."""
        level = 0
        while full := size >> HEIGHT * (level + 1):
            for index in range(max(0, full - LOOKED_AT), full):
                files = (Tile(level, index), Bundle(index)) if level == 0 else (Tile(level, index),)
                folders = (self._folder / f"{file.path}.p" for file in files)
                yield from (folder for folder in folders if folder.is_dir())
            level += 1

    def _bundles(self, before: TileReader, entries: Sequence[bytes]) -> Iterator[tuple[Bundle, bytes]]:
        """The bundles that grow, each with what it held before."""
        for bundle in bundles_of(self.size, before.size):
            first = bundle.index * WIDTH
            held = before.entries(bundle.index) if first < before.size else []
            at = first + len(held) - before.size
            yield bundle, encode_bundle([*held, *entries[at : at + bundle.width - len(held)]])

    def _tiles(self, before: TileReader, hashes: dict[tuple[int, int], bytes]) -> Iterator[tuple[Tile, bytes]]:
        """The tiles that grow, each with what it held before."""
        for tile in tiles_of(self.size, before.size):
            first = tile.index * WIDTH
            held = before.tile(tile.level, tile.index) if first < before.size >> HEIGHT * tile.level else []
            added = (hashes[tile.level, at] for at in range(first + len(held), first + tile.width))
            yield tile, b"".join([*held, *added])

    def _write(self, file: Tile | Bundle, data: bytes, *, flush: bool) -> Path:
        """Writes one file that nobody reads yet; gives its folder.

        A file of this name may be there: what an uncommitted stage left, or, where it is full, the only one that holds what
        was committed. So it is there whole at every moment, whatever the disk does.
        """
        target = self._folder / file.path
        if not target.parent.is_dir():
            self._make_folders(target.parent, flush=flush)
        draft = target.with_name(f".{target.name}")
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as opened:
            opened.write(data)
            opened.flush()
            if flush:
                os.fdatasync(opened.fileno())
        draft.replace(target)
        if file.width == WIDTH:
            self._outgrown.append(target.with_name(f"{target.name}.p"))
        return target.parent

    def _make_folders(self, folder: Path, *, flush: bool) -> None:
        for made in (*reversed(folder.relative_to(self._folder).parents[:-1]), folder.relative_to(self._folder)):
            if not (self._folder / made).is_dir():
                make_private(self._folder / made)
                if flush:
                    flush_folder((self._folder / made).parent)


def _replace(path: Path, data: bytes) -> None:
    draft = path.with_name(f".{path.name}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    flush_folder(path.parent)
