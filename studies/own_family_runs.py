"""The end of the page of the study of the own family: what was run where, and the recipes as a person writes them."""

from typing import Any, cast

import msgspec
from own_family_cells import Cell
from own_family_members import ALL
from own_family_shares import NOT_RUN, Book, table

from freehold.training.recipe import Recipe


def runs(book: Book, seeds: int) -> str:
    """A row for each record, and for each cell without one."""
    rows: list[list[str]] = []
    for cell in ALL:
        found = book.of(cell.name)
        rows += [
            [
                f"`{one.cell}`",
                str(one.seed),
                one.made[:16].replace("T", " "),
                f"{one.wall:.1f}",
                "several lives" if one.cpu is None else f"{one.cpu:.1f}",
                f"{one.threads}, {one.load:.0f}",
                one.machine,
            ]
            for one in found
        ]
        missing = [str(seed) for seed in range(1, (cell.seeds or seeds) + 1) if seed not in {one.seed for one in found}]
        why = " ".join([NOT_RUN, *(f"({one})" for one in book.faults.get(cell.name, ()))])
        rows += [[f"`{cell.name}`", ", ".join(missing), why, *[""] * 4]] if missing else []
    return (
        "## What was run where\n\n"
        "Minutes of training on the clock, whatever else the machine did meanwhile, and of all cores together, loading included; threads, and how many processes wanted the machine as it began. `own/mini` is no part of "
        "this study.\n\n"
        + table(("cell", "seed", "made (UTC)", "minutes", "of cores", "threads, load", "machine"), rows)
    )


def recipes(book: Book) -> str:
    """The recipe of each cell that has a record, as TOML that `freehold train run` takes."""
    parts = ["## The recipes\n\nAs the first seed ran them, without what is a default but for the shape.\n"]
    for cell in ALL:
        if found := book.of(cell.name):
            parts.append(f"`{cell.name}`: {_title(cell)}.\n\n```toml\n{_toml(found[0].recipe)}```\n")
    return "\n".join(parts)


def _title(cell: Cell) -> str:
    return f"{cell.part}, {cell.about}" if cell.part != cell.about else cell.about


def _toml(kept: dict[str, Any]) -> str:
    """The recipe as a person writes it."""
    recipe = msgspec.convert(kept, Recipe)
    lines, sections = _keys(recipe), list[str]()
    for name in ("shape", "lora", "teacher", "reward", "learning", "watch"):
        inner = getattr(recipe, name)
        if inner is not None:
            sections += [f"\n[{name}]", *_keys(inner, every=name in ("shape", "lora"))]
    for portion in recipe.mix:
        sections += ["\n[[mix]]", *_keys(portion)]
    return "\n".join([*lines, *sections]) + "\n"


def _keys(struct: msgspec.Struct, *, every: bool = False) -> list[str]:
    found: list[str] = []
    for field in msgspec.structs.fields(struct):
        value = getattr(struct, field.name)
        nested = isinstance(value, msgspec.Struct) or field.name == "mix"
        said = every or (value not in (None, {}, ()) and value != field.default)
        if said and not nested:
            found.append(f"{field.encode_name} = {_value(value)}")
    return found


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(map(_value, cast('tuple[Any, ...]', value)))}]"
    if isinstance(value, dict):
        inside = ", ".join(f"{key} = {_value(one)}" for key, one in cast("dict[str, Any]", value).items())
        return f"{{ {inside} }}"
    return f'"{value}"' if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)
