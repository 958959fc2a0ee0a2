"""`own`: the company's own models, served by engines on this machine or by a server of one's own. A vendor like any other.

What an own model can is not known by its name but by what serves it: `Served` says it, the house fills it when it plans the engines, and
the door reads it. llama.cpp, checked by asking it (build 11549): it takes a named tool choice for `auto`, in silence, and has no projector
for pictures; it leaves out tools where the template of the chat does. vLLM is as its documentation has it.
"""

import re
from collections.abc import Mapping
from typing import Final

from msgspec import Raw, Struct

from freehold.dialects.dialect import Traits
from freehold.vendors.vendor import Speaks, Vendor

LLAMA: Final = "llama.cpp"
VLLM: Final = "vllm"

BUDGETS: Final[Mapping[str, str]] = {LLAMA: "thinking_budget_tokens", VLLM: "thinking_token_budget"}
"""The field in which each engine takes a cap on thinking, in tokens."""

GREEDY: Final[dict[str, Raw]] = {"samplers": Raw(b'["top_k"]'), "top_k": Raw(b"1")}
"""How llama.cpp takes the likeliest token with one sampler in place of nine. Of tokens that are exactly as likely it may be another one."""

_LACKS: Final = frozenset({"vision", "audio", "files", "named_tool_choice"})
_SWITCHED: Final = re.compile(
    r"\benable_thinking\b|\bif (?:not )?thinking\b|\bthinking is (?:not )?(?:defined|true|false)\b"
)


class Mind(Struct, frozen=True):
    """How a model thinks, as the template of its chat tells: `thinks` at all, `switch` the template's variable that turns it on and off (empty
    where none does), `efforts` whether the template knows `reasoning_effort`; `tools` whether it has a place for tools."""

    thinks: bool = False
    switch: str = ""
    efforts: bool = False
    tools: bool = True


class Served(Struct, frozen=True, kw_only=True):
    """An own model as the door must know it: where it answers (empty: nowhere now, its engine has not come up) and under which name (empty: its
    own), the SHA-256 of its weights where they are known, headers that only the two know, and how it departs from Chat. `counts` says that it counts tokens, `here` that it is a child of
    this house, which starts it again."""

    base_url: str
    model: str = ""
    weights: str | None = None
    headers: dict[str, str] = {}
    traits: Traits = Traits()
    counts: bool = True
    here: bool = True


def mind_of(template: str) -> Mind:
    """What the Jinja template of a chat tells about thinking and tools."""
    found = _SWITCHED.search(template)
    switch = "" if found is None else "enable_thinking" if "enable_thinking" in template else "thinking"
    efforts = "reasoning_effort" in template
    return Mind(
        thinks=bool(switch) or efforts or "<think>" in template or "reasoning_content" in template,
        switch=switch,
        efforts=efforts,
        tools="tools" in template,
    )


def traits_of(engine: str, mind: Mind, adds: Mapping[str, Raw] | None = None) -> Traits:
    """How a model departs from Chat on this engine (`llama.cpp`, `vllm`, or any other server). `adds` goes along with every request."""
    llama = engine == LLAMA
    style = "none" if not mind.thinks else "effort" if mind.efforts and not mind.switch else "template"
    return Traits(
        # A caller of one model must not reach the adapters of another on the same engine.
        refuses=frozenset({"lora"}) if llama else frozenset(),
        renames={"max_completion_tokens": "max_tokens"} if engine in BUDGETS else {},
        no_abilities=frozenset({*(_LACKS if llama else ()), *(() if mind.tools else ("tools",))}),
        system_role="system",
        reasoning_field="reasoning_content",
        reasoning_style=style,
        thinking_switch=mind.switch or None,
        thinking_budget=BUDGETS.get(engine),
        adds=dict(adds or {}),
        greedy=GREEDY if llama else {},
    )


VENDOR = Vendor(
    name="own",
    title="Own models",
    base_url=None,
    speaks=(Speaks(dialect="openai-chat", traits=traits_of(LLAMA, Mind())),),
    auth={"authorization": "Bearer {key}"},
    needs_key=False,
    embeddings="/embeddings",
    count_tokens="/messages/count_tokens",
    transport="engine",
    private=True,
    docs="docs/concepts/own-engine.md",
    read_on="2026-11-23",
)
