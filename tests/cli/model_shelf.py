"""Own models in a registry, as the commands of `freehold models` make them."""

import json
from pathlib import Path

from cli.commands import Said, run

GGUF = b"GGUF, and then weights: "


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
