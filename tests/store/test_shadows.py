"""Pairs of a shadow: stored once, graded once, and the state of their test beside them."""

import sqlite3

from freehold.store.canaries import first_of
from freehold.store.shadows import (
    Pair,
    forget_units,
    keep_pair,
    keep_scores,
    keep_test,
    list_tests,
    read_test,
    waiting_pairs,
)


def pair(number: int, outcome: str = "answered") -> Pair:
    return Pair(
        record=f"rec_{number}",
        workload="triage",
        candidate="own/nano",
        shadow=f"rec_s{number}",
        outcome=outcome,
        at=1000 + number,
    )


def test_a_pair_waits_once_in_the_order_of_arrival_until_it_is_graded(db: sqlite3.Connection) -> None:
    for number in (2, 1, 2):
        keep_pair(db, pair(number))
    keep_pair(db, pair(3, "vendor-timeout"))
    waiting = waiting_pairs(db, 10)
    assert [(one.record, one.outcome) for one in waiting] == [
        ("rec_2", "answered"),
        ("rec_1", "answered"),
        ("rec_3", "vendor-timeout"),
    ]
    assert [one.record for one in waiting_pairs(db, 1)] == ["rec_2"]
    keep_scores(db, [(waiting[0].number, 1.0, 0.5), (waiting[2].number, None, None)])
    assert [one.record for one in waiting_pairs(db, 10)] == ["rec_1"]
    rows = db.execute("SELECT record, candidate_score, incumbent_score FROM shadow_pairs WHERE graded = 1").fetchall()
    assert rows == [("rec_2", 1.0, 0.5), ("rec_3", None, None)]


def test_what_waits_is_found_without_passing_over_what_is_graded(db: sqlite3.Connection) -> None:
    """SQLite's own count of the steps that it takes: with 2,000 graded pairs before them as with none."""
    for number in range(2_002):
        keep_pair(db, pair(number))
    keep_scores(db, [(one.number, 1.0, 1.0) for one in waiting_pairs(db, 2_000)])
    hundreds = 0

    def count() -> None:
        nonlocal hundreds
        hundreds += 1

    db.set_progress_handler(count, 100)
    assert [one.record for one in waiting_pairs(db, 10)] == ["rec_2000", "rec_2001"]
    db.set_progress_handler(None, 0)
    assert hundreds < 5


def test_a_test_that_begins_anew_has_seen_no_conversation(db: sqlite3.Connection) -> None:
    assert first_of(db, "shadow:triage:own/nano", "c1")
    assert first_of(db, "shadow:triage:own/mini", "c1")
    forget_units(db, "shadow:triage:own/nano")
    assert first_of(db, "shadow:triage:own/nano", "c1")
    assert not first_of(db, "shadow:triage:own/mini", "c1")


def test_the_state_of_a_test_belongs_to_a_workload_and_a_candidate(db: sqlite3.Connection) -> None:
    assert read_test(db, "triage", "own/nano") == b""
    keep_test(db, "triage", "own/nano", b'{"n":1}')
    keep_test(db, "triage", "own/nano", b'{"n":2}')
    keep_test(db, "claims", "own/nano", b'{"n":3}')
    assert read_test(db, "triage", "own/nano") == b'{"n":2}'
    assert list_tests(db) == [("claims", "own/nano", b'{"n":3}'), ("triage", "own/nano", b'{"n":2}')]
