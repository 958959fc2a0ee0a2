"""Writes a conversation in our words as the items of a Responses request.

One message becomes several items: reasoning, text and function calls stand side by side, in the order in which the
model made them. It knows no vendor; what a target cannot take is named in `target.dropped` or raised.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from freehold.dialects.dialect import Target
from freehold.dialects.openai_chat_asking import drop
from freehold.dialects.responses_wire import MINTED, NAME, WireItem, WirePart
from freehold.errors import Unsupported
from freehold.messages import (
    Audio,
    File,
    Image,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Request,
    Text,
    ToolCall,
    ToolResult,
)

_NAMES_OF_FILES: Final = {"application/pdf": "document.pdf", "text/plain": "document.txt"}


def write_items(messages: Iterable[Message], request: Request, target: Target) -> list[WireItem]:
    """The items of `input` for these messages of `request`. Raises `Unsupported` for what this dialect cannot say."""
    return [item for message in messages for item in _items(message, request, target)]


def _items(message: Message, request: Request, target: Target) -> Iterator[WireItem]:
    if message.name is not None:
        drop(target, "name")
    if message.role == "assistant":
        yield from _turn(message.parts, request, target)
        return
    if message.role == "tool":
        for part in message.parts:
            if not isinstance(part, ToolResult):
                raise _unsupported(part, "the output of a function", request)
            yield _result(part, request, target)
        return
    role = message.role if message.role == "user" else target.traits.system_role or message.role
    parts = [_input(part, request, target) for part in message.parts]
    yield WireItem("message", role=role, content=_short(parts))


def _turn(parts: Sequence[Part], request: Request, target: Target) -> Iterator[WireItem]:
    """The items of one assistant turn; neighbouring texts share a message."""
    said: list[WirePart] = []
    for part in parts:
        if isinstance(part, Text | Refusal):
            said.append(_output(part, target))
            continue
        if isinstance(part, Reasoning):
            item = _reasoning(part, request, target)
        elif isinstance(part, ToolCall):
            item = WireItem("function_call", call_id=part.id, name=part.name, arguments=part.arguments)
            _drop_cache(part.cache, target)
        else:
            raise _unsupported(part, "an assistant's message", request)
        if item is None:
            continue
        if said:
            yield WireItem("message", role="assistant", content=_short(said))
            said = []
        yield item
    if said:
        yield WireItem("message", role="assistant", content=_short(said))


def _short(parts: list[WirePart]) -> str | list[WirePart]:
    """A single text as a string: every server takes that, while some want ids on parts of an assistant."""
    if len(parts) == 1 and parts[0].text is not None:
        return parts[0].text
    return parts


def _output(part: Text | Refusal, target: Target) -> WirePart:
    if isinstance(part, Refusal):
        return WirePart("refusal", refusal=part.text)
    _drop_cache(part.cache, target)
    return WirePart("output_text", text=part.text, annotations=[])


def _reasoning(part: Reasoning, request: Request, target: Target) -> WireItem | None:
    """The artefact for the deployment that made it, and the chain for vendors that want it back; None for neither."""
    mine = part.origin == target.origin or (part.origin is None and request.dialect == NAME)
    opaque = part.opaque if mine else None
    readable = target.traits.returns_reasoning and (part.text or part.summary)
    if opaque != part.opaque or (opaque is None and not readable):
        drop(target, "reasoning")
    if opaque is None and not readable:
        return None
    return WireItem(
        "reasoning",
        id=_id(part, opaque),
        summary=[WirePart("summary_text", text=text) for text in part.summary],
        content=[WirePart("reasoning_text", text=part.text)] if part.text else None,
        encrypted_content=opaque,
    )


def _id(part: Reasoning, opaque: str | None) -> str | None:
    """What the maker called it. OpenAI checks an artefact against its id, so a wrong one is worse than none; servers
    that read only the chain want some id."""
    if opaque is None:
        return f"rs{MINTED}0"
    return None if part.id is not None and MINTED in part.id else part.id


def _result(part: ToolResult, request: Request, target: Target) -> WireItem:
    if part.is_error:
        drop(target, "is_error")
    _drop_cache(part.cache, target)
    parts = [_input(inner, request, target) for inner in part.parts]
    return WireItem("function_call_output", call_id=part.call_id, output=_short(parts) if parts else "")


def _input(part: Part, request: Request, target: Target) -> WirePart:
    if isinstance(part, Text):
        _drop_cache(part.cache, target)
        return WirePart("input_text", text=part.text)
    if isinstance(part, Image):
        _drop_cache(part.cache, target)
        return _image(part, request)
    if isinstance(part, File):
        _drop_cache(part.cache, target)
        return _file(part, request)
    raise _unsupported(part, "the input", request)


def _image(part: Image, request: Request) -> WirePart:
    detail = part.detail or "auto"
    if part.file_id is not None:
        _check_file_id(request)
        return WirePart("input_image", file_id=part.file_id, detail=detail)
    url = part.url or f"data:{part.media_type or 'image/png'};base64,{part.data or ''}"
    return WirePart("input_image", image_url=url, detail=detail)


def _file(part: File, request: Request) -> WirePart:
    if part.text is not None:  # plain text is readable everywhere, a text file only by some
        return WirePart("input_text", text=f"{part.filename}\n\n{part.text}" if part.filename else part.text)
    if part.file_id is not None:
        _check_file_id(request)
        return WirePart("input_file", file_id=part.file_id)
    if part.url is not None:
        return WirePart("input_file", file_url=part.url)
    kind = part.media_type or "application/pdf"
    name = part.filename or _NAMES_OF_FILES.get(kind, "document")
    return WirePart("input_file", file_data=f"data:{kind};base64,{part.data or ''}", filename=name)


def _check_file_id(request: Request) -> None:
    """OpenAI's two dialects share one store of files; the id of a file elsewhere means nothing here."""
    if not request.dialect.startswith("openai-"):
        raise Unsupported(
            "The request refers to a file by its id, which only the vendor that stores it knows.",
            "Send the file itself as base64, or a public URL.",
        )


def _unsupported(part: Part, where: str, request: Request) -> Unsupported:
    if isinstance(part, Opaque):
        sentence = (
            f"A part of the kind `{part.kind}` can only be sent to a model that is reached through {part.dialect}."
        )
    elif isinstance(part, Audio):
        sentence = "The Responses format takes no sound."
    else:
        sentence = f"The Responses format takes no part of the kind `{type(part).__name__}` in {where}."
    return Unsupported(
        sentence,
        "Leave the part out, or use a model that takes it.",
        param="input" if request.dialect == NAME else "messages",
    )


def _drop_cache(cache: str | None, target: Target) -> None:
    """A mark for a cache changes no answer, and most servers of this dialect refuse it."""
    if cache is not None:
        drop(target, "cache_control")
