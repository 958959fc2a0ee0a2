"""`freehold train show`: how a run stands."""

from pathlib import Path

import msgspec
import pytest

from cli.commands import run
from cli.train_runs import finished
from freehold.cli.train_show import watch


def test_a_run_is_shown_with_its_scores_and_alarms_and_its_curves_are_drawn(tmp_path: Path) -> None:
    place = finished(tmp_path)
    said = run("train", "show", "--data", str(tmp_path), environ={"COLUMNS": "200"})
    alarm, note = "alarm: Sampler and trainer disagree.", "note: 1 of 8 rows is longer than 64 tokens and not learned."
    for part in ("done, step 100 of 100, loss 0.5000", "18/20", "17/18", alarm, note):
        assert part in said.stdout
    assert "loss (nats a token)" in (place.path / "curves.svg").read_text()


def test_as_json_nothing_is_rounded(tmp_path: Path) -> None:
    place = finished(tmp_path)
    shown = msgspec.json.decode(run("train", "show", place.path.name[:8], "--data", str(tmp_path), "--json").stdout)
    assert (shown["run"], shown["state"], shown["step"]["loss"]) == (place.path.name, "done", 0.5)
    assert shown["scores"][0]["proven"] == 17


def test_following_a_run_that_is_done_ends_at_once(tmp_path: Path) -> None:
    finished(tmp_path)
    done = run("train", "show", "--follow", "--data", str(tmp_path))
    assert done.exit_code == 0
    assert (done.stdout + done.stderr).count("done, step 100 of 100") == 1, "once, not as it was watched and again"


def test_what_was_watched_to_its_end_ends_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert watch(finished(tmp_path), lambda: False)
    shown = capsys.readouterr().err
    assert "done, step 100 of 100" in " ".join(shown.split())
    assert shown.endswith("\n")
