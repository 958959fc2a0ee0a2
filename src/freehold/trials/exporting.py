"""Items into a file: JSON lines, which lose nothing, or CSV and Parquet, one column a field, what has no column as JSON.

Who gets such a file has the words that were sealed; it is written for its owner alone. It reads no store.
"""

import csv
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from freehold.errors import StoreError
from freehold.trials.items import Stored
from freehold.trials.parquet import write_rows

Form = Literal["jsonl", "csv", "parquet"]

COLUMNS: Final = {
    **dict.fromkeys(("id", "workload"), "text"),
    "at": "int",
    **dict.fromkeys(
        ("input", "reply", "tool_uses", "finish", "reference", "model", "metadata", "conversation"), "text"
    ),
    "cost_nano": "int",
    "total_ms": "float",
    "first_token_ms": "float",
    "input_tokens": "int",
    "output_tokens": "int",
    **dict.fromkeys(("record", "subject", "labels", "cluster", "split"), "text"),
    "seen": "int",
}


def export(path: Path, form: Form, items: Iterable[Stored]) -> int:
    """Writes items to a new file; gives how many. Raises StoreError when there is one already, or it cannot be written."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise StoreError(f"{path} is there already.", "Name another file, or move it away.") from None
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}.", "Name another file.") from error
    try:
        if form == "parquet":
            return write_rows(path, COLUMNS, map(row_of, items))
        return _write_csv(path, items) if form == "csv" else _write_lines(path, items)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def line_of(stored: Stored) -> bytes:
    """An item as a line of JSON, with its cluster, its split and how often it came."""
    fields: dict[str, Any] = msgspec.to_builtins(stored.item)
    dealt = {"cluster": stored.row.cluster, "split": stored.row.split} if stored.row.split else {}
    return msgspec.json.encode({**fields, **dealt, "seen": stored.row.seen}) + b"\n"


def row_of(stored: Stored) -> dict[str, Any]:
    """An item as a row; tables and lists are JSON."""
    item, row = stored.item, stored.row
    given = item.given
    return {
        **{name: getattr(item, name) for name in COLUMNS if hasattr(item, name)},
        "input": _json(item.input),
        "reply": None if given is None else given.text,
        "tool_uses": None if given is None or not given.tool_uses else _json(given.tool_uses),
        "finish": None if given is None else given.finish,
        "reference": item.reference if isinstance(item.reference, str | None) else _json(item.reference),
        "metadata": _json(item.metadata),
        "labels": _json(item.labels),
        "cluster": row.cluster,
        "split": row.split,
        "seen": row.seen,
    }


def _write_lines(path: Path, items: Iterable[Stored]) -> int:
    count = 0
    with path.open("wb") as file:
        for stored in items:
            file.write(line_of(stored))
            count += 1
    return count


def _write_csv(path: Path, items: Iterable[Stored]) -> int:
    def rows() -> Iterator[dict[str, Any]]:
        for stored in items:
            yield row_of(stored)

    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(COLUMNS), lineterminator="\n")
        writer.writeheader()
        for row in rows():
            writer.writerow(row)
            count += 1
    return count


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
