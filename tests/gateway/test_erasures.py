"""An erasure: nothing of the subject opens any more, everything of others does, and the ledger says that it happened."""

import contextlib
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cli.ledger_reading import contents, entries
from freehold.config.settings import Ledger
from freehold.errors import InvalidField, StoreError, UnknownContents
from freehold.gateway import erasures
from freehold.gateway.erasures import erase, journaled
from freehold.gateway.ledger_folder import LedgerFolder
from freehold.gateway.ledger_writer import LedgerWriter
from freehold.ledger.contents import Contents
from freehold.ledger.subjects import Subjects
from freehold.store.database import open_database
from freehold.store.events import count_set_aside
from freehold.store.folder import JOURNAL
from freehold.store.journal import Journal
from freehold.store.records import Private
from store.samples import record

ON = Ledger(origin="log.example/test")
BASIS = "GDPR Art. 17(1)(b)"


def about(subject: str) -> Private:
    salts = {"request": b"\x01" * 32, "response": b"\x02" * 32}
    return Private(subject=subject, keep_until=2_000_000_000, salts=salts, contents={"request": b"a secret"})


def write(data: Path) -> None:
    with contextlib.closing(LedgerWriter(data, ON)) as writer:
        writer.round()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two records about Jane Roe and one about John Doe."""
    with contextlib.closing(Journal(tmp_path / JOURNAL, 0)) as journal:
        journal.append(record(1), about("Jane Roe"))
        journal.append(record(2), about("John Doe"))
        journal.append(record(3), about("Jane Roe"))
    write(tmp_path)
    return tmp_path


def test_what_was_kept_of_the_subject_is_gone_and_what_was_kept_of_others_stays(data: Path) -> None:
    assert contents(data, "rec_000001").fields["request"].content == b"a secret"
    erasure = erase(data, "Jane Roe", BASIS)
    assert erasure is not None
    assert (erasure.records, erasure.basis) == (2, BASIS)
    for gone in ("rec_000001", "rec_000003"):
        with pytest.raises(UnknownContents):
            contents(data, gone)
    assert contents(data, "rec_000002").fields["request"].content == b"a secret"


def test_the_ledger_says_so_once_by_pseudonym_and_everything_before_still_verifies(data: Path) -> None:
    before = entries(data)
    erasure = erase(data, "Jane Roe", BASIS)
    assert erasure is not None
    write(data)
    write(data)
    after = entries(data)
    assert after[:3] == before
    assert [(entry.kind, entry.id, entry.at, entry.body) for entry in after[3:]] == [
        ("erasure", erasure.pseudonym, erasure.erased_at * 1000, {"records": 2, "basis": BASIS})
    ]
    assert erasure.pseudonym == before[0].body["subject"] == before[2].body["subject"] != before[1].body["subject"]
    everything = b"".join(path.read_bytes() for path in data.rglob("*") if path.is_file())
    assert b"Jane Roe" not in everything


def test_a_subject_of_whom_nothing_is_known_leaves_no_entry(data: Path) -> None:
    assert erase(data, "Nobody", BASIS) is None
    erase(data, "Jane Roe", BASIS)
    assert erase(data, "Jane Roe", BASIS) is None
    write(data)
    assert [entry.kind for entry in entries(data)] == ["answer", "answer", "answer", "erasure"]


def test_without_its_legal_basis_nothing_is_erased(data: Path) -> None:
    with pytest.raises(InvalidField, match="An erasure needs its legal basis"):
        erase(data, "Jane Roe", " ")
    assert contents(data, "rec_000001").fields["request"].content == b"a secret"


@pytest.mark.parametrize("basis", ["x" * 66_000, "GDPR \udcff"])
def test_with_a_legal_basis_that_no_entry_can_hold_nothing_is_erased(data: Path, basis: str) -> None:
    with pytest.raises(InvalidField, match="No entry can hold this legal basis"):
        erase(data, "Jane Roe", basis)
    assert contents(data, "rec_000001").fields["request"].content == b"a secret"


def test_who_comes_back_after_an_erasure_is_somebody_else(data: Path) -> None:
    erase(data, "Jane Roe", BASIS)
    with contextlib.closing(Journal(data / JOURNAL, 0)) as journal:
        journal.append(record(4, started_at=time.time() + 2), about("Jane Roe"))
    write(data)
    found = entries(data)
    pseudonyms = [entry.body["subject"] for entry in found if entry.kind == "answer"]
    assert pseudonyms[3] not in pseudonyms[:3]
    assert contents(data, "rec_000004").fields["request"].content == b"a secret"


# --- what is on its way ---


def test_what_was_journaled_before_an_erasure_and_drained_after_it_gets_no_new_name_and_nothing_is_kept_of_it(
    data: Path,
) -> None:
    with contextlib.closing(Journal(data / JOURNAL, 0)) as journal:
        journal.append(record(4, started_at=time.time() - 30), about("Jane Roe"))
        journal.append(record(5, started_at=time.time() - 30), about("John Doe"))
    assert erase(data, "Jane Roe", BASIS) is not None
    write(data)
    with pytest.raises(UnknownContents):
        contents(data, "rec_000004")
    assert contents(data, "rec_000005").fields["request"].content == b"a secret"
    subjects = {entry.id: entry.body.get("subject") for entry in entries(data) if entry.kind == "answer"}
    assert subjects["rec_000004"] is None
    assert subjects["rec_000005"] == subjects["rec_000002"] is not None
    assert erase(data, "Jane Roe", BASIS) is None, "no key was made for it"


def test_an_erasure_between_the_writers_look_and_its_writing_is_noticed(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with contextlib.closing(Journal(data / JOURNAL, 0)) as journal:
        journal.append(record(4, started_at=time.time() - 30), about("Jane Roe"))
    real, folder = Subjects.pseudonyms, LedgerFolder(data)
    erased: list[str] = []

    def meanwhile(self: Subjects, subjects: Any) -> dict[str, str]:
        if "Jane Roe" in subjects and not erased:
            erased.append("Jane Roe")
            with (
                contextlib.closing(Subjects(folder.subjects, folder.master_key)) as others,
                contextlib.closing(Contents(folder.contents, others)) as kept,
            ):
                assert others.erase("Jane Roe", BASIS, int(time.time()), kept) is not None
        return real(self, subjects)

    with monkeypatch.context() as patched:
        patched.setattr(Subjects, "pseudonyms", meanwhile)
        write(data)
    with pytest.raises(UnknownContents):
        contents(data, "rec_000004")
    assert erased == ["Jane Roe"]


def test_a_subject_that_stands_in_a_journal_alone_is_erased_with_an_entry(data: Path) -> None:
    with contextlib.closing(Journal(data / JOURNAL, 0)) as journal:
        journal.append(record(4, started_at=time.time() - 30), about("Max Mustermann"))
        with contextlib.closing(open_database(data)) as db:
            assert [journaled(db, data, name) for name in ("Max Mustermann", "Jane Roe")] == [1, 0]
        erasure = erase(data, "Max Mustermann", BASIS)
        assert erasure is not None
        assert erasure.records == 0
        write(data)
        with contextlib.closing(open_database(data)) as db:
            assert journaled(db, data, "Max Mustermann") == 0, "what is drained is not on its way any more"
    with pytest.raises(UnknownContents):
        contents(data, "rec_000004")
    assert [entry.id for entry in entries(data) if entry.kind == "erasure"] == [erasure.pseudonym]


def test_what_was_said_in_a_line_that_could_not_be_read_goes_too_and_what_others_said_stays(data: Path) -> None:
    said = {name: msgspec.json.encode(about(name)) for name in ("Jane Roe", "Max Mustermann", "John Doe")}
    item = b'{"kind":"item","id":"rec_000003","at":"no time"}\t{"subject":"","contents":"b25seSBKYW5l"}'
    lines = [b'{"id":"rec_%d"}\t%s' % (number, private) for number, private in enumerate(said.values())]
    lines += [item, b"\0\0damage" + said["Jane Roe"]]
    (data / JOURNAL / "w00-1-1.log").write_bytes(b"".join(line + b"\n" for line in lines))
    write(data)
    with contextlib.closing(open_database(data)) as db:
        assert count_set_aside(db) == (0, 5)
        assert [journaled(db, data, name) for name in ("Jane Roe", "Max Mustermann", "Nobody")] == [2, 1, 0]
    assert erase(data, "Jane Roe", BASIS) is not None
    assert erase(data, "Max Mustermann", BASIS) is not None, "it stands nowhere else"
    with contextlib.closing(open_database(data)) as db:
        kept = [line for (line,) in db.execute("SELECT line FROM unreadable_lines")]
    assert kept == [b'{"id":"rec_0"}', b'{"id":"rec_1"}', lines[2], item.partition(b"\t")[0], b""]
    everything = b"".join(path.read_bytes() for path in data.rglob("*") if path.is_file())
    assert [word in everything for word in (b"Jane Roe", b"Mustermann", b"b25seSBKYW5l", b"John Doe")] == [
        False
    ] * 3 + [True]


def test_after_a_day_nothing_is_left_that_knows_that_somebody_was_erased(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    erase(data, "Jane Roe", BASIS)
    folder = LedgerFolder(data)
    with contextlib.closing(Subjects(folder.subjects, folder.master_key)) as subjects:
        assert set(subjects.erased_at(["Jane Roe", "John Doe"])) == {"Jane Roe"}
        write(data)
        assert set(subjects.erased_at(["Jane Roe"])) == {"Jane Roe"}
        now = time.time() + 86_402
        monkeypatch.setattr("freehold.gateway.ledger_writer.time.time", lambda: now)
        write(data)
        assert subjects.erased_at(["Jane Roe"]) == {}


@pytest.mark.parametrize("dying", ["keep_erasure", "acknowledge", "forget"])
def test_a_death_in_between_is_completed_and_told_by_the_next_start(
    data: Path, monkeypatch: pytest.MonkeyPatch, dying: str
) -> None:
    def dies(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        match dying:
            case "keep_erasure":
                patched.setattr(erasures, "keep_erasure", dies)
            case "acknowledge":
                patched.setattr(Subjects, "acknowledge", dies)
            case _:
                patched.setattr("freehold.ledger.contents.Contents.forget", dies)
        with pytest.raises(KeyboardInterrupt):
            erase(data, "Jane Roe", BASIS)
    write(data)
    with pytest.raises(UnknownContents):
        contents(data, "rec_000001")
    told = [entry for entry in entries(data) if entry.kind == "erasure"]
    assert {(entry.body["records"], entry.body["basis"]) for entry in told} == {(2, BASIS)}
    assert len(told) == (2 if dying == "acknowledge" else 1)  # rather twice than never


def test_an_erasure_that_failed_half_way_is_completed_and_told_when_it_is_asked_for_again(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise StoreError("The contents cannot be forgotten: database or disk is full.")

    with contextlib.closing(LedgerWriter(data, ON)) as writer:  # which goes on, and has no next start
        with monkeypatch.context() as patched:
            patched.setattr("freehold.ledger.contents.Contents.forget", full)
            with pytest.raises(StoreError):
                erase(data, "Jane Roe", BASIS)
        erasure = erase(data, "Jane Roe", BASIS)
        assert erasure is not None
        assert erasure.records == 2
        assert erase(data, "Jane Roe", BASIS) is None
        assert erase(data, "Nobody", BASIS) is None
        writer.round()
    told = [(entry.id, entry.body) for entry in entries(data) if entry.kind == "erasure"]
    assert told == [(erasure.pseudonym, {"records": 2, "basis": BASIS})]


def test_a_store_that_cannot_be_opened_is_told_before_anything_is_erased(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Path) -> None:
        raise StoreError("The store is broken.")

    with monkeypatch.context() as patched:
        patched.setattr(erasures, "open_database", broken)
        with pytest.raises(StoreError):
            erase(data, "Jane Roe", BASIS)
    assert contents(data, "rec_000001").fields["request"].content == b"a secret"
