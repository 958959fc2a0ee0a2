"""What the supervisor does for the door besides keeping its processes up: the socket, the data folder, the sweeping.

Workers write records to files of their own, and the ledger's writer moves them on; nothing on the way of a request waits
for a database. When a worker dies, what it had reserved is settled here.
"""

import asyncio
import contextlib
import errno
import logging
import socket
import sqlite3
import time
from pathlib import Path

from freehold.config.customers import on_its_plan
from freehold.config.digest import digest, policy_text
from freehold.config.settings import Ledger, Settings
from freehold.errors import FreeholdError, StoreError
from freehold.gateway.ledger_writer import LedgerWriter
from freehold.store.callers import Key, ensure_admin_key, list_keys
from freehold.store.counters import Counters
from freehold.store.database import open_database, transaction
from freehold.store.events import keep_policy
from freehold.store.folder import COUNTERS, JOURNAL
from freehold.store.usage import keep_swept, spent_by_scope

log = logging.getLogger("freehold.supervisor")


def listen(host: str, port: int, backlog: int) -> socket.socket:
    """The socket that all workers share. Raises `StoreError` when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        taken = error.errno in (errno.EADDRINUSE, errno.EACCES)
        raise StoreError(
            f"Cannot listen on {host}:{port}: {error.strerror}.",
            "Choose another port with --port, or --port 0 for any."
            if taken
            else "Give an address of this machine with --host: 127.0.0.1, or 0.0.0.0 for every one.",
        ) from error
    listening.listen(backlog)
    listening.set_inheritable(True)
    return listening


class Bookkeeper:
    """Puts the data folder in order before the workers start, and keeps the shared counters true after a death."""

    def __init__(self, data: Path, ledger: Ledger = Ledger()) -> None:  # noqa: B008 (a frozen Struct)
        self._data = data
        self._ledger = ledger

    def prepare(self, settings: Settings = Settings()) -> Key | None:  # noqa: B008 (a frozen Struct)
        """Before the workers start: the store, the first admin key, the records of last time, the counters. `settings` say which
        quotas there are; the budgets of projects and workloads are counted whether somebody has one or not."""
        with contextlib.closing(open_database(self._data)) as db:
            key = ensure_admin_key(db, self._data)
            (self._data / JOURNAL).mkdir(mode=0o700, exist_ok=True)
            with contextlib.closing(LedgerWriter(self._data, self._ledger)) as writer:
                writer.round()
            now = time.time()
            keep_swept(db, Counters.create(self._data / COUNTERS, now), now)
            self._count(db, now, settings)
        return key

    def complete(self) -> None:
        """After the end of all processes: the ledger's last round, where its writer was between two lives and had none."""
        if not any((self._data / JOURNAL).glob("w*.log")):
            return
        try:
            with contextlib.closing(LedgerWriter(self._data, self._ledger)) as writer:
                writer.round()
        except FreeholdError as error:
            log.error(
                "what was journaled last is not in the ledger yet; the next start takes it over: %s", error.message
            )

    def note_policy(self, settings: Settings) -> None:
        """Notes that a configuration is in force, unless it is the one that was noted last, and keeps its text."""
        policy = digest(settings)
        with contextlib.closing(open_database(self._data)) as db, transaction(db):
            names = {"workloads": sorted(settings.workloads), "vendors": sorted(settings.vendors)}
            keep_policy(db, policy, policy_text(settings), names)

    def count_anew(self, settings: Settings) -> None:
        """Before another configuration is in force: what was used of its budgets and quotas is brought up to the records, since
        counters only count for those that there were. What is on its way at this moment is missed."""
        with contextlib.closing(open_database(self._data)) as db:
            self._count(db, time.time(), settings)

    def _count(self, db: sqlite3.Connection, now: float, settings: Settings) -> None:
        projects = (on_its_plan(project, settings.plans) for project in settings.projects.values())
        quotas = [(project.name, model) for project in projects for model in project.quotas]
        # The budgets of a key are made with it. A slot for each key that asked would fill the table, and no start would go past that.
        keys = {key.id for key in list_keys(db) if key.budgets and key.revoked_at is None}
        with contextlib.closing(Counters.open(self._data / COUNTERS, None)) as counters:
            counters.rebuild(spent_by_scope(db, now, quotas, keys), now)

    async def swept(self, worker: int) -> None:
        """After the death of a worker: what it had reserved counts as spent, since vendors may bill it."""
        await asyncio.to_thread(self._sweep, worker)

    def _sweep(self, worker: int) -> None:
        with contextlib.closing(Counters.open(self._data / COUNTERS, None)) as counters:
            swept = counters.sweep(worker)
        with contextlib.closing(open_database(self._data)) as db:
            keep_swept(db, swept, time.time())
        for scope, nano in swept.items():
            log.warning("worker %d left %d reserved in %s; it counts as spent", worker, nano, scope)
