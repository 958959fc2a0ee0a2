"""`freehold models verify`: hash every file of the registry again, and name what was changed."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from freehold.cli.audit import Counting, counted, print_json
from freehold.cli.models_registry import AsJson, Data, Folder, open_registry
from freehold.cli.people import Config, fault_of, people_in
from freehold.training.manifest import named
from freehold.training.registry import KINDS, Damage, Registry


def verify(
    name: Annotated[str | None, typer.Argument(help="Only versions of this model.")] = None,
    config: Config = None,
    data: Data = None,
    registry: Folder = None,
    json: AsJson = False,
) -> None:
    """Reads every file of every version, and checks each promotion by a word that somebody signed. Exit code 1 when anything is not as it was
    registered, or signed.

    The log of the registry is held together by hashes, and each of its lines has an entry in the ledger: `freehold audit verify` checks that."""
    opened = open_registry(data, registry)
    model = None if name is None else named(name).model
    counting = Counting("Hashing versions")
    try:
        damages = list(opened.verify(model, counting))
    finally:
        counting.close()
    if not damages:
        damages = _unfounded(opened, model, config)
    if json:
        print_json({"sound": not damages, "damages": [msgspec.to_builtins(one) for one in damages]})
    elif damages:
        for one in damages:
            print(f"{one.version or 'the registry'}: {one.path}: {one.wrong}")
    else:
        print(f"{counted(len(opened.versions(model)), 'version')}, every file as it was registered.")
    if damages:
        raise typer.Exit(1)


def _unfounded(opened: Registry, model: str | None, config: Path | None) -> list[Damage]:
    """Promotions by a signed word that is not what its owner signed, or was used for an earlier promotion."""
    signed = [line for line in opened.lines() if line.evidence.get("note") and model in (None, line.model)]
    keys = people_in(config).values() if signed else ()
    found: list[Damage] = []
    used: set[str] = set()
    for line in signed:
        body = {**line.evidence, "model": f"own/{line.model}", "digest": line.digest}
        fault = fault_of(KINDS[line.deed], body, keys)
        if line.evidence["note"] in used:
            fault = "It was signed for an earlier promotion."
        used.add(line.evidence["note"])
        if fault:
            found.append(Damage(line.id, "the word for its promotion", fault))
    return found
