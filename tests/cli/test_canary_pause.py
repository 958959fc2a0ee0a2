"""`freehold canary pause`."""

import json
from pathlib import Path

import pytest

from cli.canaries import begin, newest
from cli.commands import run
from freehold.errors import InvalidField


def test_a_running_canary_is_held_at_its_share(tmp_path: Path) -> None:
    canary = begin(tmp_path)
    done = run("canary", "pause", "triage", "--data", str(tmp_path))
    assert (done.exit_code, done.stdout) == (0, f"{canary.id} stays where it is; failures and harm still end it.\n")
    assert (newest(tmp_path).phase, newest(tmp_path).share_ppm) == ("paused", 500_000)


def test_a_paused_one_is_paused_already(tmp_path: Path) -> None:
    begin(tmp_path)
    told = json.loads(run("canary", "pause", "triage", "--data", str(tmp_path), "--json").stdout)
    assert told["phase"] == "paused"
    with pytest.raises(InvalidField, match="is paused already"):
        run("canary", "pause", "triage", "--data", str(tmp_path))
