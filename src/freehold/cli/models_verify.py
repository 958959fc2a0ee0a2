"""`freehold models verify`: hash every file of the registry again, hold its log against the ledger, and name what was changed."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from freehold.cli.audit import Counting, OpenLedger, counted, print_json
from freehold.cli.models_registry import AsJson, Data, Folder, open_registry, where
from freehold.cli.people import Config, people_in
from freehold.config.paths import data_dir, environment
from freehold.errors import StoreError
from freehold.ledger.entry import read_entry
from freehold.training.manifest import named
from freehold.training.registry import KINDS, LOG, Damage, Registry
from freehold.training.word import PROMOTED, judge


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
    unproven: list[str] = []
    if not damages:
        damages, unproven = _unfounded(opened, model, config)
    if json:
        told = [msgspec.to_builtins(one) for one in damages]
        print_json({"sound": not damages, "damages": told, "unproven": unproven})
    elif damages:
        for one in damages:
            print(f"{one.version or 'the registry'}: {one.path}: {one.wrong}")
    else:
        print(f"{counted(len(opened.versions(model)), 'version')}, every file as it was registered.")
        print("".join(f"{one}\n" for one in unproven), end="")
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


def _unfounded(opened: Registry, model: str | None, config: Path | None) -> tuple[list[Damage], list[str]]:
    """Promotions by a word that is not what its owner signed, or was used for an earlier promotion; and sentences on those whose owner cannot be told."""
    words = [line for line in opened.lines() if "override" in line.evidence and model in (None, line.model)]
    keys = people_in(config).values() if any(line.evidence.get("note") for line in words) else ()
    found: list[Damage] = []
    unproven: list[str] = []
    used: set[str] = set()
    for line in words:
        judged = judge(PROMOTED, {**line.evidence, "model": f"own/{line.model}", "digest": line.digest}, keys)
        note = str(line.evidence.get("note", ""))
        if note in used:
            found.append(Damage(line.id, _WORD, "It was signed for an earlier promotion."))
        elif judged.outcome == "wrong":
            found.append(Damage(line.id, _WORD, judged.says))
        elif judged.outcome == "stranger":
            unproven.append(f"{line.id}: {_WORD} is signed with {judged.says}, and [people] has no key of that name.")
        elif judged.outcome == "nobody":
            unproven.append(f"{line.id}: no person signed {_WORD}.")
        used |= {note} if note else set()
    return found, unproven


_WORD = "the word for its promotion"
