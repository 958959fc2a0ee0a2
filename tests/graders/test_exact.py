"""Exact: sign by sign."""

import pytest

from freehold.graders.exact import Exact
from graders.samples import item, score


@pytest.mark.parametrize(
    ("reference", "said", "right"),
    [
        ("Paris", "Paris", 1.0),
        ("Paris", "\n Paris ", 1.0),
        ("Paris", "paris", 0.0),
        ("Paris", "Paris.", 0.0),
        ("Pa ris", "Pa  ris", 0.0),
        (["a", "b"], "b", 1.0),
        (3, "3", 1.0),
        (3.0, "3", 1.0),
        (True, "true", 1.0),
        ({"a": 1}, "a", None),
        (None, "a", None),
        ("", "", None),
    ],
)
def test_only_the_same_signs_are_right(reference: object, said: str, right: float | None) -> None:
    assert score(Exact, item(reference), said) == right


def test_white_space_at_the_ends_counts_when_asked() -> None:
    assert score(Exact, item("Paris"), "Paris\n", strip=False) == 0.0
