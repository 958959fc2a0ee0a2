"""`freehold models promote`: let a version serve as own/NAME, on the evidence of a passed trial or on somebody's word."""

from pathlib import Path
from typing import Annotated

import typer

from freehold.catalog.terms import Terms
from freehold.cli.audit import print_json
from freehold.cli.models_evidence import find_passed, sealed_items
from freehold.cli.models_registry import AsJson, Data, Folder, Named, note, open_registry
from freehold.cli.overrides import overrides_in
from freehold.config.paths import data_dir, environment
from freehold.errors import InvalidField
from freehold.training.dataset import read_dataset
from freehold.training.promotion import Answered, require_promotable
from freehold.training.provenance import Student, pedigree_of_answer


def promote(
    version: Named,
    trial: Annotated[
        str | None, typer.Option(help="The trial that it passed; default: the newest one of these weights.")
    ] = None,
    override: Annotated[str | None, typer.Option(help="Without a passed trial: the reason why it may serve.")] = None,
    by: Annotated[str | None, typer.Option(help="Who answers for the override.")] = None,
    dataset: Annotated[Path | None, typer.Option(help="The rows that it was trained on, to check them again.")] = None,
    in_house: Annotated[
        bool, typer.Option("--in-house", help="It is never offered to others; some terms permit more then.")
    ] = False,
    declares: Annotated[
        list[str] | None,
        typer.Option(help="A condition of terms that you answer for: under-threshold, non-commercial."),
    ] = None,
    terms: Annotated[
        Path | None, typer.Option(help="A file of further terms, such as an order form of your own.")
    ] = None,
    data: Data = None,
    registry: Folder = None,
    json: AsJson = False,
) -> None:
    """Checks terms and contamination again, finds the evidence, and lets the version serve. A running `up` changes over by itself.

    The trial must be of these very weights, have passed, and have the plan and the results that the ledger holds. The promotion becomes an
    entry of the ledger with its evidence."""
    if (override is None) != (by is None):
        raise InvalidField("An override needs a reason, and somebody who answers for it.", "Give --override and --by.")
    folder = data_dir(data, environment())
    opened = open_registry(data, registry)
    found = opened.find(version)
    lineage = found.manifest.lineage
    opened.weights_file(found)
    known = Terms.load(*([terms.read_bytes()] if terms is not None else []))
    student = Student(
        name=f"own/{found.model}", offered=not in_house, base=lineage.base, declares=frozenset(declares or ())
    )
    base = pedigree_of_answer(lineage.base, lineage.created[:10], known, route="weights") if lineage.base else None
    word = None if override is None or by is None else Answered(override, by)
    rows = None if dataset is None else read_dataset(dataset)
    evidence = require_promotable(
        found.manifest,
        word or find_passed(folder, found.manifest.weights, trial),
        known,
        student,
        dataset=rows,
        base=base,
        sealed=() if rows is None else sealed_items(folder),
        overrides=overrides_in(folder),
    )
    line = opened.promote(found, evidence)
    note(opened, data)
    if json:
        print_json({"promoted": found.id, "digest": found.digest, "evidence": line.evidence})
    else:
        why = f"by {by}'s word" if word is not None else f"on the evidence of {evidence['trial']}"
        print(f"{found.id} serves as own/{found.model}, {why}.")
        if rows is None and lineage.dataset:
            print("Its rows are not here, so they were not checked again: give --dataset FILE where they are.")
