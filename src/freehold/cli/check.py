"""`freehold check`: what is wrong with the configuration, each problem with its line and what to write instead."""

from pathlib import Path
from typing import Annotated

import typer


def check(
    config: Annotated[Path | None, typer.Option(help="freehold.toml; default: the one in this folder, if any.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines: ok, problems, warnings.")] = False,
) -> None:
    """Reads the configuration as `freehold up` would. Exit code 1 when it cannot be used."""
    import sys

    import msgspec

    from freehold.cli.settings import known_vendors
    from freehold.config.paths import config_file, environment
    from freehold.config.reading import examine

    path = config_file(config, Path())
    reading = examine(path, environment(), known_vendors())
    if as_json:
        said = {"ok": reading.settings is not None, "file": None if path is None else str(path)}
        said |= {"problems": reading.problems, "warnings": reading.warnings}
        sys.stdout.write(msgspec.json.encode(said).decode() + "\n")
    else:
        for warning in reading.warnings:
            print(f"warning: {warning.text()}", file=sys.stderr)
        for problem in reading.problems:
            print(problem.text())
        if reading.settings is not None:
            print(f"{path or 'The environment, without a file,'} can be used: {_contents(reading.settings)}.")
    if reading.settings is None:
        raise typer.Exit(1)


def _contents(settings: object) -> str:
    from freehold.config.file import listed
    from freehold.config.settings import Settings

    assert isinstance(settings, Settings)
    vendors, jobs = sorted(settings.vendors), sorted(settings.workloads)
    return f"{_counted(len(vendors), 'vendor')} ({listed(vendors)}), {_counted(len(jobs), 'workload')} ({listed(jobs)})"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
