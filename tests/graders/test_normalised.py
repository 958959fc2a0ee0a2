"""Normalised: the same words."""

import pytest

from freehold.graders.normalised import Normalised
from graders.samples import item, score


@pytest.mark.parametrize(
    ("reference", "said", "right"),
    [
        ("The Eiffel Tower", "eiffel tower.", 1.0),
        ("well-known", "Well known", 1.0),
        ("3.5", "35", 0.0),
        ("-3", "3", 0.0),
        ("C#", "C", 0.0),
        ("C++", "C", 0.0),
        ("A", "a", 1.0),
        ("café", "cafe", 0.0),
        ("...", "!!!", None),
    ],
)
def test_marks_do_not_count_where_they_mean_nothing(reference: str, said: str, right: float | None) -> None:
    assert score(Normalised, item(reference), said) == right


def test_accents_and_articles_count_as_asked() -> None:
    assert score(Normalised, item("café"), "Cafe", accents=False) == 1.0
    assert score(Normalised, item("the who"), "who", articles=False) == 0.0


def test_signs_that_nobody_sees_change_nothing() -> None:
    assert score(Normalised, item("Paris"), "\u200bPa\u00adris\ufeff") == 1.0
