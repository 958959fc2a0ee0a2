"""A judge is held against people, reply by reply."""

from collections.abc import Sequence
from typing import Any

from freehold.graders import build
from freehold.graders.grader import Answer, Ask, AskingGrader, Options
from freehold.items import Given, Grade, Item, Label
from freehold.trials.calibrating import calibrate, labelled_asks
from freehold.trials.plan import PlannedGrader
from trials.pipeline import item

JUDGE = PlannedGrader(name="judge", version="1", table={}, judge=True)


class Opinion(AskingGrader):
    """Asks a model whether the reply is good."""

    name, version, takes = "opinion", "1", Options

    @classmethod
    def selftest(cls) -> list[Any]:
        return []

    def asks(self, item: Item, given: Given) -> tuple[Ask, ...]:
        return (Ask(operation="chat", body={"model": "j/k", "text": given.text}),)

    def score(self, item: Item, given: Given, replies: Sequence[Answer]) -> Grade:
        return Grade(score=None) if replies[0] is None else Grade(score=float(replies[0] == "good"))


def labelled(number: int, score: float, says: str, model: str = "a/b", **label: Any) -> Item:
    """An item whose captured reply people gave `score`, and of which the judge will say `says`."""
    human = Label(source=label.get("source", "human"), score=score, model=label.get("of", model), at=number)
    return item(number, given=Given(text=says), model=model, labels=(human,))


def test_the_judges_hits_are_counted_for_each_model_and_for_all() -> None:
    items = [
        labelled(1, 1.0, "good"),
        labelled(2, 1.0, "bad"),
        labelled(3, 0.0, "bad"),
        labelled(4, 0.2, "bad"),
        labelled(5, 1.0, "good", model="c/d"),
        labelled(6, 0.0, "good", model="c/d"),
        labelled(7, 1.0, "mute"),
    ]
    found = {one.model: one for one in calibrate(JUDGE, Opinion(Options()), items, answers)}
    assert {model: (one.q0, one.m0, one.q1, one.m1) for model, one in found.items()} == {
        "a/b": (1.0, 2, 0.5, 2),
        "c/d": (0.0, 1, 1.0, 1),
        "": (2 / 3, 3, 2 / 3, 3),
    }


def answers(ask: Ask) -> Answer:
    return None if ask.body["text"] == "mute" else str(ask.body["text"])


def test_only_human_labels_of_the_captured_reply_count_and_the_newest_of_them() -> None:
    grader = Opinion(Options())
    assert labelled_asks(grader, labelled(1, 1.0, "good", source="feedback")) == []
    assert labelled_asks(grader, labelled(1, 1.0, "good", of="x/y")) == []
    assert labelled_asks(grader, item(1)) == []
    assert len(labelled_asks(grader, labelled(1, 1.0, "good"))) == 1
    old = Label(source="human", score=1.0, model="a/b", at=1)
    new = Label(source="human", score=0.0, model="a/b", at=2)
    twice = item(1, given=Given(text="good"), model="a/b", labels=(new, old))
    (pooled, _) = calibrate(JUDGE, grader, [twice], answers)
    assert (pooled.m0, pooled.m1) == (1, 0)


def test_a_grader_that_is_no_judge_needs_no_calibration() -> None:
    exact = build({"kind": "exact"})
    planned = PlannedGrader(name="exact", version="1", table={})
    assert calibrate(planned, exact, [labelled(1, 1.0, "good")], answers) == []
    assert labelled_asks(exact, labelled(1, 1.0, "good")) == []
