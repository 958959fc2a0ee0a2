"""The rounds of a canary on a real store: what counts, in which order, once, and what a decision leaves behind."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import asdict

from freehold.config.canary_rules import CanaryRules
from freehold.config.digest import route_digest
from freehold.config.settings import Settings, TargetSettings, Workload
from freehold.store.canaries import MILLION, Canary, change_canary, find_canary, hear_of_records, start_canary
from freehold.store.database import open_database, transaction
from freehold.store.events import Event, take_events
from freehold.store.in_flight import IN_FLIGHT, Settled
from freehold.store.records import Record
from freehold.trials.canary import Rollouts, answered_itself, standing
from freehold.trials.correcting import Correction, uncorrected
from freehold.trials.grading import Score
from store.samples import NOON, record

RULES = CanaryRules(margin=0.5, harm=0.3, min_items=3, max_error_rate=0.2, max_p95_ratio=0, patience=600.0)


class Graded:
    """Scores that the test decides, by record."""

    def __init__(self) -> None:
        self.scores: dict[str, Score] = {}
        self.prepared: list[str] = []
        self.graders = "d1"

    def score(self, record: Record, now: float) -> Score:
        return self.scores.get(record.id, 1.0)

    def prepare(self, record: Record, now: float) -> None:
        self.prepared.append(record.id)

    def digest(self, workload: str) -> str:
        return self.graders


class Bench:
    """A store with a canary, and what its rounds are given."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.db = open_database(data)
        self.job = Workload(name="triage", route=(TargetSettings(model="rack/good"),))
        self.graded = Graded()
        self.told = 0
        self.number = 0
        self.settle(NOON + 10_000)
        self.rollouts = self.restarted()

    def restarted(self) -> Rollouts:
        """The process after a death: nothing but the store is left."""
        settings = Settings(workloads={"triage": self.job})
        return Rollouts(self.db, Settled(self.db, self.data), lambda: settings, self.graded, self._tell)

    def _tell(self) -> None:
        self.told += 1

    def begin(
        self,
        rules: CanaryRules = RULES,
        *,
        graded: bool = False,
        steps: tuple[int, ...] = (500_000, MILLION),
        **more: Any,
    ) -> Canary:
        return start_canary(
            self.db,
            workload="triage",
            candidate="rack/new",
            route=route_digest(self.job),
            steps=steps,
            rules=asdict(rules),
            graded=graded,
            now=NOON,
            **more,
        )

    def settle(self, at: float, **oldest: float) -> None:
        """What the only worker leaves: everything that began before `at` has ended, but for what is named."""
        (self.data / IN_FLIGHT).mkdir(exist_ok=True)
        left = msgspec.json.encode({"at": at + 0.5, "oldest": oldest})
        (self.data / IN_FLIGHT / "w00.json").write_bytes(left)

    def add(self, canary: Canary, count: int = 1, **fields: Any) -> list[str]:
        """Stores records of the candidate's arm that went well, each in a conversation of its own, but for what is said."""
        ids: list[str] = []
        for _ in range(count):
            self.number += 1
            given: dict[str, Any] = {
                "canary": canary.id,
                "arm": "candidate",
                "propensity_ppm": canary.share_ppm,
                "conversation": f"c{self.number}",
                "deployment": "rack/new",
                "started_at": NOON + self.number,
                "ended_at": NOON + self.number + 0.5,
                "total_ms": 500.0,
                "first_token_ms": 100.0,
            }
            one = record(self.number, **{**given, **fields})
            body = msgspec.json.encode(one).decode()
            row = (one.id, one.ended_at, "", "", "", "triage", one.deployment, one.status, *[0] * 11, body)
            stored = self.db.execute(f"INSERT INTO records VALUES ({', '.join('?' * 20)})", row)
            hear_of_records(self.db, (stored.lastrowid or 1) - 1)
            ids.append(one.id)
        return ids

    def round(self) -> int:
        return self.rollouts.round(NOON + 100)

    def now(self, canary: Canary) -> Canary:
        found = find_canary(self.db, canary.id)
        assert found is not None
        return found

    def events(self) -> list[Event]:
        found: list[Event] = []
        take_events(self.db, found.extend)
        return found


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.db.close()


def test_outcomes_count_once_and_leave_the_waiting_line(bench: Bench) -> None:
    canary = bench.begin()
    bench.add(canary, 2)
    bench.add(canary, 3, arm="incumbent", deployment="rack/good")
    assert bench.round() == 5
    assert bench.round() == 0
    shown = standing(bench.db, bench.now(canary))
    assert (shown["candidate_arm"]["requests"], shown["incumbent_arm"]["requests"]) == (2, 3)
    assert shown["conversations_at_step"] == 2


def test_nothing_counts_before_what_began_earlier_has_ended(bench: Bench) -> None:
    canary = bench.begin()
    bench.add(canary, 5)  # began at NOON + 1 ... + 5
    bench.settle(NOON + 50, **{canary.id: NOON + 3})
    assert bench.round() == 2
    bench.settle(NOON + 50)
    assert bench.round() == 3


def test_outcomes_wait_no_longer_than_patience(bench: Bench) -> None:
    canary = bench.begin(msgspec.structs.replace(RULES, patience=30.0))
    bench.add(canary, 5)
    bench.settle(NOON + 200, **{canary.id: NOON + 3})
    assert bench.rollouts.round(NOON + 20) == 2
    assert bench.rollouts.round(NOON + 34.5) == 2  # what began before NOON + 4.5
    assert bench.rollouts.round(NOON + 100) == 1


def test_a_conversation_counts_once_for_quality_and_every_request_for_failures(bench: Bench) -> None:
    canary = bench.begin()
    bench.add(canary, 4, conversation="the same")
    bench.round()
    arm = standing(bench.db, canary)["candidate_arm"]
    assert (arm["requests"], arm["scored"]) == (4, 1)


def test_a_candidate_that_does_well_advances_and_is_promoted_with_an_event_each(bench: Bench) -> None:
    canary = bench.begin()
    bench.events()
    for _ in range(30):
        bench.add(canary, 2)
        bench.add(canary, 2, arm="incumbent", deployment="rack/good")
    bench.round()
    advanced = bench.now(canary)
    assert (advanced.phase, advanced.step) == ("running", 1)
    bench.add(canary, 5)  # assigned at the share of before, and recorded only now
    bench.round()
    assert bench.now(canary) == advanced
    bench.add(advanced, 3)
    bench.round()
    promoted = bench.now(canary)
    assert (promoted.phase, promoted.reason) == ("promoted", "every step is passed")
    first, second = bench.events()
    assert (first.kind, second.kind) == ("canary.advanced", "canary.promoted")
    assert first.body["tests"]["no_worse"]["crossed_at"] > 0
    assert first.body["share_ppm"] == second.body["share_ppm"] == MILLION
    assert bench.told == 2


def test_a_failing_candidate_is_taken_back_in_the_round_that_sees_it(bench: Bench) -> None:
    canary = bench.begin()
    bench.events()
    bench.add(canary, 20, deployment="rack/good")  # the incumbent answered in its place
    bench.settle(NOON)  # nothing is settled: the emergency cap looks at what arrives
    bench.round()
    (event,) = bench.events()
    assert event.kind == "canary.rolled_back"
    assert bench.now(canary).phase == "rolled_back"
    assert event.body["recent_failures"] >= 10


def test_after_a_decision_that_ends_it_nothing_more_counts(bench: Bench) -> None:
    canary = bench.begin()
    bench.add(canary, 40, status="failed", deployment="rack/new", code="vendor-timeout")
    bench.round()
    assert bench.now(canary).phase == "rolled_back"
    counted = standing(bench.db, bench.now(canary))["candidate_arm"]["requests"]
    bench.add(canary, 10)
    assert bench.round() == 0
    assert standing(bench.db, bench.now(canary))["candidate_arm"]["requests"] == counted
    assert bench.db.execute("SELECT count(*) FROM canary_outcomes").fetchone() == (0,)


def test_a_death_before_the_commit_repeats_and_one_after_it_does_not(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = bench.begin()
    bench.events()
    bench.add(canary, 40, status="failed", code="vendor-timeout")

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("freehold.trials.canary.keep_state", dies)
        with pytest.raises(KeyboardInterrupt):
            bench.round()
    assert bench.now(canary) == canary
    assert bench.events() == []
    bench.rollouts = bench.restarted()
    bench.round()
    assert [event.kind for event in bench.events()] == ["canary.rolled_back"]
    ended = standing(bench.db, bench.now(canary))
    bench.rollouts = bench.restarted()
    bench.round()
    assert bench.events() == []
    assert standing(bench.db, bench.now(canary)) == ended


def test_splitting_the_rounds_anywhere_changes_nothing(tmp_path: Path) -> None:
    ends: list[dict[str, Any]] = []
    for every in (1, 7, 1000):
        bench = Bench(tmp_path / str(every))
        canary = bench.begin(msgspec.structs.replace(RULES, min_items=10_000, emergency_error_rate=1.0))
        for number in range(60):
            arm, model = ("candidate", "rack/new") if number % 3 else ("incumbent", "rack/good")
            bench.add(canary, arm=arm, deployment="rack/good" if number % 10 == 4 else model)
            if number % every == 0:
                bench.rollouts = bench.restarted()
                bench.round()
        bench.round()
        ends.append(standing(bench.db, bench.now(canary)))
        bench.db.close()
    assert ends[0] == ends[1] == ends[2]


def test_a_canary_that_a_person_ended_meanwhile_stays_ended(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    canary = bench.begin()
    bench.add(canary, 40, status="failed", code="vendor-timeout")
    bench.events()
    counting = bench.rollouts._count  # pyright: ignore[reportPrivateUsage]

    def after_a_person(*given: Any) -> Any:
        change_canary(bench.db, bench.now(canary), "aborted", {}, phase="aborted")
        return counting(*given)

    monkeypatch.setattr(bench.rollouts, "_count", after_a_person)
    bench.round()
    assert bench.now(canary).phase == "aborted"
    assert [event.kind for event in bench.events()] == ["canary.aborted"]


def test_a_paused_canary_is_watched_and_does_not_advance(bench: Bench) -> None:
    canary = bench.begin()
    with transaction(bench.db):
        change_canary(bench.db, canary, "paused", {}, phase="paused")
    bench.add(canary, 30)
    bench.add(canary, 30, arm="incumbent", deployment="rack/good")
    bench.round()
    assert bench.now(canary).phase == "paused"
    with transaction(bench.db):
        change_canary(bench.db, bench.now(canary), "resumed", {}, phase="running")
    bench.add(canary, 1)
    bench.round()
    assert bench.now(canary).step == 1


def test_a_route_that_the_configuration_changed_ends_the_canary(bench: Bench) -> None:
    canary = bench.begin()
    bench.events()
    bench.job = Workload(name="triage", route=(TargetSettings(model="rack/new"),))
    bench.rollouts = bench.restarted()
    bench.round()
    assert bench.now(canary).phase == "aborted"
    (event,) = bench.events()
    assert (event.kind, event.body["reason"]) == ("canary.aborted", "the configuration changed the route")
    assert bench.told == 1


def test_what_the_door_turned_away_counts_for_nobody_and_who_left_early_is_no_failure(bench: Bench) -> None:
    canary = bench.begin()
    bench.add(canary, status="refused", deployment="", code="budget-exhausted", first_token_ms=None)
    bench.add(canary, status="cancelled", first_token_ms=None)
    bench.add(canary, status="cancelled")
    assert bench.round() == 3
    shown = standing(bench.db, canary)
    assert (shown["candidate_arm"]["requests"], shown["candidate_arm"]["failed"]) == (2, 0)
    assert shown["candidate_arm"]["scored"] == 1  # the one who left before the first word: an answer that nobody got
    assert shown["candidate_arm"]["mean_ppm"] == 0
    assert shown["tests"]["errors"]["n"] == 0


def test_safeguard_hits_are_counted(bench: Bench) -> None:
    canary = bench.begin()
    bench.add(canary, status="refused", code="blocked")
    bench.add(canary, finish="content_filter")
    bench.add(canary)
    bench.round()
    assert standing(bench.db, canary)["candidate_arm"]["blocked"] == 2


def test_grades_decide_where_there_are_any_and_an_answer_in_the_candidates_place_scores_nothing(bench: Bench) -> None:
    canary = bench.begin(graded=True)
    ids = bench.add(canary, 4)
    bench.graded.scores = {ids[0]: 0.25, ids[1]: None, ids[2]: "outside"}
    (failed_over,) = bench.add(canary, deployment="rack/good")
    bench.graded.scores[failed_over] = 1.0
    bench.round()
    arm = standing(bench.db, canary)["candidate_arm"]
    assert (arm["requests"], arm["scored"], arm["unscored"]) == (5, 3, 1)
    assert arm["mean_ppm"] == 416_667  # (0.25 + 1 + 0) / 3


def test_judges_are_asked_about_those_behind_an_answer_whose_grade_is_still_to_come(bench: Bench) -> None:
    canary = bench.begin(graded=True)
    first, *behind = bench.add(canary, 3)
    bench.graded.scores[first] = "later"
    bench.round()
    assert bench.graded.prepared == behind


def test_an_answer_whose_grade_is_still_to_come_holds_up_those_behind_it(bench: Bench) -> None:
    canary = bench.begin(graded=True)
    ids = bench.add(canary, 3)
    bench.graded.scores = {ids[1]: "later"}
    assert bench.round() == 1
    assert bench.round() == 0
    bench.graded.scores = {}
    assert bench.round() == 2


def test_the_models_own_answer_is_told_from_one_in_its_place() -> None:
    candidate = record(arm="candidate", deployment="rack/new")
    assert answered_itself(candidate, "rack/new")
    assert not answered_itself(record(arm="candidate", deployment="rack/good"), "rack/new")
    assert not answered_itself(record(arm="candidate", deployment="rack/new", status="failed"), "rack/new")
    assert answered_itself(record(arm="incumbent", deployment="rack/any"), "rack/new")


def test_an_idle_round_writes_nothing(bench: Bench) -> None:
    bench.begin()
    changes = bench.db.total_changes
    assert bench.round() == 0
    assert bench.db.total_changes == changes


def test_a_canary_ends_when_who_grades_it_changes(bench: Bench) -> None:
    canary = bench.begin(graded=True, graders="d1")
    bench.add(canary, 2)
    assert bench.round() == 2
    bench.graded.graders = "d2"
    bench.round()
    ended = bench.now(canary)
    assert (ended.phase, ended.reason, ended.share_ppm) == ("aborted", "who grades its answers changed", 0)
    assert [event.kind for event in bench.events()] == ["canary.started", "canary.aborted"]


def test_a_canary_with_judges_goes_by_what_was_known_of_them_when_it_began(bench: Bench) -> None:
    hits = Correction(judges=("polite",), method="hits", spent=0.01, factor=0.6, unanswered=0.25, labels=400)
    canary = bench.begin(graded=True, judged=asdict(hits))
    bench.events()
    bench.add(canary, 1, arm="incumbent", deployment="rack/good", status="failed")
    for _ in range(40):
        bench.add(canary, 2)
        bench.add(canary, 2, arm="incumbent", deployment="rack/good")
    bench.round()
    (event,) = bench.events()
    assert (event.kind, event.body["tested_ppm"], event.body["judged"]["labels"]) == ("canary.advanced", 300_000, 400)


def test_a_canary_whose_judges_nobody_knows_stays_where_it_is(bench: Bench) -> None:
    canary = bench.begin(graded=True, judged=asdict(uncorrected(["polite"], "label replies")))
    for _ in range(40):
        bench.add(canary, 2)
        bench.add(canary, 2, arm="incumbent", deployment="rack/good")
    bench.round()
    assert (bench.now(canary).phase, bench.now(canary).step) == ("running", 0)
    assert standing(bench.db, canary)["held"] == "label replies"


# --- after the promotion ---


def promote(bench: Bench, rules: CanaryRules = RULES, *, graded: bool = True) -> Canary:
    """A canary that has shown a mean of 1 and is promoted."""
    canary = bench.begin(rules, graded=graded)
    for _ in range(30):
        bench.add(canary, 2)
        bench.add(canary, 2, arm="incumbent", deployment="rack/good")
    bench.round()
    bench.add(bench.now(canary), 3)
    bench.round()
    promoted = bench.now(canary)
    assert promoted.phase == "promoted"
    bench.events()
    return promoted


def later(bench: Bench) -> int:
    """A round at a time at which everything has waited as long as `patience` says."""
    return bench.rollouts.round(NOON + 100_000)


def wrong(bench: Bench, canary: Canary, count: int, **fields: Any) -> None:
    bench.graded.scores |= dict.fromkeys(bench.add(canary, count, **fields), 0.0)


def test_a_promoted_candidate_whose_grades_fall_is_taken_back_with_its_event(bench: Bench) -> None:
    canary = promote(bench)
    told = bench.told
    bench.add(canary, 50)
    assert later(bench) == 50
    assert bench.now(canary) == canary
    assert standing(bench.db, canary)["tests"]["drift"]["n"] == 50
    wrong(bench, canary, 60)
    later(bench)
    ended = bench.now(canary)
    assert (ended.phase, ended.share_ppm) == ("rolled_back", 0)
    assert ended.reason.startswith("its mean score is shown to have fallen below 0.5")
    (event,) = bench.events()
    assert (event.kind, event.body["phase"], event.body["share_ppm"]) == ("canary.drifted", "rolled_back", 0)
    assert (event.body["shown_mean_ppm"], event.body["level_ppm"]) == (1_000_000, 500_000)
    assert event.body["drift"]["crossed_at"] == event.body["conversations"] > 50
    assert bench.told == told + 1
    assert bench.db.execute("SELECT count(*) FROM canary_units").fetchone() == (0,)
    later(bench)
    assert bench.events() == []


def test_the_watch_goes_on_where_a_death_left_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    canary = promote(bench)
    bench.add(canary, 20)
    later(bench)
    bench.rollouts = bench.restarted()
    wrong(bench, canary, 5)
    later(bench)
    assert standing(bench.db, canary)["tests"]["drift"]["n"] == 25
    wrong(bench, canary, 60)

    def dies(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("freehold.trials.canary.change_canary", dies)
        with pytest.raises(KeyboardInterrupt):
            later(bench)
    assert standing(bench.db, canary)["tests"]["drift"]["n"] == 25
    bench.rollouts = bench.restarted()
    later(bench)
    assert [event.kind for event in bench.events()] == ["canary.drifted"]


def test_splitting_the_watch_anywhere_changes_nothing(tmp_path: Path) -> None:
    ends: list[dict[str, Any]] = []
    for every in (1, 7, 1000):
        bench = Bench(tmp_path / str(every))
        canary = promote(bench)
        for number in range(150):
            wrong(bench, canary, 1) if number % 5 else bench.add(canary)
            if number % every == 0:
                bench.rollouts = bench.restarted()
                later(bench)
        later(bench)
        (event,) = bench.events()
        ends.append({"kind": event.kind, **event.body})
        bench.db.close()
    assert ends[0] == ends[1] == ends[2]
    assert ends[0]["kind"] == "canary.drifted"


def test_each_conversation_moves_the_watch_once_and_what_is_not_the_candidates_never(bench: Bench) -> None:
    canary = promote(bench)
    wrong(bench, canary, 40, conversation="the same")
    wrong(bench, canary, 40, arm="incumbent", deployment="rack/good")
    wrong(bench, canary, 40, status="cancelled")
    wrong(bench, canary, 40, status="refused", deployment="", code="budget-exhausted")
    bench.graded.scores |= dict.fromkeys(bench.add(canary, 40), "outside")
    assert later(bench) == 200
    assert bench.now(canary).phase == "promoted"
    assert standing(bench.db, canary)["tests"]["drift"]["n"] == 1


def test_an_answer_in_the_candidates_place_counts_as_one_that_it_did_not_give(bench: Bench) -> None:
    canary = promote(bench)
    bench.add(canary, 80, deployment="rack/good")  # graded as right
    later(bench)
    assert [event.kind for event in bench.events()] == ["canary.drifted"]


def test_what_a_promoted_candidate_did_waits_for_older_requests_as_long_as_patience_says(bench: Bench) -> None:
    canary = promote(bench)
    bench.add(canary, 2)  # began 124 and 125 seconds after noon; patience is 600
    assert bench.rollouts.round(NOON + 724.5) == 1
    assert bench.rollouts.round(NOON + 726) == 1


def test_without_grades_or_with_the_watch_off_nothing_is_kept_waiting(tmp_path: Path) -> None:
    off = msgspec.structs.replace(RULES, drift_false_alarm=0)
    for name, rules, graded in (("errors", RULES, False), ("off", off, True)):
        bench = Bench(tmp_path / name)
        canary = promote(bench, rules, graded=graded)
        wrong(bench, canary, 80)
        assert later(bench) == 0
        assert bench.now(canary).phase == "promoted"
        assert "drift" not in standing(bench.db, canary)["tests"]
        assert bench.db.execute("SELECT count(*) FROM canary_outcomes").fetchone() == (0,)
        bench.db.close()


def test_once_the_configuration_names_another_route_there_is_nothing_to_take_back(bench: Bench) -> None:
    canary = promote(bench)
    bench.job = Workload(name="triage", route=(TargetSettings(model="rack/new"),))
    bench.rollouts = bench.restarted()
    wrong(bench, canary, 80)
    assert later(bench) == 0
    assert (bench.now(canary).phase, bench.events()) == ("promoted", [])


def test_a_promotion_that_a_person_ended_meanwhile_stays_ended(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    canary = promote(bench)
    wrong(bench, canary, 80)
    counting = bench.rollouts._count_on  # pyright: ignore[reportPrivateUsage]

    def after_a_person(*given: Any) -> Any:
        change_canary(bench.db, bench.now(canary), "aborted", {}, phase="aborted")
        return counting(*given)

    monkeypatch.setattr(bench.rollouts, "_count_on", after_a_person)
    later(bench)
    assert [event.kind for event in bench.events()] == ["canary.aborted"]
