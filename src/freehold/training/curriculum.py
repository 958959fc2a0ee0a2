"""How hard and how fast: the pure arithmetic of a run. Which levels are open, how large a step is, how long a decay takes.

It knows numbers of steps and no model. It exists apart so that a run that is resumed computes the same as one that never stopped: everything
here follows from the step and from what the checkpoint keeps.
"""

import math
from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from freehold.training.recipe import Curriculum, Learning, Portion

OPENING = 0.3
"""A rising curriculum has opened its last level after this share of the steps. The hardest level is most of what is left to learn then."""

MASTERED = 0.9
"""Accuracy on every open level from which on mastery opens the next."""


class Pace(Struct, frozen=True, kw_only=True):
    """What of the pace a checkpoint keeps: how many levels mastery has opened, and the step from which the rate decays once time or target
    have said so, with the step that it ends on, and the share of the rate that was left then."""

    opened: int = 1
    decay_from: int | None = None
    ends: int | None = None
    share: float = 1.0


def portion_weights(
    kind: Curriculum, portion: Portion, levels: Sequence[int], step: int, learning: Learning, pace: Pace
) -> dict[int, float]:
    """The weight of each level of a portion at a step, its curriculum stretched over the steps between its beginning and its end; nothing outside of them."""
    begins, ends = round(portion.begins * learning.steps), round(portion.ends * learning.steps)
    if not begins <= step < ends:
        return {}
    return weights(kind, levels, step - begins, replace(learning, steps=ends - begins), pace)


def weights(kind: Curriculum, levels: Sequence[int], step: int, learning: Learning, pace: Pace) -> dict[int, float]:
    """The weight of each level at a step: open ones alike, the newest twice, since it has been seen least; closed ones 0."""
    ordered = sorted(levels)
    if kind == "uniform":
        return dict.fromkeys(ordered, 1.0)
    if kind == "rising":
        share = step / max(1.0, OPENING * learning.steps)
        opened = min(len(ordered), 1 + int(share * len(ordered)))
    else:
        opened = min(len(ordered), pace.opened)
    last = ordered[opened - 1]
    settled = kind == "rising" and step >= OPENING * learning.steps
    return {
        level: 0.0 if level > last else 2.0 if level == last and opened > 1 and not settled else 1.0
        for level in ordered
    }


def opened_after(tasks: Sequence[tuple[Sequence[int], Mapping[int, float]]], pace: Pace) -> int:
    """How many levels mastery opens after an evaluation of all tasks, each with its levels and their accuracies: one more when each open one of each task is mastered
    and some task has more."""
    mastered = all(
        accuracy.get(level, 0.0) >= MASTERED for levels, accuracy in tasks for level in sorted(levels)[: pace.opened]
    )
    most = max((len(levels) for levels, _ in tasks), default=pace.opened)
    return min(most, pace.opened + 1) if mastered else pace.opened


def rate(step: int, learning: Learning, pace: Pace) -> float:
    """The learning rate of a step, counted from 0: linear warm-up, then cosine to a tenth, or steady with a linear decay to 0 at the end. Where time or target
    end a run, it decays in a line to 0 from what it is then."""
    if step < learning.warmup:
        return learning.rate * (step + 1) / learning.warmup
    return learning.rate * share(step, learning, pace)


def share(step: int, learning: Learning, pace: Pace) -> float:
    """How much of the recipe's rate a step after the warm-up has, from 0 to 1."""
    if pace.ends is not None and pace.decay_from is not None:
        left = (pace.ends - step) / max(1, pace.ends - pace.decay_from)
        return pace.share * min(1.0, max(0.0, left))
    end = learning.steps
    if learning.schedule == "cosine":
        done = (step - learning.warmup) / max(1, end - learning.warmup)
        return 0.1 + 0.9 * (1 + math.cos(math.pi * min(1.0, max(0.0, done)))) / 2
    left = (end - step) / max(1, round(learning.decay * end))
    return min(1.0, max(0.0, left))


def decay_now(step: int, learning: Learning, pace: Pace) -> Pace:
    """The pace of a run that begins its decay at this step, and how long that takes: the share of the recipe of all steps, no more than are left. A decay that
    has begun by the schedule goes on from where it is: the rate never rises again."""
    if pace.decay_from is not None or learning.schedule == "cosine":
        return pace
    length = max(1, round(step * learning.decay / max(1e-9, 1 - learning.decay)))
    start = min(step, learning.steps - round(learning.decay * learning.steps))
    return Pace(opened=pace.opened, decay_from=start, ends=min(learning.steps, step + length))
