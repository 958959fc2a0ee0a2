"""Grades of captured answers, read from real sealed contents and graded by real graders."""

import contextlib
import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from freehold.errors import SubjectErased, UnknownContents
from freehold.graders.grader import Answer, Ask
from freehold.items import Given, Item
from freehold.ledger.sealing import Field, RecordContents
from freehold.store.database import open_database
from freehold.store.items import ItemRow, LabelRow, keep_item, keep_label
from freehold.trials.grading import WAIT_SECONDS, Grading, left_out, taking_part
from freehold.trials.judges import Judges
from store.samples import NOON, record

PRESENT: dict[str, Any] = {"kind": "regex", "pattern": "^The claim is"}
JUDGE: dict[str, Any] = {"kind": "judge", "models": ["m/judge"], "rubric": "It is polite."}
PASS = '{"reason": "-", "verdict": "pass"}'
FAIL = '{"reason": "-", "verdict": "fail"}'


class Judged:
    """Judges that say what the test does. Without `waits` none take part."""

    def __init__(self) -> None:
        self.waits: float | None = None
        self.said: list[Answer] | None = None
        self.asked: list[Sequence[Ask]] = []

    def seconds(self, workload: str) -> float | None:
        return self.waits

    def answers(self, workload: str, asks: Sequence[Ask]) -> list[Answer] | None:
        self.asked.append(asks)
        return self.said


class Shelf:
    """What is sealed, by id, and a store beside it."""

    def __init__(self, data: Path) -> None:
        self.db = open_database(data)
        self.sealed: dict[str, bytes | None] = {}
        self.tables: Sequence[dict[str, Any]] = [PRESENT]
        self.captured = True
        self.judges = Judged()
        self.grading = self.restarted()

    def restarted(self) -> Grading:
        return Grading(
            self.db, self._read, lambda workload: self.tables, lambda workload, conversation: self.captured,
            cast("Judges", self.judges),
        )  # fmt: skip

    def _read(self, sealed_id: str) -> RecordContents:
        if sealed_id not in self.sealed:
            raise UnknownContents("never kept")
        content = self.sealed[sealed_id]
        if content is None:
            raise SubjectErased("erased")
        return RecordContents(sealed_id, "a" * 64, 0, {"item": Field(b"", content)})

    def capture(self, name: str, text: str, content: bytes = b"") -> None:
        item = Item(id=name, workload="triage", input={"messages": []}, given=Given(text=text), model="rack/good")
        self.sealed[f"item:{name}"] = msgspec.json.encode(item)
        keep_item(
            self.db,
            ItemRow(id=name, workload="triage", at=1, subject="a" * 64, keep_until=1, content=content or name.encode()),
        )


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf(tmp_path)
    with contextlib.closing(made.db):
        yield made


def test_a_captured_answer_has_the_mean_of_what_its_graders_say(shelf: Shelf) -> None:
    shelf.tables = [PRESENT, {"kind": "regex", "pattern": "approved"}]
    shelf.capture("rec_000001", "The claim is approved.")
    shelf.capture("rec_000002", "The claim is open.")
    assert shelf.grading.score(record(1), NOON) == 1.0
    assert shelf.grading.score(record(2), NOON) == 0.5


def test_an_answer_that_is_not_in_the_store_yet_is_waited_for_and_then_unscored(shelf: Shelf) -> None:
    assert shelf.grading.score(record(1), NOON + 1) == "later"
    assert shelf.grading.score(record(1), NOON + WAIT_SECONDS + 1) is None


def test_what_is_not_captured_is_no_part_of_what_is_graded(shelf: Shelf) -> None:
    shelf.captured = False
    assert shelf.grading.score(record(1), NOON) == "outside"
    assert shelf.grading.score(record(1, status="failed"), NOON) == "outside"


def test_a_request_without_an_answer_scores_nothing(shelf: Shelf) -> None:
    assert shelf.grading.score(record(1, status="failed"), NOON) == 0.0


def test_a_repeated_input_is_left_out_for_both_arms_alike(shelf: Shelf) -> None:
    shelf.capture("rec_000001", "The claim is approved.", b"same")
    shelf.capture("rec_000002", "The claim is approved.", b"same")
    assert shelf.grading.score(record(1), NOON) == 1.0
    assert shelf.grading.score(record(2), NOON) == "outside"


def test_an_erased_answer_is_unscored(shelf: Shelf) -> None:
    shelf.capture("rec_000001", "The claim is approved.")
    shelf.sealed["item:rec_000001"] = None
    assert shelf.grading.score(record(1), NOON) is None


def test_an_item_carries_the_labels_of_its_answer(shelf: Shelf) -> None:
    shelf.capture("rec_000001", "The claim is approved.")
    keep_label(
        shelf.db,
        LabelRow(id="lab_1", record="rec_000001", source="human", at=5, subject="a" * 64, score=0.5, model="m"),
    )
    item = shelf.grading.item("rec_000001")
    assert item is not None
    assert [(label.source, label.score) for label in item.labels] == [("human", 0.5)]


def test_what_is_no_score_is_no_grade(shelf: Shelf) -> None:
    shelf.tables = [{"kind": "json_fields", "fields": {"a": {"weight": float("inf")}}}]  # inf / inf is no share
    item = Item(id="i", workload="triage", input={}, reference={"a": 1})
    assert shelf.grading.grade("triage", item, Given(text='{"a": 1}'), "item:i", NOON, NOON) is None


def test_no_grade_at_all_is_unscored(shelf: Shelf) -> None:
    shelf.tables = []
    shelf.capture("rec_000001", "anything")
    assert shelf.grading.score(record(1), NOON) is None


def test_graders_of_the_configuration_are_taken_up_when_they_change(shelf: Shelf) -> None:
    shelf.capture("rec_000001", "The claim is approved.")
    assert shelf.grading.score(record(1), NOON) == 1.0
    shelf.tables = [{"kind": "regex", "pattern": "denied"}]
    assert shelf.grading.score(record(1), NOON) == 0.0


def test_a_grader_that_cannot_be_made_is_said_and_left_out(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        made = taking_part([{"kind": "no-such-grader"}, PRESENT], judged=False)
    assert [grader.label for grader in made] == ["regex"]
    assert "a grader takes no part" in caplog.text


def test_graders_that_ask_take_part_where_the_workload_is_judged_and_the_others_are_told() -> None:
    pairwise = {"kind": "pairwise", "models": ["m/judge"], "rubric": "The better one."}
    tables = [PRESENT, JUDGE, pairwise]
    assert [grader.label for grader in taking_part(tables, judged=False)] == ["regex"]
    assert [grader.label for grader in taking_part(tables, judged=True)] == ["regex", "judge"]
    assert [label for label, _ in left_out(tables, judged=False)] == ["judge", "pairwise"]
    assert left_out(tables, judged=True) == [
        ("pairwise", "it compares two replies to one question, and here each reply is graded alone")
    ]


def test_without_judging_a_judge_is_not_asked(shelf: Shelf) -> None:
    shelf.tables = [PRESENT, JUDGE]
    shelf.capture("rec_000001", "The claim is approved.")
    assert shelf.grading.score(record(1), NOON) == 1.0
    assert shelf.judges.asked == []


def test_a_judge_is_waited_for_and_its_score_counts_beside_the_others(shelf: Shelf) -> None:
    shelf.tables, shelf.judges.waits = [PRESENT, JUDGE], 30.0
    shelf.capture("rec_000001", "The claim is approved.")
    assert shelf.grading.score(record(1), NOON + 1) == "later"
    shelf.judges.said = [FAIL]
    assert shelf.grading.score(record(1), NOON + 2) == 0.5
    shelf.judges.said = [PASS]
    assert shelf.grading.score(record(1), NOON + 3) == 0.5  # what was told once stays
    (ask,) = shelf.judges.asked[0]
    assert "The claim is approved." in str(ask.body)


def test_a_judge_that_gives_no_answer_leaves_no_score_and_never_that_of_the_others(shelf: Shelf) -> None:
    shelf.tables, shelf.judges.waits = [PRESENT, JUDGE], 30.0
    for number in (1, 2):
        shelf.capture(f"rec_00000{number}", "The claim is approved.")
    soon = time.time()
    late = record(1, ended_at=soon)
    assert shelf.grading.score(late, soon + 29) == "later"
    assert shelf.grading.score(late, soon + 31) is None
    shelf.judges.said = [None]
    assert shelf.grading.score(record(2), NOON) is None


def test_after_a_restart_old_answers_are_given_their_time_again(shelf: Shelf) -> None:
    shelf.tables, shelf.judges.waits = [JUDGE], 30.0
    shelf.capture("rec_000001", "The claim is approved.")
    old = record(1, ended_at=time.time() - 3600)
    assert shelf.grading.score(old, time.time() + 1) == "later"


def test_judges_are_asked_ahead_only_where_they_take_part(shelf: Shelf) -> None:
    shelf.tables = [PRESENT, JUDGE]
    shelf.capture("rec_000001", "The claim is approved.")
    shelf.grading.prepare(record(1), NOON)
    assert shelf.judges.asked == []
    shelf.judges.waits = 30.0
    shelf.grading.prepare(record(1), NOON)
    assert len(shelf.judges.asked) == 1
