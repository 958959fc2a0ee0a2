"""What the commands tell the configuration of the vendors that are built in, and that the environment is read with it."""

from pathlib import Path

import pytest

from cli.model_shelf import added, promoted
from freehold.cli.settings import known_vendors, read_settings
from freehold.errors import ConfigError


@pytest.fixture(autouse=True)
def _nobodys_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "DEEPSEEK_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def test_a_vendor_is_known_with_where_its_key_stands_and_what_it_speaks() -> None:
    known = known_vendors()
    openai = known["openai"]
    assert openai.key_env[0] == "OPENAI_API_KEY"
    assert openai.needs_key
    assert openai.base_url == "https://api.openai.com/v1"
    assert set(openai.speaks) == {"openai-chat", "openai-responses"}
    assert known["anthropic"].speaks[0] == "anthropic-messages"


def test_only_a_vendor_over_the_network_without_an_address_needs_one() -> None:
    needing = {name for name, vendor in known_vendors().items() if vendor.needs_base_url}
    assert needing == {"openai-compatible"}


def test_only_echo_has_a_fixed_few_models() -> None:
    assert {name: vendor.models for name, vendor in known_vendors().items() if vendor.models} == {
        "echo": ("echo", "down")
    }


def test_a_key_in_the_environment_switches_its_vendor_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "deepseek" not in read_settings(None).vendors
    monkeypatch.setenv("DEEPSEEK_API_KEY", "sk-secret")
    settings = read_settings(None)
    assert settings.vendors["deepseek"].api_key is not None
    assert settings.vendors["deepseek"].api_key.value == "sk-secret"


def test_without_a_file_and_a_key_a_model_on_this_machine_answers() -> None:
    settings = read_settings(None)
    assert {name: engine.weights for name, engine in settings.own.items()} == {"smollm2-135m": "smollm2-135m"}


def test_the_file_is_read_anew_each_time(tmp_path: Path) -> None:
    path = tmp_path / "freehold.toml"
    path.write_text("[door]\nport = 9000\n[vendors.echo]\n")
    assert read_settings(path).door.port == 9000
    path.write_text("[door]\nport = 9001\n[vendors.echo]\n")
    assert read_settings(path).door.port == 9001
    path.write_text("[door]\nport = -1\n")
    with pytest.raises(ConfigError, match="line 2"):
        read_settings(path)


def test_a_route_may_name_a_promoted_model_without_a_table(tmp_path: Path) -> None:
    path = tmp_path / "freehold.toml"
    path.write_text(
        '[vendors.echo]\n[workloads.a]\nroute = ["own/nano"]\nshadow = { model = "own/nano" }\ncapture = {}\n'
    )
    with pytest.raises(ConfigError, match=r"there is no \[own\.nano\]"):
        read_settings(path, tmp_path)
    added(tmp_path, 1)
    with pytest.raises(ConfigError, match=r"there is no \[own\.nano\]"):
        read_settings(path, tmp_path)
    promoted(tmp_path, 2)
    found = read_settings(path, tmp_path)
    assert found.vendors["own"].like == "own"
    assert found.own == {}
