"""Origins: which vendor each source means."""

from itertools import chain

from freehold.catalog.origins import ORIGINS


def test_a_provider_of_a_source_means_one_vendor() -> None:
    litellm = list(chain.from_iterable(origin.litellm for origin in ORIGINS))
    genai = [origin.genai for origin in ORIGINS]
    assert len(set(litellm)) == len(litellm)
    assert len(set(genai)) == len(genai)


def test_who_made_a_model_comes_before_who_resells_it() -> None:
    order = [origin.vendor for origin in ORIGINS]
    assert order.index("openai") < order.index("azure") < order.index("openrouter")
    assert order.index("anthropic") < order.index("bedrock")


def test_every_vendor_of_the_first_releases_is_covered() -> None:
    assert {
        "openai", "anthropic", "deepseek", "google", "xai", "meta", "mistral", "groq", "together", "fireworks",
        "openrouter", "bedrock", "azure", "cohere", "moonshot",
    } == {origin.vendor for origin in ORIGINS}  # fmt: skip
