"""`freehold train list`: the runs of a data folder."""

import contextlib
from pathlib import Path

import msgspec

from cli.commands import run
from cli.train_runs import finished
from freehold.store.database import open_database
from freehold.store.events import Event, take_events
from freehold.training.lives import Life, write_life


def test_runs_are_listed_with_how_they_stand(tmp_path: Path) -> None:
    place = finished(tmp_path)
    assert msgspec.json.decode(run("train", "list", "--data", str(tmp_path), "--json").stdout) == [
        {
            "run": place.path.name,
            "model": "own/small",
            "stage": "pretrain",
            "state": "done",
            "step": 100,
            "right": 0.9,
        }
    ]
    assert "90.0%" in run("train", "list", "--data", str(tmp_path)).stdout


def test_without_runs_the_list_is_empty(tmp_path: Path) -> None:
    assert run("train", "list", "--data", str(tmp_path), "--json").stdout == "[]\n"


def test_looking_tells_the_ledger_of_a_run_that_was_killed_while_nobody_looked(tmp_path: Path) -> None:
    place = finished(tmp_path)
    write_life(place.path / "lives.jsonl", Life(number=1, begun_at=5_000))
    for _ in range(2):
        run("train", "list", "--data", str(tmp_path))
        run("train", "show", "--data", str(tmp_path))
    found: list[Event] = []
    with contextlib.closing(open_database(tmp_path)) as db:
        take_events(db, found.extend)
    assert [(event.kind, event.id, event.body.get("how")) for event in found] == [
        ("training.started", place.path.name, None),
        ("training.ended", place.path.name, "killed"),
    ]
