"""`freehold items export`: items into a file, with the words that are sealed here."""

from pathlib import Path
from typing import Annotated

import typer

from freehold.cli.items import AsJson, Data, Labelled, Since, Split, Until, Workload


def export(
    file: Annotated[Path, typer.Argument(help="A new file; its ending says its form.")],
    workload: Workload = None,
    split: Split = None,
    since: Since = None,
    until: Until = None,
    labelled: Labelled = None,
    form: Annotated[str | None, typer.Option(help="jsonl, csv or parquet, where the name does not say it.")] = None,
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Writes items to a file, for nobody else to read. Data subjects stand there as pseudonyms; an erasure here does not reach
    the file."""
    from freehold.cli.audit import counted, print_json
    from freehold.cli.audit_filters import moment
    from freehold.cli.items import form_of, noted, open_items, split_named
    from freehold.trials.exporting import export as write

    kind = form_of(file, form)
    with open_items(data) as opened:
        chosen = opened.items.each(
            workload=workload,
            split=split_named(split),
            since=None if since is None else moment(since),
            until=None if until is None else moment(until),
            labelled=labelled,
        )
        count = write(file, kind, noted(opened, chosen, "items export"))
    if json:
        print_json({"exported": count, "file": str(file), "form": kind})
    else:
        print(f"Exported {counted(count, 'item')} to {file}.")
