"""Segments before an object store: the same seam as files, whether it can be reached or not, through deaths and races."""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import cast

import pytest

from freehold.errors import UnknownContents
from freehold.ledger.contents import Contents
from freehold.ledger.object_blobs import ObjectBlobs
from freehold.ledger.segments import Blobs, FileBlobs
from ledger.dying import dies
from ledger.object_server import Kind, ObjectServer, StoresOf, away
from ledger.test_contents import ANNA, BERT, Known, files, readable, record

PREFIXES = (f"blobs-{number}" for number in count())


@pytest.fixture
def prefix() -> str:
    return next(PREFIXES)


def put(blobs: Blobs, folder: Path, name: str, content: bytes) -> None:
    (folder / "draft").write_bytes(content)
    blobs.put(name, folder / "draft")
    assert not (folder / "draft").exists()


# --- the seam, whoever stands behind it ---


@pytest.fixture(
    params=["files", "s3, moved", "s3, waiting", "gs, moved", pytest.param("az, moved", marks=pytest.mark.registry)]
)
def blobs(
    request: pytest.FixtureRequest, stores_of: StoresOf, tmp_path: Path
) -> Iterator[tuple[Blobs, Callable[[], object]]]:
    """Blobs, and what moves them on."""
    kind, _, state = str(request.param).partition(", ")
    if kind == "files":
        yield FileBlobs(tmp_path / "blobs"), lambda: None
        return
    made = ObjectBlobs(tmp_path, stores_of(cast("Kind", kind))(next(PREFIXES)), "me")
    yield made, made.carry if state == "moved" else lambda: None


def test_what_is_put_is_given_in_any_part(blobs: tuple[Blobs, Callable[[], object]], tmp_path: Path) -> None:
    made, move = blobs
    put(made, tmp_path, "b", b"0123456789")
    put(made, tmp_path, "a", b"")
    move()
    assert list(made.list()) == ["a", "b"]
    assert (made.get("b"), made.get("b", 4), made.get("b", 4, 3)) == (b"0123456789", b"456789", b"456")
    assert (made.get("b", 8, 9), made.get("b", 20), made.get("a")) == (b"89", b"", b"")


def test_what_is_deleted_is_gone(blobs: tuple[Blobs, Callable[[], object]], tmp_path: Path) -> None:
    made, move = blobs
    put(made, tmp_path, "a", b"content")
    move()
    made.delete("a")
    made.delete("a")
    move()
    assert list(made.list()) == []
    with pytest.raises(FileNotFoundError):
        made.get("a")


# --- moving ---


def test_a_segment_is_in_the_store_before_its_file_goes(server: ObjectServer, prefix: str, tmp_path: Path) -> None:
    store = server.store(prefix)
    blobs = ObjectBlobs(tmp_path, store, "me")
    put(blobs, tmp_path, "a", b"content")
    assert (list(store.list("contents")), blobs.waiting()) == ([], (1, 0))
    assert blobs.carry() == 1
    assert (store.get("contents/a"), blobs.waiting()) == (b"content", (0, 0))
    assert list((tmp_path / "segments").iterdir()) == []
    assert blobs.carry() == 0


def test_a_death_between_upload_and_removal_leaves_both_and_the_next_call_goes_on(
    server: ObjectServer, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = server.store(prefix)
    put(ObjectBlobs(tmp_path, store, "me"), tmp_path, "a", b"content")

    def killed(self: FileBlobs, name: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(FileBlobs, "delete", killed)
        with pytest.raises(KeyboardInterrupt):
            ObjectBlobs(tmp_path, store, "me").carry()
    assert store.get("contents/a") == (tmp_path / "segments" / "a").read_bytes() == b"content"
    blobs = ObjectBlobs(tmp_path, store, "me")
    assert (list(blobs.list()), blobs.get("a")) == (["a"], b"content")
    assert blobs.carry() == 1
    assert (blobs.waiting(), blobs.get("a")) == ((0, 0), b"content")


def test_a_store_out_of_reach_holds_up_nobody_and_gets_everything_later(
    server: ObjectServer, prefix: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = server.store(prefix)
    blobs = ObjectBlobs(tmp_path, store, "me")
    put(blobs, tmp_path, "moved", b"moved")
    blobs.carry()
    cut_off = ObjectBlobs(tmp_path, away(), "me")
    put(cut_off, tmp_path, "new", b"new")
    assert cut_off.get("new") == b"new"
    cut_off.delete("moved")
    assert list(cut_off.list()) == ["new"]
    with pytest.raises(FileNotFoundError):
        cut_off.get("moved")
    with pytest.raises(ConnectionError):
        cut_off.carry()
    assert cut_off.waiting() == (1, 1)
    assert any("leaves the object store later" in one.getMessage() for one in caplog.records)
    assert store.get("contents/moved") == b"moved"
    assert ObjectBlobs(tmp_path, store, "me").carry() == 2
    assert list(store.list("contents")) == ["new"]


def test_what_is_deleted_while_it_is_moved_is_not_there_afterwards(
    server: ObjectServer, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = server.store(prefix)
    mover, eraser = ObjectBlobs(tmp_path, store, "me"), ObjectBlobs(tmp_path, store, "me")
    mover.carry()
    put(mover, tmp_path, "a", b"content")
    real = store.put

    def slow(name: str, data: bytes) -> None:
        eraser.delete("a")  # another process, in the middle of the upload
        real(name, data)

    with monkeypatch.context() as patched:
        patched.setattr(store, "put", slow)
        mover.carry()
    with pytest.raises(FileNotFoundError):
        eraser.get("a")
    mover.carry()
    assert list(store.list("contents")) == []
    assert mover.waiting() == (0, 0)


def test_a_death_between_the_mark_and_the_removal_of_a_file_does_not_bring_it_back(
    server: ObjectServer, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = server.store(prefix)
    blobs = ObjectBlobs(tmp_path, store, "me")
    put(blobs, tmp_path, "a", b"content")

    def killed(self: FileBlobs, name: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(FileBlobs, "delete", killed)
        with pytest.raises(KeyboardInterrupt):
            blobs.delete("a")
    assert list(ObjectBlobs(tmp_path, store, "me").list()) == []
    ObjectBlobs(tmp_path, store, "me").carry()
    assert (list(store.list("contents")), files(tmp_path)) == ([], [])


def test_where_the_contents_of_another_lie_nothing_is_listed_moved_or_deleted(
    server: ObjectServer, prefix: str, tmp_path: Path
) -> None:
    store = server.store(prefix)
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    for folder in (theirs, ours):
        folder.mkdir()
    blobs = ObjectBlobs(theirs, store, "them")
    put(blobs, theirs, "a", b"theirs")
    blobs.carry()
    intruder = ObjectBlobs(ours, store, "us")
    put(intruder, ours, "b", b"ours")
    with pytest.raises(ConnectionError, match="has the contents of another Freehold; give each its own prefix"):
        intruder.carry()
    intruder.delete("a")
    assert list(intruder.list()) == ["b"]
    assert (list(store.list("contents")), store.get("contents/a")) == (["a"], b"theirs")
    assert intruder.get("b") == b"ours"


# --- with contents in it ---


def opened(folder: Path, blobs: Blobs, segment_bytes: int = 1) -> Contents:
    return Contents(folder, Known(), blobs, segment_bytes=segment_bytes)


def everything(server: ObjectServer, prefix: str) -> bytes:
    store = server.store(prefix)
    return b"".join(store.get(f"contents/{name}") for name in store.list("contents"))


def test_erasing_a_subject_deletes_and_rewrites_in_the_store(server: ObjectServer, prefix: str, tmp_path: Path) -> None:
    blobs = ObjectBlobs(tmp_path, server.store(prefix), "me")
    contents = opened(tmp_path, blobs)
    contents.write_many([record("anna-1", ANNA)])
    contents.write_many([record("anna-2", ANNA), record("bert-1", BERT)])
    contents.close()
    assert blobs.carry() == 2
    assert b"anna-1" in everything(server, prefix)
    contents = opened(tmp_path, ObjectBlobs(tmp_path, server.store(prefix), "me"))
    assert contents.forget(ANNA) == 2
    assert readable(contents, ["anna-1", "anna-2", "bert-1"]) == {"bert-1"}
    blobs.carry()
    left = everything(server, prefix)
    assert b"anna" not in left
    assert left.count(b"bert-1") == 1
    assert readable(contents, ["anna-1", "anna-2", "bert-1"]) == {"bert-1"}


def test_an_erasure_is_complete_without_the_store_and_reaches_it_later(
    server: ObjectServer, prefix: str, tmp_path: Path
) -> None:
    blobs = ObjectBlobs(tmp_path, server.store(prefix), "me")
    contents = opened(tmp_path, blobs)
    contents.write_many([record("anna-1", ANNA)])
    contents.write_many([record("anna-2", ANNA), record("bert-1", BERT)])
    contents.close()
    blobs.carry()
    cut_off = opened(tmp_path, ObjectBlobs(tmp_path, away(), "me"))
    assert cut_off.settle() == ()
    assert cut_off.forget(ANNA) == 2
    for name in ("anna-1", "anna-2"):
        with pytest.raises(UnknownContents):
            cut_off.read(name)
    cut_off.close()
    contents = opened(tmp_path, blobs)
    contents.settle()
    blobs.carry()
    left = everything(server, prefix)
    assert b"anna" not in left
    assert readable(contents, ["bert-1"]) == {"bert-1"}


def test_a_lost_index_is_made_again_from_the_store(server: ObjectServer, prefix: str, tmp_path: Path) -> None:
    blobs = ObjectBlobs(tmp_path, server.store(prefix), "me")
    contents = opened(tmp_path, blobs)
    kept = [record(f"r-{index}", ANNA if index % 2 else BERT, index) for index in range(6)]
    for one in kept:
        contents.write_many([one])
    contents.close()
    assert blobs.carry() == 6
    shutil.rmtree(tmp_path)
    contents = opened(tmp_path, ObjectBlobs(tmp_path, server.store(prefix), "me"))
    assert contents.settle() == ()
    assert [contents.read(one.id) for one in kept] == kept


def test_what_a_killed_writer_left_is_settled_and_moved(server: ObjectServer, prefix: str, tmp_path: Path) -> None:
    def write() -> None:
        with contextlib.suppress(OSError):
            for index in range(3):
                opened(tmp_path, FileBlobs(tmp_path / "segments")).write_many([record(f"r-{index}")])

    dies(write)
    blobs = ObjectBlobs(tmp_path, server.store(prefix), "me")
    contents = opened(tmp_path, blobs)
    assert contents.settle() == ()
    assert blobs.carry() == 3
    assert files(tmp_path) == files(tmp_path, "open") == []
    assert readable(contents, ["r-0", "r-1", "r-2"]) == {"r-0", "r-1", "r-2"}
