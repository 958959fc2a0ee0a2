"""Run by torch's launcher in several processes (`test_processes.py`): FOLDER STEPS ..., each a recipe in a folder that is trained there, up to so many steps of this
life or, for 0, to its end. Each process keeps the weights that it ends with. It is the last process alone that is told to stop, and the first one alone that may
look at held-out problems; where a recipe has a target, it is told that all is right."""

import sys
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from freehold.training.heavy import lessons, pretrain
from freehold.training.heavy.evaluate import Score
from freehold.training.heavy.libraries import torch
from freehold.training.heavy.pretrain import Training
from freehold.training.heavy.processes import many, number
from freehold.training.recipe import Recipe


def first_try(_task: Any, _problem: Any, tries: Sequence[str]) -> str:
    return next((text for text in tries if text), "")


def after(steps: int) -> Callable[[], bool]:
    asked = count(1)
    return lambda: next(asked) == steps and number() == many() - 1


class Looking(Training):
    def scores(self, place: int) -> list[Score]:
        assert number() == 0
        right = Score("t", 2, thinking=True, items=9, right=9, proven=9, unfinished=0, tokens=1.0, low=0.7, high=1.0)
        return [right] if self.recipe.watch.target < 1 else super().scores(place)


def main(arguments: list[str]) -> None:
    pretrain.TELL_SECONDS = 0.0
    lessons._kept = first_try  # pyright: ignore[reportPrivateUsage]
    for name, steps in zip(arguments[::2], arguments[1::2], strict=True):
        folder = Path(name)
        training = Looking(
            msgspec.json.decode((folder / "recipe.json").read_bytes(), type=Recipe), folder, after(int(steps))
        )
        training.run()
        torch.save(training.model.state_dict(), folder / f"rank-{number()}.pt")


if __name__ == "__main__":
    main(sys.argv[1:])
