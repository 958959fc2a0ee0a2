"""Parquet, read and written by `pyarrow`, which is an extra and is loaded when a file needs it."""

import importlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from freehold.errors import InvalidField, NotConfigured

EXTRA: Final = "parquet"
AT_ONCE: Final = 1_000


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file as Python's values. Raises NotConfigured without the extra, InvalidField for what is no Parquet."""
    parquet = _library("pyarrow.parquet")
    try:
        opened = parquet.ParquetFile(path)
    except (_library("pyarrow").ArrowException, OSError) as error:
        raise InvalidField(f"{path} is no Parquet file: {error}.", param="file") from None
    with opened:
        for batch in opened.iter_batches(AT_ONCE):
            yield from batch.to_pylist()


def write_rows(path: Path, columns: Mapping[str, str], rows: Iterable[Mapping[str, Any]]) -> int:
    """Writes rows; gives how many. `columns` are names with their types (`text`, `int`, `float`). Raises NotConfigured."""
    arrow, parquet = _library("pyarrow"), _library("pyarrow.parquet")
    types = {"text": arrow.string(), "int": arrow.int64(), "float": arrow.float64()}
    schema = arrow.schema([(name, types[kind]) for name, kind in columns.items()])
    count = 0
    with parquet.ParquetWriter(path, schema) as writer:
        waiting: list[Mapping[str, Any]] = []
        for row in rows:
            waiting.append(row)
            if len(waiting) == AT_ONCE:
                writer.write_table(arrow.Table.from_pylist(waiting, schema=schema))
                count, waiting = count + len(waiting), []
        writer.write_table(arrow.Table.from_pylist(waiting, schema=schema))
    return count + len(waiting)


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise NotConfigured(
            f"Parquet needs `pyarrow`, which cannot be imported: {error}.",
            f"Install it: `pip install freehold[{EXTRA}]`, or use JSONL.",
        ) from error
