"""A key that asks one teacher and nothing else, within a hard budget, for as long as traces are made."""

import contextlib
import hashlib
import os
from collections.abc import Generator
from pathlib import Path

from freehold.cli.run_key import run_key
from freehold.config.money import nano
from freehold.errors import InvalidField
from freehold.store.database import open_database
from freehold.training.traces import AttemptLog

PROJECT = "training"


@contextlib.contextmanager
def teacher_key(data: Path, log: AttemptLog, workload: str, teacher: str, most_usd: str | None) -> Generator[str]:
    """The secret of a key for this teacher; the door holds it to `most_usd` dollars. Revoked at the end, as is one that an earlier run on the same
    log, killed, left behind: who holds the log knows that no run asks with that one. Raises InvalidField for an amount that is none."""
    name = f"traces of {workload} by {teacher} ({hashlib.sha256(os.fsencode(log.path)).hexdigest()[:12]})"
    most_nano = None if most_usd is None else _nano(most_usd)
    with (
        contextlib.closing(open_database(data)) as db,
        run_key(data, db, name=name, project=PROJECT, models=(teacher,), most_nano=most_nano) as secret,
    ):
        yield secret


def _nano(usd: str) -> int:
    try:
        return nano(usd)
    except ValueError as error:
        raise InvalidField(f"--most-usd {error}, not {usd!r}.", "Write --most-usd 20.") from None
