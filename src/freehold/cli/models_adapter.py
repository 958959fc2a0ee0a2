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
    """Whether a file is an adapter of a model. What is no GGUF file at all is for an engine's plan to say."""
    try:
        return read_head(path).kind == "adapter"
    except (NotGguf, OSError):
        return False


def with_base(manifest: Manifest, registry: Registry) -> Manifest:
    """The manifest of an adapter with the version that it changes named by its digest, so that it cannot become another one, and owing what that one
    owes. Raises RegistryError when the lineage names none that is registered, or one that is an adapter itself."""
    base = base_of(manifest, registry)
    owed = both(manifest.lineage.owed, base.manifest.lineage.owed)
    return replace(manifest, lineage=replace(manifest.lineage, base=f"own/{base.model}@{base.digest}", owed=owed))


def base_of(manifest: Manifest, registry: Registry) -> Version:
    """The version that an adapter changes. Raises RegistryError."""
    named = manifest.lineage.base
    if not named.startswith(f"{OWN}/"):
        raise RegistryError(
            f"own/{manifest.model} is an adapter, and what it changes is said to be {named or 'nothing'!r}.",
            "Register the model that it was trained on, and give --base own/NAME@VERSION.",
        )
    base = registry.find(named)
    if is_adapter(registry.weights_file(base)):
        raise RegistryError(f"{base.id} is an adapter itself.", "Name the version that has the weights.")
    return base
