"""`freehold catalog update`: builds the catalog's data file anew from its two sources. Fetches nothing."""

import importlib.util
import sys
from datetime import date, datetime
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from freehold.catalog.catalog import DATA
from freehold.errors import CatalogError

if TYPE_CHECKING:
    from freehold.catalog.update import Built

PAGE = Path("docs/reference/catalog-disagreements.md")


def update(
    litellm: Annotated[Path, typer.Option(help="A wheel of LiteLLM, or its model_prices_*_backup.json.")],
    read_on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day the sources were read; default: today.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The data file to write; default: the package's own.")] = None,
    page: Annotated[Path, typer.Option(help="Where to write what the sources disagree on.")] = PAGE,
    as_json: Annotated[bool, typer.Option("--json", help="The summary for machines.")] = False,
) -> None:
    """Build the catalog from the installed genai-prices and from LiteLLM's model list (both MIT).

    Raises `CatalogError` when a source cannot be read or a file cannot be written."""
    day = (date.today() if read_on is None else read_on.date()).isoformat()
    built = _build(litellm, day)
    out = out or Path(str(resources.files("freehold.catalog").joinpath(*DATA)))
    for path, content in ((out, built.data), (page, built.page.encode())):
        _write(path, content)
    if as_json:
        sys.stdout.write(msgspec.json.encode(_summary(built, out, page)).decode() + "\n")
    else:
        _tell(built, out, page)


def _build(litellm: Path, day: str) -> "Built":
    if importlib.util.find_spec("genai_prices") is None:
        raise CatalogError("genai-prices is not installed.", "Install it with `pip install 'freehold[catalog]'`.")
    from freehold.catalog.update import build, inputs

    return build(inputs(litellm, day))


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise CatalogError(
            f"{path} cannot be written: {error}.", "Run it in a checkout of Freehold, or say --out and --page."
        ) from error


def _summary(built: "Built", out: Path, page: Path) -> dict[str, object]:
    return {
        "data": str(out),
        "page": str(page),
        "models": built.models,
        "without_price": built.unpriced,
        "to_retire": built.retiring,
        "disagreements": len(built.disagreements),
    }


def _tell(built: "Built", out: Path, page: Path) -> None:
    console = Console()
    shown = Table(box=None, pad_edge=False)
    shown.add_column("vendor")
    shown.add_column("models", justify="right")
    for vendor, count in built.models.items():
        shown.add_row(vendor, str(count))
    console.print(shown)
    for line in (
        f"{sum(built.models.values())} models written to {out}.",
        f"{built.unpriced} of them have no price; {built.retiring} have an end date that is still to come.",
        f"The sources disagree on {len(built.disagreements)} points: see {page}.",
    ):
        console.print(line, highlight=False, soft_wrap=True)
