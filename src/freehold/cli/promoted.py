"""Promoted versions as engines of the house: which ones serve, and the change from one to another while requests are answered.

    a promotion -> 1 the new engine starts beside the old one -> 2 it is ready -> 3 every worker asks the new one from its next request on
                -> 4 when no request that began before can last any longer, the old one ends

`run/engines.json` says where each own model answers. The house writes it, whole, before it tells the workers; a worker that starts or reloads
reads it, so one that died in between comes back with what is true.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from freehold.config.settings import Engine, Settings, VendorSettings
from freehold.errors import FreeholdError, NotConfigured
from freehold.processes import Child, Supervisor
from freehold.serving.launch import EngineSpec
from freehold.training.registry import LOG, MODELS, Registry

OWN = "own"
REGISTRY = "registry"
"""As `weights` of an [own.NAME]: the version of the registry that is promoted."""

LOOK_SECONDS = 0.5
READY_SECONDS = 300.0
"""How long a new engine may take until it answers; then the old one stays."""

log = logging.getLogger("freehold.up")


class Serving(Struct, frozen=True):
    """Where own models answer and with which weights (SHA-256), by name; `promoted` are those that come from the registry."""

    base_urls: dict[str, str] = {}
    weights: dict[str, str] = {}
    promoted: dict[str, Engine] = {}


def serving_file(data: Path) -> Path:
    """Where the house says which engines there are."""
    return data / "run" / "engines.json"


def read_serving(data: Path) -> Serving:
    """What the house said last."""
    return msgspec.json.decode(serving_file(data).read_bytes(), type=Serving)


def write_serving(data: Path, engines: Mapping[str, EngineSpec], promoted: Mapping[str, Engine]) -> None:
    """Says which engines there are, whole or not at all."""
    found = Serving(
        {name: engine.base_url for name, engine in engines.items()},
        {name: engine.digest for name, engine in engines.items()},
        dict(promoted),
    )
    path = serving_file(data)
    draft = path.with_name(f".{path.name}")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(msgspec.json.encode(found))
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
        context = version.manifest.context
        engine = given or (Engine(name=name, weights="", context=context) if context else Engine(name=name, weights=""))
        found[name] = replace(engine, weights=str(registry.weights_file(version)))
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


class Changeover:
    """Watches the registry of a running house and changes engines over."""

    def __init__(
        self,
        data: Path,
        supervisor: Supervisor,
        engines: dict[str, EngineSpec],
        *,
        settings: Callable[[], Settings],
        plan: Callable[[Mapping[str, Engine]], list[EngineSpec]],
        ready: Callable[[EngineSpec], Awaitable[None]],
        tell: Callable[[Settings], None],
    ) -> None:
        """`engines` are those that run, by model; `plan` makes specs of engines, `ready` waits for one, `tell` has the workers read anew."""
        self._data = data
        self._supervisor = supervisor
        self._engines = engines
        self._settings = settings
        self._plan = plan
        self._ready = ready
        self._tell = tell
        self._children = {name: f"engine-{name}" for name in engines}
        self._promoted = promoted_engines(data, settings())
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
                await self._change()
            except (FreeholdError, OSError, TimeoutError) as error:
                log.error("the promoted versions could not be changed over to, the ones before stay: %s", error)

    def _stamp(self) -> tuple[int, int]:
        try:
            found = (self._data / MODELS / LOG).stat()
        except OSError:
            return (0, 0)
        return (found.st_mtime_ns, found.st_size)

    async def _change(self) -> None:
        wanted = promoted_engines(self._data, self._settings())
        for name, engine in wanted.items():
            if engine != self._promoted.get(name):
                await self._serve(name, engine)

    async def _serve(self, name: str, engine: Engine) -> None:
        # 1
        (spec,) = await asyncio.to_thread(self._plan, {name: engine})
        self._number += 1
        child = f"engine-{name}-{self._number}"
        self._supervisor.start(Child(name=child, argv=spec.argv, environ=spec.environ))
        # 2
        try:
            async with asyncio.timeout(READY_SECONDS):
                await self._ready(spec)
        except TimeoutError:
            await self._supervisor.retire(child, 5)
            raise
        # 3
        before = self._children.get(name)
        self._engines[name], self._children[name] = spec, child
        self._promoted[name] = engine
        write_serving(self._data, self._engines, self._promoted)
        settings = with_promoted(self._settings(), self._promoted)
        self._tell(settings)
        log.info("own/%s is now served with the weights %s", name, spec.digest[:12])
        # 4
        if before is not None:
            longest = max(
                [settings.timeouts.total, *(w.timeouts.total for w in settings.workloads.values() if w.timeouts)]
            )
            leaving = asyncio.create_task(self._retire(before, longest))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    async def _retire(self, child: str, after: float) -> None:
        await asyncio.sleep(after)
        await self._supervisor.retire(child, 5)
