"""One worker of the door, put together: the composition root, its listening socket, its clock, its reload and its end.

Everything that the lifecycle works with is built here and handed down; nothing else in the gateway builds anything.
"""

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from freehold.catalog.catalog import Catalog
from freehold.config.settings import Settings
from freehold.errors import FreeholdError, RecordNotKept
from freehold.gateway.book import Book
from freehold.gateway.callers import Callers, Keys
from freehold.gateway.canaries import Canaries
from freehold.gateway.capture import Capturer
from freehold.gateway.deployments import Deployments
from freehold.gateway.door import Door
from freehold.gateway.feedback import Feedback
from freehold.gateway.group_commit import GroupCommit
from freehold.gateway.http import Clock, Limits, Server
from freehold.gateway.lifecycle import Lifecycle, Parts
from freehold.gateway.metrics import Metrics
from freehold.gateway.receipts import Receipts
from freehold.gateway.seams import NoSafeguards, Safeguards
from freehold.gateway.shadow import Shadows
from freehold.gateway.tracer import Tracer
from freehold.outbound.pool import Pool
from freehold.store.callers import load_keys
from freehold.store.canaries import Canary, active_canaries
from freehold.store.counters import Counters
from freehold.store.database import open_database
from freehold.store.folder import COUNTERS, JOURNAL, METRICS, door_secret
from freehold.store.in_flight import IN_FLIGHT, InFlight
from freehold.store.journal import Journal
from freehold.vendors import load
from freehold.vendors.own import Served

BACKLOG = 2048
TICK_SECONDS = 1.0
SWEEP_EVERY = 15

log = logging.getLogger("freehold.worker")


class Worker:
    """One worker. Make it inside the running event loop, `serve` on a listening socket, `drain` to end."""

    def __init__(
        self,
        read_settings: Callable[[], Settings],
        data: Path,
        number: int,
        engines: Mapping[str, Served],
        *,
        safeguards: Safeguards | None = None,
        read_engines: Callable[[], Mapping[str, Served]] | None = None,
    ) -> None:
        """`read_settings` gives the settings in force, anew at each call. `engines` says by what own models are served; `read_engines` says it anew
        at a reload, where it may change."""
        self._read_engines = read_engines
        self._read_settings = read_settings
        self._engines = engines
        self._catalog = Catalog.load()
        self._vendors = load()
        self._secret = door_secret(data)
        self._data = data
        self.counters = Counters.open(data / COUNTERS, number)
        self.journal = Journal(data / JOURNAL, number)
        self._flushes = GroupCommit(self.journal)
        self._pool = Pool()
        self._book = self._make_book(read_settings(), None)
        settings = self._book.settings
        metrics = Metrics(data / METRICS, number)
        parts = Parts(
            book=lambda: self._book,
            callers=Callers(self._load_keys, self.counters),
            canaries=Canaries(self._load_canaries, self.counters, InFlight(data / IN_FLIGHT, number), self._secret),
            counters=self.counters,
            pool=self._pool,
            safeguards=safeguards or NoSafeguards(),
            recorder=self.journal,
            flusher=self._flushes,
            metrics=metrics,
            tracer=Tracer(self.journal, metrics),
            capturer=Capturer(self.journal, metrics, self._secret),
            shadows=Shadows(self._pool, self.counters, self.journal, metrics),
            max_in_flight=settings.door.max_in_flight,
            max_in_flight_per_key=settings.door.max_in_flight_per_key,
        )
        self._parts = parts
        self.lifecycle = Lifecycle(parts)
        receipts, feedback = Receipts(data, settings.ledger.storage), Feedback(data, self.journal)
        self.door = Door(self.lifecycle, parts, receipts, feedback, time.time)
        self._limits = _limits(settings)
        self._connections: set[Server] = set()
        self._clock = Clock()
        self._server: asyncio.Server | None = None
        self._ticking: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._book.settings

    async def serve(self, listening: socket.socket) -> None:
        """Takes requests from now on."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Server(self.door.handle, self._limits, self._clock, self._connections),
            sock=listening,
            backlog=BACKLOG,
        )
        self._ticking = asyncio.create_task(self._tick())
        self._warm_tracer()
        self.door.ready = True

    def reload(self) -> None:
        """Takes the configuration as it is now. One that cannot be used is reported, and the old one stays."""
        try:
            if self._read_engines is not None:
                self._engines = self._read_engines()
            self._book = self._make_book(self._read_settings(), self._book.deployments)
        except FreeholdError as error:
            log.error("the configuration was not reloaded, the one before stays in force: %s", error.message)
        else:
            self._take_limits()
            self._warm_tracer()
            log.info("the configuration was reloaded")

    async def drain(self) -> None:
        """Takes no more requests, lets the running ones finish for `door.drain_seconds`, then ends them."""
        self.door.ready = False
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.drain()
        deadline = time.monotonic() + self._book.settings.door.drain_seconds
        while self._connections and time.monotonic() < deadline:  # noqa: ASYNC110 (connections end on their own)
            await asyncio.sleep(0.02)
        for connection in list(self._connections):
            connection.abort()
        if self._ticking is not None:
            self._ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticking
        while self.lifecycle.in_flight:  # noqa: ASYNC110 (the cancelled ones are keeping their records)
            await asyncio.sleep(0)
        left = max(0.0, deadline - time.monotonic())
        await asyncio.gather(
            self._parts.tracer.close(left), self._parts.capturer.close(left), self._parts.shadows.close(left)
        )
        self.lifecycle.finish()
        self.close()

    def close(self) -> None:
        """Lets go of files and connections; a second time does nothing."""
        if self._closed:
            return
        self._closed = True
        self._parts.metrics.in_flight(0)
        self._parts.metrics.save()
        self._pool.close()
        self._flushes.close()
        self.journal.close()
        self.counters.close()

    # --- inside ---

    def _take_limits(self) -> None:
        """What a reload changes beside the book: how much is taken at once, how large, and how long it may take to come."""
        settings = self._book.settings
        self._parts.max_in_flight = settings.door.max_in_flight
        self._parts.max_in_flight_per_key = settings.door.max_in_flight_per_key
        self._limits = _limits(settings)
        for connection in self._connections:
            connection.limit(self._limits)

    def _warm_tracer(self) -> None:
        """Begins the processes that check traces and make items where a workload has any: the first should not wait for one."""
        for mode in {self._book.traces(name) for name in self._book.settings.workloads} - {False}:
            self._parts.tracer.warm(inline=mode == "inline")
        if any(workload.capture is not None for workload in self._book.settings.workloads.values()):
            self._parts.capturer.warm()

    def _make_book(self, settings: Settings, before: Deployments | None) -> Book:
        deployments = Deployments(settings, self._vendors, self._catalog, self._secret, self._engines, before)
        return Book(settings, deployments, self.counters, datetime.now(UTC).date())

    def _keep_journal(self) -> None:
        """Writes what waits (`relaxed`), and closes finished segments; a disk that is full now may not be a second later."""
        with contextlib.suppress(RecordNotKept):
            self.lifecycle.keep_late()
            self.journal.flush()
            self.journal.rotate_old()
            if self.journal.rotated:
                self._flushes.begin()

    def _load_keys(self) -> Keys:
        with contextlib.closing(open_database(self._data)) as db:
            return load_keys(db)

    def _load_canaries(self) -> list[Canary]:
        with contextlib.closing(open_database(self._data)) as db:
            return active_canaries(db)

    async def _tick(self) -> None:
        ticks = 0
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            ticks += 1
            self._clock.tick()
            now = loop.time()
            for connection in list(self._connections):
                connection.expire(now)
            self._parts.metrics.in_flight(self.lifecycle.in_flight)
            self._parts.metrics.save()
            self._keep_journal()
            self._parts.canaries.save()
            if ticks % SWEEP_EVERY == 0:
                self._pool.sweep()
            today = datetime.now(UTC).date()
            if today != self._book.today:
                self._book.refresh(today)


def require_usable(settings: Settings, data: Path, engines: Mapping[str, Served]) -> None:
    """Raises a FreeholdError where no worker could take these settings: a route may name a model that no engine serves yet."""
    with contextlib.closing(Counters.open(data / COUNTERS, None)) as counters:
        deployments = Deployments(settings, load(), Catalog.load(), door_secret(data), engines, None)
        Book(settings, deployments, counters, datetime.now(UTC).date())


def _limits(settings: Settings) -> Limits:
    door = settings.door
    return Limits(
        max_body=int(door.max_body_mb * 1024 * 1024),
        body_seconds=door.body_seconds,
        keep_alive_seconds=door.keep_alive_seconds,
    )
