"""Sealing: the contents and salts of one record as one encrypted blob, and blobs one after another in a segment.

    blob = magic(4) | length of what follows the checksum(4) | CRC-32(4) | head | ciphertext and tag
    head = length of the id(2) | subject's pseudonym(32) | keep until(8) | nonce(12) | the record's id

Integers are big-endian. The ciphertext is AES-256-GCM (NIST SP 800-38D) under the key of the data subject, with the head as
associated data, so no blob passes for another record's. Within is JSON, behind a byte that says whether it is deflated:
`{"prompt": {"salt": base64, "text": content}}`, or `"data": base64` where a content is not UTF-8, or neither where only
the salt is kept. The checksum is for torn writes, which need no key to be found; the tag is for everything else.

Pure: it knows no file, and which key is whose only by being given it. Not hidden from who reads the disk: ids, pseudonyms,
times and about how long the contents are. Random nonces bound one key to 2^32 blobs (SP 800-38D section 8.3).
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from freehold.errors import ContentsDamaged, InvalidField

NONCE_BYTES: Final = 12
PSEUDONYM_BYTES: Final = 32

_MAGIC: Final = b"\xf7FC\x01"
_PREFIX: Final = struct.Struct(">4sII")
_HEAD: Final = struct.Struct(f">H{PSEUDONYM_BYTES}sq{NONCE_BYTES}s")
_PLAIN, _DEFLATED = b"\x00", b"\x01"
_DEFLATE_FROM: Final = 256
"""Bytes of JSON below which deflating gains nothing: two salts and a short answer."""


class Field(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What is kept of one field: the salt that opens its commitment, and the content unless only the salt is kept."""

    salt: bytes
    content: bytes | None = None


class RecordContents(msgspec.Struct, frozen=True, gc=False):
    """What is kept of one record outside the log."""

    id: str
    subject: str
    """The data subject's pseudonym: 64 hexadecimal digits."""
    keep_until: int
    """Unix seconds; kept at least until then."""
    fields: dict[str, Field]


class Blob(msgspec.Struct, frozen=True, gc=False):
    """Where one whole blob stands in a segment, and what its head says. Nothing of it is authenticated yet."""

    at: int
    length: int
    id: str
    subject: bytes
    keep_until: int


class Gap(msgspec.Struct, frozen=True, gc=False):
    """Bytes of a segment that are no whole blob: a write that was torn, or damage."""

    at: int
    length: int


class _Cell(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    salt: bytes
    text: str | None = None
    data: bytes | None = None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, _Cell]).decode


def seal(record: RecordContents, cipher: AESGCM, nonce: bytes) -> bytes:
    """The record as one blob. `nonce` is 12 random bytes that this key has not seen before."""
    identity = record.id.encode()
    head = _HEAD.pack(len(identity), bytes.fromhex(record.subject), record.keep_until, nonce) + identity
    body = head + cipher.encrypt(nonce, _pack(record.fields), head)
    return _PREFIX.pack(_MAGIC, len(body), zlib.crc32(body)) + body


def unseal(blob: bytes, record_id: str, subject: str, cipher: AESGCM) -> RecordContents:
    """What was sealed for this record and subject.

    Raises ContentsDamaged when any bit differs, when it is the blob of another record, or when the key is another's.
    """
    found = _blob_at(blob, 0)
    if found is None or found.length != len(blob):
        raise ContentsDamaged(f"The contents of {record_id} are damaged: the checksum is wrong.")
    if found.id != record_id or found.subject.hex() != subject:
        raise ContentsDamaged(f"Where the contents of {record_id} should stand, stand those of {found.id}.")
    border = _PREFIX.size + _HEAD.size + len(record_id.encode())
    head = blob[_PREFIX.size : border]
    try:
        plain = cipher.decrypt(_HEAD.unpack_from(head)[3], blob[border:], head)
    except InvalidTag as error:
        raise ContentsDamaged(
            f"The contents of {record_id} are not what was sealed under its subject's key."
        ) from error
    return RecordContents(record_id, subject, found.keep_until, _unpack(plain))


def blobs_in(segment: bytes) -> Iterator[Blob | Gap]:
    """The blobs of a segment in their order, and between or after them the gaps that are none. Covers every byte."""
    at = 0
    while at < len(segment):
        blob = _blob_at(segment, at)
        if blob is None:
            end = _next_blob(segment, at + 1)
            yield Gap(at, end - at)
            at = end
        else:
            yield blob
            at += blob.length


def pseudonym_bytes(pseudonym: str) -> bytes:
    """The bytes that a pseudonym's 64 hexadecimal digits stand for. Raises InvalidField for another text."""
    try:
        raw = bytes.fromhex(pseudonym)
    except ValueError:
        raw = b""
    if len(raw) != PSEUDONYM_BYTES:
        raise InvalidField(f"A pseudonym has {2 * PSEUDONYM_BYTES} hexadecimal digits.", param="subject")
    return raw


# --- what is sealed ---


def _pack(fields: dict[str, Field]) -> bytes:
    contents = [field.content for field in fields.values()]
    if contents.count(None) == len(contents):
        return _PLAIN + _encode(fields)  # a field without its content is written as its cell is
    json = _encode({name: _cell(field) for name, field in fields.items()})
    if len(json) >= _DEFLATE_FROM and any(contents):
        # Level 1: 12 µs for 1 kB of prose, to two fifths of it.
        deflated = zlib.compress(json, 1)
        if len(deflated) < len(json):
            return _DEFLATED + deflated
    return _PLAIN + json


def _cell(field: Field) -> _Cell:
    if field.content is None:
        return _Cell(field.salt)
    try:
        return _Cell(field.salt, text=field.content.decode())
    except UnicodeDecodeError:
        return _Cell(field.salt, data=field.content)


def _unpack(plain: bytes) -> dict[str, Field]:
    json = zlib.decompress(plain[1:]) if plain[:1] == _DEFLATED else plain[1:]
    return {
        name: Field(cell.salt, cell.data if cell.text is None else cell.text.encode())
        for name, cell in _decode(json).items()
    }


# --- where blobs stand ---


def _blob_at(segment: bytes, at: int) -> Blob | None:
    if len(segment) - at < _PREFIX.size + _HEAD.size:
        return None
    magic, length, checksum = _PREFIX.unpack_from(segment, at)
    start = at + _PREFIX.size
    if magic != _MAGIC or start + length > len(segment):
        return None
    if zlib.crc32(memoryview(segment)[start : start + length]) != checksum:
        return None
    id_length, subject, keep_until, _ = _HEAD.unpack_from(segment, start)
    identity = segment[start + _HEAD.size : start + _HEAD.size + id_length]
    return Blob(at, _PREFIX.size + length, identity.decode(errors="replace"), subject, keep_until)


def _next_blob(segment: bytes, at: int) -> int:
    while (at := segment.find(_MAGIC, at)) >= 0:
        if _blob_at(segment, at) is not None:
            return at
        at += 1
    return len(segment)
