"""Writing the body of a Messages request for a vendor, from our words.

It decides, with the vendor's traits, what is sent, what is named as dropped and what is an error. It knows no vendor and
no model by name; turns are written in `anthropic_turns.py`, thinking in `anthropic_thinking.py`.

`json_object` is refused: Anthropic constrains answers by a schema only, every object in it must be closed, and a closed
object without properties is the empty object. A line in the system prompt would ask for JSON and not assure it.
Source: anthropic SDK 2.12, `types/message_create_params.py`; Claude documentation, "Structured outputs", "Define tools".
"""

from typing import Any, Final, cast

import msgspec
from msgspec import Raw

from freehold.dialects import abilities
from freehold.dialects.anthropic_models import require_one_model
from freehold.dialects.anthropic_thinking import plan, said
from freehold.dialects.anthropic_turns import OURS, WireBlock, drop, write_turns
from freehold.dialects.dialect import Target
from freehold.errors import InvalidField, Unsupported
from freehold.messages import OutputFormat, Request, Tool

_encode: Final = msgspec.json.Encoder().encode
_object: Final = msgspec.json.Decoder(dict[str, Raw])

_TIERS: Final = {"auto": "auto", "default": "standard_only"}

_EMPTY_SCHEMA: Final = Raw(b'{"type":"object","properties":{}}')

_COUNTED: Final = frozenset(
    {"model", "messages", "system", "tools", "tool_choice", "thinking", "output_config", "cache_control", "speed"}
)
"""What token counting takes (`types/message_count_tokens_params.py`)."""


def write_request(request: Request, target: Target) -> bytes:
    """The body for a vendor. Raises `Unsupported` and `InvalidField`; names what is not carried in `target.dropped`."""
    return _encode(_body(request, target))


def write_count(request: Request, target: Target) -> bytes:
    """The body that asks for the number of tokens: of `write_request`'s, the fields that have any. Raises the same."""
    body = _body(request, target)
    return _encode({name: value for name, value in body.items() if name in _COUNTED})


def require_prefill(request: Request, target: Target) -> None:
    """Raises `Unsupported` when the conversation ends with the assistant's own words and the model cannot go on from
    there (`prefill` in `no_abilities`)."""
    if "prefill" in target.traits.no_abilities and request.messages and request.messages[-1].role == "assistant":
        raise Unsupported(
            f"{target.model} cannot continue an answer that is begun for it: the last message is the assistant's.",
            "End with a message of the user; a JSON schema or the system prompt can fix how the answer begins.",
            param="messages",
        )


def _body(request: Request, target: Target) -> dict[str, Any]:
    _refuse(request, target)
    turns = write_turns(request, target)
    asked = plan(request, target, loop_lacks_thinking=lacks_thinking(turns.messages))
    body: dict[str, Any] = {"model": target.model, "max_tokens": asked.max_tokens}
    if turns.system is not None:
        body["system"] = turns.system
    body["messages"] = turns.messages
    _write_tools(request, body)
    if asked.thinking is not None:
        body["thinking"] = asked.thinking
    config: dict[str, Any] = {}
    if asked.effort is not None:
        config["effort"] = asked.effort
    if request.output is not None:
        config["format"] = {"type": "json_schema", "schema": _schema(request.output, request)}
    if config:
        body["output_config"] = config
    _write_sampling(request, target, body, thinks=asked.thinks)
    _write_rest(request, target, body)
    return _fitted(body, request, target)


def _refuse(request: Request, target: Target) -> None:
    """Raises for what the dialect or this model cannot do."""
    abilities.require(request, target.traits)
    require_prefill(request, target)
    require_one_model(request, target)
    if request.n is not None and request.n > 1:
        raise Unsupported(
            f"Anthropic's models give one answer at a time, and `n` is {request.n}.",
            "Send the request several times, or use a model that is reached through Chat Completions.",
            param="n",
        )
    blank = request.dialect not in OURS and any(not stop.strip() for stop in request.stop)
    if blank and "stop_sequences" not in target.traits.refuses:
        raise Unsupported(
            f"{target.model} stops at no sequence of white space alone, and `stop` has one.",
            "Leave it out, or use a model that is reached through Chat Completions.",
            param="stop",
        )
    if request.bound is not None and request.dialect not in OURS:
        raise Unsupported(
            f"`{request.bound}` refers to what only another vendor keeps, and {target.model} cannot see it.",
            "Send the whole conversation instead.",
            param=request.bound,
        )
    if request.output is not None and request.output.schema is None:
        raise Unsupported(
            f"{target.model} can be held to a JSON schema, but not to just any JSON object.",
            "Send the schema of the object that you want, or use a model with a JSON mode.",
            param=next((name for name in ("response_format", "text") if name in request.fields), None),
        )


def lacks_thinking(messages: list[WireBlock]) -> bool:
    """Whether the conversation ends in a tool loop whose assistant turn does not begin with thinking."""
    if len(messages) < 2 or messages[-1]["role"] != "user" or not _has(messages[-1], "tool_result"):
        return False
    content = messages[-2]["content"]
    return isinstance(content, str) or content[0]["type"] not in ("thinking", "redacted_thinking")


def _has(message: WireBlock, kind: str) -> bool:
    return not isinstance(message["content"], str) and any(block["type"] == kind for block in message["content"])


# --- tools and format ----------------------------------------------------------------------------------------------------


def _write_tools(request: Request, body: dict[str, Any]) -> None:
    choice = request.tool_choice
    if not request.tools:
        if choice is not None and choice.mode in ("required", "function"):
            raise InvalidField("tool_choice forces a tool, and no tools are given.", "Add tools.", param="tool_choice")
        return
    body["tools"] = [_tool(tool, request) for tool in request.tools]
    shape: dict[str, Any] | None = None
    if choice is not None:
        kind = {"required": "any", "function": "tool"}.get(choice.mode, choice.mode)
        shape = {"type": kind, "name": choice.name} if kind == "tool" else {"type": kind}
    if request.parallel_tool_calls is not None and (choice is None or choice.mode != "none"):
        shape = shape if shape is not None else {"type": "auto"}
        shape["disable_parallel_tool_use"] = not request.parallel_tool_calls
    if shape is not None:
        body["tool_choice"] = shape


def _tool(tool: Tool, request: Request) -> WireBlock:
    if tool.kind != "function":
        raise Unsupported(
            f"The tool {tool.name!r} is of the kind `{tool.kind}`, which only {request.dialect} knows.",
            "Leave it out, write it as a function, or use a model that has it.",
            param="tools",
        )
    shape: WireBlock = {"name": tool.name}
    if tool.description is not None:
        shape["description"] = tool.description
    shape["input_schema"] = _input_schema(tool.parameters, request)
    if tool.strict:
        shape["strict"] = True
    if tool.cache is not None:
        shape["cache_control"] = {"type": "ephemeral", "ttl": tool.cache}
    return shape


def _input_schema(given: Raw | None, request: Request) -> Raw:
    """The parameters as Anthropic takes them: a schema that says of itself that it is an object's. To others `{}` is one too."""
    if given is None:
        return _EMPTY_SCHEMA
    if request.dialect in OURS:
        return given
    try:
        fields = _object.decode(given)
    except msgspec.ValidationError:
        return given  # no object, which Anthropic says itself
    return given if "type" in fields else Raw(_encode({"type": "object", "properties": {}} | fields))


def _schema(output: OutputFormat, request: Request) -> Raw:
    """The schema, its objects closed: Anthropic takes no other, and what fits the closed one fits the caller's too."""
    if output.schema is None:
        return _EMPTY_SCHEMA
    if request.dialect in OURS:
        return output.schema
    schema: Any = msgspec.json.decode(output.schema)
    return Raw(_encode(schema)) if _close(schema) else output.schema


def _close(schema: Any) -> bool:
    """Adds `additionalProperties: false` to each object that has properties and says nothing; whether it did."""
    if not isinstance(schema, dict):
        return False
    node = cast("dict[str, Any]", schema)
    changed = False
    if isinstance(node.get("properties"), dict) and "additionalProperties" not in node:
        node["additionalProperties"] = False
        changed = True
    for word in ("properties", "$defs", "definitions"):
        named: Any = node.get(word)
        if isinstance(named, dict):
            for inner in cast("dict[str, Any]", named).values():
                changed |= _close(inner)
    for word in ("items", "anyOf", "oneOf"):  # not allOf: closed branches would exclude one another
        inner: Any = node.get(word)
        for one in cast("list[Any]", inner) if isinstance(inner, list) else (inner,):
            changed |= _close(one)
    return changed


# --- the rest ------------------------------------------------------------------------------------------------------------


def _write_sampling(request: Request, target: Target, body: dict[str, Any], *, thinks: bool) -> None:
    """Temperature and its kin. While it thinks, a model takes none of them but a `top_p` of 0.95 and above."""
    temperature, top_p, top_k = request.temperature, request.top_p, request.top_k
    if thinks and temperature is not None and temperature != 1:
        drop(target, "temperature")
        temperature = None
    if thinks and top_k is not None:
        drop(target, "top_k")
        top_k = None
    if top_p is not None and (temperature is not None or (thinks and top_p < 0.95)):
        # Anthropic takes one of temperature and top_p; a top_p of 1 says nothing.
        if top_p != 1:
            drop(target, "top_p")
        top_p = None
    most = target.traits.temperature_max
    if temperature is not None and temperature > most and "temperature" not in target.traits.refuses:
        raise InvalidField(
            f"temperature is {temperature:g}, and {target.model} takes 0 to {most:g}.",
            f"Set it to at most {most:g}.",
            param="temperature",
        )
    for name, value in (("temperature", temperature), ("top_p", top_p), ("top_k", top_k)):
        if value is not None:
            body[name] = value


def _write_rest(request: Request, target: Target, body: dict[str, Any]) -> None:
    if request.stop:
        body["stop_sequences"] = request.stop
    if request.user is not None:
        body["metadata"] = {"user_id": request.user}
    if request.service_tier in _TIERS:
        body["service_tier"] = _TIERS[request.service_tier]
    elif request.service_tier is not None:
        drop(target, "service_tier")
    if request.stream:
        body["stream"] = True
    for name in ("seed", "prompt_cache_key", "top_logprobs"):
        if getattr(request, name) is not None:
            drop(target, name)
    for name in ("frequency_penalty", "presence_penalty", "logprobs", "metadata"):  # zero, false and {} ask for nothing
        if getattr(request, name):
            drop(target, name)
    for name in request.unknown:
        if request.dialect in OURS and name in request.fields:
            body[name] = request.fields[name]
        else:
            drop(target, name)


def _fitted(body: dict[str, Any], request: Request, target: Target) -> dict[str, Any]:
    """The body without what the vendor refuses, under the names that it knows."""
    for name in target.traits.refuses:
        if body.pop(name, None) is not None:
            drop(target, _word(name, request))
    for name, other in target.traits.renames.items():
        if name in body:
            body[other] = body.pop(name)
    return body


def _word(name: str, request: Request) -> str:
    """The caller's word for a field of ours."""
    if name in ("thinking", "output_config"):
        return said(request)
    if name == "stop_sequences" and request.dialect not in OURS:
        return "stop"
    return name
