"""The verdict: which numbers pass, which fail, and when nothing may be concluded."""

import random
from typing import Any

import pytest
from msgspec.structs import replace

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
    useless = Calibration(grader="judge", model="", q0=0.5, q1=0.5, m0=200, m1=200)
    assert "not calibrated" in decide(made, rows, [useless]).gates[0].reason


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
