"""`deepseek`: Chat Completions with a chain of thought that must come back on tool turns, and the Messages API."""

from freehold.dialects.dialect import Traits
from freehold.vendors.vendor import Speaks, Vendor

_EFFORTS = {"minimal": "low", "low": "low", "medium": "high", "high": "high", "xhigh": "high", "max": "max"}

VENDOR = Vendor(
    name="deepseek",
    title="DeepSeek",
    base_url="https://api.deepseek.com",
    speaks=(
        Speaks(
            dialect="openai-chat",
            traits=Traits(
                system_role="system",
                reasoning_field="reasoning_content",
                returns_reasoning=True,
                reasoning_style="thinking",
                efforts=_EFFORTS,
                no_abilities=frozenset({"vision", "audio", "files"}),
                renames={"max_completion_tokens": "max_tokens"},
            ),
        ),
        Speaks(
            dialect="anthropic-messages",
            base_url="https://api.deepseek.com/anthropic",
            path="/v1/messages",
            traits=Traits(
                reasoning_style="thinking", efforts=_EFFORTS, no_abilities=frozenset({"vision", "audio", "files"})
            ),
        ),
    ),
    auth={"authorization": "Bearer {key}"},
    key_env=("DEEPSEEK_API_KEY",),
    docs="https://api-docs.deepseek.com",
    read_on="2026-11-23",
)
