"""`freehold train run`: trains by a recipe, or goes on with a run, in a process that outlives the terminal; and shows how it goes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from freehold.training.dataset import Dataset
    from freehold.training.runs import RunFolder

Terms = Annotated[Path | None, typer.Option(help="A file of further terms, such as an order form of your own.")]
Ray = Annotated[
    str | None,
    typer.Option(
        help="Train on a Ray cluster that shares this data folder: its address, or auto. Needs the extra `ray`."
    ),
]


def run(
    recipe: Annotated[str, typer.Argument(help="A recipe, a file of TOML; or the id of a run to go on with.")],
    detach: Annotated[bool, typer.Option("--detach", help="Start it, and do not watch.")] = False,
    terms: Terms = None,
    ray: Ray = None,
    data: Annotated[Path | None, typer.Option(help="The data folder.")] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON, when it has ended.")] = False,
) -> None:
    """Trains to the end. Ctrl-C ends the watching, not the run: `freehold train stop` does that.

    Rows that terms forbid stop it before it starts, and so do rows that give away an item that is set apart for trials, in whichever workload. The run
    keeps a copy of its rows. A run that was stopped or killed goes on from its checkpoint. That it began and how it ended become entries of the
    ledger: `freehold audit search --kind 'training.*'`."""
    import msgspec

    from freehold.cli.audit import print_json
    from freehold.cli.train_show import draw, watch
    from freehold.config.paths import data_dir, environment
    from freehold.errors import TrainingError
    from freehold.training.cluster import executor_of
    from freehold.training.executor import require_libraries
    from freehold.training.runs import find_run, standing, tell_if_possible

    environ = environment()
    folder = data_dir(data, environ)
    path = Path(recipe)
    if path.suffix == ".toml" or path.is_file():
        place = _begun(path, folder, terms)
    else:
        require_libraries()
        place = find_run(folder, recipe)
        _unsealed(place.dataset(), folder)
    tell_if_possible(place)
    place.settle_here()
    job = executor_of(ray, environ).start(place)
    if detach:
        print_json({"run": place.path.name}) if json else print(place.path.name)
        return
    watch(place, job.running, quiet=json)
    code = job.wait()
    tell_if_possible(place)
    draw(place)
    stands = standing(place)
    if json:
        print_json({"run": place.path.name, **msgspec.to_builtins(stands)})
    if code:
        said = place.log.read_text(errors="replace").strip().splitlines() or ["nothing"]
        raise TrainingError(f"The run {place.path.name} failed: {said[-1]}", f"Its log is {place.log}.")


def _begun(path: Path, folder: Path, more: Path | None) -> "RunFolder":
    """A new run of the recipe in a file, once its rows and weights may be used and give nothing away."""
    from datetime import UTC, datetime

    from freehold.catalog.terms import Terms, further
    from freehold.cli.overrides import overrides_in
    from freehold.errors import RowForbidden
    from freehold.training.dataset import read_dataset
    from freehold.training.executor import require_libraries
    from freehold.training.plan import asked_of_terms
    from freehold.training.recipe import read_recipe
    from freehold.training.runs import new_run

    read, now = read_recipe(path), datetime.now(UTC)
    own_terms = further(more)
    overrides = overrides_in(folder)
    asked = asked_of_terms(read, Terms.load(*own_terms), overrides, now.date().isoformat())
    if asked.refused:
        raise RowForbidden(
            f"{asked.refused} of {asked.rows} rows may not train {read.model}. {' '.join(asked.reasons[:5])}"
        )
    if asked.weights:
        raise RowForbidden(asked.weights)
    rows = read_dataset(Path(read.data)) if read.data else None
    sealed = _unsealed(rows, folder)
    require_libraries()
    return new_run(folder, read, now, overrides, rows=rows, sealed=sealed, terms=b"".join(own_terms))


def _unsealed(rows: "Dataset | None", folder: Path) -> int:
    """How many sealed items the rows were held against. Raises Contaminated where they give one away."""
    from freehold.cli.models_evidence import sealed_items
    from freehold.training import tasks
    from freehold.training.contamination import Gate, check_splits

    if rows is None:
        return 0
    gate = Gate(sealed_items(folder))
    gate.check(rows.examples)
    check_splits(rows.examples, tasks.load())
    return gate.size
