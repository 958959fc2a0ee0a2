"""The key that a run asks the door with: for the models that it may ask, within what it may spend, and revoked at its end."""

import contextlib
import sqlite3
import time
from collections.abc import Generator, Sequence
from pathlib import Path

from freehold.store.callers import KeyBudget, create_key, list_keys, revoke_key
from freehold.store.counters import Counters
from freehold.store.folder import COUNTERS
from freehold.store.scopes import period_start

KEY_DAYS = 7
"""After a `kill -9` nobody revokes the key that a run asked with; it runs out by itself."""

DAY = 86_400


@contextlib.contextmanager
def run_key(
    data: Path, db: sqlite3.Connection, *, name: str, project: str, models: Sequence[str], most_nano: int | None
) -> Generator[str]:
    """The secret of a key; the door holds it to `most_nano` nano-dollars. Revoked at the end, as is one of this name that an earlier run, killed, left
    behind: no other run may have it."""
    for key in list_keys(db):
        if key.name == name and key.revoked_at is None:
            revoke_key(db, key.id)
    key, secret = create_key(
        db,
        name=name,
        project=project,
        expires_at=runs_out(time.time(), limited=most_nano is not None),
        models=tuple(models),
        budgets=() if most_nano is None else (KeyBudget(most_nano, "month"),),
    )
    _tell_workers(data)
    try:
        yield secret
    finally:
        revoke_key(db, key.id)
        _tell_workers(data)


def runs_out(now: float, *, limited: bool) -> float:
    """When a key that is made `now` runs out, in Unix seconds. A `limited` one never outlasts the calendar month (UTC): its budget would begin anew."""
    ends = now + KEY_DAYS * DAY
    return min(ends, float(period_start("month", period_start("month", now) + 32 * DAY))) if limited else ends


def _tell_workers(data: Path) -> None:
    """Has every worker of a running door read the keys anew."""
    if (data / COUNTERS).exists():
        with contextlib.closing(Counters.open(data / COUNTERS, None)) as counters:
            counters.bump()
