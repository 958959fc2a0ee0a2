"""Finding graders and making them from tables: built in or brought by another package, through the same plug."""

import sys
from importlib import metadata
from types import ModuleType
from typing import Any

import pytest

from freehold.errors import ConfigError, InvalidGrader
from freehold.graders import build, load
from freehold.graders.numeric import Numeric
from graders.test_selftest import Agreeable

BUILT_IN = [
    "choice",
    "code_tests",
    "embedding",
    "exact",
    "format",
    "human",
    "includes",
    "json_fields",
    "json_schema",
    "judge",
    "language",
    "length",
    "mathematics",
    "normalised",
    "numeric",
    "pairwise",
    "panel",
    "refund-policy",
    "refusal",
    "regex",
    "tool_call",
]


def plug(monkeypatch: pytest.MonkeyPatch, value: Any, target: str = "made_grader:Made") -> None:
    module = ModuleType("made_grader")
    module.Made = value  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "made_grader", module)
    entry = metadata.EntryPoint("made", target, "freehold.graders")

    def entry_points(*, group: str) -> list[metadata.EntryPoint]:
        return [entry] if group == "freehold.graders" else []

    monkeypatch.setattr(metadata, "entry_points", entry_points)


def test_the_built_in_graders_are_found_in_the_order_of_names() -> None:
    assert list(load()) == BUILT_IN


def test_another_package_brings_one(monkeypatch: pytest.MonkeyPatch) -> None:
    plug(monkeypatch, Agreeable)
    assert load()["agreeable"] is Agreeable
    assert isinstance(build({"kind": "agreeable", "label": "x"}), Agreeable)


@pytest.mark.parametrize(
    ("value", "target"),
    [
        ("none", "made_grader:Made"),
        (dict, "made_grader:Made"),
        (Agreeable, "made_grader:MISSING"),
        (Agreeable, "no_such:Made"),
    ],
)
def test_a_broken_plug_is_named(monkeypatch: pytest.MonkeyPatch, value: Any, target: str) -> None:
    plug(monkeypatch, value, target)
    with pytest.raises(ConfigError) as caught:
        load()
    assert target in caught.value.sentence


def test_a_table_makes_a_grader() -> None:
    grader = build({"kind": "numeric", "tolerance": 0.5})
    assert isinstance(grader, Numeric)
    assert grader.options.tolerance == 0.5


@pytest.mark.parametrize(
    ("table", "sentence", "advice", "param"),
    [
        ({}, "A grader needs its `kind`.", "There are choice, code_tests,", "kind"),
        ({"kind": "numerik"}, "There is no grader 'numerik'.", "Did you mean `numeric`?", "kind"),
        (
            {"kind": "exact", "stripp": 1},
            "The grader 'exact' has no option `stripp`.",
            "Did you mean `strip`?",
            "stripp",
        ),
        (
            {"kind": "numeric", "tolerance": -1},
            "`tolerance` of the grader 'numeric': Expected `float` >= 0.0.",
            "What each grader takes is in docs/reference/graders.md.",
            "tolerance",
        ),
        (
            {"kind": "exact", "strip": "yes"},
            "`strip` of the grader 'exact': Expected `bool`, got `str`.",
            "What each grader takes is in docs/reference/graders.md.",
            "strip",
        ),
        (
            {"kind": "regex"},
            "The grader 'regex': Object missing required field `pattern`.",
            "What each grader takes is in docs/reference/graders.md.",
            "pattern",
        ),
        (
            {"kind": "json_fields", "fields": {"a": {"weight": "x"}}},
            "`fields[...].weight` of the grader 'json_fields': Expected `float`, got `str`.",
            "A path with points stands in quotes:",
            "fields",
        ),
    ],
)
def test_a_table_that_makes_none_is_told_what_to_write(
    table: dict[str, Any], sentence: str, advice: str, param: str
) -> None:
    with pytest.raises(InvalidGrader) as caught:
        build(table)
    assert (caught.value.sentence, caught.value.param) == (sentence, param)
    assert caught.value.advice.startswith(advice)
