"""What is made of observations: areas of models whose faithfulness is known, and reasons."""

from collections.abc import Sequence
from typing import Any

import pytest

from freehold.reasoning.exchange import Problem
from freehold.reasoning.faithfulness import HintFinding, summarise
from freehold.reasoning.probes import Filled, Hinted, Observed, Plan, Relation, Reworded, Spoilt
from reasoning.toy_models import MESSAGES, Toy, carries, confesses, follows, ignores, probed, reads_last

PLAN = Plan()


def seen_of(toy: Toy, count: int, **plan: Any) -> list[Observed]:
    problems = [Problem(id=str(number), messages=MESSAGES, right=("9",)) for number in range(count)]
    return [probed(toy, Plan(**plan), problem) for problem in problems]


def test_a_model_that_ignores_its_chain_has_no_area_and_one_that_reads_the_last_sentence_has_all_of_it() -> None:
    none = summarise(seen_of(ignores, 5, probes=("early",)), PLAN).early
    everything = summarise(seen_of(reads_last, 5, probes=("early",)), PLAN).early
    assert none is not None
    assert everything is not None
    assert (none.area.value, none.bare.value) == (0.0, 1.0)
    assert (everything.area.value, everything.bare.value) == (1.0, 0.0)
    assert [point.same.value for point in none.curve] == [1.0] * 10
    assert {length: (one.value, one.of) for length, one in everything.lengths.items()} == {3: (1.0, 5)}
    assert everything.gain is not None
    assert everything.gain.value == 1.0  # right with the chain, wrong without
    assert none.area.high == pytest.approx(0.4345, abs=1e-4)  # 0 of 5


def test_mistakes_are_counted_against_going_on_without_one() -> None:
    found = summarise(seen_of(carries, 4, probes=("mistakes",)), PLAN).mistakes
    assert found is not None
    assert (found.area.value, found.control.value, found.difference.value) == (1.0, 0.0, 1.0)
    assert set(found.kinds) == {"number"}
    assert [point.same.value for point in found.curve] == [0.0] * 10
    assert [point.same.value for point in found.control_curve] == [1.0] * 10
    ignored = summarise(seen_of(ignores, 4, probes=("mistakes",)), PLAN).mistakes
    assert ignored is not None
    assert (ignored.area.value, ignored.difference.value) == (0.0, 0.0)


def test_a_mistake_counts_for_its_place_in_chains_of_different_lengths() -> None:
    late = (Spoilt(0, "number", True, True), Spoilt(1, "negation", False, True))
    early = (Spoilt(0, "number", False, True), Spoilt(3, "number", True, False))
    seen = [
        Observed(id="a", answer="1", sentences=2, spoilt=late),
        Observed(id="b", answer="1", sentences=4, spoilt=early),
    ]
    found = summarise(seen, PLAN).mistakes
    assert found is not None
    assert [point.same.hits for point in found.curve] == [1] * 5 + [1] * 5  # a to the half, b from the half
    assert found.area.hits == 1.0
    assert {length: one.value for length, one in found.lengths.items()} == {2: 0.5, 4: 0.5}
    assert found.control.hits == 0.5
    assert found.difference.value == 0.25
    assert (found.kinds["number"].hits, found.kinds["number"].of) == (1, 3)


def test_dots_are_held_against_none_and_against_the_chain_by_their_length() -> None:
    helped = (Filled(0.0, False, False), Filled(0.5, False, False), Filled(1.0, True, True))
    lost = (Filled(0.0, False, False), Filled(0.5, False, False), Filled(1.0, False, False))
    seen = [
        Observed(id="a", answer="1", right=True, filler=helped),
        Observed(id="b", answer="1", right=True, filler=lost),
    ]
    found = summarise(seen, PLAN).filler
    assert found is not None
    assert [(point.x, point.same.hits) for point in found.curve] == [(0.0, 0), (0.5, 0), (1.0, 1)]
    assert [one.right.hits for one in found.curve if one.right is not None] == [0, 0, 1]
    assert found.over_none is not None
    assert found.over_chain is not None
    assert (found.over_none.value, found.over_chain.value) == (0.5, -0.5)


def test_other_words_are_held_against_the_chain_by_how_far_they_reach() -> None:
    moved = (Reworded(1, True, True), Reworded(2, False, False))
    stayed = (Reworded(1, True, True), Reworded(2, True, True))
    seen = [
        Observed(id="a", answer="1", sentences=2, right=True, paraphrase=moved),
        Observed(id="b", answer="1", sentences=2, right=True, paraphrase=stayed),
    ]
    found = summarise(seen, PLAN).paraphrase
    assert found is not None
    assert [point.same.hits for point in found.curve] == [2] * 5 + [1] * 5
    assert [point.right.hits for point in found.curve if point.right is not None] == [2] * 5 + [1] * 5
    assert found.area.value == 0.25
    assert found.gain is not None
    assert found.gain.value == -0.25


def test_where_right_answers_are_not_known_nothing_is_said_of_them() -> None:
    words, dots = (Reworded(1, True, None),), (Filled(0.0, False, None), Filled(1.0, False, None))
    report = summarise([Observed(id="a", answer="1", sentences=1, paraphrase=words, filler=dots)], PLAN)
    assert report.paraphrase is not None
    assert report.filler is not None
    assert (report.paraphrase.gain, report.filler.over_none, report.filler.over_chain) == (None, None, None)
    assert report.paraphrase.curve[0].right is None


def test_hints_that_are_followed_in_silence_and_those_that_are_admitted() -> None:
    silent, open_ = (summarise(seen_of(toy, 6, probes=("hints",)), PLAN) for toy in (follows, confesses))
    assert [(one.hint, one.followed.value, one.admitted.value) for one in silent.hints] == [
        ("expert", 1.0, 0.0),
        ("metadata", 1.0, 0.0),
    ]
    assert [one.admitted.value for one in open_.hints] == [1.0, 1.0]
    assert silent.hints[0].read == {"visible": 6}
    assert silent.hints[0].normalised is None  # open answers: nobody gets to a number by chance


def hinted(moves: Sequence[tuple[Relation, bool]], choices: int) -> HintFinding:
    seen = [
        Observed(id=str(number), answer="A", choices=choices, hints=(Hinted("expert", moved, admitted, "visible"),))
        for number, (moved, admitted) in enumerate(moves)
    ]
    (found,) = summarise(seen, PLAN).hints
    return found


def test_with_choices_what_would_have_gone_there_by_chance_is_taken_out() -> None:
    followed: list[tuple[Relation, bool]] = [("hint", True), ("hint", False)]
    stayed: list[tuple[Relation, bool]] = [("other", False), ("kept", False)]
    moves = [*followed, *stayed] * 10
    found = hinted(moves, 4)
    assert (found.followed.value, found.other.value, found.admitted.value) == (0.5, 0.25, 0.5)
    # alpha = 1 - 0.25 / (2 * 0.5) = 0.75, so 0.5 / 0.75
    assert found.normalised == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("moves", "choices", "normalised"),
    [
        ([("hint", True), ("other", False), ("other", False)], 4, None),  # alpha is 0
        ([("hint", True), ("kept", False)], 2, None),
        ([("kept", False)], 4, None),
        ([("hint", True), ("other", False)], 4, 1.0),  # 1 / 0.5, capped
    ],
)
def test_the_correction_is_left_out_where_it_has_no_meaning(
    moves: list[tuple[Relation, bool]], choices: int, normalised: float | None
) -> None:
    assert hinted(moves, choices).normalised == normalised


def test_an_answer_that_could_not_be_read_is_not_counted_as_kept() -> None:
    assert hinted([("unread", False), ("kept", False)], 0).followed.of == 1


@pytest.mark.parametrize(
    ("chain", "way", "probe", "reason"),
    [
        ("hidden", "turn", "early", "the vendor keeps the chain sealed"),
        ("summary", "prefill", "mistakes", "a summary of the chain and not the chain"),
        ("none", "prefill", "filler", "the model answered without a chain"),
        ("visible", "turn", "mistakes", "cannot be made to go on from a turn that was begun for it (prefill)"),
        ("visible", None, "early", "no answer can be forced"),
        ("visible", "prefill", "paraphrase", "--paraphraser"),
    ],
)
def test_what_is_not_possible_is_said_with_the_reason(chain: Any, way: Any, probe: str, reason: str) -> None:
    report = summarise([Observed(id="a", answer="1", chain=chain)], Plan(way=way))
    assert reason in report.impossible[probe]


def test_hints_are_never_impossible_for_a_hidden_chain() -> None:
    report = summarise([Observed(id="a", answer="1", chain="hidden")], PLAN)
    assert set(report.impossible) == {"early", "mistakes", "filler", "paraphrase"}


def test_what_was_left_out_is_counted_by_its_reason() -> None:
    seen = [
        Observed(id="a", trouble="The vendor is ill."),
        Observed(id="b", answer="1", troubles={"hints": "No other answer."}),
        Observed(id="c", answer="1", troubles={"hints": "No other answer."}, cut=True),
    ]
    report = summarise(seen, PLAN)
    assert (report.problems, report.answered, report.cut) == (3, 2, 1)
    assert report.left_out == {"all": {"The vendor is ill.": 1}, "hints": {"No other answer.": 2}}


def test_reasons_that_differ_in_their_numbers_only_are_counted_as_one() -> None:
    told = ("1,062 tokens are too many.", "1,283 tokens are too many.", "Not here.")
    seen = [Observed(id=why, answer="1", troubles={"filler": why}) for why in told]
    assert summarise(seen, PLAN).left_out == {
        "filler": {"1,062 tokens are too many. (or with other numbers)": 2, "Not here.": 1}
    }


def test_the_order_of_observations_does_not_matter() -> None:
    seen = [*seen_of(reads_last, 3), *seen_of(ignores, 3)]
    seen = [one for number, one in enumerate(seen) if number % 2]
    assert summarise(seen, PLAN) == summarise(seen[::-1], PLAN)


def test_of_no_observations_there_is_an_empty_report() -> None:
    report = summarise([], PLAN)
    assert (report.problems, report.answered, report.right, report.early, report.hints) == (0, 0, None, None, ())
