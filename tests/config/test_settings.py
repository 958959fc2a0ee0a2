"""The declarations: complete, valid by their own rules, and silent about secrets."""

import msgspec
import pytest
from msgspec import Struct

from freehold.config import settings
from freehold.config.settings import Door, Secret, Settings, Timeouts, VendorSettings
from freehold.config.shape import settings_of

TABLES = [
    thing
    for thing in vars(settings).values()
    if isinstance(thing, type) and issubclass(thing, Struct) and thing not in (Struct, Settings, Secret)
]


@pytest.mark.parametrize("table", TABLES)
def test_every_setting_says_what_it_means(table: type[Struct]) -> None:
    assert settings_of(table)
    for setting in settings_of(table):
        assert setting.description.endswith("."), setting.name


@pytest.mark.parametrize("table", [Door, Timeouts])
def test_the_defaults_keep_their_own_bounds(table: type[Struct]) -> None:
    assert msgspec.convert(msgspec.to_builtins(table()), table) == table()


def test_a_secret_is_never_shown() -> None:
    secret = Secret("sk-very-secret", "env OPENAI_API_KEY")
    vendor = VendorSettings(name="openai", like="openai", api_key=secret)

    for shown in (repr(secret), str(secret), f"{vendor}", repr(Settings(vendors={"openai": vendor}))):
        assert "sk-very-secret" not in shown
        assert "env OPENAI_API_KEY" in shown
