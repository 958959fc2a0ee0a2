"""Human: labels, of this very reply, the latest first."""

import pytest

from freehold.graders.human import Human, HumanOptions
from freehold.items import Given, Item, Label, LabelSource

SAID = Given(text="Paris")


def labelled(*labels: Label) -> Item:
    return Item(id="1", workload="w", input={}, given=SAID, model="a/b", labels=labels)


def label(score: float, at: int, source: LabelSource = "human", model: str = "a/b", by: str = "") -> Label:
    return Label(source=source, score=score, model=model, at=at, by=by)


def test_the_latest_label_counts_and_of_one_moment_the_last() -> None:
    grader = Human(HumanOptions())
    assert grader.grade(labelled(label(0.2, 5), label(0.9, 7), label(0.4, 6)), SAID).score == 0.9
    assert grader.grade(labelled(label(0.2, 5), label(0.9, 5)), SAID).score == 0.9


def test_labels_of_other_models_replies_and_sources_do_not_count() -> None:
    grader = Human(HumanOptions())
    one = labelled(label(1, 1, model="c/d"), label(1, 1, source="feedback"))
    assert grader.grade(one, SAID).score is None
    assert grader.grade(labelled(label(1, 1)), Given(text="Rome")).score is None
    assert grader.grade(Item(id="1", workload="w", input={}, labels=(label(1, 1),)), SAID).score is None


def test_options_say_whose_labels_count_and_from_where_on_it_is_right() -> None:
    one = labelled(label(0.6, 1, by="ann"), label(0.1, 2, by="bo"), label(1, 3, source="feedback"))
    assert Human(HumanOptions(by="ann")).grade(one, SAID).score == 0.6
    assert Human(HumanOptions(by="ann", threshold=0.5)).grade(one, SAID).score == 1.0
    assert Human(HumanOptions(sources=("human", "feedback"))).grade(one, SAID).score == 1.0


@pytest.mark.parametrize(("said", "score"), [(-1, 0.0), (7, 1.0)])
def test_a_score_stays_between_0_and_1(said: float, score: float) -> None:
    assert Human(HumanOptions()).grade(labelled(label(said, 1)), SAID).score == score
