"""Rows for a step: problems of the training split, drawn from the step's number alone, solved and cut into tokens.

There is no cursor to lose: the batch of step 700 is the same whether the run came there in one go or in seven. Only the training split is
drawn from, and each problem's hash is checked for it again, where the row is made. What a run's tasks must not draw they do not (`tasks/apart.py`).
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from msgspec import Struct

from freehold.training.heavy.packing import Tokens
from freehold.training.heavy.tokenizer import is_ours, prompt_text
from freehold.training.recipe import Portion
from freehold.training.tasks.drawing import draw
from freehold.training.tasks.drawn import Record
from freehold.training.tasks.task import NO_THINK, Problem, Task, seeded, write_reply

Mix = Sequence[tuple[Task, Portion, tuple[int, ...]]]

NOWHERE = Record()

AT_ONCE = 8
"""Texts that are cut at once: the tokenizer is faster on many."""


class Row(Struct, frozen=True):
    """A problem to learn: its task, and whether steps are asked for."""

    task: Task
    problem: Problem
    thinking: bool


def rows(
    mix: Mix, weights: Sequence[Mapping[int, float]], direct: float, *seed: object, record: Record = NOWHERE
) -> Iterator[Row]:
    """Rows without end. `weights` are those of the levels, a table for each task of the mix, empty for one that is not drawn now; `direct` the share without
    steps. Each comes into the `record`."""
    rng = seeded("rows", *seed)
    open_now = [
        (task, draw(task, "train", levels, rng.randrange(2**62)), portion.weight)
        for (task, portion, _), levels in zip(mix, weights, strict=True)
        if levels
    ]
    shares = [weight for _, _, weight in open_now]
    while True:
        ((task, drawn, _),) = rng.choices(open_now, shares)
        problem = next(drawn)
        if task.split(problem) != "train":
            raise AssertionError(f"{task.digest(problem)} is held out")
        record.add(task, problem)
        yield Row(task, problem, rng.random() >= direct)


def solved(found: Iterator[Row], tokenizer: Any) -> Iterator[Tokens]:
    """The rows with the tasks' own solutions, as tokens."""
    while True:
        some = list(islice(found, AT_ONCE))
        asked = [prompt(row, tokenizer) for row in some]
        replies = [write_reply(row.task.solve(row.problem), thinking=row.thinking) for row in some]
        yield from tokens_of(asked, replies, tokenizer)


def tokens_of(asked: Sequence[str], replies: Sequence[str], tokenizer: Any) -> list[Tokens]:
    """Prompts and replies as tokens, the stop token at the end of each reply. Prompt and reply are cut apart, as they are in use."""
    if not asked:
        return []
    stop = tokenizer.eos_token
    before = tokenizer(list(asked), add_special_tokens=False)["input_ids"]
    after = tokenizer([f"{reply}{stop}" for reply in replies], add_special_tokens=False)["input_ids"]
    return [Tokens((*a, *b), len(a)) for a, b in zip(before, after, strict=True)]


def prompt(row: Row, tokenizer: Any) -> str:
    """What stands before the reply to a row, in the words of the tokenizer's own template."""
    return chat_prompt(row.task.turns(row.problem), tokenizer, thinking=row.thinking)


def chat_prompt(turns: Sequence[tuple[str, str]], tokenizer: Any, *, thinking: bool = True) -> str:
    """(role, text) of some messages as a chat that waits for the reply: what an engine makes of them when they come through the door."""
    *before, (role, text) = turns
    if is_ours(tokenizer) and not before and role == "user":
        return prompt_text(text, thinking=thinking)
    said = [*before, (role, text if thinking else f"{text}{NO_THINK}")]
    messages = [{"role": one, "content": words} for one, words in said]
    return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
