"""Where a tree's hashes and entries lie as files: the layout of C2SP tlog-tiles. Pure, but for the reader's small cache.

It knows names, widths and framing, and neither disks nor networks: files come in through `read(path)`. A tile is up to 256
hashes side by side, and its own root is one hash of the tile above; a bundle is the entries under one tile of level 0. A
full file never changes, which is why a ledger can be served by anything that serves files.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

from freehold.errors import EntryTooLarge, MalformedTile, TileMissing
from freehold.ledger.lines import HASH_SIZE
from freehold.ledger.merkle import subtree_root

HEIGHT: Final = 8
"""Levels of the tree in one tile."""

WIDTH: Final = 1 << HEIGHT
"""Hashes in a full tile, and entries in a full bundle."""

MAX_ENTRY: Final = 0xFFFF
"""Bytes of the longest entry: its length is written in two bytes."""

CHECKPOINT: Final = "checkpoint"
"""Where the signed checkpoint lies."""

Read = Callable[[str], bytes]
"""`read(path)`: the bytes of the file at this path of the log. Raises FileNotFoundError where there is none."""

_PATH: Final = re.compile(
    r"tile/(?P<level>[0-9]|[1-5][0-9]|6[0-3]|entries)/(?P<index>(?:x[0-9]{3}/)*[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?",
)


class Tile(msgspec.Struct, frozen=True, order=True):
    """One tile: number `index` of its level, from the left. `width` is how many hashes it holds, 256 when it is full."""

    level: int
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        return f"tile/{self.level}/{_numbered(self.index, self.width)}"


class Bundle(msgspec.Struct, frozen=True, order=True):
    """One entry bundle: the entries under the tile of level 0 with the same index and width."""

    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        return f"tile/entries/{_numbered(self.index, self.width)}"


def parse_path(path: str) -> Tile | Bundle:
    """What lies at a path. Raises MalformedTile for a path that no tile or bundle has, or has in another spelling."""
    found = _PATH.fullmatch(path)
    if found is None:
        raise MalformedTile(f"{path[:100]!r} is not the path of a tile or an entry bundle.")
    index = int(found["index"].replace("x", "").replace("/", ""))
    width = int(found["width"] or WIDTH)
    named = Bundle(index, width) if found["level"] == "entries" else Tile(int(found["level"]), index, width)
    if named.path != path:
        raise MalformedTile(f"{path[:100]!r} is not how this path is written; it is {named.path!r}.")
    return named


def tile_at(size: int, level: int, index: int) -> Tile:
    """A tile as wide as a tree of `size` entries makes it. Raises ValueError when that tree does not have it."""
    return Tile(level, index, _width(size >> HEIGHT * level, index))


def bundle_at(size: int, index: int) -> Bundle:
    """A bundle as wide as a log of `size` entries makes it. Raises ValueError when that log does not have it."""
    return Bundle(index, _width(size, index))


def tiles_of(size: int, since: int = 0) -> Iterator[Tile]:
    """The tiles of a tree of `size` entries, lowest level first, without those that it had already at `since` entries."""
    level = 0
    while size >> HEIGHT * level:
        for index, width in _spans(size >> HEIGHT * level, since >> HEIGHT * level):
            yield Tile(level, index, width)
        level += 1


def bundles_of(size: int, since: int = 0) -> Iterator[Bundle]:
    """The bundles of a log of `size` entries, without those that it had already at `since` entries."""
    for index, width in _spans(size, since):
        yield Bundle(index, width)


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """A bundle's bytes: each entry after its length in two bytes, big-endian. Raises EntryTooLarge."""
    parts: list[bytes] = []
    for entry in entries:
        if len(entry) > MAX_ENTRY:
            raise EntryTooLarge(f"The entry has {len(entry):,} bytes, and a log takes {MAX_ENTRY:,} at most.")
        parts += len(entry).to_bytes(2, "big"), entry
    return b"".join(parts)


def decode_bundle(data: bytes) -> list[bytes]:
    """A bundle's entries. Raises MalformedTile when the last is cut short, or there are none or more than 256."""
    entries: list[bytes] = []
    at = 0
    while at < len(data) and len(entries) <= WIDTH:
        start = at + 2
        at = start + int.from_bytes(data[at:start], "big")
        if at > len(data):
            raise MalformedTile(f"The bundle ends within its entry {len(entries)}, counted from 0.")
        entries.append(data[start:at])
    if not 1 <= len(entries) <= WIDTH:
        raise MalformedTile(f"The bundle holds no entry, or more than {WIDTH}.")
    return entries


class TileReader:
    """Node hashes and entries of a tree of `size` entries, read from its files; `hashes` is what `merkle` asks for.

    Of the newest tile of a level only as many hashes are used as `size` has, and a partial file that is gone is looked for
    in the full one that replaced it: a log may have grown since its checkpoint was read. Everything it gives is as the
    files say; whether they say the truth is for `verify` to find out.
    """

    def __init__(self, read: Read, size: int, keep: int = 32) -> None:
        """`keep` is how many tiles stay in memory, 8 KiB each: a proof in a log of 10**9 entries needs 8."""
        self.size = size
        self._read = read
        self._keep = keep
        self._tiles: OrderedDict[tuple[int, int], list[bytes]] = OrderedDict()

    def hashes(self, level: int, index: int) -> bytes:
        """The hash of a complete subtree. Raises TileMissing, MalformedTile; ValueError when this tree has it not."""
        if not 0 <= index < self.size >> level:
            raise ValueError(f"a tree of {self.size} entries has no complete subtree {index} at level {level}")
        tile_level, height = divmod(level, HEIGHT)
        first = index << height
        at = first % WIDTH
        return subtree_root(self.tile(tile_level, first >> HEIGHT)[at : at + (1 << height)])

    def tile(self, level: int, index: int) -> list[bytes]:
        """The hashes of a tile, as many as this tree has in it. Raises TileMissing, MalformedTile."""
        tile = self._tiles.get((level, index))
        if tile is None:
            wanted = tile_at(self.size, level, index)
            path, data = self._newest(wanted.path, Tile(level, index).path)
            tile = _split_tile(path, data, wanted.width)
            self._tiles[level, index] = tile
            if len(self._tiles) > self._keep:
                self._tiles.popitem(last=False)
        else:
            self._tiles.move_to_end((level, index))
        return tile

    def entries(self, index: int) -> list[bytes]:
        """The entries of a bundle, as many as this tree has in it. Raises TileMissing, MalformedTile."""
        wanted = bundle_at(self.size, index)
        path, data = self._newest(wanted.path, Bundle(index).path)
        entries = _named(path, decode_bundle, data)
        if len(entries) < wanted.width:
            raise TileMissing(f"{path} holds only {len(entries)} entries, and the tree has {wanted.width} there.")
        if len(entries) != (wanted.width if path == wanted.path else WIDTH):
            raise MalformedTile(f"{path} holds {len(entries)} entries, and the tree has {wanted.width} there.")
        return entries[: wanted.width]

    def _newest(self, path: str, full: str) -> tuple[str, bytes]:
        for candidate in dict.fromkeys((path, full)):
            try:
                return candidate, self._read(candidate)
            except FileNotFoundError:
                continue
        raise TileMissing(f"The log has no file {path}.")


# --- paths and widths ---


def _numbered(index: int, width: int) -> str:
    digits = f"{index % 1000:03}"
    while index := index // 1000:
        digits = f"x{index % 1000:03}/{digits}"
    return digits if width == WIDTH else f"{digits}.p/{width}"


def _spans(size: int, since: int) -> Iterator[tuple[int, int]]:
    """(index, width) of the files of one level that holds `size` hashes, from the first that grew after `since`."""
    if since >= size:
        return
    for index in range(since >> HEIGHT, (size + WIDTH - 1) >> HEIGHT):
        yield index, _width(size, index)


def _width(size: int, index: int) -> int:
    width = min(size - (index << HEIGHT), WIDTH)
    if index < 0 or width < 1:
        raise ValueError(f"a level of {size} hashes has no tile {index}")
    return width


# --- reading ---


def _split_tile(path: str, data: bytes, width: int) -> list[bytes]:
    count, rest = divmod(len(data), HASH_SIZE)
    if count < width and not rest:
        raise TileMissing(f"{path} holds only {count} hashes, and the tree has {width} there.")
    # Only a full file may hold more than the tree has: it replaced the partial one when the log grew.
    if rest or count != (width if ".p/" in path else WIDTH):
        raise MalformedTile(f"{path} has {len(data):,} bytes, and a tile of {width} hashes has {width * HASH_SIZE:,}.")
    return [data[at : at + HASH_SIZE] for at in range(0, width * HASH_SIZE, HASH_SIZE)]


def _named(path: str, decode: Callable[[bytes], list[bytes]], data: bytes) -> list[bytes]:
    try:
        return decode(data)
    except MalformedTile as error:
        raise MalformedTile(f"{path}: {error.sentence}") from None
