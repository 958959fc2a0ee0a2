"""The dialect OpenAI Embeddings: texts (or tokens) in, vectors out. There is nothing to stream and nothing to reason.

Vectors stay raw JSON on the way through: a batch holds millions of numbers, and nobody here reads them. Knows no vendor.
Source: openai SDK 3.54, `types/embedding_create_params.py` and `types/create_embedding_response.py`.
"""

from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from freehold.dialects import body
from freehold.dialects.dialect import Dialect, Event, StreamReader, StreamWriter, Target
from freehold.dialects.openai_errors import read_error, write_error
from freehold.dialects.usage import denormalise, normalise
from freehold.errors import InvalidField, Unsupported, VendorGarbled
from freehold.messages import Reply, Request

NAME: Final = "openai-embeddings"


class _Fields(Struct):
    model: str
    input: str | list[str | int | list[int]]
    dimensions: int | None = None
    encoding_format: str | None = None
    user: str | None = None


class _Vector(Struct):
    embedding: Raw
    index: int = 0


class _Answer(Struct):
    data: list[_Vector]
    model: str | None = None
    usage: dict[str, Any] | None = None


_request_decoder = msgspec.json.Decoder(_Fields)
_answer_decoder = msgspec.json.Decoder(_Answer)
_encode: Final = msgspec.json.Encoder().encode

_KNOWN: Final = frozenset(_Fields.__struct_fields__)


def read_request(data: bytes) -> Request:
    """A caller's body as a `Request`. Tokens given instead of text are counted and stay in `fields`.
    Raises `MalformedBody`, `InvalidField`."""
    wire, fields = body.read(_request_decoder, data)
    if not wire.model:
        raise InvalidField("`model` is empty.", "Name a model.", param="model")
    if wire.dimensions is not None and wire.dimensions < 1:
        raise InvalidField(f"`dimensions` is {wire.dimensions}; it must be at least 1.", param="dimensions")
    if wire.encoding_format not in (None, "float", "base64"):
        raise InvalidField(
            f"`encoding_format` is {wire.encoding_format!r}; it must be float or base64.", param="encoding_format"
        )
    texts, tokens = _inputs(wire.input)
    return Request(
        dialect=NAME,
        model=wire.model,
        operation="embed",
        user=wire.user,
        inputs=texts,
        input_tokens=tokens,
        fields=fields,
        unknown=tuple([name for name in fields if name not in _KNOWN]),
    )


def _inputs(given: str | list[str | int | list[int]]) -> tuple[tuple[str, ...], int | None]:
    """(texts, None), or ((), number of tokens). All of one kind."""
    if isinstance(given, str):
        return (given,), None
    if not given:
        raise InvalidField("`input` is empty.", "Send at least one text.", param="input")
    texts = tuple([item for item in given if isinstance(item, str)])
    if len(texts) == len(given):
        return texts, None
    tokens = [item for item in given if isinstance(item, int)]
    if len(tokens) == len(given):
        return (), len(tokens)
    lists = [item for item in given if isinstance(item, list)]
    if len(lists) < len(given):
        raise InvalidField("`input` mixes texts, tokens and lists of tokens.", "Send one kind only.", param="input")
    return (), sum(len(item) for item in lists)


def pass_request(request: Request, body: bytes, target: Target) -> bytes:
    """The caller's own body, with the vendor's name of the model and without what it refuses."""
    traits = target.traits
    fields = request.fields.copy()
    fields["model"] = Raw(_encode(target.model))
    for name in [name for name in fields if name in traits.refuses]:
        del fields[name]
        target.dropped.append(name)
    for name, new in traits.renames.items():
        if name in fields:
            fields[new] = fields.pop(name)
    return _encode(fields)


def write_request(request: Request, target: Target) -> bytes:
    """The body for a vendor. Only this dialect asks for embeddings, so what it said raw is still there."""
    if request.operation != "embed":
        raise Unsupported(
            f"{target.model!r} gives embeddings, not answers.", "Name a model that answers.", param="model"
        )
    if request.dialect == NAME and request.fields:
        return pass_request(request, b"", target)
    return _encode({"model": target.model, "input": request.inputs})


def read_reply(data: bytes) -> Reply:
    """A vendor's vectors, in the order of the inputs, each as raw JSON. Raises `VendorGarbled`."""
    try:
        answer = _answer_decoder.decode(data)
    except msgspec.ValidationError as error:
        problem, path = body.located(str(error))
        raise VendorGarbled(f"The vendor's answer holds no embeddings: `{path or 'the body'}` {problem}.") from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise VendorGarbled("The vendor's answer is not valid JSON.") from None
    vectors = sorted(answer.data, key=lambda vector: vector.index)
    return Reply(
        id="",
        model=answer.model or "",
        usage=None if answer.usage is None else normalise(NAME, answer.usage),
        vectors=tuple([vector.embedding for vector in vectors]),
    )


def write_reply(reply: Reply, request: Request) -> bytes:
    """The body for a caller."""
    data = [{"object": "embedding", "index": place, "embedding": vector} for place, vector in enumerate(reply.vectors)]
    answer: dict[str, Any] = {"object": "list", "data": data, "model": reply.model}
    if reply.usage is not None:
        answer["usage"] = denormalise(NAME, reply.usage)
    return _encode(answer)


def _no_reader() -> StreamReader:
    raise Unsupported("Embeddings are not streamed.", "Leave out `stream`.", param="stream")


def _no_writer(request: Request) -> StreamWriter:
    raise Unsupported("Embeddings are not streamed.", "Leave out `stream`.", param="stream")


def _seals_nothing(raw: bytes, origin: str) -> bytes:
    return raw


def _hides_nothing(event: Event, request: Request) -> bool:
    return False


DIALECT = Dialect(
    name=NAME,
    path="/embeddings",
    read_request=read_request,
    write_request=write_request,
    pass_request=pass_request,
    read_reply=read_reply,
    write_reply=write_reply,
    stream_reader=_no_reader,
    stream_writer=_no_writer,
    seal=_seals_nothing,
    hides=_hides_nothing,
    read_error=read_error,
    write_error=write_error,
)
