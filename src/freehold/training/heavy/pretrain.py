"""One run of training from nothing, step by step; a distillation is the same with a teacher's lessons. The numbers stand in the code:

1 tokenizer and model · 2 optimizers, and the checkpoint of an earlier life · 3 the batch of the step, from its number · 4 the loss, part by part, over what
counts in the whole step · 5 clip, and step at the rate of this step · 6 tell · 7 try held-out problems; open the next level, or begin to end · 8 keep a
checkpoint · 9 write the weights.

N steps, a kill and N steps give the same weights, bit for bit, as 2N steps in one go on the same machine, processes and threads: everything random follows from
the number of the step, and everything else stands in the checkpoint. Only a limit in minutes is by its nature of the clock, and is kept once it has spoken.

Several processes share steps 4 and 5: each computes its share of the batch, the gradients are added up, and each takes the same step, so weights and optimizers
are the same in all of them. All else the first one does alone, and says what came of it. It draws the batch too: what a teacher or the student writes would
not be the same where their devices are not.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from msgspec.structs import asdict, replace

from freehold.errors import ConfigError
from freehold.training.clock import Clock, in_time, look_is_due
from freehold.training.curriculum import Pace, decay_now, opened_after, portion_weights, rate
from freehold.training.heavy.checkpoint import FILE as CHECKPOINT
from freehold.training.heavy.checkpoint import load_checkpoint, save_checkpoint
from freehold.training.heavy.evaluate import Score, evaluate
from freehold.training.heavy.lessons import Lesson, Solved, Taught, weights_in
from freehold.training.heavy.libraries import torch
from freehold.training.heavy.model import build_model, save_model, take_over
from freehold.training.heavy.optimizers import optimizers_of, step_all
from freehold.training.heavy.packing import Batch, share_of
from freehold.training.heavy.processes import agreed, first, join, many, number, of_first, summed, together
from freehold.training.heavy.rows import Mix
from freehold.training.heavy.tokenizer import build_tokenizer
from freehold.training.progress import Ended, Line, Note, Progress, Scored, Step, rewind
from freehold.training.recipe import Learning, Recipe, folder_of, tasks_of
from freehold.training.tasks.drawn import DRAWN, Record

TELL_SECONDS = 2.0
"""About how far apart two lines of progress are."""

Stopping = Callable[[], bool]


class Training:
    """A run in a folder. `stopping` is asked after every step whether to end with a checkpoint."""

    def __init__(self, recipe: Recipe, folder: Path, stopping: Stopping = lambda: False) -> None:
        assert recipe.shape is not None
        self.recipe, self.folder, self._stopping = recipe, folder, stopping
        self.learning: Learning = recipe.learning
        self.mix: Mix = tasks_of(recipe)
        join(self.learning.processes)
        # 1
        self.tokenizer = build_tokenizer(task for task, _, _ in self.mix)
        self.model = build_model(recipe.shape, self.tokenizer, self.learning.seed)
        if recipe.start:
            take_over(self.model, self.tokenizer, weights_in(folder_of(recipe.start)))
        self.model = self.model.to(device_here())
        begun_before = (folder / CHECKPOINT).exists() and not (folder / DRAWN).exists()  # by code that kept no record
        self._record = Record(folder / DRAWN if first() and not begun_before else None)
        self.lesson = _lesson(recipe, self.mix, self.tokenizer, self._record)
        # 2
        self._optimizers = optimizers_of(self.model, self.learning)
        self._step, self.tokens, self.precision = 0, 0, self.learning.precision
        self._examples, self._passed = 0, 0
        self._pace, self._clock = Pace(), Clock()
        kept = load_checkpoint(folder, self.model, self._optimizers)
        if kept is not None:
            numbers, self._pace = kept
            self._step, self.tokens = int(numbers["step"]), int(numbers["tokens"])
            self._clock, self.precision = Clock(**numbers["clock"]), numbers["precision"]
            self._examples, self._passed = numbers.get("examples", 0), numbers.get("passed", 0)  # older ones have none
        self._progress: Progress | None = None
        if first():
            rewind(folder / "progress.jsonl", self._step)
            self._progress = Progress(folder / "progress.jsonl")
        self._began = self._told = 0.0
        self._losses, self._since = list[float](), self.tokens

    def run(self) -> Ended:
        """Trains to the end, or until it is told to stop. Gives how it ended; the weights lie in `model/` when it is done. Raises ConfigError for one process
        of a run that has several."""
        if many() != self.learning.processes:
            raise ConfigError(
                f"The run shares its steps among {self.learning.processes} processes, and was started as {many()}.",
                "Start it by `freehold train run`.",
            )
        self._began = time.monotonic() - self._clock.elapsed
        self._told = time.monotonic()
        self.model.train()
        self.choose_precision()
        if self.recipe.watch.before and not self._step and first():
            self._watch_before()
        while self._step < self._last:
            at = time.monotonic()
            loss = self.one_step()
            if first():
                self._after(loss, at)
            self._pace = of_first(self._pace)
            if agreed(self.model.device, said=self._stopping()):
                self.save()
                return self._end("it was told to stop", done=False)
        # 9
        if first():
            self._watch()
            self.save()
            save_model(self.model, self.tokenizer, self.folder / "model")
            self._tell_passed()
        why = "all steps are done" if self._pace.ends is None else "time or target said so"
        return self._end(why, done=True)

    def choose_precision(self) -> None:
        """Takes the precision that is faster here where the recipe leaves it to the machine and no earlier life has chosen. To be called before the first step."""
        if self.precision == "auto":
            self.precision = of_first(faster_precision(self.model, self._mine(self.batch(0)), self.lesson))

    def _after(self, loss: float, at: float) -> None:
        """What follows a step of that loss, which began at that time."""
        now = time.monotonic()
        self._clock = self._clock.stepped(now - at, now - self._began)
        self._losses.append(loss)
        if now - self._told >= TELL_SECONDS or self._step == self._last:
            # 6
            speed = (self.tokens - self._since) / max(1e-9, now - self._told)
            self._tell(sum(self._losses) / len(self._losses), speed)
            self._told, self._losses, self._since = now, [], self.tokens
        due = self._step % self.recipe.watch.every == 0 or look_is_due(self.learning, self._clock)
        if due and self._step < self._last:
            self._watch()
            self._told = time.monotonic()
        pace = in_time(self._step, self.learning, self.recipe.watch.every, self._pace, self._clock)
        if pace != self._pace or self._step % self.recipe.watch.save == 0:
            self._pace = pace
            self.save()

    def batch(self, step: int) -> Batch:
        """The batch of a step. Where several processes share it, the first one draws it."""
        return of_first(self._drawn(step) if first() else None).to(self.model.device)

    def _drawn(self, step: int) -> Batch:
        """The batch of a step, with the levels that are open then."""
        return self.lesson.batch(self.model, step, self._open(step))

    def _open(self, step: int) -> list[dict[int, float]]:
        return [
            portion_weights(self.recipe.curriculum, portion, levels, step, self.learning, self._pace)
            for _, portion, levels in self.mix
        ]

    def _mine(self, batch: Batch) -> list[Batch]:
        """What of a batch this process computes, in parts."""
        return share_of(batch, self.learning.accumulate, number(), self.learning.processes)

    def save(self) -> None:
        """Keeps a checkpoint, which serves all processes."""
        # 8
        if not first():
            return
        numbers = {
            "step": self._step,
            "tokens": self.tokens,
            "examples": self._examples,
            "passed": self._passed,
            "clock": asdict(self._clock),
            "precision": self.precision,
        }
        self._record.keep()
        save_checkpoint(self.folder, self.model, self._optimizers, numbers, self._pace)

    @property
    def _last(self) -> int:
        return self._pace.ends if self._pace.ends is not None else self.learning.steps

    def one_step(self) -> float:
        """One step; gives its loss in nats a token."""
        # 3
        batch = self.batch(self._step)
        # 4
        mine = backward(self.model, self._mine(batch), batch.trained, self.lesson, self.precision)
        loss = summed(self.model, mine)
        # 5
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.learning.clip)
        step_all(self._optimizers, rate(self._step, self.learning, self._pace), self.precision)
        self._step += 1
        self.tokens += sum(batch.lengths)
        self._examples += len(batch.lengths)
        self._passed += batch.passed
        return loss

    def _watch_before(self) -> None:
        """What the start is right on; it neither opens a level nor ends the run."""
        for place in range(len(self.mix)):
            for one in self.scores(place):
                self._say(scored(0, one))
        self.model.train()

    def _watch(self) -> None:
        # 7
        at = time.monotonic()
        scores = [(levels, self.scores(place)) for place, (_, _, levels) in enumerate(self.mix)]
        for _, found in scores:
            for one in found:
                self._say(scored(self._step, one))
        main = [
            one.accuracy
            for _, found in scores
            for one in found
            if one.thinking == (self.recipe.mute < 1) and one.accuracy is not None
        ]
        if self.recipe.curriculum == "mastery" and self._pace.decay_from is None:
            taught = [
                (levels, _by_level(found))
                for (levels, found), weights in zip(scores, self._open(self._step - 1), strict=True)
                if weights
            ]
            self._pace = replace(self._pace, opened=opened_after(taught, self._pace))
        if self.recipe.watch.target < 1 and min(main, default=0.0) >= self.recipe.watch.target:
            self._pace = decay_now(self._step, self.learning, self._pace)
        self.model.train()
        now = time.monotonic()
        self._clock = replace(self._clock, look=now - at, elapsed=now - self._began)

    def scores(self, place: int) -> list[Score]:
        """How the model does now on each level of a task of the mix: with steps, and without where the recipe teaches both."""
        task, _, levels = self.mix[place]
        watch = self.recipe.watch
        modes = [
            thinking for thinking, taught in ((True, self.recipe.mute < 1), (False, self.recipe.mute > 0)) if taught
        ]
        return [
            one
            for thinking in modes
            for one in evaluate(
                self.model,
                self.tokenizer,
                task,
                levels,
                items=watch.items,
                tokens=watch.tokens,
                thinking=thinking,
            )
        ]

    def _tell(self, loss: float, speed: float) -> None:
        now = rate(self._step - 1, self.learning, self._pace)
        left = (self._last - self._step) * self._clock.step
        if self.learning.minutes:
            left = min(left, max(0.0, 60 * self.learning.minutes - self._clock.elapsed))
        self._say(
            Step(
                step=self._step,
                loss=loss,
                rate=now,
                tokens=self.tokens,
                per_second=speed,
                elapsed=self._clock.elapsed,
                left=left,
            )
        )

    def _tell_passed(self) -> None:
        if self._passed:
            of = self._passed + self._examples
            said = f"{self._passed:,} of {of:,} examples that were drawn are longer than {self.learning.length:,} tokens and were not learned."
            self._say(Note(step=self._step, sentence=said))

    def _end(self, why: str, *, done: bool) -> Ended:
        ended = Ended(step=self._step, done=done, why=why, elapsed=self._clock.elapsed, tokens=self.tokens)
        self._say(ended)
        if self._progress is not None:
            self._progress.close()
        together()
        return ended

    def _say(self, line: Line) -> None:
        if self._progress is not None:
            self._progress.tell(line)


def backward(model: Any, batches: Sequence[Batch], trained: int, lesson: Lesson, precision: str) -> float:
    """Adds the gradients of parts of a step to those of the weights; gives what they add to its loss, in nats a token. The sum is divided by how many labels
    count in the whole step, so neither parts nor processes matter."""
    total = 0.0
    for part in batches:
        with computing(precision, model.device.type):
            loss = lesson.loss(model, part) / max(1, trained)
        loss.backward()
        total += float(loss.detach())
    return total


def computing(precision: str, device: str) -> Any:
    """The context in which a forward pass has this precision."""
    return torch.autocast(device, dtype=torch.bfloat16) if precision == "bfloat16" else nullcontext()


def faster_precision(model: Any, batches: Sequence[Batch], lesson: Lesson, tries: int = 2) -> str:
    """The precision in which a step of these parts takes less time here, measured after one to warm up. Weights and gradients are left as they were."""
    seconds: dict[str, float] = {}
    for precision in ("float32", "bfloat16"):
        backward(model, batches, 1, lesson, precision)
        at = time.perf_counter()
        for _ in range(tries):
            backward(model, batches, 1, lesson, precision)
        seconds[precision] = time.perf_counter() - at
    model.zero_grad(set_to_none=True)
    return min(seconds, key=seconds.__getitem__)


def device_here() -> Any:
    """The GPU of this process, or the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def scored(step: int, score: Score) -> Scored:
    """A score as a line of progress."""
    return Scored(
        step=step,
        task=score.task,
        level=score.level,
        thinking=score.thinking,
        items=score.items,
        right=score.right,
        proven=score.proven,
        unfinished=score.unfinished,
        low=score.low,
        high=score.high,
    )


def _lesson(recipe: Recipe, mix: Mix, tokenizer: Any, record: Record) -> Lesson:
    if recipe.stage == "distil" and recipe.teacher is not None:
        return Taught(recipe, mix, tokenizer, recipe.teacher, recipe.watch.tokens, record)
    return Solved(recipe, mix, tokenizer, record)


def _by_level(scores: list[Score]) -> dict[int, float]:
    """The accuracy on each level, with steps where there are scores with steps. A level that has no held-out problem holds up none above it."""
    shown = [one for one in scores if one.thinking] or scores
    return {one.level: 1.0 if one.accuracy is None else one.accuracy for one in shown}
