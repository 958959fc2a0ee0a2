"""The data folder: private from the first byte on, and made once however many ask."""

import contextlib
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold.errors import StoreError
from freehold.store.folder import door_secret, make_private, write_once
from store.processes import first_line, make_secret, start


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def _open_umask() -> Iterator[None]:
    """What is private must not be so by the luck of a umask."""
    before = os.umask(0)
    yield
    os.umask(before)


def test_a_new_folder_is_private(tmp_path: Path) -> None:
    assert make_private(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert mode(tmp_path / "a" / "b") == 0o700
    assert make_private(tmp_path / "a" / "b") == tmp_path / "a" / "b"


def test_a_folder_that_cannot_be_made_is_an_error_with_advice(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be made") as caught:
        make_private(tmp_path / "file" / "data")
    assert "--data" in caught.value.advice


def test_a_folder_that_cannot_be_written_is_an_error_with_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The tests may run as root, whom no mode keeps out.
    def closed(path: Path, mode: int) -> bool:
        return False

    monkeypatch.setattr(os, "access", closed)
    with pytest.raises(StoreError, match="is not writable") as caught:
        make_private(tmp_path)
    assert "--data" in caught.value.advice


def test_a_file_is_written_once_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    assert write_once(path, b"first") == b"first"
    assert write_once(path, b"second") == b"first"
    assert path.read_bytes() == b"first"
    assert mode(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_that_fails_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(fd: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output error"):
        write_once(tmp_path / "secret", b"first")
    assert list(tmp_path.iterdir()) == []


def test_processes_that_start_at_once_share_one_secret(tmp_path: Path) -> None:
    moment = time.time() + 0.6
    with contextlib.ExitStack() as running:
        started = [running.enter_context(start(make_secret, tmp_path / "data", moment)) for _ in range(4)]
        said = {first_line(process) for process in started}
    assert said == {door_secret(tmp_path / "data").hex()}
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["door.secret"]


def test_the_doors_secret_is_kept_and_private(tmp_path: Path) -> None:
    secret = door_secret(tmp_path / "data")
    assert len(secret) == 32
    path = tmp_path / "data" / "door.secret"
    assert path.read_bytes() == secret
    path.chmod(0o644)
    assert door_secret(tmp_path / "data") == secret
    assert mode(path) == 0o600
    assert door_secret(tmp_path / "other") != secret


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_damaged_secret_is_never_replaced_in_silence(tmp_path: Path, size: int) -> None:
    (tmp_path / "door.secret").write_bytes(bytes(size))
    with pytest.raises(StoreError, match=f"holds {size} bytes") as caught:
        door_secret(tmp_path)
    assert "Restore the file from a backup" in caught.value.advice
    assert (tmp_path / "door.secret").read_bytes() == bytes(size)
