"""What the commands of `freehold items` have in common: a data folder opened for its items, and the options that choose some."""

import contextlib
import sqlite3
from collections.abc import Generator, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Literal

import typer
from msgspec import Struct

from freehold.cli.audit import OpenLedger
from freehold.cli.audit_contents import READ, storage_of
from freehold.config.paths import data_dir, environment, user_name
from freehold.config.settings import Storage
from freehold.errors import InvalidField, StoreError
from freehold.gateway.ledger_folder import LedgerFolder
from freehold.gateway.ledger_storage import open_contents
from freehold.ledger.subjects import Subjects
from freehold.store.database import open_database, transaction
from freehold.store.events import keep_event
from freehold.store.folder import DATABASE, door_secret
from freehold.store.items import SPLITS
from freehold.trials.items import ITEM, Items, Stored

Workload = Annotated[str | None, typer.Option(help="Items of this workload.")]
Split = Annotated[
    str | None, typer.Option(help="Items of this split: train, trial, holdout, bridge; none for what is not dealt yet.")
]
Since = Annotated[str | None, typer.Option(help="From this day or time on, UTC: 2026-11-01 or 2026-11-01T09:30.")]
Until = Annotated[str | None, typer.Option(help="Before this day or time, UTC.")]
Labelled = Annotated[
    bool | None, typer.Option("--labelled/--unlabelled", help="Only with, or only without a human's or a user's score.")
]
Data = Annotated[Path | None, typer.Option(help="The data folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]

Form = Literal["jsonl", "csv", "parquet"]
FORMS: tuple[Form, ...] = ("jsonl", "csv", "parquet")

AT_ONCE = 200
"""Items that are noted in one transaction."""


class OpenItems(Struct, frozen=True):
    """The items of a data folder, and the store that their rows stand in."""

    data: Path
    db: sqlite3.Connection
    items: Items


@contextlib.contextmanager
def open_items(data: Path | None, *, make: bool = False) -> Generator[OpenItems]:
    """The items of the chosen data folder, else of the usual one; with `make` it may be new. Raises StoreError."""
    folder = data_dir(data, environment())
    if not make and not (folder / DATABASE).exists():
        raise StoreError(f"There is no store in the data folder {folder}.", "Name another folder with --data.")
    ledger = LedgerFolder(folder)
    with (
        contextlib.closing(open_database(folder)) as db,
        contextlib.closing(Subjects(ledger.subjects, ledger.master_key)) as subjects,
        contextlib.closing(open_contents(ledger, subjects, _storage(folder))) as contents,
    ):
        yield OpenItems(folder, db, Items(db, contents, subjects, door_secret(folder)))


def noted(opened: OpenItems, items: Iterable[Stored], command: str) -> Iterator[Stored]:
    """The items, each noted for the ledger before it is given: whose words are looked at, by whom, with which command.

    Raises StoreError, and gives nothing more, when that cannot be noted."""
    by = user_name(environment())
    left = iter(items)
    while batch := list(islice(left, AT_ONCE)):
        try:
            with transaction(opened.db):
                for stored in batch:
                    keep_event(opened.db, READ, stored.row.id, {"by": by, "command": command, "of": ITEM})
        except sqlite3.Error as error:
            raise StoreError(
                f"That items are looked at cannot be noted, so they are not shown: {error}.",
                "Make freehold.db writable, and free some space on its disk.",
            ) from error
        yield from batch


def split_named(split: str | None) -> str | None:
    """The split as the store has it. Raises InvalidField for one that there is not."""
    if split is None or split in SPLITS:
        return split
    if split == "none":
        return ""
    raise InvalidField(f"There is no split {split!r}.", f"There are {', '.join(SPLITS)} and none.", param="split")


def form_of(path: Path, named: str | None) -> Form:
    """The form of a file to write, by its name unless it is given. Raises InvalidField."""
    wanted = path.suffix.lower().removeprefix(".") if named is None else named
    for form in FORMS:
        if wanted == form:
            return form
    raise InvalidField(
        f"{path} says nothing of its form." if named is None else f"There is no form {named!r}.",
        f"End its name with .jsonl, .csv or .parquet, or give --form {'|'.join(FORMS)}.",
        param="form",
    )


def _storage(folder: Path) -> Storage | None:
    """The object store of the contents, with its keys; None where they lie in the folder, or there is no ledger yet."""
    try:
        ledger = OpenLedger(folder)
    except StoreError:
        return None
    return storage_of(ledger)
