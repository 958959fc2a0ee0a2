from pathlib import Path

import pytest

from freehold.training.executor import LocalExecutor, command_of, said
from freehold.training.recipe import parse_recipe
from freehold.training.runs import new_run
from training.executing import calibrates, fails_to_calibrate, starts


@pytest.fixture(name="executor")
def _executor(tmp_path: Path) -> LocalExecutor:
    return LocalExecutor({"PATH": "/usr/bin:/bin"}, str(tmp_path / "python"))


def test_a_run_is_started_in_a_session_of_its_own_and_what_it_says_is_logged(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    starts(executor, tmp_path)


def test_a_measurement_is_the_last_line_of_what_the_child_says(executor: LocalExecutor, tmp_path: Path) -> None:
    calibrates(executor, tmp_path)


def test_a_measurement_that_fails_says_why(executor: LocalExecutor, tmp_path: Path) -> None:
    fails_to_calibrate(executor, tmp_path)


FROM_WEIGHTS = 'stage = "sft"\nstart = "w"\ndata = "d"'
FROM_NOTHING = 'stage = "pretrain"\nshape = {}\nmix = [{ task = "arithmetic-chains" }]'


@pytest.mark.parametrize("stage", [FROM_WEIGHTS, FROM_NOTHING])
def test_several_processes_are_started_by_the_launcher_of_torch(tmp_path: Path, stage: str) -> None:
    text = f'model = "own/t"\n{stage}\n[learning]\nsteps = 5\nprocesses = 2\n'
    place = new_run(tmp_path, parse_recipe(text.encode()))
    assert command_of("python", place) == [
        "python", "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
        "-m", "freehold.training.heavy", str(place.path),
    ]  # fmt: skip


def test_what_a_child_says_last_is_told_without_the_head_of_its_log() -> None:
    assert said(b"noise\n2026-01-01 10:00:00,000 training ERROR Too bad. Try again.\n") == "Too bad. Try again."
    assert said(b"x training ERROR Too bad.\n====\nRoot cause\n====\n") == "Too bad."
    assert said(b"") == "it said nothing"
