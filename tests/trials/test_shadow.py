"""Pairs of a shadow: graded on both sides, one for each conversation, and told once when they show something."""

import contextlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from freehold.config.canary_rules import CanaryRules
from freehold.config.settings import Settings, TargetSettings, Workload
from freehold.errors import UnknownContents
from freehold.items import Given, Item
from freehold.ledger.entry import write_entry
from freehold.ledger.sealing import Field, RecordContents
from freehold.store.database import open_database
from freehold.store.events import Event, take_events
from freehold.store.items import ItemRow, keep_item
from freehold.store.shadows import Pair, keep_pair, waiting_pairs
from freehold.trials.grading import WAIT_SECONDS, Grading
from freehold.trials.shadow import ShadowTests, Standing, begin, counted, evidence, standings
from store.samples import NOON

RULES = CanaryRules(margin=0.2, harm=0.2, alpha=0.05, alpha_rollback=0.05)


class Bench:
    def __init__(self, data: Path) -> None:
        self.db = open_database(data)
        self.sealed: dict[str, bytes] = {}
        tables = [{"kind": "regex", "pattern": "right"}]
        grading = Grading(self.db, self._read, lambda workload: tables, lambda workload, conversation: True)
        job = Workload(name="triage", route=(TargetSettings(model="rack/good"),), canary=RULES)
        self.shadows = ShadowTests(self.db, lambda: Settings(workloads={"triage": job}), grading)

    def _read(self, sealed_id: str) -> RecordContents:
        if sealed_id not in self.sealed:
            raise UnknownContents("never kept")
        return RecordContents(sealed_id, "a" * 64, 0, {"item": Field(b"", self.sealed[sealed_id])})

    def pair(
        self, number: int, incumbent: str, candidate: str, outcome: str = "answered", conversation: str = ""
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
                at=int(NOON * 1000),
            ),
        )

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
    assert standings(bench.db) == []


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
    assert write_entry(event.kind, event.id, event.at, event.body)


def test_a_candidate_that_is_worse_is_told_of(bench: Bench) -> None:
    for number in range(60):
        bench.pair(number, "right", "wrong")
    bench.round()
    assert [event.kind for event in bench.events()] == ["shadow.harmed"]


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
        draw, state = random.Random(seed), begin(RULES)
        for _ in range(300):
            state = counted(state, float(draw.random() < 0.6), float(draw.random() < 0.8))
        passed += state.passing.crossed
    assert passed <= 7  # 0.05 of 60 is 3


def test_a_standing_survives_being_written_down() -> None:
    state = counted(counted(begin(RULES), 1.0, 0.5), None, 1.0)
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
