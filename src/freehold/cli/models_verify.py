"""`freehold models verify`: hash every file of the registry again, hold its log against the ledger, and name what was changed."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from freehold.cli.audit import Counting, OpenLedger, counted, print_json
from freehold.cli.models_registry import AsJson, Data, Folder, open_registry, where
from freehold.cli.people import Config, fault_of, people_in
from freehold.config.paths import data_dir, environment
from freehold.errors import StoreError
from freehold.ledger.entry import read_entry
from freehold.training.manifest import named
from freehold.training.registry import KINDS, LOG, Damage, Registry


def verify(
    name: Annotated[str | None, typer.Argument(help="Only versions of this model.")] = None,
    config: Config = None,
    data: Data = None,
    registry: Folder = None,
    json: AsJson = False,
) -> None:
    """Reads every file of every version, and checks each promotion by a word that somebody signed. Exit code 1 when anything is not as it was
    registered, or signed, or when the ledger has a line that the log of the registry does not have any more.

    The log is held together by hashes, and the ledger holds the hash of each line, so one that was cut off or written anew does not fit it. That the
    ledger itself is as it was signed is for `freehold audit verify` to say."""
    opened = open_registry(data, registry)
    model = None if name is None else named(name).model
    counting = Counting("Hashing versions")
    try:
        damages = list(opened.verify(model, counting))
    finally:
        counting.close()
    if not any(one.path == LOG for one in damages):
        damages += _missing(opened, model, data_dir(data, environment()))
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


def _missing(opened: Registry, model: str | None, data: Path) -> list[Damage]:
    """Deeds that the ledger holds, and the log does not. Nothing where there is no ledger yet."""
    try:
        ledger = OpenLedger(data)
    except StoreError:
        return []
    known, about = opened.hashes(), where(opened, data).get("registry", "")
    entries = (read_entry(leaf) for _, leaf in ledger.leaves(range(ledger.size)))
    return [
        Damage(entry.id, LOG, f"the ledger has its entry {entry.kind}, and the log of the registry has no such line")
        for entry in entries
        if entry.kind in KINDS.values() and entry.body.get("registry", "") == about
        if entry.body.get("line") not in known and model in (None, entry.id.partition("@")[0].partition("/")[2])
    ]


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
