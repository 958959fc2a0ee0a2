"""OpenAI's Responses format as a dialect. What stands here is only the assembly; each noun has its own file beside it.

    responses_wire.py      the shapes
    responses_request.py   a caller's request into our words
    responses_body.py      the body for a vendor, from our words or from the caller's bytes
    responses_items.py     a conversation as items
    responses_reply.py     a whole answer, both ways
    responses_reader.py    a vendor's stream into chunks
    responses_writer.py    chunks into a stream for a caller; responses_output.py its items
    responses_seal.py      the seals on what only a vendor can read
    responses_ids.py       the ids of what a vendor keeps

It knows no vendor and no network. Source: openai SDK 3.54, `resources/responses` and `types/responses`.
"""

from typing import Final

from freehold.dialects.dialect import Dialect, Event
from freehold.dialects.openai_errors import read_error, write_error
from freehold.dialects.responses_body import pass_request, write_request
from freehold.dialects.responses_ids import seal_ids
from freehold.dialects.responses_reader import Reader
from freehold.dialects.responses_reply import read_reply, write_reply
from freehold.dialects.responses_request import read_request
from freehold.dialects.responses_seal import seal
from freehold.dialects.responses_wire import NAME
from freehold.dialects.responses_writer import Writer
from freehold.messages import Request


def _hides(event: Event, request: Request) -> bool:
    """Never: usage stands in every stream of this dialect, asked for or not."""
    del event, request
    return False


DIALECT: Final = Dialect(
    name=NAME,
    path="/responses",
    read_request=read_request,
    write_request=write_request,
    pass_request=pass_request,
    read_reply=read_reply,
    write_reply=write_reply,
    stream_reader=Reader,
    stream_writer=Writer,
    seal=seal,
    hides=_hides,
    read_error=read_error,
    write_error=write_error,
    forwards=("openai-beta",),
    seal_ids=seal_ids,
)
