"""Private folders and files, and one process at a time."""

import errno
import os
from pathlib import Path

import pytest

from freehold.errors import StoreError
from freehold.ledger.folder import alone, alone_or, flush_folder, make_private, write_private


def test_a_folder_is_made_for_its_owner_alone_and_found_again(tmp_path: Path) -> None:
    assert make_private(tmp_path / "a") == make_private(tmp_path / "a") == tmp_path / "a"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_made_is_an_error_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match=r"file/a cannot be made"):
        make_private(tmp_path / "file" / "a")


def test_a_file_is_written_for_its_owner_alone_and_never_over_another(tmp_path: Path) -> None:
    write_private(tmp_path / "a", b"first")
    flush_folder(tmp_path)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        write_private(tmp_path / "a", b"second")
    assert (tmp_path / "a").read_bytes() == b"first"


def test_a_file_that_the_disk_does_not_take_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            write_private(tmp_path / "a", b"first")
    assert list(tmp_path.iterdir()) == []
    write_private(tmp_path / "a", b"second")
    assert (tmp_path / "a").read_bytes() == b"second"


def test_of_processes_that_want_to_be_alone_each_waits_for_the_other(tmp_path: Path) -> None:
    (tmp_path / "count").write_text("0")
    children: list[int] = []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            try:
                for _ in range(50):
                    with alone(tmp_path / "lock"):
                        (tmp_path / "count").write_text(str(int((tmp_path / "count").read_text()) + 1))
                os._exit(0)
            finally:
                os._exit(1)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0, 0]
    assert (tmp_path / "count").read_text() == "200"


def test_who_does_not_wait_is_told_at_once_and_the_file_says_who_is_inside(tmp_path: Path) -> None:
    taken = StoreError("It runs already.")
    with alone_or(tmp_path / "lock", taken):
        assert (tmp_path / "lock").read_text() == str(os.getpid())
        with pytest.raises(StoreError, match="It runs already"), alone_or(tmp_path / "lock", taken):
            pass
    with alone_or(tmp_path / "lock", taken):
        pass
