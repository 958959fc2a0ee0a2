"""Reads a caller's Responses request into our words.

Items that one answer is made of (reasoning, text, function calls) stand side by side in this format; here they become
one assistant message, because every other dialect keeps them together and some refuse them apart. It knows no vendor:
what cannot leave this dialect is named (`unknown`, `bound`) or kept as an `Opaque` part, and the writers decide.
"""

from collections.abc import Iterable
from typing import Final, cast

import msgspec
from msgspec import Raw

from freehold.dialects import origin
from freehold.dialects.body import read
from freehold.dialects.dialect import Fields
from freehold.dialects.responses_kept import kept_in_items, kept_in_tools
from freehold.dialects.responses_wire import (
    NAME,
    REDACTED,
    Content,
    WireChoice,
    WireItem,
    WirePart,
    WireRequest,
    WireTool,
)
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

_CARRIED: Final = frozenset(
    {
        *("model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "text", "reasoning"),
        *("include", "max_output_tokens", "temperature", "top_p", "top_logprobs", "user", "safety_identifier"),
        *(
            "service_tier",
            "prompt_cache_key",
            "metadata",
            "store",
            "truncation",
            "stream",
            "stream_options",
            "background",
        ),
    }
)
"""Fields with a place in our words, or whose usual values ask for nothing that another dialect does not do anyway."""

_INCLUDES_CARRIED: Final = frozenset({"reasoning.encrypted_content", "message.output_text.logprobs"})
_ROLES: Final[dict[str, Role]] = {
    "user": "user",
    "assistant": "assistant",
    "system": "system",
    "developer": "developer",
}
_TEXTS: Final = frozenset({"input_text", "output_text", "text", "summary_text", "reasoning_text"})
_OF_CALLERS: Final = frozenset({"function", "custom"})
"""Kinds of tools that callers run themselves: nothing that they say is an id of the vendor's."""

_NAMING: Final = frozenset(
    {
        *("computer_call_output", "custom_tool_call_output", "code_interpreter_call", "shell_call"),
        *("additional_tools", "tool_search_output"),
    }
)
"""Kinds of items that can name what the vendor keeps: pictures, containers, and what tools name."""

_WITH_TOOLS: Final = frozenset({"additional_tools", "tool_search_output"})
"""Kinds of items that bring tools in the middle of a conversation. The model may use them as if they stood in `tools`."""

_NULL: Final = b"null"
_decoder: Final = msgspec.json.Decoder(WireRequest)
_tools_decoder: Final = msgspec.json.Decoder(list[WireTool])


def read_request(body: bytes) -> Request:
    """The request in our words. Raises `MalformedBody`, `InvalidField`, and `Unsupported` for a job in the background."""
    wire, fields = read(_decoder, body)
    if wire.background is True:
        raise Unsupported(
            "`background` leaves the answer with the vendor, and no door here fetches it or learns what it cost.",
            "Leave `background` out, and stream an answer that takes long.",
            param="background",
        )
    named = _references(wire, fields)
    bound = _bound(wire, named)
    if wire.input is None and bound is None:
        raise InvalidField("The field `input` is missing.", "Send a text or a list of items.", param="input")
    messages, reference = _messages(wire)
    tools = tuple(_tool(tool, f"tools[{at}]") for at, tool in enumerate(wire.tools or ()))
    if isinstance(wire.input, list) and any(item.type in _WITH_TOOLS for item in wire.input):
        tools += tuple(_brought(wire.input))
    choice, tools = _choice(wire.tool_choice, tools)
    ask = wire.reasoning
    return Request(
        dialect=NAME,
        model=wire.model,
        messages=messages,
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=wire.parallel_tool_calls,
        output=_output(wire),
        reasoning=ask and ReasoningAsk(effort=ask.effort, summary=ask.summary or ask.generate_summary),
        max_tokens=wire.max_output_tokens,
        temperature=wire.temperature,
        top_p=wire.top_p,
        logprobs=True if "message.output_text.logprobs" in (wire.include or ()) else None,
        top_logprobs=wire.top_logprobs,
        user=wire.safety_identifier or wire.user,
        service_tier=wire.service_tier,
        prompt_cache_key=wire.prompt_cache_key,
        metadata=wire.metadata,
        stream=wire.stream is True,
        stream_usage=wire.stream is True,
        fields=fields,
        unknown=_unknown(wire, fields, choice),
        bound=bound or reference,
        references=named if reference is None else (*named, reference),
        earlier=wire.previous_response_id,
        max_tool_calls=wire.max_tool_calls,
    )


def _bound(wire: WireRequest, named: tuple[str, ...]) -> str | None:
    """The field that refers to what only the vendor keeps."""
    if wire.previous_response_id is not None:
        return "previous_response_id"
    return next(iter(named), None)


def _references(wire: WireRequest, fields: Fields) -> tuple[str, ...]:
    """What holds an id of a thing that the vendor keeps, but for an earlier response and for items that only refer to one."""
    names = [name for name in ("conversation", "prompt") if name in fields and bytes(fields[name]) != _NULL]
    if any(tool.type not in _OF_CALLERS for tool in wire.tools or ()):
        names.extend(kept_in_tools(fields))
    if isinstance(wire.input, list) and any(item.type in _NAMING for item in wire.input):
        names.extend(kept_in_items(fields))
    return tuple(names)


def _unknown(wire: WireRequest, fields: Fields, choice: ToolChoice | None) -> tuple[str, ...]:
    """What was asked for and has no place in our words; a dot leads to a field inside a field."""
    names = [name for name, value in fields.items() if name not in _CARRIED and bytes(value) != _NULL]
    text, ask, options = wire.text, wire.reasoning, wire.stream_options
    inner = (
        ("text.verbosity", text is not None and text.verbosity is not None),
        ("reasoning.context", ask is not None and ask.context not in (None, "auto")),
        ("reasoning.mode", ask is not None and ask.mode not in (None, "standard")),
        ("tool_choice", wire.tool_choice is not None and choice is None),
        ("include", not _INCLUDES_CARRIED.issuperset(wire.include or ())),
        ("store", wire.store is True),
        ("truncation", wire.truncation == "auto"),
        ("stream_options", options is not None and options.include_obfuscation is True),
    )
    names.extend(name for name, asked in inner if asked)
    return tuple(names)


# --- messages --------------------------------------------------------------------------------------------------------


def _messages(wire: WireRequest) -> tuple[tuple[Message, ...], str | None]:
    """The messages, and the name of the first item that only refers to one that the vendor keeps."""
    messages: list[Message] = []
    if wire.instructions is not None:
        messages.append(Message("system", (Text(wire.instructions),)))
    if isinstance(wire.input, str):
        messages.append(Message("user", (Text(wire.input),)))
        return tuple(messages), None
    reference: str | None = None
    turn: list[Part] = []
    for at, item in enumerate(wire.input or ()):
        path = f"input[{at}]"
        kind = _kind(item, path)
        if kind == "item_reference" and reference is None:
            reference = path
        if kind == "message" and item.role != "assistant":
            _end_turn(messages, turn)
            messages.append(_message(item, path))
        elif kind == "function_call_output" and item.call_id is not None:
            _end_turn(messages, turn)
            messages.append(Message("tool", (_result(item.call_id, item, path),)))
        else:
            turn.extend(_turn_parts(item, kind, path))
    _end_turn(messages, turn)
    return tuple(messages), reference


def _kind(item: WireItem, path: str) -> str:
    if item.type:
        return item.type
    if item.role is not None:
        return "message"
    if item.id is not None:
        return "item_reference"
    raise InvalidField(
        f"The item `{path}` has neither a `type` nor a `role`.",
        'A message is {"role": "user", "content": "..."}; every other item says its `type`.',
        param=path,
    )


def _end_turn(messages: list[Message], turn: list[Part]) -> None:
    if turn:
        messages.append(Message("assistant", tuple(turn)))
        turn.clear()


def _message(item: WireItem, path: str) -> Message:
    role = _ROLES.get(_needed(item.role, f"{path}.role"))
    if role is None:
        raise InvalidField(
            f"The field `{path}.role` is {item.role!r}.",
            "It must be `user`, `assistant`, `system` or `developer`.",
            param=f"{path}.role",
        )
    return Message(role, tuple(_parts(item.content, f"{path}.content")))


def _turn_parts(item: WireItem, kind: str, path: str) -> Iterable[Part]:
    """The parts that this item adds to the assistant's turn."""
    if kind == "message":
        return _parts(item.content, f"{path}.content")
    if kind == "function_call":
        arguments: object = item.arguments
        if not isinstance(arguments, str):
            raise InvalidField(
                f"The field `{path}.arguments` is not a string.",
                "Send the arguments as the JSON text that the model wrote.",
                param=f"{path}.arguments",
            )
        return (ToolCall(_needed(item.call_id, f"{path}.call_id"), _needed(item.name, f"{path}.name"), arguments),)
    if kind == "reasoning":
        return (reasoning(item),)
    return (Opaque(NAME, kind),)


def reasoning(item: WireItem) -> Reasoning:
    """The artefact in a reasoning item, its seal taken off."""
    maker, payload = (None, None) if item.encrypted_content is None else origin.unseal(item.encrypted_content)
    return Reasoning(
        text="\n\n".join(texts(item.content)),
        summary=tuple(texts(item.summary)),
        opaque=payload,
        origin=maker,
        redacted=item.id is not None and item.id.startswith(REDACTED),
        id=item.id,
    )


def texts(content: Content) -> list[str]:
    """The texts in a summary or in a chain of thought, empty ones left out."""
    if isinstance(content, str):
        return [content] if content else []
    return [part.text for part in content if part.text] if isinstance(content, list) else []


# --- parts -----------------------------------------------------------------------------------------------------------


def _parts(content: Content, path: str) -> list[Part]:
    if isinstance(content, str):
        return [Text(content)]
    if not isinstance(content, list):
        raise InvalidField(f"The field `{path}` is missing or no text.", "Send a text or a list of parts.", param=path)
    return [_part(part, f"{path}[{at}]") for at, part in enumerate(content)]


def _part(part: WirePart, path: str) -> Part:
    kind = part.type
    if kind in _TEXTS:
        return Text(_needed(part.text, f"{path}.text"), _cache(part))
    if kind == "input_image":
        return _image(part, path)
    if kind == "input_file":
        return _file(part, path)
    if kind == "refusal":
        return Refusal(_needed(part.refusal, f"{path}.refusal"))
    if kind == "input_audio" and part.input_audio is not None:
        return Audio(part.input_audio.data, part.input_audio.format)
    if not kind:
        raise InvalidField(f"The field `{path}.type` is missing.", "Say what the part is.", param=f"{path}.type")
    return Opaque(NAME, kind)


def _result(call_id: str, item: WireItem, path: str) -> ToolResult | Opaque:
    parts = _parts(item.output, f"{path}.output")
    if all(isinstance(part, Text | Image | File) for part in parts):
        return ToolResult(call_id, tuple(cast("list[Text | Image | File]", parts)))
    return Opaque(NAME, item.type)


def _image(part: WirePart, path: str) -> Image:
    detail = "high" if part.detail == "original" else part.detail
    if part.file_id is not None:
        return Image(file_id=part.file_id, detail=detail, cache=_cache(part))
    media_type, data = _from_data_url(_needed(part.image_url, f"{path}.image_url"))
    if data is None:
        return Image(url=part.image_url, detail=detail, cache=_cache(part))
    return Image(media_type=media_type, data=data, detail=detail, cache=_cache(part))


def _file(part: WirePart, path: str) -> File:
    if part.file_id is not None:
        return File(file_id=part.file_id, filename=part.filename, cache=_cache(part))
    if part.file_url is not None:
        return File(url=part.file_url, filename=part.filename, cache=_cache(part))
    content = _needed(part.file_data, f"{path}.file_data")
    media_type, data = _from_data_url(content)
    if data is None:  # some clients send the bare base64 and leave the kind to the name
        data, media_type = content, "application/pdf" if (part.filename or "").lower().endswith(".pdf") else None
    return File(media_type=media_type, data=data, filename=part.filename, cache=_cache(part))


def _from_data_url(url: str) -> tuple[str | None, str | None]:
    """(media type, base64) of a `data:` URL; (None, None) of any other."""
    if not url.startswith("data:"):
        return None, None
    head, _, data = url[5:].partition(",")
    return head.partition(";")[0] or None, data


def _cache(part: WirePart) -> str | None:
    """A breakpoint without a lifetime is the usual short one; one with 30 minutes or more needs the longer of ours."""
    if part.prompt_cache_breakpoint is None:
        return None
    return "5m" if part.prompt_cache_breakpoint.ttl is None else "1h"


def _needed(value: str | None, path: str) -> str:
    if value is None:
        raise InvalidField(f"The field `{path}` is missing.", "Add it and send the request again.", param=path)
    return value


# --- tools and format ------------------------------------------------------------------------------------------------


def _tool(tool: WireTool, path: str) -> Tool:
    if tool.type != "function":
        kind = _needed(tool.type or None, f"{path}.type")
        return Tool(name=tool.name or kind, kind=kind)
    if tool.name is None and tool.function:
        raise InvalidField(
            f"The tool `{path}` is written as Chat Completions wants it.",
            "In Responses `name`, `description` and `parameters` stand beside `type`, not inside `function`.",
            param=f"{path}.name",
        )
    return Tool(
        name=_needed(tool.name, f"{path}.name"),
        description=tool.description,
        parameters=_given(tool.parameters),
        strict=tool.strict,
    )


def _brought(items: list[WireItem]) -> Iterable[Tool]:
    """The tools that these items bring."""
    for at, item in enumerate(items):
        if item.type in _WITH_TOOLS and _given(item.tools) is not None:
            path = f"input[{at}].tools"
            try:
                tools = _tools_decoder.decode(item.tools)
            except msgspec.ValidationError as error:
                raise InvalidField(f"The field `{path}` is not valid: {error}.", param=path) from None
            yield from (_tool(tool, f"{path}[{place}]") for place, tool in enumerate(tools))


def _given(raw: Raw) -> Raw | None:
    value = bytes(raw)
    return raw if value and value != _NULL else None


def _choice(choice: str | WireChoice | None, tools: tuple[Tool, ...]) -> tuple[ToolChoice | None, tuple[Tool, ...]]:
    """Our choice (None when only this dialect can say it), and the tools that it leaves."""
    if choice is None:
        return None, tools
    if isinstance(choice, WireChoice):
        if choice.type == "function":
            return ToolChoice("function", _needed(choice.name, "tool_choice.name")), tools
        if choice.type == "allowed_tools":
            allowed = {(tool.type, tool.name if tool.type == "function" else None) for tool in choice.tools or ()}
            left = tuple(t for t in tools if (t.kind, t.name if t.kind == "function" else None) in allowed)
            return ToolChoice("required" if choice.mode == "required" else "auto"), left
        return None, tools
    if choice == "auto" or choice == "none" or choice == "required":
        return ToolChoice(choice), tools
    raise InvalidField(
        f"The field `tool_choice` is {choice!r}.",
        'It must be `auto`, `none`, `required` or {"type": "function", "name": "..."}.',
        param="tool_choice",
    )


def _output(wire: WireRequest) -> OutputFormat | None:
    wanted = wire.text.format if wire.text is not None else None
    if wanted is None or wanted.type in ("", "text"):
        return None
    if wanted.type == "json_object":
        return OutputFormat("json_object")
    if wanted.type != "json_schema":
        raise InvalidField(
            f"The field `text.format.type` is {wanted.type!r}.",
            "It must be `text`, `json_schema` or `json_object`.",
            param="text.format.type",
        )
    return OutputFormat("json_schema", _given(wanted.schema), wanted.name, wanted.description, wanted.strict)
