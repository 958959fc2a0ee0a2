"""Which own models one engine serves: a model and the adapters that change it. Pure.

Weights are in memory once, however many adapters there are. Two groups that are equal need no second engine, which is how a promotion finds
out what has to be started anew.
"""

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from freehold.config.settings import Engine

LLAMA = "llama.cpp"
OTHER = "other"


class Group(Struct, frozen=True):
    """One engine: `engine` says how it runs and from which weights, `adapters` what it serves beside. `asked` says that the weights without
    an adapter are a model of their own."""

    engine: Engine
    adapters: tuple[Engine, ...] = ()
    asked: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """The models that it serves."""
        own = (self.engine.name,) if self.asked else ()
        return (*own, *(adapter.name for adapter in self.adapters))


def grouped(engines: Mapping[str, Engine]) -> list[Group]:
    """The engines to run for these models. An adapter goes to its `base`, or to whatever serves the weights that stand beside it."""
    plain = {name: Group(engine) for name, engine in engines.items() if engine.adapter is None}
    lone: dict[tuple[str, str], Group] = {}
    for engine in engines.values():
        if engine.adapter is None:
            continue
        base = _base(engine, plain)
        if base is not None:
            plain[base] = replace(plain[base], adapters=(*plain[base].adapters, engine))
            continue
        key = (kind(engine), engine.weights)
        group = lone.get(key) or Group(replace(engine, adapter=None), asked=False)
        lone[key] = replace(group, adapters=(*group.adapters, engine))
    return [*plain.values(), *lone.values()]


def apart(group: Group) -> list[Group]:
    """The same models, each with an engine of its own."""
    alone = [replace(group, adapters=())] if group.asked else []
    return [*alone, *(replace(group, adapters=(adapter,), asked=False) for adapter in group.adapters)]


def kind(engine: Engine) -> str:
    """What serves it: `llama.cpp`, `vllm`, or `other` for a server that is only said to be compatible."""
    return engine.engine or (OTHER if engine.url is not None else LLAMA)


def _base(adapter: Engine, plain: Mapping[str, Group]) -> str | None:
    """The model whose engine serves the adapter too."""
    if adapter.base is not None:
        return adapter.base.partition("/")[2]
    for name, group in plain.items():
        if (kind(group.engine), group.engine.weights) == (kind(adapter), adapter.weights):
            return name
    return None
