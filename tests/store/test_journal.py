"""The journal: what was appended is there whatever dies next, and what could not be written whole leaves no trace."""

import contextlib
import errno
import json
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from freehold.errors import RecordNotKept
from freehold.store.folder import JOURNAL
from freehold.store.journal import Journal
from freehold.store.records import Private
from store.processes import first_line, start, write_into_full_disk, write_records
from store.samples import record, segments


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / JOURNAL


@pytest.fixture
def journal(folder: Path) -> Iterator[Journal]:
    with contextlib.closing(Journal(folder, 3)) as opened:
        yield opened


def lines(folder: Path) -> list[bytes]:
    """Every line of every segment, in order; a torn one too."""
    return [line for name in segments(folder) for line in (folder / name).read_bytes().splitlines()]


def ids(folder: Path) -> list[str]:
    return [json.loads(line)["id"] for line in lines(folder)]


def test_a_record_is_one_line_of_json_without_what_says_nothing(folder: Path, journal: Journal) -> None:
    journal.append(record(1, model='a "name"\nwith a line end', estimated=False, code=None))
    [line] = lines(folder)
    assert json.loads(line) == {
        "id": "rec_000001",
        "started_at": 1795521599.0,
        "ended_at": 1795521600.0,
        "dialect": "openai-chat",
        "operation": "generate",
        "status": "answered",
        "http_status": 200,
        "organisation": "acme",
        "project": "support",
        "key_id": "key_1",
        "workload": "triage",
        "model": 'a "name"\nwith a line end',
        "deployment": "openai/gpt-5-mini",
        "input_tokens": 10,
        "output_tokens": 3,
        "cost_nano": 7,
    }


def test_records_stand_in_the_order_in_which_they_were_appended(folder: Path, journal: Journal) -> None:
    for number in (3, 1, 2):
        journal.append(record(number, model="x" * (5 - number)))
    assert ids(folder) == ["rec_000003", "rec_000001", "rec_000002"]


def test_a_segment_is_private_and_named_after_its_worker(folder: Path, journal: Journal) -> None:
    [name] = segments(folder)
    assert name.startswith("w03-")
    assert name.endswith(f"-{os.getpid()}.log")
    assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_every_start_begins_a_segment_of_its_own(folder: Path) -> None:
    for number in range(3):
        journal = Journal(folder, 0)
        journal.append(record(number))
        journal.close()
    assert len(segments(folder)) == 3
    assert ids(folder) == ["rec_000000", "rec_000001", "rec_000002"]


@pytest.mark.parametrize("rotate_bytes", [1, 5000, 1 << 24])
def test_a_killed_writer_loses_nothing_that_it_had_appended(tmp_path: Path, rotate_bytes: int) -> None:
    with start(write_records, tmp_path, 0, rotate_bytes) as writer:
        for number in range(200):
            assert first_line(writer) == str(number)
        writer.kill()
        assert writer.stdout is not None
        said = 200 + len(writer.stdout.read().splitlines())
    folder = tmp_path / JOURNAL
    written = b"".join((folder / name).read_bytes() for name in segments(folder))
    # What the kill cut short, even within its write, was never said to be there; the drain passes over it too.
    kept = [json.loads(line)["id"] for line in written.splitlines(keepends=True) if line.endswith(b"\n")]
    # The last record may be there without having been said.
    assert kept == [f"rec_0_{number:06}" for number in range(len(kept))]
    assert said <= len(kept) <= said + 1


# --- rotation ---


def test_a_segment_that_has_grown_enough_is_followed_by_another(folder: Path) -> None:
    with contextlib.closing(Journal(folder, 0, rotate_bytes=800)) as journal:
        for number in range(7):
            journal.append(record(number))
    written = [(folder / name).read_bytes() for name in segments(folder)]
    assert [content.count(b"\n") for content in written] == [3, 3, 1]
    assert all(len(content) >= 800 for content in written[:2])
    assert ids(folder) == [f"rec_{number:06}" for number in range(7)]


def test_an_old_segment_is_followed_by_another_unless_it_is_empty(folder: Path) -> None:
    with contextlib.closing(Journal(folder, 0)) as journal:
        journal.rotate_old(0)
        assert len(list(folder.glob("w*.log"))) == 1
        journal.append(record(0))
        journal.rotate_old(60)
        assert not journal.rotated
        journal.rotate_old(0)
        assert journal.rotated
        journal.append(record(1))
        assert [path.read_bytes().count(b"\n") for path in sorted(folder.glob("w*.log"))] == [1, 1]


def test_a_record_larger_than_a_segment_is_kept_whole(folder: Path) -> None:
    with contextlib.closing(Journal(folder, 0, rotate_bytes=100)) as journal:
        journal.append(record(0, model="x" * 100_000))
        journal.append(record(1))
    assert ids(folder) == ["rec_000000", "rec_000001"]


def test_an_empty_journal_rotates_into_nothing(folder: Path) -> None:
    Journal(folder, 0, rotate_bytes=1).close()
    assert [(folder / name).read_bytes() for name in segments(folder)] == [b""]


# --- a disk that is full ---


def test_a_full_disk_is_told_and_the_segment_ends_with_the_record_before(tmp_path: Path) -> None:
    """The limit is the kernel's: the write stops in the middle of a line, as it does on a full disk."""
    with start(write_into_full_disk, tmp_path, 2000) as writer:
        said: list[str] = []
        while not said or said[-1].isdigit():
            said.append(first_line(writer))
        numbers, sentence = said[:-1], said[-1]
        assert sentence == f"The record rec_{len(numbers):06} could not be written: the disk is full."
        assert first_line(writer) == "999999", "with room again it goes on"
        writer.kill()
    assert 2 < len(numbers) < 10
    assert ids(tmp_path / JOURNAL) == [f"rec_{int(number):06}" for number in [*numbers, "999999"]]
    assert len(segments(tmp_path / JOURNAL)) == 1


@pytest.fixture
def torn_write(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Makes the next write end after some bytes."""
    write = os.write

    def tear(most: int) -> None:
        def partly(fd: int, line: bytes) -> int:
            monkeypatch.setattr(os, "write", write)
            return write(fd, bytes(line[:most]))

        monkeypatch.setattr(os, "write", partly)

    return tear


@pytest.mark.parametrize("most", [0, 1, 100])
def test_a_line_that_was_written_in_part_is_taken_back(
    folder: Path, journal: Journal, torn_write: Callable[[int], None], most: int
) -> None:
    journal.append(record(1))
    torn_write(most)
    with pytest.raises(RecordNotKept, match=r"The record rec_000002 could not be written: the disk is full\."):
        journal.append(record(2))
    assert ids(folder) == ["rec_000001"]
    journal.append(record(3))
    assert ids(folder) == ["rec_000001", "rec_000003"]


def test_a_write_that_fails_says_why_and_leaves_the_segment_as_it_was(
    folder: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.append(record(1))

    def fail(fd: int, line: bytes) -> int:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fail)
        with pytest.raises(RecordNotKept, match="rec_000002 could not be written: Input/output error") as caught:
            journal.append(record(2))
    assert "Free some space" in caught.value.advice
    journal.append(record(3))
    assert ids(folder) == ["rec_000001", "rec_000003"]


def test_a_torn_line_that_cannot_be_taken_back_stays_the_last_of_its_segment(
    folder: Path, journal: Journal, torn_write: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(fd: int, size: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    journal.append(record(1))
    torn_write(50)
    with monkeypatch.context() as patch:
        patch.setattr(os, "ftruncate", fail)
        with pytest.raises(RecordNotKept):
            journal.append(record(2))
    journal.append(record(3))
    journal.append(record(4))
    first, second = ((folder / name).read_bytes() for name in segments(folder))
    assert first.count(b"\n") == 1
    assert first.partition(b"\n")[2].startswith(b'{"id":"rec_000002"')
    assert [json.loads(line)["id"] for line in second.splitlines()] == ["rec_000003", "rec_000004"]


# --- a folder that cannot be used ---


def test_a_journal_that_cannot_begin_says_so(folder: Path) -> None:
    folder.write_text("a file, not a folder")
    with pytest.raises(RecordNotKept, match="cannot be made: File exists"):
        Journal(folder, 0)


def test_a_rotation_that_fails_keeps_the_record_from_being_answered_and_is_tried_again(
    folder: Path, tmp_path: Path
) -> None:
    with contextlib.closing(Journal(folder, 0, rotate_bytes=1)) as journal:
        journal.append(record(1))
        folder.rename(tmp_path / "elsewhere")
        folder.write_text("a file, not a folder")
        with pytest.raises(RecordNotKept):
            journal.append(record(2))
        folder.unlink()
        journal.append(record(3))
    assert ids(folder) == ["rec_000003"]
    assert ids(tmp_path / "elsewhere") == ["rec_000001"]


def test_a_segment_that_cannot_get_its_name_leaves_nothing_behind(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rotation is tried again with every request, so whatever it left would soon be too much."""

    def fail(self: Path, target: Path) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    def open_files() -> int:
        return len(list(Path("/dev/fd").iterdir()))

    before = open_files()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", fail)
        with pytest.raises(RecordNotKept, match="No space left on device"):
            Journal(folder, 0)
    assert list(folder.iterdir()) == []
    assert open_files() == before


# --- what is kept apart, what waits, what is put on the disk ---


PRIVATE = Private(
    subject="patient 7", keep_until=5, salts={"request": b"\x00" * 32}, contents={"request": b"tab\there"}
)


def test_what_is_kept_apart_stands_behind_a_tab_on_the_same_line(folder: Path, journal: Journal) -> None:
    journal.append(record(1), PRIVATE)
    [line] = lines(folder)
    body, _, private = line.partition(b"\t")
    assert json.loads(body)["id"] == "rec_000001"
    assert json.loads(private) == {
        "subject": "patient 7",
        "keep_until": 5,
        "salts": {"request": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},
        "contents": {"request": "dGFiCWhlcmU="},
    }


def test_what_may_wait_is_written_by_the_next_flush_in_its_order(folder: Path, journal: Journal) -> None:
    journal.append(record(1), later=True)
    journal.append(record(2), later=True)
    assert lines(folder) == []
    journal.append(record(3))
    assert ids(folder) == ["rec_000001", "rec_000002", "rec_000003"]
    journal.append(record(4), later=True)
    journal.flush()
    journal.flush()
    assert ids(folder)[3:] == ["rec_000004"]


def test_no_more_waits_than_memory_allows_and_nothing_waits_beyond_the_end(folder: Path) -> None:
    with contextlib.closing(Journal(folder, 0)) as journal:
        for number in range(400):
            journal.append(record(number), later=True)
        assert len(lines(folder)) > 200
    assert ids(folder) == [f"rec_{number:06}" for number in range(400)]


def test_a_sync_covers_segments_that_were_finished_meanwhile(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[Path] = []

    def note(fd: int) -> None:
        flushed.append(Path(f"/proc/self/fd/{fd}").readlink())

    monkeypatch.setattr(os, "fdatasync", note)
    with contextlib.closing(Journal(folder, 0, rotate_bytes=1)) as journal:
        for number in range(3):
            journal.append(record(number))
        assert journal.rotated
        journal.sync()
        assert [path.name for path in flushed] == segments(folder)
        assert not journal.rotated


def test_a_disk_that_fails_to_flush_is_told(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", broken)
    journal.append(record(1))
    with pytest.raises(RecordNotKept, match="Input/output error"):
        journal.sync()
