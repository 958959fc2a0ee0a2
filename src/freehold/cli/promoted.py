"""Promoted versions as engines of the house: which ones serve, and the change from one to another while requests are answered; that of the tables of the
configuration, too.

    a promotion, or a table that is new or changed
        -> 1 the new engine starts beside the old one -> 2 it is ready -> 3 every worker asks the new one from its next request on
        -> 4 when no request that began before can last any longer, the old one ends

A promoted version that cannot be served keeps back itself alone: each model changes over by itself, also at the start of the house, the one before
stays where there is one, and it is tried again when the registry changes or the configuration is read anew.

`run/engines.json` says where each own model answers. The house writes it, whole, before it tells the workers; a worker that starts or reloads
reads it, so one that died in between comes back with what is true.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from freehold.cli.models_adapter import base_of, is_adapter
from freehold.cli.registered import require_registered
from freehold.cli.written import Written, with_promoted
from freehold.config.own import REGISTRY
from freehold.config.settings import Engine, Settings
from freehold.errors import EngineDown, FreeholdError, NotConfigured
from freehold.processes import Child, Supervisor
from freehold.serving.groups import Group, apart, grouped, kind
from freehold.serving.launch import EngineSpec, check_files, ready
from freehold.training.registry import LOG, MODELS, Registry, Version
from freehold.vendors.own import VLLM, Served

LOOK_SECONDS = 0.5
READY_SECONDS = 300.0
"""How long the new engine of a table may take until it answers; then the old one stays. As long `ready` is put off for promoted versions."""

LOAD_SECONDS = 1800.0
"""How long the engine of a promoted version may take. Nothing waits for it, and vLLM reads hundreds of gigabytes and compiles."""

DEATHS = 3
"""An engine that ended so often before it answered cannot serve; one that only lost its port or its memory to another comes up before that."""

WHY: Final = "The lines of the log before this one say why. It is tried again when the registry changes, or at SIGHUP."

NOWHERE: Final = Served(base_url="")
"""A model whose engine has not come up: requests for it are refused with a 503."""

log = logging.getLogger("freehold.up")


class Serving(Struct, frozen=True):
    """By what each own model is served; `promoted` are those that come from the registry."""

    models: dict[str, Served] = {}
    promoted: dict[str, Engine] = {}

    @property
    def weights(self) -> dict[str, str]:
        """The SHA-256 of the weights that answer for each model, where it is known."""
        return {name: served.weights for name, served in self.models.items() if served.weights is not None}


class Wanted(Struct, frozen=True):
    """What the registry says is to be served: `engines` of the promoted versions, and of the others why they cannot be served."""

    engines: dict[str, Engine]
    refused: dict[str, Exception]


def serving_file(data: Path) -> Path:
    """Where the house says which engines there are."""
    return data / "run" / "engines.json"


def read_serving(data: Path) -> Serving:
    """What the house said last."""
    return msgspec.json.decode(serving_file(data).read_bytes(), type=Serving)


def write_serving(data: Path, models: Mapping[str, Served], promoted: Mapping[str, Engine]) -> None:
    """Says by what own models are served, whole or not at all."""
    path = serving_file(data)
    draft = path.with_name(f".{path.name}")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(msgspec.json.encode(Serving(dict(models), dict(promoted))))
    draft.replace(path)


def promoted_engines(data: Path, settings: Settings) -> Wanted:
    """An engine for each model that has a promoted version whose files can be served. An [own.NAME] of the configuration goes before, unless its
    weights are `registry`: then it says how the promoted version is served, and is refused where there is none yet. Raises RegistryError for a registry that
    cannot be read."""
    registry = Registry(data / MODELS)
    wanted = Wanted({}, {})
    for name, version in registry.serving().items():
        given = settings.own.get(name)
        if given is not None and given.weights != REGISTRY:
            continue
        try:
            engine = _engine(registry, version, given or Engine(name=name), data)
            check_files(engine)
        except (FreeholdError, OSError) as error:
            wanted.refused[name] = error
        else:
            wanted.engines[name] = engine
    for name, engine in settings.own.items():
        if engine.weights == REGISTRY and name not in {**wanted.engines, **wanted.refused}:
            wanted.refused[name] = NotConfigured(
                f"[own.{name}] is to serve the promoted version of the registry, and none is promoted.",
                f"Promote one with `freehold models promote {name}@VERSION`.",
            )
    return wanted


def held_places(wanted: Wanted, settings: Settings) -> dict[str, Engine]:
    """The engines that are wanted, and for each model that cannot be served one in its name, so that routes may lead there."""
    return {name: settings.own.get(name, Engine(name=name)) for name in wanted.refused} | wanted.engines


def _engine(registry: Registry, version: Version, given: Engine, data: Path) -> Engine:
    """How a version is served. One whose file is an adapter is served over the weights of the version that its lineage names as its base."""
    context = given.context or version.manifest.context or None
    if kind(given) == VLLM:
        return replace(given, weights=str(_laid_out(registry, version, data)), context=context)
    file = registry.weights_file(version)
    if not is_adapter(file):
        return replace(given, weights=str(file), context=context)
    base = base_of(version.manifest, registry)
    context = context or base.manifest.context or None
    return replace(given, weights=str(registry.weights_file(base)), adapter=str(file), context=context)


def _laid_out(registry: Registry, version: Version, data: Path) -> Path:
    """A folder with the files of a version under their own names, each a link to its bytes: what vLLM reads."""
    folder = data / "run" / "weights" / f"{version.model}-{version.digest[:12]}"
    for file in version.manifest.files:
        link = folder / file.path
        link.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(registry.blob(file).absolute())
    return folder


class Changeover:
    """Starts the engines of promoted versions, watches the registry of a running house, and changes engines over."""

    def __init__(
        self,
        data: Path,
        supervisor: Supervisor,
        engines: Sequence[EngineSpec],
        own: Mapping[str, Engine],
        wanted: Wanted,
        *,
        written: Written,
        plan: Callable[[Group], EngineSpec],
        usable: Callable[[Settings, Mapping[str, Served]], None],
    ) -> None:
        """`own` are all models as the settings in force have them, what is promoted included as it was `wanted`; `engines` those that run of them: all
        that nothing promoted has a part in. `written` is the configuration in force, `plan` makes the spec of an engine, `usable` raises where no worker could take these
        settings with these models."""
        self._data = data
        self._supervisor = supervisor
        self._written = written
        self._plan = plan
        self._usable = usable
        self._alone = asyncio.Lock()
        self._promoted = {name: own[name] for name in (*wanted.engines, *wanted.refused)}
        self._groups = [group for group in grouped(own) if wanted.engines.keys().isdisjoint(group.names)]
        self._models = dict.fromkeys((name for group in grouped(own) for name in group.names), NOWHERE)
        self._models.update({name: served for engine in engines for name, served in engine.models.items()})
        self._children = {name: child_name(engine) for engine in engines for name in engine.models}
        self._number = 0
        self._beginning: list[tuple[Group, asyncio.Task[None]]] = []
        self._failed: list[Group] = []
        self._said: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def models(self) -> Mapping[str, Served]:
        """By what each own model is served now."""
        return self._models

    async def watch(self, workers_up: asyncio.Event) -> None:
        """Begins the engines of the promoted versions, and looks at the registry again and again, until it is cancelled. Nobody is told of an engine before
        all workers listen."""
        seen = self._stamp()
        self._look()
        try:
            async with self._alone:
                await workers_up.wait()
            while True:
                await asyncio.sleep(LOOK_SECONDS)
                now = self._stamp()
                if now != seen:
                    seen = now
                    self._look()
        finally:
            for _, task in self._beginning:
                task.cancel()

    async def settled(self) -> None:
        """Waits until every promoted version that was begun is served, or cannot be."""
        while self._beginning:
            await asyncio.wait([task for _, task in self._beginning])

    async def take_up(self, asked: Callable[[], Settings]) -> bool:
        """Has every table of the settings served that are asked for when its turn comes, and puts them in force with that: new and changed ones by a new engine, and those that are gone by none. Says whether
        anything had to be changed. All or nothing: raises FreeholdError, and then everything stays as it was. Tables that only say how a promoted version
        is served are taken up afterwards, each by itself."""
        async with self._alone:
            settings = asked()
            found = self._wanted(settings)
            wanted = held_places(found, settings)
            held = found.refused.keys() - found.engines.keys()
            for name in held - self._models.keys():
                raise found.refused[name]
            groups = grouped(with_promoted(settings, wanted).own)
            gone = self._models.keys() - {name for group in groups for name in group.names}
            fresh = [
                group
                for group in groups
                if group not in self._groups and group not in self._failed and not wanted.keys() >= set(group.names)
            ]
            if fresh or gone:
                await self._take_up(settings, fresh, gone, wanted)
        self._look()
        return bool(fresh or gone)

    async def _take_up(
        self, settings: Settings, fresh: Sequence[Group], gone: Collection[str], wanted: Mapping[str, Engine]
    ) -> None:
        started: list[tuple[EngineSpec, str]] = []
        try:
            for group in fresh:
                started.append(await self._start(group, READY_SECONDS))
            # A table may have ceased to point to the registry.
            promoted = {name: engine for name, engine in self._promoted.items() if name in wanted}
            taken = {name for group in fresh for name in group.names}
            promoted |= {name: engine for name, engine in wanted.items() if name in taken}
            models = {name: served for name, served in self._models.items() if name not in gone}
            for spec, _ in started:
                models.update(spec.models)
            self._usable(with_promoted(settings, wanted), models)
            self._commit(settings, started, fresh, promoted, gone)
        except BaseException:
            for _, child in started:
                await self._supervisor.retire(child, 5)
            raise

    def _stamp(self) -> tuple[int, int]:
        try:
            found = (self._data / MODELS / LOG).stat()
        except OSError:
            return (0, 0)
        return (found.st_mtime_ns, found.st_size)

    def _look(self) -> None:
        """Begins to change over each promoted model that is not served as it is to be, and gives up what was begun and is not wanted any more."""
        try:
            settings = self._written.settings
            wanted = self._wanted(settings)
        except (FreeholdError, OSError) as error:
            log.error("the promoted versions cannot be looked at, everything stays as it was: %s", error)
            return
        engines = wanted.engines
        own = with_promoted(settings, engines).own
        fresh = [
            group for group in grouped(own) if group not in self._groups and not engines.keys().isdisjoint(group.names)
        ]
        open_still = {*wanted.refused, *(name for group in fresh for name in group.names)}
        self._said = {name: why for name, why in self._said.items() if name in open_still}
        for group, task in self._beginning:
            if group not in fresh:
                task.cancel()
        self._beginning = [(group, task) for group, task in self._beginning if group in fresh]
        self._failed = [group for group in self._failed if group in fresh]
        begun = [group for group, _ in self._beginning]
        for group in fresh:
            if group not in begun:
                task = self._kept(self._change(group, engines))
                self._beginning.append((group, task))
                task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._beginning = [one for one in self._beginning if one[1] is not task]

    def _wanted(self, settings: Settings) -> Wanted:
        """The engines of the promoted versions; also of one that is refused the one before, where there is one, and why is said."""
        wanted = promoted_engines(self._data, settings)
        for name, error in wanted.refused.items():
            self._complain(name, error)
        before = {name: engine for name, engine in self._promoted.items() if name in wanted.refused}
        return Wanted({**wanted.engines, **before}, wanted.refused)

    async def _change(self, group: Group, wanted: Mapping[str, Engine]) -> None:
        """Changes one engine over. Where it does not come up with all of its models, each is tried alone."""
        try:
            started = await self._start(group, LOAD_SECONDS)
            try:
                async with self._alone:
                    theirs = {name: engine for name, engine in wanted.items() if name in group.names}
                    self._commit(self._written.settings, [started], [group], {**self._promoted, **theirs})
            except BaseException:
                await self._supervisor.retire(started[1], 5)
                raise
        except (FreeholdError, OSError) as error:
            self._failed.append(group)
            if len(group.names) == 1:
                self._complain(group.names[0], error)
                return
            for one in apart(group):
                if one not in self._groups:
                    await self._change(one, wanted)

    def _complain(self, name: str, error: Exception) -> None:
        """Says why a model is not served by its promoted version, once for each cause."""
        why = error.message if isinstance(error, FreeholdError) else str(error)
        if self._said.get(name) != why:
            self._said[name] = why
            stays = (
                "the one before stays" if self._models.get(name, NOWHERE).base_url else "requests for it are refused"
            )
            log.error("own/%s is not served as it should be, %s: %s", name, stays, why)

    async def _start(self, group: Group, limit: float) -> tuple[EngineSpec, str]:
        """Starts the engine of a group and waits until it answers; gives it, and what its child is called. Raises FreeholdError, OSError."""
        # 1
        spec = await asyncio.to_thread(self._planned, group)
        self._number += 1
        child = child_name(spec, self._number)
        deaths = 0

        async def died() -> None:
            nonlocal deaths
            deaths += 1

        if spec.argv:  # a server of one's own is somebody else's to start
            self._supervisor.start(Child(name=child, argv=spec.argv, environ=spec.environ, on_exit=died))
        # 2
        served = ", ".join(f"own/{name}" for name in group.names)
        try:
            async with asyncio.timeout(limit):
                while not await ready(spec.health):
                    if deaths >= DEATHS:
                        raise EngineDown(f"The engine of {served} ended {DEATHS} times before it answered.", WHY)
                    await asyncio.sleep(0.05)
        except BaseException as error:
            await self._supervisor.retire(child, 5)
            if isinstance(error, TimeoutError):
                raise EngineDown(f"The engine of {served} did not answer within {limit:.0f} s.", WHY) from None
            raise
        return spec, child

    def _planned(self, group: Group) -> EngineSpec:
        spec = self._plan(group)
        require_registered(group, spec, Registry(self._data / MODELS).blobs)
        return spec

    def _commit(
        self,
        settings: Settings,
        started: Sequence[tuple[EngineSpec, str]],
        groups: Sequence[Group],
        promoted: Mapping[str, Engine],
        gone: Collection[str] = (),
    ) -> None:
        """Has the workers ask the engines that were started for these groups, and those before end in time. `settings` are in force from then on;
        `promoted` are all that come from the registry now. Raises FreeholdError, OSError, and then everything is as it was."""
        models = {name: served for name, served in self._models.items() if name not in gone}
        for spec, _ in started:
            models.update(spec.models)
        kept = {name: engine for name, engine in promoted.items() if name in models}
        # 3
        write_serving(self._data, models, kept)
        try:
            self._written.put(settings, kept)
        except BaseException:
            write_serving(self._data, self._models, self._promoted)
            raise
        before = set(self._children.values())
        self._models, self._promoted = models, kept
        self._children = {name: child for name, child in self._children.items() if name not in gone}
        for spec, child in started:
            self._children.update(dict.fromkeys(spec.models, child))
        taken = {name for group in groups for name in group.names}
        left = [one for one in self._groups if taken.isdisjoint(one.names) and not set(one.names) <= set(gone)]
        self._groups = [*left, *groups]
        self._failed = [one for one in self._failed if taken.isdisjoint(one.names)]
        self._said = {name: why for name, why in self._said.items() if name not in taken}
        for name, served in ((name, served) for spec, _ in started for name, served in spec.models.items()):
            log.info("own/%s is now served with the weights %s", name, (served.weights or "")[:12])
        # 4
        for old in before - set(self._children.values()):
            self._kept(self._retire(old, self._written.lasts))

    def _kept(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task that nobody else need hold."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _retire(self, child: str, after: float) -> None:
        await asyncio.sleep(after)
        await self._supervisor.retire(child, 5)


def child_name(engine: EngineSpec, number: int = 0) -> str:
    """What the supervisor calls the process of an engine. The `number` is the engine's own, 0 for those that the house begins with, so that the first one of
    `nano-1` is never taken for the next one of `nano`."""
    return f"engine-{engine.name}-{number}"
