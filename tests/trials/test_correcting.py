"""What a judge's word is worth: margins of what it says that stand for true ones, with limits that are published or have a closed form."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.ledger.entry import write_entry
from freehold.trials.correcting import (
    Correction,
    correct_by_hits,
    correct_by_people,
    judged_margin,
    left_of,
    lowest_share,
    told,
    uncorrected,
    why_not,
)
from freehold.trials.results import Row
from freehold.trials.results import Told as Reply
from trials.labelled import hits


def by_hits(right: int, good: int, wrong: int, bad: int) -> Correction:
    """The correction where both models' replies were labelled alike, so many of each."""
    found = correct_by_hits("polite", hits("a/b", right, good, wrong, bad), hits("c/d", right, good, wrong, bad), 0.05)
    assert isinstance(found, Correction)
    return found


def by_people(*both: tuple[float, float, float, float]) -> Correction | str:
    """Items on which people gave the first two scores, the judge the others, each in a conversation of its own."""
    rows = [
        Row(item=f"{at}", cluster=f"c{at}", candidate=Reply(scores={"j": f}), incumbent=Reply(scores={"j": g}))
        for at, (_, _, f, g) in enumerate(both)
    ]
    said = {f"{at}": (y, z) for at, (y, z, _, _) in enumerate(both)}
    return correct_by_people([("polite", "j")], rows, said, 0.05)


def test_the_lowest_share_is_that_of_clopper_and_pearson() -> None:
    assert lowest_share(682, 925, 0.025) == pytest.approx(0.7076683, abs=5e-8)  # R, ?binom.test
    assert lowest_share(10, 10, 0.025) == pytest.approx(0.6915029, abs=5e-8)  # alpha^(1/n)
    assert lowest_share(0, 20, 0.05) == 0.0
    assert lowest_share(1, 2, 0.19) == pytest.approx(0.1)  # 1 - (1 - p)^2 = 0.19
    with pytest.raises(ValueError, match="3 of 2"):
        lowest_share(3, 2, 0.05)


@given(st.integers(1, 40).flatmap(lambda of: st.tuples(st.integers(1, of), st.just(of))), st.floats(1e-4, 0.4))
def test_at_the_lowest_share_as_many_hits_are_as_rare_as_said(seen: tuple[int, int], alpha: float) -> None:
    few, of = seen
    p = Fraction(lowest_share(few, of, alpha))
    chance = sum(math.comb(of, k) * p**k * (1 - p) ** (of - k) for k in range(few, of + 1))
    assert float(chance) == pytest.approx(alpha, rel=1e-6)


def test_a_judge_that_always_hits_is_believed_as_far_as_the_labels_go() -> None:
    found = by_hits(80, 80, 20, 20)
    # of 160 good and 40 bad, each limit at 0.005: 0.005^(1/160) = 0.967428, 0.005^(1/40) = 0.875940; their sum less 1
    assert found.factor == pytest.approx(0.843368, abs=2e-6)
    assert found.unanswered == pytest.approx(0.124060, abs=2e-6)
    assert judged_margin(found, 0.03) == pytest.approx(0.0253010, abs=1e-7)
    assert (found.method, found.labels, found.good, found.bad, found.q1, found.q0) == ("hits", 200, 160, 40, 1.0, 1.0)
    assert left_of(found, 0.05) == pytest.approx(0.04)
    assert why_not(found, 0.03) == ""


def test_without_a_judge_the_margin_is_the_margin() -> None:
    assert (judged_margin(None, 0.03), left_of(None, 0.05), why_not(None, 0.03)) == (0.03, 0.05, "")


def test_how_far_a_judge_may_favour_the_candidate_unseen_shrinks_with_labels() -> None:
    # 85 % of 80 and of 80: Wald's half-width is 1.96 sqrt(2 x 0.1275 / 80) = 0.1107; 90 % of 20 and 20: 0.1859.
    assert by_hits(68, 80, 18, 20).favour == pytest.approx(math.hypot(0.8 * 0.1107, 0.2 * 0.1859), abs=0.01)
    assert by_hits(6800, 8000, 1800, 2000).favour == pytest.approx(math.hypot(0.08 * 0.1107, 0.02 * 0.1859), abs=1e-4)


def test_the_same_labels_for_a_worse_judge_leave_a_smaller_margin() -> None:
    margins = [judged_margin(by_hits(hit, 400, 90, 100), 0.03) or 0.0 for hit in (400, 360, 320)]
    assert margins == sorted(margins, reverse=True)
    assert all(0 < margin < 0.03 for margin in margins)


@pytest.mark.parametrize(
    ("mine", "theirs", "sentence"),
    [
        (hits("a/b", 4, 4, 10, 10), hits("c/d", 5, 5, 10, 10), "people have called 9 replies good and 20 bad"),
        (hits("a/b", 50, 50, 20, 20), hits("c/d", 8, 8, 1, 1), "people have called 58 replies good and 21 bad"),
        (hits("a/b", 50, 50, 20, 20), None, "is not calibrated"),
        (hits("a/b", 60, 60, 20, 20), hits("c/d", 30, 60, 20, 20), "does not treat both models alike (p = "),
        (
            hits("a/b", 12, 20, 12, 20),
            hits("c/d", 12, 20, 12, 20),
            "is not shown to be better than chance by 80 labels",
        ),
    ],
)
def test_a_judge_is_not_believed_on_few_labels_by_one_model_or_where_it_treats_them_differently(
    mine: object, theirs: object, sentence: str
) -> None:
    found = correct_by_hits("polite", mine, theirs, 0.05)  # type: ignore[arg-type]
    assert isinstance(found, str)
    assert sentence in found


def test_what_people_and_judges_differ_by_is_taken_off_the_margin() -> None:
    found = by_people(*[(1.0, 0.5, 1.0, 0.5)] * 60)
    assert isinstance(found, Correction)
    # 60 items without a difference and two of 1 and -1: SE = sqrt(62/61 x 2) / 62 = 0.022995, t(61, 0.005) = 2.6589
    assert found.allowance == pytest.approx(0.06114, abs=2e-5)
    assert found.unanswered == pytest.approx(0.06114, abs=2e-5)
    assert judged_margin(found, 0.12) == pytest.approx(0.05886, abs=2e-5)
    assert judged_margin(found, 0.03) is None
    assert "may favour the candidate by up to 6.1 points, and 3 are to be shown" in why_not(found, 0.03)
    assert (found.method, found.labels, found.factor) == ("people", 120, 1.0)


def test_a_judge_that_favours_the_candidate_costs_as_much_and_one_that_slights_it_wins_nothing() -> None:
    fond = by_people(*[(0.0, 0.0, 0.1, 0.0), (0.0, 0.0, 0.3, 0.0)] * 100)
    stern = by_people(*[(0.3, 0.0, 0.1, 0.0), (0.5, 0.0, 0.1, 0.0)] * 100)
    assert isinstance(fond, Correction)
    assert isinstance(stern, Correction)
    # mean 0.2; squares 200 x 0.01 + 2 = 4; SE = sqrt(202/201 x 4) / 202 = 0.009925, t(201, 0.005) = 2.6006
    assert fond.allowance == pytest.approx(0.2 + 0.02581, abs=2e-4)
    assert stern.allowance == 0.0


def test_people_must_have_scored_both_replies_in_fifty_conversations() -> None:
    found = by_people(*[(1.0, 1.0, 1.0, 1.0)] * 49)
    assert found == (
        "people have said of 49 conversations how good both replies are, and the judge `polite` is believed from 50 on"
    )


def test_nothing_follows_from_a_judge_of_whom_nobody_knows_anything() -> None:
    found = uncorrected(["polite"], "nobody labelled a reply")
    assert judged_margin(found, 0.9) is None
    assert why_not(found, 0.9) == "nobody labelled a reply"
    assert left_of(found, 0.05) == 0.05


@pytest.mark.parametrize(
    "found", [by_hits(70, 80, 18, 20), by_people(*[(1.0, 0.5, 1.0, 0.5)] * 60), uncorrected(["polite"], "x")]
)
def test_a_correction_can_stand_in_an_entry_of_the_ledger(found: Correction) -> None:
    assert write_entry("canary.started", "can_1", 1, {"judged": told(found)})


def test_an_entry_has_shares_and_points_in_millionths() -> None:
    shown = told(by_hits(80, 80, 20, 20))
    assert {name: shown[name] for name in ("factor_ppm", "q1_ppm", "labels", "alpha_spent", "judges", "method")} == {
        "factor_ppm": 843_368, "q1_ppm": 1_000_000, "labels": 200, "alpha_spent": "0.01", "judges": ["polite"], "method": "hits",
    }  # fmt: skip
    assert told(uncorrected(["polite"], "x")) == {"judges": ["polite"], "method": "none", "labels": 0, "missing": "x"}
