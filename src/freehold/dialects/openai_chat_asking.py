"""OpenAI Chat: how much a vendor is asked to think.

From our `ReasoningAsk` to the fields that a vendor's `Traits` say it understands. Used when a request is written and
when one passes through, so that the same wish has the same effect on both ways.
"""

from typing import Any, Final

from freehold.dialects.dialect import Target, Traits
from freehold.messages import ReasoningAsk

FIELDS: Final = ("reasoning_effort", "reasoning", "thinking")
"""The fields of a Chat body in which callers say how much to think."""

KWARGS: Final = "chat_template_kwargs"
"""The field that llama.cpp, vLLM and SGLang hand to the template of a chat."""

LOW_BUDGET: Final = 2_048
MEDIUM_BUDGET: Final = 8_192
"""Budgets in tokens up to which thinking counts as low and as medium, where only an effort can be said. Anthropic's
smallest budget is 1,024; its guide calls 16,000 and more large."""

_CAPS: Final = {"low": LOW_BUDGET, "medium": MEDIUM_BUDGET}


def asking_fields(ask: ReasoningAsk, target: Target) -> dict[str, Any]:
    """The fields that ask this vendor to think as much; what it cannot be told is named in `target.dropped`."""
    traits = target.traits
    off = ask.enabled is False or ask.effort == "none"
    if traits.reasoning_style == "none":
        if not off:
            drop(target, "reasoning")
        return {}
    if traits.reasoning_style == "template":
        return _by_template(ask, target)
    if traits.reasoning_style == "thinking":
        if off:
            return {"thinking": {"type": "disabled"}}
        effort = _effort(ask, traits)
        fields: dict[str, Any] = {"thinking": {"type": "enabled"}}
    else:
        effort = traits.efforts.get("none", "none") if off else _effort(ask, traits)
        fields = {}
    if ask.budget_tokens is not None and not off:
        drop(target, "reasoning.max_tokens")
    if ask.summary in ("auto", "concise", "detailed"):
        drop(target, "reasoning.summary")
    if effort is not None:
        fields["reasoning_effort"] = effort
    return fields


def _by_template(ask: ReasoningAsk, target: Target) -> dict[str, Any]:
    """Thinking on or off by the variable of the chat's template, and its length by a cap in tokens: `low` and `medium` are the caps that
    they stand for elsewhere, more is no cap. `minimal` is off: no template knows less than a little."""
    traits = target.traits
    off = ask.enabled is False or ask.effort in ("none", "minimal")
    budget = ask.budget_tokens if ask.budget_tokens is not None else _CAPS.get(ask.effort or "")
    fields: dict[str, Any] = {}
    if traits.thinking_switch is not None:
        fields[KWARGS] = {traits.thinking_switch: not off}
    elif off and traits.thinking_budget is None:
        drop(target, "reasoning")
    elif off:
        budget = 0
    if budget is not None and (not off or traits.thinking_switch is None):
        if traits.thinking_budget is not None:
            fields[traits.thinking_budget] = budget
        elif not off:
            drop(target, "reasoning.effort" if ask.budget_tokens is None else "reasoning.max_tokens")
    if ask.summary in ("auto", "concise", "detailed"):
        drop(target, "reasoning.summary")
    return fields


def effort_of_budget(budget_tokens: int) -> str:
    """The effort nearest to a budget in tokens."""
    if budget_tokens <= LOW_BUDGET:
        return "low"
    return "medium" if budget_tokens <= MEDIUM_BUDGET else "high"


def drop(target: Target, name: str) -> None:
    """Names, once, what could not be carried."""
    if name not in target.dropped:
        target.dropped.append(name)


def _effort(ask: ReasoningAsk, traits: Traits) -> str | None:
    """The vendor's word, or None to leave it to the vendor."""
    if ask.effort is not None:
        wanted = ask.effort
    elif ask.budget_tokens is not None:
        wanted = effort_of_budget(ask.budget_tokens)
    else:
        return None
    return traits.efforts.get(wanted, wanted)
