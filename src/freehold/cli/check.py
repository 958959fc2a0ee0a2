"""`freehold check`: what is wrong with the configuration, each problem with its line and what to write instead."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from freehold.config.file import Problem
    from freehold.config.reading import Reading


def check(
    config: Annotated[Path | None, typer.Option(help="freehold.toml; default: the one in this folder, if any.")] = None,
    data: Annotated[Path | None, typer.Option(help="The data folder, whose promoted models routes may name.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines: ok, problems, warnings.")] = False,
) -> None:
    """Reads the configuration as `freehold up` would. Exit code 1 when it cannot be used."""
    import sys

    import msgspec

    from freehold.cli.settings import known_vendors, usual_data
    from freehold.config.paths import config_file, environment
    from freehold.config.reading import examine

    path = config_file(config, Path())
    reading = examine(path, environment(), known_vendors(data or usual_data()))
    problems, warnings = _graders(reading)
    problems, warnings = (
        [*reading.problems, *problems, *_people(reading), *_weights(reading)],
        [*reading.warnings, *warnings],
    )
    if as_json:
        said = {"ok": not problems, "file": None if path is None else str(path)}
        said |= {"problems": problems, "warnings": warnings}
        sys.stdout.write(msgspec.json.encode(said).decode() + "\n")
    else:
        for warning in warnings:
            print(f"warning: {warning.text()}", file=sys.stderr)
        for problem in problems:
            print(problem.text())
        if reading.settings is not None and not problems:
            print(f"{path or 'The environment, without a file,'} can be used: {_contents(reading.settings)}.")
    if problems:
        raise typer.Exit(1)


def _graders(reading: "Reading") -> tuple[list["Problem"], list["Problem"]]:
    """What is wrong with the graders of the workloads, which ones lack something that is not installed, and which ones take no
    part in a workload's shadow or canary."""
    from freehold.config.file import Problem, place
    from freehold.errors import ConfigError, InvalidGrader, NotConfigured
    from freehold.graders import build
    from freehold.trials.grading import why_left_out

    problems: list[Problem] = []
    warnings: list[Problem] = []
    source = reading.settings.source if reading.settings else None
    for job in reading.settings.workloads.values() if reading.settings else ():
        for index, table in enumerate(job.graders):
            here = ("workloads", job.name, "graders", index)
            try:
                grader = build(table)
                grader.close()
                why = why_left_out(grader, judged=job.judging is not None)
                if why and (job.shadow is not None or job.canary is not None):
                    said = f"{place(here)}: {grader.label} takes no part in a shadow or a canary: {why}."
                    warnings.append(Problem(source=source, line=reading.positions.line(here), sentence=said))
            except (ConfigError, InvalidGrader, NotConfigured) as error:
                at = (*here, *(error.param or "").split(".")[:1])
                found = Problem(
                    source=source,
                    line=reading.positions.line(at),
                    sentence=f"{place(here)}: {error.sentence}",
                    advice=error.advice,
                )
                (warnings if isinstance(error, NotConfigured) else problems).append(found)
    return problems, warnings


def _people(reading: "Reading") -> list["Problem"]:
    """What is wrong with the keys that people sign with."""
    from freehold.cli.people import key_of
    from freehold.config.file import Problem
    from freehold.errors import ConfigError

    problems: list[Problem] = []
    for person in reading.settings.people.values() if reading.settings else ():
        try:
            key_of(person)
        except ConfigError as error:
            line = reading.positions.line(("people", person.name, "key"))
            source = reading.settings.source if reading.settings else None
            problems.append(Problem(source=source, line=line, sentence=error.sentence, advice=error.advice))
    return problems


def _weights(reading: "Reading") -> list["Problem"]:
    """Names of weights that nobody knows, where llama.cpp is to serve them: `freehold up` would not start."""
    from freehold.catalog.weights import NAMED, locate
    from freehold.config.file import Problem, place
    from freehold.config.own import REGISTRY
    from freehold.config.paths import cache_dir, environment

    problems: list[Problem] = []
    for engine in reading.settings.own.values() if reading.settings else ():
        named = bool(engine.weights) and engine.engine != "vllm" and engine.weights not in (REGISTRY, *NAMED)
        if named and locate(engine.weights, cache_dir(environment())) is None:
            here = ("own", engine.name, "weights")
            source = reading.settings.source if reading.settings else None
            said = f'{place(here)} names "{engine.weights}", and there are no such weights.'
            advice = f"Give the path of a GGUF file, or one of the names {', '.join(NAMED)}."
            problems.append(Problem(source=source, line=reading.positions.line(here), sentence=said, advice=advice))
    return problems


def _contents(settings: object) -> str:
    from freehold.config.file import listed
    from freehold.config.settings import Settings

    assert isinstance(settings, Settings)
    vendors, jobs = sorted(settings.vendors), sorted(settings.workloads)
    return f"{_counted(len(vendors), 'vendor')} ({listed(vendors)}), {_counted(len(jobs), 'workload')} ({listed(jobs)})"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
