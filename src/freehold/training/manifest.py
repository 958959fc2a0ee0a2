"""The manifest of one version of an own model: its files by SHA-256, where it came from, how it is served. Pure.

It knows no folder. A version is what its manifest says, and the SHA-256 of the manifest's canonical bytes is the version's digest: whoever
changes a file, a source or a duty has made another version.
"""

import hashlib
import re
from pathlib import PurePosixPath
from typing import Any, Final

import msgspec
from msgspec import Struct

from freehold.errors import RegistryError
from freehold.training.lineage import Lineage

FORMAT: Final = 1

LEAST_DIGITS: Final = 6
"""Hexadecimal digits that name a version by its digest; fewer digits are a version's number."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

_encode = msgspec.json.Encoder(order="sorted").encode


class File(Struct, frozen=True, order=True):
    """One file of a version: its path inside the version, SHA-256 in hexadecimal digits, and bytes."""

    path: str
    sha256: str
    size: int


class Manifest(Struct, frozen=True, kw_only=True):
    """One version. `model` is the name without `own/`; `serves` the path of the GGUF file that an engine serves, empty where there is none;
    `context` the tokens that it reads at once, 0 where nobody said."""

    format: int = FORMAT
    model: str
    lineage: Lineage
    files: tuple[File, ...]
    serves: str = ""
    context: int = 0

    @property
    def weights(self) -> str:
        """The SHA-256 of what is served, else of the weights that the lineage names. Records of answers carry it."""
        return next((file.sha256 for file in self.files if file.path == self.serves), self.lineage.weights)

    @property
    def all_weights(self) -> tuple[str, ...]:
        """Every SHA-256 by which an engine may name these weights, `weights` first: that of each GGUF file and each file of safetensors, and of
        several of the latter that of their list, which vLLM's engine goes by (`serving/vllm.py`)."""
        tensors = sorted((file.path, file.sha256) for file in self.files if file.path.endswith(".safetensors"))
        listed = "".join(f"{sha256}  {path}\n" for path, sha256 in tensors if "/" not in path)
        lists = [hashlib.sha256(listed.encode()).hexdigest()] if listed.count("\n") > 1 else []
        models = [file.sha256 for file in self.files if file.path.endswith(".gguf")]
        return tuple(dict.fromkeys([self.weights, *models, *(sha256 for _, sha256 in tensors), *lists]))


class Named(Struct, frozen=True):
    """What somebody wrote as NAME or NAME@VERSION: the version by `number` or by the beginning of its `digest`, or neither."""

    model: str
    number: int | None = None
    digest: str = ""


def encode(manifest: Manifest) -> bytes:
    """The canonical bytes: JSON with sorted keys, no blanks, one line feed at the end."""
    return _encode(manifest) + b"\n"


def decode(content: bytes, digest: str) -> Manifest:
    """The manifest that has this digest. Raises RegistryError for other bytes."""
    if hashlib.sha256(content).hexdigest() != digest:
        raise RegistryError(
            f"The manifest {digest[:12]} was changed: it does not have its digest.",
            "Restore it from a copy. `freehold models verify` names everything that was changed.",
        )
    return _decoded(content, digest)


def digest_of(manifest: Manifest) -> str:
    """The version's digest, in hexadecimal digits."""
    return hashlib.sha256(encode(manifest)).hexdigest()


def named(text: str) -> Named:
    """`nano`, `own/nano`, `nano@3`, `nano@5f0c31` or `nano@sha256:5f0c31...`. Raises RegistryError."""
    model, at, version = text.removeprefix("own/").partition("@")
    version = version.removeprefix("sha256:").lower()
    if not _NAME.fullmatch(model) or (at and not re.fullmatch(r"[0-9a-f]{1,64}", version)):
        raise RegistryError(f"{text!r} names no version of an own model.", "Write NAME@NUMBER, such as nano@3.")
    if version.isdigit() and len(version) < LEAST_DIGITS:
        return Named(model, number=int(version))
    if at and len(version) < LEAST_DIGITS:
        raise RegistryError(
            f"{version!r} is too short for a digest.",
            f"Write at least {LEAST_DIGITS} of its digits, or the version's number.",
        )
    return Named(model, digest=version)


def check_paths(files: tuple[File, ...]) -> None:
    """Raises RegistryError for a path that leads out of the version's folder, or that two files have."""
    paths = [file.path for file in files]
    for path in paths:
        parts = PurePosixPath(path)
        if not path or parts.is_absolute() or ".." in parts.parts or str(parts) != path or "\\" in path:
            raise RegistryError(f"The path {path!r} leads out of the version's folder.", "Name files inside it.")
    if len(set(paths)) != len(paths):
        raise RegistryError("Two files of the version have the same path.", "Give each file a name of its own.")


def differences(one: Manifest, other: Manifest) -> dict[str, tuple[Any, Any]]:
    """What differs between two versions, by name: fields of their lineage as `lineage.FIELD`, files as `files.PATH` (SHA-256, None where a
    version does not have it), and `serves` and `context`."""
    before, after = _flat(one), _flat(other)
    return {
        name: (before.get(name), after.get(name))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    }


def _flat(manifest: Manifest) -> dict[str, Any]:
    found: dict[str, Any] = {"serves": manifest.serves, "context": manifest.context}
    found.update({f"lineage.{name}": value for name, value in msgspec.to_builtins(manifest.lineage).items()})
    found.update({f"files.{file.path}": file.sha256 for file in manifest.files})
    return found


def _decoded(content: bytes, digest: str) -> Manifest:
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RegistryError(f"The manifest {digest[:12]} cannot be read: {error}.", "Use a newer Freehold.") from None
    if manifest.format != FORMAT:
        raise RegistryError(
            f"The manifest {digest[:12]} has format {manifest.format}; this reads {FORMAT}.", "Use a newer Freehold."
        )
    check_paths(manifest.files)
    return manifest
