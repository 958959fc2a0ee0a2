"""The libraries of the extra `reasoning`, loaded when a verifier is made and never before; and for graders, of theirs.

It knows which extra brings them and nothing of what they do. It exists because reasoning must import, and most of its
verifiers must work, on a machine without them.
"""

import importlib
import importlib.util
from typing import Any

from freehold.errors import NotConfigured

EXTRA = "reasoning"


def library(name: str, *, extra: str = EXTRA) -> Any:
    """The module of that name, which `extra` brings. Raises NotConfigured, which says what to install, when it is not
    there."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise _missing(name, f"which cannot be imported: {error}", extra) from error


def require(name: str, *, extra: str = EXTRA) -> None:
    """Raises NotConfigured where the top-level module `name` is not there. Does not import it: for a library that only a
    process of its own will use."""
    if importlib.util.find_spec(name) is None:
        raise _missing(name, "which is not there", extra)


def _missing(name: str, why: str, extra: str) -> NotConfigured:
    return NotConfigured(f"This needs `{name}`, {why}.", f"Install it: `pip install freehold[{extra}]`.")
