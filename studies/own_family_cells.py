"""The cells of the study of the own family: what is trained, with which budget, and on what it is tried. It trains nothing itself.

A cell is one recipe, for one seed. The budget is arithmetic, not time, so that a busy machine gives the same models as an idle one: `--minutes M` is M times
what recipes/nano.toml says that two idle cores do in a minute. What is compared has equal arithmetic, equal tokens or equal examples, counted on batches
of the recipe itself.

A plan that depends on what other cells left, such as the start of reinforcement, is made when it is its turn.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from freehold.training.heavy.pretrain import Training
from freehold.training.plan import flops, vocabulary_of
from freehold.training.recipe import Learning, Portion, Recipe, Reinforcing, Rung, Shape, Teaching, Watch, read_recipe

ROOT = Path(__file__).resolve().parents[1]

SAMPLED = 24
"""Batches of a recipe, evenly over its steps, on which a step is counted."""

LADDER_SHARE = 1 / 8
"""Of the budget: what a student of the ladder gets. Its teacher writes every row, and that costs as much again."""

LADDER_TOKENS = 1800
"""Tokens of a step of the ladder: about thirty sums."""

HARDER, HALF = 6, 0.5
"""The level that reinforcement is for, in terms, and the accuracy on it at which its start has been taught enough: what is asked for is 0.4 to 0.8."""

CHAINS = {"task": "arithmetic-chains", "steps": "fine"}
LONGER = {**CHAINS, "digits": 4}
ARITHMETIC = {"task": "arithmetic-mod-p", "p": 11, "steps": "fine"}
EQUATIONS = {"task": "linear-equations-mod-p", "p": 11, "steps": "products"}
REFUNDS = {"task": "refund-policy"}

Unit = Literal["examples", "tokens", "flops"]


class Probe(Struct, frozen=True):
    """What a model is tried on: a task with its options, levels, with or without steps, and how many tokens a reply may have."""

    task: Mapping[str, Any]
    levels: tuple[int, ...]
    thinking: bool
    tokens: int
    beyond: bool = False


class Count(Struct, frozen=True):
    """What a step of a recipe sees on average: examples, tokens, and operations (6 a weight and token, and attention within each example)."""

    examples: float
    tokens: float
    flops: float


class Setting(Struct, frozen=True):
    """For which seed a cell is planned, and with which budget. All recipes take shape and learning from `base`, which is recipes/nano.toml as it was when the
    first cell of this budget ran; `runs` gives the folder of the finished run of another cell."""

    seed: int
    minutes: float
    threads: int
    base: Recipe
    runs: Callable[[str], Path]

    @property
    def budget(self) -> float:
        """Operations."""
        return self.minutes * operations_a_minute(self.base)

    @property
    def shape(self) -> Shape:
        """The shape of `base`."""
        assert self.base.shape is not None
        return self.base.shape


class Cell(Struct, frozen=True):
    """One cell: the part of the study that it belongs to, what it is in words, its recipe, what it is tried on, which cells must have been run before, and
    about how many of the budget's minutes it takes. `seeds` is for how many seeds it is run, 0 for as many as the study has."""

    name: str
    part: str
    about: str
    recipe: Callable[[Setting], Recipe]
    probes: tuple[Probe, ...]
    needs: tuple[str, ...] = ()
    share: float = 1.0
    seeds: int = 0


def operations_a_minute(base: Recipe) -> float:
    """What a recipe with a limit in minutes says that the machine does in one, by the formula of `training/plan.py`."""
    assert base.shape is not None
    assert base.learning.minutes
    learning = base.learning
    tokens = learning.steps * learning.rows * learning.length
    return flops(base.shape, vocabulary_of(base), tokens, learning.length) / learning.minutes


def solved(
    setting: Setting,
    name: str,
    task: Mapping[str, Any],
    *,
    length: int,
    direct: bool = False,
    levels: tuple[int, ...] = (),
    looks_up: bool = False,
    layers: int = 0,
    tokens: int = 0,
) -> Recipe:
    """A recipe from nothing on the solutions of one task, with steps or without, with one step; `fitted` gives it as many as its budget holds. One that
    `looks_up` begins as `base` does, with what that does first and then no more, and pays for that out of its budget."""
    base = setting.base
    first = tuple(portion for portion in base.mix if portion.ends < 1) if looks_up else ()
    then = max((one.ends for one in first), default=0.0)
    context = max(setting.shape.context, 128 * -(-length // 128))
    shape = replace(setting.shape, context=context, layers=layers or setting.shape.layers)
    learning = replace(
        base.learning,
        steps=1,
        rows=max(1, round((tokens or step_tokens(base)) / length)),
        length=length,
        minutes=0.0,
        threads=setting.threads,
        seed=setting.seed,
    )
    options = {key: value for key, value in task.items() if key != "task"}
    return replace(
        base,
        model=f"own/{name}",
        about="",
        shape=shape,
        mix=(*first, Portion(task=task["task"], options=options, levels=levels, begins=then)),
        direct=1.0 if direct else 0.0,
        learning=learning,
        watch=Watch(every=1, items=1, save=200, tokens=32 if direct else length),
    )


def step_tokens(base: Recipe) -> int:
    """Tokens of a step."""
    return base.learning.rows * base.learning.length


def fitted(recipe: Recipe, unit: Unit, target: float) -> Recipe:
    """The recipe with as many steps as make `target` examples, tokens or operations."""
    full = getattr(_full(recipe), unit)
    first = _lasting(recipe, round(target / full))
    return _lasting(recipe, round(target / getattr(count(first), unit)))


def count(recipe: Recipe) -> Count:
    """What a step of it sees, counted on batches evenly over its steps."""
    shape, learning = recipe.shape, recipe.learning
    assert shape is not None
    with tempfile.TemporaryDirectory(prefix="freehold-count-") as folder:
        training = Training(recipe, Path(folder))
        places = sorted({round(place * (learning.steps - 1) / SAMPLED) for place in range(SAMPLED + 1)})
        batches = [training.batch(step).lengths for step in places]
    vocabulary = vocabulary_of(recipe)
    examples = sum(map(len, batches)) / len(batches)
    tokens = sum(map(sum, batches)) / len(batches)
    # Attention of a token looks back over its own example: on average over tokens that is the mean square of lengths by their mean.
    length = sum(size * size for one in batches for size in one) / sum(map(sum, batches))
    return Count(examples, tokens, flops(shape, vocabulary, 1, round(length)) * tokens)


def chains_with_steps(setting: Setting) -> Recipe:
    """What the direct models are compared with, and what the ladder and reinforcement start from."""
    return fitted(solved(setting, "chains-steps", CHAINS, length=192, looks_up=True), "flops", setting.budget)


def direct_chains(unit: Unit, times: int = 1) -> Callable[[Setting], Recipe]:
    """A model without steps that sees as many examples or tokens, or costs as many operations, as the one with steps. As many examples means the same
    problems in the same steps, so its steps are smaller."""

    def make(setting: Setting) -> Recipe:
        twin = chains_with_steps(setting)
        step = count(twin)
        name = "chains-deep" if times > 1 else f"chains-{unit}"
        layers = times * setting.shape.layers
        plain = solved(setting, name, CHAINS, length=32, direct=True, layers=layers)
        if unit == "examples":
            room = round(step_tokens(setting.base) * step.examples / count(plain).examples)
            plain = solved(setting, name, CHAINS, length=32, direct=True, tokens=room)
        return fitted(plain, unit, getattr(step, unit) * twin.learning.steps)

    return make


def field(name: str, task: Mapping[str, Any], levels: tuple[int, ...], length: int) -> Callable[[Setting], Recipe]:
    """A task of Feng et al. with steps."""

    def make(setting: Setting) -> Recipe:
        plain = solved(setting, name, task, length=length, levels=levels, looks_up=True)
        return fitted(plain, "flops", setting.budget)

    return make


def direct_field(
    name: str, task: Mapping[str, Any], levels: tuple[int, ...], length: int
) -> Callable[[Setting], Recipe]:
    """The same without steps, for as many operations."""

    def make(setting: Setting) -> Recipe:
        plain = solved(setting, name, task, length=length, levels=levels, direct=True)
        return fitted(plain, "flops", setting.budget)

    return make


def refunds(setting: Setting) -> Recipe:
    """The business task, by its own recipe, for as many minutes of it."""
    whole = read_recipe(ROOT / "recipes" / "nano-refund.toml")
    learning = replace(whole.learning, steps=1, minutes=0.0, threads=setting.threads, seed=setting.seed)
    plain = replace(whole, model="own/refunds", about="", learning=learning, watch=Watch(every=1, items=1, save=200))
    return fitted(plain, "flops", setting.minutes * operations_a_minute(whole))


LADDER_LEVELS = (2,)


def rung(kind: Rung | None, share: float = 1.0) -> Callable[[Setting], Recipe]:
    """A student of the ladder, for equal operations of its own: it learns from the task's solutions (None), or from what the teacher says. What the student writes
    itself counts too, two operations a weight and token, so it then has three quarters of the steps; and it first learns from traces, for half of its
    operations, as a student that writes nothing of use can be told nothing of use."""

    def make(setting: Setting) -> Recipe:
        name = f"ladder-{kind or 'solutions'}"
        plain = solved(
            setting, name, CHAINS, length=128, levels=LADDER_LEVELS, direct=kind == "answers", tokens=LADDER_TOKENS
        )
        # What the teacher learned first is never drawn here, and gives the student the same vocabulary.
        unseen = tuple(
            replace(portion, begins=1.0, ends=1.0) for portion in setting.base.mix if portion.task != CHAINS["task"]
        )
        plain = replace(
            plain,
            shape=replace(setting.shape, layers=max(1, setting.shape.layers // 2)),
            mix=(*plain.mix, *unseen),
            curriculum="uniform",
            watch=replace(plain.watch, tokens=96),
        )
        budget = setting.budget * LADDER_SHARE * share * (0.75 if kind == "on-policy" else 1.0)
        recipe = fitted(plain, "flops", budget)
        if kind is None:
            return recipe
        teaching = Teaching(run=str(setting.runs("chains-steps")), rung=kind, samples=1, temperature=0.7)
        start = str(setting.runs("ladder-half")) if kind == "on-policy" else ""
        return replace(recipe, stage="distil", teacher=teaching, start=start)

    return make


def half_learned(setting: Setting) -> Recipe:
    """What reinforcement starts from: the model with steps, shown sums of one more term than it knows until it is right on `HALF` of them (validation
    items). Left to themselves these models know a level or do not, and neither teaches reinforcement anything."""
    plain = solved(setting, "chains-half", CHAINS, length=256, levels=(HARDER,))
    learning = replace(
        plain.learning, steps=600, warmup=10, rate=1e-3, decay=0.005
    )  # it ends where the target is reached
    watch = Watch(every=10, items=50, target=HALF, save=600, tokens=256)
    return replace(plain, start=str(setting.runs("chains-steps")), learning=learning, watch=watch)


def reinforced(setting: Setting) -> Recipe:
    """GRPO on the harder level that its start has half learned."""
    start, level = setting.runs("chains-half"), HARDER
    learning = Learning(
        steps=max(1, round(10 * setting.minutes)),
        rows=64,
        accumulate=2,
        length=320,
        rate=1e-4,
        schedule="cosine",
        warmup=min(5, round(setting.minutes)),
        betas=(0.9, 0.99),
        weight_decay=0.0,
        threads=setting.threads,
        seed=setting.seed,
    )
    return Recipe(
        model="own/chains-grpo",
        stage="grpo",
        start=str(start),
        mix=(Portion(task="arithmetic-chains", options={"steps": "fine"}, levels=(level,)),),
        reward=Reinforcing(group=8, prompts=8),
        learning=learning,
        watch=Watch(every=1000, items=20, save=20, tokens=256),
    )


def _full(recipe: Recipe) -> Count:
    """An upper bound of a step: every token of it used, by examples as long as they may be."""
    assert recipe.shape is not None
    learning = recipe.learning
    tokens = learning.rows * learning.length
    each = flops(recipe.shape, vocabulary_of(recipe), 1, learning.length)
    return Count(tokens / learning.length, tokens, each * tokens)


def _lasting(recipe: Recipe, steps: int) -> Recipe:
    steps = max(4, steps)
    warmup = min(recipe.learning.warmup, steps // 4)
    learning = replace(recipe.learning, steps=steps, warmup=warmup)
    return replace(recipe, learning=learning, watch=replace(recipe.watch, every=steps))


def _chains(*, thinking: bool) -> tuple[Probe, ...]:
    return (
        Probe(CHAINS, (2, 3, 4, 5), thinking, 192 if thinking else 32),
        Probe(CHAINS, (6, 7, 8), thinking, 288 if thinking else 32, beyond=True),
        Probe(LONGER, (2, 3, 4, 5), thinking, 224 if thinking else 32, beyond=True),
    )


def _plain(task: Mapping[str, Any], levels: Sequence[int], tokens: int, *, thinking: bool) -> tuple[Probe, ...]:
    return (Probe(task, tuple(levels), thinking, tokens if thinking else 48),)


OPERATORS, UNKNOWNS = (1, 2, 3, 4, 5, 6), (1, 2, 3)
LADDER: tuple[tuple[str, Rung | None, float, float], ...] = (
    ("solutions", None, 1.0, 0.2),
    ("answers", "answers", 1.0, 0.5),
    ("traces", "traces", 1.0, 0.4),
    ("token", "token", 1.0, 0.4),
    ("half", "traces", 0.5, 0.2),
    ("on-policy", "on-policy", 0.5, 0.4),
)
"""Name, what it learns from, the share of a student's operations, and about how much of a cell's minutes it takes."""

CELLS: tuple[Cell, ...] = (
    Cell("chains-steps", "steps", "with steps", chains_with_steps, _chains(thinking=True)),
    Cell("chains-flops", "steps", "direct, equal operations", direct_chains("flops"), _chains(thinking=False)),
    Cell(
        "refunds",
        "refunds",
        "with steps",
        refunds,
        (Probe(REFUNDS, (0, 1, 2, 3, 4, 5), True, 720), Probe(REFUNDS, (6, 7), True, 720, beyond=True)),
    ),
    Cell(
        "chains-deep",
        "steps",
        "direct, equal operations, twice as deep",
        direct_chains("flops", 2),
        _chains(thinking=False),
    ),
    Cell("chains-tokens", "steps", "direct, equal tokens", direct_chains("tokens"), _chains(thinking=False)),
    Cell(
        "chains-examples",
        "steps",
        "direct, equal examples",
        direct_chains("examples"),
        _chains(thinking=False),
        (),
        0.3,
    ),
    Cell(
        "arithmetic-steps",
        "published",
        "with steps",
        field("arithmetic-steps", ARITHMETIC, OPERATORS, 192),
        (*_plain(ARITHMETIC, OPERATORS, 192, thinking=True), Probe(ARITHMETIC, (7, 8), True, 288, beyond=True)),
    ),
    Cell(
        "arithmetic-direct",
        "published",
        "direct, equal operations",
        direct_field("arithmetic-direct", ARITHMETIC, OPERATORS, 48),
        _plain(ARITHMETIC, OPERATORS, 192, thinking=False),
    ),
    Cell(
        "equations-steps",
        "published",
        "with steps",
        field("equations-steps", EQUATIONS, UNKNOWNS, 512),
        (*_plain(EQUATIONS, UNKNOWNS, 512, thinking=True), Probe(EQUATIONS, (4,), True, 900, beyond=True)),
    ),
    Cell(
        "equations-direct",
        "published",
        "direct, equal operations",
        direct_field("equations-direct", EQUATIONS, UNKNOWNS, 64),
        _plain(EQUATIONS, UNKNOWNS, 512, thinking=False),
    ),
    *(
        Cell(
            f"ladder-{name}",
            "ladder",
            name,
            rung(kind, share),
            _plain(CHAINS, LADDER_LEVELS, 96, thinking=name != "answers"),
            () if kind is None else ("chains-steps", "ladder-half") if kind == "on-policy" else ("chains-steps",),
            minutes,
        )
        for name, kind, share, minutes in LADDER
    ),
    Cell(
        "chains-half",
        "start",
        "the start of GRPO",
        half_learned,
        (Probe(CHAINS, (HARDER,), True, 288),),
        ("chains-steps",),
        0.1,
    ),
    Cell("chains-grpo", "reinforced", "GRPO", reinforced, (), ("chains-half",), 1.0),
)
