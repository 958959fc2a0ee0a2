"""Which vendor of ours each source means, and the order in which bare model names are looked for.

A vendor's name here is the name of its file in `vendors/`. Adding a vendor to the catalog is one line here and one run of
`freehold catalog update`.
"""

from msgspec import Struct


class Origin(Struct, frozen=True):
    """One vendor: the `litellm_provider` values that mean it, best first, and its provider id in genai-prices.

    `not_served` are beginnings of names that genai-prices lists there but that this vendor's endpoint does not serve.
    """

    vendor: str
    litellm: tuple[str, ...]
    genai: str
    not_served: tuple[str, ...] = ()


ORIGINS = (
    # Who made the model comes before who resells it.
    Origin("openai", ("openai", "text-completion-openai"), "openai", not_served=("gpt-oss-",)),
    Origin("anthropic", ("anthropic",), "anthropic"),
    Origin("google", ("gemini",), "google", not_served=("claude-",)),
    Origin("deepseek", ("deepseek",), "deepseek"),
    Origin("mistral", ("mistral", "codestral"), "mistral"),
    Origin("xai", ("xai",), "x-ai"),
    Origin("meta", ("meta", "meta_llama"), "meta"),
    Origin("cohere", ("cohere_chat", "cohere"), "cohere"),
    Origin("moonshot", ("moonshot",), "moonshotai"),
    Origin("azure", ("azure", "azure_ai", "azure_text"), "azure"),
    Origin("bedrock", ("bedrock_converse", "bedrock", "bedrock_mantle"), "aws"),
    Origin("groq", ("groq",), "groq"),
    Origin("together", ("together_ai",), "together"),
    Origin("fireworks", ("fireworks_ai", "fireworks_ai-embedding-models"), "fireworks"),
    Origin("openrouter", ("openrouter",), "openrouter"),
)
