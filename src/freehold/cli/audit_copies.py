"""Copies of a data subject's words that an erasure does not reach: the rows and the items that training runs keep, in plain text.

It finds rows that ask what an item of the subject asks, which is what `freehold traces make` makes of items, and such items, and changes none:
a run goes on only from what was admitted. Look before the erasure; after it the items cannot be read.
"""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from freehold.cli.items import open_items
from freehold.cli.models_evidence import ANY
from freehold.errors import FreeholdError
from freehold.training.dataset import read_dataset
from freehold.training.runs import RUNS
from freehold.training.tasks.kept_workload import read_kept
from freehold.training.tasks.workload import WorkloadTask, turns

KEPT = "workload-*.json"


def runs_with(data: Path, pseudonym: str) -> dict[str, int]:
    """How many rows and items of each run in the data folder ask what an item of this subject asks; runs without any are left out."""
    files = sorted(path for name in ("rows.jsonl", KEPT) for path in (data / RUNS).glob(f"*/{name}"))
    asked = _asked(data, pseudonym) if files else set[str]()
    found: dict[str, int] = {}
    for path in files if asked else ():
        with contextlib.suppress(FreeholdError, OSError):  # what is no dataset was admitted to no run
            count = sum(_key(said) in asked or problem in asked for said, problem in _said_in(path))
            if count:
                found[path.parent.name] = found.get(path.parent.name, 0) + count
    return found


def _said_in(path: Path) -> Iterator[tuple[list[tuple[str, str]], str]]:
    """What each row or item asks, and the digest of the item that a row was made from, which says so where the row was redacted since."""
    if path.suffix == ".jsonl":
        yield from (
            ([(turn.role, turn.text) for turn in row.turns], row.problem) for row in read_dataset(path).examples
        )
    else:
        kept = read_kept(path)
        yield from ((turns(item), "") for item in (*kept.train, *kept.val))


def _asked(data: Path, pseudonym: str) -> set[str]:
    """What each item of the subject asks, and its digest as a problem."""
    asked: set[str] = set()
    with open_items(data) as opened:
        rows = opened.db.execute("SELECT id FROM items WHERE subject = ?", (pseudonym,)).fetchall()
        for (item,) in rows:
            with contextlib.suppress(FreeholdError):  # one that cannot be read any more
                read = opened.items.read(item).item
                task = WorkloadTask([read], ANY)
                asked |= {_key(turns(read)), task.digest(task.problem(read))}
    return asked - {""}


def _key(said: Iterable[tuple[str, str]]) -> str:
    """What was said as one text, case and white space apart."""
    return " ".join(" ".join(f"{role}: {text}" for role, text in said).casefold().split())
