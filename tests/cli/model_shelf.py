"""Own models in a registry, as the commands of `freehold models` make them."""

import json
import struct
from pathlib import Path

from cli.commands import Said, run

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


def promoted(data: Path, number: int, name: str = "nano") -> None:
    """Registers a version and lets it serve, on somebody's word."""
    version = added(data, number, name)
    models(data, "promote", version, "--override", "a test", "--by", "ops")
