"""Direct preference optimisation (Rafailov et al. 2023) by TRL, on pairs that the model wrote itself: a proven reply before one that is not.

The pairs are drawn once, from the model as it starts: problems of which some replies are proven and some are not. A model that is always right, or never,
gives none, and that is an error rather than a run that learns nothing.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from freehold.errors import ConfigError
from freehold.training.heavy.generate import generate
from freehold.training.heavy.libraries import library, torch
from freehold.training.heavy.reference import held_to_start
from freehold.training.heavy.reinforce import prove, recorded
from freehold.training.heavy.rows import chat_prompt, tokens_of
from freehold.training.heavy.tuning import Stopping, Telling, adapters, arguments, opened
from freehold.training.progress import Ended
from freehold.training.recipe import Recipe, Reinforcing, tasks_of
from freehold.training.tasks.task import Problem, Task, judge

BETA = 0.1
"""Where the recipe says nothing: TRL's own."""


def dpo(recipe: Recipe, folder: Path, stopping: Stopping = lambda: False) -> Ended:
    """Improves the model that the recipe starts from. Raises ConfigError where no pair can be drawn."""
    reward, learning = recipe.reward, recipe.learning
    assert reward is not None
    model, tokenizer = opened(recipe)
    mix = tasks_of(recipe)
    prove(mix)
    problems = recorded(recipe, mix, folder)
    found = pairs(model, tokenizer, problems, reward, recipe.watch.tokens, learning.seed)
    if not found:
        raise ConfigError(
            f"Of {len(problems)} problems none has both a proven reply and another.",
            "Take a level on which the model is right now and then, a higher temperature or larger groups.",
        )
    return preferred(recipe, folder, stopping, (model, tokenizer), found)


def preferred(
    recipe: Recipe, folder: Path, stopping: Stopping, begun: tuple[Any, Any], found: list[dict[str, str]]
) -> Ended:
    """Has (model, tokenizer) prefer the chosen reply of each of these pairs. One of which a text is longer than the recipe's `length` is left out, where TRL would
    cut it, and the run tells how many are. Raises ConfigError where all are."""
    (model, tokenizer), reward, learning = begun, recipe.reward, recipe.learning
    assert reward is not None
    fitting = [pair for pair in cut(found, tokenizer) if _longest(pair) <= learning.length]
    if not fitting:
        raise ConfigError(f"No pair fits into {learning.length:,} tokens.", "Raise `length`.")
    trl = library("trl")
    settings = trl.DPOConfig(**arguments(recipe, folder), beta=reward.beta or BETA, max_length=learning.length)
    with Telling(recipe, folder, stopping, tasks_of(recipe), tokenizer) as telling:
        telling.left_out(len(found) - len(fitting), len(found), "pair")
        with held_to_start(recipe, model, folder):
            trainer = trainer_of_cut(trl.DPOTrainer)(
                model=model,
                args=settings,
                train_dataset=library("datasets").Dataset.from_list(fitting),
                processing_class=tokenizer,
                peft_config=adapters(recipe),
                callbacks=[telling.callback],
            )
        return telling.finish(trainer)


def cut(found: Sequence[dict[str, str]], tokenizer: Any) -> list[dict[str, list[int]]]:
    """The pairs as tokens, under TRL's names: the prompt and each reply with the stop token, cut apart and with no token that their texts do not have, as the model
    was asked and as it is served."""
    asked = [pair["prompt"] for pair in found]
    chosen, rejected = (
        tokens_of(asked, [pair[reply] for pair in found], tokenizer) for reply in ("chosen", "rejected")
    )
    return [
        {
            "prompt_ids": list(good.ids[: good.reply]),
            "chosen_ids": list(good.ids[good.reply :]),
            "rejected_ids": list(bad.ids[bad.reply :]),
        }
        for good, bad in zip(chosen, rejected, strict=True)
    ]


def trainer_of_cut(base: Any) -> Any:
    """TRL's trainer on pairs of `cut`. It would cut texts itself, with what the tokenizer puts before any text: a second start token where the template has one."""

    class OfCut(base):
        def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
            return dataset

    return OfCut


def _longest(pair: dict[str, list[int]]) -> int:
    """Tokens of the longer one of its texts, prompt, reply and stop token."""
    return len(pair["prompt_ids"]) + max(len(pair["chosen_ids"]), len(pair["rejected_ids"]))


def pairs(
    model: Any, tokenizer: Any, problems: list[tuple[Task, Problem]], reward: Reinforcing, tokens: int, seed: int
) -> list[dict[str, str]]:
    """`prompt`, `chosen` and `rejected` of each problem that gives a pair."""
    asked = [chat_prompt(task.turns(problem), tokenizer) for task, problem in problems]
    ids = tokenizer([text for text in asked for _ in range(reward.group)], add_special_tokens=False)["input_ids"]
    replies = generate(
        model,
        ids,
        stop=tokenizer.eos_token_id,
        pad=tokenizer.pad_token_id,
        tokens=tokens,
        temperature=reward.temperature,
        generator=torch.Generator(device=model.device).manual_seed(seed),
    )
    found: list[dict[str, str]] = []
    for place, (task, problem) in enumerate(problems):
        group = replies[place * reward.group : (place + 1) * reward.group]
        texts = [str(tokenizer.decode(list(one.ids), skip_special_tokens=True)) for one in group if one.ended]
        good = [text for text in texts if judge(task, problem, text).proven]
        bad = [text for text in texts if text not in good]
        if good and bad:
            found.append({"prompt": asked[place], "chosen": good[0], "rejected": bad[0]})
    return found
