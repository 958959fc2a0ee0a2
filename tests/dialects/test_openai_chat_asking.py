"""How much a vendor is asked to think, in each of the ways that vendors have."""

from typing import Any

import pytest

from dialects.chat_sdk import target
from freehold.dialects.openai_chat_asking import asking_fields, effort_of_budget
from freehold.messages import ReasoningAsk

FOLDED = {"minimal": "low", "medium": "high", "xhigh": "high"}


@pytest.mark.parametrize(
    ("ask", "fields", "dropped"),
    [
        (ReasoningAsk(effort="high"), {"reasoning_effort": "high"}, []),
        (ReasoningAsk(effort="none"), {"reasoning_effort": "none"}, []),
        (ReasoningAsk(enabled=False), {"reasoning_effort": "none"}, []),
        (ReasoningAsk(enabled=False, effort="high"), {"reasoning_effort": "none"}, []),
        (ReasoningAsk(enabled=True), {}, []),
        (ReasoningAsk(enabled=True, adaptive=True), {}, []),
        (ReasoningAsk(budget_tokens=4000), {"reasoning_effort": "medium"}, ["reasoning.max_tokens"]),
        (ReasoningAsk(budget_tokens=4000, effort="low"), {"reasoning_effort": "low"}, ["reasoning.max_tokens"]),
        (ReasoningAsk(effort="low", summary="auto"), {"reasoning_effort": "low"}, ["reasoning.summary"]),
        (ReasoningAsk(effort="low", summary="omitted"), {"reasoning_effort": "low"}, []),
    ],
)
def test_an_effort_is_one_word(ask: ReasoningAsk, fields: dict[str, Any], dropped: list[str]) -> None:
    where = target()
    assert (asking_fields(ask, where), where.dropped) == (fields, dropped)


@pytest.mark.parametrize(
    ("ask", "fields"),
    [
        (ReasoningAsk(effort="medium"), {"thinking": {"type": "enabled"}, "reasoning_effort": "high"}),
        (ReasoningAsk(effort="max"), {"thinking": {"type": "enabled"}, "reasoning_effort": "max"}),
        (ReasoningAsk(enabled=True), {"thinking": {"type": "enabled"}}),
        (ReasoningAsk(budget_tokens=1024), {"thinking": {"type": "enabled"}, "reasoning_effort": "low"}),
        (ReasoningAsk(effort="none"), {"thinking": {"type": "disabled"}}),
        (ReasoningAsk(enabled=False), {"thinking": {"type": "disabled"}}),
    ],
)
def test_deepseek_has_a_switch_and_fewer_efforts(ask: ReasoningAsk, fields: dict[str, Any]) -> None:
    assert asking_fields(ask, target(reasoning_style="thinking", efforts=FOLDED)) == fields


def test_off_goes_to_the_least_effort_where_there_is_no_off() -> None:
    where = target(efforts={"none": "minimal"})
    assert asking_fields(ReasoningAsk(enabled=False), where) == {"reasoning_effort": "minimal"}


def test_a_model_that_does_not_think_is_not_asked_and_the_wish_is_named() -> None:
    where = target(reasoning_style="none")
    assert asking_fields(ReasoningAsk(effort="high"), where) == {}
    assert where.dropped == ["reasoning"]


@pytest.mark.parametrize(
    ("budget", "effort"),
    [(1, "low"), (2048, "low"), (2049, "medium"), (8192, "medium"), (8193, "high"), (64000, "high")],
)
def test_a_budget_has_a_nearest_effort(budget: int, effort: str) -> None:
    assert effort_of_budget(budget) == effort
