"""Which of OpenAI's models refuse what. What they are sent stands in `openai.json`."""

import pytest

from freehold.vendors import traits_for
from freehold.vendors.openai import VENDOR

REASONING = [
    "gpt-5",
    "gpt-5-mini-2025-08-07",
    "gpt-5.1",
    "gpt-5.4-nano",
    "gpt-6-astra",
    "gpt-6-sol",
    "o1",
    "o3-pro",
    "o4-mini",
]
PLAIN = [
    "gpt-3.5-turbo",
    "gpt-4-turbo",
    "gpt-4o-mini",
    "gpt-4.1",
    "chatgpt-4o-latest",
    "gpt-5-chat-latest",
    "ft:gpt-4o:x",
]


@pytest.mark.parametrize("model", REASONING)
def test_a_reasoning_model_refuses_sampling_in_both_dialects(model: str) -> None:
    chat = traits_for(VENDOR, "openai-chat", model)
    assert {"temperature", "top_p", "frequency_penalty", "presence_penalty", "logprobs", "stop"} <= chat.refuses
    assert chat.renames == {"max_tokens": "max_completion_tokens"}
    assert chat.reasoning_style == "effort"
    responses = traits_for(VENDOR, "openai-responses", model)
    assert {"temperature", "top_p"} <= responses.refuses
    assert responses.renames == {}


@pytest.mark.parametrize("model", PLAIN)
def test_another_model_takes_sampling_and_does_not_think(model: str) -> None:
    chat = traits_for(VENDOR, "openai-chat", model)
    assert "temperature" not in chat.refuses
    assert chat.reasoning_style == "none"


def test_a_model_of_tomorrow_is_asked_as_the_newest_are() -> None:
    chat = traits_for(VENDOR, "openai-chat", "gpt-7")
    assert "temperature" not in chat.refuses
    assert (chat.reasoning_style, chat.renames) == ("effort", {"max_tokens": "max_completion_tokens"})


@pytest.mark.parametrize(
    ("model", "asked", "told"),
    [
        ("o3-mini", "none", "low"),
        ("o3-mini", "max", "high"),
        ("gpt-5", "none", "minimal"),
        ("gpt-5-mini", "minimal", "minimal"),
        ("gpt-5-mini", "xhigh", "high"),
        ("gpt-5-pro", "low", "high"),
        ("gpt-5-codex", "minimal", "low"),
        ("gpt-5.1", "none", "none"),
        ("gpt-5.1", "minimal", "low"),
        ("gpt-5.1-codex-max", "xhigh", "xhigh"),
        ("gpt-5.2", "xhigh", "xhigh"),
        ("gpt-6-astra", "none", "low"),
        ("gpt-6-sol", "none", "none"),
        ("gpt-6-sol", "max", "xhigh"),
    ],
)
def test_an_effort_that_a_model_does_not_have_goes_to_the_nearest(model: str, asked: str, told: str) -> None:
    assert traits_for(VENDOR, "openai-chat", model).efforts.get(asked, asked) == told


def test_responses_has_the_highest_effort() -> None:
    assert traits_for(VENDOR, "openai-responses", "gpt-6-sol").efforts.get("max", "max") == "max"
    assert traits_for(VENDOR, "openai-responses", "o3").efforts.get("max", "max") == "high"
