"""Reasoning, taken apart and checked: steps, verifiers, traces. The verifiers are found by name, never listed.

Built-in verifiers come through the same plug as a third party's: a class that fits `Verifier`, made without arguments.
Modules of this folder bring theirs as `VERIFIER`; other packages by the entry point group `freehold.verifiers`.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from importlib import metadata
from typing import Any

from freehold.errors import ConfigError, NotConfigured
from freehold.reasoning.verifier import Verifier

GROUP = "freehold.verifiers"

Maker = Callable[[], Verifier]


def load() -> dict[str, Maker]:
    """What makes each installed verifier, by name, names in order. A third party's replaces a built-in of that name.

    Raises ConfigError for an entry point that does not give a verifier's class."""
    found: dict[str, Maker] = {}
    for module in pkgutil.iter_modules(__path__):
        maker = getattr(importlib.import_module(f"{__name__}.{module.name}"), "VERIFIER", None)
        if maker is not None:
            found[maker.name] = maker
    for entry in metadata.entry_points(group=GROUP):
        maker = _loaded(entry)
        found[maker.name] = maker
    return dict(sorted(found.items()))


def make(names: Iterable[str] | None = None) -> list[Verifier]:
    """The verifiers of these names, or all, ready to check, in the order of names.

    Raises ConfigError for a name that is not installed and NotConfigured when one lacks its extra."""
    makers = load()
    wanted = sorted(makers) if names is None else sorted(set(names))
    unknown = [name for name in wanted if name not in makers]
    if unknown:
        raise ConfigError(f"There is no verifier {unknown[0]!r}.", f"Installed are: {', '.join(makers)}.")
    return [makers[name]() for name in wanted]


def available() -> tuple[list[Verifier], dict[str, str]]:
    """The verifiers that can be made on this machine, and why each of the others cannot, by name."""
    made: list[Verifier] = []
    missing: dict[str, str] = {}
    for name, maker in load().items():
        try:
            made.append(maker())
        except NotConfigured as error:
            missing[name] = error.message
    return made, missing


def _loaded(entry: metadata.EntryPoint) -> Any:
    try:
        maker = entry.load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"The verifier {entry.name!r} ({entry.value}) cannot be imported: {error}.", _REINSTALL
        ) from None
    if not callable(maker) or not all(hasattr(maker, part) for part in ("name", "version", "late", "samples", "check")):
        raise ConfigError(f"The entry point {entry.name!r} ({entry.value}) is not a `Verifier`'s class.", _REINSTALL)
    return maker


_REINSTALL = "Mend or remove the package that brings it."
