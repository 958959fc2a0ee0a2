"""From the settings of own models to the engines that serve them: what to run, where it will answer, whether it does."""

import asyncio
import importlib.util
import os
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct

from freehold.config.settings import Engine
from freehold.errors import FetchError, NotConfigured
from freehold.serving.weights import NAMED, fetch, locate

READY_SECONDS = 2.0


class EngineSpec(Struct, frozen=True, kw_only=True):
    """One engine to run: its command line and environment, and the base URL where it will answer."""

    name: str
    argv: tuple[str, ...]
    environ: Mapping[str, str]
    base_url: str


def plan(
    engines: Mapping[str, Engine], cache: Path, environ: Mapping[str, str], say: Callable[[str], None]
) -> list[EngineSpec]:
    """The engines to run, their weights fetched where they were missing (`say` is told before that).

    Raises `NotConfigured` when llama.cpp is not installed, and `FetchError` when weights cannot be had.
    """
    if engines and importlib.util.find_spec("xllamacpp") is None:
        raise NotConfigured("Own models need llama.cpp, which is not installed.", "pip install 'freehold[own]'")
    return [_spec(engine, _weights(engine, cache, say), environ) for engine in engines.values()]


async def ready(base_url: str) -> bool:
    """Whether the engine at this base URL has loaded its model and answers."""
    host, port = base_url.removeprefix("http://").split("/")[0].split(":")
    try:
        async with asyncio.timeout(READY_SECONDS):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(b"GET /health HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n\r\n")
            line = await reader.readline()
            writer.close()
    except (OSError, TimeoutError):
        return False
    return b" 200 " in line


def _weights(engine: Engine, cache: Path, say: Callable[[str], None]) -> Path:
    found = locate(engine.weights, cache)
    if found is not None:
        return found
    if engine.weights not in NAMED:
        raise FetchError(
            f"The weights of own/{engine.name} are not at {engine.weights}.", "Give the path of a GGUF file."
        )
    say(f"Fetching the weights of {engine.weights} (about 90 MB, once) ...")
    return fetch(engine.weights, cache)


def _spec(engine: Engine, weights: Path, environ: Mapping[str, str]) -> EngineSpec:
    port = _free_port()
    options = {
        "weights": weights,
        "model": engine.name,
        "port": port,
        "context": engine.context,
        "parallel": engine.parallel,
        "threads": engine.threads or os.cpu_count() or 1,
    }
    argv = [sys.executable, "-m", "freehold.serving.engine"]
    for name, value in options.items():
        argv += [f"--{name}", str(value)]
    return EngineSpec(name=engine.name, argv=tuple(argv), environ=environ, base_url=f"http://127.0.0.1:{port}/v1")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
