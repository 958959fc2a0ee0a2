"""Finding the verifiers: built in or brought by another package, through the same plug."""

import sys
from importlib import metadata
from types import ModuleType
from typing import Any

import pytest

from freehold.errors import ConfigError
from freehold.reasoning import available, load, make
from reasoning.test_verifier import Agreeable

BUILT_IN = [
    "algebra",
    "arithmetic",
    "citations",
    "code",
    "dates",
    "final_answer",
    "numbers",
    "quotations",
    "schema",
    "units",
]


def plug(monkeypatch: pytest.MonkeyPatch, value: Any, target: str = "made_verifier:Made") -> None:
    module = ModuleType("made_verifier")
    module.Made = value  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "made_verifier", module)
    entry = metadata.EntryPoint("made", target, "freehold.verifiers")

    def entry_points(*, group: str) -> list[metadata.EntryPoint]:
        return [entry] if group == "freehold.verifiers" else []

    monkeypatch.setattr(metadata, "entry_points", entry_points)


def test_the_built_in_verifiers_are_found_in_the_order_of_names() -> None:
    assert list(load()) == BUILT_IN


def test_all_are_made_or_their_absence_is_told() -> None:
    made, missing = available()
    assert sorted([verifier.name for verifier in made] + list(missing)) == BUILT_IN


def test_another_package_brings_one(monkeypatch: pytest.MonkeyPatch) -> None:
    plug(monkeypatch, Agreeable)
    assert load()["agreeable"] is Agreeable
    assert [verifier.name for verifier in make(["numbers", "agreeable"])] == ["agreeable", "numbers"]


def test_an_unknown_name_is_an_error_that_names_the_others() -> None:
    with pytest.raises(ConfigError) as caught:
        make(["astrology"])
    assert "arithmetic" in caught.value.advice


@pytest.mark.parametrize(
    ("value", "target"),
    [("none", "made_verifier:Made"), (Agreeable, "made_verifier:MISSING"), (Agreeable, "no_such:Made")],
)
def test_a_broken_plug_is_named(monkeypatch: pytest.MonkeyPatch, value: Any, target: str) -> None:
    plug(monkeypatch, value, target)
    with pytest.raises(ConfigError) as caught:
        load()
    assert target in caught.value.sentence
