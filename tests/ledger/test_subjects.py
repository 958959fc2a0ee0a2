"""Keys of data subjects: who they are stays unknown, and what is erased stays closed, through deaths and restarts."""

import os
import shutil
import sqlite3
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.errors import ContentsDamaged, InvalidField, StoreError, SubjectErased, UnknownContents
from freehold.ledger import subjects as module
from freehold.ledger.commitments import commit_fields
from freehold.ledger.contents import Contents, Refused
from freehold.ledger.keyfile import KeyFile
from freehold.ledger.sealing import Field, RecordContents, unseal
from freehold.ledger.subjects import Erasure, Subjects
from ledger.dying import EVERY, dies, dies_at, first_step

BASIS = "GDPR Art. 17(1)(b)"
NOW = 1_800_000_000


class House:
    """Subjects and their contents in one folder, as the ledger puts them together."""

    def __init__(self, folder: Path) -> None:
        self.subjects = Subjects(folder / "subjects", KeyFile(folder / "master.key"))
        self.contents = Contents(folder / "contents", self.subjects, segment_bytes=400)

    def write(self, subject: str, *ids: str) -> str:
        pseudonym = self.subjects.pseudonyms([subject])[subject]
        records = [RecordContents(one, pseudonym, NOW, {"answer": Field(os.urandom(32), one.encode())}) for one in ids]
        assert self.contents.write_many(records, flush=False) == ()
        return pseudonym

    def opens(self, *ids: str) -> set[str]:
        opened: set[str] = set()
        for record_id in ids:
            try:
                assert self.contents.read(record_id).fields["answer"].content == record_id.encode()
                opened.add(record_id)
            except (SubjectErased, UnknownContents):
                pass
        return opened

    def erase(self, subject: str) -> Erasure | None:
        return self.subjects.erase(subject, BASIS, NOW, self.contents)

    def close(self) -> None:
        self.contents.close()
        self.subjects.close()


class Nothing:
    """Contents of nobody."""

    def forget(self, subject: str) -> int:
        return 0


def opened(folder: Path) -> Subjects:
    return Subjects(folder, KeyFile(folder / "master.key"))


def database(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob("subjects.db*")))


def wrapped_key(folder: Path, pseudonym: str) -> bytes:
    db = sqlite3.connect(folder / "subjects.db")
    (wrapped,) = db.execute("SELECT wrapped FROM subjects WHERE pseudonym = ?", (pseudonym,)).fetchone()
    db.close()
    return wrapped


# --- pseudonyms ---


def test_a_pseudonym_is_the_hmac_of_the_subject_under_a_secret_of_its_own(tmp_path: Path) -> None:
    drawn: list[bytes] = []

    def draw(count: int) -> bytes:
        drawn.append(bytes([len(drawn) + 1]) * count)
        return drawn[-1]

    subjects = Subjects(tmp_path, KeyFile(tmp_path / "master.key"), draw=draw)
    # Drawn: master, lookup key, then key and secret of the subject, then the nonce that wraps them.
    pseudonym = subjects.pseudonyms(["anna"])["anna"]
    # printf anna | openssl dgst -sha256 -mac HMAC -macopt hexkey:0303...03
    assert pseudonym == "399de94d49fb4a8c5f4ee1c213c61400d85adae17982ee37cd86b350d8789d46"
    assert [len(one) for one in drawn] == [32, 32, 64, 12]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text(max_size=30), max_size=30))
def test_each_subject_has_one_pseudonym_in_all_processes_and_after_a_restart(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("subjects")
    first, second = opened(folder), opened(folder)
    pseudonyms = first.pseudonyms(names)
    assert set(pseudonyms) == set(names)
    assert len(set(pseudonyms.values())) == len(set(names))
    assert second.pseudonyms(names) == pseudonyms
    first.close()
    second.close()
    third = opened(folder)
    assert {name: third.pseudonym_of(name) for name in names} == pseudonyms


def test_a_long_name_is_found_as_it_was_filed_and_erased_as_it_is_written(tmp_path: Path) -> None:
    house = House(tmp_path)
    filed, written = "x" * 256, "x" * 300
    pseudonym = house.write(filed, "long-1")
    assert house.subjects.pseudonym_of(written) == pseudonym
    erasure = house.erase(written)
    assert erasure is not None
    assert erasure.pseudonym == pseudonym
    assert house.opens("long-1") == set()
    assert house.subjects.erased_at([filed]).keys() == {filed}


def test_what_is_no_text_names_nobody(tmp_path: Path) -> None:
    house = House(tmp_path)
    with pytest.raises(InvalidField, match="is not Unicode text"):
        house.subjects.pseudonym_of("\udcff")
    with pytest.raises(InvalidField, match="is not Unicode text"):
        house.erase("\udcff")


def test_asking_for_a_pseudonym_makes_none(tmp_path: Path) -> None:
    subjects = opened(tmp_path)
    assert subjects.pseudonym_of("anna") is None
    assert subjects.pseudonym_of("anna") is None


def test_the_name_of_a_subject_and_its_hashes_stand_nowhere(tmp_path: Path) -> None:
    subjects = opened(tmp_path)
    pseudonym = subjects.pseudonyms(["anna.karenina@example.com"])["anna.karenina@example.com"]
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    name = b"anna.karenina@example.com"
    for trace in (name, sha256(name).digest(), sha256(name).hexdigest().encode()):
        assert trace not in written
    assert pseudonym != sha256(name).hexdigest()


def test_memory_is_bounded_and_what_fell_out_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CACHED", 3)
    subjects = opened(tmp_path)
    names = [f"subject-{index}" for index in range(10)]
    pseudonyms = subjects.pseudonyms(names)
    assert subjects.pseudonyms(names) == pseudonyms
    assert len(subjects.ciphers(list(pseudonyms.values()))) == 10
    assert len(subjects._pseudonyms) == len(subjects._ciphers) == 3  # pyright: ignore[reportPrivateUsage]


# --- keys ---


def test_keys_differ_by_subject_and_stay_the_same(tmp_path: Path) -> None:
    subjects = opened(tmp_path)
    anna, bert = subjects.pseudonyms(["anna", "bert"]).values()
    sealed = subjects.ciphers([anna])[anna].encrypt(bytes(12), b"text", None)
    subjects.close()
    ciphers = opened(tmp_path).ciphers([anna, bert])
    assert ciphers[anna].decrypt(bytes(12), sealed, None) == b"text"
    assert ciphers[bert].encrypt(bytes(12), b"text", None) != sealed


def test_an_unknown_pseudonym_has_no_cipher(tmp_path: Path) -> None:
    assert opened(tmp_path).ciphers(["ab" * 32]) == {}


def test_a_damaged_or_exchanged_key_is_refused_by_name(tmp_path: Path) -> None:
    subjects = opened(tmp_path)
    anna, bert = subjects.pseudonyms(["anna", "bert"]).values()
    whole = wrapped_key(tmp_path, anna)
    db = sqlite3.connect(tmp_path / "subjects.db", isolation_level=None)
    changes = [bytes([*whole[:index], whole[index] ^ 1, *whole[index + 1 :]]) for index in range(len(whole))]
    for wrapped in [*changes, wrapped_key(tmp_path, bert)]:
        db.execute("UPDATE subjects SET wrapped = ? WHERE pseudonym = ?", (wrapped, anna))
        with pytest.raises(StoreError, match=f"The key of the data subject {anna} .* is damaged"):
            subjects.ciphers([anna])
    db.close()


def test_without_its_master_key_the_database_is_refused_by_name(tmp_path: Path) -> None:
    opened(tmp_path).close()
    (tmp_path / "master.key").rename(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match=r"master\.key does not hold the key"):
        opened(tmp_path)


def test_a_kms_is_asked_for_the_master_only_and_never_for_a_subject(tmp_path: Path) -> None:
    class Kms:
        def __init__(self) -> None:
            self.asked: list[str] = []

        def wrap(self, secret: bytes, context: bytes) -> bytes:
            self.asked.append("wrap")
            return context + secret

        def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
            self.asked.append("unwrap")
            return wrapped.removeprefix(context)

        def renew(self) -> None:
            self.asked.append("renew")

        def retire(self) -> None:
            self.asked.append("retire")

    kms = Kms()
    subjects = Subjects(tmp_path, kms)
    subjects.ciphers(list(subjects.pseudonyms([str(index) for index in range(20)]).values()))
    assert kms.asked == ["wrap", "unwrap"]
    assert subjects.rotate() == 20
    assert kms.asked == ["wrap", "unwrap", "renew", "wrap", "wrap", "unwrap", "unwrap", "retire"]


# --- erasing ---


def test_after_an_erasure_nothing_of_the_subject_opens_and_all_of_the_others_does(tmp_path: Path) -> None:
    house = House(tmp_path)
    anna = house.write("anna", "a-1", "a-2", "a-3")
    house.write("bert", "b-1", "b-2")
    assert house.erase("anna") == Erasure(anna, records=3, erased_at=NOW, basis=BASIS)
    for _ in range(2):
        assert house.opens("a-1", "a-2", "a-3", "b-1", "b-2") == {"b-1", "b-2"}
        assert house.subjects.ciphers([anna]) == {}
        house.close()
        house = House(tmp_path)


def test_an_erasure_is_told_once_and_repeating_it_changes_nothing(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.write("anna", "a-1")
    erasure = house.erase("anna")
    assert erasure is not None
    assert house.erase("anna") is None
    assert house.erase("nobody") is None
    assert house.subjects.resume(house.contents) == [erasure]
    house.subjects.acknowledge(erasure)
    assert house.subjects.resume(house.contents) == []


def test_an_erasure_needs_its_legal_basis(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.write("anna", "a-1")
    with pytest.raises(InvalidField, match="legal basis"):
        house.subjects.erase("anna", " ", NOW, house.contents)
    assert house.opens("a-1") == {"a-1"}


def test_who_comes_back_is_somebody_new(tmp_path: Path) -> None:
    house = House(tmp_path)
    before = house.write("anna", "a-1")
    house.erase("anna")
    after = house.write("anna", "a-2")
    assert before != after
    assert house.opens("a-1", "a-2") == {"a-2"}


def test_blobs_copied_before_an_erasure_stay_closed_when_the_subject_comes_back(tmp_path: Path) -> None:
    house = House(tmp_path)
    before = house.write("anna", "a-1")
    (segment,) = (tmp_path / "contents" / "open").iterdir()
    copy = segment.read_bytes()
    house.erase("anna")
    after = house.write("anna", "a-2")
    with pytest.raises(ContentsDamaged):
        unseal(copy, "a-1", before, house.subjects.ciphers([after])[after])


def test_the_wrapped_key_and_the_way_to_the_pseudonym_leave_the_file_and_its_log(tmp_path: Path) -> None:
    house = House(tmp_path)
    anna, bert = house.write("anna", "a-1"), house.write("bert", "b-1")
    folder = tmp_path / "subjects"
    gone, stays = wrapped_key(folder, anna), wrapped_key(folder, bert)
    db = sqlite3.connect(folder / "subjects.db")
    (lookup,) = db.execute("SELECT lookup FROM subjects WHERE pseudonym = ?", (anna,)).fetchone()
    db.close()
    assert gone in database(folder)
    house.erase("anna")
    assert gone not in database(folder)
    assert lookup not in database(folder)
    assert stays in database(folder)


def test_a_key_that_stayed_in_the_log_because_of_a_reader_leaves_it_with_the_next_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def held(db: sqlite3.Connection) -> bool:
        return False

    house = House(tmp_path)
    gone = wrapped_key(tmp_path / "subjects", house.write("anna", "a-1"))
    with monkeypatch.context() as patched:
        patched.setattr(module, "scrub", held)
        house.erase("anna")
    assert gone in database(tmp_path / "subjects")
    house.subjects.resume(house.contents)
    assert gone not in database(tmp_path / "subjects")


def test_commitments_of_an_erased_subject_open_only_with_the_salts_that_are_gone(tmp_path: Path) -> None:
    house = House(tmp_path)
    pseudonym = house.subjects.pseudonyms(["anna"])["anna"]
    committed = commit_fields({"answer": b"yes"})
    house.contents.write_many(
        [RecordContents("a-1", pseudonym, NOW, {"answer": Field(committed.salts["answer"], b"yes")})]
    )
    assert house.contents.read("a-1").fields["answer"].salt == committed.salts["answer"]
    house.erase("anna")
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert committed.salts["answer"] not in written
    assert committed.salts["answer"].hex().encode() not in written
    assert b"a-1" not in written


def test_another_process_that_holds_the_key_in_memory_stops_using_it_at_once(tmp_path: Path) -> None:
    eraser, other = House(tmp_path), House(tmp_path)
    anna = other.write("anna", "a-1")
    other.write("bert", "b-1")
    assert other.opens("a-1", "b-1") == {"a-1", "b-1"}
    eraser.erase("anna")
    assert other.opens("a-1", "b-1") == {"b-1"}
    late = RecordContents("a-2", anna, NOW, {})
    assert other.contents.write_many([late]) == (Refused("a-2", "subject-erased"),)
    assert other.subjects.pseudonyms(["anna"])["anna"] != anna


def test_an_erasure_whose_records_cannot_be_removed_now_is_completed_later(tmp_path: Path) -> None:
    class Failing:
        def forget(self, subject: str) -> int:
            raise StoreError("the store is out of reach")

    house = House(tmp_path)
    anna = house.write("anna", "a-1", "a-2")
    with pytest.raises(StoreError, match="out of reach"):
        house.subjects.erase("anna", BASIS, NOW, Failing())
    assert house.opens("a-1", "a-2") == set()
    assert house.subjects.resume(house.contents) == [Erasure(anna, 2, NOW, BASIS)]


def test_a_death_at_any_moment_of_an_erasure_closes_all_or_nothing_and_the_rest_is_completed(tmp_path: Path) -> None:
    annas, berts = ["a-1", "a-2", "a-3"], ["b-1", "b-2", "b-3"]
    house = House(tmp_path / "before")
    anna = house.write("anna", "a-1", "a-2")
    house.write("bert", "b-1")
    house.write("anna", "a-3")
    house.write("bert", "b-2", "b-3")
    wrapped = wrapped_key(tmp_path / "before" / "subjects", anna)
    house.close()
    step, closed = first_step(), 0
    while True:
        folder = shutil.copytree(tmp_path / "before", tmp_path / str(step))
        died = dies_at(step, lambda folder=folder: assert_erased(House(folder)))
        house = House(folder)
        assert house.opens(*berts) == set(berts), step
        left = house.opens(*annas)
        assert left in (set(), set(annas)), step
        closed += not left
        erasures = house.subjects.resume(house.contents)
        assert bool(erasures) is not bool(left), step
        if left:
            erasures = [house.erase("anna")]
        assert erasures == [Erasure(anna, 3, NOW, BASIS)], step
        house.close()
        house = House(folder)
        assert house.opens(*annas, *berts) == set(berts), step
        assert house.erase("anna") is None
        assert wrapped not in database(folder / "subjects"), step
        written = b"".join(path.read_bytes() for path in (folder / "contents").rglob("*") if path.is_file())
        assert b"a-1" not in written, step
        house.close()
        if not died:
            break
        step += EVERY
    assert step > 40
    assert closed * EVERY > 40


def assert_erased(house: House) -> None:
    assert house.erase("anna") is not None


# --- rotating ---


def test_after_a_rotation_everything_opens_and_an_earlier_copy_does_not(tmp_path: Path) -> None:
    house = House(tmp_path)
    anna = house.write("anna", "a-1")
    house.write("bert", "b-1")
    house.close()
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "subjects.db").write_bytes((tmp_path / "subjects" / "subjects.db").read_bytes())
    house = House(tmp_path)
    house.erase("anna")
    assert house.subjects.rotate() == 1
    assert house.opens("a-1", "b-1") == {"b-1"}
    house.close()
    house = House(tmp_path)
    assert house.opens("b-1") == {"b-1"}
    house.write("bert", "b-2")
    assert house.opens("b-2") == {"b-2"}
    with pytest.raises(StoreError, match="does not hold the key"):
        Subjects(copy, KeyFile(tmp_path / "master.key"))
    assert anna not in house.subjects.ciphers([anna])


def test_others_go_on_through_a_rotation(tmp_path: Path) -> None:
    first, second = opened(tmp_path), opened(tmp_path)
    before = second.pseudonyms(["anna"])["anna"]
    first.pseudonyms(["bert"])
    for _ in range(3):
        first.rotate()
        carl = second.pseudonyms(["anna", "bert", "carl"])
        assert carl["anna"] == before
        assert set(second.ciphers(list(carl.values()))) == set(carl.values())
        assert opened(tmp_path).pseudonyms(["anna", "bert", "carl"]) == carl


def test_keys_are_rewrapped_in_as_many_transactions_as_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REWRAP_AT_ONCE", 7)
    subjects = opened(tmp_path)
    pseudonyms = subjects.pseudonyms([str(index) for index in range(50)])
    before = {one: wrapped_key(tmp_path, one) for one in pseudonyms.values()}
    assert subjects.rotate() == 50
    assert all(wrapped_key(tmp_path, one) != wrapped for one, wrapped in before.items())
    subjects.close()
    assert len(opened(tmp_path).ciphers(list(pseudonyms.values()))) == 50
    assert not any(wrapped in database(tmp_path) for wrapped in before.values())


def test_a_death_at_any_moment_of_a_rotation_loses_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REWRAP_AT_ONCE", 2)
    subjects = opened(tmp_path)
    names = [str(index) for index in range(5)]
    pseudonyms = subjects.pseudonyms(names)
    sealed = {
        one: cipher.encrypt(bytes(12), b"text", None) for one, cipher in subjects.ciphers(pseudonyms.values()).items()
    }
    subjects.close()
    step = first_step()
    while dies_at(step, lambda: assert_rotated(opened(tmp_path))):
        subjects = opened(tmp_path)
        assert subjects.pseudonyms(names) == pseudonyms, step
        ciphers = subjects.ciphers(pseudonyms.values())
        assert all(ciphers[one].decrypt(bytes(12), text, None) == b"text" for one, text in sealed.items()), step
        assert_rotated(subjects)
        subjects.close()
        step += EVERY
    assert step > 40
    assert len((tmp_path / "master.key").read_text().split()) == 1
    db = sqlite3.connect(tmp_path / "subjects.db")
    assert db.execute("SELECT count(*) FROM masters").fetchone() == (1,)
    db.close()


def assert_rotated(subjects: Subjects) -> None:
    assert subjects.rotate() == 5


# --- together ---


def test_processes_that_meet_the_same_subjects_at_the_same_time_agree(tmp_path: Path) -> None:
    names = [f"subject-{index}" for index in range(60)]

    def meet(order: list[str]) -> None:
        subjects = opened(tmp_path)
        for name in order:
            subjects.pseudonyms([name])
        subjects.close()

    children: list[int] = []
    for order in (names, names[::-1]):
        child = os.fork()
        if child == 0:
            try:
                meet(order)
                os._exit(0)
            finally:
                os._exit(1)
        children.append(child)
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
    subjects = opened(tmp_path)
    pseudonyms = subjects.pseudonyms(names)
    assert len(set(pseudonyms.values())) == len(subjects.ciphers(pseudonyms.values())) == 60
    assert subjects.rotate() == 60


def test_a_key_that_was_given_out_survives_kill_9(tmp_path: Path) -> None:
    def make() -> None:
        subjects = opened(tmp_path)
        pseudonym = subjects.pseudonyms(["anna"])["anna"]
        sealed = subjects.ciphers([pseudonym])[pseudonym].encrypt(bytes(12), b"text", None)
        (tmp_path / "sealed").write_text(f"{pseudonym} {sealed.hex()}")

    dies(make)
    pseudonym, sealed = (tmp_path / "sealed").read_text().split()
    cipher: AESGCM = opened(tmp_path).ciphers([pseudonym])[pseudonym]
    assert cipher.decrypt(bytes(12), bytes.fromhex(sealed), None) == b"text"
