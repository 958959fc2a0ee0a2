"""The process that trains.

    python -m freehold.training.heavy RUN_FOLDER                       trains, or goes on from the checkpoint, to the end
    python -m freehold.training.heavy --calibrate RECIPE               measures a step of a recipe in JSON and says what it cost, as JSON
    python -m freehold.training.heavy --export RUN_FOLDER KIND OUT     exports to GGUF and compares, says how they compare, as JSON

Before anything is read it asks itself whether rows and weights may be used, whoever started it. It ends with a checkpoint on SIGTERM, and when a file
`stop` comes into the run's folder. What it tells stands in the run's `progress.jsonl`; what goes wrong in its log.
"""

import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import msgspec

from freehold.config.paths import environment
from freehold.errors import ExportRefused, FreeholdError
from freehold.training.ancestry import admit_recipe
from freehold.training.executor import REFUSED
from freehold.training.heavy.calibrate import calibrate
from freehold.training.heavy.direct import dpo
from freehold.training.heavy.libraries import torch
from freehold.training.heavy.parity import Exporting, export_run
from freehold.training.heavy.pretrain import Training
from freehold.training.heavy.reinforce import grpo
from freehold.training.heavy.tuning import sft
from freehold.training.progress import Ended
from freehold.training.recipe import Recipe, Stage
from freehold.training.runs import ANCESTRY, RunFolder

Stopping = Callable[[], bool]

log = logging.getLogger("freehold.training")


def main(arguments: list[str]) -> int:
    """The exit code: 0 when the run is done or was stopped, 1 when it cannot go on."""
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s training %(levelname)s %(message)s")
    first = (
        environment().get("RANK", "0") == "0"
    )  # of the processes that share each step; torch's launcher numbers them
    try:
        if arguments[:1] == ["--calibrate"]:
            recipe = msgspec.json.decode(Path(arguments[1]).read_bytes(), type=Recipe)
            set_threads(recipe)
            sys.stdout.write(msgspec.json.encode(calibrate(recipe)).decode() + "\n")
            return 0
        if arguments[:1] == ["--export"]:
            folder, kind = RunFolder(Path(arguments[1])), msgspec.convert(arguments[2], Exporting)
            sys.stdout.write(msgspec.json.encode(export_run(folder, kind, Path(arguments[3]))).decode() + "\n")
            return 0
        folder = RunFolder(Path(arguments[0]))
        with folder.held() if first else nullcontext():
            ended = train(folder, told_to_stop(folder), first=first)
        if first:
            log.warning("%s at step %d", ended.why, ended.step)
    except FreeholdError as error:
        log.error("%s %s", error.sentence, error.advice)
        return REFUSED if isinstance(error, ExportRefused) else 1
    return 0


def train(folder: RunFolder, stopping: Stopping, *, first: bool = True) -> Ended:
    """Executes the stage of the run's recipe, once all that it is made from may be used; the `first` of its processes notes what that is. Raises
    RowForbidden."""
    recipe, run = folder.recipe(), folder.run()
    made_from = admit_recipe(recipe, folder.terms(), run.made_at[:10], rows=folder.dataset(), overrides=run.overrides)
    if first:
        (folder.path / ANCESTRY).write_bytes(msgspec.json.encode(made_from))
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
    """As many threads as the recipe says, else one for each core that this process may use, shared with the others of its run."""
    torch.set_num_threads(recipe.learning.threads or max(1, (os.cpu_count() or 1) // recipe.learning.processes))


def told_to_stop(folder: RunFolder) -> Stopping:
    """Whether SIGTERM, SIGINT or the run's file `stop` has come since. The step that is being computed is finished."""
    seen: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: seen.append(number))
    return lambda: bool(seen) or folder.stop.exists()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
