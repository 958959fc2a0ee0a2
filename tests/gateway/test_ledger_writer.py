"""The ledger's writer: every journaled answer gets one entry, whichever worker wrote it and whatever died in between."""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from freehold.config.settings import Ledger
from freehold.errors import ForkedHistory, LogUnwritable, RolledBack, RootMismatch, StoreError
from freehold.gateway.ledger_folder import LedgerFolder
from freehold.gateway.ledger_writer import LedgerWriter
from freehold.ledger.contents import Contents
from freehold.ledger.entry import Entry, read_entry
from freehold.ledger.log import Log, Staged
from freehold.ledger.notes import open_note, parse_note
from freehold.ledger.subjects import Subjects
from freehold.ledger.tiles import TileReader
from freehold.ledger.verify import verify_log
from freehold.store.callers import create_key, revoke_key
from freehold.store.database import open_database
from freehold.store.events import count_set_aside, keep_event
from freehold.store.folder import DATABASE, JOURNAL
from freehold.store.journal import Journal
from freehold.store.records import Private
from store.samples import record

ON = Ledger(origin="log.example/test")
SALTS = {"request": b"\x01" * 32, "response": b"\x02" * 32}


def about(subject: str, **contents: bytes) -> Private:
    return Private(subject=subject, keep_until=2_000_000_000, salts=SALTS, contents=contents)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[LedgerWriter]:
    with contextlib.closing(LedgerWriter(tmp_path, ON)) as opened:
        yield opened


def entries(data: Path) -> list[Entry]:
    """Every entry of the log, after the whole log has been verified."""
    folder = LedgerFolder(data)
    read = Log(folder.log, folder.origin(), folder.signers()).read
    head = verify_log(read, folder.verifiers()).opened.checkpoint
    reader = TileReader(read, head.size)
    return [read_entry(leaf) for index in range(-(-head.size // 256)) for leaf in reader.entries(index)]


def stored(data: Path) -> int:
    with contextlib.closing(open_database(data)) as db:
        return int(db.execute("SELECT count(*) FROM records").fetchone()[0])


def answers(data: Path) -> list[str]:
    return [entry.id for entry in entries(data) if entry.kind == "answer"]


def append(data: Path, *numbers: int) -> None:
    with contextlib.closing(Journal(data / JOURNAL, 0)) as journal:
        for number in numbers:
            journal.append(record(number), about("someone"))


def test_several_journals_become_one_sequence(tmp_path: Path, writer: LedgerWriter) -> None:
    journals = [Journal(tmp_path / JOURNAL, worker) for worker in range(3)]
    for number in range(30):
        journals[number % 3].append(record(number), about("someone"))
        if number % 7 == 0:
            writer.round()
    writer.round()
    for journal in journals:
        journal.close()
    assert sorted(answers(tmp_path)) == [f"rec_{number:06}" for number in range(30)]
    assert stored(tmp_path) == 30


def test_an_entry_says_what_the_record_says_and_nothing_of_contents_or_names(
    tmp_path: Path, writer: LedgerWriter
) -> None:
    with contextlib.closing(Journal(tmp_path / JOURNAL, 0)) as journal:
        journal.append(record(1, commitments={"request": "ab"}), about("Jane Roe", request=b"a secret"))
    writer.round()
    (entry,) = entries(tmp_path)
    assert entry.body["usage"] == {"input": 10, "output": 3}
    assert (entry.body["cost"], entry.body["commitments"]) == (7, {"request": "ab"})
    assert len(entry.body["subject"]) == 64
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"Jane Roe" not in everything
    assert b"a secret" not in everything


def test_salts_and_contents_open_until_their_subject_is_erased(tmp_path: Path, writer: LedgerWriter) -> None:
    with contextlib.closing(Journal(tmp_path / JOURNAL, 0)) as journal:
        journal.append(record(1), about("a", request=b"what was asked"))
    writer.round()
    folder = LedgerFolder(tmp_path)
    with (
        contextlib.closing(Subjects(folder.subjects, folder.master_key)) as subjects,
        contextlib.closing(Contents(folder.contents, subjects)) as contents,
    ):
        kept = contents.read("rec_000001")
    assert kept.fields["request"].salt == SALTS["request"]
    assert kept.fields["request"].content == b"what was asked"
    assert kept.fields["response"].content is None


def test_what_administrators_do_has_its_entry_in_its_order(tmp_path: Path, writer: LedgerWriter) -> None:
    with contextlib.closing(open_database(tmp_path)) as db:
        key, secret = create_key(db, name="team", models=("openai/*",), requests_per_minute=5)
        revoke_key(db, key.id)
        revoke_key(db, key.id)
    writer.round()
    found = entries(tmp_path)
    assert [(entry.kind, entry.id) for entry in found] == [("key.created", key.id), ("key.revoked", key.id)]
    assert found[0].body == {
        "organisation": "default",
        "project": "default",
        "role": "member",
        "models": ["openai/*"],
        "requests_per_minute": 5,
    }
    assert secret not in str(found)


@pytest.mark.parametrize("dying", ["stage", "publish"])
def test_a_death_inside_a_round_repeats_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dying: str
) -> None:
    append(tmp_path, 1, 2)
    with contextlib.closing(LedgerWriter(tmp_path, ON)) as writer:
        writer.round()
    append(tmp_path, 3, 4)
    real = getattr(Log, dying)

    def dies(self: Log, *arguments: object) -> object:
        if dying == "stage":
            real(self, *arguments)  # the files are written, and nothing is committed
        raise KeyboardInterrupt

    with contextlib.closing(LedgerWriter(tmp_path, ON)) as writer, monkeypatch.context() as patched:
        patched.setattr(Log, dying, dies)
        with pytest.raises(KeyboardInterrupt):
            writer.round()
    append(tmp_path, 5)
    with contextlib.closing(LedgerWriter(tmp_path, ON)) as writer:
        writer.round()
    assert answers(tmp_path) == [f"rec_{number:06}" for number in (1, 2, 3, 4, 5)]
    assert stored(tmp_path) == 5


def test_what_was_staged_for_a_transaction_that_was_undone_does_not_stand_twice(
    tmp_path: Path, writer: LedgerWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(tmp_path, *range(250))
    writer.round()
    append(tmp_path, *range(250, 260))
    real = Log.stage

    def full(self: Log, *arguments: Any) -> Staged:
        real(self, *arguments)
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(Log, "stage", full)
        for _ in range(3):
            with pytest.raises(StoreError, match="database or disk is full"):
                writer.round()
    assert len(answers(tmp_path)) == 250
    writer.round()
    assert answers(tmp_path) == [f"rec_{number:06}" for number in range(260)]


def test_a_checkpoint_that_could_not_be_published_is_published_by_the_next_round(
    tmp_path: Path, writer: LedgerWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(tmp_path, 1)

    def full(*_: Any) -> None:
        raise LogUnwritable("The checkpoint cannot be written: No space left on device.")

    with monkeypatch.context() as patched:
        patched.setattr(Log, "publish", full)
        with pytest.raises(LogUnwritable):
            writer.round()
    assert stored(tmp_path) == 1
    writer.round()
    assert answers(tmp_path) == ["rec_000001"]


def test_a_log_whose_tiles_were_changed_is_not_continued(tmp_path: Path, writer: LedgerWriter) -> None:
    append(tmp_path, 1, 2)
    writer.round()
    writer.close()
    tile = LedgerFolder(tmp_path).log / "tile/0/000.p/2"
    whole = tile.read_bytes()
    tile.write_bytes(bytes((whole[0] ^ 1,)) + whole[1:])
    with pytest.raises(RootMismatch, match="do not lead to the root that was signed for 2 entries"):
        LedgerWriter(tmp_path, ON)
    tile.write_bytes(whole)
    LedgerWriter(tmp_path, ON).close()
    assert answers(tmp_path) == ["rec_000001", "rec_000002"]


def test_a_store_that_is_older_than_the_log_does_not_take_back_what_was_signed(
    tmp_path: Path, writer: LedgerWriter
) -> None:
    append(tmp_path, 1)
    writer.round()
    writer.close()
    backup = (tmp_path / DATABASE).read_bytes()
    with contextlib.closing(LedgerWriter(tmp_path, ON)) as second:
        append(tmp_path, 2)
        second.round()
    signed, cosigned = (LedgerFolder(tmp_path).log / name for name in ("checkpoint", "checkpoint.cosigned"))
    before = signed.read_bytes()
    cosigned.write_bytes(before)
    (tmp_path / DATABASE).write_bytes(backup)
    append(tmp_path, 3)
    with pytest.raises(RolledBack, match=r"signs 2 entries, and freehold\.db knows 1"):
        LedgerWriter(tmp_path, ON)
    assert signed.read_bytes() == before
    signed.unlink()  # somebody decided
    with pytest.raises(RolledBack, match=r"checkpoint\.cosigned signs 2 entries"):
        LedgerWriter(tmp_path, ON)
    cosigned.unlink()
    with contextlib.closing(LedgerWriter(tmp_path, ON)) as third:
        third.round()
    assert answers(tmp_path) == ["rec_000001", "rec_000003"]


def test_a_store_of_another_history_does_not_continue_the_log(tmp_path: Path) -> None:
    for place, numbers in (("a", (1, 2)), ("b", (3, 4, 5))):
        with contextlib.closing(LedgerWriter(tmp_path / place, ON)) as one:
            append(tmp_path / place, *numbers)
            one.round()
    mixed = LedgerFolder(tmp_path / "b").log / "checkpoint"
    mixed.write_bytes((LedgerFolder(tmp_path / "a").log / "checkpoint").read_bytes())
    with pytest.raises(ForkedHistory, match="signs 2 entries, with which the log"):
        LedgerWriter(tmp_path / "b", ON)


def test_a_second_writer_waits_for_the_first_to_end(
    tmp_path: Path, writer: LedgerWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("freehold.gateway.ledger_writer.OTHER_SECONDS", 0.05)
    with pytest.raises(StoreError, match="Another process writes the ledger"):
        LedgerWriter(tmp_path, ON)
    monkeypatch.undo()
    append(tmp_path, 1)
    closed = threading.Event()

    def end() -> None:
        closed.set()
        writer.close()

    ending = threading.Timer(0.2, end)
    ending.start()
    with contextlib.closing(LedgerWriter(tmp_path, ON)) as second:
        assert closed.is_set()
        second.round()
    ending.join()
    assert answers(tmp_path) == ["rec_000001"]


def test_without_a_ledger_records_are_stored_all_the_same(tmp_path: Path) -> None:
    with contextlib.closing(LedgerWriter(tmp_path, Ledger(enabled=False))) as writer:
        with contextlib.closing(Journal(tmp_path / JOURNAL, 0)) as journal:
            journal.append(record(1))
        writer.round()
    assert stored(tmp_path) == 1
    assert not (tmp_path / "ledger").exists()


def test_a_log_keeps_its_name(tmp_path: Path) -> None:
    LedgerWriter(tmp_path, ON).close()
    with pytest.raises(StoreError, match=r"is called 'log\.example/test'"):
        LedgerWriter(tmp_path, Ledger(origin="log.example/other"))
    LedgerWriter(tmp_path, ON).close()


def test_an_event_that_no_entry_can_hold_is_kept_and_holds_up_no_other(
    tmp_path: Path, writer: LedgerWriter, caplog: pytest.LogCaptureFixture
) -> None:
    with contextlib.closing(open_database(tmp_path)) as db:
        keep_event(db, "odd", "half", {"share": 0.5}, 1_700_000_000)
        keep_event(db, "odd", "long", {"text": "x" * 70_000}, 1_700_000_000)
        keep_event(db, "even", "whole", {"share": 2}, 1_700_000_000)
        writer.round()
        assert [(entry.kind, entry.id) for entry in entries(tmp_path)] == [("even", "whole")]
        kept = db.execute("SELECT kind, id, at, body, reason FROM unwritten_events ORDER BY number").fetchall()
        assert kept[0][:4] == ("odd", "half", 1_700_000_000_000, '{"share":0.5}')
        assert kept[1][3] == '{"text":"' + "x" * 70_000 + '"}'
        assert ["float" in kept[0][4], "70,0" in kept[1][4]] == [True, True]
        assert count_set_aside(db) == (2, 0)
    said = [one.getMessage() for one in caplog.records]
    assert ["the event odd of half has no entry and is set aside" in one for one in said] == [True, False]


@pytest.mark.parametrize("change", ["added", "retired"])
def test_the_checkpoint_in_force_is_signed_by_the_keys_of_now_from_the_next_start_on(
    tmp_path: Path, change: str
) -> None:
    append(tmp_path, 1)
    with contextlib.closing(LedgerWriter(tmp_path, ON)) as writer:
        writer.round()
    folder = LedgerFolder(tmp_path)
    (first,) = folder.verifiers()
    added = folder.add_signer().verifier
    if change == "retired":
        folder.retire_signer(first.id.hex())
    before = (folder.log / "checkpoint").read_text()
    LedgerWriter(tmp_path, ON).close()
    after = (folder.log / "checkpoint").read_text()
    signed = {"added": [first.id, added.id], "retired": [added.id]}[change]
    assert [signature.key_id for signature in parse_note(after).unverified] == signed
    assert parse_note(after).text == parse_note(before).text
    assert [one.key for one in open_note(after, [added]).verified] == [added]
    LedgerWriter(tmp_path, ON).close()
    assert (folder.log / "checkpoint").read_text() == after
    assert answers(tmp_path) == ["rec_000001"]


# --- while it runs ---


async def until_stored(data: Path, count: int) -> None:
    async with asyncio.timeout(10):
        while stored(data) < count:
            await asyncio.sleep(0.01)


async def test_what_workers_write_is_stored_while_they_run(tmp_path: Path, writer: LedgerWriter) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(writer.run(stop))
    with contextlib.closing(Journal(tmp_path / JOURNAL, 0)) as journal:
        journal.append(record(1))
        await until_stored(tmp_path, 1)
        journal.append(record(2))
        await until_stored(tmp_path, 2)
        journal.append(record(3))
    stop.set()
    await running
    assert answers(tmp_path) == ["rec_000001", "rec_000002", "rec_000003"]
    assert list((tmp_path / JOURNAL).glob("*.log")) == []


async def test_a_store_in_trouble_loses_nothing_and_is_said_once(
    tmp_path: Path, writer: LedgerWriter, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("freehold.gateway.ledger_writer.ROUND_SECONDS", 0.01)

    def run(statement: str) -> None:
        with contextlib.closing(sqlite3.connect(tmp_path / DATABASE, isolation_level=None)) as db:
            db.execute(statement)

    run("ALTER TABLE segments RENAME TO hidden")
    stop = asyncio.Event()
    running = asyncio.create_task(writer.run(stop))
    with contextlib.closing(Journal(tmp_path / JOURNAL, 0)) as journal:
        journal.append(record(1))
        async with asyncio.timeout(10):
            while not writer.failing:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
            run("ALTER TABLE hidden RENAME TO segments")
            while writer.failing:
                await asyncio.sleep(0.01)
    stop.set()
    await running
    assert answers(tmp_path) == ["rec_000001"]
    assert [(said.getMessage(), said.exc_info) for said in caplog.records if said.levelname == "ERROR"] == [
        (
            "records cannot be moved on; they stay in the journal and nothing is lost: Records cannot be stored: no such table: "
            "segments. They stay in the journal. Free some space on the disk.",
            None,
        )
    ]
