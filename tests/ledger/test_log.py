"""The log on the disk grows in two steps, and a death between them or a full disk loses nothing and repeats nothing."""

import os
import random
from pathlib import Path

import pytest

from freehold.errors import EntryTooLarge, LogUnwritable
from freehold.ledger.log import Log
from freehold.ledger.verify import verify_log
from ledger.writer import LOG, ORIGIN
from ledger.writer import Log as Reference


def opened(folder: Path, size: int = 0) -> Log:
    return Log(folder, ORIGIN, [LOG], size)


def entries_of(start: int, end: int) -> list[bytes]:
    return [b'{"n":%d}' % number for number in range(start, end)]


def grow(log: Log, until: int) -> None:
    log.publish(log.stage(entries_of(log.size, until)).checkpoint)


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_its_files_are_those_of_the_layout_whatever_the_batches_were(tmp_path: Path) -> None:
    draw = random.Random(7)
    log = opened(tmp_path)
    for _ in range(40):
        grow(log, log.size + draw.choice((1, 2, 30, 255, 256, 257)))
    expected = Reference(entries_of(0, log.size)).files
    found = files_of(tmp_path)
    for path, data in expected.items():
        if path != "checkpoint":
            assert found[path] == data, path
    assert verify_log(log.read, [LOG.verifier]).opened.checkpoint.size == log.size


def test_a_full_file_takes_the_place_of_its_partial_ones(tmp_path: Path) -> None:
    log = opened(tmp_path)
    for size in (10, 200, 256, 300):
        grow(log, size)
    names = {name for name in files_of(tmp_path) if name.startswith("tile/")}
    assert names == {
        "tile/0/000",
        "tile/0/001.p/44",
        "tile/1/000.p/1",
        "tile/entries/000",
        "tile/entries/001.p/44",
    }


@pytest.mark.parametrize(("before", "lost", "after"), [(0, 3, 5), (10, 300, 400), (256, 1, 257), (300, 212, 512)])
def test_what_was_staged_and_never_committed_is_written_anew(
    tmp_path: Path, before: int, lost: int, after: int
) -> None:
    log = opened(tmp_path)
    grow(log, before) if before else None
    log.stage([b"other %d" % number for number in range(lost)])  # then the process dies
    again = opened(tmp_path, before)
    grow(again, after)
    assert verify_log(again.read, [LOG.verifier]).opened.checkpoint.size == after
    assert again.read("checkpoint").decode().split("\n")[2] == Reference(entries_of(0, after)).checkpoint.split("\n")[2]


def test_a_committed_stage_is_published_by_the_next_one_to_open(tmp_path: Path) -> None:
    log = opened(tmp_path)
    grow(log, 20)
    staged = log.stage(entries_of(20, 30))
    again = opened(tmp_path, staged.size)
    again.publish(staged.checkpoint)
    assert verify_log(again.read, [LOG.verifier]).opened.checkpoint.size == 30


def test_the_first_checkpoint_of_a_day_is_kept_to_hold_the_log_to_it(tmp_path: Path) -> None:
    log = opened(tmp_path)
    grow(log, 5)
    grow(log, 9)
    (kept,) = (tmp_path / "checkpoints").iterdir()
    assert kept.read_text().split("\n")[1] == "5"
    assert verify_log(log.read, [LOG.verifier], older=[kept.read_text()]).older == 1


def test_an_entry_that_is_too_large_leaves_the_log_as_it_was(tmp_path: Path) -> None:
    log = opened(tmp_path)
    grow(log, 5)
    with pytest.raises(EntryTooLarge):
        log.stage([b"fits", b"x" * 65_536])
    assert log.size == 5
    grow(log, 6)
    assert verify_log(log.read, [LOG.verifier]).opened.checkpoint.size == 6


def test_a_full_disk_is_told_and_the_log_goes_on_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = opened(tmp_path)
    grow(log, 300)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", full)
        with pytest.raises(LogUnwritable, match="No space left on device"):
            log.stage(entries_of(300, 310))
    assert log.size == 300
    grow(log, 310)
    assert verify_log(log.read, [LOG.verifier]).opened.checkpoint.size == 310


def test_a_full_file_that_alone_holds_what_is_committed_is_whole_at_every_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = opened(tmp_path)
    grow(log, 200)
    grow(log, 256)  # no partial file is left; a log of 200 entries reads the full ones
    again = opened(tmp_path, 200)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    def half_written(fd: int) -> None:
        os.ftruncate(fd, 100)
        full(fd)

    for failing in (full, half_written):
        with monkeypatch.context() as patched:
            patched.setattr(os, "fdatasync", failing)
            with pytest.raises(LogUnwritable, match="No space left on device"):
                again.stage(entries_of(200, 300))
    root = opened(tmp_path, 200).stage([]).checkpoint.split("\n")[2]
    assert root == Reference(entries_of(0, 200)).checkpoint.split("\n")[2]
    grow(again, 300)
    assert verify_log(again.read, [LOG.verifier]).opened.checkpoint.size == 300


def test_partial_files_stay_until_the_checkpoint_that_needs_them_is_replaced(tmp_path: Path) -> None:
    log = opened(tmp_path)
    grow(log, 200)
    staged = log.stage(entries_of(200, 300))
    assert {"tile/0/000.p/200", "tile/entries/000.p/200"} <= set(files_of(tmp_path))
    log.publish(staged.checkpoint)
    assert not [name for name in files_of(tmp_path) if "/000.p/" in name and name != "tile/1/000.p/1"]


def test_partial_files_that_a_death_left_go_with_the_next_ones_first_checkpoint(tmp_path: Path) -> None:
    log = opened(tmp_path)
    grow(log, 200)
    staged = log.stage(entries_of(200, 600))  # committed, and then the process dies
    assert "tile/0/000.p/200" in files_of(tmp_path)
    again = opened(tmp_path, staged.size)
    again.publish(staged.checkpoint)
    names = {name for name in files_of(tmp_path) if ".p/" in name}
    assert names == {"tile/0/002.p/88", "tile/1/000.p/2", "tile/entries/002.p/88"} | {"tile/1/000.p/1"} & names
    assert verify_log(again.read, [LOG.verifier]).opened.checkpoint.size == 600


@pytest.mark.parametrize(("before", "undone"), [(0, 5), (10, 3), (250, 20), (256, 256)])
def test_a_log_that_is_rewound_goes_on_as_if_the_undone_had_never_been_staged(
    tmp_path: Path, before: int, undone: int
) -> None:
    log = opened(tmp_path)
    grow(log, before) if before else None
    log.stage([b"other %d" % number for number in range(undone)])
    log.rewind(before)
    assert log.size == before
    grow(log, before + 300)
    assert (
        log.read("checkpoint").decode().split("\n")[2]
        == Reference(entries_of(0, before + 300)).checkpoint.split("\n")[2]
    )
    assert verify_log(log.read, [LOG.verifier]).opened.checkpoint.size == before + 300


def test_its_files_are_private(tmp_path: Path) -> None:
    log = opened(tmp_path / "log")
    grow(log, 3)
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "log").rglob("*")}
    assert modes - {0o700, 0o600} == set()
