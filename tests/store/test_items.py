"""Items and labels in the store: one row for each input, counted once for each record, gone with their subject."""

import sqlite3
from typing import Any

from freehold.store.database import transaction
from freehold.store.items import (
    ItemRow,
    LabelRow,
    count_items,
    find_item,
    forget_ended,
    forget_subject,
    keep_item,
    keep_label,
    keep_splits,
    labels_for_input,
    labels_of,
    labels_since,
    list_items,
    split_salt,
)


def item(number: int, **fields: Any) -> ItemRow:
    given: dict[str, Any] = {
        "id": f"rec_{number}",
        "workload": "triage",
        "at": 1000 + number,
        "subject": "aa",
        "keep_until": 2_000_000_000,
        "content": f"c{number}".encode(),
    }
    return ItemRow(**{**given, **fields})


def label(number: int, record: str, **fields: Any) -> LabelRow:
    given: dict[str, Any] = {"source": "human", "at": number, "subject": "aa", "score": 1.0}
    return LabelRow(id=f"lab_{number}", record=record, **{**given, **fields})


def ids(rows: list[ItemRow]) -> list[str]:
    return [row.id for row in rows]


def test_what_is_kept_is_what_is_found(db: sqlite3.Connection) -> None:
    whole = item(
        1, model="echo/echo", conversation="ab" * 8, cost_nano=7, total_ms=1.5, first_token_ms=0.5, input_tokens=3
    )
    assert keep_item(db, whole)
    assert find_item(db, "rec_1") == whole
    assert find_item(db, "rec_9") is None


def test_the_same_input_is_counted_and_not_kept_again_and_each_record_counts_once(db: sqlite3.Connection) -> None:
    assert keep_item(db, item(1))
    assert not keep_item(db, item(2, content=b"c1"))
    assert not keep_item(db, item(2, content=b"c1")), "a repetition after a death"
    assert not keep_item(db, item(1))
    assert keep_item(db, item(3, content=b"c1", workload="other")), "another workload's items are its own"
    [kept] = list_items(db, workload="triage")
    assert (kept.id, kept.seen) == ("rec_1", 2)
    found = find_item(db, "rec_2")
    assert found is not None
    assert found.id == "rec_1", "the repeated record leads to the item"


def test_items_are_found_by_workload_split_time_and_label(db: sqlite3.Connection) -> None:
    for number in range(1, 5):
        keep_item(db, item(number))
    keep_item(db, item(5, workload="other"))
    keep_splits(db, [("rec_2", b"s", "rec_2", "train")])
    keep_label(db, label(1, "rec_3"))
    keep_label(db, label(2, "rec_4", score=None))
    assert ids(list_items(db, workload="triage")) == ["rec_1", "rec_2", "rec_3", "rec_4"]
    assert ids(list_items(db, split="train")) == ["rec_2"]
    assert ids(list_items(db, workload="triage", split="")) == ["rec_1", "rec_3", "rec_4"]
    assert ids(list_items(db, since=1002, until=1004)) == ["rec_2", "rec_3"]
    assert ids(list_items(db, labelled=True)) == ["rec_3"]
    assert ids(list_items(db, workload="triage", labelled=False)) == ["rec_1", "rec_2", "rec_4"]
    assert ids(list_items(db, limit=2, newest_first=True)) == ["rec_5", "rec_4"]
    assert count_items(db) == [("other", "", 1, 1, 0), ("triage", "", 3, 3, 1), ("triage", "train", 1, 1, 0)]


def test_what_was_dealt_stays_where_it_is(db: sqlite3.Connection) -> None:
    keep_item(db, item(1))
    assert keep_splits(db, [("rec_1", b"s", "rec_1", "train")]) == 1
    assert keep_splits(db, [("rec_1", b"t", "rec_0", "trial")]) == 0
    [kept] = list_items(db)
    assert (kept.signature, kept.cluster, kept.split) == (b"s", "rec_1", "train")


def test_a_workloads_salt_is_drawn_once(db: sqlite3.Connection) -> None:
    first = split_salt(db, "triage")
    assert len(first) == 16
    assert split_salt(db, "triage") == first
    assert split_salt(db, "other") != first


def test_labels_belong_to_an_answer_and_what_is_right_to_the_input(db: sqlite3.Connection) -> None:
    keep_item(db, item(1))
    keep_item(db, item(2, content=b"c1"))
    ours, theirs = label(1, "rec_1", model="m", author="ann"), label(2, "rec_2", source="feedback", sealed=True)
    assert [keep_label(db, one) for one in (ours, theirs, ours)] == [True, True, False]
    assert labels_of(db, "rec_1") == [ours]
    assert labels_for_input(db, "rec_1") == [ours, theirs]
    assert labels_since(db, 2, 10) == [theirs]


def test_an_erasure_takes_items_duplicates_and_labels_of_the_subject_and_no_others(db: sqlite3.Connection) -> None:
    keep_item(db, item(1))
    keep_item(db, item(2, subject="bb"))
    keep_item(db, item(3, subject="bb", content=b"c1"))
    for number, record, subject in ((1, "rec_1", "aa"), (2, "rec_2", "bb"), (3, "rec_3", "bb")):
        keep_label(db, label(number, record, subject=subject))
    with transaction(db):
        assert forget_subject(db, "aa") == 1
    assert ids(list_items(db)) == ["rec_2"]
    assert [one.id for one in labels_since(db, 0, 10)] == ["lab_2", "lab_3"]
    assert find_item(db, "rec_3") is None, "what it repeated is gone"
    with transaction(db):
        assert forget_subject(db, "bb") == 1
    assert (list_items(db), labels_since(db, 0, 10)) == ([], [])


def test_items_whose_time_is_over_are_not_listed_and_go(db: sqlite3.Connection) -> None:
    keep_item(db, item(1, keep_until=100))
    keep_item(db, item(2, keep_until=101))
    keep_label(db, label(1, "rec_1"))
    assert ids(list_items(db, now=101.0)) == ["rec_2"]
    assert forget_ended(db, 101.0) == 1
    assert ids(list_items(db)) == ["rec_2"]
    assert labels_since(db, 0, 10) == []
