"""Whether what an engine is about to read is what was registered.

A blob of the registry is called by its SHA-256, and whoever can write the folder, or a disk that fails, can change what is in it. It knows files, and neither
versions nor engines that run. It exists so that no changed file answers in the name of a version that somebody tried and promoted.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from freehold.catalog.weights import digest
from freehold.errors import FetchError
from freehold.serving.groups import Group
from freehold.serving.launch import EngineSpec

TENSORS: Final = ".safetensors"


def require_registered(group: Group, spec: EngineSpec, blobs: Path) -> None:
    """Lets the engine of a group be started where every file of it that is a blob of the registry still has the SHA-256 that it is called by; those that the spec
    has found are not hashed again. Raises FetchError."""
    found = {name: served.weights for name, served in spec.models.items()}
    read = [(group.engine.weights, found.get(group.engine.name) if group.asked else None)]
    read += [(one.adapter, found.get(one.name)) for one in group.adapters]
    for written, known in read:
        if not written:  # a server of one's own is somebody else's to look at
            continue
        files = _files(Path(written))
        hashed = _hashed(Path(written), files, known)
        for file in files:
            blob = file.resolve()
            if blob.parent != blobs.resolve():
                continue
            sha256 = hashed.get(file) or digest(blob)
            if sha256 != blob.name:
                raise FetchError(
                    f"The file {file.name[:40]} of own/{group.names[0]} is not what was registered: it has the SHA-256 {sha256[:12]}, and not {blob.name[:12]}.",
                    "Restore it from a copy; `freehold models verify` names everything that was changed.",
                )


def _files(path: Path) -> list[Path]:
    return sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]


def _hashed(path: Path, files: Sequence[Path], known: str | None) -> Mapping[Path, str]:
    """Of which files the spec tells the SHA-256: of the one that is served, or, of several of safetensors, that of their list (`serving/vllm.py`)."""
    if known is None:
        return {}
    served = [one for one in files if one == path or (one.suffix == TENSORS and one.parent == path)]
    if len(served) == 1:
        return {served[0]: known}
    lines = "".join(f"{one.resolve().name}  {one.name}\n" for one in served)
    same = hashlib.sha256(lines.encode()).hexdigest() == known
    return {one: one.resolve().name for one in served} if same else {}
