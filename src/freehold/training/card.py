"""The model card: one page in Markdown that says what a model is, what it was made from, what it owes, and how it did.

It knows the lineage and nothing of how it came about. Its head is the YAML that model hubs read.
"""

import json
from collections.abc import Iterable

from freehold.training.lineage import Lineage


def model_card(lineage: Lineage) -> str:
    """The card. Every number stands in the lineage; nothing is rounded but shares, to a tenth of a per cent."""
    parts = [
        _head(lineage),
        f"# {lineage.model}\n\n{_about(lineage)}",
        *_section("What it owes", _duties(lineage)),
        f"## What it was made from\n\n{_sources(lineage)}",
        *_section(
            "Overrides",
            [
                f"- {one.terms}, {one.terms_date}: {one.reason} ({one.by}{', signed' if one.note else ''})"
                for one in lineage.overrides
            ],
        ),
        *_section("How it did", _measured(lineage)),
        *_section("Limits", [f"- {limit}" for limit in lineage.limits]),
    ]
    return "\n\n".join(parts) + "\n"


def _head(lineage: Lineage) -> str:
    licence = lineage.licence if not lineage.owed.flowing else "other"
    lines = ["---", f"license: {json.dumps(licence.lower())}"]
    if lineage.base:
        lines.append(f"base_model: {json.dumps(lineage.base)}")
    lines += ["library_name: transformers", "pipeline_tag: text-generation", "---"]
    return "\n".join(lines)


def _about(lineage: Lineage) -> str:
    flowing = ", ".join(lineage.owed.flowing)
    under = f" It is also under {flowing}, whose terms hold for it and for what is made from it." if flowing else ""
    size = f" of {lineage.parameters:,} parameters ({lineage.architecture})" if lineage.parameters else ""
    return f"A model{size} for {lineage.task}. {_start(lineage)} Licence: {lineage.licence}.{under}\n\n{_made(lineage)}"


def _start(lineage: Lineage) -> str:
    """What it was made from. Without a run nobody saw it made, so nothing is said that was not told."""
    if lineage.start:
        first = f"which starts from {lineage.base}" if lineage.base else "which was trained from scratch"
        return f"It goes on from the run {lineage.start}, {first}."
    if lineage.base:
        return f"It starts from {lineage.base}."
    return "It was trained from scratch." if lineage.run else "What it was made from was not told."


def _made(lineage: Lineage) -> str:
    weights = f"Weights sha256:{lineage.weights}"
    if not lineage.run:
        return f"{weights}, registered on {lineage.created} without the run that made them."
    return f"{weights}, made on {lineage.created} by the run {lineage.run} with the code {lineage.code}."


def _duties(lineage: Lineage) -> list[str]:
    owed = lineage.owed
    name = [f"- Offered to others, its name begins with {owed.name_prefix}."] if owed.name_prefix else []
    return name + [f"- {notice}" for notice in owed.notices]


def _sources(lineage: Lineage) -> str:
    rows = [
        (
            one.producer,
            one.route,
            f"{one.terms} ({one.terms_date})" if one.terms else "unknown",
            one.licence,
            f"{one.rows:,}" if one.rows else "as needed",
        )
        for one in lineage.sources
    ]
    if not rows:
        return "No source was told."
    table = _table(("producer", "route", "terms", "licence", "rows"), rows)
    return f"{table}\n\n{' '.join(_rows(lineage))}"


def _rows(lineage: Lineage) -> list[str]:
    """Which rows these were, and what they were held against."""
    told: list[str] = []
    if lineage.dataset:
        told.append(f"Dataset sha256:{lineage.dataset}. No row gives away any of {lineage.sealed:,} sealed items.")
    if any(not one.rows for one in lineage.sources):
        told.append("Tasks draw their rows as needed, from the problems of their training split and no others.")
    if lineage.sealed and not lineage.dataset:
        told.append(f"None that the run {lineage.run} drew asks the same as any of {lineage.sealed:,} sealed items.")
    told += [
        f"Behind the weights that it began with, or its teacher: dataset sha256:{one}." for one in lineage.inherited
    ]
    return told


def _measured(lineage: Lineage) -> list[str]:
    rows = [
        (one.name, f"{one.value:.1%}", f"{one.low:.1%} to {one.high:.1%}", f"{one.items:,}") for one in lineage.measured
    ]
    return [_table(("on held-out items", "share", "95 % interval", "items"), rows)] if rows else []


def _section(title: str, lines: list[str]) -> list[str]:
    return [f"## {title}\n\n" + "\n".join(lines)] if lines else []


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [_line(heads := list(heads)), _line("---" for _ in heads)]
    return "\n".join([*lines, *(_line(row) for row in rows)])


def _line(cells: Iterable[str]) -> str:
    safe = (cell.replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(safe)} |"
