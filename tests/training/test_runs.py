import contextlib
import fcntl
import hashlib
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from freehold.errors import ConfigError, StoreError, TrainingError
from freehold.store.database import open_database
from freehold.store.events import Event
from freehold.training.dataset import Dataset, write_dataset
from freehold.training.progress import Ended, Line, Progress, Scored
from freehold.training.recipe import Portion, parse_recipe, tasks_of
from freehold.training.runs import (
    RunFolder,
    find_run,
    list_runs,
    new_run,
    standing,
    stop_run,
    tell_ledger,
    tell_of_all,
)
from freehold.training.tasks.apart import digest_of, write_apart
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


def test_where_there_are_no_runs_it_is_said_how_to_begin_one(tmp_path: Path) -> None:
    for name in (None, "nano"):
        with pytest.raises(ConfigError) as refused:
            find_run(tmp_path, name)
        assert refused.value.advice == "Begin one: `freehold train run RECIPE`."


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


def test_who_looks_whether_a_run_goes_on_keeps_nobody_from_taking_it_up(tmp_path: Path) -> None:
    place = made(tmp_path)
    with place.held():
        pass
    with (place.path / "lock").open("rb") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)  # as `process` does, for a moment
        ends = threading.Timer(0.1, lambda: fcntl.flock(looking, fcntl.LOCK_UN))
        ends.start()
        with place.held():
            assert place.process() == os.getpid()
        ends.join()


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


def test_what_its_tasks_must_not_draw_is_kept_as_digests_and_missed_when_it_is_gone(tmp_path: Path) -> None:
    drawn = b'model = "own/t"\nstage = "sft"\nstart = "w"\n[[mix]]\ntask = "arithmetic-chains"\n[learning]\nsteps = 5\n'
    recipe, now = parse_recipe(drawn), datetime(2026, 1, 1, tzinfo=UTC)
    content = write_apart(["1+2=?"])
    place = new_run(tmp_path, recipe, now, sealed=1, private={"sealed.txt": content})
    assert (place.path / "sealed.txt").stat().st_mode & 0o077 == 0
    assert place.run().apart == hashlib.sha256(content).hexdigest()
    ((task, _, _),) = tasks_of(place.recipe())
    assert task.apart == {digest_of("1+2=?")}
    assert place.run().recipe == new_run(tmp_path / "other", recipe, now).run().recipe
    (place.path / "sealed.txt").unlink()
    with pytest.raises(ConfigError, match="What must not be drawn cannot be read"):
        tasks_of(place.recipe())


def test_a_run_without_anything_set_apart_has_its_recipe_as_it_was(tmp_path: Path) -> None:
    place = made(tmp_path)
    assert (place.run().apart, type(place.recipe())) == ("", type(RECIPE))


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


def test_the_items_of_a_workload_go_with_the_run_for_its_owner_alone_and_are_found_wherever_it_lies(
    tmp_path: Path,
) -> None:
    options = {"workload": "refunds", "items": "workload-1.json", "sha256": "0" * 64}
    mix = (Portion(task="workload", options=options), *RECIPE.mix)
    place = new_run(tmp_path, replace(RECIPE, mix=mix), private={"workload-1.json": b"{}"})
    assert (place.path / "workload-1.json").stat().st_mode & 0o777 == 0o600
    moved = place.path.rename(tmp_path / "elsewhere")
    assert b'"items":"workload-1.json"' in (moved / "recipe.json").read_bytes()
    read = RunFolder(moved).recipe()
    assert read.mix[0].options == {**options, "items": str(moved / "workload-1.json")}
    assert read.mix[1:] == RECIPE.mix


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


# --- what the ledger is told ---


def events(data: Path) -> list[Event]:
    """What waits for the ledger, left where it is."""
    with contextlib.closing(open_database(data)) as db:
        rows = db.execute("SELECT kind, id, at, body FROM events ORDER BY number").fetchall()
    return [Event(kind, about, at, msgspec.json.decode(body)) for kind, about, at, body in rows]


def test_a_run_that_is_done_has_told_the_ledger_of_its_beginning_and_of_the_weights_at_its_end(tmp_path: Path) -> None:
    place = new_run(tmp_path, RECIPE, datetime(2026, 1, 1, tzinfo=UTC), rows=Dataset((row("a"),)), sealed=7)
    place.settle_here()
    with place.held():
        (begun,) = events(tmp_path)
        place.weights.mkdir()
        (place.weights / "model.safetensors").write_bytes(b"weights")
        (place.path / "ancestry.json").write_bytes(b"{}")
        told(place, Ended(step=5, done=True, why="all steps are done", elapsed=1.0, tokens=90))
    run = place.run()
    about = {"model": "own/t", "stage": "sft", "recipe": run.recipe, "code": run.code, "rows": run.rows, "sealed": 7}
    assert (begun.kind, begun.id, begun.body) == ("training.started", run.id, {**about, "life": 1})
    _, over = events(tmp_path)
    assert (over.kind, over.id) == ("training.ended", run.id)
    assert over.body == {
        **about,
        "life": 1,
        "how": "done",
        "why": "all steps are done",
        "step": 5,
        "tokens": 90,
        "weights": {"model.safetensors": hashlib.sha256(b"weights").hexdigest()},
        "ancestry": hashlib.sha256(b"{}").hexdigest(),
    }


def fails(place: RunFolder, error: Exception) -> None:
    with pytest.raises(type(error)), place.held():
        raise error


def test_of_each_life_it_is_told_how_it_ended_and_of_none_twice(tmp_path: Path) -> None:
    place = made(tmp_path)
    fails(place, TrainingError("No."))
    fails(place, ValueError("secret"))
    with place.held():
        told(place, Ended(step=2, done=False, why="it was told to stop", elapsed=1.0, tokens=9))
    assert not (tmp_path / "freehold.db").exists(), "another machine's ledger is not ours to write"
    assert tell_ledger(place) == 6
    assert tell_ledger(place) == 0
    ends = [event.body for event in events(tmp_path) if event.kind == "training.ended"]
    assert [(body["life"], body["how"], body["why"], body["step"]) for body in ends] == [
        (1, "failed", "training-error", 0),
        (2, "failed", "ValueError", 0),
        (3, "stopped", "it was told to stop", 2),
    ]


def test_whoever_looks_next_tells_of_a_run_whose_process_was_killed(tmp_path: Path) -> None:
    place = made(tmp_path)
    with subprocess.Popen([sys.executable, "-c", HOLDS, str(place.path)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        tell_of_all(tmp_path)
        assert [event.kind for event in events(tmp_path)] == ["training.started"]
        assert tell_ledger(place) == 0
        child.kill()
        child.wait()
    tell_of_all(tmp_path)
    tell_of_all(tmp_path)
    told_of = [(event.kind, event.body.get("how")) for event in events(tmp_path)]
    assert told_of == [("training.started", None), ("training.ended", "killed")]


def test_a_ledger_that_cannot_be_told_ends_no_training_and_is_told_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = made(tmp_path)
    place.settle_here()
    (tmp_path / "freehold.db").mkdir()
    with place.held():
        pass
    assert caplog.text.count("the ledger could not be told of the run t-20260506-070800-") == 2
    (tmp_path / "freehold.db").rmdir()
    assert tell_ledger(place) == 2
    with contextlib.closing(open_database(tmp_path)) as db:
        db.execute("CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT raise(ABORT, 'disk full'); END")
        fails(place, ValueError("x"))
        with pytest.raises(StoreError, match="disk full"):
            tell_ledger(place)


def test_a_run_outside_a_data_folder_and_one_that_never_began_tell_nothing(tmp_path: Path) -> None:
    assert tell_ledger(made(tmp_path)) == 0
    made(tmp_path, 1).path.rename(tmp_path / "elsewhere")
    place = RunFolder(tmp_path / "elsewhere")
    place.settle_here()
    fails(place, ValueError("x"))
    assert tell_ledger(place) == 0
    assert not (tmp_path / "freehold.db").exists()
