"""All four passes of own/nano-refund, in the study of the own family: what ships has one seed, and here are others. Each pass goes on from the one before it and
has a recipe of its own below recipes/, of which only the seed is another here. Its cells and its part of the page; it trains nothing itself."""

from collections.abc import Callable

from msgspec.structs import replace
from own_family_cells import CHAINS, REFUNDS, ROOT, Cell, Probe, Setting
from own_family_running import Tried
from own_family_shares import Book, Wanted, inside, share, table

from freehold.training.recipe import Recipe, read_recipe

FILES = ("nano-refund.toml", "nano-refund-2.toml", "nano-refund-3.toml", "nano-refund-4.toml")
SEEDS = 2
RETURNS = Probe(REFUNDS, (0, 1, 2, 3, 4, 5), True, 720)
SUMS = Probe(CHAINS, (2, 3, 4, 5), True, 192)


def recipe_of(number: int) -> Callable[[Setting], Recipe]:
    """The recipe of a pass, 1 to 4: seeds 11 to 14 for the study's first, 21 to 24 for its second."""

    def make(setting: Setting) -> Recipe:
        plain = read_recipe(ROOT / "recipes" / FILES[number - 1])
        learning = replace(plain.learning, seed=10 * setting.seed + number, threads=setting.threads)
        start = plain.start if number == 1 else str(setting.runs(f"refund-pass-{number - 1}"))
        return replace(plain, start=start, learning=learning)

    return make


PASSES: tuple[Cell, ...] = tuple(
    Cell(
        f"refund-pass-{number}",
        "passes",
        f"own/nano-refund, pass {number}",
        recipe_of(number),
        (RETURNS,) if number < len(FILES) else (RETURNS, Probe(REFUNDS, (6, 7), True, 720, beyond=True), SUMS),
        (f"refund-pass-{number - 1}",) if number > 1 else (),
        0.5,
        SEEDS,
    )
    for number in range(1, len(FILES) + 1)
)


def passes(book: Book) -> str:
    """A row for each pass and seed, and what the last one is right on by the rules that have an effect."""
    rows = [
        [
            str(number),
            str(record.seed),
            f"{record.steps:,}",
            f"{record.tokens:,}",
            f"{record.wall:.1f}",
            *_shares(book, cell.name, lambda one: _returns(one) and not one.beyond, record.seed),
        ]
        for number, cell in enumerate(PASSES, 1)
        for record in book.of(cell.name)
    ]
    levels: tuple[tuple[str, Wanted], ...] = (
        *((f"{level} rules", _returns_of(level)) for level in range(6)),
        ("6 and 7 rules, never trained on", lambda one: _returns(one) and one.beyond),
    )
    last = PASSES[-1].name
    sums = [
        [f"sums of 2 to 5 numbers, seed {record.seed}", *_shares(book, last, _sums, record.seed)]
        for record in book.of(last)
    ]
    return (
        "\nAll four passes from own/nano, which each have a recipe of their own, from two other seeds than what ships. Where fewer items were asked, they are the first of the others:\n\n"
        + table(("pass", "seed", "steps", "tokens", "minutes", "right, 0 to 5 rules", "of these proven"), rows)
        + "\nAfter the last one, both seeds:\n\n"
        + table(
            ("problems", "right", "of these proven"),
            [
                [name, share(book.tried(last, wanted)), share(book.tried(last, wanted), of_right=True)]
                for name, wanted in levels
            ]
            + sums,
        )
    )


def _shares(book: Book, cell: str, wanted: Wanted, seed: int) -> tuple[str, str]:
    found = [one for record in book.of(cell) if record.seed == seed for one in record.scores if wanted(one)]
    return share(found), share(found, of_right=True)


def _sums(one: Tried) -> bool:
    return not _returns(one) and inside(one)


def _returns_of(level: int) -> Wanted:
    return lambda one: _returns(one) and one.level == level


def _returns(one: Tried) -> bool:
    return one.task == REFUNDS["task"]
