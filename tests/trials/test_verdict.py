"""The verdict: which numbers pass, which fail, and when nothing may be concluded."""

import random
from typing import Any

import pytest
from msgspec.structs import replace

from freehold.trials.labels import Better, Said
from freehold.trials.plan import Gates, Plan, PlannedGrader, PlannedItem, Sampling, Segments
from freehold.trials.results import Calibration, Row, Told
from freehold.trials.verdict import decide
from trials.test_plan import plan_of

EXACT = PlannedGrader(name="exact", version="1", table={"kind": "exact"}, binary=True)
JUDGE = PlannedGrader(name="judge", version="1", table={"kind": "judge"}, judge=True, binary=True)


def plan(rows: list[Row], **fields: Any) -> Plan:
    """A plan of exactly these rows: margin 3 points, alpha 2.5 %, one sample, no gates."""
    items = tuple(PlannedItem(row.item, "00", row.cluster, row.segments) for row in rows)
    plain: dict[str, Any] = {"gates": Gates(), "segments": Segments(), "sampling": Sampling(), "graders": (EXACT,)}
    return replace(plan_of(*items), **(plain | fields))


def rows_of(
    both: int, candidate: int, incumbent: int, neither: int, *, grader: str = "exact", **fields: Any
) -> list[Row]:
    """So many items that both models get right, only one, or neither."""
    cells = [(1.0, 1.0)] * both + [(1.0, 0.0)] * candidate + [(0.0, 1.0)] * incumbent + [(0.0, 0.0)] * neither
    return [
        Row(item=f"i{at}", cluster=f"i{at}", candidate=Told(scores={grader: mine}), incumbent=Told(scores={grader: theirs}),
            **fields)
        for at, (mine, theirs) in enumerate(cells)
    ]  # fmt: skip


def test_a_candidate_that_is_as_good_passes_with_its_numbers() -> None:
    rows = rows_of(1500, 100, 100, 300)
    verdict = decide(plan(rows), rows)
    assert verdict.outcome == "pass"
    (gate,) = verdict.gates
    assert (gate.n, gate.estimate, gate.limit, gate.candidate, gate.incumbent) == (2000, 0.0, -0.03, 0.8, 0.8)
    # Wald's half-width is 1.95996 * sqrt(200) / 2000 = 1.386 points; Tango's interval is a little wider.
    assert gate.low == pytest.approx(-0.01386, abs=2e-4)
    assert gate.high == pytest.approx(0.01386, abs=2e-4)
    assert verdict.sentence == (
        "Pass: own/nano is no worse than openai/gpt-5-mini on sums by more than 3 points "
        "(quality +0.0 points (-1.4 to +1.4; limit -3))."
    )


def test_a_candidate_shown_to_be_worse_than_the_margin_fails() -> None:
    rows = rows_of(1300, 50, 200, 450)
    verdict = decide(plan(rows), rows)
    assert verdict.outcome == "fail"
    assert verdict.gates[0].estimate == -0.075
    assert verdict.sentence.startswith("Fail: quality -7.5 points")


def test_too_few_items_are_inconclusive_and_say_how_many_more() -> None:
    rows = rows_of(150, 10, 10, 30)
    verdict = decide(plan(rows), rows)
    assert verdict.outcome == "inconclusive"
    # (1.95996 + 0.84162)^2 * 0.1 / 0.03^2 = 872.1 items at a discordance of 10 %.
    assert verdict.more == 873 - 200
    assert verdict.sentence.endswith("About 673 more items would decide it.")


def test_an_estimate_beyond_the_margin_asks_for_no_more_items() -> None:
    rows = rows_of(150, 8, 16, 26)
    verdict = decide(plan(rows), rows)
    assert verdict.outcome == "inconclusive"
    assert verdict.more is None
    assert verdict.gates[0].reason == "the estimate itself lies beyond the margin"


def test_unscored_items_count_for_neither_model_and_too_many_void_the_trial() -> None:
    rows = rows_of(1500, 100, 100, 300)
    few = [replace(row, candidate=Told(scores={"exact": None})) for row in rows[:40]] + rows[40:]
    verdict = decide(plan(few), few)
    assert verdict.outcome == "pass"
    assert verdict.gates[0].n == 1960
    assert verdict.unscored == {"exact": pytest.approx(0.02)}
    assert verdict.against is not None
    assert verdict.against < -0.03  # 2 points of lost items could matter, and the reader is told
    many = [replace(row, candidate=Told(scores={"exact": None})) for row in rows[:41]] + rows[41:]
    void = decide(plan(many), many)
    assert (void.outcome, bool(void.void)) == ("inconclusive", True)
    assert void.sentence == "Void: 2.1% of the items could not be scored by `exact`, and 2% may be."


def test_every_segment_of_the_plan_must_pass_and_small_ones_are_only_shown() -> None:
    good = rows_of(750, 50, 50, 150, segments=("l=de",))
    bad = [
        replace(row, item=f"b{row.item}", cluster=f"b{row.item}", segments=("l=fr",)) for row in rows_of(60, 0, 25, 15)
    ]
    small = [
        replace(row, item=f"s{row.item}", cluster=f"s{row.item}", segments=("l=it",)) for row in rows_of(3, 0, 6, 0)
    ]
    rows = good + bad + small
    made = plan(rows, segments=Segments(paths=("l",), margin=0.06, least=20))
    verdict = decide(made, rows)
    found = {gate.name: (gate.outcome, gate.judged) for gate in verdict.gates}
    assert found == {
        "quality": ("inconclusive", True),
        "l=de": ("pass", True),
        "l=fr": ("fail", True),
        "l=it": ("inconclusive", False),
    }
    assert verdict.outcome == "fail"
    shown = verdict.gates[3]
    assert shown.reason == "9 of at least 20 items: shown, not judged"
    # Benjamini and Hochberg over the two judged segments: the smaller p doubles, the larger stays.
    of_de, of_fr = verdict.gates[1], verdict.gates[2]
    assert of_de.p is not None
    assert of_de.adjusted_p == pytest.approx(2 * of_de.p)
    assert of_fr.adjusted_p == of_fr.p


def test_a_further_grader_is_a_gate_with_its_own_margin() -> None:
    rows = [
        replace(row, candidate=Told(scores={"exact": 1.0, "refusal": 0.0 if at < 60 else 1.0}),
                incumbent=Told(scores={"exact": 1.0, "refusal": 1.0}))
        for at, row in enumerate(rows_of(1000, 0, 0, 0))
    ]  # fmt: skip
    refusal = PlannedGrader(name="refusal", version="1", table={"kind": "refusal"}, binary=True)
    verdict = decide(plan(rows, graders=(EXACT, refusal), gates=Gates(graders={"refusal": 0.01})), rows)
    assert [(gate.name, gate.outcome, gate.limit) for gate in verdict.gates] == [
        ("quality", "pass", -0.03),
        ("refusal", "fail", -0.01),
    ]
    assert verdict.sentence.startswith("Fail: refusal -6.0 points")


def test_time_and_cost_are_gates_too() -> None:
    draw = random.Random(1)
    rows = [
        replace(
            row,
            candidate=replace(row.candidate, ms=(draw.uniform(200, 220),), cost_nano=50.0),
            incumbent=replace(row.incumbent, ms=(draw.uniform(100, 110),), cost_nano=100.0),
        )
        for row in rows_of(1500, 100, 100, 300)
    ]
    verdict = decide(plan(rows, gates=Gates(p95=1.5, cost=0.8)), rows)
    by_name = {gate.name: gate for gate in verdict.gates}
    assert by_name["p95 latency"].outcome == "fail"
    assert by_name["p95 latency"].estimate == pytest.approx(2, abs=0.01)
    assert by_name["cost"].outcome == "pass"
    assert by_name["cost"].estimate == 0.5
    assert decide(plan(rows, gates=Gates(p95=2.2, cost=0.8)), rows).outcome == "pass"


def test_a_judge_that_nobody_checked_concludes_nothing_and_a_checked_one_carries_its_errors() -> None:
    rows = rows_of(1500, 100, 100, 300, grader="judge")
    made = plan(rows, graders=(JUDGE,), margin=0.06)
    unchecked = decide(made, rows)
    assert unchecked.outcome == "inconclusive"
    assert "not calibrated" in unchecked.gates[0].reason
    good = Calibration(grader="judge", model="", q0=0.98, q1=0.98, m0=1000, m1=1000)
    checked = decide(made, rows, [good])
    assert checked.outcome == "pass"
    assert checked.gates[0].method == "judge-corrected, 2000 labels, one calibration for both models"
    # The shares are 0.8 each, corrected (0.8 + 0.98 - 1) / 0.96 = 0.8125.
    assert checked.gates[0].estimate == pytest.approx(0)
    few = Calibration(grader="judge", model="", q0=0.8, q1=0.8, m0=20, m1=20)
    worse = decide(made, rows, [few])
    assert worse.outcome == "inconclusive"
    assert worse.gates[0].low is not None
    assert checked.gates[0].low is not None
    assert worse.gates[0].low < checked.gates[0].low
    assert "freehold trial label trial_x" in unchecked.gates[0].reason
    useless = Calibration(grader="judge", model="", q0=0.5, q1=0.5, m0=200, m1=200)
    assert "not calibrated" in decide(made, rows, [useless]).gates[0].reason


def test_a_judge_is_believed_about_each_model_by_its_own_replies() -> None:
    rows = rows_of(1500, 100, 100, 300, grader="judge")
    made = plan(rows, graders=(JUDGE,), margin=0.06)
    of_all = Calibration(grader="judge", model="", q0=0.9, q1=0.9, m0=400, m1=400)
    of_mine = Calibration(grader="judge", model="own/nano", q0=0.6, q1=0.9, m0=400, m1=400)
    gate = decide(made, rows, [of_all, of_mine]).gates[0]
    # A judge who lets 40 % of the candidate's bad replies pass: (0.8 + 0.6 - 1)/0.5 = 0.8 against (0.8 + 0.9 - 1)/0.8 = 0.875.
    assert gate.estimate == pytest.approx(-0.075)
    assert gate.method == "judge-corrected, 1600 labels"


def test_models_that_a_judge_treats_differently_share_no_calibration() -> None:
    rows = rows_of(1500, 100, 100, 300, grader="judge")
    made = plan(rows, graders=(JUDGE,), margin=0.06)
    of_all = Calibration(grader="judge", model="", q0=0.9, q1=0.9, m0=1000, m1=1000)
    theirs = Calibration(grader="judge", model="openai/gpt-5-mini", q0=0.95, q1=0.9, m0=991, m1=1000)
    mine = Calibration(grader="judge", model="own/nano", q0=0.0, q1=1.0, m0=9, m1=1)  # all 9 bad ones taken for good
    verdict = decide(made, rows, [of_all, theirs, mine])
    assert verdict.outcome == "inconclusive"
    assert "does not treat both models alike" in verdict.gates[0].reason
    like_them = replace(mine, q0=8 / 9)
    assert decide(made, rows, [of_all, theirs, like_them]).outcome == "pass"


DUEL = PlannedGrader(name="pairwise", version="1", table={"kind": "pairwise"}, judge=True, pairwise=True)
GRADES = PlannedGrader(name="judge", version="1", table={"kind": "judge", "levels": 5}, judge=True)


def duels(wins: int, ties: int, losses: int) -> list[Row]:
    """So many pairs that the judge gives to the candidate, to neither, to the incumbent, well mixed."""
    scores = [1.0] * wins + [0.5] * ties + [0.0] * losses
    random.Random(4).shuffle(scores)
    return [
        Row(item=f"i{at}", cluster=f"i{at}", candidate=Told(scores={"pairwise": one}),
            incumbent=Told(scores={"pairwise": 1 - one}))
        for at, one in enumerate(scores)
    ]  # fmt: skip


def people(rows: list[Row], count: int, wrong: int = 0) -> list[Said]:
    """People agree with the judge of pairs on so many items, but for the first `wrong` of them, where the incumbent is better."""
    better: dict[float, Better] = {1.0: "candidate", 0.5: "neither", 0.0: "incumbent"}
    return [
        Said(item=row.item, at=1, better="incumbent" if at < wrong else better[row.candidate.scores["pairwise"] or 0.0])
        for at, row in enumerate(rows[:count])
    ]


def test_a_judge_of_pairs_passes_and_fails_by_what_people_prefer() -> None:
    even = duels(300, 400, 300)
    made = plan(even, graders=(DUEL,), margin=0.15)
    passed = decide(made, even, said=people(even, 250))
    assert passed.outcome == "pass"
    assert passed.gates[0].estimate == pytest.approx(0, abs=0.03)
    assert passed.gates[0].method == "prediction-powered, people on 250 of 1,000 items"
    worse = duels(100, 300, 600)
    assert decide(plan(worse, graders=(DUEL,), margin=0.15), worse, said=people(worse, 250)).outcome == "fail"
    # Where people see it otherwise than the judge in 60 of 250 pairs, the judge's own word counts for little.
    doubted = decide(made, even, said=people(even, 250, wrong=60))
    assert doubted.outcome != "pass"
    assert (doubted.gates[0].estimate or 0) < -0.15


def test_a_judge_of_pairs_that_people_hardly_checked_says_how_to_check_it() -> None:
    even = duels(300, 400, 300)
    made = plan(even, graders=(DUEL,), margin=0.15)
    for said in ([], people(even, 49), [Said(item=row.item, at=1, candidate=1.0, incumbent=1.0) for row in even[:250]]):
        verdict = decide(made, even, said=said)
        assert verdict.outcome == "inconclusive"
        assert verdict.gates[0].reason.endswith("is believed from 50 on (`freehold trial label trial_x`)")


def test_a_judge_of_grades_is_set_right_by_peoples_grades_of_both_replies() -> None:
    draw = random.Random(8)
    grades = [(draw.randrange(5) / 4, draw.randrange(5) / 4) for _ in range(1200)]
    rows = [
        Row(
            item=f"i{at}",
            cluster=f"i{at}",
            candidate=Told(scores={"judge": mine}),
            incumbent=Told(scores={"judge": theirs}),
        )
        for at, (mine, theirs) in enumerate(grades)
    ]
    made = plan(rows, graders=(GRADES,), margin=0.1)
    pool = [Calibration(grader="judge", model="", q0=0.9, q1=0.9, m0=400, m1=400)]
    assert decide(made, rows, pool).outcome == "inconclusive"  # shares of errors say nothing of grades
    alike = [
        Said(item=f"i{at}", at=1, candidate=mine, incumbent=theirs) for at, (mine, theirs) in enumerate(grades[:300])
    ]
    assert decide(made, rows, pool, alike).outcome == "pass"
    # People find each reply of the candidate worse by 0.3 than the judge does: the difference moves by as much.
    harsh = [replace(one, candidate=(one.candidate or 0) - 0.3) for one in alike]
    moved = decide(made, rows, pool, harsh)
    assert moved.outcome == "fail"
    assert moved.gates[0].estimate == pytest.approx((decide(made, rows, pool, alike).gates[0].estimate or 0) - 0.3)


def test_a_judge_can_be_a_further_gate() -> None:
    rows = [
        replace(row, candidate=Told(scores={"exact": 1.0, "judge": 1.0 if at % 5 else 0.0}),
                incumbent=Told(scores={"exact": 1.0, "judge": 1.0 if at % 5 else 0.0}))
        for at, row in enumerate(rows_of(2000, 0, 0, 0))
    ]  # fmt: skip
    made = plan(rows, graders=(EXACT, JUDGE), gates=Gates(graders={"judge": 0.06}))
    assert decide(made, rows).outcome == "inconclusive"
    known = [Calibration(grader="judge", model="", q0=0.95, q1=0.95, m0=1000, m1=1000)]
    assert decide(made, rows, known).outcome == "pass"


def test_samples_without_a_score_count_as_samples() -> None:
    """Four of five samples of the candidate fail on 30 of 1,000 items: 0.8 of 3 % are 2.4 %."""
    rows = rows_of(800, 50, 50, 100)
    some = [
        replace(row, candidate=Told(scores={"exact": 1.0}, lost={"exact": (1, 2, 3, 4)})) if at < 30 else row
        for at, row in enumerate(rows)
    ]
    made = plan(some, sampling=Sampling(samples=5))
    verdict = decide(made, some)
    assert verdict.void == "2.4% of the items could not be scored by `exact`, and 2% may be"
    assert verdict.gates[0].n == 1000
    fewer = some[:20] + rows[20:]
    kept = decide(made, fewer)
    assert (kept.void, kept.unscored) == ("", {"exact": pytest.approx(0.016)})
    # If the lost ones were wrong, the candidate's mean on those items would be 0.2, and the incumbent's 1.
    assert kept.against is not None
    assert kept.against < (kept.gates[0].low or 0) - 0.015


def test_one_conversation_shows_nothing_of_others() -> None:
    rows = [replace(row, cluster="c") for row in rows_of(30, 2, 2, 6)]
    verdict = decide(plan(rows), rows)
    assert verdict.outcome == "inconclusive"
    assert verdict.gates[0].reason == "all items come from one conversation, which shows no variance"


def test_clusters_make_the_interval_wider() -> None:
    rows = rows_of(1500, 100, 100, 300)
    tied = [replace(row, cluster=f"c{at // 10}") for at, row in enumerate(rows)]
    alone, together = decide(plan(rows), rows).gates[0], decide(plan(tied), tied).gates[0]
    assert alone.low is not None
    assert together.low is not None
    assert together.low < alone.low
    assert "design effect" in together.method


def test_several_samples_are_compared_as_means() -> None:
    rows = [
        replace(row, candidate=Told(scores={"exact": 0.5}), incumbent=Told(scores={"exact": 0.5 + 0.25 * (at % 2)}))
        for at, row in enumerate(rows_of(400, 0, 0, 0))
    ]
    gate = decide(plan(rows, sampling=Sampling(samples=4)), rows).gates[0]
    assert gate.method == "paired mean, t"
    assert gate.estimate == -0.125


def test_no_items_conclude_nothing() -> None:
    verdict = decide(plan([]), [])
    assert verdict.outcome == "inconclusive"
    assert verdict.void
