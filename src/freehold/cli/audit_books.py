"""The books of a data folder against its log: the store's table of entries, and the sums that `freehold usage` shows.

The log is what is proven; the store is what searches and bills are made from. So a bill that differs from the entries is
found here, and named. Nothing of it can be checked by somebody who has only the log.
"""

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

from msgspec import Struct

from freehold.cli.audit import OpenLedger, counted
from freehold.cli.audit_policy import POLICY
from freehold.cli.audit_report import Failure, Report, Step
from freehold.errors import MalformedEntry
from freehold.gateway.entries import ANSWER
from freehold.ledger.entry import Entry, read_entry
from freehold.store.events import count_set_aside, find_waiting

SETTLE_SECONDS = 5.0
"""How long the published checkpoint may lag behind the store while the ledger's writer runs."""

COUNTED: Final = {
    "input_tokens": "input",
    "output_tokens": "output",
    "cache_read_tokens": "cache_read",
    "cache_write_5m_tokens": "cache_write_5m",
    "cache_write_1h_tokens": "cache_write_1h",
    "reasoning_tokens": "reasoning",
    "audio_input_tokens": "audio_input",
    "audio_output_tokens": "audio_output",
    "searches": "searches",
}
"""What the store counts, and what an entry's `usage` calls it."""

SUMMED: Final = ("requests", "failed", "refused", "estimated", *COUNTED, "cost_nano")

_UNLOGGED: Final = (
    "FROM records WHERE NOT EXISTS (SELECT 1 FROM entries WHERE entries.id = records.id AND entries.kind = 'answer')"
)


class Snapshot(Struct, frozen=True):
    """What the store says at one moment: how many entries it has committed, and the sums of all usage. `unlogged` are the
    sums of records without an entry."""

    size: int
    usage: dict[str, int]
    unlogged: dict[str, int]


def open_settled(opened: Callable[[], OpenLedger], db: sqlite3.Connection) -> tuple[OpenLedger, Snapshot | None]:
    """The log and the store at one size: a running writer commits first and publishes a moment later. When they never meet,
    they are given as they are; None where the store knows of no ledger."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        db.execute("BEGIN")  # one moment of the store for all that is read; nobody who writes waits for it
        try:
            head = db.execute("SELECT size FROM ledger_head").fetchone()
            ledger = opened()
            if head is None or head[0] == ledger.size or time.monotonic() > deadline:
                return ledger, None if head is None else _snapshot(db, int(head[0]))
        finally:
            db.execute("COMMIT")
        time.sleep(0.05)


def sizes_differ(ledger: OpenLedger, snapshot: Snapshot | None) -> Failure | None:
    """Whether the log has fewer or more entries than the store committed with it."""
    if snapshot is None:
        return Failure("store-differs", "The store knows of no ledger, and there is one.", "Restore freehold.db.", 8)
    if snapshot.size > ledger.size:
        return Failure(
            "rolled-back",
            f"The store has committed {snapshot.size:,} entries, and the log's checkpoint signs {ledger.size:,}.",
            "If Freehold was killed a moment ago, start it once: it publishes what it committed. Otherwise the log was put "
            "back to an earlier state.",
            2,
        )
    if snapshot.size < ledger.size:
        return Failure(
            "store-differs",
            f"The log's checkpoint signs {ledger.size:,} entries, and the store knows {snapshot.size:,}.",
            "The store is older than the log. Do not start Freehold on it before it is restored: it would write over them.",
            8,
        )
    return None


def check_books(
    ledger: OpenLedger,
    db: sqlite3.Connection,
    snapshot: Snapshot,
    report: Report,
    progress: Callable[[int, int], None],
) -> None:
    """Steps 8 and 9, added to the report of a log that verified."""
    sums = dict.fromkeys(SUMMED, 0)
    under: Counter[str] = Counter()
    rows = db.execute("SELECT place, id, kind, at FROM entries WHERE place < ? ORDER BY place", (ledger.size,))
    try:
        for entry, stored in _side_by_side(ledger, rows, progress):
            if stored is None or (entry.id, entry.kind, entry.at) != stored[1:]:
                place = ledger.size - 1 if stored is None else stored[0]
                report.failure = Failure(
                    "store-differs",
                    f"The store and the log differ on entry {place}, which is {entry.kind} {entry.id} in the log.",
                    "The log is as it was signed; mend the store from a backup, and find out who changed it.",
                    8,
                )
                return
            _add(sums, entry)
            if entry.kind == ANSWER:
                under[entry.body.get("policy", "")] += 1
    except MalformedEntry as error:
        report.failure = Failure(error.code, error.sentence, error.advice, 8)
        return
    report.steps.append(Step(8, "the store's entries against the log", f"{ledger.size:,}, the same"))
    _tell_of_unannounced(ledger, db, under, report)
    _tell_of_set_aside(db, report)
    _compare_usage(sums, snapshot, report)


def _tell_of_unannounced(ledger: OpenLedger, db: sqlite3.Connection, under: Counter[str], report: Report) -> None:
    """Answers under a configuration of which no entry says that it came into force: under what rules they were given, nobody was told."""
    silent = [policy for policy in under if policy and not _is_announced(ledger, db, policy)]
    if silent:
        report.unproven.insert(
            0,
            f"Under which rules {counted(sum(under[policy] for policy in silent), 'answer')} came about: no entry announces "
            f"{counted(len(silent), 'configuration')}, the first {silent[0][:12]}…",
        )


def _is_announced(ledger: OpenLedger, db: sqlite3.Connection, policy: str) -> bool:
    """Looked for among what waits first: what the ledger's writer takes meanwhile is then found in the ledger."""
    return find_waiting(db, POLICY, policy) is not None or any(place.kind == POLICY for place in ledger.places(policy))


def _tell_of_set_aside(db: sqlite3.Connection, report: Report) -> None:
    """What was to be an entry and could not be one: it is kept, and nothing proves it."""
    events, lines = count_set_aside(db)
    if events:
        report.unproven.append(
            f"{counted(events, 'event')} that no entry could hold, set aside in the table unwritten_events of freehold.db."
        )
    if lines:
        report.unproven.append(
            f"{counted(lines, 'line')} of journals that could not be read, set aside in the table unreadable_lines of freehold.db."
        )


def _compare_usage(sums: dict[str, int], snapshot: Snapshot, report: Report) -> None:
    """Step 9."""
    differing = [name for name in SUMMED if sums[name] + snapshot.unlogged[name] != snapshot.usage[name]]
    if differing:
        name = differing[0]
        report.failure = Failure(
            "usage-differs",
            f"`freehold usage` counts {snapshot.usage[name]:,} {_named(name)}, and the entries of the ledger "
            f"{sums[name] + snapshot.unlogged[name]:,}"
            + (f"; so do {len(differing) - 1} more sums." if len(differing) > 1 else "."),
            "Bill by the entries: they are as signed. The sums stand in freehold.db and can be changed by who can write it.",
            9,
        )
        return
    found = f"{counted(sums['requests'], 'request')}, {sums['cost_nano']:,} nano-dollars, the same"
    report.steps.append(Step(9, "the sums of `freehold usage` against the entries", found))
    report.proven.append("What `freehold usage` adds up is what the entries say.")
    if snapshot.unlogged["requests"]:
        report.unproven.append(
            f"{counted(snapshot.unlogged['requests'], 'request')} ({snapshot.unlogged['cost_nano']:,} nano-dollars) counted "
            "while the ledger was off: without an entry, nothing proves them."
        )


def _side_by_side(
    ledger: OpenLedger, rows: sqlite3.Cursor, progress: Callable[[int, int], None]
) -> Iterator[tuple[Entry, tuple[Any, ...] | None]]:
    """Each entry of the log with the row at its turn; None where the rows end before the log."""
    for place, leaf in ledger.leaves(range(ledger.size)):
        if not place % 256:
            progress(place, ledger.size)
        row = rows.fetchone()
        # A row that is missing moves the later ones up; the place says so.
        yield read_entry(leaf), row if row is None or row[0] == place else (place, None, None, None)


def _add(sums: dict[str, int], entry: Entry) -> None:
    if entry.kind != ANSWER:
        return
    body = entry.body
    used: dict[str, Any] = body.get("usage", {})
    sums["requests"] += 1
    sums["failed"] += body.get("outcome") == "failed"
    sums["refused"] += body.get("outcome") == "refused"
    sums["estimated"] += used.get("estimated", False)
    sums["cost_nano"] += body.get("cost", 0)
    for name, ours in COUNTED.items():
        sums[name] += used.get(ours, 0)


def _snapshot(db: sqlite3.Connection, size: int) -> Snapshot:
    usage = [f"coalesce(sum({name}), 0)" for name in SUMMED]
    records = ["count(*)", "coalesce(sum(status = 'failed'), 0)", "coalesce(sum(status = 'refused'), 0)"]
    records += [f"coalesce(sum({name}), 0)" for name in ("estimated", *COUNTED, "cost_nano")]
    return Snapshot(size, _sums(db, usage, "FROM usage_hours"), _sums(db, records, _UNLOGGED))


def _sums(db: sqlite3.Connection, columns: list[str], source: str) -> dict[str, int]:
    # Only our own column names are put together here.
    row = db.execute(f"SELECT {', '.join(columns)} {source}").fetchone()
    return dict(zip(SUMMED, map(int, row), strict=True))


def _named(name: str) -> str:
    return {"cost_nano": "nano-dollars"}.get(name, name.replace("_", " "))
