"""How much a model is asked to think, in each of the ways that the models of this dialect have."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from dialects.messages_sdk import target
from freehold.dialects.anthropic_thinking import BUDGETS, LEAST_BUDGET, Plan, plan, require_least_budget, said
from freehold.dialects.dialect import Target
from freehold.errors import InvalidField
from freehold.messages import ReasoningAsk, Request, ToolChoice


def planned(ask: ReasoningAsk | None, where: Target, *, lacks: bool = False, **fields: Any) -> Plan:
    request = Request(dialect="openai-chat", model="w", reasoning=ask, **fields)
    return plan(request, where, loop_lacks_thinking=lacks)


def adaptive(off: str = "disabled", **efforts: str) -> Target:
    return target(reasoning_style="effort", efforts={"none": off, **efforts}, default_max_tokens=8000)


def budgeted(**traits: Any) -> Target:
    return target(reasoning_style="thinking", default_max_tokens=8000, **traits)


def test_who_does_not_ask_gets_nothing_but_a_cap() -> None:
    for where in (adaptive(), budgeted(), target(reasoning_style="none", default_max_tokens=8000)):
        assert planned(None, where) == Plan(None, None, 8000)
        assert planned(None, where, max_tokens=7) == Plan(None, None, 7)
        assert where.dropped == []


# --- adaptive ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ask", "thinking", "effort", "dropped"),
    [
        (ReasoningAsk(effort="high"), {"type": "adaptive"}, "high", []),
        (ReasoningAsk(effort="minimal"), {"type": "adaptive"}, "low", []),
        (ReasoningAsk(effort="max"), {"type": "adaptive"}, "max", []),
        (ReasoningAsk(enabled=True), {"type": "adaptive"}, None, []),
        (ReasoningAsk(adaptive=True, summary="auto"), {"type": "adaptive", "display": "summarized"}, None, []),
        (ReasoningAsk(summary="detailed"), {"type": "adaptive", "display": "summarized"}, None, []),
        (ReasoningAsk(effort="low", summary="omitted"), {"type": "adaptive", "display": "omitted"}, "low", []),
        (ReasoningAsk(budget_tokens=1024), {"type": "adaptive"}, "low", ["budget_tokens"]),
        (ReasoningAsk(budget_tokens=8191), {"type": "adaptive"}, "low", ["budget_tokens"]),
        (ReasoningAsk(budget_tokens=8192), {"type": "adaptive"}, "medium", ["budget_tokens"]),
        (ReasoningAsk(budget_tokens=16384), {"type": "adaptive"}, "high", ["budget_tokens"]),
        (ReasoningAsk(budget_tokens=64000), {"type": "adaptive"}, "xhigh", ["budget_tokens"]),
        (ReasoningAsk(budget_tokens=64000, effort="low"), {"type": "adaptive"}, "low", ["budget_tokens"]),
    ],
)
def test_an_adaptive_model_is_steered_by_an_effort(
    ask: ReasoningAsk, thinking: dict[str, Any], effort: str | None, dropped: list[str]
) -> None:
    where = adaptive(minimal="low")
    assert planned(ask, where, max_tokens=500) == Plan(thinking, effort, 500)
    assert where.dropped == dropped


@pytest.mark.parametrize(
    ("off", "thinking", "effort", "dropped"),
    [
        ("disabled", {"type": "disabled"}, None, []),
        ("between_tools", {"type": "between_tools"}, None, []),
        ("unset", None, None, []),
        ("low", None, "low", ["reasoning"]),
    ],
)
@pytest.mark.parametrize("ask", [ReasoningAsk(enabled=False), ReasoningAsk(effort="none")])
def test_thinking_is_switched_off_in_the_models_own_way(
    ask: ReasoningAsk, off: str, thinking: dict[str, Any] | None, effort: str | None, dropped: list[str]
) -> None:
    where = adaptive(off)
    made = planned(ask, where)
    assert made == Plan(thinking, effort, 8000)
    assert not made.thinks
    assert where.dropped == dropped


def test_an_effort_still_steers_an_answer_without_thinking() -> None:
    ask = ReasoningAsk(effort="low", enabled=False)
    assert planned(ask, adaptive("disabled")) == Plan({"type": "disabled"}, "low", 8000)
    assert planned(ask, adaptive("unset", low="medium")) == Plan(None, "medium", 8000)


@pytest.mark.parametrize("choice", [ToolChoice("required"), ToolChoice("function", "f")])
def test_a_forced_tool_is_kept_and_thinking_left_out(choice: ToolChoice) -> None:
    where = adaptive()
    assert planned(ReasoningAsk(effort="high"), where, tool_choice=choice) == Plan(None, "high", 8000)
    assert where.dropped == ["reasoning"]
    old = budgeted()
    assert planned(ReasoningAsk(effort="high"), old, tool_choice=choice) == Plan(None, None, 8000)
    assert old.dropped == ["reasoning"]


def test_a_loop_without_thinking_stops_no_adaptive_model() -> None:
    where = adaptive()
    assert planned(ReasoningAsk(effort="low"), where, lacks=True).thinks
    assert where.dropped == []


# --- budgets -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ask", "cap", "budget", "sent_cap"),
    [
        (ReasoningAsk(budget_tokens=2000), 4000, 2000, 4000),
        (ReasoningAsk(budget_tokens=2000), None, 2000, 10000),
        (ReasoningAsk(effort="minimal"), None, 1024, 9024),
        (ReasoningAsk(effort="low"), None, 2048, 10048),
        (ReasoningAsk(effort="medium"), None, 8192, 16192),
        (ReasoningAsk(effort="high"), None, 16384, 24384),
        (ReasoningAsk(effort="max"), None, 32768, 40768),
        (ReasoningAsk(enabled=True), None, 8192, 16192),
        (ReasoningAsk(adaptive=True), None, 8192, 16192),
        (ReasoningAsk(effort="high"), 6000, 3000, 6000),
        (ReasoningAsk(effort="low"), 100_000, 2048, 100_000),
        (ReasoningAsk(effort="high"), 2048, 1024, 2048),
    ],
)
def test_an_older_model_gets_a_budget_below_its_cap(
    ask: ReasoningAsk, cap: int | None, budget: int, sent_cap: int
) -> None:
    where = budgeted()
    made = planned(ask, where, max_tokens=cap)
    assert made == Plan({"type": "enabled", "budget_tokens": budget}, None, sent_cap)
    assert made.thinks
    assert where.dropped == []


def test_the_display_is_asked_for_with_a_budget_too() -> None:
    made = planned(ReasoningAsk(budget_tokens=2000, summary="omitted"), budgeted())
    assert made.thinking == {"type": "enabled", "budget_tokens": 2000, "display": "omitted"}


def test_a_cap_that_leaves_no_room_to_think_wins_and_thinking_is_named() -> None:
    where = budgeted()
    assert planned(ReasoningAsk(effort="high"), where, max_tokens=2047) == Plan(None, None, 2047)
    assert where.dropped == ["reasoning"]


@pytest.mark.parametrize("cap", [2000, 1999])
def test_a_budget_that_reaches_the_cap_is_an_error(cap: int) -> None:
    with pytest.raises(InvalidField) as caught:
        planned(ReasoningAsk(budget_tokens=2000), budgeted(), max_tokens=cap)
    assert caught.value.param == "max_tokens"


@pytest.mark.parametrize("budget", [0, 1, 512, 1023])
def test_a_budget_below_the_least_that_another_dialect_wrote_is_raised_and_named(budget: int) -> None:
    where = budgeted()
    made = planned(ReasoningAsk(budget_tokens=budget), where, max_tokens=1025)
    assert (made.thinking, made.max_tokens) == ({"type": "enabled", "budget_tokens": 1024}, 1025)
    assert where.dropped == ["budget_tokens"]


@pytest.mark.parametrize("cap", [1024, 600, 1])
def test_a_cap_without_room_for_the_least_budget_wins_and_thinking_is_named(cap: int) -> None:
    where = budgeted()
    assert planned(ReasoningAsk(budget_tokens=500), where, max_tokens=cap) == Plan(None, None, cap)
    assert where.dropped == ["reasoning"]


def test_a_budget_below_the_least_in_anthropics_own_field_is_refused_before_the_vendor_is_asked() -> None:
    request = Request(dialect="anthropic-messages", model="w", reasoning=ReasoningAsk(budget_tokens=1023))
    with pytest.raises(InvalidField, match="1023 tokens is below 1024") as caught:
        plan(request, budgeted(), loop_lacks_thinking=False)
    assert caught.value.param == "thinking.budget_tokens"
    assert "1024 or more" in caught.value.advice
    assert plan(request, adaptive(), loop_lacks_thinking=False).thinking == {"type": "adaptive"}  # it takes no budget


def test_the_least_budget_is_required_only_where_a_model_has_budgets() -> None:
    small = Request(dialect="anthropic-messages", model="w", reasoning=ReasoningAsk(budget_tokens=10))
    for where in (adaptive(), target(reasoning_style="none")):
        require_least_budget(small, where)
    require_least_budget(Request(dialect="anthropic-messages", model="w"), budgeted())
    exact = Request(dialect="anthropic-messages", model="w", reasoning=ReasoningAsk(budget_tokens=1024))
    require_least_budget(exact, budgeted())
    with pytest.raises(InvalidField):
        require_least_budget(small, budgeted())


def test_a_loop_that_begins_without_thinking_goes_on_without() -> None:
    where = budgeted()
    assert planned(ReasoningAsk(budget_tokens=2000), where, lacks=True) == Plan(None, None, 8000)
    assert where.dropped == ["reasoning"]


def test_the_vendors_fewer_efforts_choose_the_budget() -> None:
    made = planned(ReasoningAsk(effort="medium"), budgeted(efforts={"medium": "high"}))
    assert made.thinking == {"type": "enabled", "budget_tokens": 16384}


def test_an_effort_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(InvalidField, match="'ultra'") as caught:
        planned(ReasoningAsk(effort="ultra"), budgeted(), fields={"reasoning_effort": Raw(b'"ultra"')})
    assert caught.value.param == "reasoning_effort"


def test_thinking_with_a_budget_is_switched_off_by_saying_so() -> None:
    assert planned(ReasoningAsk(enabled=False), budgeted()) == Plan({"type": "disabled"}, None, 8000)


@given(st.sampled_from(sorted(BUDGETS)), st.integers(1, 200_000))
def test_a_chosen_budget_is_always_one_that_anthropic_takes(effort: str, cap: int) -> None:
    where = budgeted()
    made = planned(ReasoningAsk(effort=effort), where, max_tokens=cap)
    assert made.max_tokens == cap
    if made.thinking is None:
        assert where.dropped == ["reasoning"]
        assert cap < 2 * LEAST_BUDGET
    else:
        assert 1024 <= made.thinking["budget_tokens"] < cap
        assert where.dropped == []


# --- none ----------------------------------------------------------------------------------------------------------------


def test_a_model_that_does_not_think_is_not_asked() -> None:
    where = target(reasoning_style="none")
    assert planned(ReasoningAsk(effort="high"), where, max_tokens=9) == Plan(None, None, 9)
    assert where.dropped == ["reasoning"]


def test_nothing_is_lost_when_thinking_is_switched_off_where_there_is_none() -> None:
    where = target(reasoning_style="none")
    assert planned(ReasoningAsk(enabled=False), where, max_tokens=9) == Plan(None, None, 9)
    assert where.dropped == []


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"reasoning_effort": Raw(b'"low"'), "thinking": Raw(b"{}")}, "reasoning_effort"),
        ({"reasoning": Raw(b"{}")}, "reasoning"),
        ({"output_config": Raw(b"{}"), "thinking": Raw(b"{}")}, "thinking"),
        ({"output_config": Raw(b"{}")}, "output_config"),
        ({}, "reasoning"),
    ],
)
def test_what_is_dropped_is_called_as_the_caller_called_it(fields: dict[str, Raw], word: str) -> None:
    assert said(Request(dialect="x", model="w", fields=fields)) == word
