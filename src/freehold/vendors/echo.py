"""`echo`: a vendor that lives in the worker itself. Deterministic, offline, free; for examples, tests and benchmarks.

`echo/echo` answers with the last thing that was said to it, in every dialect, streamed or not. Given tools it calls the
one that it must, or the first one that the user's text names; given a JSON schema it answers with the smallest value
that fits; asked to think, it thinks one sentence and seals it, and refuses a seal that it did not make. A token is a
word. `echo/down` always answers 503, to see failover happen.

It is the one vendor with behaviour, since there is no server behind it.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, cast

import msgspec

from freehold.dialects import get
from freehold.dialects.dialect import Dialect, Traits
from freehold.errors import FreeholdError, VendorRefused
from freehold.messages import (
    Chunk,
    File,
    Finish,
    Finished,
    Image,
    Message,
    Part,
    PartEnd,
    Reasoning,
    ReasoningDelta,
    ReasoningSeal,
    Reply,
    Request,
    Started,
    Text,
    TextDelta,
    Tool,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    ToolResult,
    Usage,
    UsageReport,
)
from freehold.vendors.vendor import Speaks, Vendor

CREATED = 1_700_000_000
"""The time stamp of every answer: the same question gets the same bytes."""

LARGEST_EXAMPLE = 10_000
"""Values, and letters of texts, in an example that fits a schema."""

DEEPEST_EXAMPLE = 100
"""Levels of an example."""

_JSON = {"content-type": "application/json"}
_SSE = {"content-type": "text/event-stream"}


def respond(model: str, dialect_name: str, body: bytes) -> tuple[int, dict[str, str], list[bytes]]:
    """Status, headers and the pieces of the body, as a server of that dialect would send them."""
    dialect = get(dialect_name)
    if model == "down":
        error = VendorRefused("echo/down is always down.", status=503, kind="server_error")
        return 503, _JSON, [dialect.write_error(error, "echo")]
    try:
        request = dialect.read_request(body)
        reply = _reply(request, body)
    except FreeholdError as error:
        return error.status, _JSON, [dialect.write_error(error, "echo")]
    if not request.stream:
        return 200, _JSON, [dialect.write_reply(reply, request)]
    return 200, _SSE, _stream(dialect, request, reply)


def _reply(request: Request, body: bytes) -> Reply:
    digest = hashlib.blake2b(body, digest_size=12).hexdigest()
    heard = _words(request)
    if request.operation == "embed":
        vectors = tuple(_vector(text) for text in request.inputs)
        usage = Usage(input_tokens=sum(len(text.split()) for text in request.inputs))
        return Reply(id=f"emb-{digest}", model="echo", vectors=vectors, usage=usage, created=CREATED)
    if request.operation == "count_tokens":
        return Reply(id=f"count-{digest}", model="echo", usage=Usage(input_tokens=heard))
    _check_seals(request)
    parts, finish = _parts(request, digest)
    thought = sum(len(part.text.split()) for part in parts if isinstance(part, Reasoning))
    said = thought + sum(_spoken(part) for part in parts)
    return Reply(
        id=f"echo-{digest}",
        model="echo",
        parts=tuple(parts),
        finish=finish,
        native_finish_reason=finish,
        usage=Usage(input_tokens=heard, output_tokens=said, reasoning_tokens=thought),
        created=CREATED,
    )


def _parts(request: Request, digest: str) -> tuple[list[Part], Finish]:
    parts: list[Part] = []
    asked = request.reasoning
    if asked is not None and asked.enabled is not False and asked.effort != "none":
        parts.append(Reasoning(text="The caller spoke, so I repeat it.", opaque=_seal(digest)))
    last = request.messages[-1] if request.messages else Message("user", ())
    heard = _text(last)
    call = _call(request, heard, digest) if last.role != "tool" else None
    if call is not None:
        return [*parts, call], "tool_calls"
    if request.output is not None and request.output.schema is not None:
        value = _example(msgspec.json.decode(request.output.schema))
        return [*parts, Text(msgspec.json.encode(value).decode())], "stop"
    if request.output is not None:
        return [*parts, Text(msgspec.json.encode({"echo": heard}).decode())], "stop"
    said, finish = _cut(heard, request)
    return [*parts, Text(said)], finish


def _cut(text: str, request: Request) -> tuple[str, Finish]:
    for stop in request.stop:
        text = text.split(stop, 1)[0] if stop else text
    words = text.split(" ")
    if request.max_tokens is not None and len(words) > request.max_tokens:
        return " ".join(words[: request.max_tokens]), "length"
    return text, "stop"


def _call(request: Request, heard: str, digest: str) -> ToolCall | None:
    functions = [tool for tool in request.tools if tool.kind == "function"]
    choice = request.tool_choice
    if not functions or (choice is not None and choice.mode == "none"):
        return None
    chosen: Tool | None = next((tool for tool in functions if tool.name in heard), None)
    if choice is not None and choice.mode == "function":
        chosen = next((tool for tool in functions if tool.name == choice.name), None)
    elif choice is not None and choice.mode == "required":
        chosen = chosen or functions[0]
    if chosen is None:
        return None
    schema: object = msgspec.json.decode(chosen.parameters) if chosen.parameters is not None else {"type": "object"}
    return ToolCall(id=f"call_{digest}", name=chosen.name, arguments=msgspec.json.encode(_example(schema)).decode())


def _stream(dialect: Dialect, request: Request, reply: Reply) -> list[bytes]:
    writer = dialect.stream_writer(msgspec.structs.replace(request, stream_usage=True))
    pieces = [writer.write(chunk) for chunk in _chunks(reply)]
    return [piece for piece in [*pieces, writer.close()] if piece]


def _chunks(reply: Reply) -> list[Chunk]:
    """The reply as a stream of words."""
    chunks: list[Chunk] = [Started(reply.id, reply.model, reply.created)]
    for index, part in enumerate(reply.parts):
        if isinstance(part, Text):
            chunks += [TextDelta(index, piece) for piece in _pieces(part.text)]
        elif isinstance(part, Reasoning):
            chunks += [ReasoningDelta(index, piece) for piece in _pieces(part.text)]
            chunks.append(ReasoningSeal(index, part.opaque or ""))
        elif isinstance(part, ToolCall):
            chunks.append(ToolCallStart(index, part.id, part.name))
            half = len(part.arguments) // 2
            chunks += [ToolCallDelta(index, part.arguments[:half]), ToolCallDelta(index, part.arguments[half:])]
        chunks.append(PartEnd(index))
    assert reply.usage is not None
    return [*chunks, Finished(reply.finish, reply.native_finish_reason), UsageReport(reply.usage)]


def _pieces(text: str) -> list[str]:
    words = text.split(" ")
    return [word if number == 0 else f" {word}" for number, word in enumerate(words)]


# --- what was said ---


def _text(message: Message) -> str:
    said: list[str] = []
    for part in message.parts:
        for inner in part.parts if isinstance(part, ToolResult) else (part,):
            if isinstance(inner, Text):
                said.append(inner.text)
            elif isinstance(inner, Image):
                said.append("[image]")
            elif isinstance(inner, File):
                said.append("[file]")
    return " ".join(said)


def _words(request: Request) -> int:
    return sum(len(_text(message).split()) for message in request.messages)


def _spoken(part: Part) -> int:
    if isinstance(part, Text):
        return len(part.text.split())
    return len(part.arguments.split()) + 1 if isinstance(part, ToolCall) else 0


def _seal(digest: str) -> str:
    return f"echo:{digest}"


def _check_seals(request: Request) -> None:
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, Reasoning) and part.opaque and not part.opaque.startswith("echo:"):
                raise VendorRefused(
                    "Invalid signature: this reasoning is not echo's.", status=400, native="invalid_signature"
                )


def _vector(text: str) -> list[float]:
    """Eight numbers between -1 and 1 that depend on the text alone."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return [(byte - 127.5) / 127.5 for byte in digest]


def _example(schema: object) -> Any:
    """The smallest value that fits a JSON schema (the part of it that vendors take in strict mode).

    Raises `VendorRefused` where even that is larger than an example should be.
    """
    return _Example(schema).of(schema)


class _Example:
    """Makes one example; `_root` is where a `$ref` looks, `_left` how much more it may make."""

    def __init__(self, root: object) -> None:
        self._root = root
        self._left = LARGEST_EXAMPLE

    def of(self, schema: object, depth: int = 0) -> Any:
        self._spend(1, depth)
        if not isinstance(schema, Mapping):
            return {}
        known = cast("Mapping[str, Any]", schema)
        if "$ref" in known:
            return self.of(self._referred(str(known["$ref"])), depth + 1)
        for word in ("const", "default"):
            if word in known:
                return known[word]
        if known.get("enum"):
            return known["enum"][0]
        for word in ("anyOf", "oneOf", "allOf"):
            if known.get(word):
                return self.of(known[word][0], depth + 1)
        kinds: Any = known.get("type", "object" if "properties" in known else "string")
        kind = str(cast("list[str]", kinds)[0] if isinstance(kinds, list) else kinds)
        if kind == "object":
            properties = cast("Mapping[str, Any]", known.get("properties", {}))
            wanted = known.get("required", list(properties))
            return {name: self.of(properties.get(name, {"type": "string"}), depth + 1) for name in wanted}
        if kind == "array":
            return [self.of(known.get("items", {}), depth + 1) for _ in range(known.get("minItems", 0))]
        simple = {"boolean": False, "null": None}
        if kind in ("integer", "number"):
            return known.get("minimum", 0)
        if kind in simple:
            return simple[kind]
        self._spend(known.get("minLength", 0), depth)
        return "x" * known.get("minLength", 0)

    def _referred(self, pointer: str) -> object:
        """What a reference within the schema points at; anything where it leads nowhere."""
        found: object = self._root
        for step in pointer.removeprefix("#").strip("/").split("/"):
            if step and isinstance(found, Mapping):
                found = cast("Mapping[str, object]", found).get(step.replace("~1", "/").replace("~0", "~"))
        return found

    def _spend(self, much: int, depth: int) -> None:
        """It answers inside the worker: what a caller's schema asks for must not hold up everybody else's requests."""
        self._left -= much
        if self._left < 0 or depth > DEEPEST_EXAMPLE:
            raise VendorRefused("The schema asks for a larger example than echo makes.", status=400)


VENDOR = Vendor(
    name="echo",
    title="Echo (built in)",
    base_url=None,
    speaks=(
        Speaks(dialect="openai-chat", traits=Traits(reasoning_field="reasoning_content")),
        Speaks(dialect="openai-responses"),
        Speaks(dialect="anthropic-messages"),
    ),
    needs_key=False,
    names=("echo", "down"),
    embeddings="/embeddings",
    count_tokens="/messages/count_tokens",
    transport="inside",
    respond=respond,
    docs="docs/reference/vendors.md",
    read_on="2026-11-23",
)
