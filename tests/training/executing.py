"""What every executor does with a run, whichever it is."""

import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from freehold.errors import TrainingError
from freehold.training.executor import Calibration, Executor
from freehold.training.recipe import parse_recipe
from freehold.training.runs import RunFolder, new_run

RECIPE = parse_recipe(b'model = "own/t"\nstage = "sft"\nstart = "w"\ndata = "d"\n[learning]\nsteps = 5\n')


def python(folder: Path, script: str) -> str:
    """An interpreter in whose place a shell script answers."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def run(folder: Path, processes: int = 1) -> RunFolder:
    """A new run, of so many processes."""
    recipe = replace(RECIPE, learning=replace(RECIPE.learning, processes=processes))
    return new_run(folder, recipe, datetime(2026, 1, 1, tzinfo=UTC))


def starts(executor: Executor, folder: Path) -> None:
    """A run is started in a session of its own, what it says is logged, and its exit code comes back. The executor's interpreter is `python` in the
    folder."""
    python(folder, 'echo "$@"; ps -o sid= -p $$; exit 3')
    place = run(folder)
    job = executor.start(place)
    assert job.wait() == 3
    assert not job.running()
    first, session = place.log.read_text().splitlines()
    assert first == f"-m freehold.training.heavy {place.path}"
    assert int(session) != os.getsid(0)


def calibrates(executor: Executor, folder: Path) -> None:
    """A measurement is the last line of what the child says."""
    line = '{"seconds":0.5,"tokens":9,"parameters":7,"memory":3,"precision":"float32","device":"cpu"}'
    python(folder, f"echo noise; echo '{line}'")
    found = executor.calibrate(folder / "r.toml")
    assert found == Calibration(seconds=0.5, tokens=9, parameters=7, memory=3, precision="float32", device="cpu")


def fails_to_calibrate(executor: Executor, folder: Path) -> None:
    """A measurement that fails says why."""
    python(folder, "echo no torch here >&2; exit 1")
    with pytest.raises(TrainingError, match="no torch here"):
        executor.calibrate(folder / "r.toml")
