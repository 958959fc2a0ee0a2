"""Pairwise: both orders, and what a flip is."""

import pytest

from freehold.graders.pairwise import Pairwise, PairwiseOptions
from freehold.items import Given
from graders.samples import item

ITEM = item(None, "Capital of France?")
PARIS, ROME = Given(text="Paris"), Given(text="Rome")
GRADER = Pairwise(PairwiseOptions(models=("a/1",), rubric="The right one."))


def say(better: str) -> str:
    return f'{{"reason": "So.", "better": "{better}"}}'


def test_both_orders_are_asked() -> None:
    straight, swapped = (ask.body["messages"][1]["content"] for ask in GRADER.asks(ITEM, PARIS, ROME))
    assert straight.index("Paris") < straight.index("Rome")
    assert swapped.index("Rome") < swapped.index("Paris")


@pytest.mark.parametrize(
    ("straight", "swapped", "score", "flips"),
    [
        ("first", "second", 1.0, 0),
        ("second", "first", 0.0, 0),
        ("tie", "tie", 0.5, 0),
        ("first", "first", 0.5, 1),
        ("second", "second", 0.5, 1),
        ("first", "tie", 0.5, 1),
        ("tie", "first", 0.5, 1),
    ],
)
def test_a_verdict_that_changes_with_the_order_is_a_tie(straight: str, swapped: str, score: float, flips: int) -> None:
    told = GRADER.score(ITEM, PARIS, ROME, (say(straight), say(swapped)))
    assert (told.score, told.details["flips"]) == (score, flips)


@pytest.mark.parametrize(
    "replies", [(say("first"), None), (None, say("first")), (say("best"), say("second")), ("first", "second"), ()]
)
def test_a_verdict_that_is_missing_leaves_it_unscored(replies: tuple[str | None, ...]) -> None:
    assert GRADER.score(ITEM, PARIS, ROME, replies).score is None


def test_several_judges_are_averaged() -> None:
    three = Pairwise(PairwiseOptions(models=("a/1", "a/2", "a/3"), rubric="The right one."))
    assert len(three.asks(ITEM, PARIS, ROME)) == 6
    replies = (say("first"), say("second"), say("first"), say("first"), say("second"), say("first"))
    told = three.score(ITEM, PARIS, ROME, replies)
    assert (told.score, told.details["flips"]) == (0.5, 1)
    assert [judge["score"] for judge in told.details["judges"]] == [1.0, 0.5, 0.0]


def test_nobody_is_asked_where_the_answer_is_plain() -> None:
    for candidate, incumbent, score in (
        (PARIS, Given(text=" Paris\n"), 0.5),
        (Given(), PARIS, 0.0),
        (PARIS, Given(), 1.0),
    ):
        assert GRADER.asks(ITEM, candidate, incumbent) == ()
        assert GRADER.score(ITEM, candidate, incumbent, ()).score == score


def test_changing_the_models_places_changes_the_sides() -> None:
    one = GRADER.score(ITEM, PARIS, ROME, (say("first"), say("second"))).score
    other = GRADER.score(ITEM, ROME, PARIS, (say("second"), say("first"))).score
    assert (one, other) == (1.0, 0.0)
