"""Grades of captured answers, for whoever watches a canary or a shadow.

A score is the mean over those graders of the workload that can tell. Graders that ask models take part where the workload has
`judging`: their answers are looked up, and until they are there, for a while, the score is one for later. A judge that gives no
answer in that time, or cannot tell, leaves the answer without a score, never with the mean of the others. The grader that reads labels has those
that are there by then; graders of pairs take no part, since a canary has no second answer.
"""

import logging
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from statistics import fmean
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from freehold.errors import ContentsDamaged, InvalidGrader, NotConfigured, SubjectErased, UnknownContents
from freehold.graders import build
from freehold.graders.grader import AnyGrader, Ask, AskingGrader, Grader, PairwiseGrader, in_range
from freehold.graders.selftest import proven
from freehold.items import Given, Item, Label
from freehold.ledger.sealing import RecordContents
from freehold.store.items import find_item, labels_of
from freehold.store.records import Record
from freehold.trials.judges import Judges

WAIT_SECONDS: Final = 10.0
"""How long a captured answer may take to be in the store after its record; then it counts as one without a grade."""

MOST_BEGUN: Final = 1_024
"""Answers that are graded but for their judges, at once; the oldest go first, and are begun anew."""

MOST_SETTLED: Final = 16_384
"""Scores with judges that are remembered until they are counted, which may wait for others."""

ITEM: Final = "item"

log = logging.getLogger("freehold.grading")

Score = float | None | Literal["later", "outside"]
"""A score from 0 to 1; None where no grader could tell; `later` while the answer is not there yet; `outside` for an answer that
is not captured whatever it says, and so is no part of what is graded."""


Taking = Grader | AskingGrader
"""A grader that can take part."""


class _Begun(Struct, frozen=True):
    """An answer that is graded but for its judges: the scores there are, and what was asked for each further grader."""

    item: Item
    given: Given
    scores: tuple[float, ...]
    asked: tuple[tuple[AskingGrader, tuple[Ask, ...]], ...]


class Grading:
    """The graders of each workload, and the answers that they grade. `tables` gives a workload's graders as the configuration
    has them, `captured` says whether a conversation of a workload is, and `read` gives what is sealed under an id. Without
    `judges` only graders that grade by themselves take part."""

    def __init__(
        self,
        db: sqlite3.Connection,
        read: Callable[[str], RecordContents],
        tables: Callable[[str], Sequence[Mapping[str, Any]]],
        captured: Callable[[str, str], bool],
        judges: Judges | None = None,
    ) -> None:
        self._db = db
        self._read = read
        self._tables = tables
        self._captured = captured
        self._judges = judges
        self._since = time.time()
        self._made: dict[str, tuple[bytes, tuple[Taking, ...]]] = {}
        self._begun: dict[str, _Begun] = {}
        self._settled: dict[str, float | None] = {}

    def score(self, record: Record, now: float) -> Score:
        """The score of the answer that a record is about; `now` is in Unix seconds. A request that got no answer scores 0, if
        the answer would have been captured."""
        if not self._captured(record.workload, record.conversation):
            return "outside"
        if record.status != "answered":
            return 0.0
        about = f"{ITEM}:{record.id}"
        if about in self._begun or about in self._settled:
            return self._finished(record.workload, about, record.ended_at, now)
        row = find_item(self._db, record.id)
        if row is None:
            return "later" if now - record.ended_at < WAIT_SECONDS else None
        if row.id != record.id:  # an input that was captured before: the same for both arms, and its answer is not kept
            return "outside"
        item = self.item(record.id)
        if item is None or item.given is None:
            return None
        return self.grade(record.workload, item, item.given, about, record.ended_at, now)

    def judged(self, workload: str) -> bool:
        """Whether judges take part in a workload, so that a score may have to be waited for."""
        return self._judges is not None and self._judges.seconds(workload) is not None

    def digest(self, workload: str) -> str:
        """The digest of who grades a workload now, with the versions of their code: 64 hexadecimal digits."""
        return graders_digest(self._graders(workload), self._tables(workload))

    def prepare(self, record: Record, now: float) -> None:
        """Has the judges asked about an answer whose turn has not come yet."""
        if self.judged(record.workload):
            self.score(record, now)

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

    def grade(
        self, workload: str, item: Item, given: Given, about: str, at: float, now: float
    ) -> float | Literal["later"] | None:  # fmt: skip
        """The mean over the workload's graders that can tell; None when none can, or a judge gave no answer in time; `later`
        while judges are being asked. `about` names the answer, which was there `at` (Unix seconds)."""
        if about not in self._begun and about not in self._settled:
            begun = self._begin(workload, item, given)
            if not begun.asked:
                return fmean(begun.scores) if begun.scores else None
            self._begun[about] = begun
            _forget(self._begun, MOST_BEGUN)
        return self._finished(workload, about, at, now)

    def _begin(self, workload: str, item: Item, given: Given) -> _Begun:
        scores: list[float] = []
        asked: list[tuple[AskingGrader, tuple[Ask, ...]]] = []
        for grader in self._graders(workload):
            if isinstance(grader, AskingGrader):
                asked.append((grader, grader.asks(item, given)))
                continue
            began = time.monotonic()
            grade = in_range(grader.grade(item, given))
            if time.monotonic() - began > WAIT_SECONDS:
                log.warning("the grader %s took %.0f s for %s", grader.label, time.monotonic() - began, item.id)
            if grade.score is not None:
                scores.append(grade.score)
        return _Begun(item, given, tuple(scores), tuple(asked))

    def _finished(self, workload: str, about: str, at: float, now: float) -> float | Literal["later"] | None:
        """The score with what the judges have said; once it is told it stays."""
        if about not in self._settled:
            score = self._with_judges(workload, self._begun[about], max(at, self._since), now)
            if score == "later":
                return score
            del self._begun[about]
            self._settled[about] = score
            _forget(self._settled, MOST_SETTLED)
        return self._settled[about]

    def _with_judges(self, workload: str, begun: _Begun, at: float, now: float) -> float | Literal["later"] | None:
        seconds = None if self._judges is None else self._judges.seconds(workload)
        if self._judges is None or seconds is None:  # they took part, and do not any more
            return None
        answered = [(grader, self._judges.answers(workload, asks)) for grader, asks in begun.asked]
        scores = list(begun.scores)
        for grader, replies in answered:
            if replies is None:
                return "later" if now < at + seconds else None
            if any(reply is None for reply in replies):
                return None
            grade = in_range(grader.score(begun.item, begun.given, replies))
            if grade.score is None and replies:
                return None
            if grade.score is not None:
                scores.append(grade.score)
        return fmean(scores) if scores else None

    def _graders(self, workload: str) -> tuple[Taking, ...]:
        tables = list(self._tables(workload))
        judged = self.judged(workload)
        written = msgspec.json.encode([judged, tables], order="sorted")
        known = self._made.get(workload)
        if known is not None and known[0] == written:
            return known[1]
        made = taking_part(tables, judged=judged)
        self._made[workload] = written, made
        return made


def graders_digest(graders: Sequence[AnyGrader], tables: Sequence[Mapping[str, Any]]) -> str:
    """The digest of these graders, which take part, and of the tables that they are among."""
    grading = [(grader.label, grader.version) for grader in graders]
    return sha256(msgspec.json.encode([grading, list(tables)], order="sorted")).hexdigest()


def taking_part(tables: Sequence[Mapping[str, Any]], *, judged: bool) -> tuple[Taking, ...]:
    """The graders of these tables that take part: those that grade by themselves, and where the workload is `judged` those that
    ask models. One that cannot be made, or does not stand its own test, is said and left out."""
    made: list[Taking] = []
    for table in tables:
        try:
            grader = proven(table)
        except (InvalidGrader, NotConfigured) as error:
            log.error("a grader takes no part: %s", error.sentence)
            continue
        if not isinstance(grader, PairwiseGrader) and not why_left_out(grader, judged=judged):
            made.append(grader)
    return tuple(made)


def left_out(tables: Sequence[Mapping[str, Any]], *, judged: bool) -> list[tuple[str, str]]:
    """The graders of these tables that take no part, each with the reason. Raises InvalidGrader, NotConfigured."""
    return [(one.label, why) for one in map(build, tables) if (why := why_left_out(one, judged=judged))]


def why_left_out(grader: AnyGrader, *, judged: bool) -> str:
    """Why a grader takes no part in shadows and canaries; empty where it does."""
    if isinstance(grader, PairwiseGrader):
        return "it compares two replies to one question, and here each reply is graded alone"
    if isinstance(grader, AskingGrader) and not judged:
        return "it asks a model, and the workload has no `judging` with a budget for that"
    return ""


def _forget(known: dict[str, Any], most: int) -> None:
    while len(known) > most:
        del known[next(iter(known))]
