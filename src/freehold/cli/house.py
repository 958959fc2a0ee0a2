"""The processes of one Freehold, put together: engines, workers, the ledger's writer, the rollouts. This is the supervisor's
composition root.

1 the store, the first key, the counters · 2 the socket · 3 the engines · 4 the workers · 5 `ready`. The end is the same
backwards: workers drain while engines still answer them, and what they wrote is stored last.

A table of an own model that cannot be served stops the start. A promoted version that cannot be does not: `promoted.py` starts those.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from freehold.cli.models_fetch import Bar
from freehold.cli.promoted import (
    READY_SECONDS,
    Changeover,
    Wanted,
    child_name,
    held_places,
    promoted_engines,
    read_serving,
    write_serving,
)
from freehold.cli.running import state_file
from freehold.cli.settings import read_settings
from freehold.cli.written import Written, with_promoted
from freehold.config.paths import cache_dir
from freehold.config.settings import Engine, Settings
from freehold.errors import FreeholdError, StoreError
from freehold.gateway.in_force import InForce
from freehold.gateway.ledger_writer import LEDGER
from freehold.gateway.supervisor import Bookkeeper, listen
from freehold.gateway.worker import BACKLOG, require_usable
from freehold.processes import Child, Supervisor
from freehold.serving.groups import grouped
from freehold.serving.launch import EngineSpec, plan, plan_group, ready
from freehold.store.folder import ADMIN_KEY, METRICS, make_private
from freehold.store.in_flight import IN_FLIGHT

LEDGER_SECONDS = 30
"""How long the ledger's writer may take to its end: everything that was journaled is in the ledger then."""

ROLLOUTS_SECONDS = 5
"""How long the rollouts' process may take to its end; what it decides by then is in the ledger too."""

NOT_RELOADED = "the configuration was not reloaded, the one before stays in force: %s"

log = logging.getLogger("freehold.up")


class House:
    """One running Freehold."""

    def __init__(
        self,
        settings: Settings,
        *,
        path: Path | None,
        data: Path,
        host: str,
        port: int,
        workers: int,
        environ: Mapping[str, str],
        json: bool = False,
    ) -> None:
        """`json` has it say that it is ready as one line of JSON."""
        self._json = json
        self._settings = self._asked = settings
        self._path = path
        self._data = data
        self._host = host
        self._port = port
        self._workers = workers
        self._environ = environ
        self._supervisor: Supervisor | None = None
        self._lock: int | None = None
        self._up: set[int] = set()
        self._taking_up: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Runs until SIGTERM or SIGINT. Raises `StoreError` when another Freehold runs on the same data folder."""
        level = self._settings.door.log.upper()
        logging.basicConfig(stream=sys.stderr, level=level, format="%(asctime)s up %(levelname)s %(message)s")
        wanted = promoted_engines(self._data, self._settings)
        promoted = held_places(wanted, self._settings)
        self._settings = with_promoted(self._settings, promoted)
        # 1 the store
        self._lock = _claim(make_private(self._data))
        bookkeeper = Bookkeeper(self._data, self._settings.ledger)
        bookkeeper.prepare(self._settings)
        bookkeeper.note_policy(self._settings)
        _empty(self._data / METRICS)
        _empty(self._data / IN_FLIGHT)
        # 2 the socket
        listening = listen(self._host, self._port, BACKLOG)
        url = f"http://{f'[{self._host}]' if ':' in self._host else self._host}:{listening.getsockname()[1]}"
        # 3 the engines
        supervisor = self._supervisor = Supervisor()
        engines = self._plan(promoted)
        in_force = InForce.make(self._settings)
        written = Written(self._asked, lambda settings: _announce_policy(settings, supervisor, bookkeeper, in_force))
        change = self._changeover(supervisor, written, engines, wanted)
        write_serving(self._data, change.models, promoted)
        for engine in engines:
            if engine.argv:  # a server of one's own is somebody else's to start
                supervisor.start(_engine_child(engine))
        # 4 the workers
        says, hears = os.pipe()
        stop = self._listen_to_signals(written, change)
        all_up = self._watch_workers(says)
        for number in range(self._workers):
            supervisor.start(self._worker_child(number, listening.fileno(), hears, in_force.fd, bookkeeper))
        supervisor.start(self._ledger_child())
        supervisor.start(self._rollouts_child(in_force.fd))
        # 5 ready
        state_file(self._data).write_bytes(msgspec.json.encode({"url": url, "pid": os.getpid()}))
        changing = asyncio.create_task(change.watch(all_up))
        waiting = asyncio.create_task(self._announce(url, all_up, engines, change))
        await stop.wait()
        waiting.cancel()
        changing.cancel()
        # the end, backwards; ours is the last descriptor of the socket, and nobody must wait in its queue
        listening.close()
        await supervisor.stop("worker", self._settings.door.drain_seconds + 5)
        await supervisor.stop("rollouts", ROLLOUTS_SECONDS)
        await supervisor.stop("ledger", LEDGER_SECONDS)
        await asyncio.to_thread(bookkeeper.complete)
        await supervisor.stop("engine", 5)
        state_file(self._data).unlink(missing_ok=True)

    def _plan(self, promoted: Mapping[str, Engine]) -> list[EngineSpec]:
        """The engines of the tables in which nothing promoted has a part. Raises FreeholdError."""
        groups = [one for one in grouped(self._settings.own) if promoted.keys().isdisjoint(one.names)]
        tables = {name: self._settings.own[name] for group in groups for name in group.names}
        with contextlib.closing(Bar("Fetching the weights")) as bar:
            return plan(tables, cache_dir(self._environ), self._environ, _say, bar)

    async def _announce(self, url: str, all_up: asyncio.Event, engines: list[EngineSpec], change: Changeover) -> None:
        await all_up.wait()
        await asyncio.gather(*(_until_ready(engine) for engine in engines))
        try:
            async with asyncio.timeout(READY_SECONDS):
                await change.settled()
        except TimeoutError:
            log.warning("a promoted model does not answer yet; requests for it are refused until it does")
        print(self._ready(url, change), flush=True)
        print(f"The admin key stands in {self._data / ADMIN_KEY}.", file=sys.stderr)

    def _ready(self, url: str, change: Changeover) -> str:
        """The one line on stdout."""
        if not self._json:
            return f"ready {url}"
        models = sorted(f"own/{name}" for name, served in change.models.items() if served.base_url)
        admin_key = str(self._data / ADMIN_KEY)
        said = {"ready": url, "data": str(self._data), "admin_key": admin_key, "models": models}
        return msgspec.json.encode(said).decode()

    def _listen_to_signals(self, written: Written, change: Changeover) -> asyncio.Event:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload, written, change)
        return stop

    def _reload(self, written: Written, change: Changeover) -> None:
        """Puts the configuration in force as it is now: at once with the engines that there are, and again when tables that are new or changed have theirs.
        One that cannot be used is reported, and the old one stays."""
        waits: FreeholdError | None = None
        try:
            self._asked = read_settings(self._path, self._data)
        except FreeholdError as error:
            log.error(NOT_RELOADED, error.message)
            return
        try:
            serving = read_serving(self._data)
            require_usable(with_promoted(self._asked, serving.promoted), self._data, serving.models)
            written.put(self._asked, serving.promoted)
        except FreeholdError as error:
            waits = error  # it may be a route to a model that has no engine yet
        task = asyncio.create_task(self._take_up(change, waits))
        self._taking_up.add(task)
        task.add_done_callback(self._taking_up.discard)

    async def _take_up(self, change: Changeover, waits: FreeholdError | None) -> None:
        """Has the tables of own models served as they are now; `waits` is why the configuration is not in force yet."""
        try:
            if not await change.take_up(lambda: self._asked) and waits is not None:
                log.error(NOT_RELOADED, waits.message)
        except (FreeholdError, OSError, TimeoutError) as error:
            if waits is not None:
                log.error(NOT_RELOADED, waits.message)
            log.error("the tables of own models were not taken up, the engines before stay: %s", error)

    def _changeover(
        self,
        supervisor: Supervisor,
        written: Written,
        engines: list[EngineSpec],
        wanted: Wanted,
    ) -> Changeover:
        return Changeover(
            self._data,
            supervisor,
            engines,
            self._settings.own,
            wanted,
            written=written,
            plan=lambda group: plan_group(group, cache_dir(self._environ), self._environ, _say),
            usable=lambda settings, models: require_usable(settings, self._data, models),
        )

    def _watch_workers(self, says: int) -> asyncio.Event:
        """Set once every worker has said that it takes requests."""
        all_up = asyncio.Event()

        def readable() -> None:
            for line in os.read(says, 4096).split():
                self._up.add(int(line))
            if len(self._up) == self._workers:
                all_up.set()

        asyncio.get_running_loop().add_reader(says, readable)
        return all_up

    def _ledger_child(self) -> Child:
        # Not on the command line, which everybody on the machine may read: they hold the object store's keys.
        environ = {**self._environ, LEDGER: msgspec.json.encode(self._settings.ledger).decode()}
        argv = [sys.executable, "-m", "freehold.cli.ledger_writer", "--data", str(self._data)]
        return Child(name="ledger", argv=[*argv, "--log", self._settings.door.log], environ=environ)

    def _rollouts_child(self, in_force: int) -> Child:
        argv = [sys.executable, "-m", "freehold.cli.rollouts", "--data", str(self._data)]
        argv += ["--settings", str(in_force), "--log", self._settings.door.log]
        return Child(name="rollouts", argv=argv, environ=self._environ, fds=(in_force,))

    def _worker_child(self, number: int, fd: int, hears: int, in_force: int, bookkeeper: Bookkeeper) -> Child:
        argv = [sys.executable, "-m", "freehold.cli.worker", "--data", str(self._data), "--number", str(number)]
        argv += ["--fd", str(fd), "--ready", str(hears), "--settings", str(in_force)]
        argv += ["--log", self._settings.door.log]

        async def swept() -> None:
            self._up.discard(number)
            await bookkeeper.swept(number)

        return Child(
            name=f"worker-{number}",
            argv=argv,
            environ=self._environ,
            fds=(fd, hears, in_force),
            on_exit=swept,
        )


def _announce_policy(settings: Settings, supervisor: Supervisor, bookkeeper: Bookkeeper, in_force: InForce) -> None:
    """Puts settings in force. In this order: no answer is given under a configuration that no entry tells of."""
    bookkeeper.note_policy(settings)
    bookkeeper.count_anew(settings)
    in_force.put(settings)
    for name in ("worker", "rollouts"):
        supervisor.signal(name, signal.SIGHUP)


def _claim(data: Path) -> int:
    """The lock of a data folder, held for as long as this process lives. A second Freehold would store the same records,
    and could never get the worker numbers of the first."""
    fd = os.open(make_private(data / "run") / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise StoreError(
            f"A Freehold is already running on the data folder {data}.", "Stop it first, or name another with --data."
        ) from None
    return fd


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def _empty(folder: Path) -> None:
    """A folder in which each worker leaves a file, without what an earlier run left."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in folder.glob("w*.json"):
        left.unlink(missing_ok=True)


def _engine_child(engine: EngineSpec) -> Child:
    return Child(name=child_name(engine), argv=engine.argv, environ=engine.environ)


async def _until_ready(engine: EngineSpec) -> None:
    while not await ready(engine.health):  # noqa: ASYNC110 (another process, which cannot set our event)
        await asyncio.sleep(0.05)
