"""Commitments: what a ledger entry says of a content without holding it, and how one content is opened later.

    commitment = SHA-256(0x00 || salt || content), salt = 32 random bytes for each field of each record

It is the RFC 6962 leaf hash of salt and content joined, so any Merkle library computes it. The salt hides: the bare hash of
a short clinical or financial text is found by guessing, and equal texts would show as equal. It also separates: one field
is opened by giving away its salt and its content, and the others stay closed. Which field a commitment belongs to is said
by the entry that lists it, so a disclosure is always checked against an entry.

Pure: it knows no file and no key. `contents.py` keeps what opening needs; once a salt is destroyed, its commitment can be
linked to nothing.
"""

import os
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Final

import msgspec

from freehold.errors import InternalError, OpeningRefused

SALT_BYTES: Final = 32
COMMITMENT_BYTES: Final = 32

_PREFIX: Final = b"\x00"
"""RFC 6962 section 2.1: the prefix of a leaf's hash."""


class Committed(msgspec.Struct, frozen=True, gc=False):
    """What committing to the fields of one record gives: the commitments for the entry, the salts for the contents."""

    commitments: dict[str, bytes]
    salts: dict[str, bytes]


class Disclosure(msgspec.Struct, frozen=True):
    """One field of one record, given away so that somebody who holds the entry can check it. As JSON, bytes are base64."""

    record: str
    field: str
    salt: bytes
    content: bytes


def commit_fields(contents: Mapping[str, bytes], draw: Callable[[int], bytes] = os.urandom) -> Committed:
    """A commitment to each content and the salt that opens it, by field.

    `draw` gives that many unpredictable bytes and is called once, with 32 for each field. It must be cryptographically
    random: whoever can guess a salt can guess the content. Raises InternalError when it gives fewer.
    """
    drawn = draw(SALT_BYTES * len(contents))
    if len(drawn) != SALT_BYTES * len(contents):
        raise InternalError(f"{len(drawn)} random bytes were drawn where {SALT_BYTES * len(contents)} were asked for.")
    commitments: dict[str, bytes] = {}
    salts: dict[str, bytes] = {}
    at = 0
    for field, content in contents.items():
        salts[field] = salt = drawn[at : at + SALT_BYTES]
        commitments[field] = sha256(_PREFIX + salt + content).digest()
        at += SALT_BYTES
    return Committed(commitments, salts)


class Running:
    """A commitment to a content that comes in pieces: a stream, as its caller gets it."""

    __slots__ = ("_hash", "salt")

    def __init__(self, salt: bytes) -> None:
        """`salt` is 32 random bytes, used for nothing else. Raises OpeningRefused for another length, as `commit` does."""
        _check_salt(salt)
        self.salt = salt
        self._hash = sha256(_PREFIX + salt)

    def update(self, content: bytes) -> None:
        """Takes more of the content."""
        self._hash.update(content)

    def commitment(self) -> bytes:
        """The commitment to all pieces so far, as `commit` gives it for the whole."""
        return self._hash.digest()


def commit(salt: bytes, content: bytes) -> bytes:
    """The commitment to `content` under `salt`: 32 bytes.

    Raises OpeningRefused unless the salt has 32 bytes: a shorter or longer one would let the border between salt and
    content be moved, and so one commitment be opened to two contents.
    """
    _check_salt(salt)
    return sha256(_PREFIX + salt + content).digest()


def verify(commitment: bytes, salt: bytes, content: bytes) -> None:
    """Returns when `salt` and `content` open `commitment`. Raises OpeningRefused when they do not."""
    if commit(salt, content) != commitment:
        raise OpeningRefused("The salt and the content do not open this commitment.", param="content")


def verify_disclosure(disclosure: Disclosure, record: str, commitments: Mapping[str, bytes]) -> None:
    """Returns when the disclosure opens its field of the entry with the id `record` and these commitments, by field.

    It proves that field only. Raises OpeningRefused when it is of another record, of a field that the entry does not
    list, or does not open. That the entry stands in the ledger is for its receipt to prove.
    """
    if disclosure.record != record:
        raise OpeningRefused(f"The disclosure is of the record {disclosure.record}, not of {record}.", param="record")
    commitment = commitments.get(disclosure.field)
    if commitment is None:
        raise OpeningRefused(f"The entry {record} has no commitment to a field {disclosure.field}.", param="field")
    verify(commitment, disclosure.salt, disclosure.content)


def _check_salt(salt: bytes) -> None:
    if len(salt) != SALT_BYTES:
        raise OpeningRefused(f"A salt has {SALT_BYTES} bytes; this one has {len(salt)}.", param="salt")
