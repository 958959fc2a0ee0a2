"""`freehold canary abort`: end a canary, or take a promotion back, at once."""

from pathlib import Path
from typing import Annotated

import typer


def abort(
    workload: Annotated[str, typer.Argument(help="The workload.")],
    reason: Annotated[str, typer.Option(help="Why; it stands in the ledger.")] = "ended by hand",
    data: Annotated[Path | None, typer.Option(help="The data folder.")] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Ends the canary of a workload. The route serves all of it again from the next request on."""
    from freehold.cli.canary_store import change, print_changed

    canary = change(data, workload, "aborted", "aborted", allowed=("running", "paused", "promoted"), why=reason)
    print_changed(canary, f"{canary.id} is ended; {canary.candidate} gets nothing of {workload} any more.", json=json)
