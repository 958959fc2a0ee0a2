"""`freehold audit search`: entries of the ledger by time, workload, model, data subject, key, outcome and kind."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from freehold.cli.audit_filters import AsJson, Data, Key, Kind, Model, Outcome, Since, Subject, Until, Workload

if TYPE_CHECKING:
    from freehold.cli.audit_filters import Found

COLUMNS = ("place", "at", "kind", "id", "outcome", "workload", "model", "key", "tokens", "usd")


def search(
    since: Since = None,
    until: Until = None,
    workload: Workload = None,
    model: Model = None,
    subject: Subject = None,
    key_id: Key = None,
    outcome: Outcome = None,
    kind: Kind = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 50,
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Lists the entries that fit all that is given, the newest first. Times are UTC.

    A data subject is found through its pseudonym, which only this data folder can make; once erased, it is found no more."""
    import contextlib
    import sys
    from itertools import islice

    from freehold.cli.audit import Counting, open_ledger, print_json, print_table
    from freehold.cli.audit_filters import find, read_filters

    ledger = open_ledger(data)
    filters = read_filters(
        ledger,
        since=since,
        until=until,
        workload=workload,
        model=model,
        subject=subject,
        key_id=key_id,
        outcome=outcome,
        kind=kind,
    )
    with contextlib.closing(Counting("Searching")) as progress:
        found = list(islice(find(ledger, filters, newest_first=True, progress=progress), limit + 1))
    more = len(found) > limit
    if json:
        print_json({"entries": [_told(one) for one in found[:limit]], "more": more})
        return
    print_table(COLUMNS, map(_row, found[:limit]), numbers=("place", "tokens", "usd"))
    if more:
        print(f"These are the newest {limit}; --limit shows more.", file=sys.stderr)


def _told(found: "Found") -> dict[str, Any]:
    import msgspec

    return {"place": found.place, "entry": msgspec.Raw(found.leaf)}


def _row(found: "Found") -> list[object]:
    from freehold.cli.audit import dollars, when

    entry, body = found.entry, found.entry.body
    used: dict[str, Any] = body.get("usage", {})
    tokens = f"{used.get('input', 0)}+{used.get('output', 0)}" if used else ""
    cost = dollars(body["cost"]) if "cost" in body else ""
    key = body.get("caller", {}).get("key", "")
    names = (body.get(name, "") for name in ("outcome", "workload", "deployment"))
    return [found.place, when(entry.at), entry.kind, entry.id, *names, key, tokens, cost]
