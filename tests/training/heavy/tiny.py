"""A tiny recipe that learns something in seconds, and folders of what it learned."""

from pathlib import Path
from typing import Any

import msgspec

from freehold.training.recipe import Recipe, parse_recipe

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
