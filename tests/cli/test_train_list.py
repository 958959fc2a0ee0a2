"""`freehold train list`: the runs of a data folder."""

from pathlib import Path

import msgspec

from cli.commands import run
from cli.train_runs import finished


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
