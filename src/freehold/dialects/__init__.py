"""The dialects: wire formats as pure functions between bytes and our words. `get` finds one by name."""

import importlib

from freehold.dialects.dialect import Dialect

_HOMES = {
    "openai-chat": "openai_chat",
    "openai-responses": "openai_responses",
    "anthropic-messages": "anthropic_messages",
    "anthropic-count-tokens": "anthropic_count",
    "openai-embeddings": "openai_embeddings",
}


def names() -> tuple[str, ...]:
    """The names of all dialects."""
    return tuple(_HOMES)


def get(name: str) -> Dialect:
    """The dialect of that name. Raises `KeyError` for a name that is none."""
    return importlib.import_module(f"freehold.dialects.{_HOMES[name]}").DIALECT
