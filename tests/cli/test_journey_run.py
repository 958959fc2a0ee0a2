"""The run of a journey: stages in their order, kept when they are done; and the whole of it, where there is something to train with."""

import json
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from cli.house_running import clean, command
from cli.journeys import NAMES
from freehold.cli import journey_run, journey_stages
from freehold.cli.journey import RECIPE
from freehold.cli.journey_run import STAGES, TITLES, Wish, go, told
from freehold.cli.journey_stages import Sizes
from freehold.cli.journey_state import State

WITH_TORCH = all(map(find_spec, ("torch", "transformers", "trl")))

ECHO = "echo/echo"
"""An incumbent that answers at once and is never right: it says what it is told."""


def test_the_stages_are_those_that_the_report_tells() -> None:
    assert tuple(TITLES) == NAMES
    assert tuple(STAGES) == NAMES[1:]


class NoStrangers:
    """Nothing that would be installed."""

    def __init__(self, *_: object) -> None: ...

    def wait(self, _: float) -> str:
        return "a test installs nothing"

    def stop(self) -> None: ...


def test_a_state_without_a_stage_tells_that_it_was_not_reached(tmp_path: Path) -> None:
    shown = told(State(tmp_path))
    assert (shown["done"], shown["incumbent"], shown["failure"]) == (False, "own/smollm2-135m", None)
    assert [stage["done"] for stage in shown["stages"]] == [False] * 8


@pytest.mark.skipif(find_spec("xllamacpp") is None, reason="llama.cpp is not installed")
def test_the_whole_journey_with_the_model_that_ships(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Where nothing can be trained, every stage is gone through with the weights of the package."""
    monkeypatch.setattr(journey_stages, "can_train", lambda: False)
    monkeypatch.setattr(journey_stages, "STAND_IN", ECHO)  # so echo stands in for a rented model, as to terms
    monkeypatch.setattr(journey_run, "Strangers", NoStrangers)
    sizes = Sizes(traffic=3, items=12, pairs=2, conversations=6)
    asked = Wish(data=tmp_path, recipe=RECIPE, incumbent=ECHO, port=0, ends=True, json=True, sizes=sizes)
    assert go(asked, clean()) == 0
    said = json.loads(capfd.readouterr().out)
    assert [stage["done"] for stage in said["stages"]] == [True] * 8
    facts = {stage["name"]: stage["facts"] for stage in said["stages"]}
    assert (facts["traffic"]["answered"], facts["traffic"]["captured"]) == (3, 3)
    assert (facts["terms"]["rows"], facts["terms"]["refused"], facts["terms"]["permitted"]) == (3, 3, True)
    assert "OpenAI Services Agreement" in facts["terms"]["reasons"][0]
    assert facts["terms"]["teacher"].startswith("openai/gpt-5-mini may not teach")
    assert not facts["train"]["trained"]
    decided = (facts["trial"]["verdict"], facts["move"]["phase"], facts["sabotage"]["phase"])
    assert decided == ("pass", "promoted", "rolled_back")
    assert facts["proof"]["own"]["ok"]
    assert "2 overrides carry the signature of the person who answers." in facts["proof"]["own"]["proven"]
    page = (tmp_path / "journey.html").read_text()
    assert page.count(", signed by journey") == 2
    assert "3 answers by echo/echo through the OpenAI SDK" in page
    assert "Not reached" not in page


@pytest.mark.skipif(not WITH_TORCH, reason="needs the extra `training`")
def test_the_whole_journey_with_a_short_training(tmp_path: Path) -> None:
    """Against `echo`, which is never right, a model that has hardly learned passes where it is right now and then."""
    recipe = tmp_path / "short.toml"
    recipe.write_text(RECIPE.read_text().replace("= 1500", "= 40"))
    assert recipe.read_text().count("= 40") == 2  # its steps, and when it looks
    words = [
        "journey",
        "--exit",
        "--json",
        "--incumbent",
        ECHO,
        "--recipe",
        str(recipe),
        "--port",
        "0",
        "--data",
        str(tmp_path / "data"),
    ]
    done = subprocess.run(command(*words), env=clean(), capture_output=True, text=True, timeout=1500, check=False)
    said = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert [stage["done"] for stage in said["stages"]] == [True] * 8
    facts = {stage["name"]: stage["facts"] for stage in said["stages"]}
    assert facts["trial"]["verdict"] == "pass"
    assert (facts["move"]["phase"], facts["sabotage"]["phase"]) == ("promoted", "rolled_back")
    assert facts["proof"]["own"]["ok"]
    assert "Not reached" not in (tmp_path / "data" / "journey.html").read_text()
