"""Recipes that stand on one another: where one names another recipe as its `start`, or as the `run` of its teacher, it means what that one's run left.

    start = "nano-refund-2.toml"        beside the recipe that says so

It knows recipes and folders of runs, and starts none. It exists so that a model that takes several runs is made by one command, and by the same one
again: a run counts as a recipe's when it was made by all that the recipe says, its own start included.
"""

import hashlib
from pathlib import Path

from msgspec.structs import replace

from freehold.errors import ConfigError
from freehold.training.recipe import Recipe, read_recipe, write_recipe
from freehold.training.runs import RunFolder, list_runs

ENDING = ".toml"


def chain(path: Path) -> tuple[Path, ...]:
    """The recipes that must have been run, in order, the one at `path` as the last. Raises ConfigError for recipes that stand on one another in a ring."""
    return tuple(dict.fromkeys(_below(path, ())))


def resolved(path: Path, data: Path) -> Recipe:
    """The recipe, with the folders of runs where it names recipes. Raises ConfigError where one of these has no finished run in the data folder."""
    recipe = read_recipe(path)
    if _is_recipe(recipe.start):
        recipe = replace(recipe, start=_finished(path.parent / recipe.start, data))
    if recipe.teacher is not None and _is_recipe(recipe.teacher.run):
        taught_by = _finished(path.parent / recipe.teacher.run, data)
        recipe = replace(recipe, teacher=replace(recipe.teacher, run=taught_by))
    return recipe


def run_of(path: Path, data: Path) -> RunFolder | None:
    """The newest run of a recipe whose own start and teacher are there, the newest finished one if there is any; None where it was never run."""
    digest = hashlib.sha256(write_recipe(resolved(path, data))).hexdigest()
    found = [one for one in list_runs(data) if one.run().asked == digest]
    return next(reversed([one for one in found if one.state() == "done"] or found), None)


def _finished(path: Path, data: Path) -> str:
    place = run_of(path, data)
    if place is None or place.state() != "done":
        raise ConfigError(
            f"There is no finished run of {path}, which this recipe stands on.",
            f"`freehold train run` makes it first; or do it by itself: `freehold train run {path}`.",
        )
    return str(place.path.absolute())


def _below(path: Path, above: tuple[Path, ...]) -> list[Path]:
    path = path.parent.resolve() / path.name
    if path in above:
        raise ConfigError(f"{path} stands on itself.", "Name another start, or another teacher.")
    recipe = read_recipe(path)
    names = [recipe.start, recipe.teacher.run if recipe.teacher is not None else ""]
    found = [one for name in names if _is_recipe(name) for one in _below(path.parent / name, (*above, path))]
    return [*found, path]


def _is_recipe(name: str) -> bool:
    return name.endswith(ENDING)
