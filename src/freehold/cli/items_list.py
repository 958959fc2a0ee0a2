"""`freehold items list`: the items that were captured or imported, without opening any."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from freehold.cli.items import AsJson, Data, Labelled, Since, Split, Until, Workload

if TYPE_CHECKING:
    from freehold.store.items import ItemRow

COLUMNS = ("id", "at", "workload", "model", "split", "cluster", "seen", "tokens", "usd")
SUMMARY = ("workload", "split", "items", "requests", "labelled")


def list_items(
    workload: Workload = None,
    split: Split = None,
    since: Since = None,
    until: Until = None,
    labelled: Labelled = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 50,
    summary: Annotated[
        bool, typer.Option("--summary", help="How many there are by workload and split, instead of each.")
    ] = False,
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Lists items, the newest first. `seen` says for how many requests with the same input one stands."""
    import sys
    import time

    from freehold.cli.audit import print_json, print_table
    from freehold.cli.audit_filters import moment
    from freehold.cli.items import open_items, split_named
    from freehold.store import items as store

    with open_items(data) as opened:
        if summary:
            counts = [dict(zip(SUMMARY, row, strict=True)) for row in store.count_items(opened.db)]
            if json:
                print_json(counts)
            else:
                print_table(SUMMARY, (one.values() for one in counts), numbers=SUMMARY[2:])
            return
        rows = store.list_items(
            opened.db,
            workload=workload,
            split=split_named(split),
            since=None if since is None else moment(since),
            until=None if until is None else moment(until),
            labelled=labelled,
            now=time.time(),
            limit=limit + 1,
            newest_first=True,
        )
    if json:
        print_json({"items": [_told(row) for row in rows[:limit]], "more": len(rows) > limit})
        return
    spare = ("cluster", "usd", "tokens", "model", "split")
    print_table(COLUMNS, map(_row, rows[:limit]), numbers=("seen", "tokens", "usd"), spare=spare)
    if len(rows) > limit:
        print(f"These are the newest {limit}; --limit shows more.", file=sys.stderr)


def _told(row: "ItemRow") -> dict[str, Any]:
    import msgspec

    shown = msgspec.to_builtins(row)
    return {name: value for name, value in shown.items() if name not in ("content", "signature")}


def _row(row: "ItemRow") -> list[object]:
    from freehold.cli.audit import dollars, when

    tokens = f"{row.input_tokens}+{row.output_tokens}"
    return [
        *(row.id, when(row.at), row.workload, row.model, row.split or "-", row.cluster or "-", row.seen, tokens),
        dollars(row.cost_nano),
    ]
