"""`freehold train list`: the runs of a data folder."""

from pathlib import Path
from typing import Annotated

import typer


def list_trainings(
    data: Annotated[Path | None, typer.Option(help="The data folder.")] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Lists all runs, the oldest first: what is trained, how far it is, and the share of right answers on held-out items."""
    from freehold.cli.audit import print_json, print_table
    from freehold.config.paths import data_dir, environment
    from freehold.training.runs import list_runs, standing, tell_of_all

    folder = data_dir(data, environment())
    tell_of_all(folder)
    rows: list[dict[str, object]] = []
    for place in list_runs(folder):
        run, stands = place.run(), standing(place)
        step = 0 if stands.step is None else stands.step.step
        accuracy = stands.accuracy
        rows.append(
            {
                "run": run.id,
                "model": run.model,
                "stage": run.stage,
                "state": stands.state,
                "step": step,
                "right": None if accuracy is None else round(accuracy, 4),
            }
        )
    if json:
        print_json(rows)
        return
    columns = ("run", "model", "stage", "state", "step", "right")
    shown = (
        (*(row[name] for name in columns[:5]), "" if row["right"] is None else f"{row['right']:.1%}") for row in rows
    )
    print_table(columns, shown, numbers=("step", "right"), spare=("step", "stage"))
