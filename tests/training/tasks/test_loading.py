"""Finding the tasks: built in or brought by another package, through the same plug."""

import sys
from importlib import metadata
from types import ModuleType
from typing import Any, ClassVar

import pytest

from freehold.errors import ConfigError
from freehold.training.tasks import load, make
from freehold.training.tasks.arithmetic_chains import ArithmeticChains

BUILT_IN = [
    "arithmetic-chains",
    "arithmetic-mod-p",
    "linear-equations-mod-p",
    "recall",
    "refund-desk",
    "refund-policy",
    "word-problems",
    "workload",
]


class Chains(ArithmeticChains):
    """A third party's."""

    name: ClassVar[str] = "chains"


def plug(monkeypatch: pytest.MonkeyPatch, value: Any, target: str = "made_task:Made") -> None:
    module = ModuleType("made_task")
    module.Made = value  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "made_task", module)
    entry = metadata.EntryPoint("made", target, "freehold.tasks")

    def entry_points(*, group: str) -> list[metadata.EntryPoint]:
        return [entry] if group == "freehold.tasks" else []

    monkeypatch.setattr(metadata, "entry_points", entry_points)


def test_the_built_in_tasks_are_found_in_the_order_of_names() -> None:
    assert list(load()) == BUILT_IN


def test_another_package_brings_one(monkeypatch: pytest.MonkeyPatch) -> None:
    plug(monkeypatch, Chains)
    assert isinstance(make({"task": "chains", "digits": 2}), Chains)


@pytest.mark.parametrize(
    ("value", "target"),
    [("none", "made_task:Made"), (int, "made_task:Made"), (Chains, "made_task:MISSING"), (Chains, "no_such:Made")],
)
def test_a_broken_plug_is_named(monkeypatch: pytest.MonkeyPatch, value: Any, target: str) -> None:
    plug(monkeypatch, value, target)
    with pytest.raises(ConfigError) as caught:
        load()
    assert target in caught.value.sentence


def test_an_unknown_name_or_option_is_an_error_that_tells() -> None:
    with pytest.raises(ConfigError) as caught:
        make({"task": "astrology"})
    assert "refund-policy" in caught.value.advice
    with pytest.raises(ConfigError, match="argument"):
        make({"task": "refund-policy", "digits": 3})
    with pytest.raises(ConfigError, match="1 to 12"):
        make({"task": "arithmetic-chains", "digits": 40})


@pytest.mark.parametrize(
    ("name", "steps", "known"),
    [
        ("arithmetic-chains", "terms", '"whole", "fine"'),
        ("arithmetic-mod-p", "rows", '"whole", "fine"'),
        ("linear-equations-mod-p", "fine", '"whole", "rows", "terms", "products"'),
    ],
)
def test_steps_that_a_task_does_not_write_are_an_error_that_says_which_it_does(
    name: str, steps: str, known: str
) -> None:
    with pytest.raises(ConfigError, match=f'{name} does not write its steps "{steps}"') as caught:
        make({"task": name, "steps": steps})
    assert caught.value.advice == f"It writes them {known}."
