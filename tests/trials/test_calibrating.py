"""A judge is held against people, reply by reply."""

from collections.abc import Sequence
from typing import Any

from freehold.graders import build
from freehold.graders.grader import Answer, Ask, AskingGrader, Options
from freehold.items import Given, Grade, Item, Label
from freehold.trials.calibrating import Labelled, alike, believed, calibrate, captured, judges_of, labelled_asks
from freehold.trials.plan import Gates, PlannedGrader
from freehold.trials.results import Calibration
from trials.pipeline import item
from trials.test_verdict import plan

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
    found = {one.model: one for one in calibrate(JUDGE, Opinion(Options()), captured(items), answers)}
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
    (pooled, _) = calibrate(JUDGE, grader, captured([twice]), answers)
    assert (pooled.m0, pooled.m1) == (1, 0)


def test_a_grader_that_is_no_judge_needs_no_calibration() -> None:
    exact = build({"kind": "exact"})
    planned = PlannedGrader(name="exact", version="1", table={})
    assert calibrate(planned, exact, captured([labelled(1, 1.0, "good")]), answers) == []
    assert labelled_asks(exact, labelled(1, 1.0, "good")) == []


def test_replies_of_the_trial_calibrate_the_judge_about_their_own_model() -> None:
    replies = [Labelled("own/nano", item(at), Given(text="good"), float(at < 3)) for at in range(5)]
    found = {
        one.model: (one.q0, one.m0, one.q1, one.m1) for one in calibrate(JUDGE, Opinion(Options()), replies, answers)
    }
    assert found == {"": (0.0, 2, 1.0, 3), "own/nano": (0.0, 2, 1.0, 3)}


def test_replies_of_one_conversation_tell_of_a_judge_no_more_than_one_good_and_one_bad_of_each_model() -> None:
    replies = [Labelled("a/b", item(at), Given(text="mute" if at == 0 else "good"), float(at % 2)) for at in range(40)]
    clusters = {reply.item.id: str(at // 10) for at, reply in enumerate(replies)}
    (pooled, _) = calibrate(JUDGE, Opinion(Options()), replies, answers, clusters)
    assert (pooled.m0, pooled.m1) == (4, 4)
    (alone, _) = calibrate(JUDGE, Opinion(Options()), replies, answers)
    assert (alone.m0, alone.m1) == (19, 20)


def of(model: str, q0: float, q1: float, m0: int = 100, m1: int = 100) -> Calibration:
    return Calibration(grader="judge", model=model, q0=q0, q1=q1, m0=m0, m1=m1)


def test_a_models_own_calibration_comes_before_that_of_all_and_chance_is_none() -> None:
    made = plan([], graders=(JUDGE,))
    pool, mine = of("", 0.9, 0.9), of("own/nano", 0.8, 0.8)
    assert believed(made, JUDGE, [pool, mine]) == (mine, pool)
    assert believed(made, JUDGE, [pool, of("own/nano", 0.9, 0.9, m0=9)]) == (pool, pool)
    few = of("", 1.0, 0.05, m0=10, m1=1000)  # ten labels do not tell 1.0 from 0.92, and 0.92 + 0.05 is below 1
    for useless in (of("", 0.5, 0.5), of("", 0.9, 0.9, m1=9), few):
        assert "not calibrated" in str(believed(made, JUDGE, [useless]))


def test_how_alike_a_judge_treats_two_models_is_fishers_p() -> None:
    """The table 11, 3 and 1, 9 of hits and errors on bad replies has p = 0.002759; it is doubled for the two sides."""
    p = alike(of("a", 11 / 12, 1.0, m0=12, m1=0), of("b", 3 / 12, 1.0, m0=12, m1=0))
    assert p is not None
    assert abs(p - 2 * 0.002759) < 1e-6
    assert alike(of("a", 0.9, 0.9), None) is None


def test_the_judges_that_decide_are_the_primary_one_and_the_gates() -> None:
    others = (
        PlannedGrader(name="tone", version="1", table={}, judge=True),
        PlannedGrader(name="x", version="1", table={}),
    )
    made = plan([], graders=(JUDGE, *others), gates=Gates())
    assert judges_of(made) == [0]
    assert judges_of(plan([], graders=(JUDGE, *others), gates=Gates(graders={"tone": 0.05, "x": 0.05}))) == [0, 1]
    assert judges_of(plan([], graders=tuple(reversed((JUDGE, *others))), gates=Gates())) == []
