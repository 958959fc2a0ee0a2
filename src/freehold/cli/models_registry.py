"""What the commands of `freehold models` have in common: the registry opened, its deeds noted for the ledger, a version as it is shown."""

import contextlib
import sqlite3
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from freehold.cli.audit import when
from freehold.config.paths import data_dir, environment
from freehold.errors import FreeholdError, RegistryError
from freehold.gateway.ledger_folder import LedgerFolder
from freehold.ledger.entry import read_entry
from freehold.ledger.tiles import WIDTH, TileReader
from freehold.store.database import open_database
from freehold.store.places import find_places
from freehold.training.registry import MODELS, Line, Registry, Version

Data = Annotated[Path | None, typer.Option(help="The data folder.")]
Folder = Annotated[
    Path | None,
    typer.Option(
        "--registry", help="The folder of the registry; default: `models` in the data folder, which `up` serves."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]
Named = Annotated[str, typer.Argument(help="NAME@VERSION: the version by number, or by the beginning of its digest.")]


def open_registry(data: Path | None, folder: Path | None) -> Registry:
    """The registry in the chosen folder, else in the data folder. It need not be there yet."""
    return Registry(folder.absolute() if folder is not None else data_dir(data, environment()) / MODELS)


def note(registry: Registry, data: Path | None, done: str = "") -> None:
    """Has the ledger of the data folder told what was done in the registry, and what an earlier death kept from it. Before a deed it tries the ledger: one
    that is damaged stops it. After one, the error says that it is `done`. Raises FreeholdError."""
    folder = data_dir(data, environment())
    try:
        with contextlib.closing(open_database(folder)) as db:
            registry.note(db, lambda about: _taken(folder, db, about), where(registry, folder))
    except FreeholdError as error:
        if not done:
            raise
        raise RegistryError(
            f"{done}, and the ledger could not be told: {error.sentence}",
            f"{error.advice} The next `freehold models add`, `promote` or `rollback` tells it.".strip(),
        ) from error


def unserved(registry: Registry, data: Path | None) -> str:
    """A sentence where nothing serves what is promoted in this registry; empty for the one that `up` serves."""
    own = data_dir(data, environment()) / MODELS
    said = f"`freehold up` serves what is promoted in {own}, and not in {registry.folder}: export the version and add it there."
    return "" if registry.folder == own else said


def where(registry: Registry, data: Path) -> dict[str, str]:
    """What entries say of the registry that they are about; nothing of the data folder's own."""
    return {} if registry.folder == data / MODELS else {"registry": str(registry.folder)}


def described(version: Version) -> dict[str, Any]:
    """A version for machines: its manifest, and how it stands."""
    return {
        "id": version.id,
        "digest": version.digest,
        "registered_at": version.at,
        "promoted": version.promoted,
        "weights": version.manifest.weights,
        **{name: value for name, value in msgspec.to_builtins(version.manifest).items() if name != "format"},
    }


def told(line: Line) -> str:
    """A line of the log as people read it, without the text that somebody signed: it says the same."""
    shown = {name: value for name, value in line.evidence.items() if name != "note" and value not in ("", None)}
    why = ", ".join(f"{name} {str(value)[:64]}" for name, value in shown.items())
    return f"{when(line.at)}  {line.deed:11}  {line.id}  {why}"


def _taken(data: Path, db: sqlite3.Connection, about: str) -> list[dict[str, Any]]:
    """The bodies of the ledger's entries about one id. Those are among them that are committed and not published yet: they wait nowhere any more."""
    head = db.execute("SELECT size FROM ledger_head").fetchone()
    if head is None:
        return []
    log = LedgerFolder(data).log
    reader = TileReader(lambda path: (log / path).read_bytes(), int(head[0]))
    places = (place.place for place in find_places(data, about))
    return [read_entry(reader.entries(place // WIDTH)[place % WIDTH]).body for place in places]
