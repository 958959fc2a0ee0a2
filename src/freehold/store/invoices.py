"""What a project used in a month, as lines of a bill: by project, model and price. Integer nano-dollars.

It reads the records, each of which holds the price that it was counted with, so a price that changed in the middle of the month makes two lines.
What the door sent to a candidate beside a caller's request (a shadow) is nobody's to pay, and is told apart. It knows neither a form nor a
currency but dollars; rounding is for whoever writes the total.
"""

import sqlite3
from collections.abc import Iterable
from datetime import MAXYEAR, UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from freehold.errors import InvalidField, StoreError
from freehold.store.journal import EVENT_LINE

SHADOW_KEY: Final = "shadow"

COUNTED: Final = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
    "audio_input_tokens",
    "audio_output_tokens",
    "searches",
    "cost_nano",
)

ENDED_ON: Final = "date(CAST(ended_at AS INTEGER), 'unixepoch')"
"""The day of a record in SQL. Of a fraction of a second `date` takes the nearest millisecond, which after half of the last one is the next day's."""


class Use(Struct, frozen=True, kw_only=True):
    """One record as a bill sees it. `rates` are nano-dollars per million tokens by kind of token, `day` is UTC."""

    project: str
    model: str
    rates: dict[str, int]
    source: str
    first_day: str
    last_day: str
    requests: int
    counts: tuple[int, ...]
    """In the order of `COUNTED`."""


class Line(Struct, frozen=True, kw_only=True, order=True):
    """One line: all requests of a project to a model at one price. `rates` are pairs of a kind of token and its nano-dollars per million
    (none: no price was known, or no answer came, and what its attempts may be billed for was counted alone); `source` says whose price it is."""

    project: str
    model: str
    first_day: str
    last_day: str
    rates: tuple[tuple[str, int], ...]
    source: str
    requests: int
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


class _Journaled(Struct, frozen=True):
    """Of a record in the journal, what says whether it belongs on a bill."""

    ended_at: float
    project: str = ""
    key_id: str = ""
    deployment: str = ""


def month_bounds(month: str) -> tuple[int, int]:
    """The Unix seconds at which a month such as `2026-11` begins and ends, UTC. Raises InvalidField."""
    try:
        begin = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    except ValueError:
        raise InvalidField(f"{month!r} is not a month.", "Write it as 2026-11.", param="month") from None
    if begin.strftime("%Y-%m") != month:
        raise InvalidField(f"{month!r} is not a month.", "Write it as 2026-11.", param="month")
    year, number = divmod(begin.year * 12 + begin.month, 12)
    if year > MAXYEAR:
        raise InvalidField(f"{month!r} is not a month that ends.", "Write it as 2026-11.", param="month")
    return int(begin.timestamp()), int(datetime(year, number + 1, 1, tzinfo=UTC).timestamp())


def count_journaled(db: sqlite3.Connection, folder: Path, since: int, until: int, project: str | None = None) -> int:
    """How many records of that time stand in the journal in `folder` and are not stored yet: a bill that is made now lacks them. To be asked before
    the bill is made, since what is stored meanwhile is on it."""
    decode = msgspec.json.Decoder(_Journaled).decode
    found = 0
    for path in sorted(folder.glob("w*.log")):
        row = db.execute("SELECT stored FROM segments WHERE name = ?", (path.name,)).fetchone()
        try:
            with path.open("rb") as segment:
                segment.seek(0 if row is None else row[0])
                lines = [line for line in segment if line.endswith(b"\n") and not line.startswith(EVENT_LINE)]
        except FileNotFoundError:  # stored and deleted since it was listed
            continue
        for line in lines:
            try:
                one = decode(line.partition(b"\t")[0])
            except (msgspec.MsgspecError, UnicodeDecodeError):  # the drain sets it aside
                continue
            is_billed = one.key_id != SHADOW_KEY and one.deployment != "" and project in (None, one.project)
            found += is_billed and since <= one.ended_at < until
    return found


def bill(db: sqlite3.Connection, since: int, until: int, project: str | None = None) -> list[Line]:
    """The lines of all requests that ended from `since` on and before `until` (Unix seconds, whole hours), sorted.

    Raises StoreError when records of that time have been forgotten: their sums are known then, and their prices are not."""
    named = "" if project is None else "AND project = :project"
    sums = ", ".join(f"sum({name})" for name in COUNTED)
    rows = db.execute(
        "SELECT project, deployment, json_extract(body, '$.price.rates'), coalesce(json_extract(body, '$.price.source'), ''), "  # noqa: S608 (ours)
        f"min({ENDED_ON}), max({ENDED_ON}), count(*), {sums} FROM records "
        f"WHERE ended_at >= :since AND ended_at < :until AND key_id != '{SHADOW_KEY}' AND deployment != '' {named} "
        "GROUP BY 1, 2, 3, 4",
        {"since": since, "until": until, "project": project},
    )
    lines = lines_of(
        Use(
            project=row[0], model=row[1], rates={} if row[2] is None else msgspec.json.decode(row[2]), source=row[3],
            first_day=row[4], last_day=row[5], requests=row[6], counts=tuple(row[7:]),
        )
        for row in rows
    )  # fmt: skip
    _require_all(db, since, until, project, lines)
    return lines


def known_projects(db: sqlite3.Connection) -> set[str]:
    """The projects that have a key, or that ever used anything."""
    return {name for (name,) in db.execute("SELECT name FROM projects UNION SELECT project FROM usage_hours")}


def lines_of(uses: Iterable[Use]) -> list[Line]:
    """Uses added up by project, model, price and its source."""
    found: dict[tuple[str, str, tuple[tuple[str, int], ...], str], Use] = {}
    for use in uses:
        key = (use.project, use.model, tuple(sorted(use.rates.items())), use.source)
        before = found.get(key)
        if before is not None:
            use = msgspec.structs.replace(
                use,
                first_day=min(before.first_day, use.first_day),
                last_day=max(before.last_day, use.last_day),
                requests=before.requests + use.requests,
                counts=tuple(a + b for a, b in zip(before.counts, use.counts, strict=True)),
            )
        found[key] = use
    return sorted(
        Line(
            project=project, model=model, first_day=use.first_day, last_day=use.last_day, rates=rates, source=source,
            requests=use.requests, **dict(zip(COUNTED, use.counts, strict=True)),
        )
        for (project, model, rates, source), use in found.items()
    )  # fmt: skip


def _require_all(db: sqlite3.Connection, since: int, until: int, project: str | None, lines: list[Line]) -> None:
    named = "" if project is None else "AND project = :project"
    (requests, cost) = db.execute(
        "SELECT coalesce(sum(requests), 0), coalesce(sum(cost_nano), 0) FROM usage_hours "  # noqa: S608 (ours)
        f"WHERE hour >= :since AND hour < :until AND key_id != '{SHADOW_KEY}' AND deployment != '' {named}",
        {"since": since, "until": until, "project": project},
    ).fetchone()
    billed = (sum(line.requests for line in lines), sum(line.cost_nano for line in lines))
    if (requests, cost) != billed:
        raise StoreError(
            f"The records of this month add up to {billed[0]:,} requests and {billed[1]:,} nano-dollars, and its usage to "
            f"{requests:,} and {cost:,}: records have been forgotten, or the store was changed.",
            "`freehold audit verify` says which. The entries of the ledger are as signed: `freehold audit search --json` lists them.",
        )
