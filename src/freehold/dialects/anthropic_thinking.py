"""How much a Claude model is asked to think: from our words to `thinking`, `output_config.effort` and `max_tokens`.

It reads three traits and knows no model by name:

    reasoning_style   `effort`: adaptive thinking, steered by an effort. `thinking`: a budget of tokens. `none`: neither.
    efforts           our effort words to the model's. `none` in it says how thinking is switched off: `disabled` (the
                      default) or `between_tools` (said so), `unset` (it is off until asked for), or an effort, when it
                      cannot be.
    default_max_tokens  the cap where the caller gave none; a budget is added to it, since thinking counts against it.

A budget below Anthropic's least is raised where the caller wrote it in another dialect, which knows no least, and named; who
writes Anthropic's own field is refused, as Anthropic would: a larger budget would be paid for and was not asked for.

Source: Claude documentation, "Thinking", "Adaptive thinking", "Extended thinking" (feature compatibility), "Effort".
"""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from freehold.dialects.anthropic_turns import drop
from freehold.dialects.anthropic_wire import NAME
from freehold.dialects.dialect import Target
from freehold.errors import InvalidField
from freehold.messages import ReasoningAsk, Request

LEAST_BUDGET: Final = 1024
"""Anthropic's lower bound for `budget_tokens`."""

BUDGET_FIELD: Final = "thinking.budget_tokens"
"""What `Traits.refuses` holds where a model takes no budget."""

BUDGETS: Final[Mapping[str, int]] = {
    "minimal": 1_024,
    "low": 2_048,
    "medium": 8_192,
    "high": 16_384,
    "xhigh": 32_768,
    "max": 32_768,
}
"""Budgets for our effort words, for models that know budgets only. Vendors publish no such table: from the least that is
allowed, in steps, to where the documentation advises batch processing."""

_OFF: Final = ("disabled", "between_tools")
"""The types of `thinking` that say it is off. The latter still tells of progress between tools."""

_FIELDS: Final = ("reasoning_effort", "reasoning", "thinking", "output_config")


class Plan(Struct):
    """The three fields as they go out; None leaves a field out."""

    thinking: dict[str, Any] | None
    effort: str | None
    max_tokens: int

    @property
    def thinks(self) -> bool:
        """Whether thinking is asked for, which forbids other sampling than the default."""
        return self.thinking is not None and self.thinking["type"] not in _OFF


def plan(request: Request, target: Target, *, loop_lacks_thinking: bool) -> Plan:
    """What to ask of `target`. `loop_lacks_thinking` says that the conversation ends in a tool loop whose assistant
    turn has no thinking block, which a model with a budget refuses.

    Thinking that cannot be had together with what else is asked is left out and named. Raises `InvalidField`.
    """
    ask, traits = request.reasoning, target.traits
    cap = request.max_tokens if request.max_tokens is not None else traits.default_max_tokens
    if ask is None:
        return Plan(None, None, cap)
    if ask.enabled is False or ask.effort == "none":
        return _off(ask, request, target, cap)
    if traits.reasoning_style == "none":
        drop(target, said(request))
        return Plan(None, None, cap)
    choice = request.tool_choice
    # A model that thinks first cannot be forced to begin with a tool; the tool is what the caller's code relies on.
    forced = choice is not None and choice.mode in ("required", "function")
    if traits.reasoning_style == "effort":
        return _adaptive(ask, request, target, cap, forced=forced)
    if forced or loop_lacks_thinking:
        drop(target, said(request))
        return Plan(None, None, cap)
    return _budgeted(ask, request, target)


def require_least_budget(request: Request, target: Target) -> None:
    """Raises `InvalidField` where the caller wrote a budget that this model's vendor refuses, before it is asked."""
    budget = request.reasoning.budget_tokens if request.reasoning is not None else None
    if budget is not None and budget < LEAST_BUDGET and target.traits.reasoning_style == "thinking":
        raise InvalidField(
            f"The thinking budget of {budget} tokens is below {LEAST_BUDGET}, the least that {target.model} takes.",
            f"Set thinking.budget_tokens to {LEAST_BUDGET} or more and max_tokens above it, or leave thinking out.",
            param="thinking.budget_tokens",
        )


def said(request: Request) -> str:
    """What this caller calls the field that asks for thinking."""
    return next((name for name in _FIELDS if name in request.fields), "reasoning")


def _off(ask: ReasoningAsk, request: Request, target: Target, cap: int) -> Plan:
    if target.traits.reasoning_style == "none":
        return Plan(None, None, cap)
    word = target.traits.efforts.get("none", "disabled")
    if word in _OFF:
        return Plan({"type": word}, _effort(ask, target), cap)
    if word == "unset":
        return Plan(None, _effort(ask, target), cap)
    drop(target, said(request))
    return Plan(None, word, cap)


def _effort(ask: ReasoningAsk, target: Target) -> str | None:
    """The effort that goes with thinking switched off: it also steers the length of the answer."""
    if ask.effort is None or ask.effort == "none" or target.traits.reasoning_style != "effort":
        return None
    return target.traits.efforts.get(ask.effort, ask.effort)


def _adaptive(ask: ReasoningAsk, request: Request, target: Target, cap: int, *, forced: bool) -> Plan:
    effort = ask.effort
    if ask.budget_tokens is not None:
        drop(target, "budget_tokens")
        effort = effort or _nearest(ask.budget_tokens)
    if effort is not None:
        effort = target.traits.efforts.get(effort, effort)
    if forced:
        drop(target, said(request))
        return Plan(None, effort, cap)
    return Plan(_displayed({"type": "adaptive"}, ask), effort, cap)


def _nearest(budget: int) -> str:
    """The largest effort whose budget is not above the one given."""
    return next((word for word in ("xhigh", "high", "medium") if budget >= BUDGETS[word]), "low")


def _budgeted(ask: ReasoningAsk, request: Request, target: Target) -> Plan:
    cap, budget = request.max_tokens, ask.budget_tokens
    if budget is not None:
        if request.dialect == NAME:
            require_least_budget(request, target)
        elif budget < LEAST_BUDGET:
            if cap is not None and cap <= LEAST_BUDGET:  # no room for the answer: as with an effort, the cap wins
                drop(target, said(request))
                return Plan(None, None, cap)
            drop(target, "budget_tokens")
            budget = LEAST_BUDGET
        if cap is not None and budget >= cap:
            raise InvalidField(
                f"The thinking budget of {budget} tokens is not below max_tokens, which is {cap}.",
                "Thinking counts against max_tokens: raise it, or lower the budget.",
                param="max_tokens",
            )
    else:
        word = target.traits.efforts.get(ask.effort, ask.effort) if ask.effort is not None else "medium"
        if word not in BUDGETS:
            raise InvalidField(
                f"{word!r} is no effort that Freehold knows.",
                f"Use one of none, {', '.join(BUDGETS)}.",
                param=said(request),
            )
        # Half of the caller's cap at most, so that there is room for the answer.
        budget = BUDGETS[word] if cap is None else min(BUDGETS[word], cap // 2)
        if budget < LEAST_BUDGET:
            drop(target, said(request))
            return Plan(None, None, cap if cap is not None else target.traits.default_max_tokens)
    if cap is None:
        cap = budget + target.traits.default_max_tokens
    return Plan(_displayed({"type": "enabled", "budget_tokens": budget}, ask), None, cap)


def _displayed(thinking: dict[str, Any], ask: ReasoningAsk) -> dict[str, Any]:
    if ask.summary is not None:
        thinking["display"] = "omitted" if ask.summary == "omitted" else "summarized"
    return thinking
