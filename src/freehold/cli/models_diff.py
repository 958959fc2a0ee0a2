"""`freehold models diff`: what differs between two versions: files, sources, duties, results."""

from typing import Annotated

import msgspec
import typer

from freehold.cli.audit import print_json, print_table
from freehold.cli.models_registry import AsJson, Data, Folder, Named, open_registry
from freehold.training.manifest import differences


def diff(
    version: Named,
    other: Annotated[str, typer.Argument(help="The version to compare it with.")],
    data: Data = None,
    registry: Folder = None,
    json: AsJson = False,
) -> None:
    """Shows each thing that is not the same in both. Exit code 1 when something differs, as `diff` has it."""
    opened = open_registry(data, registry)
    one, two = opened.find(version), opened.find(other)
    found = differences(one.manifest, two.manifest)
    if json:
        print_json({"from": one.id, "to": two.id, "differs": {name: list(pair) for name, pair in found.items()}})
    elif found:
        print_table(("what", one.id, two.id), ((name, _shown(a), _shown(b)) for name, (a, b) in found.items()))
    else:
        print(f"{one.id} and {two.id} are the same.")
    if found:
        raise typer.Exit(1)


def _shown(value: object) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
