"""Reinforcement with verifiable rewards: GRPO (Shao et al. 2024) by TRL, the replies drawn by our own sampler, the rewards by the tasks' verifiers.

No reward is a model's opinion. Before anything is rewarded each task must pass its self-test (`tasks/selftest.py`). Three things that spoil such runs in
silence are told at every step, with alarms that end the run: groups in which all rewards are alike (there is nothing to learn from), replies that do not end, and
a sampler whose probabilities are not the trainer's.
"""

from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from freehold.errors import ConfigError
from freehold.training.heavy.generate import Reply, generate, mismatch
from freehold.training.heavy.libraries import library, torch
from freehold.training.heavy.processes import first, greatest, number, shared
from freehold.training.heavy.reference import held_to_start
from freehold.training.heavy.rows import NOWHERE, Mix, chat_prompt, rows
from freehold.training.heavy.tuning import Stopping, Telling, adapters, arguments, opened
from freehold.training.progress import Ended
from freehold.training.recipe import Recipe, Reinforcing, tasks_of
from freehold.training.scripts import foreign_share
from freehold.training.tasks.drawn import DRAWN, Record
from freehold.training.tasks.selftest import self_test
from freehold.training.tasks.task import Problem, Task, judge, read_reply, seeded

CHECKED = 4
"""Replies of a step whose probabilities are computed again."""


def grpo(recipe: Recipe, folder: Path, stopping: Stopping = lambda: False) -> Ended:
    """Improves the model that the recipe starts from. Raises ConfigError for a task that fails its self-test."""
    return reinforced(recipe, folder, stopping, opened(recipe))


def reinforced(recipe: Recipe, folder: Path, stopping: Stopping, begun: tuple[Any, Any]) -> Ended:
    """Improves (model, tokenizer). Raises ConfigError for a task that fails its self-test."""
    reward, learning, (model, tokenizer) = recipe.reward, recipe.learning, begun
    assert reward is not None
    mix = tasks_of(recipe)
    prove(mix)
    trl = library("trl")
    shared = arguments(recipe, folder) | {
        "per_device_train_batch_size": reward.prompts * reward.group // (learning.accumulate * learning.processes)
    }
    settings = trl.GRPOConfig(
        **shared,
        num_generations=reward.group,
        max_completion_length=recipe.watch.tokens,
        temperature=reward.temperature,
        beta=reward.beta,
        loss_type="dapo",
        scale_rewards="none",
        mask_truncated_completions=False,
    )
    problems = recorded(recipe, mix, folder)
    columns = {
        "prompt": [chat_prompt(task.turns(problem), tokenizer) for task, problem in problems],
        "place": list(range(len(problems))),
    }
    with Telling(recipe, folder, stopping, mix, tokenizer) as telling:
        with held_to_start(recipe, model, folder, held=reward.beta > 0):
            trainer = sampling_trainer(trl.GRPOTrainer, telling, reward, tokenizer)(
                model=model,
                args=settings,
                reward_funcs=rewarding(problems, reward, int(tokenizer.eos_token_id), recipe.watch.tokens),
                train_dataset=library("datasets").Dataset.from_dict(columns),
                processing_class=tokenizer,
                peft_config=adapters(recipe),
                callbacks=[telling.callback],
            )
        return telling.finish(trainer)


def prove(mix: Mix) -> None:
    """Raises ConfigError for a task whose verifier lets a wrong reply pass, or a right one fail, on a level that is rewarded."""
    for task, _, levels in mix:
        wrong = self_test(task, range(1), levels=levels)
        if wrong:
            raise ConfigError(
                f"{task.called} may not reward: {'; '.join(wrong[:5])}.",
                "Mend the grader." if task.captured else "Mend the task; see training/tasks/selftest.py.",
            )


def recorded(recipe: Recipe, mix: Mix, folder: Path) -> list[tuple[Task, Problem]]:
    """The problems of all steps, as the run's folder says for later what they ask."""
    assert recipe.reward is not None
    record = Record(folder / DRAWN if first() else None, anew=True)
    found = drawn(recipe, mix, recipe.learning.steps * recipe.reward.prompts, record)
    record.keep()
    return found


def drawn(recipe: Recipe, mix: Mix, count: int, record: Record = NOWHERE) -> list[tuple[Task, Problem]]:
    """Problems of the training split, each in the record."""
    levels = [dict.fromkeys(levels, 1.0) for _, _, levels in mix]
    found = rows(mix, levels, 0.0, "reward", recipe.learning.seed, record=record)
    return [(row.task, row.problem) for row in islice(found, count)]


def worth(task: Task, problem: Problem, text: str, *, ended: bool, reward: Reinforcing, length: float = 0.0) -> float:
    """The reward of a reply whose `length` is that share of what it may have: 1 proven, `right` for a right answer whose steps do not hold, 0 wrong;
    less for length and language, as the recipe has it."""
    judged = judge(task, problem, text)
    value = judged.worth(reward.right)
    if value:
        value -= reward.length * length
    if reward.foreign:
        value -= reward.foreign * foreign_share(text, "\n".join(said for _, said in task.turns(problem)))
    return value if ended and read_reply(text).finished else value - reward.too_long


def rewarding(
    problems: Sequence[tuple[Task, Problem]], reward: Reinforcing, stop: int, most: int
) -> Callable[..., list[float]]:
    """The function that TRL asks, with the replies as text and as tokens, up to `most`, and the `place` of each problem. One that ended has `stop` as its
    last."""

    def verified(completions: list[str], completion_ids: list[list[int]], place: list[int], **_: Any) -> list[float]:
        return [
            worth(*problems[at], text, ended=list(ids[-1:]) == [stop], reward=reward, length=len(ids) / most)
            for text, ids, at in zip(completions, completion_ids, place, strict=True)
        ]

    return verified


def sampling_trainer(base: Any, telling: Telling, reward: Reinforcing, tokenizer: Any) -> Any:
    """TRL's trainer with our sampler, which is several times as fast for small models and knows the probabilities that it drew by."""

    class Sampling(base):
        def _tokenize_prompts(self, prompts: list[str]) -> tuple[list[list[int]], None, dict[str, Any]]:
            # TRL lets the tokenizer put a start token before a text that has its own.
            return tokenizer(prompts, add_special_tokens=False)["input_ids"], None, {}

        def _generate_single_turn(self, prompt_ids: Any, *_: Any, **__: Any) -> tuple[list[list[int]], None]:
            apart = (number(),) if shared() else ()  # several processes draw other replies each
            seed = seeded("replies", telling.recipe.learning.seed, self.state.global_step, *apart).randrange(2**62)
            model = self.accelerator.unwrap_model(self.model)
            prompts = [list(map(int, ids)) for ids in prompt_ids]
            replies: list[Reply] = generate(
                model,
                prompts,
                stop=tokenizer.eos_token_id,
                pad=tokenizer.pad_token_id,
                tokens=telling.recipe.watch.tokens,
                temperature=reward.temperature,
                generator=torch.Generator(device=model.device).manual_seed(seed),
            )
            stop = int(tokenizer.eos_token_id)
            apart_by = mismatch(model, prompts[:CHECKED], replies[:CHECKED], stop, reward.temperature)
            telling.mismatch = greatest(model.device, apart_by)
            return [[*reply.ids, stop] if reply.ended else list(reply.ids) for reply in replies], None

    return Sampling
