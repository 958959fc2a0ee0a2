"""Anthropic's token counting as a dialect: the same body as Messages without a cap, answered with a number."""

from typing import Final

import msgspec
from msgspec import Struct

from freehold.dialects.anthropic_body import write_count
from freehold.dialects.anthropic_errors import read_error, write_error
from freehold.dialects.anthropic_passage import pass_request, seal
from freehold.dialects.anthropic_request import read_count
from freehold.dialects.dialect import Dialect, Event, StreamReader, StreamWriter
from freehold.errors import Unsupported, VendorGarbled
from freehold.messages import Reply, Request, Usage

NAME: Final = "anthropic-count-tokens"


class _Count(Struct):
    input_tokens: int


_decode = msgspec.json.Decoder(_Count).decode


def read_request(body: bytes) -> Request:
    """A caller's request to count. Raises `MalformedBody` or `InvalidField`."""
    return read_count(body, NAME)


def read_reply(body: bytes) -> Reply:
    """A vendor's count, as the input tokens of a reply without content. Raises `VendorGarbled`."""
    try:
        counted = _decode(body)
    except msgspec.MsgspecError as error:
        raise VendorGarbled(f"The vendor's count cannot be read: {error}.") from error
    return Reply(id="", model="", usage=Usage(input_tokens=counted.input_tokens))


def write_reply(reply: Reply, request: Request) -> bytes:
    """The count for a caller."""
    del request
    return msgspec.json.encode(_Count(reply.usage.input_tokens if reply.usage is not None else 0))


def _no_reader() -> StreamReader:
    raise Unsupported("Token counting does not stream.")


def _no_writer(request: Request) -> StreamWriter:
    raise Unsupported("Token counting does not stream.")


def _hides(event: Event, request: Request) -> bool:
    del event, request
    return False


DIALECT: Final = Dialect(
    name=NAME,
    path="/messages/count_tokens",
    read_request=read_request,
    write_request=write_count,
    pass_request=pass_request,
    read_reply=read_reply,
    write_reply=write_reply,
    stream_reader=_no_reader,
    stream_writer=_no_writer,
    seal=seal,
    hides=_hides,
    read_error=read_error,
    write_error=write_error,
    forwards=("anthropic-beta",),
)
