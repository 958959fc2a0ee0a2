"""`freehold catalog update`."""

import importlib.util
import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from freehold.catalog.catalog import Catalog
from freehold.cli.catalog import update
from freehold.errors import CatalogError

app = typer.Typer()
app.command()(update)

LISTED = """{"rack-model": {
  "litellm_provider": "meta", "mode": "chat", "input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06
}}"""


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    (tmp_path / "list.json").write_text(LISTED)
    return [
        "--litellm", str(tmp_path / "list.json"),
        "--read-on", "2026-11-24",
        "--out", str(tmp_path / "models.json"),
        "--page", str(tmp_path / "page.md"),
    ]  # fmt: skip


def test_the_data_file_and_the_page_are_written(arguments: list[str], tmp_path: Path) -> None:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0
    catalog = Catalog.decode((tmp_path / "models.json").read_bytes())
    found = catalog.find("meta", "rack-model")
    assert found is not None
    assert found.prices[0].output == 2_000_000_000
    assert {source.read_on for source in catalog.sources} == {"2026-11-24"}
    assert (tmp_path / "page.md").read_text().startswith("# Where the catalog's sources disagree")
    assert f"models written to {tmp_path / 'models.json'}." in done.stdout


def test_the_summary_is_json_for_machines(arguments: list[str], tmp_path: Path) -> None:
    done = CliRunner().invoke(app, [*arguments, "--json"])
    told = json.loads(done.stdout)
    assert told["page"] == str(tmp_path / "page.md")
    assert told["models"]["meta"] >= 1


def test_what_cannot_be_read_or_written_is_an_error_with_advice(arguments: list[str], tmp_path: Path) -> None:
    missing = CliRunner().invoke(app, ["--litellm", str(tmp_path / "none.whl")])
    assert isinstance(missing.exception, CatalogError)
    nowhere = CliRunner().invoke(app, [*arguments, "--page", str(tmp_path / "no" / "page.md")])
    assert isinstance(nowhere.exception, CatalogError)
    assert "--page" in nowhere.exception.advice


def test_without_genai_prices_the_error_says_how_to_get_it(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    done = CliRunner().invoke(app, arguments)
    assert isinstance(done.exception, CatalogError)
    assert "freehold[catalog]" in done.exception.advice
