"""Segments: one writer each, whole appends, and a move behind the seam that nobody sees half done."""

import resource
import signal
from pathlib import Path

import pytest

from freehold.errors import RecordNotKept
from freehold.ledger.segments import FileBlobs, OpenSegment, claimed, segment_name
from ledger.dying import dies


def test_names_are_drawn_once_and_sort_by_time() -> None:
    names = [segment_name() for _ in range(200)]
    assert len(set(names)) == 200
    assert [name[:20] for name in sorted(names)] == [name[:20] for name in names]


# --- writing ---


def test_what_is_appended_stands_at_the_end_in_its_order(tmp_path: Path) -> None:
    segment = OpenSegment(tmp_path)
    segment.append(b"first ", flush=True)
    segment.append(b"second", flush=False)
    assert segment.path.read_bytes() == b"first second"
    assert segment.size == 12
    segment.take_back(6)
    assert segment.path.read_bytes() == b"first "
    segment.append(b"third", flush=False)
    assert segment.path.read_bytes() == b"first third"


def test_a_write_that_does_not_fit_leaves_the_segment_as_it_was(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    segment = OpenSegment(tmp_path)
    segment.append(b"kept", flush=False)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
        with pytest.raises(RecordNotKept, match="the disk is full"):
            segment.append(b"seven bytes too many", flush=False)
        assert segment.path.read_bytes() == b"kept"
        segment.append(b"sixsix", flush=False)
        with pytest.raises(RecordNotKept, match="File too large"):
            segment.append(b"none fits", flush=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert segment.path.read_bytes() == b"keptsixsix"
    assert not segment.torn


def test_no_segment_can_be_begun_in_a_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(RecordNotKept, match="No segment can be begun"):
        OpenSegment(tmp_path / "missing")


# --- claiming ---


def test_a_segment_is_nobody_elses_while_its_writer_lives(tmp_path: Path) -> None:
    segment = OpenSegment(tmp_path)
    segment.append(b"four", flush=False)
    with claimed(segment.path) as size:
        assert size is None
    segment.release()
    with claimed(segment.path) as size:
        assert size == 4
        with claimed(segment.path) as again:
            assert again is None
    with claimed(segment.path) as size:
        assert size == 4


def test_the_segment_of_a_writer_that_was_killed_can_be_claimed(tmp_path: Path) -> None:
    dies(lambda: OpenSegment(tmp_path).append(b"four", flush=False))
    (path,) = tmp_path.iterdir()
    with claimed(path) as size:
        assert size == 4


def test_a_segment_that_has_moved_on_cannot_be_claimed(tmp_path: Path) -> None:
    with claimed(tmp_path / "gone.seg") as size:
        assert size is None


# --- the seam ---


def test_files_keep_what_is_put_and_give_any_part_of_it(tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path / "blobs")
    for name, content in (("b", b"0123456789"), ("a", b"")):
        (tmp_path / "draft").write_bytes(content)
        blobs.put(name, tmp_path / "draft")
        assert not (tmp_path / "draft").exists()
    assert list(blobs.list()) == ["a", "b"]
    assert (blobs.get("b"), blobs.get("b", 4), blobs.get("b", 4, 3)) == (b"0123456789", b"456789", b"456")
    assert (blobs.get("b", 8, 9), blobs.get("b", 20), blobs.get("a")) == (b"89", b"", b"")


def test_a_second_put_replaces_the_first(tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path / "blobs")
    for content in (b"first", b"second"):
        (tmp_path / "draft").write_bytes(content)
        blobs.put("a", tmp_path / "draft")
    assert blobs.get("a") == b"second"


def test_what_is_deleted_is_gone_and_deleting_it_again_is_no_error(tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path / "blobs")
    (tmp_path / "draft").write_bytes(b"content")
    blobs.put("a", tmp_path / "draft")
    blobs.delete("a")
    blobs.delete("a")
    assert list(blobs.list()) == []
    with pytest.raises(FileNotFoundError):
        blobs.get("a")
    assert list((tmp_path / "blobs").iterdir()) == []
