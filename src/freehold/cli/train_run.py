"""`freehold train run`: trains by a recipe, or goes on with a run, in a process that outlives the terminal; and shows how it goes."""

from pathlib import Path
from typing import Annotated

import typer


def run(
    recipe: Annotated[str, typer.Argument(help="A recipe, a file of TOML; or the id of a run to go on with.")],
    detach: Annotated[bool, typer.Option("--detach", help="Start it, and do not watch.")] = False,
    data: Annotated[Path | None, typer.Option(help="The data folder.")] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON, when it has ended.")] = False,
) -> None:
    """Trains to the end. Ctrl-C ends the watching, not the run: `freehold train stop` does that.

    Rows that terms forbid stop it before it starts. A run that was stopped or killed goes on from its checkpoint."""
    import msgspec

    from freehold.catalog.terms import Terms
    from freehold.cli.audit import print_json
    from freehold.cli.overrides import overrides_in
    from freehold.cli.train_show import draw, watch
    from freehold.config.paths import data_dir, environment
    from freehold.errors import RowForbidden, TrainingError
    from freehold.training.executor import LocalExecutor, require_libraries
    from freehold.training.plan import asked_of_terms
    from freehold.training.recipe import read_recipe
    from freehold.training.runs import find_run, new_run, standing

    environ = environment()
    folder = data_dir(data, environ)
    path = Path(recipe)
    if path.suffix == ".toml" or path.is_file():
        read = read_recipe(path)
        overrides = overrides_in(folder)
        asked = asked_of_terms(read, Terms.load(), overrides)
        if asked.refused:
            raise RowForbidden(
                f"{asked.refused} of {asked.rows} rows may not train {read.model}. {' '.join(asked.reasons[:5])}"
            )
        require_libraries()
        place = new_run(folder, read, overrides=overrides)
    else:
        require_libraries()
        place = find_run(folder, recipe)
    job = LocalExecutor(environ).start(place)
    if detach:
        print_json({"run": place.path.name}) if json else print(place.path.name)
        return
    watch(place, job.running, quiet=json)
    code = job.wait()
    draw(place)
    stands = standing(place)
    if json:
        print_json({"run": place.path.name, **msgspec.to_builtins(stands)})
    if code:
        said = place.log.read_text(errors="replace").strip().splitlines() or ["nothing"]
        raise TrainingError(f"The run {place.path.name} failed: {said[-1]}", f"Its log is {place.log}.")
