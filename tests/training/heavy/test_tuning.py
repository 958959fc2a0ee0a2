import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freehold.errors import ConfigError, Contaminated, RowForbidden
from freehold.training.dataset import Dataset, Example, Turn, write_dataset
from freehold.training.heavy import __main__ as heavy
from freehold.training.heavy import tuning
from freehold.training.heavy.__main__ import train
from freehold.training.heavy.evaluate import Score
from freehold.training.heavy.libraries import library, torch
from freehold.training.heavy.model import load_model
from freehold.training.heavy.tuning import sft
from freehold.training.progress import Ended, Scored, Step, read_progress
from freehold.training.provenance import Pedigree
from freehold.training.recipe import tasks_of
from freehold.training.runs import RunFolder, list_runs, new_run, standing
from freehold.training.tasks.drawing import held_out
from freehold.training.tasks.task import Problem, write_reply
from freehold.training.tasks.workload import WorkloadTask
from training.heavy.tiny import assert_exact, executed, finished, kept_sevens, mix_of, recipe, sevens, weights

pytestmark = pytest.mark.filterwarnings("ignore")

TASK = tasks_of(recipe())[0][0]


@pytest.fixture(scope="module", name="base")
def _base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, with what tells that it is one."""
    return finished(tmp_path_factory.mktemp("base"), learning__steps=20)


def tuned(base: Path, folder: Path, **changes: Any) -> list[Any]:
    folder.mkdir()
    sft(recipe(stage="sft", start=str(base), shape=None, **{"learning__steps": 4, **changes}), folder)
    return read_progress(folder / "progress.jsonl")


def test_tuning_tells_its_steps_and_leaves_a_model(base: Path, tmp_path: Path) -> None:
    lines = tuned(base, tmp_path / "run")
    assert [line.step for line in lines if isinstance(line, Step)] == [1, 2, 3, 4]
    assert any(isinstance(line, Scored) for line in lines)
    assert isinstance(lines[-1], Ended)
    assert lines[-1].done
    before, after = (load_model(one / "model")[0].state_dict() for one in (base, tmp_path / "run"))
    assert any(not torch.equal(value, after[name]) for name, value in before.items())


@pytest.mark.parametrize(("direct", "thinking"), [(0.0, True), (0.25, True), (1.0, False)])
def test_held_out_problems_are_asked_as_the_run_learned_to_answer_them(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, direct: float, thinking: bool
) -> None:
    asked: list[bool] = []

    def seen(*_: Any, thinking: bool = True, **__: Any) -> list[Score]:
        asked.append(thinking)
        return []

    monkeypatch.setattr(tuning, "evaluate", seen)
    tuned(base, tmp_path / "run", direct=direct)
    assert set(asked) == {thinking}


def test_tuning_ends_when_its_minutes_are_over_and_counts_those_of_its_earlier_lives(
    base: Path, tmp_path: Path
) -> None:
    lines = tuned(base, tmp_path / "run", learning__steps=1_000, learning__minutes=0.02)
    assert isinstance(lines[-1], Ended)
    assert (lines[-1].done, lines[-1].why) == (True, "its minutes are over")
    assert 1.2 <= lines[-1].elapsed < 60
    assert (tmp_path / "run" / "model").is_dir()
    folder = tmp_path / "stopped"
    folder.mkdir()
    asked = recipe(stage="sft", start=str(base), shape=None, learning__steps=1_000, learning__minutes=0.2)
    steps = iter(range(4))
    sft(asked, folder, lambda: next(steps, None) is None)
    first = read_progress(folder / "progress.jsonl")
    assert isinstance(first[-1], Ended)
    assert not first[-1].done
    sft(asked, folder, lambda: True)
    second = [line for line in read_progress(folder / "progress.jsonl") if isinstance(line, Step)]
    for told in ([line.elapsed for line in second], [line.tokens for line in second]):
        assert told == sorted(set(told))
    assert second[-1].elapsed > first[-1].elapsed


LORA = {"rank": 2, "alpha": 4, "dropout": 0.2}


@pytest.mark.parametrize("lora", [None, LORA])
def test_tuning_that_was_stopped_half_way_ends_with_the_same_bits(base: Path, tmp_path: Path, lora: Any) -> None:
    changes = {"learning__steps": 6, "watch__every": 2, "watch__items": 2, "lora": lora}
    made = recipe(stage="sft", start=str(base), shape=None, **changes)
    assert_exact(tmp_path, 3, lambda folder, stopping: sft(made, folder, stopping))


def test_it_does_so_in_the_midst_of_its_second_time_through_a_dataset(base: Path, tmp_path: Path) -> None:
    changes = {"learning__steps": 6, "learning__length": 128, "learning__accumulate": 2, "lora": LORA}

    def run(folder: Path, stopping: Callable[[], bool]) -> Ended:
        there = list_runs(folder)
        place = there[0] if there else on_rows(base, folder, *(example(one, OURS) for one in TRAIN[:7]), **changes)
        return sft(place.recipe(), place.path, stopping)

    assert_exact(tmp_path, 3, run)


def scored_at(lines: list[Any]) -> list[int]:
    return [line.step for line in lines if isinstance(line, Scored)]


def score(share: float) -> Score:
    """That share of ten answers is right."""
    return Score(
        task="t",
        level=2,
        thinking=True,
        items=10,
        right=round(10 * share),
        proven=0,
        unfinished=0,
        tokens=1.0,
        low=0.0,
        high=1.0,
    )


def test_tuning_tries_held_out_problems_on_the_way_and_ends_when_its_target_is_reached(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"learning__steps": 6, "watch__every": 2, "watch__items": 2, "watch__tokens": 8}
    assert scored_at(tuned(base, tmp_path / "all", **changes)) == [2, 4, 6]
    assert scored_at(tuned(base, tmp_path / "before", **changes, watch__before=True)) == [0, 2, 4, 6]
    shares = iter([0.5, 0.5, 0.9, 0.9])

    def better(*_: Any, **__: Any) -> list[Score]:
        return [score(next(shares))]

    monkeypatch.setattr(tuning, "evaluate", better)
    lines = tuned(base, tmp_path / "target", **{**changes, "learning__steps": 40}, watch__target=0.9)
    assert scored_at(lines) == [2, 4, 6, 6]
    assert isinstance(lines[-1], Ended)
    assert (lines[-1].step, lines[-1].done, lines[-1].why) == (6, True, "its target is reached")
    assert (tmp_path / "target" / "model").is_dir()


@pytest.mark.parametrize("lora", [None, LORA])
@pytest.mark.parametrize(
    ("shares", "why"), [((0.5, 0.9, 0.9), "its target is reached"), ((0.5, 0.5), "all steps are done")]
)
def test_a_run_that_had_come_to_its_end_and_was_killed_before_its_weights_were_written_only_writes_them(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shares: tuple[float, ...], why: str, lora: Any
) -> None:
    """The target is reached at step 4, with many left, or all four steps are done."""
    steps = 40 if why == "its target is reached" else 4
    changes = {"learning__steps": steps, "watch__every": 2, "watch__target": 0.9, "watch__save": 2, "lora": lora}
    made = recipe(stage="sft", start=str(base), shape=None, **changes)

    def run(folder: Path, *seen: float) -> Ended:
        looks = iter(seen)

        def looked(*_: Any, **__: Any) -> list[Score]:
            return [score(next(looks))]

        monkeypatch.setattr(tuning, "evaluate", looked)
        folder.mkdir(exist_ok=True)
        return sft(made, folder)

    assert run(tmp_path / "whole", *shares).done
    with monkeypatch.context() as patched:
        patched.setattr(tuning, "save_model", killed)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "killed", *shares)
    ended = run(tmp_path / "killed", shares[-1])
    assert (ended.step, ended.done, ended.why) == (4, True, why)
    told, again = (read_progress(tmp_path / name / "progress.jsonl") for name in ("whole", "killed"))
    assert [line.step for line in again if isinstance(line, Step)] == [1, 2, 3, 4]
    assert isinstance(told[-1], Ended)
    assert (told[-1].step, told[-1].tokens) == (4, ended.tokens)
    assert scored_at(again) == [*scored_at(told), 4]
    kept, same = (weights(tmp_path / name) for name in ("whole", "killed"))
    assert kept.keys() == same.keys()
    assert all(torch.equal(value, same[name]) for name, value in kept.items())


def killed(*_: Any) -> None:
    raise KeyboardInterrupt


def test_a_look_that_misses_the_target_ends_no_later_life(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One level is as good as the target, the other is not; the life is stopped after that look."""

    def looked(*_: Any, **__: Any) -> list[Score]:
        return [score(0.9), score(0.8)]

    monkeypatch.setattr(tuning, "evaluate", looked)
    changes = {"learning__steps": 3, "watch__every": 2, "watch__target": 0.9}
    made = recipe(stage="sft", start=str(base), shape=None, **changes)
    before_the_last = iter(range(1))
    assert sft(made, tmp_path, lambda: next(before_the_last, None) is None).step == 2
    assert sft(made, tmp_path).step == 3


@pytest.mark.parametrize("schedule", ["wsd", "cosine"])
def test_the_rate_comes_down_at_the_end(base: Path, tmp_path: Path, schedule: str) -> None:
    changes = {"learning__schedule": schedule, "learning__warmup": 1, "learning__decay": 0.5}
    rates = [line.rate for line in tuned(base, tmp_path / "run", **changes) if isinstance(line, Step)]
    assert rates[-1] < 0.6 * max(rates)


def test_adapters_are_merged_into_a_model_of_the_same_shape(base: Path, tmp_path: Path) -> None:
    tuned(base, tmp_path / "run", lora={"rank": 2, "alpha": 4})
    before, after = (load_model(one / "model")[0].state_dict() for one in (base, tmp_path / "run"))
    assert before.keys() == after.keys()
    assert torch.equal(before["model.embed_tokens.weight"], after["model.embed_tokens.weight"])
    assert not torch.equal(before["model.layers.0.mlp.up_proj.weight"], after["model.layers.0.mlp.up_proj.weight"])


def example(problem: Problem, pedigree: Pedigree) -> Example:
    reply = write_reply(TASK.solve(problem))
    turns = (Turn("user", TASK.render(problem)),)
    return Example(turns=turns, reply=reply, pedigree=pedigree, task=TASK.name, problem=TASK.digest(problem), level=2)


def on_rows(base: Path, folder: Path, *examples: Example, **changes: Any) -> RunFolder:
    """A new run on these rows, whatever they are."""
    changes = {"learning__steps": 1, "data": "rows.jsonl", **changes}
    made = recipe(stage="sft", start=str(base), shape=None, **changes)
    return new_run(folder, made, datetime(2026, 1, 1, tzinfo=UTC), rows=Dataset(examples))


OURS = Pedigree(producer="freehold/arithmetic-chains", route="program", terms="freehold-tasks", terms_date="2026-01-01")


TRAIN = [one for one in (TASK.generate(2, seed) for seed in range(60)) if TASK.split(one) == "train"][:8]


def test_the_rows_of_a_dataset_are_learned(base: Path, tmp_path: Path) -> None:
    place = on_rows(base, tmp_path, *(example(one, OURS) for one in TRAIN))
    assert sft(place.recipe(), place.path).done
    assert place.weights.is_dir()


def test_rows_that_are_too_long_are_told_once(base: Path, tmp_path: Path) -> None:
    rows = [example(one, OURS) for one in TRAIN]
    long = msgspec.structs.replace(rows[0], reply=f"{rows[0].reply}{'1' * 128}")
    place = on_rows(base, tmp_path, long, *rows[1:], learning__length=128, learning__steps=2)
    assert not sft(place.recipe(), place.path, lambda: True).done
    assert sft(place.recipe(), place.path).done
    assert [one.sentence for one in standing(place).notes] == ["1 of 8 rows is longer than 128 tokens and not learned."]


def test_a_run_that_was_killed_before_its_first_checkpoint_tells_each_step_once(base: Path, tmp_path: Path) -> None:
    tuned(base, tmp_path / "run", learning__steps=2)
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    sft(recipe(stage="sft", start=str(base), shape=None, learning__steps=2), tmp_path / "run")
    told = read_progress(tmp_path / "run" / "progress.jsonl")
    assert [line.step for line in told if isinstance(line, Step)] == [1, 2]


def test_a_row_whose_terms_are_not_known_stops_the_trainer_itself(base: Path, tmp_path: Path) -> None:
    place = on_rows(base, tmp_path, example(TRAIN[0], Pedigree(producer="stranger/model", route="api")))
    with pytest.raises(RowForbidden, match="stranger/model"):
        sft(place.recipe(), place.path)


def test_a_row_that_is_a_held_out_problem_stops_the_trainer(base: Path, tmp_path: Path) -> None:
    (leak,) = held_out(TASK, "val", 2, 1)
    place = on_rows(base, tmp_path, example(leak, OURS))
    with pytest.raises(Contaminated, match="problems of held-out splits"):
        sft(place.recipe(), place.path)


PEDIGREES: dict[Pedigree, bool] = {
    OURS: True,
    Pedigree(producer="customer/c", route="customer", terms="customer-data", terms_date="2026-01-01"): True,
    Pedigree(producer="openai/x", route="api", terms="openai-services-agreement", terms_date="2026-01-01"): False,
    Pedigree(producer="stranger/model", route="api"): False,
    Pedigree(producer="own/x", route="api", terms="own-models", terms_date="2026-01-01", parents=("0" * 64,)): False,
    Pedigree(
        producer=OURS.producer, route="program", terms=OURS.terms, terms_date=OURS.terms_date, purpose="evaluate"
    ): False,
}
"""What rows may come from, and whether they may be learned from."""


@given(drawn=st.lists(st.sampled_from(list(PEDIGREES)), min_size=1, max_size=6), kept=st.booleans())
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_no_forbidden_row_ever_reaches_a_trainer_and_no_other_is_kept_from_it(
    base: Path, tmp_path_factory: pytest.TempPathFactory, drawn: list[Pedigree], kept: bool
) -> None:
    """Every stage begins in `train`. What it hands on is caught where a trainer of TRL's takes its rows; `kept` says that the run's rows were exchanged
    behind its back for forbidden ones."""
    rows = [example(TRAIN[place], one) for place, one in enumerate(drawn)]
    place = on_rows(base, tmp_path_factory.mktemp("run"), *rows, learning__length=128)
    if kept:
        write_dataset(Dataset((*rows, example(TRAIN[7], next(reversed(PEDIGREES))))), place.rows)
    with pytest.MonkeyPatch.context() as patched:
        caught: list[int] = []
        patched.setattr(trl(), "SFTTrainer", catching(caught))
        if all(PEDIGREES[one] for one in drawn) and not kept:
            with pytest.raises(Reached):
                train(place, lambda: False)
            assert len(caught) == len(rows)
        else:
            with pytest.raises((RowForbidden, ConfigError)):
                train(place, lambda: False)
            assert caught == []


@pytest.mark.parametrize("stage", ["pretrain", "distil", "sft", "grpo", "dpo"])
def test_no_stage_begins_on_weights_of_which_nothing_tells_what_they_were_made_from(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    reached: list[str] = []

    def reach(*_: object) -> None:
        reached.append("a trainer")

    for name in ("Training", "sft", "grpo", "dpo"):
        monkeypatch.setattr(heavy, name, reach)
    weights = base / "model"
    stranger = tmp_path / "stranger"
    shutil.copytree(weights, stranger)
    changes: dict[str, Any] = (
        {"teacher": {"run": str(stranger)}} if stage == "distil" else {"start": str(stranger), "reward": {}}
    )
    place = new_run(tmp_path, recipe(stage=stage, **changes), datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(RowForbidden, match="Nothing tells what the weights in"):
        train(place, lambda: False)
    assert reached == []


class Reached(Exception):
    """A trainer was made."""


def catching(lengths: list[int]) -> type:
    """In the place of a trainer: takes the lengths of its examples, and ends there."""

    class Caught:
        def __init__(self, *, train_dataset: Any, **_: Any) -> None:
            lengths.extend(size for row in train_dataset["seq_lengths"] for size in row)
            raise Reached

    return Caught


def trl() -> Any:
    return library("trl")


def losses(place: RunFolder) -> list[float]:
    return [line.loss for line in executed(place) if isinstance(line, Step)]


def test_two_processes_learn_what_one_learns_with_twice_the_rows(base: Path, tmp_path: Path) -> None:
    changes = {"learning__steps": 3, "learning__rows": 4, "watch__items": 2, "watch__tokens": 8}
    one, two = (
        new_run(
            tmp_path / str(count),
            recipe(stage="sft", start=str(base), shape=None, **changes, learning__processes=count),
            datetime(2026, 1, 1, tzinfo=UTC),
        )
        for count in (1, 2)
    )
    assert losses(one) == pytest.approx(losses(two), abs=2e-3)
    weights, others = (load_model(place.weights)[0].state_dict() for place in (one, two))
    assert all(torch.allclose(value, others[name], atol=2e-3) for name, value in weights.items())
    assert [line.step for line in two.lines() if isinstance(line, Step)] == [1, 2, 3]


def on_sevens(base: Path, folder: Path, learned: Any, looked_at: Any, **changes: Any) -> RunFolder:
    """A run on traces of the workload's items that looks at others of them."""
    task = WorkloadTask(sevens(*learned), {"kind": "exact"})
    customer = Pedigree(producer="customer/sevens", route="customer", terms="customer-data", terms_date="2026-01-01")
    rows = tuple(
        Example(
            turns=tuple(Turn(role, text) for role, text in task.turns(task.problem(one))),
            reply="<think>\n7\n</think>\n7",
            pedigree=customer,
            task="sevens",
            problem=task.digest(task.problem(one)),
        )
        for one in task.items
    )
    made = recipe(
        stage="sft",
        start=str(base),
        shape=None,
        data="rows.jsonl",
        mix=mix_of("workload-1.json"),
        **{"watch__every": 10, "watch__save": 1000, "watch__items": 50, "learning__steps": 300, **changes},
    )
    private = {"workload-1.json": kept_sevens((), looked_at)}
    return new_run(folder, made, datetime(2026, 1, 1, tzinfo=UTC), rows=Dataset(rows), private=private)


def test_a_run_on_traces_of_a_workload_ends_early_by_the_items_that_it_looks_at(base: Path, tmp_path: Path) -> None:
    place = on_sevens(base, tmp_path, range(100, 140), range(200, 206), watch__target=0.9)
    ended = train(place, lambda: False)
    assert (ended.done, ended.why) == (True, "its target is reached")
    assert 10 <= ended.step < 300
    (score,) = standing(place).scores
    assert (score.task, score.items, score.right >= 5) == ("sevens", 6, True)
    assert place.weights.is_dir()


def test_a_row_that_answers_an_item_that_is_looked_at_stops_the_trainer(base: Path, tmp_path: Path) -> None:
    place = on_sevens(base, tmp_path, range(100, 110), (105, 201))
    with pytest.raises(Contaminated, match="rec_105"):
        train(place, lambda: False)


def test_a_run_whose_items_are_gone_says_so(base: Path, tmp_path: Path) -> None:
    place = on_sevens(base, tmp_path, range(100, 110), (201,))
    (place.path / "workload-1.json").unlink()
    with pytest.raises(ConfigError, match="The items of the run cannot be read"):
        train(place, lambda: False)
