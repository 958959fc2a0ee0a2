"""`openai`: Chat Completions and Responses. Its reasoning models refuse sampling parameters and name the cap anew."""

from freehold.dialects.dialect import Traits
from freehold.vendors.vendor import ModelTraits, Speaks, Vendor

_REASONING = Traits(
    refuses=frozenset(
        {
            "temperature",
            "top_p",
            "frequency_penalty",
            "presence_penalty",
            "logprobs",
            "top_logprobs",
            "logit_bias",
            "stop",
        }
    ),
    renames={"max_tokens": "max_completion_tokens"},
    system_role="developer",
)
_REASONING_RESPONSES = Traits(refuses=frozenset({"temperature", "top_p", "top_logprobs"}))
_PATTERNS = ("gpt-5*", "gpt-6*", "o1*", "o3*", "o4*")

VENDOR = Vendor(
    name="openai",
    title="OpenAI",
    base_url="https://api.openai.com/v1",
    speaks=(Speaks(dialect="openai-chat"), Speaks(dialect="openai-responses")),
    auth={"authorization": "Bearer {key}"},
    key_env=("OPENAI_API_KEY",),
    base_url_env=("OPENAI_BASE_URL",),
    models=(
        *(ModelTraits(pattern=pattern, dialect="openai-chat", traits=_REASONING) for pattern in _PATTERNS),
        *(
            ModelTraits(pattern=pattern, dialect="openai-responses", traits=_REASONING_RESPONSES)
            for pattern in _PATTERNS
        ),
    ),
    embeddings="/embeddings",
    docs="https://platform.openai.com/docs/api-reference",
    read_on="2026-11-23",
)
