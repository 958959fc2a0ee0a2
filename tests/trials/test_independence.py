"""Independence: shares and their index, ends, what counts as a tested way out, and what a move would save."""

from collections.abc import Sequence
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from freehold.trials.independence import (
    Independence,
    Moved,
    Proof,
    Tried,
    Used,
    as_data,
    concentration,
    examine,
    next_move,
    saving_of,
)
from freehold.trials.plan import Arm
from freehold.trials.results import Outcome, Results, Row, Told, Verdict
from trials.test_verdict import plan

TODAY = date(2026, 11, 26)
ENDS = {"openai/gpt-5-mini": (True, "2027-02-07"), "mistral/old": (True, "2026-11-26"), "mistral/small": (True, None)}


def used(workload: str, model: str, requests: int, cost_nano: int) -> Used:
    return Used(workload=workload, model=model, requests=requests, cost_nano=cost_nano)


SOME = (
    used("claims", "openai/gpt-5-mini", 600, 6_000),
    used("claims", "mistral/small", 100, 1_000),
    used("sums", "openai/gpt-5-mini", 200, 2_000),
    used("chat", "own/nano", 100, 0),
    used("chat", "elsewhere/model", 0, 1_000),
)


def trial(
    candidate: str = "own/nano",
    outcome: Outcome = "pass",
    *,
    at: int = 1_000,
    void: str = "",
    workload: str = "claims",
    incumbent: str = "openai/gpt-5-mini",
    proof: Proof = "in the ledger",
    costs: Sequence[tuple[float | None, float | None]] = (),
) -> Tried:
    """A trial with one item, alone in its cluster, for each (cost of the incumbent, cost of the candidate)."""
    rows = [
        Row(item=f"i{n}", cluster=f"i{n}", incumbent=Told(cost_nano=theirs), candidate=Told(cost_nano=mine))
        for n, (theirs, mine) in enumerate(costs)
    ]
    made = replace(
        plan(rows), id=f"trial_{at}", workload=workload, candidate=Arm(model=candidate), incumbent=Arm(model=incumbent)
    )
    results = Results(
        trial=made.id, plan="00", ended_at=at, spent_nano=0, asked=0, cached=0, captured=0, calibrations=(), rows=tuple(rows),
        verdict=Verdict(outcome=outcome, sentence="Said.", gates=(), void=void),
    )  # fmt: skip
    return Tried(plan=made, results=results, proof=proof)


def report(*tried: Tried, moved: Sequence[Moved] = (), of: Sequence[Used] = SOME) -> Independence:
    return examine(
        of,
        since=0,
        until=2_592_000,
        today=TODAY,
        ends=lambda model: ENDS.get(model, (False, None)),
        tried=tried,
        moved=moved,
    )


def out(found: Independence, workload: str = "claims") -> str:
    return next(one.out for one in found.standings if one.workload == workload)


ALTERNATING = [(5_000.0, 4_000.0), (5_000.0, 2_000.0)] * 50
"""100 items on which the candidate saves 1,000 or 3,000 nano-dollars."""


def test_spend_and_traffic_are_shared_out_by_vendor_and_by_workload() -> None:
    found = report()
    assert [(part.name, part.spend, part.traffic) for part in found.vendors] == [
        ("openai", 0.8, 0.8),
        ("mistral", 0.1, 0.1),
        ("elsewhere", 0.1, 0.0),
        ("own", 0.0, 0.1),
    ]
    assert [(part.name, part.cost_nano, part.requests) for part in found.workloads] == [
        ("claims", 7_000, 700),
        ("sums", 2_000, 200),
        ("chat", 1_000, 100),
    ]
    assert (found.requests, found.cost_nano) == (1_000, 10_000)


def test_the_index_is_the_sum_of_the_squared_percentages() -> None:
    # The example of the US Department of Justice: shares of 30, 30, 20 and 20 per cent have an index of 2,600.
    found = concentration([30, 30, 20, 20])
    assert found.hhi == pytest.approx(2_600)
    assert found.reading == "highly concentrated"
    assert found.like == pytest.approx(3.846, abs=0.001)
    assert report().spend.hhi == pytest.approx(6_600)


@pytest.mark.parametrize(
    ("vendors", "reading"),
    [
        (5, "highly concentrated"),
        (6, "moderately concentrated"),
        (10, "moderately concentrated"),
        (11, "unconcentrated"),
    ],
)
def test_equal_vendors_are_read_by_the_limits_of_the_guidelines(vendors: int, reading: str) -> None:
    assert concentration([7] * vendors).reading == reading


@given(st.lists(st.integers(0, 10**15), min_size=1, max_size=30))
def test_the_index_lies_between_that_of_equal_vendors_and_that_of_one(amounts: list[int]) -> None:
    found = concentration(amounts)
    if not sum(amounts):
        assert found.hhi is None
        return
    assert found.hhi is not None
    assert 10_000 / len(amounts) - 1e-6 <= found.hhi <= 10_000 + 1e-6


def test_where_nothing_was_used_nothing_is_known() -> None:
    found = report(of=())
    assert (found.vendors, found.standings, found.moves, found.endings) == ((), (), (), ())
    assert (found.spend.hhi, found.spend.reading) == (None, "unknown")
    assert next_move(found) is None


def test_rented_models_are_told_with_their_ends_the_soonest_first() -> None:
    assert [(one.model, one.retires, one.days, one.known) for one in report().endings] == [
        ("openai/gpt-5-mini", "2027-02-07", 73, True),
        ("mistral/small", None, None, True),
        ("elsewhere/model", None, None, False),
    ]


def test_a_passed_trial_of_another_vendors_model_is_a_way_out() -> None:
    found = report(trial("mistral/small"), trial(workload="sums", outcome="fail"))
    assert out(found) == "tested"
    assert out(found, "sums") == "none"
    assert out(found, "chat") == "own"
    way = found.standings[0].ways[0]
    assert (way.kind, way.id, way.model, way.at, way.proof) == (
        "trial",
        "trial_1000",
        "mistral/small",
        1.0,
        "in the ledger",
    )


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (trial(outcome="fail"), None),
        (trial(outcome="inconclusive"), None),
        (trial(void="Too much is unscored."), None),
        (trial("openai/gpt-5-nano"), None),
        (trial(workload="sums"), None),
        (trial(proof="not proved"), "not those that the ledger holds"),
        (trial("mistral/old"), "mistral/old is retired since 2026-11-26"),
        (trial(incumbent="openai/gpt-4o"), "no worse than openai/gpt-4o, which answers nothing here any more"),
    ],
)
def test_what_leads_nowhere_is_no_way_out(one: Tried, why: str | None) -> None:
    found = report(one)
    assert out(found) == "none"
    ways = found.standings[0].ways
    assert ways == () if why is None else why in ways[0].blocked


def test_a_later_failure_takes_a_way_out_back_and_a_later_pass_opens_it() -> None:
    assert out(report(trial(at=1), trial(outcome="fail", at=2))) == "none"
    assert out(report(trial(outcome="fail", at=1), trial(at=2))) == "tested"
    assert out(report(trial(at=1), trial(outcome="inconclusive", at=2))) == "tested"


def test_a_promoted_canary_is_a_way_out_until_its_candidate_answers_most() -> None:
    moved = [Moved(id="can_1", workload="claims", candidate="mistral/small", at=5.0)]
    assert out(report(moved=moved)) == "tested"
    after = (used("claims", "mistral/small", 9, 9), used("claims", "openai/gpt-5-mini", 1, 1))
    assert out(report(moved=moved, of=after)) == "none"


def test_a_saving_is_the_paired_difference_with_its_interval_times_the_traffic() -> None:
    found = saving_of(trial(costs=ALTERNATING), 600)
    assert found is not None
    saving, cost = found
    # By hand: mean 2,000, standard error sqrt(100 / 99 * 100 * 1000^2) / 100 = 100.504, Student's t(99, 97.5 %) = 1.98422.
    assert saving.nano == pytest.approx(600 * 2_000)
    assert saving.low == pytest.approx(600 * (2_000 - 199.42), rel=1e-4)
    assert saving.high == pytest.approx(600 * (2_000 + 199.42), rel=1e-4)
    assert saving.level == 0.95
    assert cost == 5_000


def test_models_that_cost_the_same_on_each_item_save_nothing() -> None:
    found = saving_of(trial(costs=[(3_000.0, 3_000.0)] * 40), 600)
    assert found is not None
    assert (found[0].nano, found[0].low, found[0].high) == (0, 0, 0)


def test_the_next_move_is_the_one_whose_saving_is_surest() -> None:
    cheap = [(10_000.0, 9_000.0), (10_000.0, 8_000.0)] * 50
    found = report(
        trial("mistral/small", costs=cheap, at=1),
        trial("own/nano", costs=[(10_000.0, 1_000.0), (10_000.0, 0.0)] * 50, workload="sums", at=2),
        of=[replace(one, cost_nano=one.requests * 10_000) for one in SOME],
    )
    best = next_move(found)
    assert best is not None
    assert (best.workload, best.candidate, best.requests) == ("sums", "own/nano", 200)
    assert best.saving is not None
    assert best.saving.nano == pytest.approx(200 * 9_500)
    assert [move.workload for move in found.moves] == ["sums", "claims", "chat"]
    assert as_data(found)["next_move"] == {"workload": "sums", "trial": "trial_2"}


@pytest.mark.parametrize(
    ("tried", "why"),
    [
        ([], "no trial"),
        ([trial(incumbent="openai/gpt-4o", costs=ALTERNATING)], "no trial"),
        ([trial(outcome="inconclusive", costs=ALTERNATING)], "the trial was inconclusive"),
        ([trial(outcome="fail", costs=ALTERNATING)], "the trial failed"),
        ([trial(outcome="inconclusive", void="Void.", costs=ALTERNATING)], "the trial is void"),
        ([trial(proof="not proved", costs=ALTERNATING)], "the trial's results are not those that the ledger holds"),
        ([trial("mistral/old", costs=ALTERNATING)], "mistral/old is retired since 2026-11-26"),
        ([trial(costs=[(1.0, None)] * 50)], "a price is not known: set it under [prices]"),
    ],
)
def test_what_no_passed_trial_shows_is_unknown(tried: list[Tried], why: str) -> None:
    found = report(*tried)
    (move,) = (move for move in found.moves if move.workload == "claims")
    assert (move.saving, move.unknown) == (None, why)
    assert next_move(found) is None


def test_a_trial_whose_items_cost_otherwise_than_the_traffic_is_doubtful_and_no_next_move() -> None:
    # In the period an answer cost 10 nano-dollars, in the trial 5,000.
    found = report(trial(costs=ALTERNATING))
    (move,) = (move for move in found.moves if move.workload == "claims")
    assert move.unlike
    assert next_move(found) is None


def test_a_dearer_candidate_is_no_next_move() -> None:
    dearer = [(mine, theirs) for theirs, mine in ALTERNATING]
    rows = [replace(one, cost_nano=one.requests * 3_000) for one in SOME]
    found = report(trial(costs=dearer), of=rows)
    (move,) = (move for move in found.moves if move.workload == "claims")
    assert move.saving is not None
    assert move.saving.high < 0
    assert next_move(found) is None
