"""`own`: the company's own models, served by engines on this machine. A vendor like any other."""

from freehold.dialects.dialect import Traits
from freehold.vendors.vendor import Speaks, Vendor

VENDOR = Vendor(
    name="own",
    title="Own models",
    base_url=None,
    speaks=(
        Speaks(
            dialect="openai-chat",
            traits=Traits(system_role="system", reasoning_field="reasoning_content", reasoning_style="none"),
        ),
    ),
    needs_key=False,
    embeddings="/embeddings",
    transport="engine",
    private=True,
    docs="docs/concepts/own-engine.md",
    read_on="2026-11-23",
)
