"""`own`: the company's own models, served by engines on this machine. A vendor like any other.

The engine is llama.cpp's server. Checked by asking it: it takes a named tool choice for `auto` and thinking for
nothing, both in silence, and it has no projector for pictures. The templates of SmolLM2 leave out the tools.
"""

from freehold.dialects.dialect import Traits
from freehold.vendors.vendor import ModelTraits, Speaks, Vendor

_LACKS = frozenset({"vision", "audio", "files", "named_tool_choice"})


def _traits(no_abilities: frozenset[str]) -> Traits:
    return Traits(
        renames={"max_completion_tokens": "max_tokens"},
        no_abilities=no_abilities,
        system_role="system",
        reasoning_field="reasoning_content",
        reasoning_style="none",
    )


VENDOR = Vendor(
    name="own",
    title="Own models",
    base_url=None,
    speaks=(Speaks(dialect="openai-chat", traits=_traits(_LACKS)),),
    needs_key=False,
    models=(ModelTraits(pattern="smollm2*", dialect="openai-chat", traits=_traits(_LACKS | {"tools"})),),
    embeddings="/embeddings",
    count_tokens="/messages/count_tokens",
    transport="engine",
    private=True,
    docs="docs/concepts/own-engine.md",
    read_on="2026-11-23",
)
