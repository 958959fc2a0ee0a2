"""`deepseek`: Chat Completions and Messages. It thinks unless told not to, and wants its chain of thought back.

Its Chat takes texts only as strings and has no JSON schema; its flash model sees images, its pro model does not.
In thinking mode it takes temperature and penalties without an error and without effect.
"""

from freehold.dialects.dialect import Traits
from freehold.vendors.vendor import ModelTraits, Speaks, Vendor

_EFFORTS = {"minimal": "low", "medium": "high", "xhigh": "high"}
_NOT_IN_CHAT = frozenset({"audio", "files", "json_schema", "n"})
_NOT_IN_MESSAGES = frozenset({"audio", "files", "json_schema"})


def _chat(no_abilities: frozenset[str]) -> Traits:
    return Traits(
        refuses=frozenset({"reasoning"}),
        renames={"max_completion_tokens": "max_tokens"},
        no_abilities=no_abilities,
        system_role="system",
        reasoning_field="reasoning_content",
        returns_reasoning=True,
        reasoning_style="thinking",
        efforts=_EFFORTS,
    )


def _messages(no_abilities: frozenset[str]) -> Traits:
    return Traits(no_abilities=no_abilities, returns_reasoning=True, reasoning_style="thinking", efforts=_EFFORTS)


VENDOR = Vendor(
    name="deepseek",
    title="DeepSeek",
    base_url="https://api.deepseek.com",
    speaks=(
        Speaks(dialect="openai-chat", traits=_chat(_NOT_IN_CHAT)),
        Speaks(
            dialect="anthropic-messages",
            base_url="https://api.deepseek.com/anthropic",
            path="/v1/messages",
            traits=_messages(_NOT_IN_MESSAGES),
        ),
    ),
    # Chat reads the first, Messages the second.
    auth={"authorization": "Bearer {key}", "x-api-key": "{key}"},
    headers={"anthropic-version": "2023-06-01"},
    key_env=("DEEPSEEK_API_KEY",),
    base_url_env=("DEEPSEEK_BASE_URL",),
    models=(
        ModelTraits(pattern="deepseek-v4-pro*", dialect="openai-chat", traits=_chat(_NOT_IN_CHAT | {"vision"})),
        ModelTraits(
            pattern="deepseek-v4-pro*", dialect="anthropic-messages", traits=_messages(_NOT_IN_MESSAGES | {"vision"})
        ),
    ),
    docs="https://api-docs.deepseek.com/guides/thinking_mode",
    read_on="2026-11-23",
)
