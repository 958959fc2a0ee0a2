"""`freehold journey`: what it refuses before anything is started."""

from pathlib import Path

import pytest

from cli.commands import run
from freehold.cli import journey_run, up
from freehold.cli.journey import RECIPE
from freehold.cli.journey_state import State
from freehold.errors import ConfigError, JourneyError
from freehold.training.plan import parameters, vocabulary_of
from freehold.training.recipe import read_recipe


def test_a_recipe_that_cannot_be_run_is_told_before_the_door_is_started(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text(RECIPE.read_text().replace("[learning]", "[learnings]"))
    with pytest.raises(ConfigError, match="learnings"):
        run("journey", "--exit", "--recipe", str(recipe), "--data", str(tmp_path / "data"))
    assert not (tmp_path / "data" / "run").exists()


def test_another_incumbent_needs_another_data_folder(tmp_path: Path) -> None:
    State(tmp_path).note("traffic", asked=1)
    with pytest.raises(JourneyError, match="was begun with own/smollm2-135m, not with openai/gpt-5-mini"):
        run("journey", "--exit", "--incumbent", "openai/gpt-5-mini", "--data", str(tmp_path))


def test_the_recipe_of_the_journey_ends_within_its_minutes_and_is_small() -> None:
    recipe = read_recipe(RECIPE)
    assert (recipe.model, recipe.stage, recipe.learning.minutes) == ("own/refund", "pretrain", 2.0)
    assert recipe.shape is not None
    assert parameters(recipe.shape, vocabulary_of(recipe)) < 1_000_000


@pytest.mark.parametrize("place", ["freehold.toml", "data/freehold.db"])
def test_a_first_start_leaves_what_is_in_use_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """Who has a configuration of their own, or a data folder with records, gets the door alone."""
    started: list[dict[str, object]] = []

    def start(**said: object) -> None:
        started.append(said)

    monkeypatch.setattr(up, "up", start)
    monkeypatch.chdir(tmp_path)
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).touch()
    said = run("journey", "--first-start", "--port", "9000", "--data", str(tmp_path / "data"))
    assert (said.exit_code, started) == (0, [{"data": tmp_path / "data", "port": 9000}])


def test_a_first_start_on_nothing_is_a_journey(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    began: list[Path] = []

    def go(wish: journey_run.Wish, _: object) -> int:
        began.append(wish.data)
        return 0

    monkeypatch.setattr(journey_run, "go", go)
    monkeypatch.chdir(tmp_path)
    assert run("journey", "--first-start", "--data", str(tmp_path / "data")).exit_code == 0
    assert began == [tmp_path / "data"]
