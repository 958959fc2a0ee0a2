"""What stands in the ledger of a data folder, read with public keys only and after the whole log has been verified."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

from freehold.gateway.ledger_folder import LedgerFolder
from freehold.ledger.contents import Contents
from freehold.ledger.entry import Entry, read_entry
from freehold.ledger.sealing import RecordContents
from freehold.ledger.subjects import Subjects
from freehold.ledger.tiles import CHECKPOINT, WIDTH, TileReader
from freehold.ledger.verify import verify_log
from freehold.store.database import open_database


def log_folder(data: Path) -> Path:
    """Where the files of C2SP tlog-tiles are."""
    return LedgerFolder(data).log


def checkpoint(data: Path) -> bytes | None:
    """The checkpoint that is published now, None before the first."""
    try:
        return (log_folder(data) / CHECKPOINT).read_bytes()
    except FileNotFoundError:
        return None


def entries(data: Path, older: Sequence[bytes] = ()) -> list[Entry]:
    """Every entry of the log, in its order. Raises a LedgerError when the log does not verify, or is not the continuation
    of these older checkpoints."""
    folder = log_folder(data)

    def read(path: str) -> bytes:
        return (folder / path).read_bytes()

    proof = verify_log(read, LedgerFolder(data).verifiers(), older=older)
    assert proof.older == len(older)
    size = proof.opened.checkpoint.size
    reader = TileReader(read, size)
    return [read_entry(leaf) for index in range(-(-size // WIDTH)) for leaf in reader.entries(index)]


def answers(data: Path, older: Sequence[bytes] = ()) -> list[Entry]:
    """The entries of answers."""
    return [entry for entry in entries(data, older) if entry.kind == "answer"]


def places(data: Path) -> list[tuple[int, str, str]]:
    """Where the store says that entries stand: place, kind and id."""
    with contextlib.closing(open_database(data)) as db:
        return db.execute("SELECT place, kind, id FROM entries ORDER BY place").fetchall()


def stored_ids(data: Path) -> list[str]:
    """The ids of the store's records, in their order."""
    with contextlib.closing(open_database(data)) as db:
        return [row[0] for row in db.execute("SELECT id FROM records ORDER BY id")]


def contents(data: Path, record_id: str) -> RecordContents:
    """What is kept of a record outside the log. Raises UnknownContents, SubjectErased."""
    folder = LedgerFolder(data)
    with (
        contextlib.closing(Subjects(folder.subjects, folder.master_key)) as subjects,
        contextlib.closing(Contents(folder.contents, subjects)) as kept,
    ):
        return kept.read(record_id)
