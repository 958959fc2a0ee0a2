"""A tiny recipe that learns something in seconds, and folders of what it learned."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from freehold.config.paths import environment
from freehold.items import Item
from freehold.training.executor import LocalExecutor
from freehold.training.progress import Ended, Line, Step, read_progress
from freehold.training.recipe import Recipe, parse_recipe
from freehold.training.runs import RunFolder, new_run
from freehold.training.tasks.kept_workload import Kept, write_kept

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


def weights(folder: Path) -> dict[str, Any]:
    """The tensors that a run has written, by name."""
    from freehold.training.heavy.libraries import library

    return library("safetensors.torch").load_file(str(folder / "model" / "model.safetensors"))


def assert_exact(folder: Path, steps: int, run: Callable[[Path, Callable[[], bool]], Ended]) -> None:
    """A run in one life, and one that was stopped after so many steps and gone on with, tell the same losses and end with the same weights, bit for bit.
    `run` is given a folder and what says whether to stop."""
    from freehold.training.heavy.libraries import torch

    torch.set_num_threads(1)
    whole, halves = folder / "whole", folder / "halves"
    whole.mkdir()
    halves.mkdir()
    assert run(whole, lambda: False).done
    before_the_last = iter(range(1, steps))
    first = run(halves, lambda: next(before_the_last, None) is None)
    assert (first.done, first.step) == (False, steps)
    torch.manual_seed(20_261_126)  # another process would not go on with the numbers of this one either
    assert run(halves, lambda: False).done
    told, again = (
        [(line.step, line.loss) for line in read_progress(next(one.rglob("progress.jsonl"))) if isinstance(line, Step)]
        for one in (whole, halves)
    )
    assert told == again
    assert len(told) > steps
    kept, same = (weights(next(one.rglob("progress.jsonl")).parent) for one in (whole, halves))
    assert kept.keys() == same.keys()
    assert all(torch.equal(value, same[name]) for name, value in kept.items())


def executed(place: RunFolder) -> list[Line]:
    """What a run tells, executed to its end as `freehold train run` does."""
    job = LocalExecutor({**environment(), "OMP_NUM_THREADS": "1"}).start(place)
    assert job.wait() == 0, place.log.read_text()
    assert place.state() == "done"
    return place.lines()


SEVENS: dict[str, Any] = {"kind": "exact"}
"""The grader of a workload whose answer is always 7."""


def sevens(*numbers: int) -> tuple[Item, ...]:
    """Items of a workload: an operator's word, a sum, and 7 as what is right."""
    return tuple(
        Item(
            id=f"rec_{number}",
            workload="sevens",
            input={
                "messages": [
                    {"role": "system", "content": "+"},
                    {"role": "user", "content": f"{number}+{number + 1}=?"},
                ]
            },
            reference="7",
        )
        for number in numbers
    )


def kept_sevens(train: Iterable[int], val: Iterable[int], grader: dict[str, Any] = SEVENS) -> bytes:
    """The file of such a workload, as a run keeps it."""
    return write_kept(Kept(workload="sevens", grader=grader, train=sevens(*train), val=sevens(*val)))


def mix_of(items: str) -> list[dict[str, Any]]:
    """A mix of that workload alone, whose file is called so."""
    return [{"task": "workload", "options": {"workload": "sevens", "items": items}}]
