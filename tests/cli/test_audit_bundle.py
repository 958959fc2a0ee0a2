"""Where an export is written: whole or not at all, private, and never over something that is there."""

import stat
import zipfile
from pathlib import Path

import pytest

from freehold.cli.audit_bundle import begin_bundle
from freehold.errors import InvalidField, StoreError


def test_a_folder_appears_whole(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with begin_bundle(out) as bundle:
        bundle.write("a.txt", b"1")
        bundle.write("below/b.txt", b"2")
        assert not out.exists()
    assert {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*.txt")} == {
        "a.txt": b"1",
        "below/b.txt": b"2",
    }
    assert stat.S_IMODE(out.stat().st_mode) == 0o700
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_zip_holds_one_folder_of_its_name(tmp_path: Path) -> None:
    out = tmp_path / "case-7.zip"
    with begin_bundle(out) as bundle:
        bundle.write("below/b.txt", b"2" * 999)
    with zipfile.ZipFile(out) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == {"case-7/below/b.txt": b"2" * 999}
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["out", "out.zip"])
def test_what_goes_wrong_leaves_nothing(tmp_path: Path, name: str) -> None:
    def go_wrong(at: Path) -> None:
        with begin_bundle(at) as bundle:
            bundle.write("a.txt", b"1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        go_wrong(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_what_an_export_left_that_was_killed_is_not_in_the_next(tmp_path: Path) -> None:
    left = tmp_path / ".out.part"
    (left / "contents").mkdir(parents=True)
    (left / "contents" / "of-somebody-else.json").write_text("secret")
    with begin_bundle(tmp_path / "out") as bundle:
        bundle.write("contents/a.json", b"1")
    assert [path.name for path in (tmp_path / "out" / "contents").iterdir()] == ["a.json"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("name", ["out", "out.zip"])
def test_nothing_is_written_over(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(InvalidField, match="is there already"), begin_bundle(tmp_path / name):
        raise AssertionError
    assert (tmp_path / name).read_text() == "mine"


def test_a_disk_that_refuses_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"cannot be written: No such file"), begin_bundle(tmp_path / "no" / "out.zip"):
        raise AssertionError
