"""Pairs of a shadow: graded on both sides, one for each conversation, and told once when they show something."""

import contextlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from freehold.config.canary_rules import CanaryRules
from freehold.config.settings import Settings, TargetSettings, Workload
from freehold.errors import UnknownContents
from freehold.items import Given, Item
from freehold.ledger.entry import write_entry
from freehold.ledger.sealing import Field, RecordContents
from freehold.store.canaries import start_canary
from freehold.store.database import open_database
from freehold.store.events import Event, take_events
from freehold.store.items import ItemRow, keep_item
from freehold.store.shadows import Pair, keep_pair, waiting_pairs
from freehold.trials.correcting import Correction, uncorrected
from freehold.trials.grading import WAIT_SECONDS, Grading
from freehold.trials.shadow import ShadowTests, Standing, Terms, begin, changes, counted, evidence, standings
from store.samples import NOON, record

RULES = CanaryRules(margin=0.2, harm=0.2, alpha=0.05, alpha_rollback=0.05)
TERMS = Terms(incumbent=("rack/good",), route="r", graders="g", margin=0.2, alpha=0.05, harm=0.2, alpha_rollback=0.05)
HITS = Correction(
    judges=("polite",),
    method="hits",
    spent=0.01,
    factor=0.6,
    trial="trial_x",
    labels=400,
    good=320,
    bad=80,
    q1=0.85,
    q0=0.9,
)
GOOD = Workload(name="triage", route=(TargetSettings(model="rack/good"),), canary=RULES)


class Bench:
    def __init__(self, data: Path) -> None:
        self.db = open_database(data)
        self.sealed: dict[str, bytes] = {}
        self.tables: list[dict[str, Any]] = [{"kind": "regex", "pattern": "right"}]
        self.job = GOOD
        grading = Grading(self.db, self._read, lambda workload: self.tables, lambda workload, conversation: True)
        self.judged: Correction | None = None
        self.asked: tuple[Any, ...] = ()
        self.shadows = ShadowTests(self.db, lambda: Settings(workloads={"triage": self.job}), grading, self._believed)

    def _believed(self, *about: Any) -> Correction | None:
        self.asked = about
        return self.judged

    def _read(self, sealed_id: str) -> RecordContents:
        if sealed_id not in self.sealed:
            raise UnknownContents("never kept")
        return RecordContents(sealed_id, "a" * 64, 0, {"item": Field(b"", self.sealed[sealed_id])})

    def pair(
        self,
        number: int,
        incumbent: str,
        candidate: str,
        outcome: str = "answered",
        conversation: str = "",
        at: float = NOON,
    ) -> None:
        """An answer, and what the candidate said to the same question."""
        name = f"rec_{number}"
        for sealed_id, text in ((f"item:{name}", incumbent), (f"shadow:{name}", candidate)):
            item = Item(
                id=name,
                workload="triage",
                input={"messages": [number]},
                given=Given(text=text),
                conversation=conversation or f"c{number}",
            )
            self.sealed[sealed_id] = msgspec.json.encode(item)
        row = ItemRow(id=name, workload="triage", at=1, subject="s", keep_until=1, content=name.encode())
        keep_item(self.db, row)
        keep_pair(
            self.db,
            Pair(
                record=name,
                workload="triage",
                candidate="rack/new",
                shadow=f"rec_s{number}",
                outcome=outcome,
                at=int(at * 1000),
            ),
        )

    def record(self, name: str, **fields: Any) -> None:
        """The door's record of an answer, or of a copy."""
        body = msgspec.json.encode(record(id=name, **fields)).decode()
        self.db.execute(f"INSERT INTO records VALUES (?, {'0, ' * 18} ?)", (name, body))

    def round(self, after: float = 1.0) -> int:
        return self.shadows.round(NOON + after)

    def events(self) -> list[Event]:
        found: list[Event] = []
        take_events(self.db, found.extend)
        return found


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    with contextlib.closing(made.db):
        yield made


def test_both_answers_are_graded_and_each_pair_once(bench: Bench) -> None:
    bench.pair(1, "right", "right")
    bench.pair(2, "right", "wrong")
    assert bench.round() == 2
    assert bench.round() == 0
    (found,) = standings(bench.db)
    assert (found["workload"], found["candidate"], found["pairs"]) == ("triage", "rack/new", 2)
    assert (found["candidate_mean_ppm"], found["incumbent_mean_ppm"]) == (500_000, 1_000_000)
    rows = bench.db.execute("SELECT record, candidate_score, incumbent_score FROM shadow_pairs").fetchall()
    assert rows == [("rec_1", 1.0, 1.0), ("rec_2", 0.0, 1.0)]


def test_one_pair_of_a_conversation_counts(bench: Bench) -> None:
    for number in range(4):
        bench.pair(number, "right", "right", conversation="the same")
    assert bench.round() == 4
    assert standings(bench.db)[0]["pairs"] == 1


def test_a_candidate_that_failed_scores_nothing(bench: Bench) -> None:
    bench.pair(1, "right", "", outcome="vendor-timeout")
    del bench.sealed["shadow:rec_1"]
    bench.round()
    (found,) = standings(bench.db)
    assert (found["pairs"], found["failed"], found["candidate_mean_ppm"]) == (1, 1, 0)


def test_a_pair_waits_for_its_answer_and_is_given_up_when_that_never_comes(bench: Bench) -> None:
    bench.pair(1, "right", "right")
    bench.db.execute("DELETE FROM items")
    assert bench.round(1.0) == 0
    assert len(waiting_pairs(bench.db, 10)) == 1
    assert bench.round(WAIT_SECONDS + 1) == 1
    (found,) = standings(bench.db)
    assert (found["pairs"], found["unscored"]) == (0, 1)


def test_an_answer_that_cannot_be_opened_any_more_is_unscored(bench: Bench) -> None:
    bench.pair(1, "right", "right")
    del bench.sealed["shadow:rec_1"]
    bench.round()
    (found,) = standings(bench.db)
    assert (found["pairs"], found["unscored"]) == (0, 1)


def test_what_is_shown_is_told_once(bench: Bench) -> None:
    for number in range(60):
        bench.pair(number, "right", "right")
        bench.round()
    (event,) = bench.events()
    assert (event.kind, event.id, event.body["candidate"]) == ("shadow.passed", "triage", "rack/new")
    assert event.body["no_worse"]["crossed_at"] == event.body["pairs"] < 60
    terms = event.body["terms"]
    assert len(terms.pop("graders")) == len(terms.pop("route")) == 64
    assert terms == {
        "incumbent": ["rack/good"],
        "margin": "0.2",
        "alpha": "0.05",
        "harm": "0.2",
        "alpha_rollback": "0.05",
    }
    assert write_entry(event.kind, event.id, event.at, event.body)


def test_a_candidate_that_is_worse_is_told_of(bench: Bench) -> None:
    for number in range(60):
        bench.pair(number, "right", "wrong")
    bench.round()
    assert [event.kind for event in bench.events()] == ["shadow.harmed"]


def test_nothing_is_passed_while_more_than_2_percent_have_no_grade(bench: Bench) -> None:
    bench.pair(0, "right", "right")
    del bench.sealed["shadow:rec_0"]
    for number in range(1, 49):
        bench.pair(number, "right", "right")
    bench.round()
    (found,) = standings(bench.db)
    assert found["no_worse"]["crossed_at"] > 0
    assert (found["pairs"], found["unscored"], found["passed"]) == (48, 1, False)
    assert bench.events() == []
    bench.pair(49, "right", "right")
    bench.round()
    (event,) = bench.events()
    assert (event.kind, event.body["passed"], event.body["unscored"]) == ("shadow.passed", True, 1)


def test_harm_is_told_of_however_many_have_no_grade(bench: Bench) -> None:
    for number in range(60):
        bench.pair(number, "right", "wrong")
        if number % 2:
            del bench.sealed[f"shadow:rec_{number}"]
    bench.round()
    assert [event.kind for event in bench.events()] == ["shadow.harmed"]


@pytest.mark.parametrize("change", ["incumbent", "graders", "margin"])
def test_the_test_begins_anew_when_what_it_tests_has_changed(bench: Bench, change: str) -> None:
    for number in range(10):
        bench.pair(number, "right", "right", conversation="one" if number == 9 else "")
    bench.round()
    if change == "incumbent":
        bench.job = replace(GOOD, route=(TargetSettings(model="rack/better"),))
    elif change == "graders":
        bench.tables = [{"kind": "regex", "pattern": "righ"}]
    else:
        bench.job = replace(GOOD, canary=replace(RULES, margin=0.1))
    bench.pair(10, "right", "right")  # from before the change was seen
    bench.round(after=2)
    (event,) = bench.events()
    assert (event.kind, event.body["before"]["pairs"]) == ("shadow.restarted", 10)
    assert event.body["changed"] == {"incumbent": ["incumbent", "route"]}.get(change, [change])
    assert write_entry(event.kind, event.id, event.at, event.body)
    assert standings(bench.db)[0]["pairs"] == 0
    bench.pair(11, "right", "right", conversation="one", at=NOON + 3)
    bench.round(after=4)
    (found,) = standings(bench.db)
    assert (found["pairs"], found["terms"]["margin"]) == (1, "0.1" if change == "margin" else "0.2")
    assert bench.events() == []


def test_other_weights_under_the_same_name_are_another_candidate(bench: Bench) -> None:
    for number, weights in ((1, "a" * 64), (2, None), (3, "b" * 64)):
        bench.record(f"rec_s{number}", weights=weights)
        bench.pair(number, "right", "right")
    bench.round()
    (event,) = bench.events()
    assert (event.kind, event.body["changed"], event.body["before"]["pairs"]) == ("shadow.restarted", ["weights"], 2)
    assert (event.body["before"]["terms"]["weights"], event.body["terms"]["weights"]) == ("a" * 64, "b" * 64)
    bench.record("rec_s4", weights="a" * 64)  # a straggler, asked before the change
    bench.pair(4, "right", "right")
    bench.round()
    assert bench.events() == []


def test_an_answer_by_the_candidate_of_a_canary_is_no_answer_of_the_incumbent(bench: Bench) -> None:
    canary = start_canary(
        bench.db, workload="triage", candidate="rack/third", route="r", steps=(50_000, 1_000_000), rules={}
    )
    for number, share in ((1, 50_000), (2, 1_000_000)):
        arm = {"canary": canary.id, "arm": "candidate", "propensity_ppm": share}
        bench.record(f"rec_{number}", **arm)
        bench.pair(number, "right", "right")
        bench.round()
    (found,) = standings(bench.db)
    assert (found["pairs"], found["terms"]["incumbent"]) == (1, ("rack/third",))


def test_what_was_begun_before_terms_were_kept_begins_anew() -> None:
    assert "margin" in changes(None, TERMS)
    assert changes(TERMS, TERMS) == []


def test_a_death_before_the_commit_loses_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.pair(1, "right", "right")

    def dies(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("freehold.trials.shadow.keep_scores", dies)
        with pytest.raises(KeyboardInterrupt):
            bench.round()
    assert standings(bench.db) == []
    bench.round()
    assert standings(bench.db)[0]["pairs"] == 1


def test_a_candidate_as_bad_as_the_margin_is_hardly_ever_passed() -> None:
    passed = 0
    for seed in range(60):
        draw, state = random.Random(seed), begin(TERMS)
        for _ in range(300):
            state = counted(state, float(draw.random() < 0.6), float(draw.random() < 0.8))
        passed += state.passing.crossed
    assert passed <= 7  # 0.05 of 60 is 3


def test_the_difference_is_shown_with_a_band_once_there_are_a_hundred_pairs(bench: Bench) -> None:
    for number in range(100):
        bench.pair(number, "right", "wrong" if number % 5 == 0 else "right")
        if number == 98:
            bench.round()
            assert "difference" not in standings(bench.db)[0]
    bench.round()
    # mean -0.2, variance 0.16, v = 16, 1/rho^2 = 12.7551;
    # sqrt(28.7551 ln(28.7551/(12.7551 x 0.0025))) / 100 = sqrt(28.7551 x 6.80436) / 100 = 0.139878
    assert standings(bench.db)[0]["difference"] == {"mean_ppm": -200_000, "low_ppm": -339_878, "high_ppm": -60_122}


def test_a_standing_survives_being_written_down() -> None:
    state = counted(counted(begin(TERMS), 1.0, 0.5), None, 1.0)
    assert msgspec.json.decode(msgspec.json.encode(state), type=Standing) == state
    assert (evidence(state)["pairs"], evidence(state)["unscored"]) == (1, 1)


def test_where_judges_take_part_a_pair_waits_for_those_before_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    scores: dict[str, Any] = {"item:rec_1": "later", "shadow:rec_1": 1.0, "item:rec_2": 1.0, "shadow:rec_2": 0.0}
    asked: list[str] = []

    def grade(_self: Grading, workload: str, item: Item, given: Given, about: str, at: float, now: float) -> Any:
        asked.append(about)
        return scores[about]

    def judged(_self: Grading, workload: str) -> bool:
        return True

    monkeypatch.setattr(Grading, "grade", grade)
    monkeypatch.setattr(Grading, "judged", judged)
    bench.pair(1, "right", "right")
    bench.pair(2, "right", "wrong")
    assert bench.round() == 0
    assert asked == ["item:rec_1", "shadow:rec_1", "item:rec_2", "shadow:rec_2"]  # those behind are asked about too
    scores["item:rec_1"] = 1.0
    assert bench.round() == 2


def test_by_a_judge_a_smaller_margin_is_tested_and_the_entry_says_which(bench: Bench) -> None:
    bench.judged = HITS
    for number in range(60):
        bench.pair(number, "right", "right")
        bench.round()
    (event,) = bench.events()
    assert bench.asked == ("triage", "rack/new", ("rack/good",), 0.05)
    assert (event.kind, event.body["tested_ppm"]) == ("shadow.passed", 120_000)  # 0.6 x 0.2
    judged = event.body["terms"]["judged"]
    assert (judged["factor_ppm"], judged["labels"], judged["alpha_spent"]) == (600_000, 400, "0.01")
    assert event.body["no_worse"]["threshold_milli"] == 3219  # ln(1 / 0.04)
    assert event.body["harm"]["threshold_milli"] == 2996
    assert write_entry(event.kind, event.id, event.at, event.body)


def test_nothing_is_passed_by_a_judge_of_whom_nobody_knows_how_it_errs_and_harm_is_told(bench: Bench) -> None:
    bench.judged = uncorrected(["polite"], "label replies")
    for number in range(60):
        bench.pair(number, "right", "right")
    bench.round()
    (found,) = standings(bench.db)
    assert (found["passed"], found["held"], bench.events()) == (False, "label replies", [])
    for number in range(60, 200):
        bench.pair(number, "right", "wrong")
    bench.round()
    assert [event.kind for event in bench.events()] == ["shadow.harmed"]


def test_with_other_labels_the_test_begins_anew(bench: Bench) -> None:
    bench.judged = uncorrected(["polite"], "label replies")
    bench.pair(1, "right", "right")
    bench.round()
    bench.judged = HITS
    bench.pair(2, "right", "right", at=NOON + 1)
    bench.round(2.0)
    (event,) = bench.events()
    assert (event.kind, event.body["changed"]) == ("shadow.restarted", ["judged"])
    assert (event.body["before"]["held"], event.body["terms"]["judged"]["method"]) == ("label replies", "hits")


def test_a_standing_with_judges_survives_being_written_down() -> None:
    state = counted(begin(replace(TERMS, judged=HITS)), 1.0, 0.0)
    assert msgspec.json.decode(msgspec.json.encode(state), type=Standing) == state
    assert state.passing.null == pytest.approx(-0.12)
