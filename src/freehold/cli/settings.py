"""How the commands come by the settings: the vendors that are built in, the registry's models, the file, the environment, put together."""

from collections.abc import Mapping
from pathlib import Path

from freehold.config.discovery import KnownVendor
from freehold.config.paths import data_dir, environment
from freehold.config.reading import read
from freehold.config.settings import Settings
from freehold.errors import ConfigError
from freehold.training.registry import MODELS, Registry
from freehold.vendors import load


def known_vendors(data: Path | None = None) -> Mapping[str, KnownVendor]:
    """What the configuration must know of each vendor that is installed. With a data folder, the models of its registry that have a promoted
    version are known too, without a table of their own. Raises `RegistryError`."""
    promoted = () if data is None else tuple(Registry(data / MODELS).serving())
    return {
        name: KnownVendor(
            key_env=vendor.key_env,
            base_url_env=vendor.base_url_env,
            needs_key=vendor.needs_key,
            base_url=vendor.base_url,
            needs_base_url=vendor.base_url is None and vendor.transport == "http",
            speaks=tuple(speaks.dialect for speaks in vendor.speaks),
            models=vendor.names,
            promoted=promoted if vendor.transport == "engine" else (),
        )
        for name, vendor in load().items()
    }


def read_settings(path: Path | None, data: Path | None = None) -> Settings:
    """The settings in force for this file (None: for the environment alone), on a data folder (None: the usual one). Raises `ConfigError`,
    `RegistryError`."""
    return read(path, environment(), known_vendors(data or usual_data()))


def usual_data() -> Path | None:
    """The data folder where none is named; None for a user without a home."""
    try:
        return data_dir(None, environment())
    except ConfigError:
        return None
