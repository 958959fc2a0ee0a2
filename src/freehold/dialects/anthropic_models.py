"""What in a Messages request has the vendor ask another model than the one that the request names.

Only that one was checked against what the caller's key may use, priced and reserved for, so any other is refused: models that
stand in when it declines, and tools that ask a model of their own. It knows no vendor and no model by name.
Source: anthropic SDK 2.12, `types/beta/beta_fallbacks_param.py`, `beta_advisor_tool_20260301_param.py`,
`beta_request_tool_addition_block_param.py`.
"""

from typing import Final

import msgspec
from msgspec import Raw, Struct

from freehold.dialects.anthropic_turns import OURS
from freehold.dialects.anthropic_wire import ADDITION
from freehold.dialects.dialect import Target
from freehold.errors import Unsupported
from freehold.messages import Opaque, Request

_NULL: Final = Raw(b"null")


class _Definition(Struct):
    """A tool's. `model` may be anything, since functions of callers may say what they like."""

    model: Raw = _NULL


class _Added(Struct):
    definition: _Definition


class _Addition(Struct):
    """A block that brings a tool in the middle of a conversation, with its definition."""

    type: str
    tool: _Added


class _Turn(Struct):
    content: str | list[Raw]


_tools = msgspec.json.Decoder(list[_Definition])
_turns = msgspec.json.Decoder(list[_Turn])
_addition = msgspec.json.Decoder(_Addition)


def require_one_model(request: Request, target: Target) -> None:
    """Raises `Unsupported` when a caller's Messages request would have the vendor ask another model too. Cheap when it has
    neither fallbacks nor tools that run at the vendor."""
    if request.dialect not in OURS:
        return
    if request.fields.get("fallbacks", _NULL) != _NULL and "fallbacks" not in target.traits.refuses:
        raise Unsupported(
            "`fallbacks` has the vendor ask other models, which nobody here has checked your key for or reserved money for.",
            "Leave it out; the route of a workload names models that stand in for one another.",
            param="fallbacks",
        )
    if any(tool.kind != "function" for tool in request.tools):
        for at, tool in enumerate(_tools.decode(request.fields.get("tools", b"[]"))):
            if tool.model != _NULL:
                raise _own_model(f"tools[{at}].model")
    if any(isinstance(part, Opaque) and part.kind == ADDITION for turn in request.messages for part in turn.parts):
        for at, turn in enumerate(_turns.decode(request.fields.get("messages", b"[]"))):
            for place, block in enumerate(turn.content if isinstance(turn.content, list) else ()):
                if _brings_a_model(block):
                    raise _own_model(f"messages[{at}].content[{place}].tool.definition.model")


def _own_model(param: str) -> Unsupported:
    return Unsupported(
        f"`{param}` has the vendor ask another model, which nobody here has checked your key for or reserved money for.",
        "Leave the tool out, or offer it as a function and ask the other model through this door.",
        param=param,
    )


def _brings_a_model(block: Raw) -> bool:
    try:
        added = _addition.decode(block)
    except msgspec.ValidationError:
        return False  # of another kind, or a reference to a tool that stands elsewhere
    return added.type == ADDITION and added.tool.definition.model != _NULL
