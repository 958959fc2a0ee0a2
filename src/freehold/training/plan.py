"""The plan of a run before it runs: weights, arithmetic, memory, minutes, money, and whether its data may be used at all.

It computes from the recipe alone, by formulas whose sources stand beside them, and takes a measured step where there is one. It exists so that nobody
learns after three hours that a run would have taken three days, or that its rows were not theirs to train on.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from freehold.catalog.terms import Terms
from freehold.errors import ConfigError, RowForbidden
from freehold.training.ancestry import WEIGHTS as MODEL
from freehold.training.ancestry import admit_recipe, student_of
from freehold.training.dataset import decide, read_dataset
from freehold.training.executor import Calibration
from freehold.training.exported import WEIGHTS as SAFETENSORS
from freehold.training.exported import parameters_in
from freehold.training.provenance import Override
from freehold.training.recipe import Recipe, Shape, Stage, folder_of, tasks_of

CONFIG = "config.json"

BYTES = 4
"""Of a weight in float32; gradients have as many, AdamW keeps two more of each."""

ACTIVATIONS = 17
"""Values that one token leaves in one layer for the way back, in widths (Korthikanti et al. 2022, arXiv 2205.05198: 34 bytes in half precision, with
nothing computed twice)."""

SIGNS = 256
OTHERS = 9
"""Tokens of every vocabulary of ours: single bytes; control tokens, markers and two blanks (`heavy/tokenizer.py`)."""


PASSES: Mapping[Stage, int] = {"pretrain": 3, "distil": 4, "sft": 3, "grpo": 4, "dpo": 4}
"""Passes forward that a token costs: the way back is two. A teacher, the drawing of a reply, and the model that it is held to cost one more."""


ASSUMES: Mapping[Stage, tuple[str, ...]] = {
    "sft": ("rows are as long as those that were measured",),
    "grpo": ("replies stay as long as those that the start writes now",),
    "dpo": ("both replies of a pair are as long as the tasks' own", "the drawing of the pairs is counted"),
}
"""What the minutes of a stage take for granted."""

SIDE_BY_SIDE = "one process was measured, and several beside each other are taken to be as fast, with nothing for what they exchange"

UNCOUNTED = "loading, checkpoints and looks at held-out items are not counted"


class Weights(Struct, frozen=True):
    """A Llama: its shape, how many tokens its vocabulary has, and how many weights it has in all."""

    shape: Shape
    vocabulary: int
    parameters: int


class _Config(Struct, frozen=True):
    """Of the `config.json` of weights what counts here."""

    model_type: str
    num_hidden_layers: int
    hidden_size: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int
    vocab_size: int


class Permission(Struct, frozen=True, kw_only=True):
    """What the terms say of the rows: how many there are, how many are refused, and each reason once. `weights` says why what it starts from, or
    its teacher, may not be used; empty where it may."""

    rows: int
    refused: int
    reasons: tuple[str, ...]
    weights: str = ""


class Plan(Struct, frozen=True, kw_only=True):
    """What a run will take. `parameters`, `flops` and `memory` (bytes) are None for weights that are not here or are no Llama; `minutes` and `usd` are None
    without a measured step, and `assumes` says what they take for granted and leave out. `memory_measured` is what the measuring process had at most. Where
    several processes share a step, both are of one of them."""

    model: str
    stage: str
    steps: int
    tokens: int
    parameters: int | None
    flops: float | None
    memory: int | None
    memory_measured: int | None
    minutes: float | None
    usd: float | None
    device: str
    precision: str
    terms: Permission
    assumes: tuple[str, ...] = ()


def make_plan(
    recipe: Recipe,
    terms: Terms,
    measured: Calibration | None = None,
    usd_per_hour: float = 0.0,
    overrides: Sequence[Override] = (),
    on: str = "",
) -> Plan:
    """The plan, with the terms of a day (ISO 8601; default: today). Raises ConfigError for a task that is not there, MalformedDataset for a file that is no dataset."""
    learning = recipe.learning
    rows, length = texts(recipe)
    tokens = learning.steps * rows * length
    begins = weights_of(recipe)
    minutes = None if measured is None else _minutes(recipe, measured)
    return Plan(
        model=recipe.model,
        stage=recipe.stage,
        steps=learning.steps,
        tokens=tokens,
        parameters=None if begins is None else begins.parameters,
        flops=None
        if begins is None
        else flops(begins.shape, begins.vocabulary, tokens, length, PASSES[recipe.stage], begins.parameters),
        memory=None
        if begins is None
        else memory(begins, -(-rows // (learning.accumulate * learning.processes)) * length, length, recipe),
        memory_measured=None if measured is None else measured.memory,
        minutes=minutes,
        usd=None if minutes is None else minutes / 60 * usd_per_hour,
        device="" if measured is None else measured.device,
        precision=learning.precision if measured is None else measured.precision,
        terms=asked_of_terms(recipe, terms, overrides, on or datetime.now(UTC).date().isoformat()),
        assumes=() if measured is None else assumed(recipe),
    )


def assumed(recipe: Recipe) -> tuple[str, ...]:
    """What the minutes of a run take for granted and leave out."""
    several = (SIDE_BY_SIDE,) if recipe.learning.processes > 1 else ()
    return (*ASSUMES.get(recipe.stage, ()), *several, UNCOUNTED)


def is_here(recipe: Recipe) -> bool:
    """Whether there is something to measure a step of: a shape, or the weights that the run starts from."""
    start = folder_of(recipe.start)
    return (
        recipe.shape is not None or start.is_file() or any((one / CONFIG).is_file() for one in (start / MODEL, start))
    )


def _minutes(recipe: Recipe, measured: Calibration) -> float:
    """All steps, no more than the recipe's minutes, and what comes before them."""
    steps = measured.seconds * recipe.learning.steps / 60
    return measured.before / 60 + min(steps, recipe.learning.minutes or steps)


def parameters(shape: Shape, vocabulary: int) -> int:
    """The weights of a Llama with tied embeddings: four square matrices and three of the feed-forward part a layer, a gain before each, one at the end."""
    layer = 4 * shape.width**2 + 3 * shape.width * shape.inner + 2 * shape.width
    return vocabulary * shape.width + shape.layers * layer + shape.width


def flops(
    shape: Shape, vocabulary: int, tokens: int, length: int, passes: int = 3, weights: int | None = None
) -> float:
    """Floating-point operations of training: 6 a weight and token, and 12 a layer, token, width and place of the row for attention, halved since it looks
    back only (Kaplan et al. 2020, arXiv 2001.08361; Chowdhery et al. 2022, appendix B). Embeddings count once, as the head. Of that a pass forward is a
    third, and `passes` says how many thirds a token takes; `weights` how many there are, where that does not follow from the shape."""
    count = parameters(shape, vocabulary) if weights is None else weights
    return float(tokens) * passes * (2 * count + 2 * shape.layers * shape.width * length)


def memory(begins: Weights, tokens: int, length: int, recipe: Recipe) -> int:
    """Bytes that weights, gradients, optimizer and the activations of `tokens` tokens take in float32. What libraries take comes on top."""
    shape = begins.shape
    trained = begins.parameters if recipe.lora is None else adapted(shape, recipe.lora.rank)
    states = begins.parameters + 3 * trained + (0 if recipe.lora is None else trained)
    inside = (
        tokens * shape.layers * (ACTIVATIONS * shape.width + 3 * (shape.inner - 4 * shape.width) + shape.heads * length)
    )
    head = 3 * tokens * begins.vocabulary
    return BYTES * (states + max(0, inside) + head)


def adapted(shape: Shape, rank: int) -> int:
    """The weights of low-rank adapters over all linear layers, keys and values as wide as queries at most (Hu et al. 2021)."""
    return rank * shape.layers * (4 * 2 * shape.width + 3 * (shape.width + shape.inner))


def texts(recipe: Recipe) -> tuple[int, int]:
    """(how many texts a step learns from, tokens of one at most): of a reply in reinforcement the prompt is not known before, and not counted."""
    learning, reward = recipe.learning, recipe.reward
    if recipe.stage == "grpo" and reward is not None:
        return reward.prompts * reward.group, recipe.watch.tokens
    return learning.rows * (2 if recipe.stage == "dpo" else 1), learning.length


def weights_of(recipe: Recipe) -> Weights | None:
    """What a run computes with: the recipe's shape, else that of the Llama that it starts from, where it is here."""
    if recipe.shape is not None:
        vocabulary = vocabulary_of(recipe)
        return Weights(recipe.shape, vocabulary, parameters(recipe.shape, vocabulary))
    folder = folder_of(recipe.start)
    for place in (folder / MODEL, folder):
        try:
            found = msgspec.json.decode((place / CONFIG).read_bytes(), type=_Config)
        except (OSError, msgspec.MsgspecError):
            continue
        if found.model_type == "llama":
            shape = Shape(
                layers=found.num_hidden_layers,
                width=found.hidden_size,
                heads=found.num_attention_heads,
                inner=found.intermediate_size,
                context=found.max_position_embeddings,
            )
            return Weights(shape, found.vocab_size, _counted(place) or parameters(shape, found.vocab_size))
    return None


def _counted(place: Path) -> int:
    """How many weights the file has; 0 where there is no such file."""
    try:
        return parameters_in(place / SAFETENSORS)
    except ConfigError:
        return 0


def vocabulary_of(recipe: Recipe) -> int:
    """How many tokens the tokenizer of the mix has."""
    words = {piece for task, _, _ in tasks_of(recipe) for piece in task.vocabulary() if len(piece) > 1}
    return SIGNS + OTHERS + sum(piece.strip(" ").isalpha() for piece in words)


def asked_of_terms(recipe: Recipe, terms: Terms, overrides: Sequence[Override], on: str) -> Permission:
    """What the terms say of a recipe's dataset and of the weights that it rests on, on a day. Rows that tasks make are the program's own: nobody's terms
    hold for them."""
    rows = read_dataset(Path(recipe.data)) if recipe.data else None
    decisions = [] if rows is None else list(decide(rows, student_of(recipe), None, terms, overrides))
    refused = [one for one in decisions if not one.allowed]
    weights = ""
    if not refused:
        try:
            admit_recipe(recipe, terms, on, rows=rows, overrides=overrides)
        except RowForbidden as error:
            weights = error.sentence
    return Permission(
        rows=len(decisions),
        refused=len(refused),
        reasons=tuple(dict.fromkeys(one.reason for one in refused)),
        weights=weights,
    )
