"""Recipes that stand on the runs of others."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.train_runs import RECIPE
from freehold.errors import ConfigError
from freehold.training.chain import chain, resolved, run_of
from freehold.training.progress import Ended, Progress
from freehold.training.runs import RunFolder, new_run


def recipe(folder: Path, name: str, more: str = "") -> Path:
    path = folder / name
    path.write_text(RECIPE.replace("[shape]", f"{more}\n[shape]"))
    return path


def ran(path: Path, data: Path, hour: int, *, done: bool = True) -> RunFolder:
    """A run of a recipe, as `train run` would have made it."""
    place = new_run(data, resolved(path, data), datetime(2026, 5, 6, hour, tzinfo=UTC))
    progress = Progress(place.progress)
    progress.tell(Ended(step=1, done=done, why="all steps are done", elapsed=1.0, tokens=1))
    progress.close()
    return place


def found(path: Path, data: Path) -> Path | None:
    place = run_of(path, data)
    return None if place is None else place.path


def test_what_a_recipe_stands_on_comes_first_and_once(tmp_path: Path) -> None:
    first, second = recipe(tmp_path, "a.toml"), recipe(tmp_path, "b.toml", 'start = "a.toml"')
    taught = tmp_path / "c.toml"
    text = second.read_text().replace('"pretrain"', '"distil"').replace('start = "a.toml"', 'start = "b.toml"')
    taught.write_text(f'{text}[teacher]\nrun = "a.toml"\nrung = "traces"\n')
    assert chain(first) == (first,)
    assert chain(taught) == (first, second, taught)


def test_recipes_in_a_ring_are_an_error(tmp_path: Path) -> None:
    recipe(tmp_path, "a.toml", 'start = "b.toml"')
    with pytest.raises(ConfigError, match=r"b\.toml stands on itself"):
        chain(recipe(tmp_path, "b.toml", 'start = "a.toml"'))


def test_it_starts_from_the_newest_finished_run_of_the_very_recipe(tmp_path: Path) -> None:
    first, second = recipe(tmp_path, "a.toml"), recipe(tmp_path, "b.toml", 'start = "a.toml"')
    assert run_of(first, tmp_path) is None
    with pytest.raises(ConfigError, match=r"There is no finished run of .*a\.toml, which this recipe stands on"):
        resolved(second, tmp_path)
    killed = ran(first, tmp_path, 1, done=False)
    assert found(first, tmp_path) == killed.path
    with pytest.raises(ConfigError, match="There is no finished run"):
        resolved(second, tmp_path)
    older, newer = ran(first, tmp_path, 2), ran(first, tmp_path, 3)
    ran(first, tmp_path, 4, done=False)
    assert resolved(second, tmp_path).start == str(newer.path)
    tuned = ran(second, tmp_path, 5)
    assert found(second, tmp_path) == tuned.path
    # A run of other numbers, or on another start, is not this recipe's.
    recipe(tmp_path, "a.toml", "direct = 0.5")
    assert run_of(first, tmp_path) is None
    assert older.state() == "done"
