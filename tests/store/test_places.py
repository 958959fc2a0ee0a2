"""Entries are found by what they are about, without the database being opened for writing."""

import sqlite3
from pathlib import Path

import pytest

from freehold.errors import StoreError
from freehold.store.places import Place, find_places


def test_all_entries_about_one_id_are_found_oldest_first(db: sqlite3.Connection, data: Path) -> None:
    rows = [(0, "rec_1", "answer", 5), (1, "rec_2", "answer", 6), (7, "rec_1", "trace", 9)]
    db.executemany("INSERT INTO entries VALUES (?, ?, ?, ?)", rows)
    assert find_places(data, "rec_1") == [Place(0, "rec_1", "answer", 5), Place(7, "rec_1", "trace", 9)]
    assert find_places(data, "rec_9") == []


def test_a_folder_without_a_database_is_told_and_stays_without(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be read"):
        find_places(tmp_path, "rec_1")
    assert list(tmp_path.iterdir()) == []
