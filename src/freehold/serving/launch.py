"""From the settings of own models to the engines that serve them: what to run, where it will answer, whether it does.

It starts nothing. `processes.Supervisor` keeps alive what is planned here, and the door reaches it over HTTP.
"""

import asyncio
import importlib.util
import math
import os
import secrets
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from freehold.config.settings import Engine
from freehold.errors import FetchError, NotConfigured
from freehold.serving.weights import NAMED, Progress, digest, fetch, locate

READY_SECONDS = 2.0
GGUF_MAGIC = b"GGUF"
CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")

PORTS = range(20_000, 32_000)
"""Below the ports that Linux (from 32,768) and macOS (from 49,152) give to outgoing connections: while an engine is
restarted nothing else takes its port, and a door that tries to connect meanwhile cannot be connected to itself."""

SPIN_COUNT = "1000"
"""How often a thread looks for work before it sleeps (GNU OpenMP's own value is 300,000). Measured on two cores with two
other busy processes, median of eight runs: 18 tokens/s at 1,000, 9 at 3,000, 4 at 10,000 and at the default; on idle
cores all four are alike (103 to 117). A `GOMP_SPINCOUNT` in the environment goes before it."""


class EngineSpec(Struct, frozen=True, kw_only=True):
    """One engine to run: its command line and environment, the base URL where it will answer, and the SHA-256 of the
    weights that it serves."""

    name: str
    argv: tuple[str, ...]
    environ: Mapping[str, str]
    base_url: str
    digest: str


def plan(
    engines: Mapping[str, Engine],
    cache: Path,
    environ: Mapping[str, str],
    say: Callable[[str], None],
    progress: Progress | None = None,
) -> list[EngineSpec]:
    """The engines to run, their weights fetched where they were missing (`say` is told before, `progress` meanwhile).

    Raises `NotConfigured` when llama.cpp is not installed or the context is longer than the model can read, and
    `FetchError` when weights cannot be had.
    """
    if engines and importlib.util.find_spec("xllamacpp") is None:
        raise NotConfigured("Own models need llama.cpp, which is not installed.", "pip install 'freehold[own]'")
    for engine in engines.values():
        _check_context(engine)
    weights = {name: _weights(engine, cache, say, progress) for name, engine in engines.items()}
    ports = free_ports(len(engines))
    return [
        _spec(engine, weights[name], environ, port) for (name, engine), port in zip(engines.items(), ports, strict=True)
    ]


async def ready(base_url: str) -> bool:
    """Whether the engine at this base URL has loaded its model and answers."""
    url = urlsplit(base_url)
    try:
        async with asyncio.timeout(READY_SECONDS):
            reader, writer = await asyncio.open_connection(url.hostname, url.port)
            try:
                writer.write(f"GET {url.path}/health HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n\r\n".encode())
                line = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
    return b" 200 " in line


def cores(quota: Path = CPU_QUOTA) -> int:
    """CPU cores that this process may use: those it is bound to, or fewer under a container's quota (cgroup v2)."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        allowed, period = quota.read_text().split()
        return max(1, min(bound, math.ceil(int(allowed) / int(period))))
    except (OSError, ValueError):  # no such file, or "max"
        return bound


def free_ports(count: int) -> list[int]:
    """So many different loopback ports that nobody listens on now."""
    found: list[int] = []
    while len(found) < count:
        port = secrets.choice(PORTS)
        if port not in found and _is_free(port):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _check_context(engine: Engine) -> None:
    """llama.cpp would shorten a context that the model was not trained for, in silence."""
    known = NAMED.get(engine.weights)
    if known is not None and engine.context > known.context:
        raise NotConfigured(
            f"own/{engine.name} is to have a context of {engine.context} tokens, but {engine.weights} reads "
            f"{known.context} at most.",
            f"Set context to {known.context} or less under [own.{engine.name}] in freehold.toml.",
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
    with found.open("rb") as file:
        if file.read(len(GGUF_MAGIC)) != GGUF_MAGIC:
            raise FetchError(
                f"The weights of own/{engine.name} at {found} are not a GGUF file.",
                "llama.cpp's convert_hf_to_gguf.py makes one from a model in the format of transformers.",
            )
    return found


def _spec(engine: Engine, weights: Path, environ: Mapping[str, str], port: int) -> EngineSpec:
    prefix = secrets.token_hex(8)
    options = {
        "weights": weights,
        "model": engine.name,
        "prefix": prefix,
        "port": port,
        "context": engine.context,
        "parallel": engine.parallel,
        "threads": engine.threads or cores(),
    }
    argv = [sys.executable, "-m", "freehold.serving.engine"]
    for name, value in options.items():
        argv += [f"--{name}", str(value)]
    return EngineSpec(
        name=engine.name,
        argv=tuple(argv),
        environ={"GOMP_SPINCOUNT": SPIN_COUNT, **environ},
        base_url=f"http://127.0.0.1:{port}/{prefix}/v1",
        digest=digest(weights),
    )
