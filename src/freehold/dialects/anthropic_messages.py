"""Anthropic's Messages format as a dialect. What stands here is only the assembly; each noun has its own file beside it.

    anthropic_wire.py      the shapes
    anthropic_request.py   a caller's request into our words
    anthropic_body.py      the body for a vendor from our words; anthropic_turns.py its turns, anthropic_thinking.py thinking
    anthropic_passage.py   the body for a vendor from the caller's own bytes, and the seals on artefacts
    anthropic_reply.py     a whole answer, both ways
    anthropic_stream.py    a stream, both ways
    anthropic_errors.py    errors, both ways

It knows no vendor and no network. Source: anthropic SDK 2.12, `types`.
"""

from typing import Final

from freehold.dialects.anthropic_body import write_request
from freehold.dialects.anthropic_errors import read_error, write_error
from freehold.dialects.anthropic_passage import pass_request, seal
from freehold.dialects.anthropic_reply import read_reply, write_reply
from freehold.dialects.anthropic_request import read_request
from freehold.dialects.anthropic_stream import MessagesReader, MessagesWriter
from freehold.dialects.dialect import Dialect, Event
from freehold.messages import Request


def _hides(event: Event, request: Request) -> bool:
    """Never: usage stands in every stream of this dialect."""
    del event, request
    return False


DIALECT: Final = Dialect(
    name="anthropic-messages",
    path="/messages",
    read_request=read_request,
    write_request=write_request,
    pass_request=pass_request,
    read_reply=read_reply,
    write_reply=write_reply,
    stream_reader=MessagesReader,
    stream_writer=MessagesWriter,
    seal=seal,
    hides=_hides,
    read_error=read_error,
    write_error=write_error,
    forwards=("anthropic-beta",),
)
