"""What was used and what it cost, added up from the records.

It reads the hourly sums that the database keeps beside the records, so an answer takes the same time however many requests
there were, and stays right after old records are forgotten. Hours are UTC. It knows no currency but nano-dollars.
"""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from typing import Final, Literal

import msgspec
from msgspec import Struct

from freehold.errors import InvalidField
from freehold.store.database import transaction
from freehold.store.records import Record
from freehold.store.scopes import PERIODS, Kind, QuotaMeasure, budget_scope, period_start, quota_scope

By = Literal["day", "organisation", "project", "key", "workload", "deployment", "vendor"]

GROUPS: Final[dict[By, str]] = {
    "day": "date(hour, 'unixepoch')",
    "organisation": "organisation",
    "project": "project",
    "key": "key_id",
    "workload": "workload",
    "deployment": "deployment",
    "vendor": "substr(deployment, 1, instr(deployment, '/') - 1)",
}
"""What usage can be grouped by, and the column or expression behind it."""

HOUR: Final = 3600
_BATCH: Final = 5000
_SPENT_BY: Final[tuple[tuple[Kind, str, str], ...]] = (
    ("key", "key_id", "key_id != 'shadow'"),
    ("project", "project", "project != ''"),
    ("workload", "workload", "key_id != 'shadow'"),
    ("shadow", "workload", "key_id = 'shadow'"),
)
"""Each kind of budget: the column that names it, and which hours count. A copy for a candidate has `shadow` for its key."""

_USED: Final[tuple[tuple[QuotaMeasure, str], ...]] = (
    ("tokens", "sum(input_tokens + output_tokens)"),
    ("requests", "sum(requests - failed - refused)"),
    ("cost", "sum(cost_nano)"),
)
"""What each measure of a quota adds up."""


class UsageRow(Struct, frozen=True, kw_only=True):
    """One group: its names in the order of `by`, then its sums. `estimated` counts the requests whose tokens we counted
    because the vendor did not report them. The cost of a hedge counts with the deployment that answered."""

    group: tuple[str, ...]
    requests: int
    failed: int
    refused: int
    estimated: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_5m_tokens: int
    cache_write_1h_tokens: int
    reasoning_tokens: int
    audio_input_tokens: int
    audio_output_tokens: int
    searches: int
    cost_nano: int


def usage(db: sqlite3.Connection, since: float, until: float, by: tuple[By, ...] = ("day",)) -> list[UsageRow]:
    """The usage of all requests that ended from the hour of `since` to the hour of `until`, both hours whole.

    Times are Unix seconds. One row for each combination of `by`, in that order; with no `by` one row for everything.
    Raises InvalidField for a group that does not exist.
    """
    unknown = [name for name in by if name not in GROUPS]
    if unknown:
        raise InvalidField(
            f"Usage cannot be grouped by {unknown[0]!r}.", f"Choose from {', '.join(GROUPS)}.", param="by"
        )
    groups = [GROUPS[name] for name in by]
    sums = [f"coalesce(sum({field}), 0)" for field in UsageRow.__struct_fields__[1:]]
    # Only our own expressions are put together here; the times are parameters.
    query = f"SELECT {', '.join([*groups, *sums])} FROM usage_hours WHERE hour >= ? AND hour < ?"  # noqa: S608
    if groups:
        places = ", ".join(str(place) for place in range(1, len(groups) + 1))
        query += f" GROUP BY {places} ORDER BY {places}"
    rows = db.execute(query, (int(since) // HOUR * HOUR, until))
    count = len(groups)
    return [
        UsageRow(group=row[:count], **dict(zip(UsageRow.__struct_fields__[1:], row[count:], strict=True)))
        for row in rows
    ]


def spent_by_scope(
    db: sqlite3.Connection,
    now: float,
    quotas: Collection[tuple[str, str]] = (),
    keys: Collection[str] | None = None,
) -> dict[str, int]:
    """What every key, project, workload and workload's shadow has spent in the UTC day and month around `now`, by scope, and
    what was used of `quotas`, each a project and a model. With `keys`, of these keys alone, by their ids.

    In nano-dollars, quotas in their measures; what was swept counts as spent. This is what `Counters.rebuild` takes.
    """
    spent: dict[str, int] = {}
    for per in PERIODS:
        start = period_start(per, now)
        for kind, column, which in _SPENT_BY:
            counts = f"hour >= ? AND {column} != '' AND {which}"
            rows = db.execute(
                f"SELECT {column}, sum(cost_nano) FROM usage_hours WHERE {counts} GROUP BY 1",  # noqa: S608 (ours)
                (start,),
            )
            for name, nano in rows:
                if kind != "key" or keys is None or name in keys:
                    spent[budget_scope(kind, name, per)] = nano
        for project, model in quotas:
            sums = ", ".join(f"coalesce({added}, 0)" for _, added in _USED)
            used = db.execute(
                f"SELECT {sums} FROM usage_hours WHERE hour >= ? AND project = ? AND deployment = ? AND key_id != 'shadow'",  # noqa: S608 (ours)
                (start, project, model),
            ).fetchone()
            for (measure, _), amount in zip(_USED, used, strict=True):
                spent[quota_scope(measure, project, model, per)] = amount
        # A name that the counters had no room for has lost its period; only they know what it has spent.
        rows = db.execute(
            "SELECT scope, sum(nano) FROM swept WHERE at >= ? AND scope LIKE ? GROUP BY 1", (start, f"%:{per}")
        )
        for scope, nano in rows:
            spent[scope] = spent.get(scope, 0) + nano
    return spent


def keep_swept(db: sqlite3.Connection, swept: Mapping[str, int], now: float) -> None:
    """Writes down what `Counters.sweep` gave, so that it counts as spent even when the counters are lost."""
    if swept:
        with transaction(db):
            db.executemany("INSERT INTO swept VALUES (?, ?, ?)", [(now, scope, nano) for scope, nano in swept.items()])


def find_record(db: sqlite3.Connection, record_id: str) -> Record | None:
    """The whole record with that id, None when there is none (or none any more)."""
    row = db.execute("SELECT body FROM records WHERE id = ?", (record_id,)).fetchone()
    return None if row is None else msgspec.json.decode(row[0], type=Record)


def find_costs(db: sqlite3.Connection, record_ids: Sequence[str]) -> dict[str, int | None]:
    """What these answers cost in nano-dollars, by the ids of their records; None where no price was known. Those that are not
    stored, or not any more, are left out."""
    rows = db.execute(
        "SELECT id, cost_nano, json_extract(body, '$.price') IS NOT NULL FROM records"
        " WHERE id IN (SELECT value FROM json_each(?))",
        (msgspec.json.encode(record_ids).decode(),),
    )
    return {record_id: nano if priced else None for record_id, nano, priced in rows}


def forget_records(db: sqlite3.Connection, before: float) -> int:
    """Deletes the records of requests that ended before `before`; their sums stay. Gives how many it deleted."""
    deleted = 0
    while True:
        # In batches, so that the drain never waits long for its turn to write.
        gone = db.execute(
            "DELETE FROM records WHERE id IN (SELECT id FROM records WHERE ended_at < ? LIMIT ?)", (before, _BATCH)
        ).rowcount
        deleted += gone
        if gone < _BATCH:
            return deleted
