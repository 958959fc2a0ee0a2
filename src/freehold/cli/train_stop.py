"""`freehold train stop`: ends a run with a checkpoint, from which it can go on."""

from pathlib import Path
from typing import Annotated

import typer


def stop(
    run: Annotated[str | None, typer.Argument(help="The run's id, or its beginning; default: the newest one.")] = None,
    data: Annotated[Path | None, typer.Option(help="The data folder.")] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Asks the process that trains to finish its step, keep a checkpoint and end. `freehold train run ID` goes on."""
    from freehold.cli.audit import print_json
    from freehold.config.paths import data_dir, environment
    from freehold.errors import ConfigError
    from freehold.training.runs import find_run, stop_run

    place = find_run(data_dir(data, environment()), run)
    if not stop_run(place):
        raise ConfigError(f"The run {place.path.name} does not go on now.", "List the runs: `freehold train list`.")
    if json:
        print_json({"run": place.path.name, "state": "stopping"})
        return
    print(f"{place.path.name} ends after this step; go on with: freehold train run {place.path.name}")
