"""The layout of tiles: published paths and widths, one spelling each, and hashes read back from files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.errors import EntryTooLarge, MalformedTile, TileMissing
from freehold.ledger.merkle import root
from freehold.ledger.tiles import (
    Bundle,
    Tile,
    TileReader,
    bundles_of,
    decode_bundle,
    encode_bundle,
    parse_path,
    tiles_of,
)
from ledger.rfc6962 import mth
from ledger.writer import Log, entries_of

# --- paths ---


# The index 1234067 is the example of tlog-tiles.
PATHS: list[tuple[Tile | Bundle, str]] = [
    (Tile(0, 1234067), "tile/0/x001/x234/067"),
    (Tile(0, 0), "tile/0/000"),
    (Tile(0, 273, 112), "tile/0/273.p/112"),
    (Tile(1, 999), "tile/1/999"),
    (Tile(1, 1000, 1), "tile/1/x001/000.p/1"),
    (Tile(63, 0, 255), "tile/63/000.p/255"),
    (Bundle(1234067), "tile/entries/x001/x234/067"),
    (Bundle(3, 232), "tile/entries/003.p/232"),
]


@pytest.mark.parametrize(("named", "path"), PATHS)
def test_a_path_is_written_and_read(named: Tile | Bundle, path: str) -> None:
    assert named.path == path
    assert parse_path(path) == named


@given(st.integers(0, 63), st.integers(0, 2**55), st.integers(1, 256), st.booleans())
def test_every_path_reads_back_as_what_it_names(level: int, index: int, width: int, entries: bool) -> None:
    named = Bundle(index, width) if entries else Tile(level, index, width)
    assert parse_path(named.path) == named


@pytest.mark.parametrize(
    "path",
    [
        "",
        "checkpoint",
        "/tile/0/000",
        "tile/0/000/",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/000",
        "tile/0/x000/x001/000",
        "tile/0/001/000",
        "tile/0/x001",
        "tile/0/x001/x000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000.p",
        "tile/0/٠٠٠",
        "tile/0/000\n",
        "tile/0/../000",
        "tile/data/000",
        "tile/entries/x000/000",
    ],
)
def test_a_path_in_another_spelling_is_refused(path: str) -> None:
    with pytest.raises(MalformedTile):
        parse_path(path)


# --- which tiles a tree has ---


def test_a_tree_of_70000_entries_has_the_published_layout() -> None:
    tiles = list(tiles_of(70_000))
    assert len(tiles) == 277
    assert tiles[:273] == [Tile(0, index) for index in range(273)]
    assert tiles[273:] == [Tile(0, 273, 112), Tile(1, 0), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert list(bundles_of(70_000))[-2:] == [Bundle(272), Bundle(273, 112)]


@pytest.mark.parametrize(
    ("size", "tiles"),
    [
        (0, []),
        (1, [Tile(0, 0, 1)]),
        (255, [Tile(0, 0, 255)]),
        (256, [Tile(0, 0), Tile(1, 0, 1)]),
        (257, [Tile(0, 0), Tile(0, 1, 1), Tile(1, 0, 1)]),
        (65_536, [*(Tile(0, index) for index in range(256)), Tile(1, 0), Tile(2, 0, 1)]),
    ],
)
def test_there_are_no_empty_tiles_and_no_partial_ones_beside_a_full_edge(size: int, tiles: list[Tile]) -> None:
    assert list(tiles_of(size)) == tiles


def test_growing_rewrites_only_what_grew() -> None:
    assert list(tiles_of(300, since=250)) == [Tile(0, 0), Tile(0, 1, 44), Tile(1, 0, 1)]
    assert list(tiles_of(300, since=257)) == [Tile(0, 1, 44)]
    assert list(tiles_of(300, since=300)) == []
    assert list(bundles_of(512, since=256)) == [Bundle(1)]


@given(st.integers(0, 200_000), st.integers(0, 200_000))
def test_what_a_tree_has_is_what_it_had_and_what_grew(first: int, second: int) -> None:
    old, new = sorted((first, second))
    grown = set(tiles_of(new, since=old))
    assert set(tiles_of(new)) - set(tiles_of(old)) == grown
    assert set(bundles_of(new)) - set(bundles_of(old)) == set(bundles_of(new, since=old))


# --- bundles ---


def test_a_bundle_is_entries_with_their_lengths_before_them() -> None:
    assert encode_bundle([b"", b"ab", b"c" * 258]) == b"\0\0" + b"\0\2ab" + b"\1\2" + b"c" * 258
    assert decode_bundle(b"\0\0\0\2ab") == [b"", b"ab"]


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=256))
def test_a_bundle_reads_back_as_the_entries_in_it(entries: list[bytes]) -> None:
    assert decode_bundle(encode_bundle(entries)) == entries


def test_the_longest_entry_has_65535_bytes() -> None:
    assert decode_bundle(encode_bundle([b"x" * 65_535])) == [b"x" * 65_535]
    with pytest.raises(EntryTooLarge, match="65,536 bytes"):
        encode_bundle([b"x" * 65_536])


@pytest.mark.parametrize("data", [b"", b"\0", b"\0\1", b"\0\2a", b"\0\1ab", b"\0\0" * 257])
def test_a_bundle_that_is_cut_short_empty_or_too_full_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedTile):
        decode_bundle(data)


# --- reading ---

LOG = Log(entries_of(1000))


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 512, 700, 1000])
def test_the_tiles_of_a_log_lead_to_the_root_of_its_entries_at_every_size(size: int) -> None:
    log = Log(entries_of(size))
    hashes = [TileReader(log.read, size).hashes(0, index) for index in range(size)]
    assert root(size, TileReader(log.read, size).hashes) == mth(hashes)


def test_every_complete_subtree_can_be_read() -> None:
    reader = TileReader(LOG.read, 1000, keep=2)
    leaves = [reader.hashes(0, index) for index in range(1000)]
    for level in range(10):
        for index in range(1000 >> level):
            assert reader.hashes(level, index) == mth(leaves[index << level : (index + 1) << level])


@pytest.mark.parametrize(("level", "index"), [(0, 1000), (3, 125), (9, 1), (10, 0), (0, -1)])
def test_a_subtree_that_is_not_complete_is_not_read(level: int, index: int) -> None:
    with pytest.raises(ValueError, match="no complete subtree"):
        TileReader(LOG.read, 1000).hashes(level, index)


def test_a_tree_is_read_as_it_was_after_the_log_has_grown_and_dropped_its_partial_files() -> None:
    before, grown = Log(entries_of(300)), Log(entries_of(1000))
    # A partial file may go once its full one is there (tlog-tiles, "Partial Tiles"): that of level 1 must stay.
    grown.files["tile/1/000.p/1"] = before.files["tile/1/000.p/1"]
    reader = TileReader(grown.read, 300)
    assert root(300, reader.hashes) == root(300, TileReader(before.read, 300).hashes)
    assert reader.entries(1) == before.entries[256:]


def test_a_cached_tile_is_read_once_and_the_cache_is_bounded() -> None:
    asked: list[str] = []

    def read(path: str) -> bytes:
        asked.append(path)
        return LOG.read(path)

    reader = TileReader(read, 1000, keep=2)
    for _ in range(3):
        for index in (0, 255, 256, 511):
            reader.hashes(0, index)
    assert asked == ["tile/0/000", "tile/0/001"]
    reader.hashes(0, 999)
    reader.hashes(0, 256)
    reader.hashes(0, 0)
    assert asked[2:] == ["tile/0/003.p/232", "tile/0/000"], "the tile that was used longest ago made room"


def test_a_file_that_is_gone_is_named() -> None:
    log = Log(entries_of(1000))
    del log.files["tile/0/003.p/232"]
    del log.files["tile/entries/001"]
    with pytest.raises(TileMissing, match=r"no file tile/0/003\.p/232"):
        TileReader(log.read, 1000).hashes(0, 999)
    with pytest.raises(TileMissing, match="no file tile/entries/001"):
        TileReader(log.read, 1000).entries(1)


@pytest.mark.parametrize(
    ("path", "cut", "error", "said"),
    [
        ("tile/0/001", -32, TileMissing, "holds only 255 hashes"),
        ("tile/0/001", -1, MalformedTile, "8,191 bytes"),
        ("tile/entries/001", -20, MalformedTile, "ends within its entry"),
        ("tile/entries/003.p/232", -47, TileMissing, "holds only 231 entries"),
    ],
)
def test_a_file_that_is_cut_short_is_named(path: str, cut: int, error: type[Exception], said: str) -> None:
    log = Log(entries_of(1000))
    log.files[path] = log.files[path][:cut]
    reader = TileReader(log.read, 1000)
    with pytest.raises(error, match=said):
        reader.entries(parse_path(path).index) if "entries" in path else reader.tile(0, 1)


def test_a_file_that_is_too_long_is_refused() -> None:
    log = Log(entries_of(1000))
    log.files["tile/0/003.p/232"] += bytes(32)
    log.files["tile/entries/003.p/232"] += b"\0\0"
    with pytest.raises(MalformedTile, match="7,456 bytes"):
        TileReader(log.read, 1000).tile(0, 3)
    with pytest.raises(MalformedTile, match="holds 233 entries"):
        TileReader(log.read, 1000).entries(3)
    with pytest.raises(ValueError, match="has no tile 4"):
        TileReader(log.read, 1000).tile(0, 4)
