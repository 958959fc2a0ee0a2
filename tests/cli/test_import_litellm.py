"""`freehold import litellm`: the new file on stdout, what it cannot hold on stderr."""

import json
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from freehold.cli import application
from freehold.errors import ConfigError

YAML = """
model_list:
  - model_name: qwen
    litellm_params: {model: hosted_vllm/qwen3-8b, api_base: "http://10.0.0.7:8000/v1"}
general_settings:
  master_key: sk-very-secret
"""
TOML = """[vendors.vllm]
speaks = "openai-chat"
base_url = "http://10.0.0.7:8000/v1"

[workloads.default]
route = ["requested"]

[workloads.qwen]
route = ["vllm/qwen3-8b"]
"""
LEFT_OUT = {
    "path": "general_settings.master_key",
    "reason": "`freehold up` makes its first admin key and writes it to admin.key in the data folder.",
}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(YAML)


class Said(NamedTuple):
    """How a command ended and what it said."""

    exit_code: int
    stdout: str
    stderr: str


def run(*arguments: str) -> Said:
    words = ["import", "litellm"]
    result = CliRunner().invoke(application(words), [*words, *arguments], catch_exceptions=False)
    return Said(result.exit_code, result.stdout, result.stderr)


def test_the_file_is_printed_and_what_is_missing_is_told_beside_it() -> None:
    result = run("config.yaml")

    assert result.exit_code == 0
    assert result.stdout.endswith(TOML)
    assert result.stderr == f"not carried over: {LEFT_OUT['path']}: {LEFT_OUT['reason']}\n"


def test_the_file_is_written_and_can_be_checked(tmp_path: Path) -> None:
    result = run("config.yaml", "--output", "new.toml")
    checked = CliRunner().invoke(application(["check"]), ["check", "--config", "new.toml"], catch_exceptions=False)

    assert result.stdout == "Wrote new.toml. Check it with `freehold check --config new.toml`.\n"
    assert (tmp_path / "new.toml").read_text().endswith(TOML)
    assert checked.exit_code == 0


def test_a_file_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "new.toml").write_text("mine")

    with pytest.raises(ConfigError, match=r"new\.toml is there already\."):
        run("config.yaml", "-o", "new.toml")
    assert (tmp_path / "new.toml").read_text() == "mine"


def test_machines_get_all_of_it_as_data() -> None:
    result = run("config.yaml", "--json")
    said = json.loads(result.stdout)

    assert said["toml"].endswith(TOML)
    assert said["written"] is None
    assert said["left_out"] == [LEFT_OUT]
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"a: [1,\n", r"config\.yaml, line 2: this is not YAML: "),
        (b"a: !!python/object:os.system {}\n", r"config\.yaml, line 1: this is not YAML: "),
        (b"- 1\n", r"config\.yaml holds no mapping\."),
        (b"", r"config\.yaml holds no mapping\."),
        (b"a: \xff\n", r"config\.yaml is not UTF-8\."),
        (b"[" * 100_000, r"config\.yaml is nested too deeply\."),
    ],
)
def test_what_is_no_configuration_is_told(content: bytes, why: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_bytes(content)

    with pytest.raises(ConfigError, match=why):
        run("config.yaml")


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(ConfigError, match=r"missing\.yaml cannot be read: No such file or directory\."):
        run("missing.yaml")


def test_a_missing_yaml_reader_names_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)

    with pytest.raises(ConfigError, match="needs the package PyYAML") as caught:
        run("config.yaml")
    assert caught.value.advice == 'Install it: pip install "freehold[litellm-import]".'
