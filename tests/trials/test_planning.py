"""A plan says what it needs before anything is asked, and refuses what proves nothing."""

from typing import Any

import pytest

from freehold.errors import InvalidGrader, TrialError
from freehold.items import Item
from freehold.trials.plan import Arm, Gates, Plan, Sampling, Segments, item_hash
from freehold.trials.planning import Wish, judges_in, make_plan, plan_graders
from freehold.trials.results import Results
from freehold.trials.verdict import decide
from trials.pipeline import arm, item
from trials.test_verdict import plan as verdict_plan
from trials.test_verdict import rows_of

SECRET = b"k" * 32
EXACT: tuple[dict[str, Any], ...] = ({"kind": "exact"},)


def made(
    items: list[Item], pilot: Results | None = None, clusters: dict[str, str] | None = None, **fields: Any
) -> Plan:
    plain: dict[str, Any] = {
        "id": "trial_x",
        "workload": "sums",
        "made_at": 1,
        "code": "0.1.0",
        "candidate": arm("a/small"),
        "incumbent": arm("b/large"),
        "tables": EXACT,
    }
    return make_plan(Wish(**(plain | fields)), items, clusters or {one.id: one.id for one in items}, SECRET, pilot)


def test_the_items_needed_and_the_power_are_those_of_the_published_table() -> None:
    plan = made([item(number) for number in range(1000)])
    # psi = 0.2, margin 3 points, alpha 2.5 %, power 80 %: 1,745 pairs (reference table of the method).
    assert plan.expectation.needed == 1745
    assert plan.expectation.power == pytest.approx(0.564, abs=0.002)  # Phi(0.03 sqrt(1000/0.2) - 1.95996) = Phi(0.1614)
    assert plan.expectation.source.startswith("assumed")
    assert made([item(1)], margin=0.05).expectation.needed == 628


def test_a_pilot_says_how_often_the_two_differ() -> None:
    rows = rows_of(80, 6, 4, 10)
    found = verdict_plan(rows)
    pilot = Results(
        trial="trial_pilot", plan="", ended_at=1, spent_nano=0, asked=0, cached=0, captured=0,
        verdict=decide(found, rows), calibrations=(), rows=tuple(rows),
    )  # fmt: skip
    plan = made([item(1)], pilot)
    assert (plan.expectation.discordance, plan.expectation.source) == (0.1, "as in trial_pilot")
    assert plan.expectation.needed == 873


def test_clusters_cost_items() -> None:
    items = [item(number) for number in range(100)]
    plan = made(items, clusters={one.id: f"c{at // 10}" for at, one in enumerate(items)})
    assert plan.expectation.needed == pytest.approx(1745 * 1.9, rel=0.001)  # 1 + 9 * 0.1
    assert "1.90 for clusters" in plan.expectation.source
    assert {one.cluster for one in plan.items} == {f"c{at}" for at in range(10)}


def test_the_cost_is_that_of_both_models_and_unknown_where_a_price_is() -> None:
    items = [item(number, input_tokens=1000, output_tokens=100) for number in range(10)]
    # 10 items x 2 models x (1000 x $1 + 100 x $4) per million tokens = $0.028.
    assert made(items).expectation.cost_nano == 28_000_000
    assert made(items).expectation.needed_nano == 4_886_000_000  # 1,745 items and not 10
    assert made(items, sampling=Sampling(samples=3)).expectation.cost_nano == 84_000_000
    assert made(items, candidate=Arm(model="a/x")).expectation.cost_nano is None


def test_the_cost_of_judges_is_counted() -> None:
    items = [item(number, input_tokens=1000, output_tokens=100) for number in range(10)]
    judge = Arm(
        model="c/judge", input_rate=1_000_000_000_000, output_rate=0
    )  # $1,000 per million tokens, for the count alone
    tables = (*EXACT, {"kind": "judge", "models": ["c/judge"], "rubric": "Is it right?"})
    with_judge = made(items, tables=tables, judges=(judge,)).expectation
    assert with_judge.judges_nano is not None
    assert with_judge.cost_nano == 28_000_000 + with_judge.judges_nano
    # A judge reads each of 20 replies of some 100 tokens, with the question and the rubric.
    assert 20 * 100 * 1_000_000 < with_judge.judges_nano < 20 * 1000 * 1_000_000
    three = made(items, tables=tables, judges=(judge,), sampling=Sampling(samples=3)).expectation
    assert three.judges_nano == 3 * with_judge.judges_nano
    assert made(items, tables=tables, judges=(Arm(model="c/judge"),)).expectation.cost_nano is None


def test_items_are_pinned_in_the_order_of_their_ids_and_drawn_by_the_seed() -> None:
    items = [
        item(number, metadata={"language": "de" if number % 2 else "en", "n": {"m": number}}) for number in (3, 1, 2)
    ]
    plan = made(items, segments=Segments(paths=("metadata.language", "metadata.n.m", "metadata.nothing")))
    assert [one.id for one in plan.items] == ["item_001", "item_002", "item_003"]
    assert plan.items[1].hash == item_hash(items[2], SECRET)
    assert plan.items[1].segments == ("metadata.language=en", "metadata.n.m=2")
    many = [item(number) for number in range(50)]
    first, again, other = (made(many, count=10, seed=seed) for seed in (1, 1, 2))
    assert first.items == again.items
    assert len(first.items) == 10
    assert first.items != other.items


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"tables": ()}, "has no graders"),
        ({"candidate": arm("b/large")}, "against itself"),
        ({"margin": 0.0}, "The margin is 0"),
        ({"margin": 1.0}, "The margin is 1"),
        ({"alpha": 0.5}, "Alpha is 0.5"),
        ({"power": 1.0}, "The power is 1"),
        ({"sampling": Sampling(samples=0)}, "0 samples"),
        ({"gates": Gates(graders={"refusal": 0.01})}, "is no grader of the workload"),
        ({"gates": Gates(graders={"exact": 1.2})}, "The margin of the gate `exact` is 1.2"),
        ({"count": 0}, "0 items are to be taken"),
    ],
)
def test_what_cannot_be_tried_is_refused(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(TrialError, match=sentence):
        made([item(1)], **fields)


def test_no_items_and_an_item_that_comes_twice_are_refused() -> None:
    with pytest.raises(TrialError, match="no items"):
        made([])
    with pytest.raises(TrialError, match="item_001 comes 2 times"):
        made([item(1), item(1)])


def test_graders_are_pinned_with_their_versions_and_told_apart() -> None:
    planned = plan_graders([{"kind": "exact"}, {"kind": "exact", "negate": True}, {"kind": "refusal"}], [item(1)])
    assert [grader.name for grader in planned] == ["exact", "exact#2", "refusal"]
    assert all(grader.version and grader.binary and not grader.judge for grader in planned)
    with pytest.raises(InvalidGrader):
        plan_graders([{"kind": "nothing"}], [item(1)])


def test_judges_are_found_by_what_they_would_ask() -> None:
    table = {"kind": "judge", "models": ["openai/gpt-5"], "rubric": "Is it right?"}
    assert judges_in([{"kind": "exact"}, table], [item(1)]) == ["openai/gpt-5"]
    (planned,) = plan_graders([table], [item(1)])
    assert planned.judge
