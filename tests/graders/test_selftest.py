"""Every grader proves itself, and what holds for one holds for all: nothing hidden, nothing raised, nothing forgotten."""

import sys
from collections.abc import Callable
from importlib import metadata
from types import ModuleType
from typing import Any

import pytest
from msgspec.structs import replace

from freehold.errors import InvalidGrader, NotConfigured
from freehold.graders import load, made
from freehold.graders.exact import Exact, ExactOptions
from freehold.graders.grader import SCORES, AnyGrader, Case, Grader, Options, PairwiseGrader
from freehold.graders.selftest import graded, misfits, proven, says, self_test
from freehold.graders.visible import without_reasoning
from freehold.items import Given, Grade, Item
from freehold.reasoning.sandbox import usable
from freehold.trials.grading import taking_part
from freehold.trials.planning import plan_graders
from graders.samples import item

KINDS = list(load().values())
every = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


@pytest.fixture(scope="module")
def found() -> Callable[[type[AnyGrader]], list[tuple[Case, Grade]]]:
    """What each grader says of its own cases, once for all tests."""
    known: dict[str, list[tuple[Case, Grade]]] = {}

    def ask(kind: type[AnyGrader]) -> list[tuple[Case, Grade]]:
        if kind.name == "code_tests" and not usable():
            pytest.skip("this machine offers no user, mount and network namespaces")
        if kind.name not in known:
            try:
                known[kind.name] = list(graded(kind))
            except NotConfigured as error:
                pytest.skip(error.message)
        return known[kind.name]

    return ask


Found = Callable[[type[AnyGrader]], list[tuple[Case, Grade]]]


@every
def test_gold_is_right_garbage_is_wrong_and_the_unscorable_is_neither(kind: type[AnyGrader], found: Found) -> None:
    told = found(kind)
    wrong = [(case.role, case.given.text, grade.reason) for case, grade in told if grade.score != SCORES[case.role]]
    assert wrong == []
    assert {case.role for case, _ in told} == set(SCORES)


@every
def test_every_grade_says_why_and_stays_between_0_and_1(kind: type[AnyGrader], found: Found) -> None:
    for _, grade in found(kind):
        assert grade.score is None or 0 <= grade.score <= 1
        assert grade.reason


@every
def test_whole_scores_are_promised_only_where_they_are_kept(kind: type[AnyGrader], found: Found) -> None:
    for case, grade in found(kind):
        if kind.name not in ("language", "mathematics", "json_schema", "code_tests") and made(kind, case.table).binary:
            assert grade.score in (0.0, 1.0, None)


SLOW = {"code_tests", "language", "mathematics", "json_schema"}
"""Graders with a process or a model: their tests of the same things stand in their own files, with one for all."""

QUICK = [kind for kind in KINDS if kind.name not in SLOW]
quick = pytest.mark.parametrize("kind", QUICK, ids=lambda kind: kind.name)


def makeable(kind: type[AnyGrader], table: dict[str, Any]) -> AnyGrader:
    try:
        return made(kind, table)
    except NotConfigured as error:
        pytest.skip(error.message)


@quick
def test_turned_around_it_says_the_opposite_and_leaves_unscored_alone(kind: type[AnyGrader], found: Found) -> None:
    if issubclass(kind, PairwiseGrader):
        pytest.skip("pairs are not turned around; tests/graders/test_pairwise.py changes their places")
    plain = [grade.score for _, grade in found(kind)]
    turned = [grade.score for _, grade in graded(kind, {"negate": True})]
    assert turned == [None if score is None else 1 - score for score in plain]


@quick
def test_reasoning_before_the_answer_changes_nothing(kind: type[AnyGrader], found: Found) -> None:
    for case, before in found(kind):
        if not case.given.text.strip():
            continue
        text = without_reasoning(
            f"<think>\nFirst 41, then \\boxed{{42}}. The answer is B. {{}}\n</think>\n\n{case.given.text}"
        )
        given = replace(case.given, text=text)
        after = says(makeable(kind, dict(case.table)), replace(case, given=given))
        if case.table.get("strip") is not False:
            assert after.score == before.score, case


@quick
def test_white_space_around_a_reply_changes_nothing(kind: type[AnyGrader], found: Found) -> None:
    for case, before in found(kind):
        given = replace(case.given, text=f"\n  {case.given.text}\n\n")
        after = says(makeable(kind, dict(case.table)), replace(case, given=given))
        if case.table.get("strip") is not False:
            assert after.score == before.score, case


STRANGE = [
    "\x00\ud800",
    "((((" * 300,
    "{" * 2000,
    "`" * 99,
    "9" * 900,
    "1/0",
    "\u202e\u200b",
    "A) B) C)",
    "[" * 1000 + "]" * 1000,
]


@quick
def test_no_text_and_no_item_makes_it_raise(kind: type[AnyGrader]) -> None:
    case = kind.selftest()[0]
    grader = makeable(kind, dict(case.table))
    strange: Any
    for strange in (*STRANGE, 5, -0.5, True, [], ["a", None], {"a": {"b": [1]}}, {"name": 3}):
        text = strange if isinstance(strange, str) else "a"
        body: Any = {"messages": strange, "response_format": strange}
        for one in (
            Item(id="1", workload="w", input=body, reference=strange, metadata={"choices": strange, "tests": strange}),
            replace(case.item, reference=strange),
            case.item,
        ):
            grade = says(grader, replace(case, item=one, given=Given(text=text)))
            assert grade.score is None or 0 <= grade.score <= 1
    grader.close()


class Agreeable(Grader):
    """Everything is right."""

    name = "agreeable"
    version = "1"
    takes = Options

    def grade(self, item: Item, given: Given) -> Grade:
        return Grade(score=1.0, reason="Sure.")

    @classmethod
    def selftest(cls) -> list[Case]:
        return [
            Case(role="gold", item=item(), given=Given(text="a")),
            Case(role="garbage", item=item(), given=Given(text="§")),
        ]


def test_a_grader_that_cannot_prove_itself_is_told_why() -> None:
    assert self_test(Agreeable) == [
        "agreeable has no corrupted case.",
        "agreeable has no empty case.",
        "agreeable has no unscorable case.",
        "agreeable says of the garbage case '§': 1.0 (Sure.).",
    ]
    assert self_test(Exact) == []


@pytest.mark.parametrize(
    "table", [{"kind": "agreeable"}, {"kind": "panel", "graders": [{"kind": "exact"}, {"kind": "agreeable"}]}]
)
def test_what_another_package_brings_grades_nothing_before_it_has_proved_itself(
    monkeypatch: pytest.MonkeyPatch, table: dict[str, Any]
) -> None:
    module = ModuleType("made_grader")
    module.Made = Agreeable  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "made_grader", module)
    entry = metadata.EntryPoint("agreeable", "made_grader:Made", "freehold.graders")

    def entry_points(*, group: str) -> list[metadata.EntryPoint]:
        return [entry] if group == "freehold.graders" else []

    monkeypatch.setattr(metadata, "entry_points", entry_points)
    refused = r"'agreeable' has not proved itself: agreeable has no corrupted case\."
    with pytest.raises(InvalidGrader, match=refused):
        proven(table)
    with pytest.raises(InvalidGrader, match=refused):
        plan_graders([table], [])
    assert taking_part([table, {"kind": "exact"}], judged=False)[0].name == "exact"


def test_a_grader_that_stands_its_test_is_made() -> None:
    assert isinstance(proven({"kind": "exact", "strip": False}), Exact)


def test_items_whose_own_answer_is_wrong_are_told() -> None:
    grader = made(load()["choice"], {"choices": ["yes", "no"]})
    items = [item("yes"), item("maybe"), item({"a": 1}), item()]
    assert misfits(grader, items) == ["The item 1: its own answer scores None (The reference is none of the options.)."]
    assert misfits(Exact(ExactOptions()), items) == []
