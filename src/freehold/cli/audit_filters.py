"""Which entries are meant: the filters that `audit search` and `audit export` share, and the search itself.

The store's table of places narrows by time and kind; everything else is read off the entries themselves, which are what
receipts prove.
"""

import contextlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

import typer
from msgspec import Struct

from freehold.cli.audit import OpenLedger
from freehold.cli.audit_reasoning import with_answer
from freehold.errors import InvalidField, NotFound
from freehold.ledger.entry import Entry, read_entry
from freehold.ledger.lines import MOST
from freehold.ledger.subjects import Subjects
from freehold.store.places import Place

Since = Annotated[str | None, typer.Option(help="From this day or time on, UTC: 2026-11-01 or 2026-11-01T09:30.")]
Until = Annotated[str | None, typer.Option(help="Before this day or time, UTC.")]
Workload = Annotated[str | None, typer.Option(help="Answers of this workload, and their traces.")]
Model = Annotated[str | None, typer.Option(help="Answers of deployments of this pattern, such as 'openai/*'.")]
Subject = Annotated[
    str | None, typer.Option(help="Answers about this data subject, found through its pseudonym; or the pseudonym.")
]
Key = Annotated[str | None, typer.Option(help="Answers to this caller's key, and what happened to the key.")]
Outcome = Annotated[str | None, typer.Option(help="answered, failed, refused or cancelled.")]
Kind = Annotated[str | None, typer.Option(help="Entries of kinds of this pattern: answer, erasure, 'key.*', policy.")]
Data = Annotated[Path | None, typer.Option(help="The data folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]

OUTCOMES = ("answered", "failed", "refused", "cancelled", "swept")


class Filters(Struct, frozen=True, kw_only=True):
    """What an entry must be. Times in Unix milliseconds, `subject` a pseudonym, `model` and `kind` patterns; None is any."""

    since: int | None = None
    until: int | None = None
    workload: str | None = None
    model: str | None = None
    subject: str | None = None
    key_id: str | None = None
    outcome: str | None = None
    kind: str | None = None

    @property
    def any(self) -> bool:
        """Whether every entry fits, its time and kind aside."""
        return all(one is None for one in (self.workload, self.model, self.subject, self.key_id, self.outcome))

    def timely(self, place: Place) -> bool:
        """Whether the time and the kind of the entry at a place are meant."""
        since, until = self.since, self.until
        return (
            (since is None or place.at >= since)
            and (until is None or place.at < until)
            and (self.kind is None or fnmatchcase(place.kind, self.kind))
        )

    def fits(self, entry: Entry) -> bool:
        """Whether an entry is meant, its time and kind aside."""
        body = entry.body
        return (
            (self.workload is None or body.get("workload") == self.workload)
            and (self.model is None or fnmatchcase(str(body.get("deployment", "")), self.model))
            and (self.subject is None or self.subject in (body.get("subject"), entry.id))
            and (self.key_id is None or self.key_id in (body.get("caller", {}).get("key"), entry.id))
            and (self.outcome is None or body.get("outcome") == self.outcome)
        )


class Found(Struct, frozen=True):
    """An entry that is meant, with its place and its bytes."""

    place: int
    leaf: bytes
    entry: Entry


def read_filters(
    ledger: OpenLedger,
    *,
    since: str | None,
    until: str | None,
    workload: str | None,
    model: str | None,
    subject: str | None,
    key_id: str | None,
    outcome: str | None,
    kind: str | None,
) -> Filters:
    """The filters as a person wrote them. Raises InvalidField for what is no time or outcome, NotFound for a data subject of
    whom nothing is known."""
    if outcome is not None and outcome not in OUTCOMES:
        raise InvalidField(f"{outcome!r} is no outcome.", f"Write one of {', '.join(OUTCOMES)}.", param="outcome")
    return Filters(
        since=None if since is None else moment(since),
        until=None if until is None else moment(until),
        workload=workload,
        model=model,
        subject=None if subject is None else pseudonym(ledger, subject),
        key_id=key_id,
        outcome=outcome,
        kind=kind,
    )


def pseudonym(ledger: OpenLedger, subject: str) -> str:
    """The pseudonym of a data subject, or the argument itself where it is one. Raises NotFound."""
    if len(subject) == 64 and all(digit in "0123456789abcdef" for digit in subject):
        return subject
    folder = ledger.folder
    if folder.subjects.exists():
        with contextlib.closing(Subjects(folder.subjects, folder.master_key)) as subjects:
            found = subjects.pseudonym_of(subject)
        if found is not None:
            return found
    raise NotFound(
        f"Nothing is known of a data subject {subject[:80]!r}.",
        "It has no answers here, or was erased: then nothing leads from its name to its entries any more.",
    )


def find(
    ledger: OpenLedger,
    filters: Filters,
    *,
    newest_first: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Found]:
    """The entries that are meant, in the order of the log or against it. What belongs to an answer, as its trace does, is found
    by what its answer says too. Raises LedgerError for a damaged log."""
    order = "DESC" if newest_first else "ASC"
    query = f"SELECT place FROM entries WHERE place < ? AND at >= ? AND at < ? AND kind GLOB ? ORDER BY place {order}"  # noqa: S608 (one of two words)
    since = -MOST if filters.since is None else filters.since
    until = MOST if filters.until is None else filters.until
    with contextlib.closing(ledger.store()) as db:
        places = [place for (place,) in db.execute(query, (ledger.size, since, until, filters.kind or "*"))]
    for done, (place, leaf) in enumerate(ledger.leaves(places)):
        if progress is not None and not done % 256:
            progress(done, len(places))
        entry = read_entry(leaf)
        if filters.any or filters.fits(with_answer(ledger, entry)):
            yield Found(place, leaf, entry)


def moment(text: str) -> int:
    """Unix milliseconds of a day or time as people write it, UTC unless it says otherwise. Raises InvalidField."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidField(f"{text!r} is no day or time.", "Write it as 2026-11-01 or 2026-11-01T09:30.") from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    return int(found.timestamp() * 1000)
