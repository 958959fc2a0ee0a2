"""A key that asks one teacher and nothing else, within a hard budget, for as long as traces are made."""

import contextlib
import hashlib
import os
import time
from collections.abc import Generator
from pathlib import Path

from freehold.config.money import nano
from freehold.errors import InvalidField
from freehold.store.callers import KeyBudget, create_key, list_keys, revoke_key
from freehold.store.counters import Counters
from freehold.store.database import open_database
from freehold.store.folder import COUNTERS
from freehold.training.traces import AttemptLog

KEY_DAYS = 7
"""After a `kill -9` nobody revokes the key that a run asked with; it runs out by itself."""

PROJECT = "training"


@contextlib.contextmanager
def teacher_key(data: Path, log: AttemptLog, workload: str, teacher: str, most_usd: str | None) -> Generator[str]:
    """The secret of a key for this teacher; the door holds it to `most_usd` dollars. Revoked at the end, as is one that an earlier run on the same
    log, killed, left behind: who holds the log knows that no run asks with that one. Raises InvalidField for an amount that is none."""
    budgets = () if most_usd is None else (KeyBudget(_nano(most_usd), "month"),)
    name = f"traces of {workload} by {teacher} ({hashlib.sha256(os.fsencode(log.path)).hexdigest()[:12]})"
    with contextlib.closing(open_database(data)) as db:
        for key in list_keys(db):
            if key.name == name and key.revoked_at is None:
                revoke_key(db, key.id)
        key, secret = create_key(
            db,
            name=name,
            project=PROJECT,
            expires_at=time.time() + KEY_DAYS * 86400,
            models=(teacher,),
            budgets=budgets,
        )
        _tell_workers(data)
        try:
            yield secret
        finally:
            revoke_key(db, key.id)
            _tell_workers(data)


def _nano(usd: str) -> int:
    try:
        return nano(usd)
    except ValueError as error:
        raise InvalidField(f"--most-usd {error}, not {usd!r}.", "Write --most-usd 20.") from None


def _tell_workers(data: Path) -> None:
    """Has every worker of a running door read the keys anew."""
    if (data / COUNTERS).exists():
        with contextlib.closing(Counters.open(data / COUNTERS, None)) as counters:
            counters.bump()
