"""Drawing problems of one split: training rows without end, and held-out sets in which no problem stands twice.

It knows tasks and hashes, and no model. It exists so that whoever trains and whoever judges ask the same function, and neither can
take the other's problems.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from random import Random

from freehold.training.tasks.apart import is_apart
from freehold.training.tasks.task import NoProblem, Problem, Split, Task, seeded

PATIENCE = 2_000
"""Draws in a row that give nothing new before a level counts as used up. The smallest split is one in twenty."""


SEEDS = 8
"""Seeds in a row without a problem, before there was any, after which a level counts as one that has none."""

BARREN = 10
"""As many draws as a seed without a problem counts: it looked at thousands of problems to find none of its level."""


def draw(task: Task, split: Split, levels: Mapping[int, float], seed: int) -> Iterator[Problem]:
    """Problems of the split without end, levels by their weights; the same for the same seed. Problems may come again, as small
    levels have few; of those that can be listed each comes once before one comes again. What the task must not draw (`apart.py`) is drawn again, and
    where that is nothing the problems are the same as without.

    Raises ValueError when a level has no problem in the split that may be drawn, or when no weight is above 0."""
    rng = seeded(task.name, split, seed)
    names = [level for level, weight in levels.items() if weight > 0]
    weights = [levels[level] for level in names]
    if not names:
        raise ValueError("no level has a weight above 0")
    listed = task.listed(split)
    if listed is not None:
        yield from _in_turn(task, split, [one for one in listed if not is_apart(task, one)], rng)
    while True:
        level = rng.choices(names, weights)[0]
        yield _one(task, split, level, rng)


def held_out(task: Task, split: Split, level: int, count: int, seed: int = 0) -> list[Problem]:
    """Up to `count` problems of one level, no two alike; fewer when the split of that level has no more. Raises NoProblem for a level that has none at all."""
    return list(islice(_distinct(task, split, level, seed), count))


def has_problems(task: Task, level: int) -> bool:
    """Whether a level has problems with the options of the task, as far as the first seeds tell."""
    return any(_tried(task, level, seed) is not None for seed in range(SEEDS))


def _in_turn(task: Task, split: Split, problems: list[Problem], rng: Random) -> Iterator[Problem]:
    if not problems:
        raise ValueError(f"{task.called} has no problem for {split}")
    while True:
        rng.shuffle(problems)
        yield from problems


def _one(task: Task, split: Split, level: int, rng: Random) -> Problem:
    idle = 0
    while idle < PATIENCE:
        problem = _tried(task, level, rng.randrange(2**62))
        idle += BARREN if problem is None else 1
        if problem is not None and task.split(problem) == split and not is_apart(task, problem):
            return problem
    raise ValueError(
        f"{task.name} has no problem of level {level} for {split}{' that may be drawn' if task.apart else ''}"
    )


def _distinct(task: Task, split: Split, level: int, seed: int) -> Iterator[Problem]:
    rng = seeded(task.name, split, level, seed)
    listed = task.listed(split)
    if listed is not None:
        yield from rng.sample(listed, len(listed))
        return
    seen: set[str] = set()
    idle = barren = 0
    found = False
    while idle < PATIENCE:
        try:
            problem = task.generate(level, rng.randrange(2**62))
        except NoProblem:
            idle += BARREN
            barren += not found
            if barren == SEEDS:
                raise
            continue
        found = True
        idle += 1
        digest = task.digest(problem)
        if digest not in seen and task.split(problem) == split:
            seen.add(digest)
            idle = 0
            yield problem


def _tried(task: Task, level: int, seed: int) -> Problem | None:
    """The problem of a seed; None where that has none, as happens at levels that few problems reach."""
    try:
        return task.generate(level, seed)
    except NoProblem:
        return None
