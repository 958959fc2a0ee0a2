"""The watch over a promoted candidate: what it is held against, when it speaks, and how often for nothing."""

import random
from pathlib import Path
from statistics import median

import msgspec
import pytest

from cli.ledger_reading import entries
from freehold.config.canary_rules import CanaryRules
from freehold.store.canaries import MILLION
from freehold.trials.drift import Watch, begin_watch, drift_evidence, drift_reason, drift_test, watch_one
from freehold.trials.rollouts import Side, State, begin
from gateway.door_in_process import running
from reasoning.toy_models import Toy, served
from trials.rounds import rounds

RULES = CanaryRules(margin=0.03)
STEPS = (500_000, MILLION)


TOML = """
[vendors.toys]
speaks = "openai-chat"
base_url = "{}"

[workloads.triage]
route = ["toys/old"]
capture = {{}}
graders = [{{ kind = "regex", pattern = "today" }}]
"""


def promoted(mean: float = 0.95, scored: int = 1000, rules: CanaryRules = RULES) -> State:
    """A state whose candidate has shown this mean."""
    side = Side(requests=scored, scored=scored, total=mean * scored)
    return msgspec.structs.replace(begin(rules, STEPS), candidate=side)


def watching(rules: CanaryRules = RULES) -> Watch:
    watch = begin_watch(promoted(), rules)
    assert watch is not None
    return watch


def after(watch: Watch, mean: float, most: int, seed: int) -> Watch:
    """The watch after right and wrong answers with this mean, up to an alarm."""
    draw = random.Random(seed)
    for _ in range(most):
        watch = watch_one(watch, float(draw.random() < mean))
        if watch.drift.crossed:
            break
    return watch


def test_it_is_held_against_what_it_showed_less_the_margin() -> None:
    watch = watching()
    assert watch.shown == pytest.approx(0.95)
    assert watch.drift.level == pytest.approx(0.92)
    assert watch.drift.threshold == pytest.approx(9.210340)  # ln 10,000


@pytest.mark.parametrize(
    ("state", "rules"),
    [
        (promoted(), CanaryRules(drift_false_alarm=0)),
        (promoted(scored=0), RULES),
        (promoted(mean=0.035), RULES),
    ],
)
def test_where_it_is_off_or_nothing_can_fall_there_is_no_watch(state: State, rules: CanaryRules) -> None:
    assert begin_watch(state, rules) is None


@pytest.mark.parametrize("every", [1, 2])
def test_the_least_that_can_be_asked_for_is_still_a_test(every: int) -> None:
    assert watching(CanaryRules(drift_false_alarm=every)).drift.threshold == pytest.approx(0.693147)  # ln 2


def test_a_candidate_that_stays_as_good_as_it_was_is_left_alone() -> None:
    watch = after(watching(), 0.95, 20_000, seed=1)
    assert (watch.drift.crossed, watch.seen) == (False, 20_000)


def test_a_fall_is_seen_and_a_deep_one_soon() -> None:
    def taken(mean: float) -> float:
        ends = [after(after(watching(), 0.95, 500, seed), mean, 20_000, seed + 100) for seed in range(15)]
        assert all(end.drift.crossed for end in ends)
        return median(end.drift.n - 500 for end in ends)

    assert taken(0.80) < 200
    assert taken(0.50) < 50


def test_at_the_level_itself_false_alarms_are_no_more_frequent_than_promised() -> None:
    rules = CanaryRules(margin=0.03, drift_false_alarm=200)
    times = [after(watching(rules), 0.92, 5_000, seed).drift.n for seed in range(60)]
    assert sum(times) / len(times) > 200


def test_what_has_no_grade_is_seen_and_moves_nothing() -> None:
    watch = watch_one(watching(), None)
    assert (watch.seen, watch.drift) == (1, watching().drift)


def test_it_goes_through_the_store_unchanged() -> None:
    watch = watch_one(watch_one(watching(), 0.0), 1.0)
    assert msgspec.json.decode(msgspec.json.encode(watch), type=Watch) == watch


def test_what_is_told_of_it_is_whole_numbers() -> None:
    fresh = watching()
    assert drift_evidence(fresh) == {
        "conversations": 0,
        "shown_mean_ppm": 950_000,
        "level_ppm": 920_000,
        "drift": {"n": 0, "log_e_milli": 0, "threshold_milli": 9210},
    }
    fallen = after(fresh, 0.0, 100, seed=0)
    assert drift_test(fallen)["crossed_at"] == fallen.drift.n == fallen.seen < 20
    assert drift_test(fallen)["log_e_milli"] >= 9210
    assert drift_reason(fallen) == (
        "its mean score is shown to have fallen below 0.92, which is what it showed as a canary, 0.95, less the margin"
    )


async def test_a_vendor_that_changes_a_promoted_model_is_found_out_and_the_old_route_answers_again(
    tmp_path: Path,
) -> None:
    """Through a real door: answers, their capture, grades, the alarm, its entry in the ledger, and what is served after it."""
    said = {"old": "today", "new": "today"}

    def says(name: str) -> Toy:
        return lambda question, begun, forced: said[name]

    toys = {name: says(name) for name in said}
    rules = CanaryRules(margin=0.1, min_items=5, max_p95_ratio=0, patience=0.0, drift_false_alarm=100)
    async with served(toys) as vendor, running(tmp_path, TOML.format(vendor.base_url)) as door, rounds(door) as here:
        canary = here.start("triage", "toys/new", (MILLION,), rules)
        await here.ask("triage", range(6))
        await here.until(canary, "promoted")
        said["new"] = "tomorrow, perhaps"
        await here.ask("triage", range(6, 26))
        fallen = await here.until(canary, "rolled_back")
        body = {"model": "triage", "messages": [{"role": "user", "content": "And now?"}]}
        assert (await door.post("/v1/chat/completions", body)).headers["x-freehold-model"] == "toys/old"
        told = [entry for entry in entries(door.data) if entry.kind.startswith("canary.")]
    assert [entry.kind for entry in told] == ["canary.started", "canary.promoted", "canary.drifted"]
    assert told[-1].body["shown_mean_ppm"] == 1_000_000
    assert told[-1].body["level_ppm"] == 900_000
    assert 1 <= told[-1].body["drift"]["crossed_at"] <= 20
    assert fallen.reason.startswith("its mean score is shown to have fallen below 0.9")
