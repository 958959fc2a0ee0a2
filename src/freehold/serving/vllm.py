"""vLLM as an engine: its command line, what a folder of weights is and says, and whether the program is there.

Written after vLLM's documentation ("Reasoning Outputs", "LoRA Adapters", "OpenAI-Compatible Server"); it was not run here, since it wants a
GPU. It gets a key that only the door knows, by `VLLM_API_KEY`, because a command line may be read by everybody on the machine.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from freehold.catalog.weights import digest_of_several
from freehold.config.settings import Engine
from freehold.errors import FetchError, NotConfigured

KEY: Final = "VLLM_API_KEY"

RANKS: Final = (8, 16, 32, 64, 128, 256, 320, 512)
"""The values that `--max-lora-rank` takes, above the one that needs no room to speak of."""


def check_installed(engine: Engine) -> None:
    """Raises NotConfigured when the program is not there."""
    if shutil.which(engine.command[0]) is None:
        raise NotConfigured(
            f"own/{engine.name} is to be served by vLLM, and there is no `{engine.command[0]}` here.",
            f"Install vLLM on a machine that it supports, or give its path as `command` under [own.{engine.name}].",
        )


def command_line(engine: Engine, adapters: Mapping[str, Path], port: int) -> tuple[str, ...]:
    """How vLLM is started on loopback: `adapters` maps the names under which it serves them to their folders."""
    argv = [*engine.command, engine.weights, "--served-model-name", engine.name]
    argv += ["--host", "127.0.0.1", "--port", str(port), "--max-num-seqs", str(engine.parallel)]
    if engine.context is not None:
        argv += ["--max-model-len", str(engine.context)]
    if adapters:
        rank = max(_rank(folder) for folder in adapters.values())
        argv += ["--enable-lora", "--max-loras", str(len(adapters))]
        argv += ["--max-lora-rank", str(next((one for one in RANKS if one >= rank), RANKS[-1]))]
        argv += ["--lora-modules", *(f"{name}={folder}" for name, folder in adapters.items())]
    return tuple(argv)


def files_in(folder: Path) -> list[Path]:
    """The files of a folder's weights, sorted by name. Raises FetchError where there is none."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise FetchError(
            f"There are no weights in {folder}: no file ends with .safetensors.",
            "vLLM serves a folder in the format of transformers; `freehold models export` writes one.",
        )
    return files


def folder_digest(folder: Path) -> str:
    """The SHA-256 of a folder's weights: of its one file of safetensors, or of the list of several, sorted by name (`training/manifest.py` finds it among a
    version's too). Raises FetchError where there is none."""
    return digest_of_several(files_in(folder))


def template_of(folder: Path) -> str:
    """The template of the chat, empty where the folder has none."""
    alone = folder / "chat_template.jinja"
    if alone.is_file():
        return alone.read_text(encoding="utf-8", errors="replace")
    found = _fields(folder / "tokenizer_config.json").get("chat_template")
    if isinstance(found, list):  # several, each with its name
        named = [cast("dict[str, Any]", one) for one in cast("list[object]", found) if isinstance(one, dict)]
        found = next((one.get("template") for one in named if one.get("name") == "default"), None)
    return found if isinstance(found, str) else ""


def _rank(folder: Path) -> int:
    found = _fields(folder / "adapter_config.json").get("r")
    return found if isinstance(found, int) else RANKS[0]


def _fields(path: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return {}
