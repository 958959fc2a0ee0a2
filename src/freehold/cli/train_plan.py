"""`freehold train plan`: what a recipe will take, before it takes it."""

from pathlib import Path
from typing import Annotated

import typer

from freehold.cli.people import Config
from freehold.cli.train_run import Ray, Terms


def plan(
    recipe: Annotated[Path, typer.Argument(help="The recipe, a file of TOML.")],
    measure: Annotated[
        bool, typer.Option("--measure/--no-measure", help="Measure a step here, for minutes and cost.")
    ] = True,
    usd_per_hour: Annotated[float, typer.Option(min=0, help="What an hour of the machine costs.")] = 0.0,
    terms: Terms = None,
    ray: Ray = None,
    config: Config = None,
    data: Annotated[Path | None, typer.Option(help="The data folder.")] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Says weights, arithmetic, memory, minutes and cost of a run, and whether the terms of its rows permit it. Nothing is trained.

    Ends with 1 when they do not."""
    import tempfile

    import msgspec

    from freehold.catalog import terms as catalog
    from freehold.catalog.weights import FETCHED
    from freehold.cli.audit import print_json
    from freehold.cli.overrides import overrides_in
    from freehold.config.paths import data_dir, environment
    from freehold.store.folder import make_private
    from freehold.training.chain import resolved
    from freehold.training.cluster import executor_of
    from freehold.training.executor import require_libraries
    from freehold.training.plan import is_here, make_plan
    from freehold.training.recipe import REWARDED, require_problems, write_recipe
    from freehold.training.tasks.task import WORKLOAD

    environ = environment()
    place = data_dir(data, environ)
    read = resolved(recipe, place)
    require_problems(read)
    chosen_later = read.stage in REWARDED and any(one.task == WORKLOAD for one in read.mix)
    measures = measure and is_here(read) and not chosen_later
    if measures:
        require_libraries()
    measured = None
    if measures:
        # In the data folder, which a cluster shares.
        with tempfile.TemporaryDirectory(prefix="plan-", dir=make_private(place)) as folder:
            written = Path(folder) / "recipe.json"
            written.write_bytes(write_recipe(read))
            measured = executor_of(ray, environ).calibrate(written)
    known = catalog.Terms.load(*catalog.further(terms))
    made = make_plan(read, known, measured, usd_per_hour, overrides_in(place, config))
    if json:
        print_json(msgspec.to_builtins(made))
    else:
        print(f"{made.model}: {made.stage}, {made.steps:,} steps, {made.tokens:,} tokens at most")
        if made.parameters is not None and made.flops is not None and made.memory is not None:
            print(
                f"  {made.parameters:,} weights, {made.flops:.2e} operations, {_mib(made.memory)} for the model and a step"
                f"{' in each process' if read.learning.processes > 1 else ''}",
                end="",
            )
            print(f" ({_mib(made.memory_measured)} measured for the whole process)" if made.memory_measured else "")
        if measure and chosen_later:
            print("  minutes and cost cannot be measured: the workload's items are chosen when the run begins")
        elif measure and not measures:
            advice = f"; `freehold models fetch {read.start}` brings it" if read.start in FETCHED else ""
            print(f"  minutes and cost cannot be measured: {read.start}, from which it starts, is not here{advice}")
        if made.minutes is not None:
            cost = f", ${made.usd:.2f}" if usd_per_hour else ""
            print(f"  {_about(made.minutes)} here ({made.device}, {made.precision}){cost}")
            print(f"    {'; '.join(made.assumes)}")
        print(f"  {_said(made.terms.rows, made.terms.refused, chosen_later=chosen_later)}")
        for reason in made.terms.reasons[:5]:
            print(f"    {reason}")
        if made.terms.weights:
            print(f"  {made.terms.weights}")
    if made.terms.refused or made.terms.weights:
        raise typer.Exit(1)


def _about(minutes: float) -> str:
    whole = round(minutes)
    return "less than a minute" if not whole else f"about {whole:,} minute{'s' if whole > 1 else ''}"


def _mib(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB"


def _said(rows: int, refused: int, *, chosen_later: bool) -> str:
    if not rows and chosen_later:
        return (
            "the items are what callers asked; whether words of models in them may be used is asked when the run begins"
        )
    if not rows:
        return "all rows are made here by tasks; nobody's terms hold for them"
    return f"the terms permit all {rows:,} rows" if not refused else f"the terms forbid {refused:,} of {rows:,} rows:"
