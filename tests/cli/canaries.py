"""Canaries as the tests of the commands begin and find them, in a data folder without a door."""

import contextlib
from pathlib import Path
from typing import Any

from freehold.store.canaries import MILLION, Canary, list_canaries, start_canary
from freehold.store.database import open_database
from freehold.store.events import Event, take_events


def begin(data: Path, **fields: Any) -> Canary:
    """A canary on `triage`."""
    given: dict[str, Any] = {
        "workload": "triage",
        "candidate": "own/nano",
        "route": "r",
        "steps": (500_000, MILLION),
        "rules": {"min_items": 5},
    }
    with contextlib.closing(open_database(data)) as db:
        return start_canary(db, **{**given, **fields})


def newest(data: Path) -> Canary:
    with contextlib.closing(open_database(data)) as db:
        return list_canaries(db)[0]


def events(data: Path) -> list[Event]:
    found: list[Event] = []
    with contextlib.closing(open_database(data)) as db:
        take_events(db, found.extend)
    return found
