"""What a step of a recipe costs on this machine, measured: one step to warm up, one that counts.

A run from nothing is measured by its own loop, a run from weights by the trainer of its stage, with its optimizer, adapters and sampler, that is ended after its
second step. Nothing is kept, and of a dataset the lengths of some rows alone are used: whether they may be learned from is asked when a run begins.
"""

import resource
import sys
import tempfile
import time
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from freehold.errors import ConfigError
from freehold.training.dataset import read_dataset
from freehold.training.executor import Calibration
from freehold.training.heavy.direct import pairs, preferred
from freehold.training.heavy.libraries import torch
from freehold.training.heavy.model import parameters_of
from freehold.training.heavy.packing import Tokens
from freehold.training.heavy.pretrain import Training
from freehold.training.heavy.reinforce import drawn, reinforced
from freehold.training.heavy.rows import chat_prompt
from freehold.training.heavy.taught import as_tokens, enough, made_rows
from freehold.training.heavy.tuning import arguments, opened, supervised
from freehold.training.progress import Step, read_progress
from freehold.training.recipe import Recipe, Reinforcing, tasks_of
from freehold.training.tasks.task import write_reply

STEPS = 2
FAR = 10**9
WRITTEN = 256
"""Replies that are drawn to measure how long the drawing of pairs takes: as many as the sampler writes at once."""


def calibrate(recipe: Recipe) -> Calibration:
    """The cost of a step. Raises ConfigError where the weights that the recipe starts from are not here."""
    with tempfile.TemporaryDirectory(prefix="freehold-calibrate-") as folder:
        if recipe.stage in ("pretrain", "distil"):
            return _from_nothing(recipe, Path(folder))
        return _from_weights(recipe, Path(folder))


def _from_nothing(recipe: Recipe, folder: Path) -> Calibration:
    training = Training(recipe, folder)
    training.choose_precision()
    training.one_step()
    before = training.tokens
    began = time.perf_counter()
    training.one_step()
    seconds = time.perf_counter() - began
    return Calibration(
        seconds=seconds,
        tokens=training.tokens - before,
        parameters=parameters_of(training.model),
        memory=_most_memory(),
        precision=training.precision,
        device=training.model.device.type,
    )


def _from_weights(recipe: Recipe, folder: Path) -> Calibration:
    short, watch = shortened(recipe), Stopwatch()
    model, tokenizer = begun = opened(recipe)
    parameters, before = parameters_of(model), 0.0
    with suppress(Measured):
        if recipe.stage == "sft":
            supervised(short, folder, watch, begun, _rows(short, tokenizer))
        elif recipe.stage == "grpo":
            reinforced(short, folder, watch, begun)
        else:
            before = _drawing(recipe, model, tokenizer)
            preferred(short, folder, watch, begun, _pairs(short, tokenizer))
    (told,) = [line for line in read_progress(folder / "progress.jsonl") if isinstance(line, Step)]
    return Calibration(
        seconds=watch.ends[-1] - watch.ends[-2],
        tokens=told.tokens,
        parameters=parameters,
        memory=_most_memory(),
        precision="bfloat16" if arguments(recipe, folder)["bf16"] else "float32",
        device=model.device.type,
        before=before,
    )


class Measured(Exception):
    """The step that counts is done."""


class Stopwatch:
    """In the place of what says whether to stop, which is asked after each step: ends the run, before it writes anything, after the step that counts."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def __call__(self) -> bool:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.ends.append(time.perf_counter())
        if len(self.ends) == STEPS:
            raise Measured
        return False


def shortened(recipe: Recipe) -> Recipe:
    """The recipe with nothing but steps in it: no look at held-out problems, no checkpoint, no alarm, and of a dataset's recipe no mix, which is only
    looked at."""
    learning, reward = recipe.learning, recipe.reward
    if recipe.stage == "grpo" and reward is not None and reward.prompts % learning.processes:
        raise ConfigError(
            f"The share that one of {learning.processes} processes has of {reward.prompts} prompts cannot be measured.",
            "Make `prompts` a multiple of `processes`, or give --no-measure.",
        )
    return replace(
        recipe,
        mix=() if recipe.data else recipe.mix,
        learning=replace(learning, steps=STEPS + 1, warmup=0, minutes=0.0),
        watch=replace(recipe.watch, every=FAR, save=FAR, target=1.0),
        reward=None if reward is None else replace(reward, dead=1.0, unfinished=1.0, mismatch=float(FAR)),
    )


def _rows(short: Recipe, tokenizer: Any) -> list[Tokens]:
    """Rows of the mix; of a dataset the lengths of some, from all over it and with nothing in them, over and over until so many steps are full."""
    if not short.data:
        return made_rows(short, tasks_of(short), tokenizer)
    examples = read_dataset(Path(short.data)).examples
    count = short.learning.steps * short.learning.rows
    some = as_tokens(examples[:: max(1, len(examples) // count)], tokenizer)
    return enough(short, cycle([Tokens((0,) * len(one.ids), one.reply) for one in some]))


def _pairs(short: Recipe, tokenizer: Any) -> list[dict[str, str]]:
    """Pairs as long as a right reply: the tasks' own, twice."""
    problems = drawn(short, tasks_of(short), short.learning.steps * short.learning.rows)
    replies = [write_reply(task.solve(problem)) for task, problem in problems]
    return [
        {"prompt": chat_prompt(task.turns(problem), tokenizer), "chosen": reply, "rejected": reply}
        for (task, problem), reply in zip(problems, replies, strict=True)
    ]


def _drawing(recipe: Recipe, model: Any, tokenizer: Any) -> float:
    """Seconds that the drawing of the replies takes of which the pairs are made, from some of them."""
    reward, learning = recipe.reward or Reinforcing(), recipe.learning
    whole = learning.steps * reward.prompts
    some = min(whole, max(1, WRITTEN // reward.group))
    problems = drawn(recipe, tasks_of(recipe), some)
    began = time.perf_counter()
    pairs(model, tokenizer, problems, reward, recipe.watch.tokens, learning.seed)
    return (time.perf_counter() - began) * whole / some


def _most_memory() -> int:
    """Bytes that this process had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
