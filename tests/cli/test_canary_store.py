"""What the commands about canaries have in common: a change, its event, and the workers who hear of it."""

import contextlib
from pathlib import Path

import pytest

from cli.canaries import begin, events, newest
from freehold.cli.canary_store import change, changing, plain, said
from freehold.errors import InvalidField, NotFound
from freehold.store.canaries import list_canaries
from freehold.store.counters import Counters
from freehold.store.folder import COUNTERS
from store.samples import SLOTS


def test_every_worker_hears_of_a_change(tmp_path: Path) -> None:
    Counters.create(tmp_path / COUNTERS, 0.0, SLOTS)
    with contextlib.closing(Counters.open(tmp_path / COUNTERS, None)) as counters:
        before = counters.generation()
        with changing(tmp_path) as db:
            assert list_canaries(db) == []
            assert counters.generation() == before
        assert counters.generation() == before + 1


def test_a_change_is_told_with_who_made_it(tmp_path: Path) -> None:
    canary = begin(tmp_path)
    changed = change(tmp_path, "triage", "paused", "paused", allowed=("running",), why="")
    assert newest(tmp_path) == changed
    assert (changed.id, changed.phase) == (canary.id, "paused")
    event = events(tmp_path)[-1]
    assert (event.kind, event.id) == ("canary.paused", canary.id)
    assert event.body["by"]


def test_a_change_that_makes_no_sense_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        change(tmp_path, "triage", "paused", "paused", allowed=("running",), why="")
    canary = begin(tmp_path)
    with pytest.raises(InvalidField, match="is running already"):
        change(tmp_path, "triage", "resumed", "running", allowed=("paused",), why="")
    change(tmp_path, "triage", "aborted", "aborted", allowed=("running",), why="enough")
    with pytest.raises(InvalidField, match=rf"{canary.id} of triage is aborted, and cannot be paused any more"):
        change(tmp_path, "triage", "paused", "paused", allowed=("running",), why="")
    assert newest(tmp_path).reason == "enough"


def test_the_salt_is_shown_to_nobody(tmp_path: Path) -> None:
    canary = begin(tmp_path)
    told = plain(canary)
    assert "salt" not in told
    assert canary.salt not in str(told)
    assert told["share_ppm"] == 500_000


def test_phases_are_words() -> None:
    assert said("rolled_back") == "rolled back"
