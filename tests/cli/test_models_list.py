"""`freehold models list`."""

import json
from datetime import date
from pathlib import Path

import typer
from rich.console import Console
from typer.testing import CliRunner

from cli.commands import run
from cli.model_shelf import added, promoted
from freehold.catalog.catalog import Catalog
from freehold.catalog.rows import Book, Model, Price, Source
from freehold.cli.models_list import chosen, described, dollars, list_models, table
from freehold.training.registry import Registry

TODAY = date(2026, 11, 24)

app = typer.Typer()
app.command()(list_models)


def made() -> Catalog:
    return Catalog(
        Book(
            vendors=("openai", "azure"),
            sources=(Source(name="made-up", title="", version="", licence="", read_on=""),),
            models=(
                Model(
                    id="azure/m",
                    context_tokens=272_000,
                    abilities=frozenset({"vision", "tools"}),
                    prices=(Price(input=1), Price(input=250_000_000, output=2_000_000_000, since="2026-01-01")),
                    provenance={"*": 0},
                ),
                Model(id="openai/a", retires="2027-01-14"),
                Model(id="openai/b", retires="2026-11-24"),
                Model(id="openai/c", retires="2026-12-11"),
            ),
        )
    )


def ids(models: list[Model]) -> list[str]:
    return [model.id for model in models]


def test_retired_models_are_listed_only_when_asked_for() -> None:
    assert ids(chosen(made(), TODAY)) == ["azure/m", "openai/a", "openai/c"]
    assert ids(chosen(made(), TODAY, retired=True)) == ["azure/m", "openai/a", "openai/b", "openai/c"]


def test_one_vendors_models_can_be_listed() -> None:
    assert ids(chosen(made(), TODAY, vendor="azure")) == ["azure/m"]


def test_models_with_an_end_are_listed_soonest_first() -> None:
    assert ids(chosen(made(), TODAY, retiring=True)) == ["openai/c", "openai/a"]


def test_a_model_for_machines_has_the_price_of_the_day_and_the_names_of_its_sources() -> None:
    catalog = made()
    assert described(catalog, catalog.models[0], TODAY) == {
        "id": "azure/m",
        "mode": "chat",
        "context_tokens": 272_000,
        "max_output_tokens": None,
        "abilities": ["tools", "vision"],
        "lacks": [],
        "refuses": [],
        "retires": None,
        "aliases": (),
        "price": {"input": 250_000_000, "output": 2_000_000_000, "since": "2026-01-01"},
        "sources": {"*": "made-up"},
    }
    assert described(catalog, catalog.models[1], TODAY)["price"] is None


def test_the_table_shows_dollars_per_million_and_a_question_mark_for_the_unknown() -> None:
    console = Console(width=120, color_system=None)
    with console.capture() as captured:
        console.print(table(made(), list(made().models), TODAY))
    lines = [line.split() for line in captured.get().splitlines()]
    assert lines[1] == ["azure/m", "272,000", "0.25", "2", "tools", "vision"]
    assert lines[2] == ["openai/a", "?", "?", "2027-01-14"]


def test_dollars_are_exact() -> None:
    assert [dollars(nano) for nano in (0, 3_625_000, 250_000_000, 10_000_000_000)] == ["0", "0.003625", "0.25", "10"]


def test_the_command_prints_json_for_machines() -> None:
    done = CliRunner().invoke(app, ["--vendor", "anthropic", "--retired", "--json"])
    assert done.exit_code == 0
    listed = {model["id"]: model for model in json.loads(done.stdout)}
    assert listed["anthropic/claude-haiku-4-5"]["price"]["input"] == 1_000_000_000


def test_the_command_prints_a_table_whose_names_are_whole() -> None:
    done = CliRunner().invoke(app, ["--vendor", "fireworks", "--retired"])
    assert done.exit_code == 0
    assert "fireworks/accounts/fireworks/models/gpt-oss-120b " in done.stdout


def test_an_unknown_vendor_is_an_error_that_names_the_known_ones() -> None:
    done = CliRunner().invoke(app, ["--vendor", "unheard-of"])
    assert done.exit_code == 2
    assert done.stdout == ""
    assert "openai" in done.stderr


def test_versions_of_own_models_come_first_with_how_they_stand(tmp_path: Path) -> None:
    promoted(tmp_path, 1)
    added(tmp_path, 2)
    words = ("models", "list", "--vendor", "own", "--data", str(tmp_path))
    found = json.loads(run(*words, "--json").stdout)
    assert [(one["id"], one["promoted"], one["licence"]) for one in found] == [
        ("own/nano@1", True, "MIT"),
        ("own/nano@2", False, "MIT"),
    ]
    lines = [line.split() for line in run(*words).stdout.splitlines()]
    assert lines[1:] == [["own/nano@1", "promoted"], ["own/nano@2", "registered"]]


def test_without_the_column_of_abilities_a_version_says_how_it_stands_behind_its_name(tmp_path: Path) -> None:
    promoted(tmp_path, 1)
    ours = Registry(tmp_path / "models").versions()
    console = Console(width=60)
    with console.capture() as capture:
        console.print(table(made(), [], TODAY, ours, ("can", "output"), "whole"))
    heading, row = capture.get().splitlines()
    assert heading.split() == ["model", "context", "$", "in", "$", "cached", "$", "out", "ends"]
    assert row.split() == ["own/nano@1", "promoted"]
