"""Versions of own models for tests: manifests over bytes, and registries that hold them."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from freehold.training.lineage import Lineage, Measured, Owed, Source
from freehold.training.manifest import File, Manifest
from freehold.training.registry import Registry, Version

TRIED = {"trial": "trial_1"}
"""Evidence of a promotion."""

LINEAGE = Lineage(
    model="own/nano",
    weights="0" * 64,
    created="2026-11-20T10:00:00Z",
    task="arithmetic-chains",
    parameters=1_200_000,
    licence="MIT",
    base="",
    run="run_1",
    code="1.0.0",
    dataset="d" * 64,
    sources=(Source("freehold/x", "program", "freehold-tasks", "2026-01-01", "", 3),),
    owed=Owed(),
    sealed=200,
    measured=(Measured("arithmetic-chains", 0.975, 0.95, 0.99, 400),),
)


def manifest(model: str, contents: Mapping[str, bytes], **lineage: object) -> Manifest:
    """A manifest of files with these contents; the first GGUF file is what serves."""
    files = tuple(
        File(path, hashlib.sha256(content).hexdigest(), len(content)) for path, content in sorted(contents.items())
    )
    serves = next((path for path in sorted(contents) if path.endswith(".gguf")), "")
    made = replace(LINEAGE, model=f"own/{model}", **lineage)
    return Manifest(model=model, lineage=made, files=files, serves=serves, context=256)


def add(registry: Registry, model: str, contents: Mapping[str, bytes], **lineage: object) -> Version:
    """Registers a version with these contents."""
    folder = registry.folder.parent / "sources"
    sources: dict[str, Path] = {}
    for path, content in contents.items():
        sources[path] = folder / hashlib.sha256(content).hexdigest() / path
        sources[path].parent.mkdir(parents=True, exist_ok=True)
        sources[path].write_bytes(content)
    return registry.add(manifest(model, contents, **lineage), sources)
