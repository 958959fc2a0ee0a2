"""`graders` of a workload: a list of tables, each with its `kind`, as plain data.

It knows their shape and no grader: which kinds there are and what each takes is judged by who makes them (`freehold check`
does). Numbers are ordinary ones from here on, since graders know nothing of the file.
"""

from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, cast

from msgspec import UNSET, UnsetType

from freehold.config.file import File
from freehold.config.positions import KeyPath
from freehold.config.tables import pairs_of
from freehold.config.values import shown

_EXAMPLE = 'Write graders = [{ kind = "exact" }].'


def graders(file: File, path: KeyPath, written: object) -> tuple[dict[str, Any], ...] | UnsetType:
    """The tables, with their values as JSON has them. UNSET, with the problems noted, when one is no grader's."""
    if not isinstance(written, list):
        file.wrong(path, f"must be a list, not {shown(written)}.", _EXAMPLE)
        return UNSET
    entries = cast("list[object]", written)
    found = [_grader(file, (*path, index), entry) for index, entry in enumerate(entries)]
    return tuple(entry for entry in found if entry is not None) if None not in found else UNSET


def _grader(file: File, path: KeyPath, entry: object) -> dict[str, Any] | None:
    pairs = pairs_of(entry)
    if pairs is None:
        file.wrong(path, f"must be a table, not {shown(entry)}.", 'Write { kind = "exact" }.')
        return None
    if not isinstance(pairs.get("kind"), str):
        file.wrong(path, "needs its kind, as text.", 'Write kind = "exact", or another of docs/reference/graders.md.')
        return None
    try:
        return {name: _plain(value) for name, value in pairs.items()}
    except TypeError:
        file.wrong(path, "holds a date or time, which no grader takes.", "Write it in quotes.")
        return None


def _plain(value: object) -> Any:
    """The value as JSON has it. Raises TypeError for a date or time."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in cast("Mapping[str, object]", value).items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in cast("list[object]", value)]
    if isinstance(value, date | datetime | time):
        raise TypeError
    return value
