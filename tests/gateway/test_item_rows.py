"""What the ledger's writer makes of items and feedback: rows, and the ids to seal words under."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from freehold.config.settings import Ledger
from freehold.gateway.item_rows import take_feedback, take_item
from freehold.gateway.ledger_writer import LedgerWriter
from freehold.store.database import open_database
from freehold.store.events import Event
from freehold.store.items import ItemRow, LabelRow, labels_of, list_items
from freehold.store.records import Private

APART = Private(subject="", keep_until=2_000_000_000, salts={"item": b""}, contents={"item": b"{}"})
BODY: dict[str, Any] = {
    "workload": "triage",
    "model": "echo/echo",
    "conversation": "ab" * 8,
    "cost_nano": 7,
    "total_ms": 1.5,
    "first_token_ms": None,
    "input_tokens": 3,
    "output_tokens": 4,
    "content": "0102",
}


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(open_database(tmp_path)) as opened:
        yield opened


def item(number: int, **fields: Any) -> Event:
    return Event("item", f"rec_{number}", 1000 + number, {**BODY, **fields})


def test_an_item_has_a_row_and_its_words_an_id(db: sqlite3.Connection) -> None:
    assert take_item(db, item(1), APART, "aa") == "item:rec_1"
    assert list_items(db) == [
        ItemRow(
            id="rec_1",
            workload="triage",
            at=1001,
            subject="aa",
            keep_until=2_000_000_000,
            content=b"\x01\x02",
            model="echo/echo",
            conversation="ab" * 8,
            cost_nano=7,
            total_ms=1.5,
            input_tokens=3,
            output_tokens=4,
        )
    ]


def test_a_repeated_input_and_one_whose_subject_is_gone_are_not_sealed(db: sqlite3.Connection) -> None:
    assert take_item(db, item(1), APART, None) is None
    assert take_item(db, item(1), None, "aa") is None
    assert list_items(db) == []
    assert take_item(db, item(1), APART, "aa") == "item:rec_1"
    assert take_item(db, item(2), APART, "bb") is None
    assert [(row.id, row.seen) for row in list_items(db)] == [("rec_1", 2)]


def test_feedback_is_a_label_with_or_without_words(db: sqlite3.Connection) -> None:
    said = Event("feedback", "rec_1", 5, {"label": "lab_1", "score_ppm": 250_000, "model": "m", "by": "key_1"})
    assert take_feedback(db, said, APART, "aa") == "label:lab_1"
    assert take_feedback(db, said, APART, "aa") is None, "a repetition after a death"
    silent = Event("feedback", "rec_1", 6, {"label": "lab_2", "model": "m", "by": "key_1"})
    assert take_feedback(db, silent, None, "aa") is None
    assert (
        take_feedback(db, Event("feedback", "rec_1", 7, {"label": "lab_3", "model": "m", "by": ""}), APART, None)
        is None
    )
    common: dict[str, Any] = {"record": "rec_1", "source": "feedback", "subject": "aa", "model": "m", "author": "key_1"}
    assert labels_of(db, "rec_1") == [
        LabelRow(id="lab_1", at=5, score=0.25, sealed=True, **common),
        LabelRow(id="lab_2", at=6, **common),
    ]


def test_the_ledgers_writer_removes_items_whose_time_is_over(tmp_path: Path) -> None:
    with contextlib.closing(open_database(tmp_path)) as db:
        for number, until in ((1, 1_000), (2, 4_000_000_000)):
            taken = item(number, content=f"0{number}")
            assert take_item(db, taken, msgspec.structs.replace(APART, keep_until=until), "aa") is not None
        with contextlib.closing(LedgerWriter(tmp_path, Ledger(origin="log.example/test"))) as writer:
            writer.round()
        assert [row.id for row in list_items(db)] == ["rec_2"]
