from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from freehold.errors import Contaminated, RowForbidden
from freehold.training.dataset import Dataset, Example, Turn, write_dataset
from freehold.training.heavy.libraries import torch
from freehold.training.heavy.model import load_model
from freehold.training.heavy.tuning import sft
from freehold.training.progress import Ended, Scored, Step, read_progress
from freehold.training.provenance import Pedigree
from freehold.training.recipe import tasks_of
from freehold.training.runs import new_run
from freehold.training.tasks.drawing import held_out
from freehold.training.tasks.task import Problem, write_reply
from training.heavy.tiny import recipe, trained

pytestmark = pytest.mark.filterwarnings("ignore")

TASK = tasks_of(recipe())[0][0]


@pytest.fixture(scope="module", name="base")
def _base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("base") / "run", learning__steps=20)


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


def run_on(base: Path, folder: Path, *examples: Example) -> None:
    folder.mkdir()
    write_dataset(Dataset(examples), folder / "rows.jsonl")
    place = {"data": str(folder / "rows.jsonl")}
    made = recipe(stage="sft", start=str(base), shape=None, learning__steps=1, **place)
    sft(made, new_run(folder, made, datetime(2026, 1, 1, tzinfo=UTC)).path)


OURS = Pedigree(producer="freehold/arithmetic-chains", route="program", terms="freehold-tasks", terms_date="2026-01-01")


def test_a_row_whose_terms_are_not_known_stops_the_trainer_itself(base: Path, tmp_path: Path) -> None:
    problem = next(one for one in (TASK.generate(2, seed) for seed in range(99)) if TASK.split(one) == "train")
    with pytest.raises(RowForbidden, match="stranger/model"):
        run_on(base, tmp_path / "x", example(problem, Pedigree(producer="stranger/model", route="api")))


def test_a_row_that_is_a_held_out_problem_stops_the_trainer(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def admitted(*_: Any) -> tuple[()]:
        return ()

    monkeypatch.setattr("freehold.training.heavy.tuning.admit", admitted)
    (leak,) = held_out(TASK, "val", 2, 1)
    with pytest.raises(Contaminated, match="canonical"):
        run_on(base, tmp_path / "x", example(leak, OURS))
