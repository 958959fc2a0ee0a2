"""A tiny recipe that learns something in seconds, and folders of what it learned."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from freehold.config.paths import environment
from freehold.training.executor import LocalExecutor
from freehold.training.progress import Line
from freehold.training.recipe import Recipe, parse_recipe
from freehold.training.runs import RunFolder, new_run

PRETRAIN = b"""
model = "own/tiny"
stage = "pretrain"
direct = 0.25
[shape]
layers = 2
width = 32
heads = 2
inner = 64
context = 128
[[mix]]
task = "arithmetic-chains"
options = { digits = 1 }
levels = [2]
[learning]
steps = 8
rows = 4
length = 64
rate = 1e-2
warmup = 2
threads = 1
seed = 7
[watch]
every = 4
items = 5
save = 4
tokens = 24
"""


def recipe(**changes: Any) -> Recipe:
    """The tiny recipe with changes: `learning__steps=4` changes `learning.steps`."""
    table = msgspec.to_builtins(parse_recipe(PRETRAIN))
    for name, value in changes.items():
        section, _, key = name.partition("__")
        if key:
            table[section] = {**(table.get(section) or {}), key.replace("_", "-"): value}
        else:
            table[section] = value
    return msgspec.convert(table, Recipe)


def trained(folder: Path, **changes: Any) -> Path:
    """A folder in which the tiny recipe has run."""
    from freehold.training.heavy.pretrain import Training

    folder.mkdir(parents=True, exist_ok=True)
    Training(recipe(**changes), folder).run()
    return folder


def begun_on(base: Path, data: Path, stage: str, reward: dict[str, Any], **changes: Any) -> RunFolder:
    """A run of a stage that rewards, by two processes, on a run that is done: three steps, and a look at two problems."""
    shared = {"learning__steps": 3, "learning__processes": 2, "watch__items": 2, **changes}
    made = recipe(stage=stage, start=str(base), shape=None, reward=reward, **shared)
    return new_run(data, made, datetime(2026, 1, 1, tzinfo=UTC))


def finished(data: Path, **changes: Any) -> Path:
    """The folder of a run that is done, with what tells what it was made from."""
    from freehold.training.heavy.pretrain import Training

    made = recipe(**changes)
    place = new_run(data, made, datetime(2026, 1, 1, tzinfo=UTC))
    Training(made, place.path).run()
    return place.path


def executed(place: RunFolder) -> list[Line]:
    """What a run tells, executed to its end as `freehold train run` does."""
    job = LocalExecutor({**environment(), "OMP_NUM_THREADS": "1"}).start(place)
    assert job.wait() == 0, place.log.read_text()
    assert place.state() == "done"
    return place.lines()
