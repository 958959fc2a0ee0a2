"""How much a vendor is asked to think, in each of the ways that vendors have."""

from typing import Any

import pytest

from dialects.chat_sdk import target
from freehold.dialects.dialect import Target, Traits
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


SWITCHED = Traits(
    reasoning_style="template", thinking_switch="enable_thinking", thinking_budget="thinking_budget_tokens"
)
ALWAYS = Traits(reasoning_style="template", thinking_budget="thinking_token_budget")
UNKNOWN = Traits(reasoning_style="template", thinking_switch="thinking")
DEAF = Traits(reasoning_style="template")


@pytest.mark.parametrize(
    ("traits", "ask", "fields", "dropped"),
    [
        (SWITCHED, ReasoningAsk(effort="none"), {"chat_template_kwargs": {"enable_thinking": False}}, []),
        (SWITCHED, ReasoningAsk(effort="minimal"), {"chat_template_kwargs": {"enable_thinking": False}}, []),
        (SWITCHED, ReasoningAsk(enabled=False), {"chat_template_kwargs": {"enable_thinking": False}}, []),
        (SWITCHED, ReasoningAsk(effort="high"), {"chat_template_kwargs": {"enable_thinking": True}}, []),
        (SWITCHED, ReasoningAsk(enabled=True, adaptive=True), {"chat_template_kwargs": {"enable_thinking": True}}, []),
        (SWITCHED, ReasoningAsk(effort="low"), {"chat_template_kwargs": {"enable_thinking": True}, "thinking_budget_tokens": 2048}, []),
        (SWITCHED, ReasoningAsk(effort="high", budget_tokens=300), {"chat_template_kwargs": {"enable_thinking": True}, "thinking_budget_tokens": 300}, []),
        (SWITCHED, ReasoningAsk(enabled=False, budget_tokens=300), {"chat_template_kwargs": {"enable_thinking": False}}, []),
        (SWITCHED, ReasoningAsk(effort="high", summary="auto"), {"chat_template_kwargs": {"enable_thinking": True}}, ["reasoning.summary"]),
        (ALWAYS, ReasoningAsk(effort="none"), {"thinking_token_budget": 0}, []),
        (ALWAYS, ReasoningAsk(effort="medium"), {"thinking_token_budget": 8192}, []),
        (ALWAYS, ReasoningAsk(effort="max"), {}, []),
        (UNKNOWN, ReasoningAsk(effort="low"), {"chat_template_kwargs": {"thinking": True}}, ["reasoning.effort"]),
        (UNKNOWN, ReasoningAsk(budget_tokens=300), {"chat_template_kwargs": {"thinking": True}}, ["reasoning.max_tokens"]),
        (UNKNOWN, ReasoningAsk(effort="none"), {"chat_template_kwargs": {"thinking": False}}, []),
        (DEAF, ReasoningAsk(effort="none"), {}, ["reasoning"]),
        (DEAF, ReasoningAsk(effort="high"), {}, []),
    ],
)  # fmt: skip
def test_a_template_is_told_on_or_off_and_the_engine_a_cap(
    traits: Traits, ask: ReasoningAsk, fields: dict[str, Any], dropped: list[str]
) -> None:
    where = Target(model="m", traits=traits, origin="o", dropped=[])
    assert (asking_fields(ask, where), where.dropped) == (fields, dropped)


@pytest.mark.parametrize(
    ("ask", "dropped"), [(ReasoningAsk(enabled=False), []), (ReasoningAsk(effort="low"), ["reasoning"])]
)
def test_who_never_thinks_needs_not_be_told_not_to(ask: ReasoningAsk, dropped: list[str]) -> None:
    where = Target(model="m", traits=Traits(reasoning_style="none"), origin="o", dropped=[])
    assert (asking_fields(ask, where), where.dropped) == ({}, dropped)
