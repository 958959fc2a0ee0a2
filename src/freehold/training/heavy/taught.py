"""What supervised tuning learns from: the rows of a dataset, admitted and found clean, or rows of the mix with the tasks' own solutions.

It knows rows, tasks and a tokenizer, and neither a model nor a trainer. It exists so that nothing is learned from that was not looked at here first.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from freehold.errors import ConfigError
from freehold.training import tasks
from freehold.training.ancestry import admit_recipe
from freehold.training.contamination import Gate, Sealed, check_splits, sealed_of
from freehold.training.dataset import Example
from freehold.training.heavy.packed import filling
from freehold.training.heavy.packing import Tokens
from freehold.training.heavy.processes import first
from freehold.training.heavy.rows import NOWHERE, Mix, rows, solved, tokens_of
from freehold.training.recipe import Recipe
from freehold.training.runs import RunFolder
from freehold.training.tasks.drawing import held_out
from freehold.training.tasks.drawn import DRAWN, Record
from freehold.training.tasks.task import NO_THINK, THINK, Problem, Task


def thoughts_of(recipe: Recipe, folder: Path) -> dict[str, bool]:
    """Whether the rows think, and whether some do not."""
    if not recipe.data or recipe.stage != "sft":
        return {"thinks": recipe.mute < 1, "switch": recipe.mute > 0}
    dataset = RunFolder(folder).dataset()
    assert dataset is not None
    thinking = [THINK in one.reply for one in dataset.examples]
    return {"thinks": any(thinking), "switch": not all(thinking)}


def asks_to_think(recipe: Recipe, folder: Path, tokenizer: Any) -> bool:
    """Whether some of what a run learns from is asked with thinking on, so that held-out problems are asked so too: a model that was never asked so says nothing of how
    good it is. Where the template has no switch all rows are asked alike."""
    mute = not thoughts_of(recipe, folder)["thinks"]
    return not mute or (bool(recipe.data) and NO_THINK not in (tokenizer.chat_template or ""))


def taught(recipe: Recipe, mix: Mix, tokenizer: Any, folder: Path) -> list[Tokens]:
    """The rows, admitted and found clean, as tokens. Of a dataset those are learned that the run keeps: that they give no item of a workload away was
    found before they were kept, and their digest holds them to it."""
    if not recipe.data:
        record = Record(folder / DRAWN if first() else None, anew=True)
        made = made_rows(recipe, mix, tokenizer, record)
        record.keep()
        return made
    place = RunFolder(folder)
    run, dataset = place.run(), place.dataset()
    assert dataset is not None
    admit_recipe(recipe, place.terms(), run.made_at[:10], rows=dataset, overrides=run.overrides)
    check_splits(dataset.examples, tasks.load())
    questions = {one.asked for one in dataset.examples}
    Gate(_sealed(mix, recipe.watch.items), common=questions).check(dataset.examples)
    return as_tokens(dataset.examples, tokenizer)


def made_rows(recipe: Recipe, mix: Mix, tokenizer: Any, record: Record = NOWHERE) -> list[Tokens]:
    """Rows of the mix, with the tasks' own solutions, as tokens: as many as all steps learn from, each problem in the record."""
    levels = [dict.fromkeys(levels, 1.0) for _, _, levels in mix]
    found = rows(mix, levels, recipe.direct, recipe.learning.seed, record=record)
    return enough(recipe, solved(found, tokenizer))


def enough(recipe: Recipe, examples: Iterable[Tokens]) -> list[Tokens]:
    """Examples of a stream, as many as fill all steps. Raises ConfigError where they are all too long."""
    learning = recipe.learning
    return filling(examples, learning.steps * learning.rows * learning.length, learning.length)


def as_tokens(examples: Sequence[Example], tokenizer: Any) -> list[Tokens]:
    """Rows of a dataset as tokens."""
    return tokens_of([asked_of(one, tokenizer) for one in examples], [one.reply for one in examples], tokenizer)


def _sealed(mix: Mix, items: int) -> Iterator[Sealed]:
    for task, _, levels in mix:
        listed = task.listed("val")
        found = _held_out(task, levels, items) if listed is None else listed
        yield from (sealed_of(task, one) for one in found)


def _held_out(task: Task, levels: Sequence[int], items: int) -> Iterator[Problem]:
    """Problems of both held-out splits: of these levels, and of those for what lies outside of training, as far as the task's options leave any there."""
    for level in dict.fromkeys((*levels, *task.beyond)):
        try:
            found = [*held_out(task, "val", level, items), *held_out(task, "test", level, items)]
        except ValueError:
            if level in levels:
                raise
            continue
        yield from found


def asked_of(example: Example, tokenizer: Any) -> str:
    """What stands before the reply to a row, as the tokenizer's template writes it. Raises ConfigError for a tokenizer without one."""
    messages: Sequence[dict[str, str]] = [{"role": turn.role, "content": turn.text} for turn in example.turns]
    if tokenizer.chat_template is None:
        raise ConfigError(
            "The base has no chat template.", "Start from one that was tuned for chat, or add a template."
        )
    options = {} if THINK in example.reply or NO_THINK not in tokenizer.chat_template else {"enable_thinking": False}
    return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **options))
