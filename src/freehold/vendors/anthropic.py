"""`anthropic`: the Messages API. What a model takes changed with 4.6, with 4.7 and within the 5 family.

Up to 4.5 thinking has a budget of tokens. From 4.6 on it is adaptive and steered by an effort, and an answer cannot be
begun for the model. From 4.7 on sampling and a budget are refused, and by the newest a forced tool too. Thinking is switched off by
leaving it out up to 4.8 and by saying so after that; where it is always on, the least effort stands for it.
Read from the guides to thinking, effort and migration, and from the types of its SDK, 2.12.
"""

from freehold.dialects.dialect import Traits
from freehold.vendors.vendor import ModelTraits, Speaks, Vendor

_DIALECT = "anthropic-messages"
_SINCE_4_7 = frozenset({"temperature", "top_p", "top_k", "thinking.budget_tokens"})
_BUDGETED = Traits(reasoning_style="thinking", temperature_max=1.0, default_max_tokens=8192)


def _adaptive(
    off: str,
    *,
    refuses: frozenset[str] = _SINCE_4_7,
    cannot: frozenset[str] = frozenset(),
    fewer: dict[str, str] | None = None,
) -> Traits:
    """`off` is how thinking is switched off (see `dialects/anthropic_thinking.py`), `fewer` the efforts that it lacks."""
    return Traits(
        refuses=refuses,
        no_abilities=cannot | {"prefill"},
        reasoning_style="effort",
        efforts={"none": off, "minimal": "low", **(fewer or {})},
        temperature_max=1.0,
        default_max_tokens=16384,
    )


_NO_FORCING = frozenset({"forced_tool_choice"})
_MODELS: tuple[tuple[str, Traits], ...] = (
    *(
        (f"claude-{kind}-4-6*", _adaptive("unset", refuses=frozenset(), fewer={"xhigh": "high"}))
        for kind in ("opus", "sonnet")
    ),
    ("claude-opus-4-[789]*", _adaptive("unset")),
    ("claude-opus-5-5*", _adaptive("low", cannot=_NO_FORCING)),
    ("claude-sonnet-5-5*", _adaptive("between_tools", cannot=_NO_FORCING)),
    *((f"claude-{kind}-5-1*", _adaptive("low", cannot=_NO_FORCING)) for kind in ("fable", "mythos")),
    *((f"claude-{kind}-5*", _adaptive("low")) for kind in ("fable", "mythos")),
    *((f"claude-{kind}-5*", _adaptive("disabled")) for kind in ("opus", "sonnet", "haiku")),
)
"""Patterns of the models that think adaptively, first match first."""

VENDOR = Vendor(
    name="anthropic",
    title="Anthropic",
    base_url="https://api.anthropic.com/v1",
    speaks=(Speaks(dialect=_DIALECT, traits=_BUDGETED),),
    auth={"x-api-key": "{key}"},
    headers={"anthropic-version": "2023-06-01"},
    key_env=("ANTHROPIC_API_KEY",),
    models=tuple(ModelTraits(pattern=pattern, dialect=_DIALECT, traits=traits) for pattern, traits in _MODELS),
    count_tokens="/messages/count_tokens",
    docs="https://platform.claude.com/docs/en/api/messages",
    read_on="2026-11-23",
)
