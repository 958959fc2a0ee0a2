"""How the commands come by the settings: the vendors that are built in, the file, the environment, put together."""

from collections.abc import Mapping
from pathlib import Path

from freehold.config.discovery import KnownVendor
from freehold.config.paths import environment
from freehold.config.reading import read
from freehold.config.settings import Settings
from freehold.vendors import load


def known_vendors() -> Mapping[str, KnownVendor]:
    """What the configuration must know of each vendor that is installed."""
    return {
        name: KnownVendor(
            key_env=vendor.key_env,
            base_url_env=vendor.base_url_env,
            needs_key=vendor.needs_key,
            base_url=vendor.base_url,
            needs_base_url=vendor.base_url is None and vendor.transport == "http",
            speaks=tuple(speaks.dialect for speaks in vendor.speaks),
            models=vendor.names,
        )
        for name, vendor in load().items()
    }


def read_settings(path: Path | None) -> Settings:
    """The settings in force for this file (None: for the environment alone). Raises `ConfigError`."""
    return read(path, environment(), known_vendors())
