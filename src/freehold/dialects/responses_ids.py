"""The ids of stored responses in the bytes of Responses answers: found, and given another form, all else untouched.

They stand in the response object: whole, or inside the events that carry it. As in `responses_seal.py` a quoted key is never
part of a text, because inside a JSON string each quotation mark has a backslash before it.
"""

import re
from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Struct

_KEYS: Final = re.compile(rb'("(?:id|previous_response_id)"[ \t\r\n]*:[ \t\r\n]*)("(?:[^"\\]|\\.)*")')
_RESPONSE: Final = b'"response"'


class _Response(Struct):
    id: str | None = None
    previous_response_id: str | None = None


class _Event(Struct):
    response: _Response | None = None


_response: Final = msgspec.json.Decoder(_Response)
_event: Final = msgspec.json.Decoder(_Event)
_decode: Final = msgspec.json.Decoder(str).decode
_encode: Final = msgspec.json.Encoder().encode


def seal_ids(raw: bytes, seal: Callable[[str], str]) -> bytes:
    """The bytes of a whole reply or of one event, with `seal` applied to the id of the response and of the one before it."""
    whole = raw.lstrip()[:1] == b"{"
    if not whole and _RESPONSE not in raw:
        return raw
    try:
        if whole:
            found = _response.decode(raw)
        else:
            found = _event.decode(memoryview(raw)[raw.find(b"{") : raw.rfind(b"}") + 1]).response
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return raw  # the reader of the same bytes says what is wrong with them
    names = {found.id, found.previous_response_id} - {None, ""} if found is not None else set[str | None]()
    if not names:
        return raw

    def sealed(match: re.Match[bytes]) -> bytes:
        name = _decode(match[2])
        return match[1] + _encode(seal(name)) if name in names else match[0]

    return _KEYS.sub(sealed, raw)
