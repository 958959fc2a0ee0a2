import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from freehold.errors import TrainingError
from freehold.training.executor import Calibration, LocalExecutor
from freehold.training.recipe import parse_recipe
from freehold.training.runs import RunFolder, new_run

RECIPE = parse_recipe(b'model = "own/t"\nstage = "sft"\nstart = "w"\ndata = "d"\n[learning]\nsteps = 5\n')


def python(folder: Path, script: str) -> str:
    """An interpreter in whose place a shell script answers."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def run(folder: Path) -> RunFolder:
    return new_run(folder, RECIPE, datetime(2026, 1, 1, tzinfo=UTC))


def test_a_run_is_started_in_a_session_of_its_own_and_what_it_says_is_logged(tmp_path: Path) -> None:
    place = run(tmp_path)
    job = LocalExecutor({"PATH": "/usr/bin:/bin"}, python(tmp_path, 'echo "$@"; ps -o sid= -p $$; exit 3')).start(place)
    assert job.wait() == 3
    assert not job.running()
    first, session = place.log.read_text().splitlines()
    assert first == f"-m freehold.training.heavy {place.path}"
    assert int(session) != os.getsid(0)


def test_a_measurement_is_the_last_line_of_what_the_child_says(tmp_path: Path) -> None:
    line = '{"seconds":0.5,"tokens":9,"parameters":7,"memory":3,"precision":"float32","device":"cpu"}'
    found = LocalExecutor({}, python(tmp_path, f"echo noise; echo '{line}'")).calibrate(tmp_path / "r.toml")
    assert found == Calibration(seconds=0.5, tokens=9, parameters=7, memory=3, precision="float32", device="cpu")


def test_a_measurement_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no torch here"):
        LocalExecutor({}, python(tmp_path, "echo no torch here >&2; exit 1")).calibrate(tmp_path / "r.toml")
