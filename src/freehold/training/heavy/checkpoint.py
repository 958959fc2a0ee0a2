"""Checkpoints: all that a run needs to go on as if it had never stopped. One file, replaced only when the new one is whole and on the disk.

It knows tensors and numbers, and nothing of what they mean.
"""

import os
from pathlib import Path
from typing import Any

from msgspec.structs import asdict

from freehold.training.curriculum import Pace
from freehold.training.heavy.libraries import torch

FILE = "checkpoint.pt"


def save_checkpoint(folder: Path, model: Any, optimizers: list[Any], numbers: dict[str, Any], pace: Pace) -> None:
    """Writes weights, optimizers, generators of random numbers and `numbers` (plain values)."""
    state = {
        "model": model.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
        "random": torch.get_rng_state(),
        "numbers": numbers,
        "pace": asdict(pace),
    }
    part = folder / f"{FILE}.part"
    with part.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(folder / FILE)


def load_checkpoint(folder: Path, model: Any, optimizers: list[Any]) -> tuple[dict[str, Any], Pace] | None:
    """Puts back what `save_checkpoint` wrote; gives its numbers and pace, or None where there is none. Only tensors and plain values are read,
    never code."""
    path = folder / FILE
    if not path.exists():
        return None
    state = torch.load(str(path), map_location=model.device, weights_only=True)
    model.load_state_dict(state["model"])
    for optimizer, kept in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(kept)
    torch.set_rng_state(state["random"].cpu())
    return state["numbers"], Pace(**state["pace"])
