"""An invoice for a month: its lines, its total and its number, as people, spreadsheets and machines read it.

The same records give the same bytes: nothing in it says when it was made, and its number is made from its content. Sums are whole
nano-dollars; dollars and cents are rounded once, in the total, half to even.
"""

import contextlib
import csv
import hashlib
import io
import time
from collections.abc import Callable, Iterable
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

import msgspec

from freehold.cli.audit import OpenLedger, dollars
from freehold.cli.audit_books import COUNTED as NAMES
from freehold.cli.usage_project import require_known
from freehold.errors import MalformedEntry, StoreError
from freehold.gateway.entries import ANSWER
from freehold.ledger.entry import read_entry
from freehold.store.database import open_database
from freehold.store.folder import JOURNAL
from freehold.store.invoices import COUNTED, SHADOW_KEY, Line, Use, bill, count_journaled, lines_of, month_bounds

ROUNDING = "Lines are exact to a nano-dollar; the total is rounded once, half to even, to cents."
CENT = Decimal("0.01")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How what a spreadsheet computes begins. A project may be called so."""


def invoice(
    data: Path,
    month: str,
    project: str | None,
    *,
    check: bool,
    now: float | None = None,
    configured: Callable[[], Iterable[str]] = tuple,
) -> dict[str, Any]:
    """The invoice as JSON values. `provisional` says that its month is not over, or that records of it are still on their way. With `check` every line is held against the entries of the
    ledger. `configured` gives the projects of the configuration, and is asked only for one without a line. Raises InvalidField, NotFound, StoreError."""
    since, until = month_bounds(month)
    with contextlib.closing(open_database(data)) as db:
        late = count_journaled(db, data / JOURNAL, since, until, project)
        lines = bill(db, since, until, project)
        if project is not None and not lines and not late:
            require_known(db, project, configured())
    if check:
        _check(OpenLedger(data), since, until, project, lines)
    total = sum(line.cost_nano for line in lines)
    content: dict[str, Any] = {
        "month": month,
        "project": project,
        "currency": "USD",
        "lines": [{**msgspec.to_builtins(line), "rates": dict(line.rates)} for line in lines],
        "requests": sum(line.requests for line in lines),
        "total_nano": total,
        "total": str((Decimal(total) / 10**9).quantize(CENT, ROUND_HALF_EVEN)),
        "rounding": ROUNDING,
        "provisional": late > 0 or (time.time() if now is None else now) < until,
    }
    digest = hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()
    return {"number": f"{month}-{digest[:12]}", **content}


def as_csv(found: dict[str, Any]) -> str:
    """One row for each line, and one for the total."""
    columns = ["invoice", "project", "model", "first_day", "last_day", "rates", "source", "requests", *COUNTED, "usd"]
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n", restval="")
    writer.writeheader()
    for line in found["lines"]:
        rates = " ".join(f"{name}={rate}" for name, rate in line["rates"].items())
        row = {**line, "invoice": found["number"], "rates": rates, "usd": dollars(line["cost_nano"])}
        writer.writerow({name: cell(value) for name, value in row.items()})
    total = {"cost_nano": found["total_nano"], "requests": found["requests"], "usd": found["total"]}
    writer.writerow({"invoice": found["number"], "project": "total", **total})
    return out.getvalue()


def cell(value: object) -> object:
    """A value for a spreadsheet. Text that it would take for a formula gets an apostrophe before it (OWASP, "CSV Injection")."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def rows(found: dict[str, Any]) -> list[tuple[object, ...]]:
    """The lines for a table: project, model, days, price per million tokens, requests, tokens, dollars."""
    return [
        (
            line["project"],
            line["model"],
            f"{line['first_day']} to {line['last_day']}",
            ", ".join(f"{name} ${dollars(rate)}" for name, rate in line["rates"].items()) or "none",
            f"{line['requests']:,}",
            f"{line['input_tokens']:,}",
            f"{line['output_tokens']:,}",
            dollars(line["cost_nano"]),
        )
        for line in found["lines"]
    ]


def _check(ledger: OpenLedger, since: int, until: int, project: str | None, lines: list[Line]) -> None:
    """Raises StoreError when the entries of the ledger do not give these very lines."""
    proven = lines_of(_uses(ledger, since, until, project))
    if proven == lines:
        return
    differing = sorted({(line.project, line.model) for line in set(proven) ^ set(lines)})
    told = ", ".join(f"{model} of {owner or 'no project'}" for owner, model in differing[:5])
    raise StoreError(
        f"The entries of the ledger do not give this invoice: {told} differ. The records say {_sum(lines):,} nano-dollars, and the "
        f"entries {_sum(proven):,}.",
        "`freehold audit verify` says what was changed. Requests that were answered while the ledger was off have no entry.",
    )


def _uses(ledger: OpenLedger, since: int, until: int, project: str | None) -> list[Use]:
    found: list[Use] = []
    for place in range(ledger.size):
        try:
            entry = read_entry(ledger.leaf(place))
        except MalformedEntry:
            continue
        caller: dict[str, str] = entry.body.get("caller", {})
        owner, model = caller.get("project", ""), str(entry.body.get("deployment", ""))
        if entry.kind != ANSWER or not since * 1000 <= entry.at < until * 1000 or not model:
            continue
        if caller.get("key") == SHADOW_KEY or project not in (None, owner):
            continue
        price: dict[str, Any] = entry.body.get("price") or {}
        day = time.strftime("%Y-%m-%d", time.gmtime(entry.at // 1000))
        usage: dict[str, int] = entry.body.get("usage", {})
        counts = [usage.get(NAMES[name], 0) for name in COUNTED if name in NAMES]
        found.append(
            Use(
                project=owner, model=model, rates=price.get("rates", {}), source=price.get("source", ""),
                first_day=day, last_day=day, requests=1, counts=(*counts, entry.body.get("cost", 0)),
            )
        )  # fmt: skip
    return found


def _sum(lines: list[Line]) -> int:
    return sum(line.cost_nano for line in lines)
