"""How large a model is, in the study of the own family: nano's budget spent on more weights, and the larger members, whose cells have recipes of their own and
no budget. Their cells and their parts of the page; it trains nothing itself."""

from msgspec.structs import replace
from own_family_cells import ARITHMETIC, CELLS, CHAINS, EQUATIONS, REFUNDS, ROOT, Cell, Probe, Setting, fitted, solved
from own_family_refunds import PASSES
from own_family_running import Record
from own_family_shares import COSTS, NOT_RUN, Book, costs, inside, share, table

from freehold.training.recipe import Recipe, Shape, read_recipe

WIDE = Shape(layers=4, width=160, heads=5, inner=416, context=1024)
WIDE_RATE = 4e-3
"""Of a model that is wider, and wants smaller steps: nano's is 6e-3."""


def returns(tokens: int) -> tuple[Probe, ...]:
    """All levels of returns, two of them never trained on."""
    return (
        Probe(REFUNDS, (0, 1, 2, 3, 4, 5), True, tokens),
        Probe(REFUNDS, (6, 7), True, tokens, beyond=True),
    )


WITH_STEPS = (
    Probe(CHAINS, (2, 3, 4, 5), True, 192),
    Probe(CHAINS, (6, 7), True, 288, beyond=True),
    Probe(ARITHMETIC, (1, 2, 3, 4, 5, 6), True, 192),
    Probe(ARITHMETIC, (7, 8), True, 288, beyond=True),
    Probe(EQUATIONS, (1, 2, 3, 4), True, 900),
    *returns(720),
)
WITHOUT = tuple(
    Probe(task, levels, False, 48)
    for task, levels in (
        (CHAINS, (2, 3, 4, 5)),
        (ARITHMETIC, (4, 5, 6)),
        (EQUATIONS, (3, 4)),
        (REFUNDS, (0, 1, 2, 3, 4, 5)),
    )
)
WITH_FIVE_UNKNOWNS = tuple(
    Probe(EQUATIONS, (1, 2, 3, 4, 5), True, 1500) if probe.task is EQUATIONS else probe for probe in WITH_STEPS
)


def wide(setting: Setting) -> Recipe:
    """The model with steps, five times as many weights, for as many operations: a fifth of the examples."""
    plain = solved(setting, "chains-wide", CHAINS, length=192, looks_up=True)
    learning = replace(plain.learning, rate=WIDE_RATE)
    return fitted(replace(plain, shape=WIDE, learning=learning), "flops", setting.budget)


def micro(setting: Setting) -> Recipe:
    """recipes/micro.toml as it stands: it has a seed of its own."""
    assert setting.seed == 1
    return read_recipe(ROOT / "recipes" / "micro.toml")


def mini(setting: Setting) -> Recipe:
    """recipes/mini.toml as it stands: it has a seed of its own."""
    assert setting.seed == 1
    return read_recipe(ROOT / "recipes" / "mini.toml")


def smollm2(setting: Setting) -> Recipe:
    """recipes/smollm2-sft.toml as it stands: it has a seed of its own."""
    assert setting.seed == 1
    return read_recipe(ROOT / "recipes" / "smollm2-sft.toml")


def smollm2_again(setting: Setting) -> Recipe:
    """recipes/smollm2-sft-2.toml, from the first one's run."""
    assert setting.seed == 1
    return replace(read_recipe(ROOT / "recipes" / "smollm2-sft-2.toml"), start=str(setting.runs("smollm2-sft")))


SIZES: tuple[Cell, ...] = (Cell("chains-wide", "size", "five times as many weights", wide, WITH_STEPS[:1], (), 0.3),)
MEMBERS: tuple[Cell, ...] = (
    Cell("micro", "members", "own/micro", micro, (*WITH_STEPS, *WITHOUT), (), 6.0, 1),
    Cell("mini", "members", "own/mini", mini, (*WITH_FIVE_UNKNOWNS, *WITHOUT), (), 12.0, 1),
    Cell("smollm2-sft", "members", "own/mini-smollm2", smollm2, returns(960), (), 4.0, 1),
    Cell(
        "smollm2-sft-2",
        "members",
        "own/mini-smollm2, second pass",
        smollm2_again,
        (*returns(960), WITHOUT[-1]),
        ("smollm2-sft",),
        4.0,
        1,
    ),
)
ALL: tuple[Cell, ...] = (*CELLS, *SIZES, *PASSES, *MEMBERS)
"""Every cell of the study, in the order in which they are run."""


def sizes(book: Book) -> str:
    """Why nano is as small as it is."""
    rows = [
        [said, *costs(book.of(name)), book.share(name, inside), share(book.tried(name, inside), of_right=True)]
        for name, said in (("chains-steps", "as above"), *((cell.name, cell.about) for cell in SIZES))
    ]
    head = (
        "model",
        *COSTS,
        "right, 2 to 5 terms",
        "of these proven",
    )
    return (
        "## How many weights nano needs\n\nThe model with steps once more, and a larger one for as many operations, which sees a fifth of the examples.\n\n"
        + table(head, rows)
    )


def members(book: Book) -> str:
    """Their part of the page: what they cost, and a row for each level of each task."""
    parts: list[str] = []
    for cell in MEMBERS:
        records = book.of(cell.name)
        said = f"`recipes/{cell.name}.toml`, one seed: " + (
            f"{_limit(records[0])}computed in {_precision(records[0])}, {_where(records[0].machine)}; at most {max(one.items for one in records[0].scores)} items a level."
            if records
            else f"{NOT_RUN}."
        )
        head = ("model", *COSTS)
        parts.append(f"{said}\n\n{table(head, [[f'`{cell.about}`', *costs(records)]])}\n{_levels(book, cell)}")
    return (
        "## The larger members\n\nEach with a recipe of its own and no part in the comparisons above: those have equal budgets, and these have what their recipes say. `own/micro` and "
        "`own/mini` are one model each for all tasks, from nothing; `own/mini-smollm2` is an open base tuned on one, in two passes.\n\n"
        + "\n".join(parts)
    )


def _levels(book: Book, cell: Cell) -> str:
    rows: list[list[str]] = []
    for probe in cell.probes:
        for level in probe.levels if probe.thinking else ():
            name = str(probe.task["task"])
            found = [one for one in book.tried(cell.name, lambda one: True) if one.task == name and one.level == level]
            steps, direct = ([one for one in found if one.thinking is thinking] for thinking in (True, False))
            rows.append(
                [
                    f"{name.replace('-mod-p', '-mod-11')}, {level}{', never trained on' if probe.beyond else ''}",
                    share(steps),
                    share(steps, of_right=True),
                    share(direct) if direct else "not asked",
                ]
            )
    return table(("task and level", "right", "of these proven", "right without steps"), rows)


def _precision(record: Record) -> str:
    said: str = record.recipe["learning"]["precision"]
    return "the precision that `auto` takes there" if said == "auto" else said


def _limit(record: Record) -> str:
    """What the recipe said when it was run, where a limit in minutes ended it."""
    learning = record.recipe["learning"]
    return (
        f"run with {learning['steps']:,} steps and a limit of {learning['minutes']:g} minutes, which ended it; "
        if learning["minutes"]
        else ""
    )


def _where(machine: str) -> str:
    return f"on {machine.partition(', torch')[0]}"
