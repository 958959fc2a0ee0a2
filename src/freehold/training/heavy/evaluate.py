"""How good a model is on problems that it has never seen: the share of right answers, and of those the share whose every step holds.

It knows tasks and replies. Answers are graded by the grader that a trial uses, steps by the task's verifier; replies that did not end are counted apart,
since a cut-off thought is another fault than a wrong one.
"""

import math
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from freehold.training.heavy.generate import generate
from freehold.training.heavy.rows import Row, prompt
from freehold.training.tasks.drawing import held_out
from freehold.training.tasks.task import Split, Task, judge


class Score(Struct, frozen=True):
    """A result on one level: how many of `items` were `right`, how many of these `proven` step by step, how many replies did not end, and the mean
    length of a reply in tokens. `low` and `high` bound the share of right answers (Wilson, 95 %)."""

    task: str
    level: int
    thinking: bool
    items: int
    right: int
    proven: int
    unfinished: int
    tokens: float
    low: float
    high: float

    @property
    def accuracy(self) -> float | None:
        """The share of right answers; None where there was nothing to answer, since a small level may have no held-out problem."""
        return self.right / self.items if self.items else None

    @property
    def faithful(self) -> float | None:
        """Of the right answers, the share whose every step is verified; None where nothing was right or no steps were asked for."""
        return self.proven / self.right if self.right and self.thinking else None


def evaluate(
    model: Any,
    tokenizer: Any,
    task: Task,
    levels: Sequence[int],
    *,
    split: Split = "val",
    items: int = 50,
    tokens: int = 256,
    thinking: bool = True,
    seed: int = 0,
) -> list[Score]:
    """The scores of greedy replies, a score a level. A split that has fewer problems than `items` gives all that it has."""
    found: list[tuple[int, Row]] = []
    for level in levels:
        found += [(level, Row(task, one, thinking)) for one in held_out(task, split, level, items, seed)]
    texts, ended, lengths = answers(model, tokenizer, [row for _, row in found], tokens)
    scores: list[Score] = []
    for level in levels:
        places = [place for place, (other, _) in enumerate(found) if other == level]
        judged = [judge(task, found[place][1].problem, texts[place]) for place in places]
        right = [one for one in judged if one.grade.score == 1.0]
        low, high = wilson(len(right), len(places))
        scores.append(
            Score(
                task=task.called,
                level=level,
                thinking=thinking,
                items=len(places),
                right=len(right),
                proven=sum(one.proven for one in right),
                unfinished=sum(not ended[place] for place in places),
                tokens=sum(lengths[place] for place in places) / max(1, len(places)),
                low=low,
                high=high,
            )
        )
    return scores


def answers(model: Any, tokenizer: Any, rows: Sequence[Row], tokens: int) -> tuple[list[str], list[bool], list[int]]:
    """(text, whether it ended, tokens) of the greedy reply to each row."""
    asked = [prompt(row, tokenizer) for row in rows]
    ids: list[list[int]] = tokenizer(asked, add_special_tokens=False)["input_ids"] if asked else []
    replies = (
        generate(model, ids, stop=tokenizer.eos_token_id, pad=tokenizer.pad_token_id, tokens=tokens) if ids else []
    )
    texts = [str(tokenizer.decode(list(reply.ids), skip_special_tokens=True)) for reply in replies]
    return texts, [reply.ended for reply in replies], [len(reply.logprobs) for reply in replies]


def wilson(right: int, items: int) -> tuple[float, float]:
    """The 95 % bounds of a share (Wilson 1927); of nothing, 0 and 1."""
    if not items:
        return 0.0, 1.0
    z = 1.959963984540054
    middle, spread = right + z * z / 2, z * math.sqrt(right * (items - right) / items + z * z / 4)
    whole = items + z * z
    return max(0.0, (middle - spread) / whole), min(1.0, (middle + spread) / whole)
