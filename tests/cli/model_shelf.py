"""Own models in a registry, as the commands of `freehold models` make them."""

import json
import struct
from pathlib import Path

from cli.commands import Said, run
from freehold.training.registry import Registry

_KEY = b"general.architecture"
GGUF = b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, len(_KEY)) + _KEY + struct.pack("<IQ", 8, 5) + b"llama"
"""A head that says which architecture it is of, and no tensor: enough for everything but an engine."""


def models(data: Path, *words: str) -> Said:
    """Runs a command of `freehold models` on a data folder."""
    return run("models", *words, "--data", str(data))


def added(data: Path, number: int, name: str = "nano") -> str:
    """Registers a version whose weights are told apart by a number; gives its id."""
    path = data / "weights" / str(number) / f"{name}.gguf"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(GGUF + b"%d" % number)
    return str(json.loads(models(data, "add", name, str(path), "--licence", "MIT", "--json").stdout)["id"])


def people(folder: Path) -> Path:
    """A configuration that names ops, whose key lies beside it."""
    config = folder / "people" / "freehold.toml"
    if not config.exists():
        config.parent.mkdir(parents=True)
        config.write_text(run("people", "create", "ops", "--out", str(config.with_name("ops.key"))).stdout)
    return config


def word(folder: Path, reason: str = "a test") -> tuple[str, ...]:
    """Ops answers for a promotion, and signs: what is said to `freehold models promote`."""
    config = people(folder)
    return ("--override", reason, "--sign", str(config.with_name("ops.key")), "--config", str(config))


def promoted(data: Path, number: int, name: str = "nano") -> None:
    """Registers a version and lets it serve, on somebody's word."""
    version = added(data, number, name)
    models(data, "promote", version, *word(data))


def blob_of(data: Path, name: str) -> Path:
    """Where the file of a version stands that is served."""
    registry = Registry(data / "models")
    return registry.weights_file(registry.find(name))
