"""Settings, catalog, deployments and a book made in the test: from the text of a freehold.toml and a few rows."""

import textwrap
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from freehold.catalog.catalog import Catalog
from freehold.catalog.rows import Book as Data
from freehold.catalog.rows import Model
from freehold.cli.settings import known_vendors
from freehold.config.reading import parse, settled
from freehold.config.settings import Settings
from freehold.gateway.book import Book
from freehold.gateway.deployments import Deployments
from freehold.store.counters import Counters
from freehold.vendors import load
from freehold.vendors.own import Served

TODAY = date(2026, 11, 25)
SECRET = b"s" * 32


def settings_of(toml: str) -> Settings:
    """The settings of this text, with the environment variables KEY and OTHER. Raises `ConfigError`."""
    environ = {"KEY": "sk-one", "OTHER": "sk-two"}
    return settled(parse(textwrap.dedent(toml), "freehold.toml", Path("/nowhere"), environ, known_vendors()))


def catalog_of(*models: Model) -> Catalog:
    """A catalog of these rows only; OpenAI's come before Anthropic's."""
    return Catalog(Data(vendors=("openai", "anthropic", "deepseek"), sources=(), models=models))


def deployments_of(
    toml: str, *models: Model, engines: Mapping[str, Served] | None = None, before: Deployments | None = None
) -> Deployments:
    """The deployments of these settings, with a catalog of these rows."""
    return Deployments(settings_of(toml), load(), catalog_of(*models), SECRET, engines or {}, before)


def book_of(
    toml: str,
    counters: Counters,
    *models: Model,
    engines: Mapping[str, Served] | None = None,
    before: Deployments | None = None,
    today: date = TODAY,
) -> Book:
    """The book of these settings on that day."""
    made = deployments_of(toml, *models, engines=engines, before=before)
    return Book(made.settings, made, counters, today)
