"""Tuning a model that is there already, by TRL: supervised on traces, all weights or low-rank adapters. What all of TRL's trainers share stands here too.

TRL knows the losses; what it may read, which tokens count, what is told and where the weights go is decided here. The mask of what counts is made from
the two texts, prompt and reply, and never from a template; a dataset in which nothing counts is an error.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import Any

from freehold.errors import ConfigError
from freehold.training.heavy.adapter import save_adapter
from freehold.training.heavy.evaluate import evaluate
from freehold.training.heavy.lessons import weights_in
from freehold.training.heavy.libraries import library, torch, transformers
from freehold.training.heavy.model import load_model, save_model
from freehold.training.heavy.packed import COUNTED, columns, keeps_apart, rows_of, trainer_of_rows
from freehold.training.heavy.packing import Tokens
from freehold.training.heavy.precision import has_bfloat16
from freehold.training.heavy.pretrain import scored
from freehold.training.heavy.processes import PATIENCE, agreed, first, shared, together
from freehold.training.heavy.rows import Mix
from freehold.training.heavy.taught import asks_to_think, taught, thoughts_of
from freehold.training.heavy.thoughts import NO_PLACE, place_thoughts
from freehold.training.progress import Alarm, Ended, Line, Note, Progress, Rewarded, Scored, Step, read_progress, rewind
from freehold.training.recipe import Learning, Recipe, folder_of, tasks_of
from freehold.training.runs import RunFolder

Stopping = Callable[[], bool]

TELL_STEPS = 1

PREPARED = {"skip_prepare_dataset": True}
"""Rows are cut, masked and filled here; TRL takes them as they are."""


def sft(recipe: Recipe, folder: Path, stopping: Stopping = lambda: False) -> Ended:
    """Tunes on the recipe's dataset, or on the solved rows of its mix. Raises RowForbidden and Contaminated before anything is learned."""
    begun = opened(recipe)
    notes = () if place_thoughts(begun[1], **thoughts_of(recipe, folder)) else (NO_PLACE,)
    return supervised(recipe, folder, stopping, begun, taught(recipe, tasks_of(recipe), begun[1], folder), notes)


def supervised(
    recipe: Recipe,
    folder: Path,
    stopping: Stopping,
    begun: tuple[Any, Any],
    examples: Sequence[Tokens],
    notes: Sequence[str] = (),
) -> Ended:
    """Tunes (model, tokenizer) on these examples, several to a row where the model keeps them apart. One that is longer than the recipe's `length` is left out,
    and the run tells how many are, and the `notes`."""
    (model, tokenizer), learning = begun, recipe.learning
    fitting = [one for one in examples if len(one.ids) <= learning.length]
    if not any(len(one.ids) > one.reply for one in fitting):
        raise ConfigError(
            f"No row of {recipe.data or 'the mix'} fits into {learning.length} tokens.", "Raise `length`."
        )
    packs = keeps_apart(model)
    laid = rows_of(fitting, learning.length, learning.seed) if packs else [[one] for one in fitting]
    trl = library("trl")
    given: dict[str, Any] = {
        "model": model,
        "args": trl.SFTConfig(
            **arguments(recipe, folder), max_length=None, packing=False, dataset_kwargs=PREPARED, loss_type="nll"
        ),
        "train_dataset": library("datasets").Dataset.from_dict(columns(laid)),
        "processing_class": tokenizer,
        "peft_config": adapters(recipe),
    }
    with Telling(recipe, folder, stopping, tasks_of(recipe), tokenizer) as telling:
        telling.left_out(len(examples) - len(fitting), len(examples), "row")
        for note in notes:
            telling.note(note)
        if not packs:
            telling.note(
                f"{model.config.model_type} does not keep the examples of a row apart, so a row is one example, and a step learns from {learning.rows:,}."
            )
        given["callbacks"] = [telling.callback]
        return telling.finish(trainer_of_rows(**given) if packs else trl.SFTTrainer(**given))


def opened(recipe: Recipe) -> tuple[Any, Any]:
    """(model, tokenizer) that the recipe starts from."""
    model, tokenizer = load_model(weights_in(folder_of(recipe.start)))
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return model, tokenizer


def arguments(recipe: Recipe, folder: Path) -> dict[str, Any]:
    """What the configurations of all of TRL's trainers share. Nothing is sent anywhere."""
    learning = recipe.learning
    return {
        "output_dir": str(folder / "checkpoints"),
        "max_steps": learning.steps,
        "per_device_train_batch_size": max(1, learning.rows // (learning.accumulate * learning.processes)),
        "gradient_accumulation_steps": learning.accumulate,
        "gradient_checkpointing": False,
        "learning_rate": learning.rate,
        **_schedule(learning),
        "warmup_steps": learning.warmup,
        "weight_decay": learning.weight_decay,
        "adam_beta1": learning.betas[0],
        "adam_beta2": learning.betas[1],
        "max_grad_norm": learning.clip,
        "bf16": learning.precision == "bfloat16" or (learning.precision == "auto" and has_bfloat16()),
        "use_cpu": not torch.cuda.is_available(),
        "seed": learning.seed,
        "logging_steps": TELL_STEPS,
        "save_steps": recipe.watch.save,
        "save_total_limit": 1,
        "ddp_timeout": int(PATIENCE.total_seconds()),
        "report_to": "none",
        "disable_tqdm": True,
    }


def _schedule(learning: Learning) -> dict[str, Any]:
    """The rate over the steps, as `transformers` names it."""
    if learning.schedule == "cosine":
        return {"lr_scheduler_type": "cosine"}
    falling = {"num_decay_steps": round(learning.decay * learning.steps), "decay_type": "linear"}
    return {"lr_scheduler_type": "warmup_stable_decay", "lr_scheduler_kwargs": falling}


def adapters(recipe: Recipe) -> Any:
    """The configuration of low-rank adapters over all linear layers, or None for all weights."""
    if recipe.lora is None:
        return None
    return library("peft").LoraConfig(
        r=recipe.lora.rank,
        lora_alpha=recipe.lora.alpha,
        lora_dropout=recipe.lora.dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


class Telling:
    """Progress of one of TRL's trainers: lines, held-out problems, alarms, the end. Used as a context."""

    def __init__(self, recipe: Recipe, folder: Path, stopping: Stopping, mix: Mix, tokenizer: Any) -> None:
        self.recipe, self.folder, self.stopping, self.mix, self.tokenizer = recipe, folder, stopping, mix, tokenizer
        self.checkpoint = _newest(folder / "checkpoints")
        begins = self._begins = int(self.checkpoint.name.rpartition("-")[2]) if self.checkpoint is not None else 0
        if first():
            rewind(folder / "progress.jsonl", begins)
        told = [line for line in read_progress(folder / "progress.jsonl") if line.step <= begins]
        self._before, earlier = self._spent(folder / "progress.jsonl") if self.checkpoint is not None else (0.0, 0)
        # TRL's GRPO counts tokens on over the lives of a run; the others begin anew.
        self._counted = 0 if recipe.stage == "grpo" else earlier
        self._progress = Progress(folder / "progress.jsonl") if first() else None
        self.callback = Callback(self)
        self.mismatch = 0.0
        self.alarmed = next((line.sentence for line in reversed(told) if isinstance(line, Alarm)), "")
        scores = (line for line in told if isinstance(line, Scored) and line.step == begins and line.items)
        self.mastered = self._due(begins) and self._reached(min((one.right / one.items for one in scores), default=0.0))
        self._rewards = [line for line in told if isinstance(line, Rewarded)]
        self._step, self._tokens, self._elapsed = 0, earlier, self._before

    def __enter__(self) -> "Telling":
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.close()

    def note(self, sentence: str) -> None:
        """Tells what whoever reads the results must know, once in all lives of the run."""
        note = Note(step=0, sentence=sentence)
        if note not in read_progress(self.folder / "progress.jsonl"):
            self._tell(note)

    def left_out(self, long: int, of: int, what: str) -> None:
        """Tells how many are not learned because they are too long."""
        if long:
            self.note(
                f"{long:,} of {of:,} {what}s {'is' if long == 1 else 'are'} longer than {self.recipe.learning.length:,} tokens and not learned."
            )

    def finish(self, trainer: Any) -> Ended:
        """Trains to the end or until told to stop; writes the weights when it is done, and adapters beside the weights that they are merged into. An earlier
        life that came to the end and was killed before that has left nothing to train: its last checkpoint has the weights."""
        if self.checkpoint is not None and self._done(self._begins):
            trainer._load_from_checkpoint(str(self.checkpoint))
            self._step = self._begins
        else:
            trainer.train(resume_from_checkpoint=str(self.checkpoint) if self.checkpoint else None)
            self._step = int(trainer.state.global_step)
        done, over = self._done(self._step), self.over(0.0)
        if done and first():
            model = trainer.accelerator.unwrap_model(trainer.model)
            merged = self._merged(model)
            self.watch(merged, self._step)
            save_model(merged, self.tokenizer, self.folder / "model")
        ended = Ended(step=self._step, done=done, why=self._why(over=over), elapsed=self._elapsed, tokens=self._tokens)
        self._tell(ended)
        together()
        return ended

    def _done(self, step: int) -> bool:
        """Whether a run that has come to this step goes no further."""
        return step >= self.recipe.learning.steps or self.over(0.0) or self.mastered or bool(self.alarmed)

    def _merged(self, model: Any) -> Any:
        """The model with its adapters in its weights; they are kept as they are, too."""
        if self.recipe.lora is None:
            return model
        start = self.recipe.start
        base = self.recipe.base or (Path(start).name if folder_of(start) == Path(start) else start)
        save_adapter(model, RunFolder(self.folder).adapter, base)
        return model.merge_and_unload()

    def _why(self, *, over: bool) -> str:
        """Why a run, or this life of it, has ended."""
        if self.alarmed or over:
            return self.alarmed or "its minutes are over"
        if self.mastered:
            return "its target is reached"
        return "all steps are done" if self._step >= self.recipe.learning.steps else "it was told to stop"

    def over(self, seconds: float) -> bool:
        """Whether the recipe's minutes are, so many seconds into this life of the run. The rate has not come down then: `steps` is what plans that."""
        spent = max(self._elapsed, self._before + seconds)
        return 0 < 60 * self.recipe.learning.minutes <= spent

    def logged(self, step: int, logs: dict[str, Any], seconds: float, steps: int) -> None:
        """Takes what a trainer logs, so many seconds into this life of the run."""
        if "loss" not in logs:
            return
        elapsed = self._elapsed = self._before + seconds
        counted = int(logs.get(COUNTED) or logs.get("num_tokens") or 0)
        self._tokens = self._counted + counted if counted else self._tokens
        self._tell(
            Step(
                step=step,
                loss=float(logs["loss"]),
                rate=float(logs.get("learning_rate", 0.0)),
                tokens=self._tokens,
                per_second=self._tokens / max(1e-9, elapsed),
                elapsed=elapsed,
                left=elapsed / max(1, step) * (steps - step),
            )
        )
        if "frac_reward_zero_std" in logs:
            self._rewarded(step, logs)

    def looks(self, model: Any, step: int) -> None:
        """Tries held-out problems where it is time to, and sees whether the target is reached on every level. The first process does; the others wait for
        what it says at the end of the step."""
        if self.mix and first() and self._due(step):
            self.mastered = self._reached(self.watch(model, step))

    def _due(self, step: int) -> bool:
        """Whether a look at this step may end the run."""
        return step % self.recipe.watch.every == 0 and 0 < step < self.recipe.learning.steps

    def _reached(self, worst: float) -> bool:
        """Whether that share of right answers on the worst level is the target."""
        return self.recipe.watch.target < 1 and worst >= self.recipe.watch.target

    def watch(self, model: Any, step: int) -> float:
        """Tries held-out problems; gives the share of right answers on the worst level, 0 where there is none."""
        watch, shares = self.recipe.watch, list[float]()
        for task, _, levels in self.mix:
            found = evaluate(
                model, self.tokenizer, task, levels, items=watch.items, tokens=watch.tokens, thinking=self._thinking
            )
            for one in found:
                self._tell(scored(step, one))
                shares += [] if one.accuracy is None else [one.accuracy]
        return min(shares, default=0.0)

    @cached_property
    def _thinking(self) -> bool:
        return asks_to_think(self.recipe, self.folder, self.tokenizer)

    def _rewarded(self, step: int, logs: dict[str, Any]) -> None:
        reward = self.recipe.reward
        assert reward is not None
        line = Rewarded(
            step=step,
            reward=float(logs["reward"]),
            dead=float(logs["frac_reward_zero_std"]),
            length=float(logs["completions/mean_length"]),
            unfinished=float(logs["completions/clipped_ratio"]),
            mismatch=self.mismatch,
        )
        self._tell(line)
        self._rewards.append(line)
        dead = _lately(one.dead > reward.dead for one in reversed(self._rewards))
        if dead >= reward.patience:
            self._alarm(
                step,
                "dead-groups",
                f"For {dead} steps nearly no group had a spread of rewards: there is nothing to learn from.",
            )
        unfinished = _lately(one.unfinished > reward.unfinished for one in reversed(self._rewards))
        if unfinished >= reward.patience:
            share, tokens = 100 * reward.unfinished, self.recipe.watch.tokens
            self._alarm(
                step,
                "unfinished",
                f"For {unfinished} steps more than {share:.0f} % of the replies did not end within {tokens:,} tokens.",
            )
        if line.mismatch > reward.mismatch:
            self._alarm(step, "mismatch", f"Sampler and trainer disagree by {line.mismatch:.3f} nats a token.")

    @staticmethod
    def _spent(path: Path) -> tuple[float, int]:
        """Seconds and tokens of the run's earlier lives."""
        told = [line for line in read_progress(path) if isinstance(line, Step)]
        return max((line.elapsed for line in told), default=0.0), max((line.tokens for line in told), default=0)

    def _tell(self, line: Line) -> None:
        if self._progress is not None:
            self._progress.tell(line)

    def _alarm(self, step: int, what: str, sentence: str) -> None:
        self._tell(Alarm(step=step, what=what, sentence=sentence))
        self.alarmed = sentence


class Callback(transformers.TrainerCallback):
    """What a trainer calls: hands its logs on, and ends it with a checkpoint when it is told to or has cause for alarm."""

    def __init__(self, telling: Telling) -> None:
        self._telling = telling
        self._began = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        """Starts the clock, and looks at the start where the recipe wants that."""
        self._began = time.monotonic()
        if self._telling.recipe.watch.before and not state.global_step and first():
            self._telling.watch(model, 0)
            model.train()

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> Any:
        """Tries held-out problems where it is time to, and ends the run where it must, in all of its processes at the same step."""
        telling = self._telling
        telling.looks(model, state.global_step)
        ends = telling.stopping() or bool(telling.alarmed) or telling.mastered or telling.over(self._seconds())
        if agreed(args.device, said=ends):
            control.should_save = control.should_training_stop = True
        return control

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> Any:
        """Hands the logs on, and ends the run where they give cause for alarm; several processes agree on that at the end of their next step."""
        self._telling.logged(state.global_step, logs or {}, self._seconds(), state.max_steps)
        if self._telling.alarmed and not shared():
            control.should_save = control.should_training_stop = True
        return control

    def _seconds(self) -> float:
        return time.monotonic() - self._began


def _lately(so: Iterable[bool]) -> int:
    """How many steps in a row, the newest first, it has been so."""
    return sum(1 for _ in takewhile(bool, so))


def _newest(folder: Path) -> Path | None:
    found = [path for path in folder.glob("checkpoint-*") if (path / "trainer_state.json").exists()]
    return max(found, key=lambda path: int(path.name.rpartition("-")[2]), default=None)
