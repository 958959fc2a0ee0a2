"""OpenAI Chat: a request in our words, written for a vendor.

It applies the vendor's `Traits` and knows no vendor by name. What Chat cannot say is an `Unsupported` error where
leaving it out would change the answer, and is named in `Target.dropped` where it would not.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

import msgspec
from msgspec import Raw

from freehold.dialects.abilities import require
from freehold.dialects.dialect import Target, Traits
from freehold.dialects.openai_chat_asking import asking_fields, drop
from freehold.dialects.openai_chat_reading import NAME
from freehold.dialects.openai_chat_reasoning import display_text, write_details
from freehold.dialects.openai_chat_wire import SAME
from freehold.errors import InvalidField, Unsupported
from freehold.messages import (
    Audio,
    File,
    Image,
    Message,
    Opaque,
    OutputFormat,
    Part,
    Reasoning,
    Refusal,
    Request,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)

_encode: Final = msgspec.json.Encoder().encode

_SAME_NAME: Final = ("max_tokens", "user", *SAME)
"""Fields that are written as `Request` has them."""

TIERS: Final = frozenset({"auto", "default", "flex", "scale", "priority", "fast"})
"""The service tiers that Chat has a word for."""


def write_request(request: Request, target: Target) -> bytes:
    """The body for a vendor. Raises `Unsupported`, `InvalidField` for a temperature that the vendor does not take."""
    traits = target.traits
    require(request, traits)
    check_temperature(request, target)
    fields: dict[str, Any] = {"model": target.model, "messages": _messages(request.messages, target)}
    if request.tools:
        fields["tools"] = [_tool(tool, target) for tool in request.tools]
    if request.tool_choice is not None:
        fields["tool_choice"] = _tool_choice(request.tool_choice)
    if request.output is not None:
        fields["response_format"] = _response_format(request.output)
    for name in _SAME_NAME:
        value = getattr(request, name)
        if value is not None:
            fields[name] = value
    if request.stop:
        fields["stop"] = list(request.stop)
    if request.service_tier in TIERS:
        fields["service_tier"] = request.service_tier
    elif request.service_tier is not None:
        drop(target, "service_tier")
    if request.reasoning is not None:
        fields.update(asking_fields(request.reasoning, target))
    if request.stream:
        fields["stream"] = True
        fields["stream_options"] = {"include_usage": True}
    _carry_rest(request, fields, target)
    return _encode(_as_vendor_knows(fields, request, target))


def check_temperature(request: Request, target: Target) -> None:
    """Raises `InvalidField` for a temperature above what the vendor takes: clamping would change the answer."""
    limit = target.traits.temperature_max
    if request.temperature is not None and request.temperature > limit and "temperature" not in target.traits.refuses:
        raise InvalidField(
            f"`temperature` is {request.temperature}; the deployment chosen for {request.model!r} takes at most {limit}.",
            "Lower the temperature.",
            param="temperature",
        )


def _carry_rest(request: Request, fields: dict[str, Any], target: Target) -> None:
    """Names without a place in our vocabulary: kept for the same dialect, named as dropped for another."""
    if request.top_k is not None:
        drop(target, "top_k")
    for name in request.unknown:
        if request.dialect == NAME and name in request.fields:
            fields.setdefault(name, request.fields[name])
        else:
            drop(target, name)


def _as_vendor_knows(fields: dict[str, Any], request: Request, target: Target) -> dict[str, Any]:
    """The fields without what the vendor refuses, under the names that it knows."""
    traits = target.traits
    for name in [name for name in fields if name in traits.refuses]:
        del fields[name]
        if name != "stream_options":  # ours, not the caller's
            drop(target, _callers_word(name, request.dialect))
    for name, new in traits.renames.items():
        if name in fields:
            fields[new] = fields.pop(name)
    return {**fields, **traits.adds, **greedy_fields(fields, request.temperature, traits)}


def greedy_fields(fields: Mapping[str, object], temperature: float | None, traits: Traits) -> dict[str, Raw]:
    """What asks for the likeliest token at less cost: `Traits.greedy` where `fields`, as the vendor gets them, ask for just that and nothing more."""
    if not traits.greedy or temperature != 0:
        return {}
    further = fields.keys() - _NOT_OF_SAMPLING - traits.adds.keys()
    return {} if any(fields[name] not in _NOTHING for name in further) else traits.greedy


_NOTHING: Final = (None, 0, Raw(b"null"), Raw(b"0"), Raw(b"0.0"), Raw(b"false"))
"""Values that leave a field without effect, as of a penalty."""

_NOT_OF_SAMPLING: Final = frozenset(
    {
        *(
            "model",
            "messages",
            "max_tokens",
            "max_completion_tokens",
            "stop",
            "n",
            "stream",
            "stream_options",
            "ignore_eos",
        ),
        *("reasoning_effort", "chat_template_kwargs", "thinking_budget_tokens"),
        *("logprobs", "top_logprobs", "logit_bias", "temperature", "top_p", "seed"),
        *("user", "metadata", "store", "service_tier", "prompt_cache_key", "safety_identifier", "cache_prompt"),
    }
)
"""Fields of a Chat body that leave the likeliest token what it is: tools and schemas become grammars, and all others may belong to a server's own ways of
sampling."""


def _callers_word(name: str, dialect: str) -> str:
    return _OTHER_WORDS.get(dialect, {}).get(name, name)


_OTHER_WORDS: Final[dict[str, dict[str, str]]] = {
    "anthropic-messages": {
        "stop": "stop_sequences",
        "reasoning_effort": "thinking",
        "response_format": "output_config.format",
        "user": "metadata.user_id",
    },
    "openai-responses": {
        "max_tokens": "max_output_tokens",
        "reasoning_effort": "reasoning",
        "response_format": "text.format",
    },
}


# --- messages ------------------------------------------------------------------------------------------------------------


def _messages(messages: Iterable[Message], target: Target) -> list[dict[str, Any]]:
    wire: list[dict[str, Any]] = []
    for message in messages:
        if message.role == "tool":
            wire += [_tool_message(part, target) for part in message.parts]
        elif message.role == "assistant":
            wire.append(_named(_assistant_message(message.parts, target), message))
        else:
            role = message.role
            if role != "user" and target.traits.system_role is not None:
                role = target.traits.system_role
            wire.append(_named({"role": role, "content": _content(message.parts, target)}, message))
    return wire


def _named(wire: dict[str, Any], message: Message) -> dict[str, Any]:
    if message.name is not None:
        wire["name"] = message.name
    return wire


def _assistant_message(parts: tuple[Part, ...], target: Target) -> dict[str, Any]:
    text: list[str] = []
    refusals: list[str] = []
    calls: list[dict[str, Any]] = []
    thoughts: list[Reasoning] = []
    for part in parts:
        match part:
            case Text():
                _drop_cache(part.cache, target)
                text.append(part.text)
            case ToolCall():
                calls.append(tool_call(part))
            case Reasoning():
                thoughts.append(part)
            case Refusal():
                refusals.append(part.text)
            case _:
                raise _unsupported(part, "an assistant's message", target)
    wire: dict[str, Any] = {"role": "assistant", "content": "".join(text) if text or not (calls or refusals) else None}
    if refusals:
        wire["refusal"] = "".join(refusals)
    if calls:
        wire["tool_calls"] = calls
    wire.update(_reasoning_fields(thoughts, target))
    return wire


def tool_call(part: ToolCall) -> dict[str, Any]:
    """One call as it stands in `tool_calls`. No arguments are an empty object, since some templates parse them."""
    return {
        "id": part.id,
        "type": "function",
        "function": {"name": part.name, "arguments": part.arguments or "{}"},
    }


def _reasoning_fields(thoughts: list[Reasoning], target: Target) -> dict[str, Any]:
    """What goes back of the reasoning: artefacts of this very deployment, and the readable chain where it is wanted."""
    traits = target.traits
    ours = [part for part in thoughts if part.opaque is not None and part.origin == target.origin]
    foreign = any(part.opaque is not None and part.origin != target.origin for part in thoughts)
    fields: dict[str, Any] = {}
    if ours:
        fields["reasoning_details"] = write_details(
            [msgspec.structs.replace(part, origin=None) for part in thoughts if part in ours or part.opaque is None]
        )
    if traits.returns_reasoning and traits.reasoning_field is not None:
        # A turn without its chain is refused by the vendors that want it back; an empty one is taken.
        fields[traits.reasoning_field] = display_text(thoughts)
    if foreign or (thoughts and not fields):
        drop(target, "reasoning")
    return fields


def _tool_message(part: Part, target: Target) -> dict[str, Any]:
    if not isinstance(part, ToolResult):
        raise _unsupported(part, "the result of a tool", target)
    texts: list[str] = []
    for piece in part.parts:
        text = piece.text if isinstance(piece, Text | File) else None
        if text is None:
            raise _unsupported(piece, "the result of a tool", target)
        texts.append(text)
    _drop_cache(part.cache, target)
    if part.is_error:
        drop(target, "is_error")
    return {"role": "tool", "tool_call_id": part.call_id, "content": "\n\n".join(texts)}


def _content(parts: tuple[Part, ...], target: Target) -> str | list[dict[str, Any]]:
    """A string when it is all text: every vendor takes that, some take nothing else."""
    if len(parts) == 1 and isinstance(parts[0], Text):
        _drop_cache(parts[0].cache, target)
        return parts[0].text
    wire = [_part(part, target) for part in parts]
    if all(part["type"] == "text" for part in wire):
        return "\n\n".join(cast("str", part["text"]) for part in wire)
    return wire


def _part(part: Part, target: Target) -> dict[str, Any]:
    match part:
        case Text():
            _drop_cache(part.cache, target)
            return {"type": "text", "text": part.text}
        case Image():
            _drop_cache(part.cache, target)
            return _image(part, target)
        case Audio():
            return {"type": "input_audio", "input_audio": {"data": part.data, "format": part.format}}
        case File():
            _drop_cache(part.cache, target)
            return _file(part, target)
        case _:
            raise _unsupported(part, "this message", target)


def _image(part: Image, target: Target) -> dict[str, Any]:
    if part.url is None and part.data is None:
        raise Unsupported(
            f"An image by file id cannot be sent to {target.model!r}: its format has none.",
            "Send the image itself as base64, or its URL.",
            param="messages",
        )
    url = part.url if part.url is not None else f"data:{part.media_type or 'image/png'};base64,{part.data}"
    image: dict[str, Any] = {"url": url}
    if part.detail is not None:
        image["detail"] = part.detail
    return {"type": "image_url", "image_url": image}


def _file(part: File, target: Target) -> dict[str, Any]:
    if part.text is not None:
        return {"type": "text", "text": part.text}
    if part.file_id is not None:
        return {"type": "file", "file": {"file_id": part.file_id}}
    if part.data is None:
        raise Unsupported(
            f"A file by URL cannot be sent to {target.model!r}: its format takes only the file itself.",
            "Send the file as base64.",
            param="messages",
        )
    media_type = part.media_type or "application/pdf"
    file = {"filename": part.filename or "file", "file_data": f"data:{media_type};base64,{part.data}"}
    return {"type": "file", "file": file}


def _drop_cache(cache: str | None, target: Target) -> None:
    if cache is not None:  # Chat vendors cache prefixes by themselves
        drop(target, "cache_control")


def _unsupported(part: Part, place: str, target: Target) -> Unsupported:
    kind = part.kind if isinstance(part, Opaque) else cast("str", type(part).__struct_config__.tag)
    return Unsupported(
        f"A part of type {kind!r} in {place} cannot be sent to {target.model!r}: its format has no place for it.",
        "Leave the part out, or name a model whose vendor speaks the format that you use.",
        param="messages",
    )


# --- tools and shape -----------------------------------------------------------------------------------------------------


def _tool(tool: Tool, target: Target) -> dict[str, Any]:
    if tool.kind != "function":
        raise Unsupported(
            f"The tool {tool.name!r} is of type {tool.kind!r}, which {target.model!r} does not have.",
            "Give it as a function, or name a model whose vendor has this tool.",
            param="tools",
        )
    _drop_cache(tool.cache, target)
    function: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.parameters is not None:
        function["parameters"] = tool.parameters
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _tool_choice(choice: ToolChoice) -> str | dict[str, Any]:
    if choice.mode == "function":
        return {"type": "function", "function": {"name": choice.name}}
    return choice.mode


def _response_format(output: OutputFormat) -> dict[str, Any]:
    if output.kind == "json_object":
        return {"type": "json_object"}
    schema: dict[str, Any] = {"name": output.name or "answer"}
    if output.description is not None:
        schema["description"] = output.description
    if output.schema is not None:
        schema["schema"] = output.schema
    if output.strict is not None:
        schema["strict"] = output.strict
    return {"type": "json_schema", "json_schema": schema}
