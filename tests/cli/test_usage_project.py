"""Projects that there are not: told, with the name that was probably meant."""

import contextlib
from pathlib import Path

import pytest

from cli.commands import run
from freehold.errors import NotFound
from freehold.store.callers import create_key
from freehold.store.database import open_database
from store.test_invoices import NOVEMBER, kept, record

INVOICE = ("usage", "--invoice", "--month", "2026-10")


def test_an_invoice_for_a_project_that_is_nowhere_is_refused(tmp_path: Path) -> None:
    kept(tmp_path, record(NOVEMBER))
    with pytest.raises(NotFound, match="There is no project 'shopp'") as caught:
        run(*INVOICE, "--project", "shopp", "--data", str(tmp_path))
    assert caught.value.advice == 'Did you mean "shop"?'
    with pytest.raises(NotFound) as caught:
        run(*INVOICE, "--project", "elsewhere", "--data", str(tmp_path))
    assert caught.value.advice == "There is shop."


def test_a_project_that_used_nothing_in_the_month_has_an_empty_invoice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(tmp_path, record(NOVEMBER))
    (tmp_path / "freehold.toml").write_text("[vendors.echo]\n[projects.new]\n")
    with contextlib.closing(open_database(tmp_path)) as db:
        create_key(db, name="ann", project="keyed")
    monkeypatch.chdir(tmp_path)
    for project in ("shop", "keyed", "new"):
        assert "Total: $0.00" in run(*INVOICE, "--project", project, "--data", str(tmp_path)).stdout
    (tmp_path / "freehold.toml").rename(tmp_path / "other.toml")
    with pytest.raises(NotFound):
        run(*INVOICE, "--project", "new", "--data", str(tmp_path))
    config = ("--config", str(tmp_path / "other.toml"))
    assert "Total: $0.00" in run(*INVOICE, "--project", "new", *config, "--data", str(tmp_path)).stdout
