"""Pairs: a captured answer, and what a candidate said in shadow to the same question. Rows of ids, outcomes and scores.

The words are sealed with the ledger's contents, as `item:RECORD` and `shadow:RECORD`. It knows no statistics: the state of a
test is JSON that the trials wrote.
"""

import sqlite3
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

SHADOW: Final = "shadow"
"""The kind of event, the beginning of the sealed record's id, and what a copy's record has in the place of key and arm."""

ITEM: Final = "item"
"""The field that is sealed: the question and the candidate's answer, as an item."""

ANSWERED: Final = "answered"


class Pair(Struct, frozen=True, kw_only=True):
    """One pair that waits to be graded. `record` is the answer's, `shadow` the copy's; `outcome` is `answered`, or the code of
    the error that the candidate failed with. `at` is in Unix milliseconds."""

    number: int = 0
    record: str
    workload: str
    candidate: str
    shadow: str
    outcome: str
    at: int


def keep_pair(db: sqlite3.Connection, pair: Pair) -> None:
    """Stores a pair, once. In the caller's transaction."""
    db.execute(
        "INSERT INTO shadow_pairs (record, workload, candidate, shadow, outcome, at, graded)"
        " VALUES (?, ?, ?, ?, ?, ?, 0) ON CONFLICT DO NOTHING",
        (pair.record, pair.workload, pair.candidate, pair.shadow, pair.outcome, pair.at),
    )


def waiting_pairs(db: sqlite3.Connection, limit: int) -> list[Pair]:
    """The pairs that are not graded yet, in the order of their arrival."""
    rows = db.execute(
        "SELECT number, record, workload, candidate, shadow, outcome, at FROM shadow_pairs WHERE graded = 0"
        " ORDER BY number LIMIT ?",
        (limit,),
    )
    return [
        Pair(
            number=number, record=record, workload=workload, candidate=candidate, shadow=shadow, outcome=outcome, at=at
        )
        for number, record, workload, candidate, shadow, outcome, at in rows
    ]


def keep_scores(db: sqlite3.Connection, scored: Iterable[tuple[int, float | None, float | None]]) -> None:
    """Notes (number, candidate's score, incumbent's score) of pairs that are done with, None where nothing can tell. In the
    caller's transaction."""
    db.executemany(
        "UPDATE shadow_pairs SET graded = 1, candidate_score = ?, incumbent_score = ? WHERE number = ?",
        [(candidate, incumbent, number) for number, candidate, incumbent in scored],
    )


def read_test(db: sqlite3.Connection, workload: str, candidate: str) -> bytes:
    """The state of the test of a candidate's pairs; empty at the beginning."""
    row = db.execute(
        "SELECT state FROM shadow_tests WHERE workload = ? AND candidate = ?", (workload, candidate)
    ).fetchone()
    return b"" if row is None else str(row[0]).encode()


def keep_test(db: sqlite3.Connection, workload: str, candidate: str, state: bytes) -> None:
    """Keeps the state of the test of a candidate's pairs. In the caller's transaction."""
    db.execute(
        "INSERT INTO shadow_tests VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET state = excluded.state",
        (workload, candidate, state.decode()),
    )


def forget_units(db: sqlite3.Connection, test: str) -> None:
    """Forgets which conversations a test has counted, before it begins anew. In the caller's transaction."""
    db.execute("DELETE FROM canary_units WHERE canary = ?", (test,))


def list_tests(db: sqlite3.Connection) -> list[tuple[str, str, bytes]]:
    """(workload, candidate, state) of every test."""
    rows = db.execute("SELECT workload, candidate, state FROM shadow_tests ORDER BY workload, candidate")
    return [(workload, candidate, str(state).encode()) for workload, candidate, state in rows]
