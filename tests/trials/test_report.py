"""A report says what the results say, as data and as Markdown, and orders what is to be read."""

import pytest
from msgspec.structs import replace

from freehold.trials.plan import Gates, PlannedGrader, Sampling, Segments
from freehold.trials.report import (
    Noted,
    Paired,
    Point,
    Report,
    as_data,
    disagreeing,
    frontier,
    graders_of,
    markdown,
    notes,
    paired,
    points_of,
    why_unscored,
)
from freehold.trials.results import Calibration, Flips, Results, Row, Told
from freehold.trials.verdict import decide
from trials.test_verdict import plan, rows_of


def report_of(rows: list[Row], **fields: object) -> Report:
    made = plan(rows, **fields)
    results = Results(
        trial=made.id, plan="ab" * 32, ended_at=1_795_000_000_000, spent_nano=1_500_000_000, asked=10, cached=2, captured=0,
        verdict=decide(made, rows), calibrations=(Calibration(grader="judge", model="", q0=0.9, q1=0.8, m0=20, m1=10),),
        rows=tuple(rows), notes=("A note.",),
    )  # fmt: skip
    noted = Noted(plan="ab" * 32, results="cd" * 32, planned_entry=7, ended_entry=None, log="example.invalid/log")
    return Report(plan=made, results=results, noted=noted, points=tuple(points_of(made, results)))


def rows() -> list[Row]:
    found = rows_of(750, 50, 50, 150, segments=("l=de",))
    return [
        replace(row, candidate=replace(row.candidate, ms=(100.0,), cost_nano=2000.0),
                incumbent=replace(row.incumbent, ms=(200.0 if at else 900.0,), cost_nano=4000.0))
        for at, row in enumerate(found)
    ]  # fmt: skip


def test_the_points_are_means_dollars_and_percentiles() -> None:
    mine, theirs = report_of(rows()).points
    assert (mine.quality, mine.usd_per_1000, mine.p95_seconds) == (0.8, 0.002, 0.1)
    assert (theirs.usd_per_1000, theirs.p95_seconds) == (0.004, 0.2)
    assert (mine.role, theirs.role) == ("candidate", "incumbent")


def test_the_frontier_leaves_out_what_another_beats() -> None:
    def point(model: str, quality: float, usd: float | None) -> Point:
        return Point(model=model, role="x", quality=quality, usd_per_1000=usd, p95_seconds=None)

    points = [point("dear", 0.9, 5), point("beaten", 0.6, 3), point("cheap", 0.7, 1), point("unknown", 1.0, None)]
    assert [one.model for one in frontier(points, "usd_per_1000")] == ["cheap", "dear"]
    assert frontier(points, "p95_seconds") == []


def test_item_by_item_it_says_who_is_ahead_on_all_items_and_in_each_segment() -> None:
    some = [
        Row(item=str(at), cluster=str(at), segments=segments, candidate=Told(scores={"exact": mine}),
            incumbent=Told(scores={"exact": theirs}))
        for at, (mine, theirs, segments) in enumerate(
            [(1.0, 0.0, ("l=de",)), (1.0, 1.0, ("l=de",)), (0.0, 1.0, ("l=en",)), (1.0, 0.0, ()), (None, 1.0, ("l=fr",))]
        )
    ]  # fmt: skip
    told = report_of(some)
    assert paired(told.plan, told.results) == [
        Paired(where="all items", n=4, candidate=0.75, incumbent=0.5, ahead=2, behind=1, mid_p=0.625),
        Paired(where="l=de", n=2, candidate=1.0, incumbent=0.5, ahead=1, behind=0, mid_p=0.5),
        Paired(where="l=en", n=1, candidate=0.0, incumbent=1.0, ahead=0, behind=1, mid_p=0.5),
    ]
    assert "| all items | 4 | 75.0 % | 50.0 % | 2 | 1 | 1 | 0.6250 |" in markdown(told)
    assert as_data(told)["paired"][2] == {
        "where": "l=en", "n": 1, "candidate": 0.0, "incumbent": 1.0, "ahead": 0, "behind": 1, "mid_p": 0.5
    }  # fmt: skip


def test_mid_p_is_shown_only_where_pairs_are_right_or_wrong_once_and_stand_alone() -> None:
    """6 to 16: 2 P(X <= 6) - P(X = 6) = 0.034690 (Fagerland, Lydersen & Laake 2013)."""
    some = rows_of(59, 6, 16, 80)
    (one,) = paired(report_of(some).plan, report_of(some).results)
    assert one.mid_p == pytest.approx(0.034690, abs=5e-7)
    tied = [replace(row, cluster=f"c{at // 2}") for at, row in enumerate(some)]
    for other in (report_of(tied), report_of(some, sampling=Sampling(samples=2)), report_of(some, graders=(GRADED,))):
        assert paired(other.plan, other.results)[0].mid_p is None


GRADED = PlannedGrader(name="exact", version="1", table={"kind": "exact"})
JUDGE = PlannedGrader(name="judge", version="1", table={"kind": "judge"}, judge=True, binary=True)


def test_segments_are_shown_with_their_adjusted_p() -> None:
    text = markdown(report_of(rows(), segments=Segments(paths=("l",))))
    line = next(line for line in text.splitlines() if line.startswith("| l=de |"))
    assert " (BH 0.0000) |" in line
    assert "(BH" not in next(line for line in text.splitlines() if line.startswith("| quality |"))


def test_how_often_a_judge_of_pairs_changed_its_mind_is_told() -> None:
    some = [
        replace(row, flips={"pairwise": Flips(2 if at < 35 else 0, 2)}) if at < 100 else row
        for at, row in enumerate(rows_of(75, 5, 5, 15) * 2)
    ]
    assert (
        "The judges of pairwise changed their verdict with the order of the replies in 70 of 200 comparisons (35.0%); those "
        "count as ties."
    ) in notes(report_of(some))


def test_a_calibration_that_is_not_the_models_own_is_told_with_what_speaks_for_it() -> None:
    told = report_of(rows_of(75, 5, 5, 15, grader="judge"), graders=(JUDGE,))
    pool = Calibration(grader="judge", model="", q0=0.9, q1=0.8, m0=20, m1=20)
    theirs, mine = replace(pool, model="openai/gpt-5-mini"), replace(pool, model="own/nano", m0=5, m1=5, q0=0.8)

    def last(*found: Calibration) -> str:
        return notes(replace(told, results=replace(told.results, calibrations=found)))[-1]

    assert last(pool, theirs).startswith(
        "Too few replies of own/nano are labelled, so the errors of judge on them are taken"
    )
    assert "is an assumption, for one of them has no labelled reply" in last(pool, theirs)
    assert "is not refuted (Fisher's exact test, p = 1)" in last(pool, theirs, mine)
    assert last(pool, theirs, replace(mine, m0=10, m1=10)).startswith("The judge judge, on replies")


def test_a_grader_that_is_called_something_else_is_told_with_its_kind() -> None:
    graders = (
        PlannedGrader(name="exact", version="1", table={"kind": "exact"}),
        PlannedGrader(name="right", version="2", table={"kind": "json_fields", "label": "right"}),
    )
    told = replace(report_of(rows()).plan, graders=graders)
    assert graders_of(told) == "exact (version 1), right (json_fields, version 2)"


def test_items_that_the_candidate_loses_come_first() -> None:
    some = [
        Row(item=name, cluster=name, candidate=Told(scores={"exact": mine}), incumbent=Told(scores={"exact": theirs}))
        for name, mine, theirs in (("won", 1.0, 0.0), ("same", 1.0, 1.0), ("lost", 0.0, 1.0), ("gone", None, 1.0))
    ]
    told = report_of(some)
    assert [row.item for row in disagreeing(told.plan, told.results)] == ["lost", "won"]


def test_the_markdown_has_every_gate_the_plan_and_its_entry() -> None:
    told = report_of(rows(), gates=Gates(p95=1.2), segments=Segments(paths=("l",)))
    text = markdown(told)
    assert text.startswith("# own/nano against openai/gpt-5-mini on sums\n\n**Pass:")
    assert "| quality | pass | +0.0 | -2.0 to +2.0 | -3 |" in text
    assert "| l=de | pass |" in text
    assert "| p95 latency | pass | 0.50x |" in text
    assert "| own/nano | candidate | 80.0 % | 0.0020 | 0.100 s |" in text
    assert f"Plan SHA-256 `{'ab' * 32}`, ledger entry 7." in text
    assert "ledger entry none yet" in text
    assert "$1.5000 spent" in text
    assert "- A note." in text
    assert "it took 80% of 10 good ones for good and 90% of 20 bad ones for bad" in text


def test_what_could_not_be_scored_is_told_with_what_it_could_mean() -> None:
    some = rows()
    some[0] = replace(some[0], candidate=Told(scores={"exact": None}))
    told = notes(report_of(some))
    assert "0.10% of the items could not be scored by exact; they count for neither model." in told
    assert any("counted against the candidate" in note for note in told)


def test_why_there_is_no_score_is_told_by_how_often() -> None:
    mute = Told(scores={"judge": None, "exact": 1.0}, reasons={"judge": "No verdict.", "exact": "It is right."})
    some = [Row(item="1", cluster="1", candidate=mute, incumbent=mute), Row(item="2", cluster="2", candidate=mute),
            Row(item="3", cluster="3", missing="It was erased.")]  # fmt: skip
    assert why_unscored(some) == ["judge: No verdict. (3 replies)", "It was erased. (2 replies)"]
    assert why_unscored(rows()) == []


def test_the_data_leaves_out_what_stands_in_files_of_its_own() -> None:
    data = as_data(report_of(rows()))
    assert data["results"]["verdict"]["outcome"] == "pass"
    assert "items" not in data["plan"]
    assert "rows" not in data["results"]
