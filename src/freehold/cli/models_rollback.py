"""`freehold models rollback`: let the version serve again that served before."""

import sys
from typing import Annotated

import typer

from freehold.cli.audit import print_json
from freehold.cli.models_registry import AsJson, Data, Folder, note, open_registry, unserved
from freehold.config.paths import environment, user_name
from freehold.training.manifest import named


def rollback(
    name: Annotated[str, typer.Argument(help="The model's name.")],
    reason: Annotated[str, typer.Option(help="Why, for the ledger.")] = "",
    data: Data = None,
    registry: Folder = None,
    json: AsJson = False,
) -> None:
    """Takes the newest promotion back. It needs no evidence, and the ledger gets an entry. A running `up` changes over by itself."""
    opened = open_registry(data, registry)
    note(opened, data)
    line = opened.roll_back(named(name).model, {"by": user_name(environment()), "reason": reason})
    note(opened, data, done=f"{line.id} serves again")
    if said := unserved(opened, data):
        print(said, file=sys.stderr)
    if json:
        print_json({"serves": line.id, "digest": line.digest, "from": line.evidence["from"]})
    else:
        print(f"{line.id} serves again, and own/{line.model}@{line.evidence['from']} no more.")
