"""`freehold config show`: each value and where it came from."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from freehold.cli import application
from freehold.cli.config_show import setting_name
from freehold.errors import ConfigError

TEXT = """[door]
port = 9000
[vendors.rack]
speaks = "openai-chat"
base_url = "http://10.0.0.7:8000/v1"
api_key = { env = "RACK_KEY" }
[workloads.a]
route = ["rack/[bold]x"]
budget = { usd = 0.5 }
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RACK_KEY", "sk-very-secret")
    (tmp_path / "freehold.toml").write_text(TEXT)


def run(*arguments: str) -> str:
    words = ["config", "show"]
    result = CliRunner().invoke(application(words), [*words, *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_people_get_a_table() -> None:
    said = run()
    rows = [" ".join(line.split()) for line in said.splitlines()]

    assert rows[0] == "setting value from"
    assert "door.port 9000 freehold.toml:2" in rows
    assert "door.host 127.0.0.1 default" in rows
    assert "vendors.rack.api_key (hidden) freehold.toml:6 (env RACK_KEY)" in rows
    assert 'workloads.a.route ["rack/[bold]x"] freehold.toml:8' in rows
    assert "workloads.a.hedge - default" in rows
    assert "sk-very" not in said


def test_machines_get_every_setting_as_data() -> None:
    said = run("--json")
    found = {row["setting"]: (row["value"], row["origin"]) for row in json.loads(said)}

    assert found["door.port"] == (9000, "freehold.toml:2")
    assert found["workloads.a.budget"] == ([{"usd": "0.5", "per": "month", "hard": True}], "freehold.toml:9")
    assert found["vendors.rack.api_key"] == ("(hidden)", "freehold.toml:6 (env RACK_KEY)")
    assert "sk-very" not in said


def test_a_file_that_is_wrong_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "freehold.toml").write_text("[door]\nport = -1\n")

    with pytest.raises(ConfigError, match=r"freehold\.toml, line 2: \[door\] port must be"):
        run()


def test_a_setting_is_named_as_toml_would() -> None:
    assert setting_name(("prices", "openai/gpt-5", "input")) == 'prices."openai/gpt-5".input'
