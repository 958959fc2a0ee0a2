"""`freehold train stop`: ends a run with a checkpoint."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cli.commands import run
from cli.train_runs import finished
from freehold.errors import ConfigError

HOLDS = """
import sys, time
from pathlib import Path
from freehold.training.runs import RunFolder
place = RunFolder(Path(sys.argv[1]))
with place.held():
    print("held", flush=True)
    while not place.stop.exists():
        time.sleep(0.01)
    sys.stdin.readline()
sys.exit(7)
"""


def test_the_process_that_trains_is_asked_to_end(tmp_path: Path) -> None:
    place = finished(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(place.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        said = run("train", "stop", "--data", str(tmp_path))
        again = run("train", "stop", "--data", str(tmp_path), "--json")
        child.communicate(b"\n", 20)
        assert child.returncode == 7
    assert f"freehold train run {place.path.name}" in said.stdout
    assert json.loads(again.stdout) == {"run": place.path.name, "state": "stopping"}


def test_a_run_that_nobody_trains_cannot_be_stopped(tmp_path: Path) -> None:
    finished(tmp_path)
    with pytest.raises(ConfigError, match="does not go on now"):
        run("train", "stop", "--data", str(tmp_path))
