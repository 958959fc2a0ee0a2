"""Items out of a file: JSON lines, a JSON list, CSV or Parquet, in any of the forms that `forms.py` knows, redacted as they come.

A file is of one form, that of its first object, unless the caller names one. What cannot be read is told by its line, and
whether the rest is taken is the caller's to say. It stores nothing.
"""

import csv
import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, cast

import msgspec
from msgspec import Struct

from freehold.errors import FreeholdError, InvalidField, NotFound
from freehold.items import Given, Item, ToolUse
from freehold.redaction.redactor import Redactor
from freehold.trials.forms import FORMS, Columns, read, recognise
from freehold.trials.parquet import read_rows

csv.field_size_limit(1 << 24)

MOST_PROBLEMS: Final = 20

_UNREADABLE: Final = (msgspec.DecodeError, RecursionError)
"""What a decoder raises; the second for lists in lists without an end."""


class Problem(Struct, frozen=True):
    """An object that is no item: where it stands, counted from 1, and why."""

    place: int
    reason: str


class Imported(Struct, frozen=True):
    """What a file holds: its form, its items, and what could not be read. `subject` is whom items are about that name nobody:
    `import:` and the beginning of the file's SHA-256."""

    form: str
    items: tuple[Item, ...]
    problems: tuple[Problem, ...]
    subject: str


def read_items(
    path: Path,
    workload: str,
    *,
    form: str | None = None,
    columns: Columns = Columns(),  # noqa: B008 (a frozen Struct)
    redactor: Redactor | None = None,
    at: int = 0,
) -> Imported:
    """The items of a file, for this workload; `at` (Unix milliseconds) is the time of those that have none.

    Raises NotFound without the file, InvalidField when it cannot be read at all or the form is none, NotConfigured for Parquet without its extra."""
    if form is not None and form not in FORMS:
        raise InvalidField(f"There is no form {form!r}.", f"There are {', '.join(FORMS)}.", param="form")
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise NotFound(f"{path} cannot be read: {error.strerror}.", "Name a file of items.") from None
    items: list[Item] = []
    problems: list[Problem] = []
    for place, found in enumerate(_objects(path), 1):
        try:
            if isinstance(found, str):
                raise InvalidField(found)
            form = form or recognise(found)
            item = read(found, form, columns, workload)
            item = item if redactor is None else redacted(item, redactor)
        except RecursionError:
            problems.append(Problem(place, "Its lists and objects are too deep in each other."))
            continue
        except (FreeholdError, KeyError, TypeError, ValueError, AttributeError) as error:
            said = error.sentence if isinstance(error, FreeholdError) else f"It is not of the form {form}: {error!r}."
            problems.append(Problem(place, said))
            continue
        items.append(item if item.at else msgspec.structs.replace(item, at=at))
    return Imported(form or "plain", tuple(items), tuple(problems), f"import:{digest[:16]}")


def redacted(item: Item, redactor: Redactor) -> Item:
    """The item with placeholders, the same ones in question, reply, right answer and metadata."""
    redaction = redactor.begin()
    said = item.given
    if said is not None:
        uses = tuple(ToolUse(name=use.name, arguments=redaction.text(use.arguments)) for use in said.tool_uses)
        said = Given(text=redaction.text(said.text), tool_uses=uses, finish=said.finish)
    return msgspec.structs.replace(
        item,
        input=redaction.value(item.input),
        given=said,
        reference=redaction.value(item.reference),
        metadata={redaction.text(name): redaction.under(name, value) for name, value in item.metadata.items()},
        labels=tuple(msgspec.structs.replace(label, note=redaction.text(label.note)) for label in item.labels),
    )


def _objects(path: Path) -> Iterator[dict[str, Any] | str]:
    """The objects of a file; a text stands for one that is none, and says why."""
    if path.suffix.lower() == ".parquet":
        yield from read_rows(path)
        return
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidField(f"{path} is not UTF-8.", "Save it as UTF-8.", param="file") from None
    if path.suffix.lower() == ".csv":
        yield from _rows(path, text)
    elif text.lstrip().startswith("["):
        yield from _listed(path, text)
    else:
        page = _page(text)
        yield from (_object(line) for line in text.split("\n") if line.strip()) if page is None else page


def _rows(path: Path, text: str) -> Iterator[dict[str, Any] | str]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        for row in reader:
            more = row.pop(None, None)  # pyright: ignore[reportArgumentType, reportCallIssue] (what the header has no name for)
            if more is not None or None in row.values():
                yield "It has another number of cells than the header."
            else:
                yield dict(row)
    except csv.Error as error:
        raise InvalidField(f"{path} cannot be read behind line {reader.line_num}: {error}.", param="file") from None


def _listed(path: Path, text: str) -> Iterator[dict[str, Any] | str]:
    try:
        every = msgspec.json.decode(text, type=list[Any])
    except _UNREADABLE as error:
        raise InvalidField(f"{path} begins as a JSON list and is none: {error}.", param="file") from None
    yield from (one if isinstance(one, dict) else "It is no object." for one in every)


def _page(text: str) -> list[dict[str, Any]] | None:
    """The objects of a page that an interface answered with, as `data`; None for what is none."""
    try:
        data = msgspec.json.decode(text, type=dict[str, Any]).get("data")
    except _UNREADABLE:  # several lines, for example
        return None
    every = cast("list[Any]", data) if isinstance(data, list) else None
    return every if every is not None and all(isinstance(one, dict) for one in every) else None


def _object(line: str) -> dict[str, Any] | str:
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except RecursionError:
        return "Its lists and objects are too deep in each other."
    except msgspec.DecodeError as error:
        return f"It is no JSON object: {error}."
