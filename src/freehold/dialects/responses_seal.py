"""Seals on the bytes of Responses answers, and their removal from the bytes of requests.

What only a vendor can read stands under the key `encrypted_content`, in reasoning items and in compacted histories. The
key is looked for in the bytes, because everything around it must pass untouched: inside a JSON string each quotation
mark has a backslash before it, so the quoted key is never part of a text. Which of the values found are artefacts, and
not a caller's own field of that name (in metadata, in a tool's schema), is asked of a small typed decode.
"""

from collections.abc import Set
from typing import Final

import msgspec
from msgspec import Raw, Struct

from freehold.dialects import origin

KEY: Final = b'"encrypted_content"'
_SPACE: Final = b" \t\r\n"


class _Item(Struct):
    type: str = ""
    encrypted_content: Raw = Raw()


class _Response(Struct):
    output: list[_Item] | None = None


class _Answer(Struct):
    """A response object or an event: the artefacts stand in one of these three places."""

    output: list[_Item] | None = None
    item: _Item | None = None
    response: _Response | None = None


_answer = msgspec.json.Decoder(_Answer)


def seal(raw: bytes, tag: str) -> bytes:
    """The bytes of a whole reply or of one event with `tag`'s seal on every artefact, all else untouched."""
    if KEY not in raw:
        return raw
    return _exchange(raw, b"", f"{origin.PREFIX}{tag}.".encode(), _artefacts(raw))


def unseal(raw: bytes, tag: str) -> bytes:
    """The bytes of one item without `tag`'s seal: what that deployment made, byte for byte."""
    return _exchange(raw, f"{origin.PREFIX}{tag}.".encode(), b"", None)


def _artefacts(raw: bytes) -> Set[bytes] | None:
    """The values to seal, quotation marks included; None, for all of them, where the bytes cannot be decoded."""
    start = 0 if raw.startswith(b"{") else raw.find(b"{")
    try:
        answer = _answer.decode(memoryview(raw)[start:])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    items = [*(answer.output or ()), *((answer.response and answer.response.output) or ())]
    if answer.item is not None:
        items.append(answer.item)
    return {bytes(item.encrypted_content) for item in items}


def _exchange(raw: bytes, old: bytes, new: bytes, only: Set[bytes] | None) -> bytes:
    """`raw` with `new` for `old` at the beginning of each string under the key (of those in `only`, if given)."""
    pieces: list[bytes] = []
    done = 0
    at = raw.find(KEY)
    while at >= 0:
        start = _value(raw, at + len(KEY))
        at = raw.find(KEY, at + len(KEY))
        if start < 0 or not raw.startswith(old, start + 1):
            continue
        if only is not None and not any(raw.startswith(value, start) for value in only if value):
            continue
        pieces.append(raw[done : start + 1])
        pieces.append(new)
        done = start + 1 + len(old)
    return b"".join((*pieces, raw[done:])) if pieces else raw


def _value(raw: bytes, at: int) -> int:
    """Where the string (its quotation mark) begins whose key ends at `at`; -1 where there is no key or no string."""
    at = _past_space(raw, at)
    if raw[at : at + 1] != b":":
        return -1
    at = _past_space(raw, at + 1)
    return at if raw[at : at + 1] == b'"' else -1


def _past_space(raw: bytes, at: int) -> int:
    while raw[at : at + 1] and raw[at] in _SPACE:
        at += 1
    return at
