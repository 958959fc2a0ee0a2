"""`freehold train run`: trains in a process that outlives the terminal."""

import contextlib
from importlib.util import find_spec
from pathlib import Path

import msgspec
import pytest

from cli.commands import run
from cli.test_models_promote import QUESTIONS, sealed
from cli.train_runs import RECIPE
from freehold.errors import Contaminated, NotConfigured, RowForbidden, TrainingError
from freehold.store.database import open_database
from freehold.training.dataset import Dataset, Example, Turn, write_dataset
from freehold.training.provenance import Pedigree

WITH_TORCH = all(map(find_spec, ("torch", "transformers", "trl")))


def recipe(folder: Path, text: str = RECIPE) -> str:
    path = folder / "r.toml"
    path.write_text(text)
    return str(path)


def told(data: Path) -> list[tuple[str, str | None]]:
    """What waits for the ledger: kinds, and how a run ended."""
    with contextlib.closing(open_database(data)) as db:
        rows = db.execute("SELECT kind, body FROM events ORDER BY number").fetchall()
    return [(kind, msgspec.json.decode(body).get("how")) for kind, body in rows]


def test_forbidden_rows_stop_a_run_before_it_is_made(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    row = Example(turns=(Turn("user", "a?"),), reply="b", pedigree=Pedigree(producer="stranger/m", route="api"))
    write_dataset(Dataset((row,)), rows)
    text = f'model = "own/t"\nstage = "sft"\nstart = "w"\ndata = "{rows}"\n[learning]\nsteps = 5\n'
    with pytest.raises(RowForbidden, match="stranger/m"):
        run("train", "run", recipe(tmp_path, text), "--data", str(tmp_path))
    assert not (tmp_path / "runs").exists()


def test_rows_that_give_an_item_of_a_workload_away_stop_a_run_before_it_is_made(tmp_path: Path) -> None:
    sealed(tmp_path)
    own = Pedigree(producer="customer/claims", route="customer", terms="customer-data", terms_date="2026-01-01")
    rows = [Example(turns=(Turn("user", f"Say: {asked}"),), reply="b", pedigree=own) for asked in QUESTIONS]
    write_dataset(Dataset(tuple(rows)), tmp_path / "rows.jsonl")
    text = f'model = "own/t"\nstage = "sft"\nstart = "w"\nbase = "qwen/qwen3-0.6b"\ndata = "{tmp_path}/rows.jsonl"\n'
    with pytest.raises(Contaminated, match="rows give away items of a sealed set"):
        run("train", "run", recipe(tmp_path, f"{text}[learning]\nsteps = 5\n"), "--data", str(tmp_path))
    assert not (tmp_path / "runs").exists()


@pytest.mark.skipif(WITH_TORCH, reason="the extra is there")
def test_without_the_extra_nothing_is_made_and_it_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match="Training needs torch") as caught:
        run("train", "run", recipe(tmp_path), "--data", str(tmp_path))
    assert "freehold[training]" in caught.value.advice
    assert not (tmp_path / "runs").exists()


@pytest.mark.skipif(not WITH_TORCH, reason="needs the extra `training`")
def test_a_run_that_fails_says_why_and_where_its_log_is(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="A thousand examples in a row are longer than 4 tokens") as caught:
        run("train", "run", recipe(tmp_path, RECIPE.replace("length = 64", "length = 4")), "--data", str(tmp_path))
    assert "log.txt" in caught.value.advice
    assert told(tmp_path) == [("training.started", None), ("training.ended", "failed")]


@pytest.mark.skipif(not WITH_TORCH, reason="needs the extra `training`")
def test_a_recipe_is_trained_to_its_end_and_leaves_weights_and_curves(tmp_path: Path) -> None:
    small = RECIPE.replace("steps = 100", "steps = 4\nthreads = 1") + "[watch]\nitems = 2\ntokens = 8\n"
    said = run("train", "run", recipe(tmp_path, small), "--data", str(tmp_path), "--json")
    shown = msgspec.json.decode(said.stdout)
    assert (shown["state"], shown["ended"]["step"]) == ("done", 4)
    (folder,) = tmp_path.glob("runs/*")
    assert (folder / "model" / "model.safetensors").exists()
    assert (folder / "curves.svg").exists()
    assert told(tmp_path) == [("training.started", None), ("training.ended", "done")]
