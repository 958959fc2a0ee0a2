"""`freehold canary abort`."""

import contextlib
from pathlib import Path

import pytest

from cli.canaries import begin, events, newest
from cli.commands import run
from freehold.errors import InvalidField
from freehold.store.canaries import Phase, active_canaries, change_canary
from freehold.store.database import open_database, transaction


@pytest.mark.parametrize("phase", ["running", "paused", "promoted"])
def test_a_canary_is_ended_and_so_is_a_promotion(tmp_path: Path, phase: Phase) -> None:
    canary = begin(tmp_path)
    with contextlib.closing(open_database(tmp_path)) as db, transaction(db):
        change_canary(db, canary, "changed", {}, phase=phase)
    done = run("canary", "abort", "triage", "--reason", "the price rose", "--data", str(tmp_path))
    assert (done.exit_code, done.stdout) == (0, f"{canary.id} is ended; own/nano gets nothing of triage any more.\n")
    ended = newest(tmp_path)
    assert (ended.phase, ended.share_ppm, ended.reason) == ("aborted", 0, "the price rose")
    assert events(tmp_path)[-1].body["reason"] == "the price rose"
    with contextlib.closing(open_database(tmp_path)) as db:
        assert active_canaries(db) == []


def test_what_has_ended_cannot_be_ended_again(tmp_path: Path) -> None:
    begin(tmp_path)
    run("canary", "abort", "triage", "--data", str(tmp_path))
    with pytest.raises(InvalidField, match="is aborted, and cannot be aborted any more"):
        run("canary", "abort", "triage", "--data", str(tmp_path))
