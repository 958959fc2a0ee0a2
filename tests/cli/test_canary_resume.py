"""`freehold canary resume`."""

import json
from pathlib import Path

import pytest

from cli.canaries import begin, events, newest
from cli.commands import run
from freehold.errors import InvalidField


def test_a_paused_canary_goes_on(tmp_path: Path) -> None:
    canary = begin(tmp_path)
    run("canary", "pause", "triage", "--data", str(tmp_path))
    done = run("canary", "resume", "triage", "--data", str(tmp_path))
    assert (done.exit_code, done.stdout) == (0, f"{canary.id} goes on.\n")
    assert newest(tmp_path).phase == "running"
    assert [event.kind for event in events(tmp_path)] == ["canary.started", "canary.paused", "canary.resumed"]


def test_one_that_runs_cannot_be_resumed(tmp_path: Path) -> None:
    begin(tmp_path)
    with pytest.raises(InvalidField, match="is running already"):
        run("canary", "resume", "triage", "--data", str(tmp_path))


def test_it_is_told_as_json(tmp_path: Path) -> None:
    begin(tmp_path)
    run("canary", "pause", "triage", "--data", str(tmp_path))
    told = json.loads(run("canary", "resume", "triage", "--data", str(tmp_path), "--json").stdout)
    assert (told["workload"], told["phase"]) == ("triage", "running")
