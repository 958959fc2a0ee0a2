"""Adapters in the registry: a version whose file changes the weights of another version, which its lineage names by digest."""

from pathlib import Path

from msgspec.structs import replace

from freehold.config.discovery import OWN
from freehold.errors import RegistryError
from freehold.serving.gguf import NotGguf, read_head
from freehold.training.lineage import both
from freehold.training.manifest import Manifest
from freehold.training.registry import Registry, Version


def is_adapter(path: Path) -> bool:
    """Whether a file is an adapter of a model. What is no GGUF file at all is for its promotion to refuse."""
    try:
        return read_head(path).kind == "adapter"
    except (NotGguf, OSError):
        return False


def with_base(manifest: Manifest, registry: Registry, given: str = "") -> Manifest:
    """The manifest of an adapter with the version that it changes named by its digest, so that it cannot become another one, and owing what that one
    owes. Raises RegistryError when none is `given`, named by the lineage or found by its run, or one that cannot be it."""
    base = base_of(manifest, registry, given)
    owed = both(manifest.lineage.owed, base.manifest.lineage.owed)
    return replace(manifest, lineage=replace(manifest.lineage, base=f"own/{base.model}@{base.digest}", owed=owed))


def base_of(manifest: Manifest, registry: Registry, given: str = "") -> Version:
    """The version that an adapter changes: the one that is `given` or that its lineage names, else, of those that the run made which it started from, the
    one that serves, else the newest. Raises RegistryError."""
    lineage = manifest.lineage
    name = given or lineage.base
    if name.startswith(f"{OWN}/"):
        base = registry.find(name)
        if is_adapter(registry.weights_file(base)):
            raise RegistryError(f"{base.id} is an adapter itself.", "Name the version that has the weights.")
    elif lineage.start and not given:
        base = _made_by(lineage.start, manifest.model, registry)
    else:
        raise RegistryError(
            f"own/{manifest.model} is an adapter, and what it changes is said to be {name or 'nothing'!r}.",
            "Register the model that it was trained on, and give --base own/NAME@VERSION.",
        )
    run = base.manifest.lineage.run
    if lineage.start and run and run != lineage.start:
        raise RegistryError(
            f"own/{manifest.model} changes the weights of the run {lineage.start}, and {base.id} has those of {run}.",
            "Give --base with a version of the run that it started from.",
        )
    return base


def _made_by(run: str, model: str, registry: Registry) -> Version:
    made = [one for one in registry.versions() if one.manifest.lineage.run == run and one.manifest.serves]
    there = [one for one in made if not is_adapter(registry.weights_file(one))]
    if not there:
        raise RegistryError(
            f"own/{model} changes the weights of the run {run}, and no version of these is registered.",
            "Register them first, as GGUF: their engine is the one that serves it.",
        )
    return max(there, key=lambda one: (one.promoted, one.at, one.number))
