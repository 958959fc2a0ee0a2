"""Embedding: vectors and what they say."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.graders.embedding import Embedding, EmbeddingOptions, cosine
from freehold.items import Given
from graders.samples import item

SAID = Given(text="Paris")
GRADER = Embedding(EmbeddingOptions(model="echo/echo"))


def test_the_reply_and_each_right_answer_are_asked_about() -> None:
    asks = GRADER.asks(item(["Paris", "Lutetia"]), SAID)
    assert [ask.operation for ask in asks] == ["embed"] * 3
    assert [ask.body for ask in asks] == [
        {"model": "echo/echo", "input": text} for text in ("Paris", "Paris", "Lutetia")
    ]
    assert GRADER.asks(item(), SAID) == GRADER.asks(item("Paris"), Given()) == ()


@pytest.mark.parametrize(
    ("vectors", "score"),
    [
        ([(1.0, 0.0), (0.0, 1.0)], 0.5),
        ([(1.0, 0.0), (0.0, 1.0), (2.0, 0.0)], 1.0),
        ([(1.0, 0.0), (1.0, math.sqrt(3))], 0.75),
        ([(1.0, 0.0), (-1.0, 0.0)], 0.0),
        ([(1.0, 0.0), (1.0,)], None),
        ([(1.0, 0.0), (math.nan, 1.0)], None),
        ([(1.0, 0.0)], None),
        ([(1.0, 0.0), None], None),
        (["Paris", (1.0, 0.0)], None),
    ],
)
def test_the_nearest_right_answer_counts(vectors: list[Sequence[float] | str | None], score: float | None) -> None:
    assert GRADER.score(item(["a", "b"]), SAID, vectors).score == score


def test_a_threshold_makes_it_right_or_wrong() -> None:
    strict = Embedding(EmbeddingOptions(model="echo/echo", threshold=0.75))
    assert strict.binary
    assert not GRADER.binary
    assert strict.score(item("a"), SAID, [(1.0, 0.0), (1.0, 1.0)]).score == 1.0
    assert strict.score(item("a"), SAID, [(1.0, 0.0), (0.0, 1.0)]).score == 0.0


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=8))
def test_a_vector_is_like_itself(vector: list[float]) -> None:
    found = cosine(vector, vector)
    assert found is None or found == pytest.approx(1.0)
    assert (found is None) == (math.hypot(*vector) ** 2 == 0)
