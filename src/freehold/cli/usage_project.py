"""Which projects there are: a misspelt one has no invoice and nothing left, and must not get an empty one."""

import sqlite3
from collections.abc import Iterable

from freehold.config.file import suggest
from freehold.errors import NotFound
from freehold.store.invoices import known_projects


def require_known(db: sqlite3.Connection, project: str, configured: Iterable[str]) -> None:
    """Raises NotFound for a project that neither the configuration nor a key or a record of the data folder names."""
    known = {*configured, *known_projects(db)}
    if project not in known:
        named = ", ".join(sorted(name for name in known if name)) or "none"
        advice = suggest(project, known) or f"There is {named}."
        raise NotFound(f"There is no project {project!r} in the configuration, its keys or its records.", advice)
