"""Includes: whole words."""

import pytest

from freehold.graders.includes import Includes
from graders.samples import grade, item, score


@pytest.mark.parametrize(
    ("reference", "said", "right"),
    [
        ("yes", "Yes, it is.", 1.0),
        ("yes", "It was yesterday.", 0.0),
        ("art", "a party", 0.0),
        ("1.5", "about 1.5 km", 1.0),
        ("5", "about 1.5 km", 0.0),
        ("5", "about 15", 0.0),
        ("New York", "in new-york!", 1.0),
        (["one", "two"], "two", 1.0),
        (None, "two", None),
    ],
)
def test_the_answer_stands_in_the_reply_in_whole_words(reference: object, said: str, right: float | None) -> None:
    assert score(Includes, item(reference), said) == right


def test_all_are_needed_when_asked_and_the_missing_are_told() -> None:
    told = grade(Includes, item(["one", "two"]), "one", need="all")
    assert (told.score, told.details) == (0.0, {"found": ["one"], "missing": ["two"]})


def test_a_list_of_the_table_goes_before_the_reference() -> None:
    assert score(Includes, item("x"), "terms apply", values=["Terms"]) == 1.0
    assert score(Includes, item("x"), "terms apply", values=["Terms"], case=True) == 0.0


def test_parts_of_words_count_when_asked() -> None:
    assert score(Includes, item("yes"), "yesterday", words=False) == 1.0
    assert score(Includes, item("yes"), "YESTERDAY", words=False, case=True) == 0.0
