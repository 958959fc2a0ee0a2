"""`freehold models list`: what the catalog knows, as a table or as JSON."""

import sys
from collections.abc import Collection
from datetime import date
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table

from freehold.catalog.catalog import Catalog
from freehold.catalog.rows import NANO, Model
from freehold.cli.audit import Fit, print_fitting
from freehold.cli.models_registry import Data, Folder, open_registry
from freehold.training.registry import Version

OWN = "own"

SPARE = ("can", "$ cached", "output", "context")
"""Columns that a narrow terminal goes without, the first first."""


def list_models(
    vendor: Annotated[str | None, typer.Option(help="Only this vendor's models.")] = None,
    retiring: Annotated[bool, typer.Option("--retiring", help="Only models with an end date, soonest first.")] = False,
    retired: Annotated[bool, typer.Option("--retired", help="Retired models too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For machines; prices in nano-dollars.")] = False,
    data: Data = None,
    registry: Folder = None,
) -> None:
    """List the models of the catalog: limits, prices, abilities, and the day each one ends; and the registry's versions of own ones, of which
    `promoted` ones serve."""
    catalog = Catalog.load()
    if vendor not in (None, OWN) and vendor not in catalog.vendors:
        raise typer.BadParameter(f"No vendor {vendor!r} in the catalog. It has: {', '.join(catalog.vendors)}.")
    today = date.today()
    models = chosen(catalog, today, vendor=vendor, retiring=retiring, retired=retired)
    ours = [] if retiring or vendor not in (None, OWN) else open_registry(data, registry).versions()
    if as_json:
        listed = [own(version) for version in ours] + [described(catalog, model, today) for model in models]
        sys.stdout.write(msgspec.json.encode(listed).decode() + "\n")
        return
    print_fitting(lambda without, fit: table(catalog, models, today, ours, without, fit), SPARE)


def chosen(
    catalog: Catalog, today: date, *, vendor: str | None = None, retiring: bool = False, retired: bool = False
) -> list[Model]:
    """The models to list, sorted by id, or by their end when `retiring`. A model is retired from its end date on."""
    if retiring:
        models = catalog.retiring(date.max, after=today)
    else:
        day = today.isoformat()
        models = [model for model in catalog.models if retired or model.retires is None or model.retires > day]
    return [model for model in models if vendor is None or model.vendor == vendor]


def described(catalog: Catalog, model: Model, today: date) -> dict[str, Any]:
    """One model for machines: the fields of its row, with `price` (that of today, or None) for the dated `prices` and
    `sources`, which names the source of each field, for the `provenance`."""
    price = catalog.price_at(model, today)
    return {
        "id": model.id,
        "mode": model.mode,
        "context_tokens": model.context_tokens,
        "max_output_tokens": model.max_output_tokens,
        "abilities": sorted(model.abilities),
        "lacks": sorted(model.lacks),
        "refuses": sorted(model.refuses),
        "retires": model.retires,
        "aliases": model.aliases,
        "price": None if price is None else msgspec.to_builtins(price),
        "sources": {field: catalog.sources[index].name for field, index in model.provenance.items()},
    }


def own(version: Version) -> dict[str, Any]:
    """One version of the registry for machines: what `described` gives as far as it is known, and how it stands."""
    return {
        "id": version.id,
        "mode": "chat",
        "context_tokens": version.manifest.context or None,
        "digest": version.digest,
        "weights": version.manifest.weights,
        "licence": version.manifest.lineage.licence,
        "promoted": version.promoted,
    }


def table(
    catalog: Catalog,
    models: list[Model],
    today: date,
    ours: list[Version] | None = None,
    without: Collection[str] = (),
    fit: Fit = "wide",
) -> Table:
    """The models as people read them, those of the registry first, `without` some columns. Prices are dollars per million tokens. Names are broken only
    where a terminal is too narrow for anything else."""
    headings = ("model", "context", "output", "$ in", "$ cached", "$ out", "ends", "can")
    kept = [place for place, heading in enumerate(headings) if heading not in without]
    shown = Table(box=None, pad_edge=False)
    for place in kept:
        wraps = headings[place] == "can" or (place == 0 and fit == "narrow")
        justify = "right" if 0 < place < 6 else "left"
        shown.add_column(headings[place], justify=justify, no_wrap=not wraps, overflow="ellipsis" if place else "fold")
    for version in ours or []:
        state = "promoted" if version.promoted else "registered"
        name = f"{version.id} {state}" if "can" in without else version.id
        row = (name, _tokens(version.manifest.context or None), "", "", "", "", "", state)
        shown.add_row(*(row[place] for place in kept))
    for model in models:
        price = catalog.price_at(model, today)
        row = (
            model.id,
            _tokens(model.context_tokens),
            _tokens(model.max_output_tokens),
            "?" if price is None else dollars(price.input),
            "" if price is None or price.cache_read is None else dollars(price.cache_read),
            "?" if price is None else dollars(price.output),
            model.retires or "",
            " ".join(sorted(model.abilities)),
        )
        shown.add_row(*(row[place] for place in kept))
    return shown


def dollars(nano: int) -> str:
    """Nano-dollars as dollars, exactly, without zeros at the end."""
    whole, part = divmod(nano, NANO)
    return f"{whole}.{part:09d}".rstrip("0").rstrip(".")


def _tokens(count: int | None) -> str:
    return "" if count is None else f"{count:,}"
