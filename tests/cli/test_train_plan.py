"""`freehold train plan`: what a recipe will take."""

from pathlib import Path

import msgspec

from cli.commands import run
from cli.train_runs import RECIPE


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
