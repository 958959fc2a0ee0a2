"""What several processes learn together. `ranks.py` trains all that is looked at here in one launch of two."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from freehold.config.paths import environment
from freehold.errors import ConfigError
from freehold.training.executor import LAUNCHER, LocalExecutor
from freehold.training.heavy import lessons, pretrain
from freehold.training.heavy.calibrate import calibrate
from freehold.training.heavy.libraries import torch
from freehold.training.heavy.pretrain import Training
from freehold.training.heavy.processes import agreed, many, of_first, summed
from freehold.training.progress import Ended, Scored, Step, read_progress
from freehold.training.recipe import Recipe, write_recipe
from freehold.training.runs import new_run
from training.heavy.tiny import executed, recipe, trained, weights

pytestmark = pytest.mark.filterwarnings("ignore")

RANKS = Path(__file__).with_name("ranks.py")
SHARED: dict[str, dict[str, Any]] = {
    "adamw": {"learning__accumulate": 2},
    "muon": {"learning__optimizer": "muon", "curriculum": "mastery"},
    "one-example": {"learning__rows": 1, "learning__length": 32},
    "long": {"learning__steps": 40},
    "measured": {"learning__precision": "auto", "learning__steps": 2},
    "target": {"watch__target": 0.5, "learning__steps": 400},
    "token": {"stage": "distil", "rung": "token"},
    "on-policy": {"stage": "distil", "rung": "on-policy"},
}
HALVES = ("muon", "on-policy")
"""Trained in two lives, too."""


def made(teacher: Path, name: str, processes: int) -> Recipe:
    changes = dict(SHARED[name])
    rung = changes.pop("rung", None)
    if rung:
        changes["teacher"] = {"run": str(teacher), "rung": rung, "samples": 2, "temperature": 1.0}
        changes.setdefault("learning__steps", 6)
    return recipe(learning__processes=processes, **changes)


@pytest.fixture(scope="module", name="teacher")
def _teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("teacher"), learning__steps=100, watch__every=1000, direct=0.0)


@pytest.fixture(scope="module", name="two")
def _two(teacher: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one for each of the runs, by two processes, and one for each of those in two lives."""
    home = tmp_path_factory.mktemp("two")
    arguments: list[str] = []
    for name in SHARED:
        arguments += [str(home / name), "0"]
    for name in HALVES:
        halves = str(home / f"{name}-halves")
        arguments += [halves, "3", halves, "0"]
    for folder in map(Path, dict.fromkeys(arguments[::2])):
        folder.mkdir()
        (folder / "recipe.json").write_bytes(write_recipe(made(teacher, folder.name.removesuffix("-halves"), 2)))
    command = [sys.executable, "-m", LAUNCHER, "--standalone", "--nproc-per-node", "2", str(RANKS), *arguments]
    done = subprocess.run(command, env={**environment(), "OMP_NUM_THREADS": "1"}, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return home


def losses(folder: Path) -> list[tuple[int, float]]:
    return [(line.step, line.loss) for line in read_progress(folder / "progress.jsonl") if isinstance(line, Step)]


def first_try(_task: Any, _problem: Any, tries: Sequence[str]) -> str:
    return next((text for text in tries if text), "")


@pytest.mark.parametrize("name", ["adamw", "muon", "one-example", "token", "on-policy"])
def test_two_processes_learn_what_one_learns(
    two: Path, teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr(lessons, "_kept", first_try)
    monkeypatch.setattr(pretrain, "TELL_SECONDS", 0.0)
    Training(made(teacher, name, 1), tmp_path).run()
    alone, together = losses(tmp_path), losses(two / name)
    assert [step for step, _ in together] == list(range(1, made(teacher, name, 2).learning.steps + 1))
    assert [loss for _, loss in together] == pytest.approx([loss for _, loss in alone], rel=1e-4)
    mine, theirs = weights(tmp_path), weights(two / name)
    assert all(torch.allclose(value, theirs[key], atol=1e-4) for key, value in mine.items())


@pytest.mark.parametrize("name", SHARED)
def test_the_processes_of_a_run_hold_the_same_bits_and_the_first_one_alone_tells(two: Path, name: str) -> None:
    first, second = (torch.load(str(two / name / f"rank-{number}.pt")) for number in (0, 1))
    assert all(torch.equal(value, second[key]) for key, value in first.items())
    told = read_progress(two / name / "progress.jsonl")
    assert len({line.step for line in told if isinstance(line, Step)}) == sum(isinstance(one, Step) for one in told)
    assert len({(line.step, line.thinking) for line in told if isinstance(line, Scored)}) == sum(
        isinstance(one, Scored) for one in told
    )
    assert [line.done for line in told if isinstance(line, Ended)] == [True]


def test_a_run_whose_first_process_sees_its_target_reached_decays_and_ends_in_both(two: Path) -> None:
    assert [step for step, _ in losses(two / "target")] == [1, 2, 3, 4, 5], "as one process does (`test_pretrain.py`)"


@pytest.mark.parametrize("name", HALVES)
def test_two_processes_of_which_one_was_told_to_stop_end_with_the_same_bits(two: Path, name: str) -> None:
    whole, halves = two / name, two / f"{name}-halves"
    assert losses(whole) == losses(halves)
    again = weights(halves)
    assert all(torch.equal(value, again[key]) for key, value in weights(whole).items())


def test_two_processes_of_which_one_was_killed_go_on_from_their_checkpoint_to_the_same_bits(
    two: Path, teacher: Path, tmp_path: Path
) -> None:
    place = new_run(tmp_path, made(teacher, "long", 2), datetime(2026, 1, 2, tzinfo=UTC))
    job = LocalExecutor({**environment(), "OMP_NUM_THREADS": "1"}).start(place)
    until = time.monotonic() + 120
    while not (place.path / "checkpoint.pt").exists() and time.monotonic() < until and job.running():
        time.sleep(0.005)
    first = place.process()
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert job.wait() != 0, "the launcher has ended the other one too"
    assert not place.weights.exists()
    executed(place)
    again = weights(place.path)
    assert all(torch.equal(value, again[key]) for key, value in weights(two / "long").items())


def test_a_step_is_measured_of_the_share_of_one_process() -> None:
    assert 150 < calibrate(recipe(learning__processes=2)).tokens <= 4 * 64


def test_one_process_of_a_run_that_has_two_trains_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="among 2 processes, and was started as 1"):
        Training(recipe(learning__processes=2), tmp_path).run()


def test_where_there_is_one_process_nothing_is_exchanged() -> None:
    model = torch.nn.Linear(2, 2)
    assert (many(), of_first("said"), summed(model, 0.1)) == (1, "said", 0.1)
    assert all(weight.grad is None for weight in model.parameters())
    assert agreed("cpu", said=True)
    assert not agreed("cpu", said=False)
