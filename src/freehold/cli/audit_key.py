"""`freehold audit key`: the keys that sign the ledger's checkpoints, and the master key that guards those of data subjects.

Rotation of the first is: add, give the new key out, retire the old. The second is nobody's but this folder's, and rotates at once."""

import contextlib
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from freehold.cli.audit_filters import AsJson, Data

if TYPE_CHECKING:
    from freehold.gateway.ledger_folder import LedgerFolder
    from freehold.ledger.notes import VerifierKey

ROTATED_ABOUT = "master-key"
"""What the entry of a rotation is about: there is one master key, and its name is no secret."""

NAMED = {"ed25519": 0x01, "ml-dsa-44": 0x06}


def list_keys(data: Data = None, json: AsJson = False) -> None:
    """Lists the ledger's verifier keys: those that signed the checkpoint in force, those that have not yet, the retired ones.

    These lines are what auditors verify with. Give them out by another way than the log itself."""
    from freehold.cli.audit import print_json, print_table
    from freehold.config.paths import data_dir, environment
    from freehold.gateway.ledger_folder import LedgerFolder

    folder = LedgerFolder(data_dir(data, environment()))
    rows = _rows(folder)
    if json:
        print_json(rows)
    else:
        print_table(("id", "state", "verifier key"), ((row["id"], row["state"], row["key"]) for row in rows))


def add(
    algorithm: Annotated[
        Literal["ed25519", "ml-dsa-44"],
        typer.Option(help="Type of the signature; ml-dsa-44 is safe from quantum computers, and 2.4 kB long."),
    ] = "ed25519",
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Makes a key that signs beside the others, from the next start on: restart `freehold up`.

    Give the verifier key that this prints to everybody who verifies; retire the old key when they all have it."""
    import sys

    from freehold.cli.audit import print_json
    from freehold.config.paths import data_dir, environment
    from freehold.gateway.ledger_folder import LedgerFolder

    folder = data_dir(data, environment())
    with _noted(folder) as note:
        key = LedgerFolder(folder).add_signer(NAMED[algorithm]).verifier
        note("ledger-key.added", key)
    if json:
        print_json({"id": key.id.hex(), "key": str(key), "state": "not yet"})
        return
    print(key)
    print("It signs from the next start on: restart `freehold up`.", file=sys.stderr)


def retire(
    key_id: Annotated[str, typer.Argument(help="The key's id, as `freehold audit key list` shows it.")],
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Destroys a key's private half; its public half is kept, so what it signed still verifies. The running ledger signs with
    it until its next start: restart `freehold up`.

    Refused while none of the other keys has signed the checkpoint in force: then there was no overlap yet, and whoever
    has only the old key could verify nothing new."""
    from freehold.cli.audit import print_json
    from freehold.config.paths import data_dir, environment
    from freehold.errors import StoreError
    from freehold.gateway.ledger_folder import LedgerFolder

    folder = data_dir(data, environment())
    ledger = LedgerFolder(folder)
    others = [row for row in _rows(ledger) if row["id"] != key_id and row["state"] != "retired"]
    if others and not any(row["state"] == "signs" for row in others):
        raise StoreError(
            "No other key has signed a checkpoint yet, so there was no overlap.",
            "Restart `freehold up`, give the new key out, and then retire this one.",
        )
    with _noted(folder) as note:
        key = ledger.retire_signer(key_id)
        note("ledger-key.retired", key)
    if json:
        print_json({"id": key_id, "key": str(key), "state": "retired"})
    else:
        print(f"{key_id} is retired. Restart `freehold up`: until then the running ledger signs with it.")


def rotate_master(data: Data = None, json: AsJson = False) -> None:
    """Draws a new master key for the keys of data subjects, wraps every one of them anew under it, and destroys the old one, while
    Freehold runs or not.

    After it no earlier copy of `subjects.db` opens any more, so rotate as often as backups must forget who was erased, and back
    the folder up again. It becomes an entry. One that was cut short is completed by the next."""
    from freehold.cli.audit import counted, print_json
    from freehold.config.paths import data_dir, environment, user_name
    from freehold.errors import StoreError
    from freehold.gateway.ledger_folder import LedgerFolder
    from freehold.ledger.subjects import Subjects
    from freehold.store.database import open_database
    from freehold.store.events import keep_event

    environ = environment()
    folder = data_dir(data, environ)
    ledger = LedgerFolder(folder)
    if not ledger.subjects.exists():
        raise StoreError(f"No data subject has a key in the data folder {folder}.", "Name another folder with --data.")
    # The store is opened first: what is done must be told, and a rotation cannot be taken back.
    with contextlib.closing(open_database(folder)) as db:
        with contextlib.closing(Subjects(ledger.subjects, ledger.master_key)) as subjects:
            count = subjects.rotate()
        keep_event(db, "master-key.rotated", ROTATED_ABOUT, {"subjects": count, "by": user_name(environ)})
    if json:
        print_json({"subjects": count})
    else:
        print(f"The master key is a new one; the keys of {counted(count, 'data subject')} are wrapped under it alone.")


def _rows(folder: "LedgerFolder") -> list[dict[str, Any]]:
    signed = _signers(folder)
    rows = [(key, "signs" if key.id in signed else "not yet") for key in folder.verifiers()]
    rows += [(key, "retired") for key in folder.retired()]
    return [{"id": key.id.hex(), "state": state, "key": str(key)} for key, state in rows]


def _signers(folder: "LedgerFolder") -> set[bytes]:
    """The ids of the keys whose signatures stand on the checkpoint in force."""
    from freehold.ledger.notes import parse_note
    from freehold.ledger.tiles import CHECKPOINT

    try:
        note = (folder.log / CHECKPOINT).read_bytes()
    except FileNotFoundError:
        return set()
    return {signature.key_id for signature in parse_note(note).unverified}


@contextlib.contextmanager
def _noted(data: Path) -> "Generator[Callable[[str, VerifierKey], None]]":
    """A deed and the event that tells of it: the event is committed when the deed is done, and not when it fails."""
    from freehold.store.database import open_database, transaction
    from freehold.store.events import keep_event

    with contextlib.closing(open_database(data)) as db, transaction(db):
        yield lambda kind, key: keep_event(db, kind, key.id.hex(), {"key": str(key)})
