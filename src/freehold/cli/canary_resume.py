"""`freehold canary resume`: let a paused canary advance again."""

from pathlib import Path
from typing import Annotated

import typer


def resume(
    workload: Annotated[str, typer.Argument(help="The workload.")],
    data: Annotated[Path | None, typer.Option(help="The data folder.")] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Goes on with a paused canary, with everything that it has shown until now."""
    from freehold.cli.canary_store import change, print_changed

    canary = change(data, workload, "resumed", "running", allowed=("paused",), why="")
    print_changed(canary, f"{canary.id} goes on.", json=json)
