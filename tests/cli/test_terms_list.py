"""`freehold terms list`: what is known, in a table and as JSON."""

from pathlib import Path

import msgspec
import pytest

from cli.commands import run
from freehold.errors import CatalogError


def test_each_contract_has_a_row_with_its_answers() -> None:
    said = run("terms", "list", "--vendor", "openai")
    assert said.exit_code == 0
    lines = [line.split() for line in said.stdout.splitlines()]
    (row,) = [line for line in lines if line and line[0] == "openai-services-agreement"]
    assert row[1] == "2026-01-01"
    assert row[-7:] == ["no", "no", "if", "no", "?", "yes", "?"]
    assert not any("anthropic" in word for line in lines for word in line)


def test_json_has_clauses_and_terms_of_ones_own(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        '[[contract]]\nid="form"\nvendor="openai"\nroute="api"\ntitle="Order form"\ndate="2026-05-01"\nclause="7"\n'
        'sureness="read"\nsource="our files"\npermits={distil="yes"}\n'
    )
    said = run("terms", "list", "--terms", str(own), "--json")
    found = {row["id"]: row for row in msgspec.json.decode(said.stdout)["terms"]}
    assert found["form"]["clause"] == "7"
    assert found["openai-services-agreement"]["clause"] == "3.3(e)-(f)"
    assert len(found) >= 29


@pytest.mark.parametrize(
    "command", [("terms", "list"), ("train", "plan", "recipe.toml"), ("train", "run", "recipe.toml")]
)
def test_a_file_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipe.toml").write_bytes((Path(__file__).parents[2] / "recipes" / "nano.toml").read_bytes())
    skipped = ("--no-measure",) if command[1] == "plan" else ()
    with pytest.raises(CatalogError, match=r"The terms in none\.toml cannot be read: No such file or directory\."):
        run(*command, *skipped, "--terms", "none.toml")


def test_a_file_that_is_none_of_terms_is_named(tmp_path: Path) -> None:
    path = tmp_path / "order-form.toml"
    path.write_text("[[contract]]\npermit = 1\n")
    with pytest.raises(
        CatalogError, match=r"The terms in .*order-form\.toml cannot be read: Object contains unknown field"
    ):
        run("terms", "list", "--terms", str(path))
