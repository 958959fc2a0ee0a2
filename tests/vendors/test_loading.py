"""Finding the vendors: built in or brought by another package, through the same plug."""

import sys
from importlib import metadata
from types import ModuleType
from typing import Any

import pytest

from freehold.dialects import names
from freehold.dialects.dialect import Traits
from freehold.errors import ConfigError
from freehold.vendors import load, traits_for
from freehold.vendors.vendor import ModelTraits, Speaks, Vendor

MADE = Vendor(name="made", title="Made", base_url="https://made.test", speaks=(Speaks(dialect="openai-chat"),))


def plug(monkeypatch: pytest.MonkeyPatch, value: Any, target: str = "made_vendor:VENDOR") -> None:
    """Another package is installed whose entry point gives this value."""
    module = ModuleType("made_vendor")
    module.VENDOR = value  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "made_vendor", module)
    entry = metadata.EntryPoint("made", target, "freehold.vendors")

    def entry_points(*, group: str) -> list[metadata.EntryPoint]:
        return [entry] if group == "freehold.vendors" else []

    monkeypatch.setattr(metadata, "entry_points", entry_points)


def test_the_built_in_vendors_are_found_by_looking() -> None:
    assert {"openai", "anthropic", "deepseek", "openai-compatible", "own", "echo"} <= set(load())


def test_a_vendor_is_known_by_its_own_name() -> None:
    assert all(vendor.name == name for name, vendor in load().items())


@pytest.mark.parametrize("vendor", load().values(), ids=lambda vendor: vendor.name)
def test_a_vendor_speaks_dialects_that_exist_and_says_where_it_was_read(vendor: Vendor) -> None:
    spoken = [speaks.dialect for speaks in vendor.speaks]
    assert spoken
    assert set(spoken) <= set(names())
    assert {special.dialect for special in vendor.models} <= set(spoken)
    assert vendor.docs
    assert vendor.read_on == "2026-11-23"


@pytest.mark.parametrize("vendor", load().values(), ids=lambda vendor: vendor.name)
def test_a_key_goes_into_a_header_where_one_is_needed(vendor: Vendor) -> None:
    if vendor.needs_key and vendor.transport == "http":
        assert any("{key}" in value for value in vendor.auth.values())
        assert vendor.key_env


def test_another_package_brings_a_vendor(monkeypatch: pytest.MonkeyPatch) -> None:
    plug(monkeypatch, MADE)
    assert load()["made"] is MADE


def test_another_package_may_replace_a_built_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    other = Vendor(name="openai", title="Mine", base_url=None, speaks=(Speaks(dialect="openai-chat"),))
    plug(monkeypatch, other)
    assert load()["openai"] is other


@pytest.mark.parametrize(
    ("value", "target"),
    [("no vendor", "made_vendor:VENDOR"), (MADE, "made_vendor:MISSING"), (MADE, "no_such_package:VENDOR")],
)
def test_a_broken_plug_is_named(monkeypatch: pytest.MonkeyPatch, value: Any, target: str) -> None:
    plug(monkeypatch, value, target)
    with pytest.raises(ConfigError) as caught:
        load()
    assert "'made'" in caught.value.sentence
    assert target in caught.value.sentence
    assert caught.value.advice


def test_the_first_pattern_that_matches_in_that_dialect_counts() -> None:
    first, second, own = Traits(temperature_max=1.0), Traits(temperature_max=1.5), Traits(temperature_max=1.8)
    vendor = Vendor(
        name="made",
        title="Made",
        base_url=None,
        speaks=(Speaks(dialect="openai-chat", traits=own), Speaks(dialect="anthropic-messages")),
        models=(
            ModelTraits(pattern="a-*", dialect="openai-chat", traits=first),
            ModelTraits(pattern="*", dialect="openai-chat", traits=second),
        ),
    )
    assert traits_for(vendor, "openai-chat", "a-1") is first
    assert traits_for(vendor, "openai-chat", "b-1") is second
    assert traits_for(vendor, "anthropic-messages", "a-1") == Traits()
    assert traits_for(vendor, "openai-responses", "a-1") == Traits()
    assert traits_for(MADE, "openai-chat", "a-1") == Traits()
