"""The digest of a configuration changes with every setting that is no secret, and with no secret."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from freehold.cli.settings import known_vendors
from freehold.config.digest import digest, policy_text, route_digest
from freehold.config.reading import read

BASE = """
[vendors.openai]
api_key = { env = "KEY" }
base_url = "https://models.example.com/v1"
headers = { x-team = { env = "TEAM" } }

[workloads.default]
route = ["requested"]
budget = { usd = 5, per = "day", hard = true }
"""


def of(folder: Path, toml: str = BASE, **environ: str) -> str:
    path = folder / "freehold.toml"
    path.write_text(toml)
    return digest(read(path, {"KEY": "a", "TEAM": "b", **environ}, known_vendors()))


def test_it_is_64_hexadecimal_digits_and_the_same_wherever_the_file_lies(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    first = of(tmp_path)
    assert len(bytes.fromhex(first)) == 32
    assert of(tmp_path / "elsewhere") == first


def test_the_text_behind_it_says_everything_but_the_secrets_and_has_it_as_its_sha_256(tmp_path: Path) -> None:
    path = tmp_path / "freehold.toml"
    path.write_text(BASE.replace("headers", 'proxy = "http://me:word@proxy:3128"\nheaders'))
    settings = read(path, {"KEY": "sk-secret", "TEAM": "blue"}, known_vendors())
    text = policy_text(settings)
    assert hashlib.sha256(text).hexdigest() == digest(settings)
    said = json.loads(text)
    assert said["workloads"]["default"]["budget"] == [{"hard": True, "nano": 5_000_000_000, "per": "day"}]
    openai = said["vendors"]["openai"]
    assert (openai["proxy"], openai["api_key"], openai["headers"]) == ("http://proxy:3128", "secret", ["x-team"])
    for word in ("sk-secret", "blue", "me:word", str(tmp_path)):
        assert word.encode() not in text


@pytest.mark.parametrize("secrets", [{"KEY": "other"}, {"TEAM": "other"}])
def test_no_secret_shows_in_it(tmp_path: Path, secrets: dict[str, Any]) -> None:
    assert of(tmp_path, **secrets) == of(tmp_path)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("usd = 5", "usd = 6"),
        ("hard = true", "hard = false"),
        ("models.example.com", "other.example.com"),
        ("x-team", "x-squad"),
        ('route = ["requested"]', 'route = ["openai/gpt-5-mini"]'),
        ("[workloads.default]", "[ledger]\ncontents = true\n[workloads.default]"),
    ],
)
def test_every_other_setting_does(tmp_path: Path, before: str, after: str) -> None:
    assert of(tmp_path, BASE.replace(before, after)) != of(tmp_path)


def test_a_login_in_an_address_is_a_secret(tmp_path: Path) -> None:
    toml = BASE.replace("headers", 'proxy = "http://me:word@proxy:3128"\nheaders')
    assert of(tmp_path, toml) == of(tmp_path, toml.replace("me:word", "you:other"))


def test_the_digest_of_a_route_is_of_whom_it_asks_and_in_which_order_and_of_nothing_else(tmp_path: Path) -> None:
    def route(text: str) -> str:
        path = tmp_path / "freehold.toml"
        path.write_text(f"[vendors.echo]\n[workloads.a]\n{text}\n")
        return route_digest(read(path, {"OPENAI_API_KEY": "k"}, known_vendors()).workloads["a"])

    first = route('route = ["echo/echo", "openai/gpt-5-mini"]')
    assert len(bytes.fromhex(first)) == 32
    assert route('route = ["echo/echo", "openai/gpt-5-mini"]\nretries = 0\nbudget = { usd = 1 }') == first
    others = [
        'route = ["openai/gpt-5-mini", "echo/echo"]',
        'route = ["echo/echo"]',
        'route = ["echo/echo", "openai/gpt-5-mini"]\nstrategy = "cheapest"',
        'route = ["echo/echo", { model = "openai/gpt-5-mini", when = { vision = true } }]',
    ]
    assert len({first, *map(route, others)}) == 5
