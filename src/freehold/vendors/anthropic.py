"""`anthropic`: the Messages API. The newest models refuse sampling parameters and forced tool choice."""

from freehold.dialects.dialect import Traits
from freehold.vendors.vendor import ModelTraits, Speaks, Vendor

_DIALECT = "anthropic-messages"
_BASE = Traits(reasoning_style="thinking", temperature_max=1.0, default_max_tokens=8192)
_NO_SAMPLING = Traits(
    refuses=frozenset({"temperature", "top_p", "top_k"}),
    reasoning_style="thinking",
    temperature_max=1.0,
    default_max_tokens=16384,
)
_NO_FORCING = Traits(
    refuses=frozenset({"temperature", "top_p", "top_k"}),
    no_abilities=frozenset({"forced_tool_choice"}),
    reasoning_style="thinking",
    temperature_max=1.0,
    default_max_tokens=16384,
)

VENDOR = Vendor(
    name="anthropic",
    title="Anthropic",
    base_url="https://api.anthropic.com/v1",
    speaks=(Speaks(dialect=_DIALECT, traits=_BASE),),
    auth={"x-api-key": "{key}"},
    headers={"anthropic-version": "2023-06-01"},
    key_env=("ANTHROPIC_API_KEY",),
    models=(
        *(
            ModelTraits(pattern=pattern, dialect=_DIALECT, traits=_NO_FORCING)
            for pattern in ("claude-opus-5-5*", "claude-sonnet-5-5*", "claude-fable-5-1*", "claude-mythos-5-1*")
        ),
        *(
            ModelTraits(pattern=pattern, dialect=_DIALECT, traits=_NO_SAMPLING)
            for pattern in (
                "claude-opus-4-[789]*",
                *(f"claude-{kind}-5*" for kind in ("opus", "sonnet", "haiku", "fable", "mythos")),
            )
        ),
    ),
    count_tokens="/messages/count_tokens",
    docs="https://platform.claude.com/docs/en/api/messages",
    read_on="2026-11-23",
)
