"""The libraries that compute, loaded here and nowhere else. What is taken from them has no complete types and is `Any` from here on.

Importing this file takes seconds and half a gigabyte, so nothing outside this folder does.
"""

import importlib
from typing import Any

from freehold.errors import NotConfigured

EXTRA = "training"


def library(name: str) -> Any:
    """The module of that name. Raises NotConfigured, which says what to install, when it is not there."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise NotConfigured(
            f"Training needs `{name}`, which cannot be imported: {error}.",
            f"Install it: `pip install freehold[{EXTRA}]`.",
        ) from error


torch: Any = library("torch")
functional: Any = library("torch.nn.functional")
transformers: Any = library("transformers")
