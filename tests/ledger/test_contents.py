"""The store of contents: what is written is read, through deaths and together with others, until it must be gone."""

import os
import shutil
import sqlite3
from collections.abc import Collection, Iterable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.errors import ContentsDamaged, InvalidField, RecordNotKept, StoreError, SubjectErased, UnknownContents
from freehold.ledger import contents as module
from freehold.ledger.contents import Contents, Expired, PassedOver, Refused
from freehold.ledger.sealing import Field, RecordContents
from freehold.ledger.segments import FileBlobs
from ledger.dying import EVERY, dies, dies_at, first_step

ANNA, BERT = "aa" * 32, "bb" * 32


class Known:
    """Two subjects with fixed keys; `erased` has lost its key."""

    def __init__(self) -> None:
        self.keys = {ANNA: AESGCM(b"a" * 32), BERT: AESGCM(b"b" * 32)}

    def ciphers(self, pseudonyms: Collection[str]) -> dict[str, AESGCM]:
        return {pseudonym: self.keys[pseudonym] for pseudonym in pseudonyms if pseudonym in self.keys}


def record(
    record_id: str, subject: str = ANNA, keep_until: int = 1_000, content: bytes | None = None
) -> RecordContents:
    return RecordContents(record_id, subject, keep_until, {"answer": Field(b"s" * 32, content or record_id.encode())})


def opened(folder: Path, segment_bytes: int = 1 << 20) -> Contents:
    return Contents(folder, Known(), segment_bytes=segment_bytes)


def files(folder: Path, kind: str = "segments") -> list[Path]:
    return sorted((folder / kind).iterdir())


def on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for kind in ("segments", "open", "drafts") for path in files(folder, kind))


def readable(contents: Contents, ids: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for record_id in ids:
        try:
            assert contents.read(record_id).id == record_id
            found.add(record_id)
        except UnknownContents:
            pass
    return found


# --- writing and reading ---


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.builds(
            RecordContents,
            id=st.text(min_size=1, max_size=20).filter(lambda text: "\x00" not in text),
            subject=st.sampled_from([ANNA, BERT]),
            keep_until=st.integers(0, 1 << 62),
            fields=st.dictionaries(
                st.text(max_size=5), st.builds(Field, st.binary(), st.none() | st.binary()), max_size=3
            ),
        ),
        max_size=12,
        unique_by=lambda one: one.id,
    ),
    st.integers(1, 400),
    st.integers(1, 4),
)
def test_whatever_is_written_is_read_back_also_after_a_restart(
    tmp_path_factory: pytest.TempPathFactory, kept: list[RecordContents], segment_bytes: int, batch: int
) -> None:
    folder = tmp_path_factory.mktemp("contents")
    first = opened(folder, segment_bytes)
    for start in range(0, len(kept), batch):
        assert first.write_many(kept[start : start + batch], flush=False) == ()
    assert [first.read(one.id) for one in kept] == kept
    first.close()
    second = opened(folder)
    assert [second.read(one.id) for one in kept] == kept
    for subject in (ANNA, BERT):
        assert second.list_by(subject) == sorted(one.id for one in kept if one.subject == subject)
    second.close()


def test_an_empty_batch_writes_nothing(tmp_path: Path) -> None:
    assert opened(tmp_path).write_many([]) == ()
    assert files(tmp_path, "open") == []


def test_what_one_process_writes_another_reads_at_once(tmp_path: Path) -> None:
    writer, reader = opened(tmp_path), opened(tmp_path)
    writer.write_many([record("r-1")])
    assert reader.read("r-1") == record("r-1")


def test_folders_and_files_are_their_owners_alone(tmp_path: Path) -> None:
    contents = opened(tmp_path / "contents")
    contents.write_many([record("r-1")])
    contents.close()
    for path in [tmp_path / "contents", *(tmp_path / "contents").rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path


def test_an_unknown_record_is_an_error_by_name(tmp_path: Path) -> None:
    with pytest.raises(UnknownContents, match="r-9"):
        opened(tmp_path).read("r-9")


def test_an_id_is_kept_once_and_the_first_stays(tmp_path: Path) -> None:
    contents = opened(tmp_path)
    contents.write_many([record("r-1", content=b"first")])
    refused = contents.write_many([record("r-1", content=b"second"), record("r-2"), record("r-2", content=b"again")])
    assert refused == (Refused("r-1", "already-kept"), Refused("r-2", "already-kept"))
    assert contents.read("r-1").fields["answer"].content == b"first"
    assert contents.read("r-2").fields["answer"].content == b"r-2"
    contents.settle()
    assert on_disk(tmp_path).count(b"r-1") == on_disk(tmp_path).count(b"r-2") == 1


def test_a_record_of_a_subject_without_a_key_is_refused_and_the_others_are_kept(tmp_path: Path) -> None:
    contents = opened(tmp_path)
    assert contents.write_many([record("r-1", "cc" * 32), record("r-2")]) == (Refused("r-1", "subject-erased"),)
    assert readable(contents, ["r-1", "r-2"]) == {"r-2"}


def test_once_the_key_is_gone_reading_says_so(tmp_path: Path) -> None:
    known = Known()
    contents = Contents(tmp_path, known)
    contents.write_many([record("r-1")])
    del known.keys[ANNA]
    with pytest.raises(SubjectErased, match="r-1"):
        contents.read("r-1")


def test_a_pseudonym_that_is_none_is_an_error(tmp_path: Path) -> None:
    contents = opened(tmp_path)
    for text in ("anna", "ab", ""):
        with pytest.raises(InvalidField, match="64 hexadecimal digits"):
            contents.forget(text)


def test_when_the_index_cannot_be_written_nothing_is_kept_and_the_segment_ends_as_before(tmp_path: Path) -> None:
    contents = opened(tmp_path)
    contents.write_many([record("r-1")])
    before = on_disk(tmp_path)
    db = sqlite3.connect(tmp_path / "contents.db", isolation_level=None)
    db.execute("CREATE TRIGGER full BEFORE INSERT ON records BEGIN SELECT raise(ABORT, 'disk full'); END")
    with pytest.raises(RecordNotKept, match="disk full"):
        contents.write_many([record("r-2")])
    assert on_disk(tmp_path) == before
    db.execute("DROP TRIGGER full")
    db.close()
    contents.write_many([record("r-2")])
    assert readable(contents, ["r-1", "r-2"]) == {"r-1", "r-2"}


# --- damage ---


def test_a_flipped_bit_in_the_file_is_refused_by_the_name_of_the_record(tmp_path: Path) -> None:
    contents = opened(tmp_path)
    contents.write_many([record("r-1"), record("r-2")])
    contents.close()
    (path,) = files(tmp_path)
    whole = path.read_bytes()
    contents = opened(tmp_path)
    for bit in range(0, 4 * len(whole), 7):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        with pytest.raises(ContentsDamaged, match="r-1"):
            contents.read("r-1")
        assert contents.read("r-2") == record("r-2")


def test_two_blobs_that_changed_places_are_refused(tmp_path: Path) -> None:
    contents = opened(tmp_path)
    contents.write_many([record("r-1"), record("r-2")])
    contents.close()
    (path,) = files(tmp_path)
    whole = path.read_bytes()
    half = len(whole) // 2
    path.write_bytes(whole[half:] + whole[:half])
    contents = opened(tmp_path)
    for record_id in ("r-1", "r-2"):
        with pytest.raises(ContentsDamaged, match=record_id):
            contents.read(record_id)


def test_an_index_that_points_at_another_record_or_subject_is_found_out(tmp_path: Path) -> None:
    contents = opened(tmp_path)
    contents.write_many([record("r-1"), record("r-2"), record("r-3", BERT)])
    db = sqlite3.connect(tmp_path / "contents.db")
    (at,) = db.execute("SELECT at FROM records WHERE id = 'r-2'").fetchone()
    db.execute("UPDATE records SET at = ? WHERE id = 'r-1'", (at,))
    db.execute("UPDATE records SET subject = ? WHERE id = 'r-3'", (bytes.fromhex(ANNA),))
    db.commit()
    db.close()
    for record_id in ("r-1", "r-3"):
        with pytest.raises(ContentsDamaged, match=record_id):
            contents.read(record_id)


def test_a_lost_segment_is_named_and_does_not_stop_the_rest(tmp_path: Path) -> None:
    contents = opened(tmp_path, segment_bytes=1)
    contents.write_many([record("r-1", keep_until=5), record("r-2", keep_until=50)])
    contents.write_many([record("r-3", keep_until=5), record("r-4", keep_until=50)])
    contents.close()
    lost = files(tmp_path)[0]
    lost.unlink()
    contents = opened(tmp_path)
    with pytest.raises(ContentsDamaged, match=f"r-2 are lost: the segment {lost.name} is missing"):
        contents.read("r-2")
    assert contents.expire(10) == Expired(records=2, deleted=0, rewritten=1)
    assert readable(contents, ["r-3", "r-4"]) == {"r-4"}


# --- deaths ---


@pytest.mark.parametrize("flush", [True, False])
def test_what_was_written_survives_kill_9(tmp_path: Path, flush: bool) -> None:
    dies(lambda: assert_nothing(opened(tmp_path).write_many([record("r-1"), record("r-2")], flush=flush)))
    contents = opened(tmp_path)
    assert readable(contents, ["r-1", "r-2"]) == {"r-1", "r-2"}
    assert contents.settle() == ()
    assert files(tmp_path, "open") == []
    assert readable(contents, ["r-1", "r-2"]) == {"r-1", "r-2"}


def assert_nothing(refused: tuple[Refused, ...]) -> None:
    assert refused == ()


def test_a_torn_tail_is_passed_over_and_named_at_every_length(tmp_path: Path) -> None:
    dies(lambda: assert_nothing(opened(tmp_path / "whole").write_many([record("r-1"), record("r-2")])))
    (path,) = files(tmp_path / "whole", "open")
    whole = path.read_bytes()
    half = len(whole) // 2
    for cut in range(half + 1, len(whole), 5):
        folder = tmp_path / f"cut-{cut}"
        (folder / "open").mkdir(parents=True)
        (folder / "open" / path.name).write_bytes(whole[:cut])
        contents = opened(folder)
        assert contents.settle() == (PassedOver(path.name, half, cut - half),)
        assert contents.settle() == ()
        assert readable(contents, ["r-1", "r-2"]) == {"r-1"}
        contents.write_many([record("r-2")])
        assert contents.read("r-2") == record("r-2")
        contents.close()


def test_a_death_at_any_moment_of_writing_loses_nothing_that_was_there_and_tears_nothing(tmp_path: Path) -> None:
    step = 0
    written: set[str] = set()

    def write() -> None:
        # Every batch finishes the segment of the one before, so each call of the writer's path is met.
        contents = opened(tmp_path, segment_bytes=1)
        for part in range(2):
            contents.write_many([record(f"{step}-{part}-{index}") for index in range(2)])

    while dies_at(step, write):
        step += 1
        contents = opened(tmp_path)
        assert contents.settle() == ()
        ids = {f"{step - 1}-{part}-{index}" for part in range(2) for index in range(2)}
        found = readable(contents, ids)
        assert len(found) in (0, 2, 4), "a batch is kept whole"
        assert len(found) != 2 or f"{step - 1}-0-0" in found
        written |= found
        contents.close()
        assert all(path.stat().st_size for path in files(tmp_path)), "a segment that got no record is not kept"
    assert step > 40
    contents = opened(tmp_path)
    assert readable(contents, written) == written


def test_a_lost_index_is_made_again_from_the_segments(tmp_path: Path) -> None:
    contents = opened(tmp_path, segment_bytes=300)
    kept = [record(f"r-{index}", ANNA if index % 2 else BERT, index) for index in range(20)]
    for one in kept:
        contents.write_many([one])
    contents.close()
    for path in tmp_path.glob("contents.db*"):
        path.unlink()
    contents = opened(tmp_path)
    assert readable(contents, [one.id for one in kept]) == set()
    assert contents.settle() == ()
    assert [contents.read(one.id) for one in kept] == kept
    assert contents.expire(10).records == 10
    assert readable(contents, [one.id for one in kept]) == {f"r-{index}" for index in range(10, 20)}


# --- retention ---


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=25), st.integers(0, 21), st.integers(1, 900))
def test_expiry_removes_exactly_the_records_whose_time_is_before(
    tmp_path_factory: pytest.TempPathFactory, kept: list[tuple[int, bool]], before: int, segment_bytes: int
) -> None:
    folder = tmp_path_factory.mktemp("contents")
    contents = opened(folder, segment_bytes)
    for index, (keep_until, anna) in enumerate(kept):
        contents.write_many([record(f"<{index}>", ANNA if anna else BERT, keep_until)], flush=False)
    expired = contents.expire(before)
    ids = [f"<{index}>" for index in range(len(kept))]
    stay = {f"<{index}>" for index, (keep_until, _) in enumerate(kept) if keep_until >= before}
    assert readable(contents, ids) == stay
    assert expired.records == len(kept) - len(stay)
    bytes_left = on_disk(folder)
    assert {one for one in ids if one.encode() in bytes_left} == stay
    assert contents.expire(before) == Expired(0, 0, 0)
    contents.close()
    assert readable(opened(folder), ids) == stay


def test_a_segment_whose_records_are_all_past_is_deleted_and_a_mixed_one_rewritten(tmp_path: Path) -> None:
    contents = opened(tmp_path, segment_bytes=1)
    contents.write_many([record("past-1", keep_until=10), record("past-2", keep_until=19)])
    contents.write_many([record("past-3", keep_until=10), record("later-1", keep_until=20)])
    contents.write_many([record("later-2", keep_until=30)])
    contents.close()
    untouched = files(tmp_path)[2]
    contents = opened(tmp_path)
    assert contents.expire(20) == Expired(records=3, deleted=1, rewritten=1)
    assert len(files(tmp_path)) == 2
    assert untouched in files(tmp_path)
    assert readable(contents, ["past-1", "past-2", "past-3", "later-1", "later-2"]) == {"later-1", "later-2"}


def test_more_records_expire_than_one_transaction_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMOVE_AT_ONCE", 7)
    contents = opened(tmp_path)
    contents.write_many([record(f"r-{index}", keep_until=index) for index in range(40)])
    assert contents.expire(35) == Expired(records=35, deleted=0, rewritten=1)
    assert len(contents.list_by(ANNA)) == 5


def test_what_another_living_process_writes_leaves_the_index_at_once_and_the_disk_when_it_is_finished(
    tmp_path: Path,
) -> None:
    writer, keeper = opened(tmp_path), opened(tmp_path)
    writer.write_many([record("r-1", keep_until=1), record("r-2", keep_until=9)])
    assert keeper.expire(5) == Expired(records=1, deleted=0, rewritten=0)
    assert readable(writer, ["r-1", "r-2"]) == {"r-2"}
    assert b"r-1" in on_disk(tmp_path)
    writer.write_many([record("r-3", keep_until=9)])
    writer.close()
    keeper.settle()
    assert b"r-1" not in on_disk(tmp_path)
    assert readable(keeper, ["r-1", "r-2", "r-3"]) == {"r-2", "r-3"}


def test_a_writer_goes_on_in_its_segment_when_others_have_removed_all_that_stood_there(tmp_path: Path) -> None:
    writer, keeper = opened(tmp_path), opened(tmp_path)
    writer.write_many([record("r-1", keep_until=1)])
    assert keeper.expire(5) == Expired(records=1, deleted=0, rewritten=0)
    keeper.settle()
    writer.write_many([record("r-2", keep_until=9)])
    assert readable(keeper, ["r-1", "r-2"]) == {"r-2"}
    writer.close()
    assert keeper.settle() == ()
    assert readable(keeper, ["r-1", "r-2"]) == {"r-2"}
    assert b"r-1" not in on_disk(tmp_path)


def test_a_death_at_any_moment_of_an_expiry_leaves_all_that_stays_and_the_next_one_completes_it(tmp_path: Path) -> None:
    later = {f"later-{index}" for index in range(4)}
    past = {f"past-{index}" for index in range(4)}
    step = first_step()

    def expire() -> None:
        opened(folder).expire(20)

    contents = opened(tmp_path / "before", segment_bytes=1)
    contents.write_many([record("past-0", keep_until=1), record("past-1", keep_until=1)])
    contents.write_many([record("past-2", keep_until=1), record("later-0", keep_until=20)])
    contents.write_many([record("later-1", keep_until=20), record("past-3", keep_until=1)])
    contents.write_many([record("later-2", keep_until=20), record("later-3", keep_until=20)])
    contents.close()
    while True:
        folder = shutil.copytree(tmp_path / "before", tmp_path / str(step))
        died = dies_at(step, expire)
        contents = opened(folder)
        assert readable(contents, later) == later, step
        assert contents.settle() == ()
        contents.expire(20)
        assert readable(contents, later | past) == later, step
        assert b"past" not in on_disk(folder), step
        assert len(files(folder)) == 3, step
        contents.close()
        if not died:
            break
        step += EVERY
    assert step > 40


# --- forgetting a subject ---


def test_forgetting_removes_all_of_one_subject_and_nothing_of_another(tmp_path: Path) -> None:
    contents = opened(tmp_path, segment_bytes=500)
    for index in range(30):
        contents.write_many([record(f"anna-{index}", ANNA), record(f"bert-{index}", BERT)])
    assert contents.forget(ANNA) == 30
    assert contents.list_by(ANNA) == []
    assert readable(contents, [f"bert-{index}" for index in range(30)]) == {f"bert-{index}" for index in range(30)}
    assert b"anna" not in on_disk(tmp_path)
    assert on_disk(tmp_path).count(b"bert") == 30
    assert contents.forget(ANNA) == 30
    assert contents.forget("cc" * 32) == 0


def test_ids_of_a_forgotten_subject_stand_neither_in_the_index_nor_in_its_log(tmp_path: Path) -> None:
    contents = opened(tmp_path)
    contents.write_many([record("anna-secret-id", ANNA), record("bert-1", BERT)])
    contents.forget(ANNA)
    index = b"".join(path.read_bytes() for path in tmp_path.glob("contents.db*"))
    assert b"anna-secret-id" not in index
    assert b"bert-1" in index


def test_a_writer_that_still_holds_the_key_is_refused_after_the_subject_was_forgotten(tmp_path: Path) -> None:
    writer, eraser = opened(tmp_path), opened(tmp_path)
    writer.write_many([record("a-1", ANNA)])
    assert eraser.forget(ANNA) == 1
    assert writer.write_many([record("a-2", ANNA), record("b-1", BERT)]) == (Refused("a-2", "subject-erased"),)
    assert readable(writer, ["a-1", "a-2", "b-1"]) == {"b-1"}
    eraser.settle()
    assert b"a-2" not in on_disk(tmp_path)
    assert b"a-1" not in on_disk(tmp_path)


def test_what_a_dead_writer_left_unindexed_is_counted_and_forgotten_too(tmp_path: Path) -> None:
    dies(lambda: assert_nothing(opened(tmp_path).write_many([record("a-1", ANNA), record("b-1", BERT)])))
    for path in tmp_path.glob("contents.db*"):
        path.unlink()
    contents = opened(tmp_path)
    assert contents.forget(ANNA) == 1
    assert readable(contents, ["a-1", "b-1"]) == {"b-1"}
    assert b"a-1" not in on_disk(tmp_path)


# --- together ---


def test_two_writers_and_an_expiry_at_the_same_time_corrupt_nothing(tmp_path: Path) -> None:
    def write(name: str) -> None:
        contents = opened(tmp_path, segment_bytes=2_000)
        for batch in range(60):
            kept = [record(f"{name}-{batch}-{index}", ANNA, 10 + index) for index in range(4)]
            assert contents.write_many(kept, flush=False) == ()
        contents.close()

    children: list[int] = []
    for name in ("one", "two"):
        child = os.fork()
        if child == 0:
            try:
                write(name)
                os._exit(0)
            finally:
                os._exit(1)
        children.append(child)
    keeper = opened(tmp_path)
    for _ in range(10):
        keeper.expire(11)
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
    keeper.expire(11)
    ids = {f"{name}-{batch}-{index}" for name in ("one", "two") for batch in range(60) for index in range(4)}
    stay = {record_id for record_id in ids if not record_id.endswith("-0")}
    assert readable(keeper, ids) == stay
    assert keeper.settle() == ()
    assert keeper.list_by(ANNA) == sorted(stay)


# --- the seam ---


class Remote(FileBlobs):
    """An object store: the draft is copied, names have no folder, and it can be out of reach."""

    reachable = True

    def put(self, name: str, draft: Path) -> None:
        if not self.reachable:
            raise ConnectionError("no route to the store")
        super().put(name, draft)


def test_a_store_out_of_reach_delays_no_writer_and_gets_its_segments_later(tmp_path: Path) -> None:
    remote = Remote(tmp_path / "remote")
    remote.reachable = False
    contents = Contents(tmp_path / "local", Known(), remote, segment_bytes=1)
    for index in range(3):
        contents.write_many([record(f"r-{index}")])
    assert readable(contents, ["r-0", "r-1", "r-2"]) == {"r-0", "r-1", "r-2"}
    with pytest.raises(StoreError, match="no route to the store"):
        contents.settle()
    remote.reachable = True
    contents.close()
    contents = Contents(tmp_path / "local", Known(), remote)
    contents.settle()
    assert len(list(remote.list())) == 3
    assert files(tmp_path / "local", "open") == []
    assert readable(contents, ["r-0", "r-1", "r-2"]) == {"r-0", "r-1", "r-2"}
