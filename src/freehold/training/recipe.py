"""A recipe: everything that makes a training run what it is, in one file of TOML, read strictly.

It knows shapes, mixes and schedules, and nothing that computes. It exists so that a model can be made again from one small file, and so that
a misspelt key is an error before an hour is spent, not a default that nobody chose.

The stages, by `stage`:

    pretrain   from nothing, or from a model of ours of the same shape, on a mix of tasks that are drawn without end from their training split
    distil     the same, from what a teacher says: its answers, its verified traces, its distribution, or its word on the student's own tries
    sft        a base that others trained, on the rows of a dataset
    grpo       a model that is right now and then, by rewards of the tasks' verifiers
    dpo        a model, by pairs of its own replies of which one is proven and one is not
"""

import difflib
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import asdict, replace

from freehold.catalog.weights import FETCHED, NAMED, SHIPPED, kept_at
from freehold.config.paths import cache_dir, environment
from freehold.errors import ConfigError
from freehold.training import tasks
from freehold.training.dataset import Cleaning
from freehold.training.tasks.apart import read_apart
from freehold.training.tasks.drawing import has_problems
from freehold.training.tasks.task import WORKLOAD, Task

Stage = Literal["pretrain", "distil", "sft", "grpo", "dpo"]
Curriculum = Literal["uniform", "rising", "mastery"]
Rung = Literal["answers", "traces", "token", "on-policy"]

APART: Final = "sealed.txt"
"""The file of a run with the digests of what its tasks must not draw."""

REWARDED: Final[tuple[Stage, ...]] = ("grpo", "dpo")
"""Stages that learn by what the graders of their tasks reward."""

Share = Annotated[float, Meta(ge=0, le=1)]
Positive = Annotated[int, Meta(gt=0)]
Rate = Annotated[float, Meta(gt=0)]


class Shape(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """A Llama of this shape: `layers` deep, `width` wide, `heads` heads, `inner` the width of the feed-forward part, `context` tokens long.
    Widths are multiples of 32, as quantised rows must be."""

    layers: Positive = 4
    width: Positive = 128
    heads: Positive = 4
    inner: Positive = 384
    context: Positive = 512


class Portion(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """One task of the mix: its name and options, its share of the examples, its levels (default: those for training). `begins` and `ends` are shares of all
    steps, between which it is drawn: what others build on may come first, and what has done its work may go."""

    task: str
    options: dict[str, Any] = {}
    weight: Rate = 1.0
    levels: tuple[int, ...] = ()
    begins: Share = 0.0
    ends: Share = 1.0

    @property
    def called(self) -> str:
        """What its scores are told under, as `Task.called` has it."""
        return str(self.options.get(WORKLOAD)) if self.task == WORKLOAD else self.task


class Learning(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """How it learns. A step sees `rows` times `length` tokens, whole examples of up to `length`, shared by `processes` (one a GPU, or each a share of the CPU's
    cores), each of which computes its part in `accumulate` pieces with `threads` threads (0: its share of the cores). `schedule` cosine or wsd (warm-up,
    steady, and a decay over the last `decay` share of the steps, Hu et al. 2024). `minutes` ends a run in time; 0 is no limit. Pretraining brings its decay
    forward for that, the other stages end with the rate that they have then."""

    steps: Positive
    rows: Positive = 16
    length: Positive = 256
    accumulate: Positive = 1
    processes: Positive = 1
    optimizer: Literal["adamw", "muon"] = "adamw"
    rate: Rate = 1e-3
    schedule: Literal["cosine", "wsd"] = "wsd"
    warmup: Annotated[int, Meta(ge=0)] = 50
    decay: Share = 0.25
    weight_decay: Annotated[float, Meta(ge=0)] = 0.1
    betas: tuple[float, float] = (0.9, 0.98)
    clip: Rate = 1.0
    precision: Literal["float32", "bfloat16", "auto"] = "float32"
    threads: Annotated[int, Meta(ge=0)] = 0
    seed: int = 0
    minutes: Annotated[float, Meta(ge=0)] = 0.0


class Watch(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """What is looked at on the way: every `every` steps, `items` validation problems a level are answered; a run whose accuracy reaches `target`
    on each decays and ends (`sft`, `grpo` and `dpo` end at once). `before` looks once before the first step, too: what it starts from. `save` steps lie between two checkpoints. `tokens` is the most that one reply may have."""

    every: Positive = 500
    before: bool = False
    items: Positive = 50
    target: Annotated[float, Meta(gt=0, le=1)] = 1.0
    save: Positive = 500
    tokens: Positive = 256


class Teaching(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """A teacher: the folder of a finished run, or a folder of weights, with `base` for who made those, `vendor/model`. `samples` replies are drawn for
    each problem at `temperature`, and those that the verifier proves are kept."""

    run: str
    base: str = ""
    rung: Rung = "traces"
    samples: Positive = 1
    temperature: Annotated[float, Meta(ge=0)] = 0.0


class Reinforcing(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """How rewards teach (GRPO, and the sampling of pairs for DPO): `group` replies to each of `prompts` problems a step, at `temperature`. `beta`
    holds the model to where it began (0: not at all, which is GRPO's default here; DPO needs some). A proven reply is worth 1, a right one whose steps
    do not hold `right`. Less is: `too_long` for one that does not end, `length` for a right one as long as `tokens` and in proportion for a shorter one, and
    `foreign` for one all in a script that the question does not use, in proportion for a part of it. A run stops when more than `dead` of the groups have no spread for
    `patience` steps in a row, when more than `unfinished` of the replies do not end for as many, or when sampler and trainer disagree by more than `mismatch` (mean
    absolute difference of log-probabilities). With 1 for `dead` or `unfinished` it never does."""

    group: Annotated[int, Meta(ge=2)] = 8
    prompts: Positive = 8
    temperature: Rate = 1.0
    beta: Annotated[float, Meta(ge=0)] = 0.0
    right: Share = 0.2
    too_long: Share = 0.2
    length: Share = 0.0
    foreign: Share = 0.0
    dead: Share = 0.95
    unfinished: Share = 0.8
    patience: Positive = 20
    mismatch: Rate = 0.05


class Lora(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """Low-rank adapters (Hu et al. 2021) instead of all weights. When the run ends they are merged into them, and kept beside."""

    rank: Positive = 16
    alpha: Positive = 32
    dropout: Share = 0.0


class Recipe(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """One recipe. `model` is the name of what comes out, `own/NAME`. `start` is the folder of a finished run or of weights to begin with,
    `own/NAME` for those that come with the package, or the name of weights that `freehold models fetch` knows (`sft`, `grpo` and `dpo` need one); `base` who made those weights, `vendor/model`, for the terms. `data` is a dataset for `sft`, and `clean` what it is cleaned of before a run keeps it. `direct` is the share of examples without
    steps; `offered` whether others get the model; `declares` what whoever trains answers for."""

    model: Annotated[str, Meta(pattern=r"^own/[A-Za-z0-9][A-Za-z0-9.-]{0,62}$")]
    stage: Stage
    learning: Learning
    shape: Shape | None = None
    mix: tuple[Portion, ...] = ()
    curriculum: Curriculum = "uniform"
    direct: Share = 0.1
    watch: Watch = Watch()
    teacher: Teaching | None = None
    reward: Reinforcing | None = None
    lora: Lora | None = None
    start: str = ""
    base: str = ""
    data: str = ""
    clean: Cleaning = Cleaning()
    offered: bool = True
    declares: tuple[str, ...] = ()
    about: str = ""

    @property
    def mute(self) -> float:
        """The share of what is learned that comes without steps: `direct`, but what a teacher says is all of its rung, and what is rewarded has steps."""
        if self.teacher is not None:
            return 1.0 if self.teacher.rung == "answers" else 0.0
        return 0.0 if self.stage in REWARDED else self.direct


class Begun(Recipe, frozen=True, kw_only=True):
    """The recipe of a run whose tasks must not draw everything: `apart` is the file of what they must not (`tasks/apart.py`), `sha256` that file's. Nobody
    writes it: the run's folder makes it of its recipe."""

    apart: str
    sha256: str


def folder_of(name: str) -> Path:
    """The folder that a recipe's `start` or a teacher's `run` names: a path; as `own/NAME`, weights that come with the package; or the file of weights that
    `freehold models fetch` knows by that name, where it keeps them."""
    if name in FETCHED:
        return kept_at(NAMED[name], cache_dir(environment()))
    shipped = {f"own/{folder.name}": folder for folder in SHIPPED.iterdir()}
    return shipped.get(name, Path(name).expanduser())


def read_recipe(path: Path) -> Recipe:
    """The recipe of a file. Raises ConfigError, with the place and advice, for what is no recipe or cannot be run."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}.", "Recipes are files of TOML: see recipes/."
        ) from error
    return parse_recipe(content, str(path))


def parse_recipe(content: bytes, name: str = "The recipe") -> Recipe:
    """The recipe that some TOML is. Raises ConfigError as `read_recipe` does."""
    try:
        table = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{name} is not TOML: {error}.", "See recipes/nano.toml for one that is.") from error
    try:
        recipe = msgspec.convert(table, Recipe)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{name}: {error}.", _advice(str(error))) from error
    wrong = _wrong(recipe)
    if wrong is not None:
        raise ConfigError(f"{name}: {wrong[0]}", wrong[1])
    return recipe


def tasks_of(recipe: Recipe) -> list[tuple[Task, Portion, tuple[int, ...]]]:
    """The tasks of the mix, made, each with its portion and its levels, and with what a run of theirs must not draw. Raises ConfigError for a task or a
    level that there is not."""
    apart = read_apart(Path(recipe.apart), recipe.sha256) if isinstance(recipe, Begun) else frozenset[str]()
    found: list[tuple[Task, Portion, tuple[int, ...]]] = []
    for portion in recipe.mix:
        task = tasks.make({"task": portion.task, **portion.options})
        task.apart = apart
        levels = portion.levels or task.levels
        try:
            found.append((task, portion, tuple(task.admits(level) for level in levels)))
        except ValueError as error:
            raise ConfigError(f"The recipe for {recipe.model}: {error}.", "Mend `levels`.") from error
    return found


def require_problems(recipe: Recipe) -> None:
    """Raises ConfigError for levels of which a task of the mix has no problem with its options. Those of a workload's items are chosen later."""
    drawn = replace(recipe, mix=tuple(one for one in recipe.mix if one.task != WORKLOAD))
    for task, portion, levels in tasks_of(drawn):
        without = [level for level in levels if not has_problems(task, level)]
        if without:
            has = ", ".join(str(level) for level in levels if level not in without) or "none"
            raise ConfigError(
                f"The recipe for {recipe.model}: with these options {portion.task} has no problem of level {', '.join(map(str, without))}.",
                f"Mend `levels` or `options`; of the levels that are asked for there are problems of {has}.",
            )


def placed(recipe: Recipe, folder: Path, apart: str = "") -> Recipe:
    """The recipe of a run with the files of its folder that it names (`items` of a workload) where they lie now, and with that of what its tasks must not
    draw, whose SHA-256 is `apart`; empty for none."""
    mix = tuple(
        replace(one, options={**one.options, "items": str(folder / one.options["items"])})
        if one.task == WORKLOAD and one.options.get("items")
        else one
        for one in recipe.mix
    )
    moved = replace(recipe, mix=mix)
    return Begun(**asdict(moved), apart=str(folder / APART), sha256=apart) if apart else moved


def write_recipe(recipe: Recipe) -> bytes:
    """The recipe as JSON with every value written out, in one order: what is hashed and what a run keeps. What rows are cleaned of stands there where there are
    rows alone, so a recipe without any is known again by its hash."""
    table = msgspec.to_builtins(recipe, order="deterministic")
    if not recipe.data:
        del table["clean"]
    return msgspec.json.encode(table)


def _wrong(recipe: Recipe) -> tuple[str, str] | None:
    """What cannot be run, and advice; None when all fits."""
    needs: dict[Stage, tuple[str, ...]] = {
        "pretrain": ("shape", "mix"),
        "distil": ("shape", "mix", "teacher"),
        "sft": ("start",),
        "grpo": ("start", "mix", "reward"),
        "dpo": ("start", "mix", "reward"),
    }
    for name in needs[recipe.stage]:
        if not getattr(recipe, name):
            return f"`{recipe.stage}` needs `{name}`, which is not there.", _NEEDS[name]
    if recipe.stage == "sft" and not recipe.data and not recipe.mix:
        return "`sft` needs `data` or `mix`, and has neither.", "Give a dataset, or tasks to draw rows from."
    for portion in recipe.mix:
        if portion.task == WORKLOAD and (wrong := _wrong_workload(recipe, portion)):
            return wrong
    learning = recipe.learning
    times = {0.0, *(one.begins for one in recipe.mix), *(one.ends for one in recipe.mix)} - {1.0}
    if recipe.mix and not all(any(one.begins <= at < one.ends for one in recipe.mix) for at in times):
        return "At some steps no task of the mix is drawn.", "Let `begins` and `ends` of the portions overlap."
    if learning.rows < learning.accumulate:
        return "`accumulate` is more than `rows`.", "A part of a step has at least one row."
    # `pretrain` and `distil` cut a step between examples wherever that is nearly even; TRL would drop what is left over.
    whole = recipe.stage in ("sft", "dpo") or (recipe.stage == "grpo" and learning.processes > 1)
    if whole and learning.rows % (learning.accumulate * learning.processes):
        return "`rows` cannot be shared evenly.", "Make it a multiple of `accumulate` times `processes`."
    reward = recipe.reward
    if recipe.stage == "grpo" and reward and reward.prompts * reward.group % (learning.accumulate * learning.processes):
        return (
            "`prompts` times `group` cannot be shared evenly.",
            "Make it a multiple of `accumulate` times `processes`.",
        )
    if recipe.stage == "grpo" and recipe.lora is not None and recipe.lora.dropout:
        return (
            "`dropout` makes the policy that learns another one than that which wrote.",
            "`grpo` needs `dropout = 0` in [lora].",
        )
    shape = recipe.shape
    return None if shape is None else _misshapen(shape, recipe.learning)


def _wrong_workload(recipe: Recipe, portion: Portion) -> tuple[str, str] | None:
    """What does not go with a workload's own items. Their references are no rows to learn: nobody has asked whose words they are."""
    if set(portion.options) != {WORKLOAD} or not isinstance(portion.options[WORKLOAD], str):
        return (
            "The task `workload` needs the name of one, and nothing else.",
            'Write `options = { workload = "NAME" }`.',
        )
    if recipe.stage in ("pretrain", "distil") or (recipe.stage == "sft" and not recipe.data):
        return (
            f"`{recipe.stage}`{' without `data`' if recipe.stage == 'sft' else ''} would learn what stands as right in the items of "
            f"{portion.called}, and nobody has asked whose words that is.",
            "Let a teacher answer them, `freehold traces make`, and name what it wrote as `data` of `sft`; or reinforce, with `grpo` or `dpo`.",
        )
    return None


def _misshapen(shape: Shape, learning: Learning) -> tuple[str, str] | None:
    if shape.width % 32 or shape.inner % 32:
        return "`width` and `inner` must be multiples of 32.", "Quantised rows come in blocks of 32."
    if shape.width % shape.heads or (shape.width // shape.heads) % 2:
        return "`width` must be an even multiple of `heads`.", "Rotary positions turn pairs: try 32 a head."
    if learning.length > shape.context:
        return "`length` is longer than `context`.", "Lengthen the context or shorten the rows."
    return None


_NEEDS = {
    "shape": "Write a section [shape]: layers, width, heads, inner, context.",
    "mix": 'Write at least one [[mix]] with `task = "..."`.',
    "teacher": 'Write a section [teacher] with `run = "FOLDER"`.',
    "reward": "Write a section [reward]; all of its keys have defaults.",
    "start": "Name the folder of a finished run, or of weights.",
}

_UNKNOWN = re.compile(r"unknown field `([^`]*)`(?: - at `\$([^`]*)`)?")


def _advice(said: str) -> str:
    """What to write instead: for an unknown key the nearest that there is."""
    found = _UNKNOWN.search(said)
    if found is None:
        return "See docs/concepts/training.md for each key, its unit and its range."
    kind = _section(found[2] or "")
    names = [field.encode_name for field in msgspec.structs.fields(kind)]
    near = difflib.get_close_matches(found[1], names, 1)
    return f"Did you mean `{near[0]}`?" if near else f"There are: {', '.join(sorted(names))}."


def _section(path: str) -> type[Struct]:
    name = path.strip(".").split("[")[0]
    for field in msgspec.structs.fields(Recipe):
        if field.encode_name == name:
            kinds = [field.type, *get_args(field.type)]
            return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Struct)), Recipe)
    return Recipe
