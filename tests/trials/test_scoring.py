"""Rows: means of samples, and reasons instead of zeros where there is no score."""

from collections.abc import Sequence
from typing import Any

import pytest

from freehold.graders import build
from freehold.graders.grader import Answer, Ask, AskingGrader, Grader, Options, PairwiseGrader
from freehold.items import Given, Grade, Item
from freehold.trials.plan import PlannedGrader, PlannedItem
from freehold.trials.results import Flips
from freehold.trials.samples import Kept
from freehold.trials.scoring import Case, Reply, questions_of, score
from trials.pipeline import item
from trials.test_verdict import plan

EXACT = PlannedGrader(name="exact", version="1", table={"kind": "exact"}, binary=True)


def reply(text: str, **fields: Any) -> Reply:
    made: dict[str, Any] = {"ms": 10.0, "cost_nano": 4, "input_tokens": 1, "output_tokens": 1, "receipt": "rec_1"}
    return Reply(f"key-{text}", Kept(given=Given(text=text), model="a/b", at=1, **(made | fields)), timed=True)


def case(mine: Sequence[Reply], theirs: Sequence[Reply]) -> Case:
    return Case(
        PlannedItem("item_004", "00", "c", ("l=de",)),
        item(4),
        "",
        {"candidate": tuple(mine), "incumbent": tuple(theirs)},
    )


def nobody(ask: Ask) -> Answer:
    raise AssertionError(ask)


def test_the_score_of_an_item_is_the_mean_over_its_samples() -> None:
    row = score(
        plan([], graders=(EXACT,)), [build({"kind": "exact"})], case([reply("5"), reply("6")], [reply("5")]), nobody
    )
    assert (row.item, row.cluster, row.segments) == ("item_004", "c", ("l=de",))
    assert row.candidate.scores == {"exact": 0.5}
    assert row.incumbent.scores == {"exact": 1.0}
    assert row.candidate.ms == (10.0, 10.0)
    assert row.candidate.cost_nano == 4
    assert row.candidate.keys == ("key-5", "key-6")
    assert row.candidate.reasons["exact"] != ""


@pytest.mark.parametrize("came", [float("nan"), 1.5, -0.1])
def test_what_is_no_score_is_none_and_no_tie(came: float) -> None:
    class Broken(Grader):
        """A third party's, with a bug."""

        name, version, takes = "broken", "1", Options

        @classmethod
        def selftest(cls) -> list[Any]:
            return []

        def grade(self, item: Item, given: Given) -> Grade:
            return Grade(score=came, reason="so it came out")

    made = plan([], graders=(PlannedGrader(name="broken", version="1", table={}),))
    row = score(made, [Broken(Options())], case([reply("5")], [reply("6")]), nobody)
    assert row.candidate.scores == row.incumbent.scores == {"broken": None}
    assert row.candidate.reasons["broken"] == f"The grader gave {came:g}, which is no score from 0 to 1."


def test_the_samples_that_could_not_be_scored_are_told_by_their_numbers() -> None:
    made, graders = plan([], graders=(EXACT,)), [build({"kind": "exact"})]
    silent = Reply("k", None, "503: down")
    row = score(made, graders, case([silent, reply("5"), silent], [reply("5")] * 3), nobody)
    assert row.candidate.scores == {"exact": 1.0}
    assert row.candidate.lost == {"exact": (0, 2)}
    assert row.candidate.reasons == {"exact": "no answer: 503: down"}
    assert row.incumbent.lost == {}
    whole = score(made, graders, case([silent] * 3, [reply("5")] * 3), nobody)
    assert (whole.candidate.scores, whole.candidate.lost) == ({"exact": None}, {})


def test_no_answer_and_no_item_are_reasons_and_not_zeros() -> None:
    lost = case([Reply("k", None, "503: down")], [reply("5")])
    row = score(plan([], graders=(EXACT,)), [build({"kind": "exact"})], lost, nobody)
    assert row.candidate.scores == {"exact": None}
    assert row.candidate.reasons == {"exact": "no answer: 503: down"}
    assert row.candidate.cost_nano is None
    gone = Case(PlannedItem("x", "00", "c"), None, "erased", {})
    row = score(plan([], graders=(EXACT,)), [build({"kind": "exact"})], gone, nobody)
    assert (row.missing, row.candidate.scores, row.candidate.reasons) == (
        "erased",
        {"exact": None},
        {"exact": "erased"},
    )


def test_a_cost_that_is_unknown_for_one_sample_is_unknown() -> None:
    row = score(
        plan([], graders=(EXACT,)), [build({"kind": "exact"})],
        case([reply("5"), reply("5", cost_nano=None)], [reply("5")]), nobody,
    )  # fmt: skip
    assert row.candidate.cost_nano is None


class Opinion(AskingGrader):
    """Asks a model whether the reply is good."""

    name, version, takes = "opinion", "1", Options

    @classmethod
    def selftest(cls) -> list[Any]:
        return []

    def asks(self, item: Item, given: Given) -> tuple[Ask, ...]:
        return (Ask(operation="chat", body={"model": "j/k", "messages": [{"role": "user", "content": given.text}]}),)

    def score(self, item: Item, given: Given, replies: Sequence[Answer]) -> Grade:
        return (
            Grade(score=None, reason="no opinion") if replies[0] is None else Grade(score=float(replies[0] == "good"))
        )


class Duel(PairwiseGrader):
    """Asks which of two is better."""

    name, version, takes = "duel", "1", Options

    @classmethod
    def selftest(cls) -> list[Any]:
        return []

    def asks(self, item: Item, candidate: Given, incumbent: Given) -> tuple[Ask, ...]:
        return (Ask(operation="chat", body={"model": "j/k", "messages": [candidate.text, incumbent.text]}),)

    def score(self, item: Item, candidate: Given, incumbent: Given, replies: Sequence[Answer]) -> Grade:
        return Grade(score=None, reason="no opinion") if replies[0] is None else Grade(score=0.25)


def test_a_grader_that_asks_gets_its_answers_and_without_one_it_is_unscored() -> None:
    made = plan([], graders=(PlannedGrader(name="opinion", version="1", table={}, judge=True),))
    grader = Opinion(Options())
    some = case([reply("yes")], [reply("no")])
    assert [ask.body["messages"][0]["content"] for ask in questions_of([grader], some)] == ["yes", "no"]
    said: dict[str, Answer] = {"yes": "good", "no": None}
    row = score(made, [grader], some, lambda ask: said[ask.body["messages"][0]["content"]])
    assert row.candidate.scores == {"opinion": 1.0}
    assert row.incumbent.scores == {"opinion": None}
    assert row.incumbent.reasons == {"opinion": "no opinion"}


@pytest.mark.parametrize(("answer", "duel"), [("x", 0.25), (None, None)])
def test_a_duel_is_one_score_for_both(answer: Answer, duel: float | None) -> None:
    made = plan([], graders=(PlannedGrader(name="duel", version="1", table={}, judge=True, pairwise=True), EXACT))
    graders = [Duel(Options()), build({"kind": "exact"})]
    row = score(made, graders, case([reply("5")], [reply("6")]), lambda ask: answer)
    assert list(row.candidate.scores) == ["duel", "exact"]
    assert row.candidate.scores["duel"] == duel
    assert row.incumbent.scores["duel"] == (None if duel is None else 0.75)


def test_flips_are_counted_and_samples_are_compared_by_their_numbers() -> None:
    """Three samples; the judge says first in both orders of the first pair, and the second has no reply of the candidate."""
    made = plan([], graders=(PlannedGrader(name="pairwise", version="1", table={}, judge=True, pairwise=True),))
    grader = build({"kind": "pairwise", "models": ["j/k"], "rubric": "Better."})
    mine = [reply("A1"), Reply("k", None, "503: down"), reply("A3")]
    theirs = [reply("B1"), reply("B2"), reply("B3")]

    def judge(ask: Ask) -> Answer:
        text = ask.body["messages"][1]["content"]
        assert "B2" not in text
        first = "A1" in text or text.index("A3") < text.index("B3")
        return '{"reason": "So.", "better": "%s"}' % ("first" if first else "second")

    row = score(made, [grader], case(mine, theirs), judge)
    assert row.flips == {"pairwise": Flips(1, 2)}
    assert (row.candidate.scores, row.incumbent.scores) == ({"pairwise": 0.75}, {"pairwise": 0.25})
    assert row.candidate.lost == {"pairwise": (1,)}
