"""From the settings of own models to the engines that serve them: what to run, where it will answer, whether it does.

It starts nothing. `processes.Supervisor` keeps alive what is planned here, and the door reaches it over HTTP. A server of one's own at a
`url` is planned too, with nothing to run.
"""

import asyncio
import importlib.util
import secrets
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from freehold.catalog.weights import NAMED, digest, digest_of_several, locate
from freehold.config.settings import Engine
from freehold.errors import FetchError, NotConfigured
from freehold.serving import vllm
from freehold.serving.gguf import Head, NotGguf, files_of, read_head
from freehold.serving.groups import LLAMA, Group, grouped, kind
from freehold.serving.machine import cores, free_ports
from freehold.serving.weights import Progress, fetch
from freehold.vendors.own import VLLM, Mind, Served, mind_of, traits_of

READY_SECONDS = 2.0

USUAL_CONTEXT: Final = 4096
"""Tokens for each caller where nothing is said and the model reads as many."""

HASH_DIGITS: Final = 12
"""Hexadecimal digits of an adapter's SHA-256 in the name that its engine knows it by."""

SPIN_COUNT = "1000"
"""How often a thread looks for work before it sleeps (GNU OpenMP's own value is 300,000). Measured on two cores with two
other busy processes, median of eight runs: 18 tokens/s at 1,000, 9 at 3,000, 4 at 10,000 and at the default; on idle
cores all four are alike (103 to 117). A `GOMP_SPINCOUNT` in the environment goes before it."""

ONE_THREAD_BYTES: Final = 1_000_000
"""Weights of fewer bytes are computed by one thread: a step of theirs costs less than the threads' waiting for each other in every layer. Measured on two
cores of AMD EPYC, tokens/s with one thread and with two: own/nano-refund (0.26 MB), one stream 7,300 to 8,300 and 4,300 to 6,900, 16 streams through the
door 9,500 and 8,700 (`python -m bench.own`), 16 whole answers 20,900 and 24,600; but 1.35 MB, 16 whole answers, 8,200 and 14,900."""


class EngineSpec(Struct, frozen=True, kw_only=True):
    """One engine to run: its command line (empty: somebody else runs it) and environment, the URL that answers 200 once it is ready, and the
    models that it serves, by name."""

    name: str
    argv: tuple[str, ...]
    environ: Mapping[str, str]
    health: str
    models: Mapping[str, Served]


def plan(
    engines: Mapping[str, Engine],
    cache: Path,
    environ: Mapping[str, str],
    say: Callable[[str], None],
    progress: Progress | None = None,
) -> list[EngineSpec]:
    """The engines to run, their weights fetched where they were missing (`say` is told before, `progress` meanwhile).

    Raises `NotConfigured` when an engine is not installed or the context is longer than the model can read, and
    `FetchError` when weights cannot be had.
    """
    groups = grouped(engines)
    for group in groups:
        _check_installed(group)
        _check_named_context(group.engine)
    ports = free_ports(len(groups))
    return [plan_group(group, cache, environ, say, progress, port) for group, port in zip(groups, ports, strict=True)]


def plan_group(
    group: Group,
    cache: Path,
    environ: Mapping[str, str],
    say: Callable[[str], None],
    progress: Progress | None = None,
    port: int | None = None,
) -> EngineSpec:
    """The engine of one group, on a free port where none is given. Raises as `plan`."""
    _check_installed(group)
    engine = group.engine
    if engine.url is not None:
        return _elsewhere(engine)
    port = port or free_ports(1)[0]
    if kind(engine) == VLLM:
        return _vllm(group, environ, port)
    return _llama(group, _weights(engine, cache, say, progress), environ, port)


def check_files(engine: Engine) -> None:
    """Whether the files of an engine of this machine are what it serves, by their heads: nothing is fetched, hashed or started. Raises FetchError,
    and NotConfigured for a context that is longer than the model can read."""
    if kind(engine) == VLLM:
        vllm.files_in(Path(engine.weights))
        return
    head = _head(engine, Path(engine.weights), "model")
    _files(engine, Path(engine.weights), head)
    _check_context(engine, head.context)
    if engine.adapter is not None:
        _adapter(engine, head)


async def ready(health: str) -> bool:
    """Whether an engine has loaded its model and answers 200 at this URL; without a URL nobody has to wait."""
    if not health:
        return True
    url = urlsplit(health)
    try:
        async with asyncio.timeout(READY_SECONDS):
            reader, writer = await asyncio.open_connection(url.hostname, url.port)
            try:
                writer.write(f"GET {url.path} HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n\r\n".encode())
                line = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError):  # ValueError: a line without end, by whoever has the port
        return False
    return b" 200 " in line


def _check_installed(group: Group) -> None:
    engine = group.engine
    if engine.url is not None:
        return
    if kind(engine) == VLLM:
        vllm.check_installed(engine)
    elif importlib.util.find_spec("xllamacpp") is None:
        raise NotConfigured("Own models need llama.cpp, which is not installed.", "pip install 'freehold[own]'")


def _check_named_context(engine: Engine) -> None:
    """Before 98 MB are fetched for nothing."""
    known = NAMED.get(engine.weights)
    if known is not None:
        _check_context(engine, known.context)


def _check_context(engine: Engine, reads: int) -> None:
    """llama.cpp would shorten a context that the model was not trained for, in silence."""
    if reads and engine.context is not None and engine.context > reads:
        raise NotConfigured(
            f"own/{engine.name} is to have a context of {engine.context} tokens, but {Path(engine.weights).name} reads "
            f"{reads} at most.",
            f"Set context to {reads} or less under [own.{engine.name}] in freehold.toml.",
        )


def _weights(engine: Engine, cache: Path, say: Callable[[str], None], progress: Progress | None) -> Path:
    found = locate(engine.weights, cache)
    known = NAMED.get(engine.weights)
    if found is None and known is not None:
        say(f"Fetching the weights of {known.name}, once: {known.size / 1e6:.0f} MB, {known.licence} ...")
        return fetch(known.name, cache, progress)
    if found is None:
        raise FetchError(
            f"The weights of own/{engine.name} are not at {engine.weights}.",
            f"Give the path of a GGUF file, or one of the names {', '.join(NAMED)}.",
        )
    return found


def _head(engine: Engine, path: Path, wanted: str) -> Head:
    """The head of a GGUF file that is a model, or an adapter of one."""
    try:
        head = read_head(path)
    except (NotGguf, OSError) as error:
        raise FetchError(
            f"The weights of own/{engine.name} at {path} are not a GGUF file: {error}.",
            "llama.cpp's convert_hf_to_gguf.py makes one from a model in the format of transformers, and "
            "convert_lora_to_gguf.py from an adapter in the format of PEFT.",
        ) from None
    if head.kind != wanted:
        raise FetchError(
            f"The file of own/{engine.name} at {path} is of the kind {head.kind}, and {wanted} is needed.",
            "`weights` is a model; an adapter stands under `adapter`, with the model that it changes as `base`.",
        )
    if not head.architecture:
        raise FetchError(
            f"The file of own/{engine.name} at {path} names no architecture, so it is no model of llama.cpp's.",
            "llama.cpp's convert_hf_to_gguf.py makes one from a model in the format of transformers.",
        )
    return head


def _files(engine: Engine, weights: Path, head: Head) -> list[Path]:
    """The files of a model, of which llama.cpp is told the first. Raises FetchError where one is missing."""
    try:
        files = files_of(weights, head.parts)
    except NotGguf as error:
        raise FetchError(
            f"The weights of own/{engine.name} cannot be served: {error}.",
            "Give its parts the names that they were made with.",
        ) from None
    missing = next((one.name for one in files if not one.is_file()), None)
    if missing is not None:
        raise FetchError(
            f"The weights of own/{engine.name} are {len(files)} files, and {missing} is not there.",
            f"Put it into {weights.parent}.",
        )
    return files


def _llama(group: Group, weights: Path, environ: Mapping[str, str], port: int) -> EngineSpec:
    engine = group.engine
    head = _head(engine, weights, "model")
    _check_context(engine, head.context)
    prefix = secrets.token_hex(8)
    options = {
        "weights": weights,
        "model": engine.name,
        "prefix": prefix,
        "port": port,
        "context": engine.context or min(USUAL_CONTEXT, head.context or USUAL_CONTEXT),
        "parallel": engine.parallel,
        "threads": engine.threads or (1 if weights.stat().st_size < ONE_THREAD_BYTES else cores()),
    }
    argv = [sys.executable, "-m", "freehold.serving.engine"]
    for name, value in options.items():
        argv += [f"--{name}", str(value)]
    base_url = f"http://127.0.0.1:{port}/{prefix}/v1"
    mind = mind_of(head.template)
    models: dict[str, Served] = {}
    if group.asked:
        traits = traits_of(LLAMA, _minded(engine, mind))
        hashed = digest_of_several(_files(engine, weights, head))
        models[engine.name] = Served(base_url=base_url, weights=hashed, traits=traits)
    for number, adapter in enumerate(group.adapters):
        path = _adapter(adapter, head)
        argv += ["--adapter", str(path)]
        lora = {"lora": Raw(msgspec.json.encode([{"id": number, "scale": 1.0}]))}
        traits = traits_of(LLAMA, _minded(adapter, mind), lora)
        hashed = digest(path)
        models[adapter.name] = Served(
            base_url=base_url, model=_hashed_name(adapter, hashed), weights=hashed, traits=traits
        )
    return EngineSpec(
        name=engine.name,
        argv=tuple(argv),
        environ={"GOMP_SPINCOUNT": SPIN_COUNT, **environ},
        health=f"{base_url}/health",
        models=models,
    )


def _adapter(adapter: Engine, base: Head) -> Path:
    assert adapter.adapter is not None
    path = Path(adapter.adapter)
    head = _head(adapter, path, "adapter")
    if head.architecture != base.architecture:
        raise FetchError(
            f"The adapter of own/{adapter.name} changes a model of the architecture {head.architecture}, and its base "
            f"is {base.architecture}.",
            "Name the model as `base` that the adapter was trained on.",
        )
    return path


def _vllm(group: Group, environ: Mapping[str, str], port: int) -> EngineSpec:
    engine = group.engine
    weights = Path(engine.weights)
    key = secrets.token_hex(16)
    base_url = f"http://127.0.0.1:{port}/v1"
    headers = {"authorization": f"Bearer {key}"}
    mind = mind_of(vllm.template_of(weights))
    models: dict[str, Served] = {}
    if group.asked:
        models[engine.name] = Served(
            base_url=base_url,
            weights=vllm.folder_digest(weights),
            headers=headers,
            traits=traits_of(VLLM, _minded(engine, mind)),
            counts=False,
        )
    named: dict[str, Path] = {}
    for adapter in group.adapters:
        assert adapter.adapter is not None
        path = Path(adapter.adapter)
        hashed = vllm.folder_digest(path)
        named[_hashed_name(adapter, hashed)] = path
        traits = traits_of(VLLM, _minded(adapter, mind))
        models[adapter.name] = Served(
            base_url=base_url,
            model=_hashed_name(adapter, hashed),
            weights=hashed,
            headers=headers,
            traits=traits,
            counts=False,
        )
    return EngineSpec(
        name=engine.name,
        argv=(sys.executable, "-m", "freehold.serving.guest", *vllm.command_line(engine, named, port)),
        environ={**environ, vllm.KEY: key},
        health=f"http://127.0.0.1:{port}/health",
        models=models,
    )


def _elsewhere(engine: Engine) -> EngineSpec:
    """A server that somebody else runs: nothing is known of its weights and its template but what the settings say."""
    assert engine.url is not None
    served = Served(
        base_url=engine.url,
        model=engine.model or engine.name,
        traits=traits_of(kind(engine), _minded(engine, Mind())),
        counts=kind(engine) == LLAMA,
        here=False,
    )
    return EngineSpec(name=engine.name, argv=(), environ={}, health="", models={engine.name: served})


def _minded(engine: Engine, mind: Mind) -> Mind:
    """What the template says, unless the settings say it."""
    if engine.thinking is None:
        return mind
    return replace(mind, thinks=bool(engine.thinking), switch=engine.thinking, efforts=False)


def _hashed_name(adapter: Engine, hashed: str) -> str:
    return f"{adapter.name}-{hashed[:HASH_DIGITS]}"
