import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from freehold.training.heavy import lessons, pretrain
from freehold.training.heavy.evaluate import Score
from freehold.training.heavy.libraries import library, torch
from freehold.training.heavy.pretrain import Training, faster_precision
from freehold.training.progress import Ended, Note, Scored, Step, read_progress
from freehold.training.runs import RunFolder, new_run
from freehold.training.tasks.drawn import BYTES, DRAWN
from freehold.training.tasks.task import Problem, Task
from training.heavy.tiny import assert_exact, recipe, trained, weights

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_run_that_was_stopped_half_way_ends_with_the_same_bits(tmp_path: Path, optimizer: str) -> None:
    changes = {"learning__optimizer": optimizer, "curriculum": "mastery"}
    whole = weights(trained(tmp_path / "whole", **changes))
    folder = tmp_path / "halves"
    folder.mkdir()
    steps = iter(range(1, 9))
    first = Training(recipe(**changes), folder, lambda: next(steps) == 5).run()
    assert (first.done, first.step) == (False, 5)
    assert Training(recipe(**changes), folder).run().done
    halves = weights(folder)
    assert whole.keys() == halves.keys()
    assert all(torch.equal(whole[name], halves[name]) for name in whole)
    assert problems(folder) == problems(tmp_path / "whole")


def test_a_run_that_began_before_its_problems_were_kept_does_not_pass_for_one_whose_are(tmp_path: Path) -> None:
    steps = iter(range(1, 9))
    Training(recipe(), tmp_path, lambda: next(steps) == 5).run()
    (tmp_path / DRAWN).unlink()
    assert Training(recipe(), tmp_path).run().done
    assert not (tmp_path / DRAWN).exists()


def test_a_run_that_was_killed_goes_on_from_its_checkpoint_to_the_same_bits(tmp_path: Path) -> None:
    whole = weights(trained(tmp_path / "whole", learning__steps=40))
    place = new_run(tmp_path, recipe(learning__steps=40), datetime(2026, 1, 2, tzinfo=UTC))
    command = [sys.executable, "-m", "freehold.training.heavy", str(place.path)]
    child = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while not (place.path / "checkpoint.pt").exists() and time.monotonic() < until and child.poll() is None:
        time.sleep(0.005)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert not place.weights.exists()
    assert Training(place.recipe(), place.path).run().done
    assert all(torch.equal(value, weights(place.path)[name]) for name, value in whole.items())
    told = [line.step for line in place.lines() if isinstance(line, Step)]
    assert told == sorted(set(told))
    assert place.drawn() is None  # nobody held the run to its end, so no life of it has said what it drew
    assert problems(place.path) == problems(tmp_path / "whole")


def problems(folder: Path) -> set[bytes]:
    """What a run drew, each once."""
    content = (folder / DRAWN).read_bytes()
    return {content[at : at + BYTES] for at in range(0, len(content), BYTES)}


def first_try(_task: Task, _problem: Problem, tries: Sequence[str]) -> str:
    return next((text for text in tries if text), "")


def test_examples_that_are_too_long_are_told_of_once_over_all_lives(tmp_path: Path) -> None:
    plan = recipe(learning__length=17, learning__rows=12)
    folder = new_run(tmp_path, plan)
    steps = iter(range(1, 9))
    Training(plan, folder.path, lambda: next(steps) == 5).run()
    assert not [line for line in folder.lines() if isinstance(line, Note)]
    whole = Training(plan, folder.path)
    whole.run()
    (note,) = [line for line in folder.lines() if isinstance(line, Note)]
    passed = [lesson.passed for lesson in map(whole.batch, range(8))]
    learned = sum(len(lesson.lengths) for lesson in map(whole.batch, range(8)))
    assert 0 < sum(passed[5:]) < sum(passed)
    assert note.sentence.startswith(f"{sum(passed):,} of {sum(passed) + learned:,} examples that were drawn")


@pytest.mark.parametrize(("rung", "thinking"), [("answers", False), ("traces", True)])
def test_a_pupil_is_asked_as_its_teachers_rung_teaches_it_and_judged_by_that(
    tmp_path: Path, *, rung: str, thinking: bool
) -> None:
    teacher = trained(tmp_path / "teacher", learning__steps=1)
    made = recipe(stage="distil", teacher={"run": str(teacher), "rung": rung}, watch__target=0.5)
    (tmp_path / "pupil").mkdir()
    scores = Training(made, tmp_path / "pupil").scores(0)
    assert {one.thinking for one in scores} == {thinking}


@pytest.mark.parametrize("rung", ["traces", "on-policy"])
def test_a_distillation_that_was_stopped_half_way_ends_with_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rung: str
) -> None:
    """What the teacher, or the student, writes is drawn, so this holds the draws to the number of the step. What is proven is not the matter here."""
    monkeypatch.setattr(lessons, "_kept", first_try)
    monkeypatch.setattr(pretrain, "TELL_SECONDS", 0.0)
    teacher = trained(tmp_path / "teacher", learning__steps=100, watch__every=1000, direct=0.0)
    teaching = {"run": str(teacher), "rung": rung, "samples": 2, "temperature": 1.0}
    made = recipe(stage="distil", teacher=teaching, learning__steps=6)
    assert_exact(tmp_path, 3, lambda folder, stopping: Training(made, folder, stopping).run())


def test_it_learns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrain, "TELL_SECONDS", 0.0)  # else a fast machine tells one mean over all of it
    folder = trained(tmp_path / "run", learning__steps=150, watch__every=1000, direct=0.0)
    lines = read_progress(folder / "progress.jsonl")
    losses = [line.loss for line in lines if isinstance(line, Step)]
    scores = [line for line in lines if isinstance(line, Scored)]
    assert len(losses) == 150
    assert losses[-1] < 1.2 < losses[0] / 2
    assert {(one.task, one.level, one.items) for one in scores} == {("arithmetic-chains", 2, 5)}
    assert isinstance(lines[-1], Ended)


def score(level: int, items: int = 10, right: int = 10) -> Score:
    return Score(
        task="t",
        level=level,
        thinking=True,
        items=items,
        right=right,
        proven=0,
        unfinished=0,
        tokens=1.0,
        low=0.0,
        high=1.0,
    )


def all_right(_: int) -> list[Score]:
    return [score(2)]


def nothing_asked(_: int) -> list[Score]:
    return [score(2, items=0, right=0)]


def test_a_run_that_reaches_its_target_decays_and_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = Training(recipe(watch__target=0.5, learning__steps=400), tmp_path)
    monkeypatch.setattr(training, "scores", all_right)
    ended = training.run()
    assert (ended.done, ended.step) == (True, 5), (
        "the first look, after 4 steps, and a decay as long as a quarter of all"
    )


def test_a_target_is_not_reached_where_nothing_can_be_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = Training(recipe(watch__target=0.5), tmp_path)
    monkeypatch.setattr(training, "scores", nothing_asked)
    assert training.run().why == "all steps are done"


def test_a_look_before_the_first_step_is_told_once_over_all_lives_and_changes_no_bit_and_ends_nothing(
    tmp_path: Path,
) -> None:
    plain = weights(trained(tmp_path / "plain"))
    folder = tmp_path / "run"
    folder.mkdir()
    asked = recipe(watch__before=True)
    steps = iter(range(1, 9))
    Training(asked, folder, lambda: next(steps) == 5).run()
    assert Training(asked, folder).run().done
    told = [
        (line.step, line.level, line.thinking)
        for line in read_progress(folder / "progress.jsonl")
        if isinstance(line, Scored)
    ]
    first = [one for one in told if not one[0]]
    assert first == [(0, 2, True), (0, 2, False)]
    assert told[:2] == first
    assert all(torch.equal(value, weights(folder)[name]) for name, value in plain.items())


def test_a_start_that_reaches_the_target_is_trained_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = Training(recipe(watch__target=0.5, watch__before=True, learning__steps=400), tmp_path)
    monkeypatch.setattr(training, "scores", all_right)
    assert training.run().step == 5


EQUATIONS = {"task": "linear-equations-mod-p", "options": {"p": 2}, "levels": [1, 3]}
"""Of level 1 there are so few problems that none is held out."""


def test_a_level_without_held_out_problems_neither_ends_a_run_nor_holds_up_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes: dict[str, Any] = {"mix": [EQUATIONS], "curriculum": "mastery", "watch__target": 0.9, "watch__items": 2}
    training = Training(recipe(**changes), tmp_path)
    weights: list[Any] = []
    real = training.lesson.batch

    def batch(model: Any, step: int, levels: Any) -> Any:
        weights.append(dict(levels[0]))
        return real(model, step, levels)

    monkeypatch.setattr(training.lesson, "batch", batch)
    assert training.run().done
    asked = {(one.level, one.items) for one in read_progress(tmp_path / "progress.jsonl") if isinstance(one, Scored)}
    assert asked == {(1, 0), (3, 2)}
    assert weights[3] == {1: 1.0, 3: 0.0}, "before the first look, after 4 steps"
    assert weights[4] == {1: 1.0, 3: 2.0}


class Seconds:
    """A clock on which a batch, and so a step, takes a second; and one more from the fortieth on."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def batch(self, training: Training, step: int) -> Any:
        self.now += 1 if step < 40 else 2
        return BATCH(training, step)


BATCH = Training.batch


def ended_in_time(folder: Path, monkeypatch: pytest.MonkeyPatch, stops: Callable[[], bool] = lambda: False) -> Ended:
    seconds = Seconds()

    def batch(training: Training, step: int) -> Any:
        return seconds.batch(training, step)

    folder.mkdir(exist_ok=True)
    with monkeypatch.context() as patched:
        patched.setattr(pretrain, "time", seconds)
        patched.setattr(Training, "batch", batch)
        limited = recipe(learning__steps=1_000, learning__minutes=1.0, watch__every=1000, watch__items=1)
        return Training(limited, folder, stops).run()


def test_a_run_ends_in_its_minutes_also_where_steps_become_slower_and_stopped_or_not_with_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ended_in_time(tmp_path / "whole", monkeypatch)
    assert whole.done
    assert 50 <= whole.elapsed <= 60
    asked = iter(range(1, 1_000))
    first = ended_in_time(tmp_path / "halves", monkeypatch, lambda: next(asked) == 47)
    assert (first.done, first.step) == (False, 47), "in the decay"
    second = ended_in_time(tmp_path / "halves", monkeypatch)
    assert (second.step, second.elapsed) == (whole.step, whole.elapsed)
    kept, same = weights(tmp_path / "whole"), weights(tmp_path / "halves")
    assert all(torch.equal(value, same[name]) for name, value in kept.items())


def test_the_precision_is_chosen_by_measuring(tmp_path: Path) -> None:
    training = Training(recipe(), tmp_path)
    before = [weight.detach().clone() for weight in training.model.parameters()]
    assert faster_precision(training.model, [training.batch(0)], training.lesson) in ("float32", "bfloat16")
    after = list(training.model.parameters())
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert all(weight.grad is None for weight in after)


def test_the_folder_is_a_plain_llama(tmp_path: Path) -> None:
    folder = RunFolder(trained(tmp_path / "run"))
    transformers = library("transformers")
    model = transformers.LlamaForCausalLM.from_pretrained(str(folder.weights))
    assert model.config.tie_word_embeddings
    assert model.num_parameters() == 29_120
