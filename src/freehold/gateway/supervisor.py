"""What the supervisor does for the door besides keeping its processes up: the socket, the records, the sweeping.

Workers write records to files of their own; only this process moves them into the store, so nothing on the way of a
request waits for a database. When a worker dies, what it had reserved is settled here.
"""

import asyncio
import contextlib
import logging
import socket
import sqlite3
import time
from pathlib import Path

from freehold.errors import StoreError
from freehold.store.callers import Key, ensure_admin_key
from freehold.store.counters import Counters
from freehold.store.database import open_database
from freehold.store.drain import Drain
from freehold.store.folder import COUNTERS, JOURNAL
from freehold.store.usage import keep_swept, spent_by_scope

DRAIN_SECONDS = 0.2

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
        raise StoreError(
            f"Cannot listen on {host}:{port}: {error.strerror}.",
            "Choose another port with --port, or --port 0 for any.",
        ) from error
    listening.listen(backlog)
    listening.set_inheritable(True)
    return listening


class Bookkeeper:
    """Moves records into the store and keeps the shared counters true."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._task: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self._db: sqlite3.Connection | None = None
        self.failing = False

    def prepare(self) -> Key | None:
        """Before the workers start: the store, the first admin key, the records of last time, the counters."""
        with contextlib.closing(open_database(self._data)) as db:
            key = ensure_admin_key(db, self._data)
            (self._data / JOURNAL).mkdir(mode=0o700, exist_ok=True)
            Drain(db, self._data / JOURNAL).drain_once()
            now = time.time()
            keep_swept(db, Counters.create(self._data / COUNTERS, now), now)
            with contextlib.closing(Counters.open(self._data / COUNTERS, None)) as counters:
                counters.rebuild(spent_by_scope(db, now), now)
        return key

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Moves what is left, then ends."""
        self._stop.set()
        if self._task is not None:
            await self._task
        if self._db is not None:
            self._db.close()

    async def swept(self, worker: int) -> None:
        """After the death of a worker: what it had reserved counts as spent, since vendors may bill it."""
        await asyncio.to_thread(self._sweep, worker)

    def _sweep(self, worker: int) -> None:
        with contextlib.closing(Counters.open(self._data / COUNTERS, None)) as counters:
            swept = counters.sweep(worker)
        with contextlib.closing(open_database(self._data)) as db:
            keep_swept(db, swept, time.time())
        for scope, nano in swept.items():
            log.warning("worker %d left $%.6f reserved in %s; it counts as spent", worker, nano / 1e9, scope)

    async def _run(self) -> None:
        stopping = False
        while not stopping:
            try:
                await asyncio.wait_for(self._stop.wait(), DRAIN_SECONDS)
                stopping = True
            except TimeoutError:
                pass
            try:
                await asyncio.to_thread(self._drain)
                self.failing = False
            except Exception:
                if not self.failing:
                    log.exception(
                        "records cannot be moved into the store; they stay in the journal and nothing is lost"
                    )
                self.failing = True

    def _drain(self) -> None:
        if self._db is None:
            self._db = open_database(self._data)
        Drain(self._db, self._data / JOURNAL).drain_once()
