"""Two values as C2SP text formats write them: a decimal and base64, each with exactly one spelling.

It knows no format. It exists because a proof with two spellings is two proofs: a byte that could be changed without any
verifier noticing is a byte that nothing vouches for. Every parser of this room reads its numbers and hashes here.
"""

import base64
import re
from typing import Final

HASH_SIZE: Final = 32
"""Bytes of a SHA-256 hash, the only one that tlog-tiles has."""

MOST: Final = 2**63 - 1
"""No size, index or time is larger: implementations keep them in a signed 64-bit number."""

_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,18}")


def decimal(text: str) -> int:
    """The number that an ASCII decimal without leading zeros stands for, 0 to 2**63 - 1. Raises ValueError."""
    if not _DECIMAL.fullmatch(text) or (number := int(text)) > MOST:
        raise ValueError(f"{text[:40]!r} is not a decimal number of at most {MOST} without leading zeros")
    return number


def to_base64(data: bytes) -> str:
    """Standard base64 with padding (RFC 4648, section 4)."""
    return base64.b64encode(data).decode("ascii")


def from_base64(text: str) -> bytes:
    """The bytes of standard base64. Raises ValueError for another alphabet, spaces, padding or spare bits that are not 0."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is not base64") from None
    if to_base64(data) != text:
        raise ValueError(f"{text[:40]!r} is not the one way to write these bytes in base64")
    return data


def hash_from_base64(text: str) -> bytes:
    """The 32 bytes of a hash in base64. Raises ValueError."""
    data = from_base64(text)
    if len(data) != HASH_SIZE:
        raise ValueError(f"{text[:60]!r} has {len(data)} bytes, and a SHA-256 hash has {HASH_SIZE}")
    return data
