"""The second half of a journey: what it tries on, and how it tells what a trial has shown."""

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from cli.canaries import begin, newest
from cli.test_journey_stages import road
from freehold.cli.journey_door import Commands
from freehold.cli.journey_moving import arms_of, canary_of, gates_of, held_out_file
from freehold.cli.journey_stages import Road, job
from freehold.cli.journey_state import OWN_MODEL, SABOTAGED, WORKLOAD
from freehold.cli.trial_items import clusters_of, read_file
from freehold.trials.report import points_of
from freehold.trials.results import Gate, Results, Row, Told, Verdict
from trials.test_plan import plan_of


def results() -> Results:
    def row(number: int, mine: float, theirs: float | None) -> Row:
        return Row(
            item=str(number),
            cluster=str(number),
            candidate=Told(
                scores={"refund-policy": mine, "other": 0.0}, ms=(100.0 + number,), cost_nano=0, output_tokens=100
            ),
            incumbent=Told(scores={"refund-policy": theirs}, ms=(1000.0,), cost_nano=400_000, output_tokens=200),
        )

    gates = (
        Gate(name="quality", kind="quality", outcome="pass", n=4, estimate=0.75, low=0.3, high=0.9, limit=-0.05),
        Gate(name="level=1", kind="segment", outcome="pass", judged=False),
    )
    return Results(
        trial="t", plan="p", ended_at=1, asked=8, cached=0, captured=0, spent_nano=1, calibrations=(),
        verdict=Verdict(outcome="pass", sentence="pass: yes", gates=gates),
        rows=(row(1, 1.0, 0.0), row(2, 1.0, 0.0), row(3, 1.0, 1.0), row(4, 0.0, None)),
    )  # fmt: skip


def test_both_models_are_told_by_right_answers_with_wilson_s_interval_time_tokens_and_dollars() -> None:
    arms = arms_of(results())
    mine, theirs = arms["candidate"], arms["incumbent"]
    assert (mine["right"], mine["items"], theirs["right"], theirs["items"]) == (3, 4, 1, 3)
    assert (round(mine["low"], 3), round(mine["high"], 3)) == (0.301, 0.954)  # Wilson 1927: 3 of 4
    assert (theirs["p50"], theirs["p95"], theirs["tokens"]) == (1.0, 1.0, 200.0)
    assert (mine["usd_per_1000"], theirs["usd_per_1000"]) == (0.0, 0.4)


def test_times_and_tokens_are_those_of_the_trials_own_report() -> None:
    told = [
        Told(scores={"refund-policy": 1.0}, ms=(1000.0 * number,), output_tokens=100, keys=("k",))
        for number in range(1, 33)
    ]
    rows = [Row(item=str(at), cluster=str(at), candidate=one, incumbent=one) for at, one in enumerate(told)]
    rows.append(Row(item="x", cluster="x", candidate=Told(scores={"refund-policy": None})))  # no answer came
    found = replace(results(), rows=tuple(rows))
    mine = arms_of(found)["candidate"]
    # 31 of 32 are 96.9 %, 30 are 93.8 % and so less than 95.
    assert (mine["p50"], mine["p95"], mine["tokens"]) == (16.5, 31.0, 100.0)
    assert [point.p95_seconds for point in points_of(plan_of(), found)] == [31.0, 31.0]


def test_only_gates_that_were_judged_are_told() -> None:
    assert [gate["name"] for gate in gates_of(results())] == ["quality"]


def test_held_out_problems_are_items_that_a_trial_takes_each_a_cluster_of_its_own(tmp_path: Path) -> None:
    on_the_way = road(tmp_path)
    path = held_out_file(on_the_way, 25)
    items, _ = read_file(path, "refund-policy")
    assert len({item.id for item in items}) == 25
    assert len(set(clusters_of(items).values())) == 25
    first = json.loads(path.read_text().splitlines()[0])
    assert (first["input"]["max_tokens"], first["input"]["temperature"], first["metadata"]) == (352, 0, {"level": "1"})
    task, _ = job(on_the_way)
    assert first["input"]["messages"][0]["content"].startswith(task.render(task.generate(1, 1)).splitlines()[0])


class Starting(Commands):
    """`canary start` on a store without a door. The first `dies` calls end the journey when the canary is begun."""

    def __init__(self, on_the_way: Road, dies: int = 0) -> None:
        self._at, self._dies = on_the_way.data, dies

    def __call__(self, *words: str, codes: tuple[int, ...] = (0,)) -> Any:
        assert words[:4] == ("canary", "start", WORKLOAD, "--candidate")
        begun = begin(self._at, workload=WORKLOAD, candidate=words[4])
        if self._dies:
            self._dies -= 1
            raise KeyboardInterrupt
        return {"id": begun.id}


@pytest.mark.parametrize(("stage", "model"), [("move", OWN_MODEL), ("sabotage", SABOTAGED)])
def test_a_canary_that_was_begun_and_not_noted_is_gone_on_with(stage: str, model: str, tmp_path: Path) -> None:
    on_the_way = road(tmp_path)
    on_the_way.state.note("door", url="http://127.0.0.1:8080")
    on_the_way.commands = Starting(on_the_way, dies=1)
    with pytest.raises(KeyboardInterrupt):
        canary_of(on_the_way, stage, f"own/{model}")
    assert on_the_way.state.facts(stage) == {}
    again = road(tmp_path)
    again.commands = on_the_way.commands
    begun = newest(tmp_path)
    assert canary_of(again, stage, f"own/{model}") == begun.id
    assert again.state.facts(stage) == {"canary": begun.id, "candidate": f"own/{model}"}


def test_a_canary_of_another_model_or_from_before_the_journey_is_not_gone_on_with(tmp_path: Path) -> None:
    on_the_way = road(tmp_path)
    on_the_way.commands = Starting(on_the_way)
    others = [
        begin(
            tmp_path, workload=WORKLOAD, candidate=f"own/{OWN_MODEL}", route="a", now=on_the_way.state.kept.began - 1
        ),
        begin(tmp_path, workload=WORKLOAD, candidate=f"own/{SABOTAGED}", route="b"),
    ]
    assert canary_of(on_the_way, "move", f"own/{OWN_MODEL}") == newest(tmp_path).id
    assert newest(tmp_path).id not in {one.id for one in others}
