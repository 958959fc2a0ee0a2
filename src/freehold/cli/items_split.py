"""`freehold items split`: deals a workload's items into train, trial and holdout, clusters whole."""

from typing import Annotated

import typer

from freehold.cli.items import AsJson, Data

LARGE = 0.2
"""The share of a workload's items in one cluster from which on it is worth a word."""

NAMES = ("train", "trial", "holdout")


def split(
    workload: Annotated[str, typer.Argument(help="The workload whose items are dealt.")],
    shares: Annotated[
        str, typer.Option(help="The shares of train, trial and holdout; they add up to 1.")
    ] = "0.5,0.4,0.1",
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Deals what is not dealt yet; what was dealt stays where it is. Items of one conversation, and items whose questions are
    nearly the same, go together. One that would tie two splits together is a `bridge`, and takes part in neither."""
    import contextlib
    import sys
    from collections import Counter

    from freehold.cli.audit import Counting, print_json, print_table
    from freehold.cli.items import open_items
    from freehold.store.items import list_items

    wanted = _shares(shares)
    with open_items(data) as opened, contextlib.closing(Counting("Comparing")) as progress:
        counts = opened.items.deal(workload, wanted, progress)
        clusters = Counter(
            row.cluster for row in list_items(opened.db, workload=workload) if row.split not in ("", "bridge")
        )
    total = sum(clusters.values())
    largest = max(clusters.values(), default=0)
    if json:
        print_json({"workload": workload, "splits": counts, "clusters": len(clusters), "largest_cluster": largest})
    else:
        print_table(
            ("split", "items"), ((name or "not dealt", count) for name, count in counts.items()), numbers=("items",)
        )
        print(f"{len(clusters):,} clusters of {total:,} items; the largest has {largest:,}.")
    if not counts:
        print(f"There are no items of {workload}. `freehold items list --summary` says what there is.", file=sys.stderr)
    if largest > max(2, LARGE * total):
        print(
            f"One cluster holds {largest / total:.0%} of the items: they hardly differ, or come from one conversation. "
            "They count as little more than one.",
            file=sys.stderr,
        )


def _shares(text: str) -> dict[str, float]:
    from freehold.errors import InvalidField

    try:
        parts = [float(part) for part in text.split(",")]
    except ValueError:
        parts = []
    if len(parts) != len(NAMES) or min(parts) < 0 or not abs(sum(parts) - 1) <= 1e-9:
        raise InvalidField(
            f"{text!r} are no shares.", "Write three that add up to 1, such as 0.5,0.4,0.1.", param="shares"
        )
    return dict(zip(NAMES, parts, strict=True))
