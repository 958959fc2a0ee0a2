"""`freehold config show`: every setting in force, and where its value came from. Secrets are not shown."""

from pathlib import Path
from typing import Annotated

import typer

PIPED_WIDTH = 200
"""Columns of the table when no terminal shows it: wide enough that no value is cut."""


def show(
    config: Annotated[Path | None, typer.Option(help="freehold.toml; default: the one in this folder, if any.")] = None,
    data: Annotated[Path | None, typer.Option(help="The data folder, whose promoted models routes may name.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Shows each setting with its value and its origin: a default, a line of the file, an environment variable."""
    import sys

    import msgspec

    from freehold.cli.settings import known_vendors, usual_data
    from freehold.config.origins import origins
    from freehold.config.paths import config_file, environment
    from freehold.config.reading import examine, settled

    path = config_file(config, Path())
    reading = examine(path, environment(), known_vendors(data or usual_data()))
    settled(reading)
    rows = [(setting_name(origin.path), origin.value, origin.origin) for origin in origins(reading)]
    if as_json:
        said = [{"setting": name, "value": value, "origin": origin} for name, value, origin in rows]
        sys.stdout.write(msgspec.json.encode(said).decode() + "\n")
    else:
        _print_table(rows)


def setting_name(path: tuple[str | int, ...]) -> str:
    """The setting as TOML would name it: `workloads.default.route`, `prices."openai/gpt-5-mini".input`."""
    from freehold.config import toml

    return ".".join(toml.key(str(part)) for part in path)


def _print_table(rows: list[tuple[str, object, str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from freehold.config import toml

    console = Console()
    if not console.is_terminal:
        console = Console(width=PIPED_WIDTH)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("setting", overflow="fold")
    table.add_column("value", overflow="fold")
    table.add_column("from", overflow="fold")
    for name, value, origin in rows:
        shown = "-" if value is None else value if isinstance(value, str) else toml.value(value)
        table.add_row(Text(name), Text(shown), Text(origin, style="dim" if origin == "default" else ""))
    console.print(table)
