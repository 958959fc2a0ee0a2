"""The libraries of the extra `trials`, loaded when a statistic needs them and never before.

It knows which extra brings them and nothing of what they do. It exists because the door, and the process that watches
canaries, must run on a machine without them.
"""

import importlib
from typing import Any

from freehold.errors import NotConfigured

EXTRA = "trials"


def library(name: str) -> Any:
    """The module of that name. Raises NotConfigured, which says what to install, when it is not there."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise NotConfigured(
            f"The statistics of a trial need `{name}`, which cannot be imported: {error}.",
            f"Install it: `pip install freehold[{EXTRA}]`.",
        ) from error
