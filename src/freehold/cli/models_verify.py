"""`freehold models verify`: hash every file of the registry again, and name what was changed."""

from typing import Annotated

import msgspec
import typer

from freehold.cli.audit import Counting, counted, print_json
from freehold.cli.models_registry import AsJson, Data, Folder, open_registry
from freehold.training.manifest import named


def verify(
    name: Annotated[str | None, typer.Argument(help="Only versions of this model.")] = None,
    data: Data = None,
    registry: Folder = None,
    json: AsJson = False,
) -> None:
    """Reads every file of every version. Exit code 1 when anything is not as it was registered.

    The log of the registry is held together by hashes, and each of its lines has an entry in the ledger: `freehold audit verify` checks that."""
    opened = open_registry(data, registry)
    model = None if name is None else named(name).model
    counting = Counting("Hashing versions")
    try:
        damages = list(opened.verify(model, counting))
    finally:
        counting.close()
    if json:
        print_json({"sound": not damages, "damages": [msgspec.to_builtins(one) for one in damages]})
    elif damages:
        for one in damages:
            print(f"{one.version or 'the registry'}: {one.path}: {one.wrong}")
    else:
        print(f"{counted(len(opened.versions(model)), 'version')}, every file as it was registered.")
    if damages:
        raise typer.Exit(1)
