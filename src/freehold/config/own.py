"""The tables [own.NAME]: by what an own model is served: weights on this machine, a server elsewhere, or an adapter of another one.

Which settings go together is judged here. Whether the weights can be served is for `serving` to say, when it plans the engines.
"""

from collections.abc import Mapping
from typing import cast

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from freehold.config import toml
from freehold.config.accounts import base_url
from freehold.config.discovery import OWN
from freehold.config.file import File, listed, suggest
from freehold.config.positions import KeyPath
from freehold.config.secrets import Elsewhere, headers, missing, secret
from freehold.config.settings import Engine, Secret
from freehold.config.tables import Reader, mapping, table, well_named

REGISTRY = "registry"
"""As `weights`: the version of the registry that is promoted."""

_ELSEWHERE = ("model", "api_key", "headers")
"""Settings that only a server at `url` has a use for."""

_HERE = ("context", "parallel", "threads", "command")
"""Settings that only an engine of this machine has a use for."""


def engines(file: File, written: object) -> dict[str, Engine]:
    """The own models of the file. An adapter's `base` is among them, or a problem is noted."""
    readers: dict[str, Reader] = {"url": base_url, "api_key": _api_key, "headers": headers, "command": _command}
    found: dict[str, Engine] = {}
    for name, pairs in mapping(file, (OWN,), written).items():
        here = (OWN, name)
        engine = table(file, here, pairs, Engine, own={"name": name}, readers=readers)
        if engine is not None and well_named(file, here) and _fits_together(file, here, engine):
            found[name] = _placed(file, here, engine)
    for engine in found.values():
        _has_a_base(file, engine, found)
    return found


def _api_key(file: File, path: KeyPath, written: object) -> Secret | UnsetType:
    found = secret(file, path, written)
    if isinstance(found, Elsewhere):
        missing(file, path, found.name)
        return UNSET
    return found


def _command(file: File, path: KeyPath, written: object) -> tuple[str, ...] | UnsetType:
    words = cast("list[object]", written) if isinstance(written, list) else [None]
    if all(isinstance(word, str) for word in words):
        return tuple(map(str, words))
    file.wrong(path, "must be a list of words in quotes.", 'Write command = ["vllm", "serve"].')
    return UNSET


def _fits_together(file: File, here: KeyPath, engine: Engine) -> bool:
    """Whether it is clear what serves the model: one of `weights`, `url` and `adapter`, and nothing that belongs to another."""
    ways = [name for name, given in _ways(engine).items() if given]
    if not ways:
        file.wrong(here, 'needs the setting "weights".', 'Write weights = "smollm2-135m".')
        return False
    if len(ways) > 1:
        file.wrong(here, f"has {listed(f'`{way}`' for way in ways)}, and is served by one of them.", "Keep one.")
        return False
    sound = _complete(file, here, engine)
    for name in _HERE if engine.url else _ELSEWHERE:
        if (*here, name) in file.positions:
            said = "is of no use with `url`." if engine.url else "is of no use without `url`."
            file.wrong((*here, name), said, "Remove it.")
            sound = False
    return sound


def _ways(engine: Engine) -> Mapping[str, bool]:
    return {
        "weights": bool(engine.weights),
        "url": engine.url is not None,
        "adapter": engine.adapter is not None or engine.base is not None,
    }


def _complete(file: File, here: KeyPath, engine: Engine) -> bool:
    if engine.adapter is None and engine.base is not None:
        file.wrong(here, 'needs the setting "adapter" beside `base`.', 'Write adapter = "adapter.gguf".')
        return False
    if engine.adapter is not None and engine.base is None:
        file.wrong(here, 'needs the setting "base" beside `adapter`.', 'Write base = "own/OTHER".')
        return False
    if engine.engine == "other" and engine.url is None:
        file.wrong((*here, "engine"), 'is "other", which needs `url`.', 'Freehold starts "llama.cpp" and "vllm".')
        return False
    if engine.engine == "vllm" and not engine.command:
        file.wrong((*here, "command"), "must not be empty.", 'Write command = ["vllm", "serve"].')
        return False
    return True


def _placed(file: File, here: KeyPath, engine: Engine) -> Engine:
    """With its paths made whole; a problem is noted where nothing stands there."""
    weights = engine.weights
    if weights not in ("", REGISTRY) and ("/" in weights or weights.endswith(".gguf") or engine.engine == "vllm"):
        weights = _path(file, (*here, "weights"), weights)
    adapter = engine.adapter
    if adapter is not None:
        adapter = _path(file, (*here, "adapter"), adapter)
    return replace(engine, weights=weights, adapter=adapter)


def _path(file: File, path: KeyPath, written: str) -> str:
    found = file.beside(written)
    if not found.exists():
        file.wrong(path, f"names the file {found}, which does not exist.")
    return str(found)


def _has_a_base(file: File, engine: Engine, known: Mapping[str, Engine]) -> None:
    """An adapter changes a model with weights, of a table of its own; one that is only in the registry gets a table for it."""
    if engine.base is None:
        return
    path: KeyPath = (OWN, engine.name, "base")
    name = engine.base.removeprefix(f"{OWN}/")
    base = known.get(name)
    if base is None or name == engine.base:
        advice = (
            suggest(engine.base, [f"{OWN}/{one}" for one in known]) or f"Add [own.{toml.key(name)}] with its weights."
        )
        file.wrong(path, f'is "{engine.base}", and there is no such model.', advice)
    elif not base.weights:
        file.wrong(path, f'is "{engine.base}", which has no weights here.', "Name the model whose `weights` are set.")
    elif (engine.engine or base.engine) != base.engine:
        said = f'is "{engine.engine}", and {engine.base} is not.'
        file.wrong((OWN, engine.name, "engine"), said, "Remove it: an adapter is served by the engine of its base.")
