"""The store against the log: a table or a bill that differs from the entries is found, and named."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

from cli.ledgers import answer, ledger, settle
from freehold.cli.audit import open_ledger
from freehold.cli.audit_books import check_books, open_settled, sizes_differ
from freehold.cli.audit_report import Failure, Report
from freehold.config.settings import Ledger
from freehold.gateway.ledger_writer import LedgerWriter
from freehold.store.database import open_database
from freehold.store.events import keep_event


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction] (pytest uses it)
    monkeypatch.setattr("freehold.cli.audit_books.SETTLE_SECONDS", 0.0)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return ledger(tmp_path, 4, policy="")


def alter(data: Path, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(data / "freehold.db", isolation_level=None)) as db:
        db.execute(statement)


def checked(data: Path) -> Report:
    report = Report("")
    with contextlib.closing(open_database(data)) as db:
        opened, snapshot = open_settled(lambda: open_ledger(data), db)
        report.failure = sizes_differ(opened, snapshot)
        if report.failure is None and snapshot is not None:
            check_books(opened, db, snapshot, report, lambda _done, _total: None)
    return report


def reason(data: Path) -> tuple[str, int | None]:
    failure = checked(data).failure
    assert isinstance(failure, Failure)
    return failure.code, failure.step


def test_books_that_agree_say_so(data: Path) -> None:
    report = checked(data)
    assert [(step.number, step.found) for step in report.steps] == [
        (8, "4, the same"),
        (9, "4 requests, 28 nano-dollars, the same"),
    ]
    assert report.proven == ["What `freehold usage` adds up is what the entries say."]
    assert report.unproven == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET id = 'rec_x' WHERE place = 2",
        "UPDATE entries SET at = at + 1 WHERE place = 0",
        "UPDATE entries SET kind = 'erasure' WHERE place = 3",
        "DELETE FROM entries WHERE place = 1",
        "DELETE FROM entries WHERE place = 3",
    ],
)
def test_a_changed_table_of_entries_is_found(data: Path, statement: str) -> None:
    alter(data, statement)
    assert reason(data) == ("store-differs", 8)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            "UPDATE usage_hours SET cost_nano = cost_nano + 5",
            "counts 33 nano-dollars, and the entries of the ledger 28.",
        ),
        ("UPDATE usage_hours SET input_tokens = 0", "counts 0 input tokens, and the entries of the ledger 40."),
        ("DELETE FROM usage_hours", "counts 0 requests, and the entries of the ledger 4; so do 3 more sums."),
    ],
)
def test_a_bill_that_differs_from_the_entries_is_found(data: Path, statement: str, said: str) -> None:
    alter(data, statement)
    failure = checked(data).failure
    assert failure is not None
    assert (failure.code, failure.step) == ("usage-differs", 9)
    assert failure.message.endswith(said)


def test_what_was_set_aside_is_left_unproven(data: Path) -> None:
    with contextlib.closing(open_database(data)) as db:
        keep_event(db, "odd", "half", {"share": 0.5})
    (data / "journal" / "w09-1-1.log").write_bytes(b"no record\nnor this\n")
    settle(data)
    report = checked(data)
    assert report.ok
    assert report.unproven == [
        "1 event that no entry could hold, set aside in the table unwritten_events of freehold.db.",
        "2 lines of journals that could not be read, set aside in the table unreadable_lines of freehold.db.",
    ]


def test_answers_under_a_configuration_that_no_entry_announces_are_counted(data: Path) -> None:
    for number, policy in ((5, "a"), (6, "b"), (7, "b"), (8, "c")):
        answer(data, number, policy=policy * 64)
    with contextlib.closing(open_database(data)) as db:
        keep_event(db, "policy", "a" * 64, {})
        settle(data)
        keep_event(db, "policy", "c" * 64, {})  # which the ledger's writer has not taken yet
    report = checked(data)
    assert report.ok
    assert report.unproven == [
        "Under which rules 2 answers came about: no entry announces 1 configuration, the first bbbbbbbbbbbb…"
    ]


def test_what_was_counted_while_the_ledger_was_off_is_left_unproven(data: Path) -> None:
    answer(data, 9)
    with contextlib.closing(LedgerWriter(data, Ledger(enabled=False))) as writer:
        writer.round()
    report = checked(data)
    assert report.ok
    assert report.unproven == [
        "1 request (7 nano-dollars) counted while the ledger was off: without an entry, nothing proves them."
    ]


def test_a_log_put_back_to_an_earlier_state_is_behind_its_store(data: Path) -> None:
    checkpoint = data / "ledger" / "log" / "checkpoint"
    before = checkpoint.read_bytes()
    answer(data, 5)
    settle(data)
    checkpoint.write_bytes(before)
    assert reason(data) == ("rolled-back", 2)


def test_a_store_that_is_older_than_the_log_is_found(data: Path) -> None:
    alter(data, "UPDATE ledger_head SET size = 3")
    assert reason(data) == ("store-differs", 8)
    alter(data, "DELETE FROM ledger_head")
    assert reason(data) == ("store-differs", 8)
