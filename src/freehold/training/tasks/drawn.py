"""What tasks drew for a run to learn from, known by digests alone, so that a promotion can hold it against items that were set apart since.

    drawn.bin    what each problem asks, the first 8 bytes of its digest (`apart.py`), in the order of the drawing

It knows tasks and a file, and no model. A run that was killed draws again what it had drawn since its last checkpoint: that stands twice, and nothing that
was learned is missing, since the file is written before the checkpoint is.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from msgspec import Struct

from freehold.training.tasks.apart import digests_of, texts_apart
from freehold.training.tasks.task import Problem, Task

DRAWN = "drawn.bin"
BYTES = 8

Known = Literal["checked", "partly", "absent", "none"]
"""What all runs drew is here; of some; of none; no run drew anything."""


class Draws(Struct, frozen=True):
    """What the runs behind a version drew, a content for each, and whether that is all."""

    contents: tuple[bytes, ...] = ()
    known: Known = "none"


def merged(draws: Iterable[Draws]) -> Draws:
    """Those of several versions, such as an adapter and what it changes, as one."""
    every = list(draws)
    contents = tuple(content for one in every for content in one.contents)
    known = {one.known for one in every} - {"none"}
    if known <= {"checked"}:
        return Draws(contents, "checked" if known else "none")
    return Draws(contents, "partly" if contents else "absent")


class Record:
    """Problems as they are drawn. `keep` writes them down; without a file nothing is. `anew` is for who draws all at once, whenever a run is
    taken up, and begins the file again."""

    def __init__(self, path: Path | None = None, *, anew: bool = False) -> None:
        self._path = path
        self._new = bytearray()
        if path is not None and anew:
            path.unlink(missing_ok=True)

    def add(self, task: Task, problem: Problem) -> None:
        """One problem that may be learned from."""
        if self._path is not None:
            for digest in sorted(digests_of(task, problem)):
                self._new += bytes.fromhex(digest)[:BYTES]

    def keep(self) -> None:
        """Adds what is new to the file."""
        if self._path is not None:
            with self._path.open("ab") as file:
                file.truncate(file.tell() // BYTES * BYTES)  # what a full disk or a killed process left of one
                file.write(self._new)
                file.flush()
                os.fsync(file.fileno())
            self._new.clear()


def given_away(draws: Draws, sealed: Iterable[tuple[str, Iterable[str]]]) -> Iterator[str]:
    """The names of the items of `sealed`, (name, texts), that ask what was drawn. Of a thousand items and a million problems one is named by chance
    once in 10^10 times."""
    wanted = {bytes.fromhex(one)[:BYTES]: name for name, texts in sealed for one in texts_apart(texts)}
    found = {
        wanted[part]
        for content in draws.contents
        for at in range(0, len(content), BYTES)
        if (part := content[at : at + BYTES]) in wanted
    }
    yield from sorted(found)
