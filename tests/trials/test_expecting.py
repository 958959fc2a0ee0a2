"""What an equal candidate may expect. Expected values are worked out by hand from the normal distribution."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from freehold.items import Given, Item, Label
from freehold.trials.expecting import Asked, Expected, expect
from freehold.trials.plan import Gates, PlannedGrader, PlannedItem, Segments
from freehold.trials.results import Calibration, Results, Row, Told, Verdict

EXACT = PlannedGrader(name="exact", version="1", table={"kind": "exact"}, binary=True)
REFUSAL = PlannedGrader(name="refusal", version="1", table={"kind": "refusal"}, binary=True)
JUDGE = PlannedGrader(name="judge", version="1", table={"kind": "judge"}, binary=True, judge=True)


def found(
    n: int,
    segments: Callable[[int], tuple[str, ...]] | None = None,
    clusters: int | None = None,
    pilot: Results | None = None,
    items: list[Item] | None = None,
    **fields: Any,
) -> Expected:
    """What is expected of `n` items; `segments` gives those of each number, `clusters` how many there are."""
    plain: dict[str, Any] = {
        "margin": 0.03, "alpha": 0.025, "power": 0.8, "samples": 1, "gates": Gates(), "segments": Segments(),
        "graders": (EXACT,), "candidate": "a/small", "incumbent": "b/large", "costs": None, "seed": 1,
    }  # fmt: skip
    planned = [
        PlannedItem(str(at), "h", str(at if clusters is None else at % clusters), segments(at) if segments else ())
        for at in range(n)
    ]
    items = items or [Item(id=str(at), workload="w", input={}) for at in range(n)]
    return expect(Asked(**(plain | fields)), items, planned, pilot)


def pilot(rows: list[Row], calibrations: tuple[Calibration, ...] = ()) -> Results:
    return Results(
        trial="trial_pilot", plan="", ended_at=1, spent_nano=0, asked=0, cached=0, captured=0, rows=tuple(rows),
        verdict=Verdict(outcome="inconclusive", sentence="", gates=()), calibrations=calibrations,
    )  # fmt: skip


def row(at: int, mine: float, theirs: float, samples: int = 1, cluster: str = "", **told: Any) -> Row:
    keys = ("k",) * samples
    return Row(
        item=str(at),
        cluster=cluster or str(at),
        candidate=Told(scores={"exact": mine}, keys=keys, **told),
        incumbent=Told(scores={"exact": theirs}, keys=keys, **told),
    )


def chances(of: Expected) -> dict[str, float | None]:
    return {one.name: one.chance for one in of.chances}


def test_one_gate_has_the_power_of_the_formula() -> None:
    of = found(1000)
    assert of.power == pytest.approx(0.5641, abs=0.0002)  # Phi(0.03 sqrt(1000/0.2) - 1.95996) = Phi(0.16136)
    assert (of.needed, chances(of)) == (1745, {"quality": of.power})


def test_every_gate_takes_a_part_of_the_chance() -> None:
    of = found(1745, gates=Gates(p95=1.2, graders={"refusal": 0.02}), graders=(EXACT, REFUSAL))
    # quality 0.80; refusal Phi(0.02 sqrt(1745/0.05) - 1.96) = Phi(1.776) = 0.962; p95 Phi(ln 1.2 sqrt(1745)/1.49427 - 1.96)
    # = Phi(3.137) = 0.999; they are taken to be independent, so about 0.769 in all.
    assert chances(of) == pytest.approx({"quality": 0.8001, "refusal": 0.9621, "p95 latency": 0.9991}, abs=0.0005)
    assert of.power == pytest.approx(0.769, abs=0.02)
    assert of.needed is not None
    assert 1745 < of.needed < 2100


def test_segments_lean_on_the_whole() -> None:
    halves = found(1745, segments=lambda at: (f"language={at % 2}",))
    each = chances(halves)
    # Phi(0.06 sqrt(872.5/0.2) - 1.96) = Phi(2.003) = 0.977
    assert each["language=0"] == pytest.approx(0.977, abs=0.001)
    product = 0.8001 * 0.977 * 0.977
    assert product < (halves.power or 0.0) < 0.8001  # both halves good makes the whole likelier to be good
    few = found(100, segments=lambda at: ("language=de",) if at < 19 else ())
    assert list(chances(few)) == ["quality"]  # under 20 items a segment decides nothing


def test_the_chance_of_leaning_gates_is_that_of_drawn_scores() -> None:
    """The same by another road: every item's difference drawn, both gates computed."""
    of = found(400, segments=lambda at: ("half=1",) if at % 2 else (), margin=0.06)
    draw, passed = random.Random(3), 0
    sd = 0.2**0.5
    for _ in range(1000):
        scores = draw.choices((-1, 0, 1), (0.1, 0.8, 0.1), k=400)
        whole, half = sum(scores) / 400, sum(scores[1::2]) / 200
        passed += whole + 0.06 > 1.96 * sd / 20 and half + 0.06 > 1.96 * sd / 200**0.5
    assert of.power == pytest.approx(passed / 1000, abs=0.04)


def test_what_an_earlier_trial_has_shown_is_used() -> None:
    rows = [row(at, float(at % 10 != 0), 1.0) for at in range(200)]
    of = found(1000, pilot=pilot(rows))
    assert (of.discordance, of.source, of.needed) == (0.1, "as in trial_pilot", 873)


def test_clusters_cost_what_an_earlier_trial_has_shown_and_else_what_is_assumed() -> None:
    assumed = found(100, clusters=10)
    assert assumed.needed == pytest.approx(1745 * 1.9, abs=2)  # 1 + 9 x 0.1
    alike = [row(at, float(at // 10 % 4 != 0), 1.0, cluster=str(at // 10)) for at in range(200)]
    whole = found(100, clusters=10, pilot=pilot(alike))
    assert "a design effect of 10.00" in whole.source  # items of a cluster are all alike
    rng = random.Random(4)
    mixed = [row(at, float(rng.random() < 0.8), 1.0, cluster=str(at // 10)) for at in range(2000)]
    none = found(100, clusters=10, pilot=pilot(mixed))
    assert none.needed is not None
    assert none.needed < 1.15 * 1745


def test_several_samples_average_the_noise_away_that_an_earlier_trial_has_shown() -> None:
    # Two samples an item, both models right on a half at random: the noise of a sample is 0.25, all of the spread of 0.25.
    scores = (0.0, 0.5, 0.5, 1.0)
    rows = [
        row(16 * many + 4 * a + b, scores[a], scores[b], 2) for many in range(9) for a in range(4) for b in range(4)
    ]
    assert found(100, pilot=pilot(rows), samples=1).discordance == pytest.approx(0.5)
    assert found(100, pilot=pilot(rows), samples=2).discordance == pytest.approx(0.25)
    assert found(100, pilot=pilot(rows), samples=10).discordance == pytest.approx(0.05)
    once = [row(at, float(at % 2), 1.0) for at in range(50)]
    assert found(100, pilot=pilot(once), samples=4).discordance == found(100, pilot=pilot(once)).discordance


def labelled(n: int, bad: int) -> list[Item]:
    return [
        Item(
            id=str(at), workload="w", input={}, given=Given(text="x"), model="b/large",
            labels=(Label(source="human", score=float(at >= bad), model="b/large", at=1),) if at < 2 * bad else (),
        )
        for at in range(n)
    ]  # fmt: skip


def test_labels_of_few_conversations_do_not_calibrate_a_judge_whatever_their_number() -> None:
    assert found(4000, graders=(JUDGE,), items=labelled(4000, 500)).power is not None
    assert found(4000, graders=(JUDGE,), items=labelled(4000, 500), clusters=9).power is None


def test_without_labels_nothing_is_known_of_a_judge() -> None:
    of = found(1000, graders=(JUDGE,))
    assert (of.power, of.needed) == (None, None)
    assert "not calibrated" in of.chances[0].reason
    assert found(1000, graders=(replace(JUDGE, pairwise=True),)).power is None
    beside = found(1000, graders=(EXACT, JUDGE), gates=Gates(graders={"judge": 0.05}))
    assert chances(beside) == {"quality": beside.power, "judge": None}


def test_a_judges_errors_cost_power_and_labels_win_it_back() -> None:
    few, many = (found(4000, graders=(JUDGE,), margin=0.1, items=labelled(4000, labels)).power for labels in (20, 500))
    exact = found(4000, margin=0.1).power
    assert few is not None
    assert many is not None
    assert exact is not None
    assert few < many
    assert many <= exact
    # At the level of the calibration's own error no number of items helps.
    assert found(4000, graders=(JUDGE,), items=labelled(4000, 20)).needed is None


def test_the_cost_is_expected_by_the_prices() -> None:
    cheap = found(400, gates=Gates(cost=1.0), costs=(500.0, 1000.0))
    assert chances(cheap)["cost"] == pytest.approx(1.0, abs=0.001)
    same = found(400, gates=Gates(cost=1.0), costs=(1000.0, 1000.0))
    assert chances(same)["cost"] == pytest.approx(0.025, abs=0.0005)  # at the limit itself
    assert same.needed is None
    unknown = found(400, gates=Gates(cost=1.0))
    assert unknown.chances[-1].chance is None
    assert unknown.power == pytest.approx(chances(unknown)["quality"] or 0, abs=0.001)


def test_what_an_earlier_trial_cost_and_took_is_used() -> None:
    rows = [row(at, 1.0, 1.0, cost_nano=100.0 + at % 3, ms=(100.0,)) for at in range(60)]
    of = chances(found(400, gates=Gates(cost=1.1, p95=1.01), pilot=pilot(rows)))
    assert of["cost"] == 1.0
    assert of["p95 latency"] == 1.0  # times that never differ


def test_times_of_few_conversations_have_no_chance_until_there_are_more() -> None:
    of = found(400, clusters=10, gates=Gates(p95=2.0), margin=0.5)
    assert chances(of)["p95 latency"] == 0.0
    assert of.chances[-1].reason == "its times come from 10 of at least 20 conversations"
    assert of.needed is not None
    assert 790 < of.needed < 820  # as many items a conversation as there are
