import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from freehold.errors import ConfigError
from freehold.training.dataset import Dataset, write_dataset
from freehold.training.progress import Ended, Line, Progress, Scored
from freehold.training.recipe import parse_recipe
from freehold.training.runs import RunFolder, find_run, list_runs, new_run, standing, stop_run
from training.rows import row

RECIPE = parse_recipe(b'model = "own/t"\nstage = "sft"\nstart = "w"\ndata = "d"\n[learning]\nsteps = 5\n')

HOLDS = """
import sys, time
from pathlib import Path
from freehold.training.runs import RunFolder
place = RunFolder(Path(sys.argv[1]))
with place.held():
    print("held", flush=True)
    while not place.stop.exists():
        time.sleep(0.01)
sys.exit(7)
"""


def made(data: Path, second: int = 0) -> RunFolder:
    return new_run(data, RECIPE, datetime(2026, 5, 6, 7, 8, second, tzinfo=UTC))


def told(place: RunFolder, *lines: Line) -> None:
    progress = Progress(place.progress)
    for line in lines:
        progress.tell(line)
    progress.close()


def test_a_run_keeps_its_recipe_and_when_it_was_made(tmp_path: Path) -> None:
    place = made(tmp_path)
    assert place.path.parent == tmp_path / "runs"
    assert place.path.name.startswith("t-20260506-070800-")
    assert place.recipe() == RECIPE
    assert (place.run().model, place.run().made_at) == ("own/t", "2026-05-06T07:08:00+00:00")
    assert place.state() == "stopped"


def test_runs_are_found_by_the_beginning_of_their_id_and_the_newest_without(tmp_path: Path) -> None:
    first, second = made(tmp_path, 1), made(tmp_path, 2)
    assert [one.path for one in list_runs(tmp_path)] == [first.path, second.path]
    assert find_run(tmp_path, None).path == second.path
    assert find_run(tmp_path, "t-20260506-070801").path == first.path
    with pytest.raises(ConfigError, match="2 runs begin with t-"):
        find_run(tmp_path, "t-")
    with pytest.raises(ConfigError, match="no run x"):
        find_run(tmp_path, "x")


def test_a_run_that_a_process_holds_is_running_and_can_be_stopped(tmp_path: Path) -> None:
    place = made(tmp_path)
    assert not stop_run(place)
    with subprocess.Popen([sys.executable, "-c", HOLDS, str(place.path)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        assert (place.state(), place.process()) == ("running", child.pid)
        with pytest.raises(ConfigError, match="another process"), place.held():
            pass
        assert stop_run(place)
        assert child.wait(20) == 7
    assert place.state() == "stopped"


def test_a_killed_process_leaves_a_run_that_stopped(tmp_path: Path) -> None:
    place = made(tmp_path)
    with subprocess.Popen([sys.executable, "-c", HOLDS, str(place.path)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        child.kill()
        child.wait()
    assert (place.process(), place.state()) == (None, "stopped")


def test_a_run_stands_where_its_newest_lines_say(tmp_path: Path) -> None:
    place = made(tmp_path)
    old = Scored(step=1, task="t", level=2, thinking=True, items=10, right=1, proven=1, unfinished=0, low=0.0, high=0.4)
    new = Scored(step=2, task="t", level=2, thinking=True, items=10, right=9, proven=9, unfinished=0, low=0.6, high=1.0)
    other = Scored(
        step=2, task="t", level=3, thinking=True, items=10, right=5, proven=4, unfinished=0, low=0.2, high=0.8
    )
    direct = Scored(
        step=2, task="t", level=3, thinking=False, items=10, right=0, proven=0, unfinished=0, low=0.0, high=0.3
    )
    told(place, old, new, other, direct, Ended(step=2, done=True, why="all steps are done", elapsed=1.0, tokens=9))
    stands = standing(place)
    assert stands.state == "done"
    assert stands.scores == (new, direct, other)
    assert stands.accuracy == pytest.approx(0.7)


def test_a_folder_that_is_no_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no run"):
        RunFolder(tmp_path).run()


def test_a_run_keeps_the_rows_that_were_admitted_for_its_owner_alone_and_no_others(tmp_path: Path) -> None:
    rows = Dataset((row("a"), row("b")))
    place = new_run(tmp_path, RECIPE, datetime(2026, 1, 1, tzinfo=UTC), rows=rows, sealed=7)
    assert (place.run().rows, place.run().sealed, place.dataset()) == (rows.digest, 7, rows)
    assert place.rows.stat().st_mode & 0o077 == 0
    write_dataset(Dataset((row("a"),)), place.rows)
    with pytest.raises(ConfigError, match="does not hold the rows that were admitted"):
        place.dataset()
    place.rows.unlink()
    with pytest.raises(ConfigError, match="does not hold the rows that were admitted"):
        place.dataset()


def test_a_run_of_a_dataset_that_admitted_no_rows_trains_on_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="keeps no rows, and its recipe names d"):
        made(tmp_path).dataset()


def test_further_terms_go_with_the_run(tmp_path: Path) -> None:
    terms = b"""
[[contract]]
id = "order-form-7"
vendor = "openai"
route = "api"
title = "Order form 7"
date = "2026-05-01"
sureness = "read"
source = "our files"
permits = { distil = "yes" }
"""
    place = new_run(tmp_path, RECIPE, datetime(2026, 1, 1, tzinfo=UTC), terms=terms)
    found = place.terms().find("order-form-7", "2026-05-01")
    assert found is not None
    assert found.answer("distil") == "yes"
    assert made(tmp_path).terms().find("order-form-7", "2026-05-01") is None


def test_a_request_to_stop_from_an_earlier_life_does_not_stop_the_next(tmp_path: Path) -> None:
    place = made(tmp_path)
    place.stop.touch()
    with place.held():
        assert not place.stop.exists()
