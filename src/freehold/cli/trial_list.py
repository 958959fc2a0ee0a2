"""`freehold trial list`: the trials of a data folder, each with its verdict."""

from pathlib import Path
from typing import Annotated

import typer


def list_trials(
    workload: Annotated[str | None, typer.Option(help="Those of this workload only.")] = None,
    data: Annotated[Path | None, typer.Option(help="The data folder.")] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Lists all trials, the oldest first: who was tried against whom, on how many items, and what came of it."""
    from freehold.cli.audit import print_json, print_table, when
    from freehold.config.paths import data_dir, environment
    from freehold.trials import plan as plans
    from freehold.trials.results import read_results

    folder = data_dir(data, environment())
    rows: list[dict[str, object]] = []
    for trial_id in plans.list_trials(folder):
        place = plans.TrialFolder(folder, trial_id)
        plan, _ = place.read_plan()
        if workload not in (None, plan.workload):
            continue
        ended = read_results(place.results)[0] if place.results.exists() else None
        state = "running or planned" if ended is None else "void" if ended.verdict.void else ended.verdict.outcome
        rows.append(
            {
                "trial": plan.id,
                "planned_at": plan.made_at,
                "workload": plan.workload,
                "candidate": plan.candidate.model,
                "incumbent": plan.incumbent.model,
                "items": len(plan.items),
                "verdict": state,
                "sentence": "" if ended is None else ended.verdict.sentence,
            }
        )
    rows.sort(key=lambda row: str(row["planned_at"]))
    if json:
        print_json(rows)
        return
    columns = ("trial", "planned (UTC)", "workload", "candidate", "incumbent", "items", "verdict")
    shown = (
        (row["trial"], when(int(str(row["planned_at"])))[:16], *(row[name] for name in columns[2:])) for row in rows
    )
    spare = ("items", "planned (UTC)", "workload", "incumbent")
    print_table(columns, shown, numbers=("items",), spare=spare)
