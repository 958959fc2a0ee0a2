"""`freehold canary pause`: hold a canary at its share. It is still watched, and taken back when it must be."""

from pathlib import Path
from typing import Annotated

import typer


def pause(
    workload: Annotated[str, typer.Argument(help="The workload.")],
    data: Annotated[Path | None, typer.Option(help="The data folder.")] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Keeps the share as it is until `freehold canary resume`. What it shows meanwhile counts."""
    from freehold.cli.canary_store import change, print_changed

    canary = change(data, workload, "paused", "paused", allowed=("running",), why="")
    print_changed(canary, f"{canary.id} stays where it is; failures and harm still end it.", json=json)
