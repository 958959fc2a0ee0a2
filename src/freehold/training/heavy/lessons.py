"""What one step learns from: rows that a task solved itself, or what a teacher says; and the loss of it.

It knows rows, packing and teachers, and no optimizer. The rungs of distillation differ here and nowhere else, so that a ladder of them has equal
students, equal steps and equal rows:

    answers    the teacher's answer, without its steps
    traces     its steps and answer, of several tries the first that the verifier proves (rejection sampling)
    token      the same texts, but its whole distribution at every token (Hinton et al. 2015)
    on-policy  what the student itself writes, with the teacher's distribution at every token (Agarwal et al. 2024)
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from freehold.errors import ConfigError
from freehold.training.heavy.generate import Reply, generate
from freehold.training.heavy.libraries import functional, torch
from freehold.training.heavy.model import GGUF, load_model
from freehold.training.heavy.packing import Batch, Tokens, logits_of, loss_of, pack
from freehold.training.heavy.rows import Mix, Row, prompt, rows, solved, tokens_of
from freehold.training.recipe import Recipe, Teaching, folder_of
from freehold.training.tasks.drawn import Record
from freehold.training.tasks.task import Problem, Task, judge, read_reply, seeded

Weights = Sequence[Mapping[int, float]]


class Lesson(Protocol):
    """What a loop of training asks for: the batch of a step, on the CPU, and the sum of the losses of what counts in it, wherever that lies."""

    def batch(self, model: Any, step: int, weights: Weights) -> Batch: ...

    def loss(self, model: Any, batch: Batch) -> Any: ...


class Solved:
    """Rows with the tasks' own solutions."""

    def __init__(self, recipe: Recipe, mix: Mix, tokenizer: Any, record: Record) -> None:
        self._recipe, self._mix, self._tokenizer, self._record = recipe, mix, tokenizer, record

    def batch(self, model: Any, step: int, weights: Weights) -> Batch:
        """The batch of a step, from the recipe's seed and the step alone."""
        learning = self._recipe.learning
        found = rows(self._mix, weights, self._recipe.direct, learning.seed, step, record=self._record)
        return pack(solved(found, self._tokenizer), learning.rows * learning.length, learning.length)

    def loss(self, model: Any, batch: Batch) -> Any:
        """The negative log-likelihood."""
        return loss_of(model, batch)


class Taught:
    """Rows with what a teacher says. Raises ConfigError for a teacher of another vocabulary where distributions are compared."""

    def __init__(
        self, recipe: Recipe, mix: Mix, tokenizer: Any, teaching: Teaching, tokens: int, record: Record
    ) -> None:
        self._recipe, self._mix, self._tokenizer, self._record = recipe, mix, tokenizer, record
        self._teaching, self._tokens = teaching, tokens
        self._teacher, self._words = load_model(weights_in(folder_of(teaching.run)))
        self._teacher.eval()
        if teaching.rung in ("token", "on-policy") and self._words.get_vocab() != tokenizer.get_vocab():
            raise ConfigError(
                f"The teacher {teaching.run} has another vocabulary than the student.",
                'Compare texts instead (`rung = "traces"`), or give the student the teacher\'s tasks.',
            )

    def batch(self, model: Any, step: int, weights: Weights) -> Batch:
        """The batch of a step, from the recipe's seed, the step and who writes."""
        learning = self._recipe.learning
        rung = self._teaching.rung
        direct = 1.0 if rung == "answers" else 0.0  # as `Recipe.mute` has it
        found = rows(self._mix, weights, direct, learning.seed, step, record=self._record)
        draws = torch.Generator(device=model.device).manual_seed(seeded("draws", learning.seed, step).randrange(2**62))
        self._teacher.to(model.device)
        stream = self._own(model, found, draws) if rung == "on-policy" else self._said(found, draws)
        return pack(stream, learning.rows * learning.length, learning.length)

    def loss(self, model: Any, batch: Batch) -> Any:
        """The negative log-likelihood of the text, or the divergence from the teacher: forward (KL of teacher and student) on its own texts, reverse on
        the student's."""
        rung = self._teaching.rung
        if rung in ("answers", "traces"):
            return loss_of(model, batch)
        self._teacher.to(model.device)
        mine = functional.log_softmax(logits_of(model, batch), dim=-1)
        with torch.no_grad():
            theirs = functional.log_softmax(logits_of(self._teacher, batch), dim=-1)
        ahead, behind = (theirs, mine) if rung == "token" else (mine, theirs)
        return (ahead.exp() * (ahead - behind)).sum()

    def _said(self, found: Iterator[Row], draws: Any) -> Iterator[Tokens]:
        """The teacher's replies. It is always asked to think; a student of its answers is not."""
        samples = self._teaching.samples
        rejecting = self._teaching.rung in ("traces", "token")
        dry = 0
        while True:
            some = list(islice(found, AT_ONCE))
            asked = [prompt(Row(row.task, row.problem, True), self._words) for row in some for _ in range(samples)]
            texts = self._write(self._teacher, self._words, asked, draws)
            kept: list[tuple[Row, str]] = []
            for place, row in enumerate(some):
                tries = texts[place * samples : (place + 1) * samples]
                text = _kept(row.task, row.problem, tries) if rejecting else _answer(tries[0])
                if text:
                    kept.append((row, text))
            dry = 0 if kept else dry + 1
            if dry == DRY:
                raise ConfigError(
                    f"The teacher {self._teaching.run} was proven right on none of {DRY * AT_ONCE} problems.",
                    "Take a better teacher, an easier level, or more samples.",
                )
            yield from tokens_of(
                [prompt(row, self._tokenizer) for row, _ in kept], [one for _, one in kept], self._tokenizer
            )

    def _own(self, model: Any, found: Iterator[Row], draws: Any) -> Iterator[Tokens]:
        """The student's own replies, token by token as it drew them; one that did not end has no stop token."""
        stop = self._tokenizer.eos_token_id
        while True:
            some = [prompt(row, self._tokenizer) for row in islice(found, AT_ONCE)]
            for ids, reply in self._drawn(model, self._tokenizer, some, draws):
                yield Tokens((*ids, *reply.ids, *((stop,) if reply.ended else ())), len(ids))

    def _write(self, model: Any, tokenizer: Any, asked: list[str], draws: Any) -> list[str]:
        return [
            str(tokenizer.decode(list(reply.ids), skip_special_tokens=True)) if reply.ended else ""
            for _, reply in self._drawn(model, tokenizer, asked, draws)
        ]

    def _drawn(self, model: Any, tokenizer: Any, asked: list[str], draws: Any) -> list[tuple[list[int], Reply]]:
        ids = tokenizer(asked, add_special_tokens=False)["input_ids"]
        replies = generate(
            model,
            ids,
            stop=tokenizer.eos_token_id,
            pad=tokenizer.pad_token_id,
            tokens=self._tokens,
            temperature=self._teaching.temperature if self._teaching.rung != "on-policy" else 1.0,
            generator=draws,
        )
        return list(zip(ids, replies, strict=True))


AT_ONCE = 64
DRY = 8
"""Chunks in a row in which nothing was proven before a teacher counts as unfit."""


def weights_in(folder: Path) -> Path:
    """The folder of weights of a run, or the folder itself when it holds weights, or a GGUF file. Raises ConfigError where there are none."""
    if folder.suffix == GGUF and folder.is_file():
        return folder
    for found in (folder / "model", folder):
        if (found / "config.json").exists():
            return found
    raise ConfigError(
        f"{folder} holds no weights.",
        "Name the folder of a finished run, one with config.json and weights, or a GGUF file.",
    )


def _kept(task: Task, problem: Problem, tries: Sequence[str]) -> str:
    """The first try that is proven, or nothing."""
    return next((text for text in tries if judge(task, problem, text).proven), "")


def _answer(text: str) -> str:
    return read_reply(text).answer
