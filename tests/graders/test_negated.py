"""Graders turned around."""

import pytest

from freehold.errors import InvalidGrader
from freehold.graders import build, made
from freehold.graders.exact import Exact
from freehold.graders.grader import AskingGrader, Grader, written
from freehold.graders.negated import turned
from freehold.items import Given, Grade
from graders.samples import item, score


def test_a_score_is_turned_and_no_score_stays_none() -> None:
    assert turned(Grade(score=0.25, reason="A part.")) == Grade(score=0.75, reason="Negated: A part.")
    assert turned(Grade(score=None, reason="Nobody knows.")) == Grade(score=None, reason="Nobody knows.")
    assert score(Exact, item("a"), "b", negate=True) == 1.0
    assert score(Exact, item("a"), "a", negate=True) == 0.0
    assert score(Exact, item(), "a", negate=True) is None


def test_one_that_asks_asks_the_same() -> None:
    table = {"kind": "embedding", "model": "echo/echo"}
    plain, turned_ = build(table), build({**table, "negate": True})
    assert isinstance(plain, AskingGrader)
    assert isinstance(turned_, AskingGrader)
    one, said = item("a"), Given(text="b")
    assert plain.asks(one, said) == turned_.asks(one, said)
    vectors = ((1.0, 0.0), (0.0, 1.0))
    assert (plain.score(one, said, vectors).score, turned_.score(one, said, vectors).score) == (0.5, 0.5)
    assert turned_.score(one, said, (None, None)).score is None


def test_it_keeps_its_name_and_says_in_a_plan_that_it_is_turned() -> None:
    grader = made(Exact, {"negate": True, "label": "not-a"})
    assert isinstance(grader, Grader)
    assert (grader.name, grader.version, grader.label, grader.binary) == ("exact", "1", "not-a", True)
    assert written(grader) == {"kind": "exact", "version": "1", "options": {"negate": True, "strip": True}}


def test_one_of_pairs_is_not_turned() -> None:
    with pytest.raises(InvalidGrader):
        build({"kind": "pairwise", "models": ["a/b"], "rubric": "x", "negate": True})
