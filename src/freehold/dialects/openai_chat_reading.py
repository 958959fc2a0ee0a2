"""OpenAI Chat: a caller's request, from bytes to our words.

It knows what the fields mean, and refuses what every vendor would refuse. It knows no vendor: what only some refuse is
for `Traits` and for the vendor itself. Source: openai SDK 3.54, `types/chat/completion_create_params.py`.
"""

from typing import Final, cast, get_args

import msgspec
from msgspec import Raw

from freehold.dialects import body
from freehold.dialects.openai_chat_reasoning import read_reasoning
from freehold.dialects.openai_chat_wire import (
    SAME,
    ContentPart,
    FileFields,
    FunctionFields,
    MessageFields,
    RequestFields,
    ToolCallFields,
    ToolFields,
)
from freehold.errors import InvalidField
from freehold.messages import (
    Audio,
    File,
    Image,
    Message,
    Opaque,
    OutputFormat,
    Part,
    ReasoningAsk,
    Refusal,
    Request,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)

NAME: Final = "openai-chat"

LEGACY_FUNCTION: Final = "legacy_function"
"""The kind of a tool given in `functions`, which came before `tools`: it passes within this dialect and no other."""

_decoder = msgspec.json.Decoder(RequestFields)

_KNOWN: Final = frozenset(RequestFields.__struct_fields__)
_SAME: Final = frozenset((*SAME, "top_k", "service_tier"))
"""Fields that are read as they stand. Set one by one where they are given, which few are: naming all of them in each call costs several
times as much."""

_ROLES: Final[frozenset[str]] = frozenset(get_args(Role))


def read_request(data: bytes) -> Request:
    """A caller's body as a `Request`. Raises `MalformedBody`, `InvalidField`."""
    wire, fields = body.read(_decoder, data)
    unknown = [] if _KNOWN.issuperset(fields) else [name for name in fields if name not in _KNOWN]
    tools, tool_choice = _tools(wire, unknown)
    request = Request(
        dialect=NAME,
        model=wire.model,
        messages=tuple([_message(message, place) for place, message in enumerate(wire.messages)]),
        tools=tools,
        tool_choice=tool_choice,
        output=_output(wire, unknown),
        reasoning=_reasoning_ask(wire),
        max_tokens=wire.max_tokens if wire.max_completion_tokens is None else wire.max_completion_tokens,
        stop=(wire.stop,) if isinstance(wire.stop, str) else tuple(wire.stop or ()),
        user=wire.user or wire.safety_identifier,
        stream=bool(wire.stream),
        stream_usage=bool(wire.stream_options and wire.stream_options.include_usage),
        fields=fields,
        unknown=tuple(unknown),
    )
    for name in _SAME.intersection(fields):
        setattr(request, name, getattr(wire, name))
    _check(request, wire)
    return request


# --- what every vendor refuses -------------------------------------------------------------------------------------------


def _check(request: Request, wire: RequestFields) -> None:
    if not request.model:
        raise InvalidField("`model` is empty.", "Name a model, such as `openai/gpt-5-mini`.", param="model")
    if not request.messages:
        raise InvalidField("`messages` is empty.", "Send at least one message.", param="messages")
    if request.max_tokens is not None and request.max_tokens < 1:
        name = "max_tokens" if wire.max_completion_tokens is None else "max_completion_tokens"
        raise InvalidField(f"`{name}` is {request.max_tokens}; it must be at least 1.", param=name)
    _within("temperature", request.temperature, 0.0, None)
    _within("top_p", request.top_p, 0.0, 1.0)
    _within("n", request.n, 1, None)
    _within("top_logprobs", request.top_logprobs, 0, None)


def _within(name: str, value: float | None, least: float, most: float | None) -> None:
    if value is None or (value >= least and (most is None or value <= most)):
        return
    bounds = f"at least {least}" if most is None else f"between {least} and {most}"
    raise InvalidField(f"`{name}` is {value}; it must be {bounds}.", param=name)


# --- messages ------------------------------------------------------------------------------------------------------------


def _message(message: MessageFields, place: int) -> Message:
    role = message.role
    if role == "user" or role == "system" or role == "developer":
        content = message.content
        if content is None:
            raise _required(f"messages[{place}].content")
        if isinstance(content, str):
            return Message(role, (Text(content),), message.name)
        return Message(role, _parts(content, f"messages[{place}].content"), message.name)
    if role == "assistant":
        return Message("assistant", _assistant_parts(message, f"messages[{place}]"), message.name)
    if role == "tool":
        return Message("tool", (_tool_result(message, f"messages[{place}]"),), message.name)
    if role == "function":
        return Message("tool", (Opaque(NAME, "function"),), message.name)
    if role is None:
        raise _required(f"messages[{place}].role")
    raise InvalidField(
        f"`messages[{place}].role` is {role!r}; it must be one of {', '.join(sorted(_ROLES))}.",
        param=f"messages[{place}].role",
    )


def _assistant_parts(message: MessageFields, path: str) -> tuple[Part, ...]:
    parts: list[Part] = []
    if message.reasoning_details or message.reasoning_content or message.reasoning:
        parts += read_reasoning(message)
    if isinstance(message.content, str):
        if message.content:
            parts.append(Text(message.content))
    elif message.content:
        parts += _parts(message.content, f"{path}.content")
    if message.refusal:
        parts.append(Refusal(message.refusal))
    if message.audio:
        parts.append(Opaque(NAME, "audio"))
    for number, call in enumerate(message.tool_calls or ()):
        parts.append(_tool_call(call, f"{path}.tool_calls[{number}]"))
    if message.function_call:
        parts.append(Opaque(NAME, "function_call"))
    return tuple(parts)


def _tool_call(call: ToolCallFields, path: str) -> ToolCall | Opaque:
    if call.type not in (None, "function"):
        return Opaque(NAME, f"tool_call.{call.type}")
    if not call.id:
        raise _required(f"{path}.id")
    if call.function is None or not call.function.name:
        raise _required(f"{path}.function.name")
    return ToolCall(call.id, call.function.name, arguments_text(call.function.arguments))


def arguments_text(arguments: str | dict[str, object] | None) -> str:
    """The arguments of a call as JSON text; a few vendors write them as an object."""
    if isinstance(arguments, dict):
        return msgspec.json.encode(arguments).decode()
    return arguments or ""


def _tool_result(message: MessageFields, path: str) -> ToolResult:
    if not message.tool_call_id:
        raise _required(f"{path}.tool_call_id")
    content = message.content
    if content is None:
        return ToolResult(message.tool_call_id, ())
    if isinstance(content, str):
        return ToolResult(message.tool_call_id, (Text(content),))
    parts = _parts(content, f"{path}.content")
    for number, part in enumerate(parts):
        if not isinstance(part, Text | Image | File):
            raise InvalidField(
                f"`{path}.content[{number}]` cannot stand in the result of a tool.",
                "Send text, an image or a file.",
                param=f"{path}.content[{number}]",
            )
    return ToolResult(message.tool_call_id, cast("tuple[Text | Image | File, ...]", parts))


# --- parts of content ----------------------------------------------------------------------------------------------------


def _parts(content: list[ContentPart], path: str) -> tuple[Part, ...]:
    return tuple([_part(part, f"{path}[{number}]") for number, part in enumerate(content)])


def _part(part: ContentPart, path: str) -> Part:
    cache = _cache(part)
    match part.type:
        case "text" | "input_text" | "output_text":
            if part.text is None:
                raise _required(f"{path}.text")
            return Text(part.text, cache)
        case "image_url":
            return _image(part, path, cache)
        case "input_audio":
            if part.input_audio is None:
                raise _required(f"{path}.input_audio")
            return Audio(part.input_audio.data, part.input_audio.format)
        case "file":
            if part.file is None:
                raise _required(f"{path}.file")
            return _file(part.file, f"{path}.file", cache)
        case "refusal":
            return Refusal(part.refusal or "")
        case _:
            return Opaque(NAME, part.type)


def _image(part: ContentPart, path: str, cache: str | None) -> Image:
    image = part.image_url
    if image is None:
        raise _required(f"{path}.image_url")
    url, detail = (image, None) if isinstance(image, str) else (image.url, image.detail)
    if not url:
        raise _required(f"{path}.image_url.url")
    if not url.startswith("data:"):
        return Image(url=url, detail=detail, cache=cache)
    media_type, data = _data_url(url, f"{path}.image_url.url")
    return Image(media_type=media_type, data=data, detail=detail, cache=cache)


def _file(file: FileFields, path: str, cache: str | None) -> File:
    if file.file_id:
        return File(file_id=file.file_id, filename=file.filename, cache=cache)
    if not file.file_data:
        raise _required(f"{path}.file_data")
    if file.file_data.startswith(("https://", "http://")):
        return File(url=file.file_data, filename=file.filename, cache=cache)
    if not file.file_data.startswith("data:"):
        return File(data=file.file_data, filename=file.filename, cache=cache)
    media_type, data = _data_url(file.file_data, f"{path}.file_data")
    return File(media_type=media_type, data=data, filename=file.filename, cache=cache)


def _data_url(url: str, path: str) -> tuple[str, str]:
    """(media type, base64) of a `data:` URL (RFC 2397). Only base64, since that is all that vendors take."""
    head, comma, data = url[5:].partition(",")
    media_type, *parameters = head.split(";")
    if not comma or "base64" not in parameters:
        raise InvalidField(
            f"`{path}` is a data: URL that is not base64.",
            "Write it as data:MEDIA/TYPE;base64,DATA.",
            param=path,
        )
    return media_type or "application/octet-stream", data


def _cache(part: ContentPart) -> str | None:
    if part.cache_control is not None:
        return part.cache_control.ttl or "5m"
    if part.prompt_cache_breakpoint is not None:
        # OpenAI's two lifetimes are 30 minutes and 12 hours; each goes to the nearest that we know.
        return "1h" if part.prompt_cache_breakpoint.ttl == "12h" else "5m"
    return None


# --- tools and shape -----------------------------------------------------------------------------------------------------


def _tools(wire: RequestFields, unknown: list[str]) -> tuple[tuple[Tool, ...], ToolChoice | None]:
    tools = tuple([_tool(tool, f"tools[{number}]") for number, tool in enumerate(wire.tools or ())])
    tools += tuple([_function(function, LEGACY_FUNCTION, None) for function in wire.functions or ()])
    choice = wire.tool_choice
    if choice is None:
        return tools, None
    if isinstance(choice, str):
        match choice:
            case "auto" | "none" | "required":
                return tools, ToolChoice(choice)
            case "any":  # Mistral's word
                return tools, ToolChoice("required")
            case _:
                raise InvalidField(f"`tool_choice` is {choice!r}; use auto, none or required.", param="tool_choice")
    if choice.type == "allowed_tools" and choice.allowed_tools is not None:
        allowed = {tool.function.name for tool in choice.allowed_tools.tools if tool.function is not None}
        mode = "required" if choice.allowed_tools.mode == "required" else "auto"
        return tuple([tool for tool in tools if tool.name in allowed]), ToolChoice(mode)
    if choice.function is not None:
        return tools, ToolChoice("function", choice.function.name)
    if choice.type == "function":
        raise _required("tool_choice.function.name")
    unknown.append("tool_choice")
    return tools, None


def _tool(tool: ToolFields, path: str) -> Tool:
    cache = None if tool.cache_control is None else tool.cache_control.ttl or "5m"
    if tool.type != "function":
        return Tool(name=tool.type, kind=tool.type, cache=cache)
    if tool.function is None:
        raise _required(f"{path}.function")
    if not tool.function.name:
        raise _required(f"{path}.function.name")
    return _function(tool.function, "function", cache)


def _function(function: FunctionFields, kind: str, cache: str | None) -> Tool:
    return Tool(
        name=function.name,
        description=function.description,
        parameters=_given(function.parameters),
        strict=function.strict,
        kind=kind,
        cache=cache,
    )


def _output(wire: RequestFields, unknown: list[str]) -> OutputFormat | None:
    wanted = wire.response_format
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object":
        return OutputFormat("json_object")
    if wanted.type == "json_schema":
        schema = wanted.json_schema
        if schema is None:
            raise _required("response_format.json_schema")
        return OutputFormat("json_schema", _given(schema.schema), schema.name, schema.description, schema.strict)
    unknown.append("response_format")
    return None


def _reasoning_ask(wire: RequestFields) -> ReasoningAsk | None:
    if wire.reasoning_effort is None and wire.reasoning is None and wire.thinking is None:
        return None
    effort, budget, enabled, adaptive = wire.reasoning_effort, None, None, False
    if wire.thinking is not None:
        budget = wire.thinking.budget_tokens
        adaptive = wire.thinking.type == "adaptive"
        enabled = wire.thinking.type != "disabled"
    if wire.reasoning is not None:
        effort = wire.reasoning.effort or effort
        budget = wire.reasoning.max_tokens or budget
        enabled = enabled if wire.reasoning.enabled is None else wire.reasoning.enabled
    return ReasoningAsk(effort=effort, budget_tokens=budget, enabled=enabled, adaptive=adaptive)


def _required(path: str) -> InvalidField:
    return InvalidField(f"The field `{path}` is required.", param=path)


def _given(raw: Raw) -> Raw | None:
    """The value, None for null. (`msgspec` takes no `Raw | None` in a shape: it reads only the null of it.)"""
    return None if bytes(raw) == b"null" else raw
