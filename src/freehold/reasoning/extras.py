"""The libraries of the extra `reasoning`, loaded when a verifier is made and never before.

It knows which extra brings them and nothing of what they do. It exists because reasoning must import, and most of its
verifiers must work, on a machine without them.
"""

import importlib
from typing import Any

from freehold.errors import NotConfigured

EXTRA = "reasoning"


def library(name: str) -> Any:
    """The module of that name. Raises NotConfigured, which says what to install, when it is not there."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise NotConfigured(
            f"This verifier needs `{name}`, which cannot be imported: {error}.",
            f"Install it: `pip install freehold[{EXTRA}]`.",
        ) from error
