"""`freehold train run`: trains by a recipe, or goes on with a run, in a process that outlives the terminal; and shows how it goes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from freehold.training.contamination import Sealed
    from freehold.training.dataset import Example
    from freehold.training.executor import Executor, Job
    from freehold.training.recipe import Recipe
    from freehold.training.runs import RunFolder

Terms = Annotated[Path | None, typer.Option(help="A file of further terms, such as an order form of your own.")]
Ray = Annotated[
    str | None,
    typer.Option(
        help="Train on a Ray cluster that shares this data folder: its address, or auto. Needs the extra `ray`."
    ),
]


INTERRUPTED = 130
"""How a command ends that Ctrl-C ended, as shells have it."""


def run(
    recipe: Annotated[str, typer.Argument(help="A recipe, a file of TOML; or the id of a run to go on with.")],
    detach: Annotated[bool, typer.Option("--detach", help="Start it, and do not watch.")] = False,
    terms: Terms = None,
    ray: Ray = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="freehold.toml, for the graders of a workload and the keys of [people]; default: the one in this folder, if any."
        ),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="The data folder.")] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON, when it has ended.")] = False,
) -> None:
    """Trains to the end. Ctrl-C ends the watching, not the run: `freehold train stop` does that.

    A recipe that stands on others (`start = "other.toml"`, or a teacher's `run`) has these run first, unless they were: then it begins where they ended.
    Weights that it starts from by a name that `freehold models fetch` knows are fetched where they are not here.
    Rows that terms forbid stop it before it starts, and so do rows that give away an item that is set apart for trials, in whichever workload; problems that
    ask the same as one are not drawn. The run keeps a copy of its rows. A run that was stopped or killed goes on from its checkpoint. That it began and how it ended become entries of the
    ledger: `freehold audit search --kind 'training.*'`."""
    import sys

    import msgspec

    from freehold.cli.audit import print_json
    from freehold.config.paths import data_dir, environment
    from freehold.errors import InvalidField
    from freehold.training.chain import chain, run_of
    from freehold.training.cluster import executor_of
    from freehold.training.executor import require_libraries
    from freehold.training.runs import standing

    folder = data_dir(data, environment())
    executor = executor_of(ray, environment())
    path = Path(recipe)
    if path.suffix == ".toml" or path.is_file():
        for before in chain(path)[:-1]:
            made = run_of(before, folder)
            if made is not None and made.state() == "done":
                continue
            if detach:
                raise InvalidField(
                    f"{path.name} stands on {before.name}, which has no finished run.",
                    f"Run that first, or this one without --detach: `freehold train run {before}`.",
                    param="detach",
                )
            print(f"First {before.name}, which {path.name} stands on.", file=sys.stderr)
            _trained(
                _begun(before, folder, terms, config) if made is None else _again(made, folder), executor, quiet=json
            )
        place = _begun(path, folder, terms, config)
    else:
        found = _named(recipe, folder)
        require_libraries()
        place = _again(found, folder)
    if detach:
        _started(place, executor)
        print_json({"run": place.path.name}) if json else print(place.path.name)
        return
    try:
        _trained(place, executor, quiet=json)
    finally:
        if json:
            print_json({"run": place.path.name, **msgspec.to_builtins(standing(place))})


def _named(name: str, folder: Path) -> "RunFolder":
    """The run whose id begins with a name that is no recipe's. Raises ConfigError."""
    from freehold.errors import ConfigError
    from freehold.training.runs import find_run, list_runs

    if not any(one.path.name.startswith(name) for one in list_runs(folder)):
        raise ConfigError(
            f"There is no file {name} with a recipe, and no run of that id.",
            "A recipe is a file of TOML: see recipes/. `freehold train list` shows the runs.",
        )
    return find_run(folder, name)


def _started(place: "RunFolder", executor: "Executor") -> "Job":
    """A process that trains it; the ledger is told."""
    from freehold.training.runs import tell_if_possible

    tell_if_possible(place)
    place.settle_here()
    return executor.start(place)


def _trained(place: "RunFolder", executor: "Executor", *, quiet: bool) -> None:
    """Trains a run to its end, and shows how it goes. Raises TrainingError when it fails, and typer.Exit when nobody watches any longer."""
    from freehold.cli.train_show import draw, watch
    from freehold.errors import TrainingError
    from freehold.training.executor import said
    from freehold.training.runs import tell_if_possible

    earlier = place.log.stat().st_size if place.log.exists() else 0
    job = _started(place, executor)
    if not watch(place, job.running, quiet=quiet):
        raise typer.Exit(INTERRUPTED)
    code = job.wait()
    tell_if_possible(place)
    draw(place)
    if code:
        why = said(place.log.read_bytes()[earlier:])
        raise TrainingError(f"The run {place.path.name} failed: {why}", f"Its log is {place.log}.")


def _begun(path: Path, folder: Path, more: Path | None, config: Path | None) -> "RunFolder":
    """A new run of the recipe in a file, once its rows and weights may be used and give nothing away."""
    import sys
    from datetime import UTC, datetime

    from freehold.catalog.terms import Terms, further
    from freehold.cli.models_evidence import sealed_items
    from freehold.cli.overrides import overrides_in
    from freehold.cli.train_workload import Asked, with_items
    from freehold.errors import ConfigError, RowForbidden
    from freehold.training import tasks
    from freehold.training.chain import resolved
    from freehold.training.dataset import clean, read_dataset
    from freehold.training.executor import require_libraries
    from freehold.training.plan import asked_of_terms
    from freehold.training.recipe import require_problems
    from freehold.training.runs import new_run

    read, now = resolved(path, folder), datetime.now(UTC)
    require_problems(read)
    own_terms = further(more)
    overrides = overrides_in(folder, config)
    known = Terms.load(*own_terms)
    asked = asked_of_terms(read, known, overrides, now.date().isoformat())
    if asked.refused:
        raise RowForbidden(
            f"{asked.refused} of {asked.rows} rows may not train {read.model}. {' '.join(asked.reasons[:5])}"
        )
    if asked.weights:
        raise RowForbidden(asked.weights)
    rows, cleaned, before = None, "", ()
    if read.data:
        programs = {one.made_by() for one in tasks.load().values() if not one.captured}
        found = clean(read_dataset(Path(read.data)), read.clean, programs)
        rows, cleaned, before = found.dataset, found.said(), found.replaced
        if not rows.examples:
            raise ConfigError(
                f"Nothing is left of {read.data} to learn. {cleaned}", "Mend the rows, or the table [clean]."
            )
        print(cleaned, end="\n" if cleaned else "", file=sys.stderr)
    apart = list(sealed_items(folder))
    _unsealed((*before, *rows.examples) if rows is not None else (), apart)
    about = Asked(rows=rows, terms=known, overrides=overrides, on=now.date().isoformat())
    chosen = with_items(read, folder, config, about)
    undrawn = _undrawn(read, apart)
    for sentence in (*chosen.said, *([f"What {len(apart):,} sealed items ask is not drawn."] if undrawn else [])):
        print(sentence, file=sys.stderr)
    require_libraries()
    _fetched(read)
    return new_run(
        folder,
        chosen.recipe,
        now,
        overrides,
        rows=rows,
        sealed=len(apart),
        terms=b"".join(own_terms),
        private={**chosen.files, **undrawn},
        asked=read,
        cleaned=cleaned,
    )


def _again(place: "RunFolder", folder: Path) -> "RunFolder":
    """A run to go on with, once what it starts from is here, and its rows are held against the items that are sealed by now."""
    from freehold.cli.models_evidence import sealed_items

    _fetched(place.recipe())
    kept = place.dataset()
    _unsealed(kept.examples if kept is not None else (), sealed_items(folder))
    return place


def _fetched(recipe: "Recipe") -> None:
    """Fetches the weights that a recipe names, where they are not here yet. Raises FetchError."""
    from freehold.catalog.weights import FETCHED
    from freehold.cli.models_fetch import fetched

    for name in (recipe.start, recipe.teacher.run if recipe.teacher is not None else ""):
        if name in FETCHED:
            fetched(name)


def _unsealed(rows: "Sequence[Example]", sealed: "Iterable[Sealed]") -> None:
    """Holds the rows against sealed items, those that were redacted as they were too. Raises Contaminated where they give one away."""
    from freehold.training import tasks
    from freehold.training.contamination import Gate, check_splits

    if rows:
        Gate(sealed).check(rows)
        check_splits(rows, tasks.load())


def _undrawn(recipe: "Recipe", sealed: "Iterable[Sealed]") -> dict[str, bytes]:
    """The file of what the tasks of the mix must not draw; none where they draw nothing to learn from, or nothing is sealed."""
    from freehold.training.contamination import texts_of
    from freehold.training.recipe import APART
    from freehold.training.tasks.apart import write_apart

    looks = recipe.stage == "sft" and recipe.data  # its mix is looked at alone
    content = b"" if looks or not recipe.mix else write_apart(texts_of(sealed))
    return {APART: content} if content else {}
