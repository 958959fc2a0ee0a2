"""The process that trains.

    python -m freehold.training.heavy RUN_FOLDER            trains, or goes on from the checkpoint, to the end
    python -m freehold.training.heavy --calibrate RECIPE    measures a step and says what it cost, as JSON

It ends with a checkpoint on SIGTERM. What it tells stands in the run's `progress.jsonl`; what goes wrong in its log.
"""

import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from freehold.errors import FreeholdError
from freehold.training.heavy.calibrate import calibrate
from freehold.training.heavy.direct import dpo
from freehold.training.heavy.libraries import torch
from freehold.training.heavy.pretrain import Training
from freehold.training.heavy.reinforce import grpo
from freehold.training.heavy.tuning import sft
from freehold.training.progress import Ended
from freehold.training.recipe import Recipe, Stage, read_recipe
from freehold.training.runs import RunFolder

Stopping = Callable[[], bool]

log = logging.getLogger("freehold.training")


def main(arguments: list[str]) -> int:
    """The exit code: 0 when the run is done or was stopped, 1 when it cannot go on."""
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s training %(levelname)s %(message)s")
    try:
        if arguments[:1] == ["--calibrate"]:
            recipe = read_recipe(Path(arguments[1]))
            set_threads(recipe)
            sys.stdout.write(msgspec.json.encode(calibrate(recipe)).decode() + "\n")
            return 0
        folder = RunFolder(Path(arguments[0]))
        with folder.held():
            ended = train(folder, told_to_stop())
        log.warning("%s at step %d", ended.why, ended.step)
    except FreeholdError as error:
        log.error("%s %s", error.sentence, error.advice)
        return 1
    return 0


def train(folder: RunFolder, stopping: Stopping) -> Ended:
    """Executes the stage of the run's recipe."""
    recipe = folder.recipe()
    set_threads(recipe)
    stages: dict[Stage, Callable[[], Ended]] = {
        "pretrain": lambda: Training(recipe, folder.path, stopping).run(),
        "distil": lambda: Training(recipe, folder.path, stopping).run(),
        "sft": lambda: sft(recipe, folder.path, stopping),
        "grpo": lambda: grpo(recipe, folder.path, stopping),
        "dpo": lambda: dpo(recipe, folder.path, stopping),
    }
    return stages[recipe.stage]()


def set_threads(recipe: Recipe) -> None:
    """As many threads as the recipe says, else one for each core that this process may use."""
    torch.set_num_threads(recipe.learning.threads or (os.cpu_count() or 1))


def told_to_stop() -> Stopping:
    """Whether SIGTERM or SIGINT has come since. The step that is being computed is finished."""
    seen: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: seen.append(number))
    return lambda: bool(seen)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
