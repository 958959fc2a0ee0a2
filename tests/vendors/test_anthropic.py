"""Which of Anthropic's models take what. What they are sent for it stands in `anthropic.json` and here."""

import json
from typing import Any

import pytest

from dialects.messages_sdk import checked_request
from freehold.dialects.anthropic_body import write_request
from freehold.dialects.dialect import Target, Traits
from freehold.dialects.openai_chat_reading import read_request
from freehold.errors import Unsupported
from freehold.vendors import traits_for
from freehold.vendors.anthropic import VENDOR

OLDER = [
    "claude-haiku-4-5",
    "claude-haiku-4-5-20251001",
    "claude-sonnet-4-5",
    "claude-opus-4-5-20251101",
    "claude-opus-4-1",
]
SAMPLED = ["claude-opus-4-6", "claude-opus-4-6-20260205", "claude-sonnet-4-6"]
UNSAMPLED = [
    *("claude-opus-4-7", "claude-opus-4-7-20260416", "claude-opus-4-8", "claude-opus-5", "claude-sonnet-5"),
    *("claude-haiku-5-5", "claude-fable-5", "claude-mythos-5", "claude-fable-5-2", "claude-mythos-5-2"),
]
UNFORCED = ["claude-opus-5-5", "claude-sonnet-5-5", "claude-fable-5-1", "claude-mythos-5-1"]


def traits(model: str) -> Traits:
    return traits_for(VENDOR, "anthropic-messages", model)


def sent(model: str, **fields: Any) -> tuple[Any, list[str]]:
    """What the model is sent for a request of a caller of Chat, and what was dropped."""
    body: dict[str, Any] = {"model": "w", "messages": [{"role": "user", "content": "hi"}], **fields}
    where = Target(model=model, traits=traits(model), origin="00112233aabbccdd", dropped=[])
    return checked_request(write_request(read_request(json.dumps(body).encode()), where)), where.dropped


def test_it_is_greeted_as_its_documents_say() -> None:
    assert VENDOR.auth == {"x-api-key": "{key}"}
    assert VENDOR.headers == {"anthropic-version": "2023-06-01"}
    assert (VENDOR.base_url, VENDOR.key_env) == ("https://api.anthropic.com/v1", ("ANTHROPIC_API_KEY",))
    assert VENDOR.count_tokens == "/messages/count_tokens"
    assert [speaks.dialect for speaks in VENDOR.speaks] == ["anthropic-messages"]


@pytest.mark.parametrize("model", [*OLDER, *SAMPLED])
def test_an_older_model_takes_sampling_up_to_one(model: str) -> None:
    value, dropped = sent(model, temperature=0.5, max_tokens=9)
    assert (value["temperature"], dropped) == (0.5, [])
    assert traits(model).temperature_max == 1.0


@pytest.mark.parametrize("model", [*UNSAMPLED, *UNFORCED])
def test_a_newer_model_refuses_sampling_and_a_budget(model: str) -> None:
    value, dropped = sent(model, temperature=0.5, max_tokens=9)
    assert "temperature" not in value
    assert dropped == ["temperature"]
    assert traits(model).refuses == {"temperature", "top_p", "top_k", "thinking.budget_tokens"}


FORCED = {
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
    "tool_choice": "required",
}


@pytest.mark.parametrize("model", [*OLDER, *SAMPLED, *UNSAMPLED])
def test_a_tool_can_be_forced(model: str) -> None:
    value, _ = sent(model, **FORCED)
    assert value["tool_choice"] == {"type": "any"}


@pytest.mark.parametrize("model", UNFORCED)
def test_a_tool_cannot_be_forced_on_the_newest(model: str) -> None:
    with pytest.raises(Unsupported, match="forced"):
        sent(model, **FORCED)


BEGUN = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "Once"}]


@pytest.mark.parametrize("model", OLDER)
def test_an_answer_can_be_begun_for_an_older_model(model: str) -> None:
    value, _ = sent(model, messages=BEGUN)
    assert value["messages"][-1] == {"role": "assistant", "content": "Once"}


@pytest.mark.parametrize("model", [*SAMPLED, *UNSAMPLED, *UNFORCED])
def test_no_answer_can_be_begun_from_4_6_on(model: str) -> None:
    with pytest.raises(Unsupported, match="begun"):
        sent(model, messages=BEGUN)


@pytest.mark.parametrize("model", OLDER)
def test_an_older_model_thinks_with_a_budget_below_its_cap(model: str) -> None:
    value, dropped = sent(model, reasoning_effort="high")
    assert value["thinking"] == {"type": "enabled", "budget_tokens": 16384}
    assert value["max_tokens"] > 16384
    assert "output_config" not in value
    assert dropped == []


@pytest.mark.parametrize("model", [*SAMPLED, *UNSAMPLED, *UNFORCED])
def test_a_model_from_4_6_on_thinks_adaptively_steered_by_an_effort(model: str) -> None:
    value, dropped = sent(model, reasoning_effort="high")
    assert value["thinking"] == {"type": "adaptive"}
    assert value["output_config"] == {"effort": "high"}
    assert dropped == []


@pytest.mark.parametrize(
    ("model", "asked", "told"),
    [
        ("claude-opus-5-5", "minimal", "low"),
        ("claude-opus-5-5", "xhigh", "xhigh"),
        ("claude-opus-4-7", "xhigh", "xhigh"),
        ("claude-opus-4-6", "xhigh", "high"),
        ("claude-sonnet-4-6", "max", "max"),
    ],
)
def test_an_effort_that_a_model_does_not_have_goes_to_the_nearest(model: str, asked: str, told: str) -> None:
    value, _ = sent(model, reasoning_effort=asked)
    assert value["output_config"] == {"effort": told}


@pytest.mark.parametrize(
    ("model", "thinking", "effort", "dropped"),
    [
        ("claude-haiku-4-5", "disabled", None, []),
        ("claude-opus-4-6", None, None, []),
        ("claude-opus-4-8", None, None, []),
        ("claude-opus-5", "disabled", None, []),
        ("claude-sonnet-5", "disabled", None, []),
        ("claude-haiku-5-5", "disabled", None, []),
        ("claude-sonnet-5-5", "between_tools", None, []),
        ("claude-opus-5-5", None, "low", ["reasoning_effort"]),
        ("claude-fable-5", None, "low", ["reasoning_effort"]),
        ("claude-mythos-5-1", None, "low", ["reasoning_effort"]),
    ],
)
def test_thinking_is_switched_off_as_far_as_the_model_can(
    model: str, thinking: str | None, effort: str | None, dropped: list[str]
) -> None:
    value, named = sent(model, reasoning_effort="none")
    assert value.get("thinking") == (thinking and {"type": thinking})
    assert value.get("output_config") == (effort and {"effort": effort})
    assert named == dropped


def test_a_model_of_tomorrow_is_asked_as_the_vendor_says_of_itself() -> None:
    assert traits("claude-opus-6") == VENDOR.speaks[0].traits
