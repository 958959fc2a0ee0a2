"""The tasks: one file each, found by name, never listed.

Built-in tasks come through the same plug as a third party's: a module that fills `TASK` with a class that derives from `Task`.
Modules of this folder are found by looking; those of other packages by the entry point group `freehold.tasks`.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from importlib import metadata
from typing import Any

from freehold.errors import ConfigError
from freehold.training.tasks.task import Task

GROUP = "freehold.tasks"


def load() -> dict[str, type[Task]]:
    """Every task that is installed, by name, names in order. A third party's replaces a built-in one of that name.

    Raises ConfigError for an entry point that does not give a class of a task."""
    found: dict[str, type[Task]] = {}
    for module in pkgutil.iter_modules(__path__):
        task = getattr(importlib.import_module(f"{__name__}.{module.name}"), "TASK", None)
        if task is not None:
            found[task.name] = task
    for entry in metadata.entry_points(group=GROUP):
        task = _loaded(entry)
        found[task.name] = task
    return dict(sorted(found.items()))


def make(table: Mapping[str, Any]) -> Task:
    """The task that a table names, made with the options beside the name: `{"task": "arithmetic-mod-p", "steps": "fine"}`.

    Raises ConfigError for a name that is not installed and for options that it does not have; NotConfigured when the task
    lacks its extra.
    """
    found = load()
    options = dict(table)
    name = options.pop("task", None)
    if name not in found:
        raise ConfigError(f"There is no task {name!r}.", f"Installed are: {', '.join(found)}.")
    try:
        return found[name](**options)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"The task {name} cannot be made so: {error}.", "See docs/concepts/tasks.md.") from error


def _loaded(entry: metadata.EntryPoint) -> type[Task]:
    try:
        task = entry.load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"The task {entry.name!r} ({entry.value}) cannot be imported: {error}.", _REINSTALL) from None
    if not isinstance(task, type) or not issubclass(task, Task):
        raise ConfigError(f"The entry point {entry.name!r} ({entry.value}) is not a class of `Task`.", _REINSTALL)
    return task


_REINSTALL = "Mend or remove the package that brings it."
