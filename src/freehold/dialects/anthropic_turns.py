"""Writing a conversation in our words as the `system` and `messages` of a Messages request.

Anthropic's rules for turns: the operator's words stand apart at the top, neighbouring turns of one speaker are one turn,
tool results come first in the user's turn, no text block is empty, ids of calls have a narrow alphabet. What cannot be
carried is an error where leaving it out would change the answer, and is named in `Target.dropped` where it would not.
Source: Claude documentation, "Messages", "Handle tool calls", "Thinking"; anthropic SDK 2.12, `types/*_block_param.py`.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from freehold.dialects.anthropic_wire import COUNT_NAME, NAME
from freehold.dialects.dialect import Target
from freehold.errors import InvalidField, Unsupported
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

OURS: Final = frozenset({NAME, COUNT_NAME})
"""The front dialects in which a caller speaks to Anthropic directly: an artefact without a seal is then Anthropic's."""

WireBlock = dict[str, Any]

_IMAGE_TYPES: Final[Mapping[str, str]] = {
    "/9j/": "image/jpeg",
    "iVBORw0KGgo": "image/png",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
}
"""The base64 of each format's first bytes."""

_PDF: Final = "application/pdf"
_PDF_START: Final = "JVBERi0"

_object = msgspec.json.Decoder(dict[str, Raw])


class Turns(Struct):
    """`system` as the wire has it (None when nothing was said), and the turns."""

    system: str | list[WireBlock] | None
    messages: list[WireBlock]


class _Turn(Struct):
    role: str
    results: list[WireBlock]
    blocks: list[WireBlock]


def write_turns(request: Request, target: Target) -> Turns:
    """The conversation for `target`. Raises `Unsupported` and `InvalidField`; names in `target.dropped` what stays."""
    system: list[WireBlock] = []
    turns: list[_Turn] = []
    for at, message in enumerate(request.messages):
        if message.name is not None:
            drop(target, "name")
        if message.role in ("system", "developer"):
            system.extend(_system(message, at))
            continue
        turn = _turn(message, at, request, target)
        if not turn.results and not turn.blocks:
            continue
        if turns and turns[-1].role == turn.role:
            turns[-1].results.extend(turn.results)
            turns[-1].blocks.extend(turn.blocks)
        else:
            turns.append(turn)
    if not turns:
        raise InvalidField(
            f"{target.model} needs at least one message that is not the system's and not empty.",
            "Add a message with the role user.",
            param="messages",
        )
    messages = [{"role": turn.role, "content": _short(turn.results + turn.blocks)} for turn in turns]
    return Turns(_short(system) if system else None, messages)


def drop(target: Target, name: str) -> None:
    """Names a thing as not carried, once."""
    if name not in target.dropped:
        target.dropped.append(name)


def wire_id(given: str) -> str:
    """The id of a call in Anthropic's alphabet (letters, digits, `_`, `-`), the same for the call and its result.

    Other vendors write ids such as `functions.weather:0`; those get a digest, so that no two become one.
    """
    plain = given.replace("_", "a").replace("-", "a")
    if plain.isascii() and plain.isalnum():
        return given
    clean = "".join(char if char.isascii() and char.isalnum() else "_" for char in given)
    return f"{clean}_{hashlib.sha256(given.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


# --- turns ---------------------------------------------------------------------------------------------------------------


def _system(message: Message, at: int) -> list[WireBlock]:
    blocks: list[WireBlock] = []
    for part in message.parts:
        if not isinstance(part, Text):
            raise Unsupported(
                f"The message {at} has the role {message.role} and holds more than text, which Anthropic has no place for.",
                "Move it into a message of the user.",
                param=f"messages[{at}]",
            )
        if not _is_empty(part.text):
            blocks.append(_cached({"type": "text", "text": part.text}, part.cache))
    return blocks


def _turn(message: Message, at: int, request: Request, target: Target) -> _Turn:
    turn = _Turn("assistant" if message.role == "assistant" else "user", [], [])
    for part in message.parts:
        if isinstance(part, ToolResult):
            turn.results.append(_result(part, at, request))
        elif isinstance(part, Reasoning):
            block = _artefact(part, request, target)
            if block is not None:
                turn.blocks.append(block)
        elif isinstance(part, ToolCall):
            turn.blocks.append(_call(part, at))
        elif not (isinstance(part, Text | Refusal) and _is_empty(part.text)):
            turn.blocks.append(_content(part, at, request))
    return turn


def _short(blocks: Sequence[WireBlock]) -> str | list[WireBlock]:
    """A single text without further fields as a string, which reads and costs less."""
    if len(blocks) == 1 and len(blocks[0]) == 2 and "text" in blocks[0]:
        text: str = blocks[0]["text"]
        return text
    return list(blocks)


def _is_empty(text: str) -> bool:
    """Anthropic refuses a text block that is empty or only white space."""
    return not text or text.isspace()


def _cached(block: WireBlock, cache: str | None) -> WireBlock:
    if cache is not None:
        block["cache_control"] = {"type": "ephemeral"} if cache == "5m" else {"type": "ephemeral", "ttl": cache}
    return block


# --- parts ---------------------------------------------------------------------------------------------------------------


def _content(part: Part, at: int, request: Request) -> WireBlock:
    if isinstance(part, Text):
        return _cached({"type": "text", "text": part.text}, part.cache)
    if isinstance(part, Refusal):
        return {"type": "text", "text": part.text}
    if isinstance(part, Image):
        return _cached({"type": "image", "source": _image(part, at, request)}, part.cache)
    if isinstance(part, File):
        block: WireBlock = {"type": "document", "source": _document(part, at, request)}
        if part.filename is not None:
            block["title"] = part.filename
        return _cached(block, part.cache)
    what = "audio" if isinstance(part, Audio) else "this content"
    if isinstance(part, Opaque):
        what = f"content of the type {part.kind!r}, which only {part.dialect} knows"
    raise Unsupported(
        f"Anthropic's models cannot be sent {what} (message {at}).",
        "Leave it out, or use a model that can take it.",
        param=f"messages[{at}]",
    )


def _artefact(part: Reasoning, request: Request, target: Target) -> WireBlock | None:
    """The artefact for the deployment that made it, byte for byte; None when it stays behind.

    Readable text alone may not go as a thinking block: Anthropic refuses a block without its own signature. The
    exception are vendors of this dialect that sign nothing and want the chain back (`returns_reasoning`).
    """
    mine = part.origin == target.origin or (part.origin is None and request.dialect in OURS)
    text = part.text or "".join(part.summary)
    if part.opaque is not None and mine:
        if part.redacted:
            return {"type": "redacted_thinking", "data": part.opaque}
        return {"type": "thinking", "thinking": text, "signature": part.opaque}
    if part.opaque is None and text and target.traits.returns_reasoning:
        return {"type": "thinking", "thinking": text, "signature": ""}
    drop(target, "reasoning")
    return None


def _call(part: ToolCall, at: int) -> WireBlock:
    if not part.arguments.strip():
        arguments = Raw(b"{}")
    else:
        arguments = Raw(part.arguments.encode("utf-8", "surrogatepass"))
        try:
            _object.decode(arguments)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise InvalidField(
                f"The arguments of the tool call {part.id!r} in message {at} are not a JSON object.",
                "Anthropic takes only a JSON object there: repair the arguments, or leave the call and its result out.",
                param=f"messages[{at}]",
            ) from None
    return _cached({"type": "tool_use", "id": wire_id(part.id), "name": part.name, "input": arguments}, part.cache)


def _result(part: ToolResult, at: int, request: Request) -> WireBlock:
    inner = [_content(p, at, request) for p in part.parts if not (isinstance(p, Text) and _is_empty(p.text))]
    block: WireBlock = {"type": "tool_result", "tool_use_id": wire_id(part.call_id)}
    if inner:
        block["content"] = _short(inner)
    if part.is_error:
        block["is_error"] = True
    return _cached(block, part.cache)


def _image(part: Image, at: int, request: Request) -> WireBlock:
    if part.data is not None:
        return {"type": "base64", "media_type": _image_type(part.media_type, part.data, at), "data": part.data}
    if part.url is not None:
        return {"type": "url", "url": part.url}
    return {"type": "file", "file_id": _file_id(part, at, request)}


def _image_type(said: str | None, data: str, at: int) -> str:
    """What the bytes are, where they tell: Anthropic refuses a picture that is another than it says, which others take."""
    for start, media_type in _IMAGE_TYPES.items():
        if data.startswith(start):
            return media_type
    if said is not None:
        return "image/jpeg" if said.lower() == "image/jpg" else said
    raise InvalidField(
        f"The image in message {at} does not say its media type, and its bytes are of none that Anthropic takes.",
        "Send it as image/jpeg, image/png, image/gif or image/webp.",
        param=f"messages[{at}]",
    )


def _document(part: File, at: int, request: Request) -> WireBlock:
    if part.text is not None:
        return {"type": "text", "media_type": "text/plain", "data": part.text}
    if part.url is not None:
        return {"type": "url", "url": part.url}
    if part.data is None:
        return {"type": "file", "file_id": _file_id(part, at, request)}
    media_type = part.media_type or (_PDF if _looks_like_pdf(part) else "")
    if media_type == _PDF:
        return {"type": "base64", "media_type": _PDF, "data": part.data}
    if media_type.startswith("text/"):
        return {"type": "text", "media_type": "text/plain", "data": _plain_text(part.data, at)}
    raise Unsupported(
        f"The file in message {at} is of the type {media_type or 'unknown'}; Anthropic's models read PDF and plain text.",
        "Convert it, or use a model that reads this type.",
        param=f"messages[{at}]",
    )


def _looks_like_pdf(part: File) -> bool:
    return (part.data or "").startswith(_PDF_START) or (part.filename or "").lower().endswith(".pdf")


def _plain_text(data: str, at: int) -> str:
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise InvalidField(
            f"The file in message {at} is not base64 of text in UTF-8.", param=f"messages[{at}]"
        ) from None


def _file_id(part: Image | File, at: int, request: Request) -> str:
    if part.file_id is None:
        raise InvalidField(
            f"A part of message {at} has no content.", "Give data, a URL or text.", param=f"messages[{at}]"
        )
    if request.dialect not in OURS:
        raise Unsupported(
            f"The file {part.file_id!r} in message {at} was uploaded to another vendor, and Anthropic cannot open it.",
            "Send the content itself, as base64 or by URL.",
            param=f"messages[{at}]",
        )
    return part.file_id
