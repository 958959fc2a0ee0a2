"""`freehold init`: a file to begin with, and never over another one."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

from freehold.cli import application
from freehold.cli.init import template
from freehold.config.discovery import KnownVendor
from freehold.config.reading import parse, settled
from freehold.errors import ConfigError

KNOWN: Mapping[str, KnownVendor] = {
    "openai": KnownVendor(key_env=("OPENAI_API_KEY",), speaks=("openai-chat",)),
    "openai-compatible": KnownVendor(needs_key=False, needs_base_url=True, speaks=("openai-chat",)),
    "own": KnownVendor(needs_key=False),
}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> str:
    result = CliRunner().invoke(application(["init"]), ["init", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_it_writes_a_file_and_says_what_comes_next(tmp_path: Path) -> None:
    said = run()

    assert (tmp_path / "freehold.toml").read_text() == template()
    assert said == "Wrote freehold.toml. Change it, check it with `freehold check`, and start with `freehold up`.\n"


def test_it_says_the_same_to_machines(tmp_path: Path) -> None:
    assert json.loads(run("other.toml", "--json")) == {"written": "other.toml"}
    assert (tmp_path / "other.toml").exists()


def test_a_file_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "freehold.toml").write_text("mine")

    with pytest.raises(ConfigError, match=r"freehold\.toml is there already\."):
        run()
    assert (tmp_path / "freehold.toml").read_text() == "mine"


def test_a_folder_that_is_not_there_is_told() -> None:
    with pytest.raises(ConfigError, match="cannot be written: No such file or directory"):
        run("nowhere/freehold.toml")


def test_what_is_written_is_valid_on_every_machine() -> None:
    reading = parse(template(), "freehold.toml", Path(), {}, KNOWN)

    assert settled(reading)
    assert reading.warnings == ()


def test_its_examples_are_valid_too(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "openai-eu").write_text("k")
    text = re.sub(r"^#: ?", "", template(), flags=re.MULTILINE)
    reading = parse(text, "freehold.toml", tmp_path, {"OPENAI_API_KEY": "k"}, KNOWN)
    settings = settled(reading)

    assert reading.warnings == ()
    assert sorted(settings.vendors) == ["openai", "openai-eu", "own", "rack-7"]
    assert sorted(settings.workloads) == ["claims", "default", "ticket-triage"]
    assert sorted(settings.prices) == ["rack-7/qwen3-8b"]
    assert sorted(settings.projects) == ["support"]
