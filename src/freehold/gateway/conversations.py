"""Which conversation a request belongs to, as far as it says: what is kept, sampled or assigned is so for a whole one.

In this order: the header `x-freehold-conversation`; what the request itself leans on (Responses' `conversation`, else its
`previous_response_id`); `metadata.conversation_id`; else its opening, which every later turn repeats: the caller's key, the
operator's words and what the user said first. So two conversations that open alike are one here, unless they are named.

A chain of `previous_response_id` changes its name at every turn, and is known by the one before only: name such
conversations by the header.
"""

import hashlib
from collections.abc import Mapping
from typing import cast

import msgspec

from freehold.gateway.routing import prefix_key
from freehold.messages import Request

HEADER = "x-freehold-conversation"
BYTES = 8


def conversation_of(headers: Mapping[str, str], request: Request, key_id: str, secret: bytes) -> str:
    """A keyed digest of the conversation, 16 hexadecimal digits: equal for requests of one conversation of one key, and
    telling nothing of its name to who lacks `secret`."""
    name = headers.get(HEADER) or _leant_on(request) or (request.metadata or {}).get("conversation_id")
    said = f"named\0{name}" if name else f"opening\0{prefix_key(request.messages, '', key_id).hex()}"
    text = f"{key_id}\0{said}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=BYTES, key=secret[:64], person=b"conversation").hexdigest()


def _leant_on(request: Request) -> str:
    """The vendor's name of the conversation, or of the answer before, where the request gives one."""
    for field in ("conversation", "previous_response_id"):
        raw = request.fields.get(field)
        if raw is None:
            continue
        value: object = msgspec.json.decode(raw)
        if isinstance(value, dict):
            value = cast("dict[str, object]", value).get("id")
        if isinstance(value, str) and value:
            return value
    return ""
