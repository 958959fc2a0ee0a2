"""DeepSeek in its two dialects. What it is sent stands in `deepseek.json`."""

import pytest

from freehold.vendors import traits_for
from freehold.vendors.deepseek import VENDOR


def test_messages_has_an_address_of_its_own() -> None:
    chat, messages = VENDOR.speaks
    assert (chat.dialect, chat.base_url, VENDOR.base_url) == ("openai-chat", None, "https://api.deepseek.com")
    assert messages.dialect == "anthropic-messages"
    assert (messages.base_url, messages.path) == ("https://api.deepseek.com/anthropic", "/v1/messages")


@pytest.mark.parametrize("dialect", ["openai-chat", "anthropic-messages"])
def test_only_the_pro_model_is_blind(dialect: str) -> None:
    assert "vision" in traits_for(VENDOR, dialect, "deepseek-v4-pro").no_abilities
    assert "vision" not in traits_for(VENDOR, dialect, "deepseek-flash").no_abilities


@pytest.mark.parametrize("model", ["deepseek-v4-pro", "deepseek-flash"])
@pytest.mark.parametrize("dialect", ["openai-chat", "anthropic-messages"])
def test_it_wants_its_chain_of_thought_back(dialect: str, model: str) -> None:
    traits = traits_for(VENDOR, dialect, model)
    assert traits.returns_reasoning
    assert traits.reasoning_style == "thinking"
    assert {
        asked: traits.efforts.get(asked, asked) for asked in ("minimal", "low", "medium", "high", "xhigh", "max")
    } == {
        "minimal": "low",
        "low": "low",
        "medium": "high",
        "high": "high",
        "xhigh": "high",
        "max": "max",
    }
