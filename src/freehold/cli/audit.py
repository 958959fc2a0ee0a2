"""What the commands of `freehold audit` have in common: the ledger of a data folder, opened to read, and how it is shown.

Nothing here writes into the folder. One `OpenLedger` stands on one checkpoint, so that what it gives belongs together even
while the log grows.
"""

import sqlite3
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from freehold.config.paths import data_dir, environment
from freehold.errors import StoreError
from freehold.gateway.ledger_folder import LedgerFolder
from freehold.ledger.checkpoints import Checkpoint, parse_checkpoint
from freehold.ledger.merkle import inclusion_proof
from freehold.ledger.notes import VerifierKey, parse_note
from freehold.ledger.proof import Receipt, write_receipt
from freehold.ledger.tiles import CHECKPOINT, WIDTH, TileReader
from freehold.store.database import open_database
from freehold.store.folder import DATABASE
from freehold.store.places import Place, find_places

PIPED_WIDTH = 200
"""Columns of a table that no terminal shows: wide enough that no id is cut."""

QUIET_SECONDS = 1.0
"""What is done by then needs no progress bar."""


class OpenLedger:
    """The ledger of one data folder, as its newest published checkpoint has it."""

    def __init__(self, data: Path) -> None:
        """Raises StoreError where there is no ledger, or none that has published anything."""
        self.data = data
        self.folder = LedgerFolder(data)
        try:
            self.note = (self.folder.log / CHECKPOINT).read_bytes()
        except FileNotFoundError:
            raise StoreError(
                f"There is no ledger in the data folder {data}.",
                "Name another folder with --data, or start Freehold on it and ask something first.",
            ) from None
        except OSError as error:
            raise StoreError(
                f"The ledger in the data folder {data} cannot be read: {error.strerror}.",
                "Ask as the user that Freehold runs as.",
            ) from error
        self.head: Checkpoint = parse_checkpoint(parse_note(self.note).text)
        self._reader = TileReader(self.read, self.head.size)
        self._bundle: tuple[int, list[bytes]] = (-1, [])

    @property
    def size(self) -> int:
        """How many entries the checkpoint signs."""
        return self.head.size

    def read(self, path: str) -> bytes:
        """The bytes of a file of the log; what `verify_log` reads with. Raises FileNotFoundError."""
        return self.note if path == CHECKPOINT and hasattr(self, "note") else (self.folder.log / path).read_bytes()

    def verifiers(self) -> list[VerifierKey]:
        """The verifier keys of those that sign now."""
        return self.folder.verifiers()

    def leaf(self, place: int) -> bytes:
        """The bytes of the entry at a place. Raises TileMissing, MalformedTile; ValueError for a place beyond the end."""
        if not 0 <= place < self.size:
            raise ValueError(f"the log of {self.size} entries has no entry {place}")
        index = place // WIDTH
        if self._bundle[0] != index:
            self._bundle = (index, self._reader.entries(index))
        return self._bundle[1][place % WIDTH]

    def leaves(self, places: Iterable[int]) -> Iterator[tuple[int, bytes]]:
        """(place, bytes) of entries; cheap for places that stand in order, in either direction."""
        return ((place, self.leaf(place)) for place in places)

    def places(self, about: str) -> list[Place]:
        """Where the entries about an id stand, the oldest first; those included that the checkpoint does not sign yet."""
        return find_places(self.data, about)

    def receipt(self, place: int) -> str:
        """The receipt of an entry, with the entry in its `extra` line (C2SP tlog-proof)."""
        proof = inclusion_proof(place, self.size, self._reader.hashes)
        return write_receipt(Receipt(place, tuple(proof), self.note.decode(), self.leaf(place)))

    def store(self) -> sqlite3.Connection:
        """The store beside the log. Raises StoreError."""
        if not (self.data / DATABASE).exists():
            raise StoreError(f"There is no store in {self.data}.", "Restore freehold.db from a backup.")
        return open_database(self.data)


def open_ledger(data: Path | None) -> OpenLedger:
    """The ledger of the chosen data folder, else of the usual one. Raises StoreError."""
    return OpenLedger(data_dir(data, environment()))


class Counting:
    """A progress bar on stderr for entries; it appears only when the work takes longer than a moment."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._began = time.monotonic()
        self._bar: Progress | None = None

    def __call__(self, done: int, total: int) -> None:
        """`done` of `total` entries are through."""
        if self._bar is None:
            if time.monotonic() - self._began < QUIET_SECONDS:
                return
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.add_task(self._label, total=total)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=done, total=total)

    def close(self) -> None:
        """Takes the bar away."""
        if self._bar is not None:
            self._bar.stop()


def print_json(value: object) -> None:
    """One line of JSON on stdout."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")


Fit = Literal["wide", "whole", "narrow"]
"""How a table is made: with room enough; so that no value is broken; so that only numbers are not."""


def print_table(
    columns: Iterable[str],
    rows: Iterable[Iterable[object]],
    numbers: Iterable[str] = (),
    spare: Sequence[str] = (),
) -> None:
    """A table on stdout; columns in `numbers` stand to the right. A terminal that is too narrow for it gets it without as many of the `spare` columns as it
    takes, the first of them first."""
    names, right, cells = list(columns), set(numbers), [[plain(cell) for cell in row] for row in rows]

    def build(without: Collection[str], fit: Fit) -> Table:
        table = Table(box=None, pad_edge=False)
        kept = [place for place, name in enumerate(names) if name not in without]
        for name in (names[place] for place in kept):
            justify = "right" if name in right else "left"
            heading = name.replace(" ", "\n") if fit != "wide" and name in right else name
            kept_whole = fit == "whole" or (fit == "narrow" and name in right)
            table.add_column(heading, justify=justify, overflow="fold", no_wrap=kept_whole)
        for row in cells:
            table.add_row(*(Text(row[place]) for place in kept))
        return table

    print_fitting(build, spare)


def print_fitting(build: Callable[[Collection[str], Fit], Table], spare: Sequence[str]) -> None:
    """Prints a table as `print_table` does, and says on stderr what was left out of it."""
    console = Console()
    if not console.is_terminal:
        Console(width=PIPED_WIDTH).print(build((), "wide"))
        return
    unbounded = console.options.update(max_width=10 * PIPED_WIDTH)
    count, table = 0, build((), "wide")
    if spare and console.measure(table, options=unbounded).maximum > console.width:
        for count in range(len(spare) + 1):
            table = build(spare[:count], "whole")
            needs = console.measure(table, options=unbounded)
            wraps = any(not column.no_wrap for column in table.columns)
            if (needs.minimum if wraps else needs.maximum) <= console.width:
                break
        else:
            table = build(spare, "narrow")
    console.print(table)
    if count:
        left = ", ".join(spare[:count])
        print(f"Left out for want of width: {left}. A wider terminal shows it, and so does --json.", file=sys.stderr)


def when(milliseconds: int) -> str:
    """A time as people read it, in UTC, to the millisecond: `2026-11-25 04:10:03.512`."""
    try:
        moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):  # a time that others state, beyond the year 9999
        return f"{milliseconds // 1000:,} s after 1970"
    return f"{moment:%Y-%m-%d %H:%M:%S}.{milliseconds % 1000:03}"


def dollars(nano: int) -> str:
    """Nano-dollars as dollars, exactly, without zeros at the end."""
    whole, part = divmod(abs(nano), 1_000_000_000)
    shown = f"{whole}.{part:09}".rstrip("0").rstrip(".")
    return f"-{shown}" if nano < 0 else shown


def counted(count: int, noun: str) -> str:
    """`1 entry`, `1,204 entries`: regular nouns, and those that end in y."""
    if count == 1:
        return f"1 {noun}"
    return f"{count:,} {noun[:-1]}ies" if noun.endswith("y") and noun[-2] not in "aeiou" else f"{count:,} {noun}s"


def plain(value: object) -> str:
    """A value that came from outside, for a terminal: control characters, which could move the cursor or forge lines, are
    spelled out."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in str(value))


def is_text(word: str) -> bool:
    """Whether a word of the command line is UTF-8; of one that is not, Python keeps the bytes as half characters."""
    return not any("\ud800" <= one <= "\udfff" for one in word)


def sized(count: int) -> str:
    """Bytes as people read them: `980 B`, `14.2 MB`."""
    amount, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{count} B" if unit == "B" else f"{amount:.1f} {unit}"


def fields_of(leaf: bytes) -> dict[str, Any]:
    """An entry's fields in the order of its canonical form."""
    return msgspec.json.decode(leaf, type=dict[str, Any])
