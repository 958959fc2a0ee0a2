"""Promoted versions as engines of the house: which ones serve, and the change from one to another while requests are answered; that of the tables of the
configuration, too.

    a promotion, or a table that is new or changed
        -> 1 the new engine starts beside the old one -> 2 it is ready -> 3 every worker asks the new one from its next request on
        -> 4 when no request that began before can last any longer, the old one ends

`run/engines.json` says where each own model answers. The house writes it, whole, before it tells the workers; a worker that starts or reloads
reads it, so one that died in between comes back with what is true.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from freehold.cli.models_adapter import base_of, is_adapter
from freehold.config.discovery import OWN
from freehold.config.own import REGISTRY
from freehold.config.settings import Engine, Settings, VendorSettings
from freehold.errors import FreeholdError, NotConfigured
from freehold.processes import Child, Supervisor
from freehold.serving.groups import Group, grouped, kind
from freehold.serving.launch import EngineSpec
from freehold.training.registry import LOG, MODELS, Registry, Version
from freehold.vendors.own import VLLM, Served

LOOK_SECONDS = 0.5
READY_SECONDS = 300.0
"""How long a new engine may take until it answers; then the old one stays."""

log = logging.getLogger("freehold.up")


class Serving(Struct, frozen=True):
    """By what each own model is served; `promoted` are those that come from the registry."""

    models: dict[str, Served] = {}
    promoted: dict[str, Engine] = {}

    @property
    def weights(self) -> dict[str, str]:
        """The SHA-256 of the weights that answer for each model, where it is known."""
        return {name: served.weights for name, served in self.models.items() if served.weights is not None}


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


def promoted_engines(data: Path, settings: Settings) -> dict[str, Engine]:
    """An engine for each model that has a promoted version. An [own.NAME] of the configuration goes before, unless its weights are `registry`:
    then it says how the promoted version is served. Raises NotConfigured where there is none, RegistryError."""
    registry = Registry(data / MODELS)
    found: dict[str, Engine] = {}
    for name, version in registry.serving().items():
        given = settings.own.get(name)
        if given is not None and given.weights != REGISTRY:
            continue
        found[name] = _engine(registry, version, given or Engine(name=name), data)
    for name, engine in settings.own.items():
        if engine.weights == REGISTRY and name not in found:
            raise NotConfigured(
                f"[own.{name}] is to serve the promoted version of the registry, and none is promoted.",
                f"Promote one with `freehold models promote {name}@VERSION`.",
            )
    return found


def with_promoted(settings: Settings, promoted: Mapping[str, Engine]) -> Settings:
    """The settings with these engines among the own models, and the vendor `own` where it was missing."""
    if not promoted:
        return settings
    vendors = settings.vendors
    if OWN not in vendors:
        vendors = {**vendors, OWN: VendorSettings(name=OWN, like=OWN)}
    return replace(settings, own={**settings.own, **promoted}, vendors=vendors)


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
    """Watches the registry of a running house and changes engines over."""

    def __init__(
        self,
        data: Path,
        supervisor: Supervisor,
        engines: Sequence[EngineSpec],
        *,
        settings: Callable[[], Settings],
        plan: Callable[[Group], EngineSpec],
        ready: Callable[[EngineSpec], Awaitable[None]],
        usable: Callable[[Settings, Mapping[str, Served]], None],
        tell: Callable[[Settings], None],
    ) -> None:
        """`engines` are those that run; `plan` makes the spec of one, `ready` waits for it, `usable` raises where no worker could take these settings with
        these models, `tell` has the workers read anew."""
        self._data = data
        self._supervisor = supervisor
        self._settings = settings
        self._plan = plan
        self._ready = ready
        self._usable = usable
        self._tell = tell
        self._alone = asyncio.Lock()
        self._promoted = promoted_engines(data, settings())
        self._groups = grouped(with_promoted(settings(), self._promoted).own)
        self._models = {name: served for engine in engines for name, served in engine.models.items()}
        self._children = {name: child_name(engine) for engine in engines for name in engine.models}
        self._number = 0
        self._leaving: set[asyncio.Task[None]] = set()

    async def watch(self) -> None:
        """Looks at the registry again and again, until it is cancelled. What goes wrong is said, and everything stays as it was."""
        seen = self._stamp()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now = self._stamp()
            if now == seen:
                continue
            seen = now
            try:
                async with self._alone:
                    await self._change()
            except (FreeholdError, OSError, TimeoutError) as error:
                log.error("the promoted versions could not be changed over to, the ones before stay: %s", error)

    async def take_up(self) -> bool:
        """Has every table of the configuration served as it is written now: new and changed ones by a new engine, and those that are gone by none. Says whether
        anything had to be changed. All or nothing: raises FreeholdError, OSError or TimeoutError, and then everything stays as it was."""
        async with self._alone:
            settings = self._settings()
            wanted = promoted_engines(self._data, settings)
            groups = grouped(with_promoted(settings, wanted).own)
            gone = self._models.keys() - {name for group in groups for name in group.names}
            fresh = [group for group in groups if group not in self._groups]
            if not fresh and not gone:
                return False
            started: list[tuple[EngineSpec, str]] = []
            try:
                for group in fresh:
                    started.append(await self._start(group))
                models = {name: served for name, served in self._models.items() if name not in gone}
                for spec, _ in started:
                    models.update(spec.models)
                self._usable(with_promoted(settings, wanted), models)
            except BaseException:
                for _, child in started:
                    await self._supervisor.retire(child, 5)
                raise
            self._promoted = {}  # a table may have ceased to point to the registry
            self._commit(started, wanted, gone)
            self._groups = groups
            return True

    def _stamp(self) -> tuple[int, int]:
        try:
            found = (self._data / MODELS / LOG).stat()
        except OSError:
            return (0, 0)
        return (found.st_mtime_ns, found.st_size)

    async def _change(self) -> None:
        settings = self._settings()
        wanted = promoted_engines(self._data, settings)
        for group in grouped(with_promoted(settings, wanted).own):
            if group not in self._groups and not wanted.keys().isdisjoint(group.names):
                started = await self._start(group)
                self._commit([started], {name: engine for name, engine in wanted.items() if name in group.names})
                self._groups = [one for one in self._groups if set(one.names).isdisjoint(group.names)] + [group]

    async def _start(self, group: Group) -> tuple[EngineSpec, str]:
        """Starts the engine of a group and waits until it answers; gives it, and what its child is called."""
        # 1
        spec = await asyncio.to_thread(self._plan, group)
        self._number += 1
        child = f"{child_name(spec)}-{self._number}"
        if spec.argv:  # a server of one's own is somebody else's to start
            self._supervisor.start(Child(name=child, argv=spec.argv, environ=spec.environ))
        # 2
        try:
            async with asyncio.timeout(READY_SECONDS):
                await self._ready(spec)
        except TimeoutError:
            await self._supervisor.retire(child, 5)
            raise
        return spec, child

    def _commit(
        self, started: list[tuple[EngineSpec, str]], promoted: Mapping[str, Engine], gone: Iterable[str] = ()
    ) -> None:
        """Has the workers ask the engines that were started, and those before end in time."""
        # 3
        before = set(self._children.values())
        for name in gone:
            del self._models[name], self._children[name]
        for spec, child in started:
            self._models.update(spec.models)
            self._children.update(dict.fromkeys(spec.models, child))
        self._promoted = {name: one for name, one in {**self._promoted, **promoted}.items() if name in self._models}
        write_serving(self._data, self._models, self._promoted)
        settings = with_promoted(self._settings(), self._promoted)
        self._tell(settings)
        for name, served in ((name, served) for spec, _ in started for name, served in spec.models.items()):
            log.info("own/%s is now served with the weights %s", name, (served.weights or "")[:12])
        # 4
        longest = max([settings.timeouts.total, *(w.timeouts.total for w in settings.workloads.values() if w.timeouts)])
        for old in before - set(self._children.values()):
            leaving = asyncio.create_task(self._retire(old, longest))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    async def _retire(self, child: str, after: float) -> None:
        await asyncio.sleep(after)
        await self._supervisor.retire(child, 5)


def child_name(engine: EngineSpec) -> str:
    """What the supervisor calls the process of an engine."""
    return f"engine-{engine.name}"
