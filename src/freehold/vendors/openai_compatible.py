"""`openai-compatible`: any server that speaks OpenAI's Chat Completions at a base URL of yours (vLLM, Ollama, LM Studio)."""

from freehold.dialects.dialect import Traits
from freehold.vendors.vendor import Speaks, Vendor

VENDOR = Vendor(
    name="openai-compatible",
    title="Any OpenAI-compatible server",
    base_url=None,
    speaks=(
        Speaks(dialect="openai-chat", traits=Traits(system_role="system", reasoning_field="reasoning_content")),
        Speaks(dialect="openai-responses"),
        Speaks(dialect="anthropic-messages"),
    ),
    auth={"authorization": "Bearer {key}"},
    needs_key=False,
    embeddings="/embeddings",
    private=True,
    docs="docs/reference/vendors.md",
    read_on="2026-11-23",
)
