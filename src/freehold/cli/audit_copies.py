"""Copies of a data subject's words that an erasure does not reach: the rows that training runs keep, in plain text.

It finds rows that ask what an item of the subject asks, which is what `freehold traces make` makes of items, and changes none:
a run goes on only from the rows that were admitted. Look before the erasure; after it the items cannot be read.
"""

import contextlib
from collections.abc import Iterable
from pathlib import Path

from freehold.cli.items import open_items
from freehold.errors import FreeholdError
from freehold.training.dataset import read_dataset
from freehold.training.runs import RUNS
from freehold.training.tasks.workload import turns


def runs_with(data: Path, pseudonym: str) -> dict[str, int]:
    """How many rows of each run in the data folder ask what an item of this subject asks; runs without any are left out."""
    files = sorted((data / RUNS).glob("*/rows.jsonl"))
    asked = _asked(data, pseudonym) if files else set[str]()
    found: dict[str, int] = {}
    for path in files if asked else ():
        with contextlib.suppress(FreeholdError, OSError):  # what is no dataset was admitted to no run
            rows = read_dataset(path).examples
            count = sum(_key((turn.role, turn.text) for turn in row.turns) in asked for row in rows)
            if count:
                found[path.parent.name] = count
    return found


def _asked(data: Path, pseudonym: str) -> set[str]:
    asked: set[str] = set()
    with open_items(data) as opened:
        rows = opened.db.execute("SELECT id FROM items WHERE subject = ?", (pseudonym,)).fetchall()
        for (item,) in rows:
            with contextlib.suppress(FreeholdError):  # one that cannot be read any more
                asked.add(_key(turns(opened.items.read(item).item)))
    return asked - {""}


def _key(said: Iterable[tuple[str, str]]) -> str:
    """What was said as one text, case and white space apart."""
    return " ".join(" ".join(f"{role}: {text}" for role, text in said).casefold().split())
