"""What a step of a recipe costs on this machine, measured: one step to warm up, one that counts."""

import resource
import sys
import tempfile
import time
from pathlib import Path

from freehold.errors import ConfigError
from freehold.training.executor import Calibration
from freehold.training.heavy.model import parameters_of
from freehold.training.heavy.pretrain import Training
from freehold.training.recipe import Recipe


def calibrate(recipe: Recipe) -> Calibration:
    """The cost of a step. Raises ConfigError for a recipe that does not start from nothing: what others' weights cost follows from their size."""
    if recipe.shape is None:
        raise ConfigError(f"A step of {recipe.model} cannot be measured before its base is here.", "Give --no-measure.")
    with tempfile.TemporaryDirectory(prefix="freehold-calibrate-") as folder:
        training = Training(recipe, Path(folder))
        training.one_step()
        before = training.tokens
        began = time.perf_counter()
        training.one_step()
        seconds = time.perf_counter() - began
    unit = 1 if sys.platform == "darwin" else 1024
    return Calibration(
        seconds=seconds,
        tokens=training.tokens - before,
        parameters=parameters_of(training.model),
        memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit,
        precision=training.precision,
        device=training.model.device.type,
    )
