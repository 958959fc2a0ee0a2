"""Reading a caller's request in the Messages dialect: from the wire's shapes to our words.

It checks types and roles, never abilities or ranges: those depend on who will answer (see `anthropic_body.py`). What
has no place in our words is kept by name in `Request.unknown`, so that no other dialect drops it in silence.
Source: anthropic SDK 2.12, `types/message_create_params.py`; Claude documentation, "Messages", "Thinking".
"""

from collections.abc import Sequence

from msgspec import UNSET, Raw

from freehold.dialects import origin
from freehold.dialects.anthropic_wire import (
    ADDITION,
    KNOWN_FIELDS,
    NAME,
    Block,
    CacheControl,
    DocumentBlock,
    Head,
    ImageBlock,
    LooseResultBlock,
    LooseTurn,
    RedactedThinkingBlock,
    Source,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolShape,
    ToolUseBlock,
    Turn,
    UnknownBlock,
    decode_additions,
    decode_request,
    decode_text_or_none,
    invalid,
)
from freehold.messages import (
    File,
    Image,
    Message,
    Opaque,
    Operation,
    OutputFormat,
    Part,
    Reasoning,
    ReasoningAsk,
    Request,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)

_NULL = b"null"
_UPLOAD = "container_upload"


def read_request(body: bytes) -> Request:
    """A request for an answer. `max_tokens` is required, as Anthropic requires it.

    Raises `MalformedBody` for what is not one JSON object in UTF-8, and `InvalidField`, whose `param` is the path of
    the field (`messages[0].content`), for what has the wrong type.
    """
    head, turns, fields = decode_request(body)
    if head.max_tokens is None:
        raise invalid("max_tokens", "this field is required, a whole number of at least 0")
    return _request(head, turns, fields, NAME, "generate")


def read_count(body: bytes, dialect: str) -> Request:
    """A request for the number of tokens: the same body, of which `max_tokens` is no part. Raises as `read_request`."""
    head, turns, fields = decode_request(body)
    return _request(head, turns, fields, dialect, "count_tokens")


def _request(
    head: Head, turns: Sequence[Turn | LooseTurn], fields: dict[str, Raw], dialect: str, operation: Operation
) -> Request:
    unknown = [name for name, value in fields.items() if name not in KNOWN_FIELDS and bytes(value) != _NULL]
    messages = _messages(head, turns, unknown)
    kinds = {part.kind for message in messages for part in message.parts if isinstance(part, Opaque)}
    references = _references(kinds, unknown)
    tools = [_tool(tool, f"tools[{at}]", unknown) for at, tool in enumerate(head.tools)] if head.tools else []
    if ADDITION in kinds:  # the model may use them as if they stood in `tools`
        tools += [_tool(tool, path, unknown) for path, tool in decode_additions(fields["messages"])]
    choice = head.tool_choice
    config = head.output_config
    return Request(
        dialect=dialect,
        model=head.model,
        operation=operation,
        messages=messages,
        tools=tuple(tools),
        tool_choice=_tool_choice(head) if choice is not None else None,
        parallel_tool_calls=None
        if choice is None or choice.disable_parallel_tool_use is None
        else not choice.disable_parallel_tool_use,
        output=_output(head) if config is not None and config.format is not None else None,
        reasoning=_reasoning(head, unknown) if head.thinking is not None or config is not None else None,
        max_tokens=head.max_tokens,
        temperature=head.temperature,
        top_p=head.top_p,
        top_k=head.top_k,
        stop=tuple(head.stop_sequences) if head.stop_sequences else (),
        user=head.metadata.user_id if head.metadata is not None else None,
        # OpenAI's word for the ordinary tier stands for it in our words, as in `Usage.service_tier`.
        service_tier="default" if head.service_tier == "standard_only" else head.service_tier,
        stream=bool(head.stream),
        stream_usage=True,  # this dialect's streams always carry usage
        fields=fields,
        unknown=tuple(unknown),
        bound=_bound(messages, references),
        references=references,
    )


def _references(kinds: set[str], unknown: Sequence[str]) -> tuple[str, ...]:
    """What names a thing that Anthropic keeps, but for files in our own words: a container, and files that go into one."""
    return (*(("container",) if "container" in unknown else ()), *((_UPLOAD,) if _UPLOAD in kinds else ()))


def _bound(messages: Sequence[Message], references: tuple[str, ...]) -> str | None:
    """The field that refers to what only Anthropic keeps: a container, or the id of an uploaded file."""
    if references:
        return references[0]
    for message in messages:
        for part in message.parts:
            for inner in part.parts if isinstance(part, ToolResult) else (part,):
                if isinstance(inner, Image | File) and inner.file_id is not None:
                    return "file_id"
    return None


# --- messages ------------------------------------------------------------------------------------------------------------


def _messages(head: Head, turns: Sequence[Turn | LooseTurn], unknown: list[str]) -> tuple[Message, ...]:
    messages: list[Message] = []
    if head.system:
        messages.append(Message("system", _system(head.system)))
    for at, turn in enumerate(turns):
        if isinstance(turn.content, str):
            messages.append(Message(turn.role, (Text(turn.content),)))
        else:
            _turn(turn.role, turn.content, f"messages[{at}].content", messages, unknown)
    return tuple(messages)


def _system(system: str | list[TextBlock]) -> tuple[Part, ...]:
    if isinstance(system, str):
        return (Text(system),)
    return tuple([Text(block.text, _cache(block.cache_control)) for block in system])


def _turn(role: Role, content: Sequence[Block], where: str, messages: list[Message], unknown: list[str]) -> None:
    """Adds the turn. Each tool result becomes a message of its own and stands before the rest of the user's turn."""
    parts: list[Part] = []
    before = len(messages)
    for at, block in enumerate(content):
        if isinstance(block, TextBlock):
            parts.append(Text(block.text, _cache(block.cache_control)))
        elif isinstance(block, ToolResultBlock | LooseResultBlock):
            if role != "user":
                raise invalid(f"{where}[{at}]", "a tool_result block may only stand in a turn of the user")
            messages.append(Message("tool", (_result(block, f"{where}[{at}]", parts, unknown),)))
        elif isinstance(block, ToolUseBlock):
            parts.append(_tool_call(block, role, f"{where}[{at}]"))
        else:
            parts.append(_part(block, f"{where}[{at}]", unknown))
    if parts or len(messages) == before:
        messages.append(Message(role, tuple(parts)))


def _part(block: Block, where: str, unknown: list[str]) -> Part:
    if isinstance(block, ThinkingBlock):
        tag, signature = origin.unseal(block.signature)
        return Reasoning(text=block.thinking, opaque=signature or None, origin=tag)
    if isinstance(block, RedactedThinkingBlock):
        tag, data = origin.unseal(block.data)
        return Reasoning(opaque=data, origin=tag, redacted=True)
    if isinstance(block, ImageBlock):
        return _image(block, where)
    if isinstance(block, DocumentBlock):
        return _document(block, where, unknown)
    return Opaque(NAME, block.kind if isinstance(block, UnknownBlock) else "unknown")


def _tool_call(block: ToolUseBlock, role: Role, where: str) -> ToolCall:
    if role != "assistant":
        raise invalid(where, "a tool_use block may only stand in a turn of the assistant")
    arguments = bytes(block.input)
    if not arguments.startswith(b"{"):
        raise invalid(f"{where}.input", "expected `object`")
    return ToolCall(block.id, block.name, arguments.decode(), _cache(block.cache_control))


def _result(
    block: ToolResultBlock | LooseResultBlock, where: str, beside: list[Part], unknown: list[str]
) -> ToolResult:
    """The result. Parts of it that only this dialect knows cannot stand in it; they go to `beside`, the user's turn."""
    parts: list[Text | Image | File] = []
    if isinstance(block.content, str):
        parts.append(Text(block.content))
    else:
        for at, inner in enumerate(block.content or ()):
            if isinstance(inner, TextBlock):
                parts.append(Text(inner.text, _cache(inner.cache_control)))
                continue
            part = _part(inner, f"{where}.content[{at}]", unknown)
            if isinstance(part, Image | File):
                parts.append(part)
            else:
                beside.append(part)
    if isinstance(block, LooseResultBlock):
        beside.extend([Opaque(NAME, kind) for kind in block.unknown])
    return ToolResult(block.tool_use_id, tuple(parts), bool(block.is_error), _cache(block.cache_control))


def _image(block: ImageBlock, where: str) -> Part:
    source, cache = block.source, _cache(block.cache_control)
    if source.type == "base64":
        return Image(media_type=source.media_type, data=_need(source.data, where, "data"), cache=cache)
    if source.type == "url":
        return Image(url=_need(source.url, where, "url"), cache=cache)
    if source.type == "file":
        return Image(file_id=_need(source.file_id, where, "file_id"), cache=cache)
    return Opaque(NAME, "image")


def _document(block: DocumentBlock, where: str, unknown: list[str]) -> Part:
    source, name, cache = block.source, block.title, _cache(block.cache_control)
    if block.context is not None:
        unknown.append("context")
    if block.citations is not None and block.citations.enabled:
        unknown.append("citations")
    if source.type == "base64":
        data = _need(source.data, where, "data")
        return File(media_type=source.media_type, data=data, filename=name, cache=cache)
    if source.type == "url":
        return File(url=_need(source.url, where, "url"), filename=name, cache=cache)
    if source.type == "file":
        return File(file_id=_need(source.file_id, where, "file_id"), filename=name, cache=cache)
    text = _document_text(source, where)
    return Opaque(NAME, "document") if text is None else File(text=text, filename=name, cache=cache)


def _document_text(source: Source, where: str) -> str | None:
    if source.type == "text":
        return _need(source.data, where, "data")
    if source.type == "content" and source.content is not UNSET:
        return decode_text_or_none(source.content)
    return None


def _need(value: str | None, where: str, name: str) -> str:
    if value is None:
        raise invalid(f"{where}.source.{name}", "this field is required for a source of this type")
    return value


def _cache(control: CacheControl | None) -> str | None:
    if control is None:
        return None
    return control.ttl or "5m"


# --- options -------------------------------------------------------------------------------------------------------------


def _tool(tool: ToolShape, path: str, unknown: list[str]) -> Tool:
    cache = _cache(tool.cache_control)
    if tool.type is not None and tool.type != "custom":
        return Tool(name=tool.name or tool.type, kind=tool.type, cache=cache, max_uses=tool.max_uses)
    if tool.name is None:
        raise invalid(f"{path}.name", "this field is required")
    if tool.input_schema is UNSET:
        raise invalid(f"{path}.input_schema", "this field is required")
    if tool.input_examples is not UNSET:
        unknown.append("input_examples")
    return Tool(tool.name, tool.description, tool.input_schema, tool.strict, cache=cache)


def _tool_choice(head: Head) -> ToolChoice | None:
    choice = head.tool_choice
    if choice is None:
        return None
    if choice.type == "tool":
        if choice.name is None:
            raise invalid("tool_choice.name", "this field is required when the type is `tool`")
        return ToolChoice("function", choice.name)
    if choice.type == "any":
        return ToolChoice("required")
    return ToolChoice("none" if choice.type == "none" else "auto")


def _output(head: Head) -> OutputFormat | None:
    shape = head.output_config.format if head.output_config is not None else None
    if shape is None:
        return None
    if shape.type != "json_schema" or shape.schema is UNSET:
        raise invalid("output_config.format", "expected a `json_schema` with a `schema`")
    return OutputFormat("json_schema", shape.schema)


def _reasoning(head: Head, unknown: list[str]) -> ReasoningAsk | None:
    effort = head.output_config.effort if head.output_config is not None else None
    thinking = head.thinking
    if thinking is None:
        return ReasoningAsk(effort=effort) if effort is not None else None
    summary = {"summarized": "auto", "omitted": "omitted"}.get(thinking.display or "")
    if thinking.type == "enabled":
        if thinking.budget_tokens is None:
            raise invalid("thinking.budget_tokens", "this field is required when the type is `enabled`")
        return ReasoningAsk(effort=effort, budget_tokens=thinking.budget_tokens, enabled=True, summary=summary)
    if thinking.type == "adaptive":
        return ReasoningAsk(effort=effort, adaptive=True, summary=summary)
    if thinking.type in ("disabled", "between_tools"):  # the latter is thinking off, with progress notes between tools
        return ReasoningAsk(effort=effort, enabled=False)
    unknown.append("thinking")
    return ReasoningAsk(effort=effort) if effort is not None else None
