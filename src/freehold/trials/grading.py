"""Grades of captured answers, for whoever watches a canary or a shadow: the graders of the workload that need nobody's help.

A score is the mean over those graders that can tell. Graders that ask models take no part here: a decision within a second
cannot wait for a judge. The one that reads labels does, with the labels that are there by then.
"""

import logging
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Any, Final, Literal

import msgspec

from freehold.errors import ContentsDamaged, InvalidGrader, NotConfigured, SubjectErased, UnknownContents
from freehold.graders import build
from freehold.graders.grader import Grader
from freehold.items import Given, Item, Label
from freehold.ledger.sealing import RecordContents
from freehold.store.items import find_item, labels_of
from freehold.store.records import Record

WAIT_SECONDS: Final = 10.0
"""How long a captured answer may take to be in the store after its record; then it counts as one without a grade."""

ITEM: Final = "item"

log = logging.getLogger("freehold.grading")

Score = float | None | Literal["later", "outside"]
"""A score from 0 to 1; None where no grader could tell; `later` while the answer is not there yet; `outside` for an answer that
is not captured whatever it says, and so is no part of what is graded."""


class Grading:
    """The graders of each workload, and the answers that they grade. `tables` gives a workload's graders as the configuration
    has them, `captured` says whether a conversation of a workload is, and `read` gives what is sealed under an id."""

    def __init__(
        self,
        db: sqlite3.Connection,
        read: Callable[[str], RecordContents],
        tables: Callable[[str], Sequence[Mapping[str, Any]]],
        captured: Callable[[str, str], bool],
    ) -> None:
        self._db = db
        self._read = read
        self._tables = tables
        self._captured = captured
        self._made: dict[str, tuple[bytes, tuple[Grader, ...]]] = {}

    def score(self, record: Record, now: float) -> Score:
        """The score of the answer that a record is about; `now` is in Unix seconds. A request that got no answer scores 0, if
        the answer would have been captured."""
        if not self._captured(record.workload, record.conversation):
            return "outside"
        if record.status != "answered":
            return 0.0
        row = find_item(self._db, record.id)
        if row is None:
            return "later" if now - record.ended_at < WAIT_SECONDS else None
        if row.id != record.id:  # an input that was captured before: the same for both arms, and its answer is not kept
            return "outside"
        item = self.item(record.id)
        return None if item is None or item.given is None else self.grade(record.workload, item, item.given)

    def item(self, record_id: str) -> Item | None:
        """The captured item of a record, with the labels of its answer; None where it is erased, expired or damaged."""
        content = self.sealed(f"item:{record_id}", ITEM)
        if content is None:
            return None
        item = msgspec.json.decode(content, type=Item)
        labels = tuple(
            Label(source=row.source, score=row.score, model=row.model, at=row.at, by=row.author)
            for row in labels_of(self._db, record_id)
            if row.score is not None
        )
        return msgspec.structs.replace(item, labels=labels) if labels else item

    def sealed(self, sealed_id: str, field: str) -> bytes | None:
        """One field of what is sealed under an id; None when it cannot be opened any more."""
        try:
            found = self._read(sealed_id).fields.get(field)
        except (UnknownContents, SubjectErased, ContentsDamaged):
            return None
        return None if found is None else found.content

    def grade(self, workload: str, item: Item, given: Given) -> float | None:
        """The mean over the workload's graders that can tell; None when none can."""
        scores: list[float] = []
        for grader in self._graders(workload):
            began = time.monotonic()
            grade = grader.grade(item, given)
            if time.monotonic() - began > WAIT_SECONDS:
                log.warning("the grader %s took %.0f s for %s", grader.label, time.monotonic() - began, item.id)
            if grade.score is not None:
                scores.append(grade.score)
        return fmean(scores) if scores else None

    def _graders(self, workload: str) -> tuple[Grader, ...]:
        tables = list(self._tables(workload))
        written = msgspec.json.encode(tables, order="sorted")
        known = self._made.get(workload)
        if known is not None and known[0] == written:
            return known[1]
        made = unaided(tables)
        self._made[workload] = written, made
        return made


def unaided(tables: Sequence[Mapping[str, Any]]) -> tuple[Grader, ...]:
    """The graders of these tables that grade by themselves. One that cannot be made is said and left out."""
    made: list[Grader] = []
    for table in tables:
        try:
            grader = build(table)
        except (InvalidGrader, NotConfigured) as error:
            log.error("a grader takes no part: %s", error.sentence)
            continue
        if isinstance(grader, Grader):
            made.append(grader)
    return tuple(made)
