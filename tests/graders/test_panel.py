"""Panel: several graders as one."""

from typing import Any

import pytest

from freehold.errors import InvalidGrader
from freehold.graders import made
from freehold.graders.grader import AskingGrader, Grader
from freehold.graders.panel import Panel
from freehold.items import Given, Grade
from graders.samples import item

SHORT = {"kind": "length", "most": 2}
RIGHT = {"kind": "includes"}
NEAR = {"kind": "embedding", "model": "echo/echo"}
ITEM = item("Paris")


def graded(*parts: dict[str, Any], text: str, replies: tuple[Any, ...] = (), **options: Any) -> Grade:
    panel = made(Panel, {"graders": list(parts), **options})
    if isinstance(panel, Grader):
        return panel.grade(ITEM, Given(text=text))
    assert isinstance(panel, AskingGrader)
    assert len(panel.asks(ITEM, Given(text=text))) == len(replies)
    return panel.score(ITEM, Given(text=text), replies)


@pytest.mark.parametrize(
    ("text", "options", "score"),
    [
        ("Paris", {}, 1.0),
        ("It is in Paris", {}, 0.5),
        ("It is in Paris", {"weights": [1, 3]}, 0.75),
        ("It is in Paris", {"combine": "all"}, 0.0),
        ("It is in Paris", {"combine": "any"}, 1.0),
        ("It is in Paris", {"weights": [1, 3], "pass_at": 0.75}, 1.0),
        ("It is in Paris", {"weights": [1, 3], "pass_at": 0.8}, 0.0),
        ("It is in Paris", {"weights": [0, 1]}, 1.0),
    ],
)
def test_scores_add_up_by_weight(text: str, options: dict[str, Any], score: float) -> None:
    assert graded(SHORT, RIGHT, text=text, **options).score == score


def test_parts_that_ask_get_their_own_answers() -> None:
    replies = ((1.0, 0.0), (1.0, 0.0), (1.0, 0.0), (0.0, 1.0))
    told = graded(NEAR, RIGHT, NEAR, text="Paris", replies=replies)
    assert [part["score"] for part in told.details["parts"]] == [1.0, 1.0, 0.5]
    assert told.score == pytest.approx(2.5 / 3)


def test_a_part_that_cannot_say_leaves_the_whole_unscored_unless_it_counts_for_nothing() -> None:
    human = {"kind": "human"}
    assert graded(RIGHT, human, text="Paris").score is None
    assert graded(RIGHT, human, text="Paris", weights=[1, 0]).score == 1.0


def test_a_part_may_be_turned_around_or_be_a_panel() -> None:
    assert graded(RIGHT, {**SHORT, "negate": True}, text="It is in Paris").score == 1.0
    inner = {"kind": "panel", "graders": [SHORT, RIGHT], "combine": "all"}
    assert graded(inner, RIGHT, text="It is in Paris").score == 0.5


def test_scores_are_whole_where_nothing_is_averaged() -> None:
    assert made(Panel, {"graders": [SHORT, RIGHT], "combine": "all"}).binary
    assert made(Panel, {"graders": [SHORT, RIGHT], "pass_at": 0.9}).binary
    assert not made(Panel, {"graders": [SHORT, RIGHT]}).binary
    assert not made(Panel, {"graders": [SHORT, NEAR], "combine": "all"}).binary


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"graders": [SHORT]}, "Expected `array` of length >= 2"),
        ({"graders": [SHORT, {"kind": "exakt"}]}, "Part 2: There is no grader 'exakt'."),
        ({"graders": [SHORT, {"kind": "pairwise", "models": ["a/b"], "rubric": "x"}]}, "Part 2 compares two replies."),
        ({"graders": [SHORT, RIGHT], "weights": [1]}, "There are 2 graders and 1 weights."),
        ({"graders": [SHORT, RIGHT], "weights": [0, 0]}, "All weights are 0."),
    ],
)
def test_a_panel_that_cannot_be_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidGrader) as caught:
        made(Panel, options)
    assert said in caught.value.sentence
