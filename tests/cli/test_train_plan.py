"""`freehold train plan`: what a recipe will take."""

from pathlib import Path

import msgspec
import pytest

from architecture.source import ROOT
from cli.commands import run
from cli.train_runs import RECIPE
from freehold.errors import MalformedDataset
from freehold.training import cluster, executor
from freehold.training.executor import Calibration


def recipe(folder: Path, text: str = RECIPE) -> str:
    path = folder / "r.toml"
    path.write_text(text)
    return str(path)


def test_a_plan_says_weights_arithmetic_and_memory(tmp_path: Path) -> None:
    said = run("train", "plan", recipe(tmp_path), "--no-measure", "--data", str(tmp_path))
    assert said.exit_code == 0
    assert "own/small: pretrain, 100 steps, 25,600 tokens at most" in said.stdout
    assert "29,120 weights" in said.stdout
    assert "nobody's terms hold for them" in said.stdout
    shown = msgspec.json.decode(
        run("train", "plan", recipe(tmp_path), "--no-measure", "--data", str(tmp_path), "--json").stdout
    )
    assert (shown["parameters"], shown["minutes"]) == (29_120, None)


def test_a_plan_whose_rows_are_forbidden_ends_with_1(tmp_path: Path) -> None:
    from freehold.training.dataset import Dataset, Example, Turn, write_dataset
    from freehold.training.provenance import Pedigree

    rows = tmp_path / "rows.jsonl"
    row = Example(turns=(Turn("user", "a?"),), reply="b", pedigree=Pedigree(producer="stranger/m", route="api"))
    write_dataset(Dataset((row,)), rows)
    text = f'model = "own/t"\nstage = "sft"\nstart = "w"\ndata = "{rows}"\n[learning]\nsteps = 5\n'
    said = run("train", "plan", recipe(tmp_path, text), "--data", str(tmp_path))
    assert said.exit_code == 1
    assert "the terms forbid 1 of 1 rows:" in said.stdout
    assert "stranger/m" in said.stdout


GRPO = """
model = "own/t"
stage = "grpo"
start = "own/nano"
mix = [{ task = "arithmetic-chains" }]
reward = { group = 4, prompts = 4 }
[learning]
steps = 120
"""


class Measuring:
    """An executor on which a step takes half a minute."""

    def __init__(self, *_: object) -> None:
        self.asked: list[Path] = []

    def calibrate(self, recipe: Path) -> Calibration:
        self.asked.append(recipe)
        return Calibration(seconds=30.0, tokens=9, parameters=7, memory=2**28, precision="float32", device="cpu")


def nothing() -> None:
    return None


def test_a_step_of_a_run_that_starts_from_weights_is_measured_and_its_minutes_say_what_is_not_in_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "executor_of", Measuring)
    monkeypatch.setattr(executor, "require_libraries", nothing)
    path = recipe(tmp_path, GRPO)
    said = run("train", "plan", path, "--usd-per-hour", "2", "--data", str(tmp_path), environ={"COLUMNS": "200"}).stdout
    assert "about 60 minutes here (cpu, float32), $2.00\n" in said
    assert "    replies stay as long as those that the start writes now; loading, checkpoints and looks" in said
    shown = msgspec.json.decode(run("train", "plan", path, "--data", str(tmp_path), "--json").stdout)
    assert (shown["minutes"], len(shown["assumes"])) == (60.0, 2)


def test_weights_that_are_not_here_are_told_and_not_measured(tmp_path: Path) -> None:
    said = run(
        "train",
        "plan",
        recipe(tmp_path, GRPO.replace('own/nano"', 'gone"\nbase = "qwen/qwen3-0.6b"')),
        "--data",
        str(tmp_path),
    )
    assert "minutes and cost cannot be measured: gone, from which it starts, is not here\n" in said.stdout


def test_weights_that_can_be_fetched_are_told_with_how(tmp_path: Path) -> None:
    environ: dict[str, str | None] = {"COLUMNS": "200", "XDG_CACHE_HOME": str(tmp_path)}
    path = str(ROOT / "recipes" / "smollm2-sft.toml")
    said = run("train", "plan", path, "--data", str(tmp_path), environ=environ).stdout
    assert "smollm2-135m, from which it starts, is not here; `freehold models fetch smollm2-135m` brings it\n" in said


def test_rows_that_are_not_there_are_told(tmp_path: Path) -> None:
    missing = tmp_path / "missing.jsonl"
    text = GRPO.replace("grpo", "sft").replace("reward = {}\n", "").replace("[reward]\n", "")
    with pytest.raises(MalformedDataset, match=r"missing\.jsonl cannot be read: No such file") as refused:
        run("train", "plan", recipe(tmp_path, f'data = "{missing}"\n{text}'), "--no-measure", "--data", str(tmp_path))
    assert refused.value.advice.startswith("`freehold traces make WORKLOAD --out FILE` makes them")


def test_what_is_chosen_when_a_run_begins_is_not_measured_before(tmp_path: Path) -> None:
    text = GRPO.replace('task = "arithmetic-chains"', 'task = "workload", options = { workload = "refunds" }')
    said = run("train", "plan", recipe(tmp_path, text), "--data", str(tmp_path), environ={"COLUMNS": "200"}).stdout
    assert "minutes and cost cannot be measured: the workload's items are chosen when the run begins" in said
    assert "the items are what callers asked" in said
