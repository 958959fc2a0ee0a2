"""The lives of a run: their lines, and what the ledger is told of them, each once."""

import sqlite3
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import pytest

from freehold.store.database import open_database
from freehold.store.events import Event, take_events
from freehold.training.lives import Life, read_lives, tell, write_life


@pytest.fixture
def db(tmp_path: Path) -> Generator[sqlite3.Connection]:
    with closing(open_database(tmp_path)) as opened:
        yield opened


def waiting(db: sqlite3.Connection) -> list[Event]:
    found: list[Event] = []
    take_events(db, found.extend)
    return found


def test_the_last_line_of_a_life_counts_and_a_torn_one_does_not(tmp_path: Path) -> None:
    path = tmp_path / "lives.jsonl"
    assert read_lives(path) == []
    over = Life(number=1, begun_at=10, ended_at=20, how="stopped", why="it was told to stop", step=3, tokens=9)
    for life in (Life(number=1, begun_at=10), over, Life(number=2, begun_at=30)):
        write_life(path, life)
    with path.open("ab") as file:
        file.write(b'{"number":2,"begun')
    assert read_lives(path) == [over, Life(number=2, begun_at=30)]


def test_a_life_that_goes_on_has_begun_and_one_that_a_later_one_follows_was_killed(db: sqlite3.Connection) -> None:
    lives = [Life(number=1, begun_at=10_000), Life(number=2, begun_at=30_000)]
    assert tell(db, "run", lives, {"model": "own/t"}, alive=True, now=40_000) == 3
    assert [(event.kind, event.at, event.body) for event in waiting(db)] == [
        ("training.started", 10_000, {"model": "own/t", "life": 1}),
        ("training.ended", 40_000, {"model": "own/t", "life": 1, "how": "killed", "step": 0, "tokens": 0}),
        ("training.started", 30_000, {"model": "own/t", "life": 2}),
    ]


def test_what_is_in_the_ledger_already_is_told_no_more(db: sqlite3.Connection) -> None:
    db.execute("INSERT INTO entries VALUES (0, 'run', 'training.started', 10000)")
    lives = [Life(number=1, begun_at=10_000, ended_at=20_000, how="failed", why="ValueError")]
    for expected in (1, 0):
        assert tell(db, "run", lives, {}, alive=False, now=40_000) == expected
    (event,) = waiting(db)
    assert (event.kind, event.at, event.body["how"], event.body["why"]) == (
        "training.ended",
        20_000,
        "failed",
        "ValueError",
    )
