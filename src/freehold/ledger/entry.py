"""An entry of the ledger: canonical JSON (RFC 8785), one for each thing that happened. Pure.

It knows the form and not the events: what stands in an entry of which kind is for whoever writes it. An entry holds
identifiers, times, counts and salted commitments, never contents; it has no number but integers, so its canonical form is
one that every JSON library can check. The bytes are the leaf, so they are made once and never again.
"""

from collections.abc import Mapping
from typing import Any, Final, cast

import msgspec

from freehold.errors import EntryTooLarge, MalformedEntry
from freehold.ledger.tiles import MAX_ENTRY
from freehold.messages import MOST_EXACT

VERSION: Final = 1

_encode: Final = msgspec.json.Encoder(order="sorted").encode
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


class Entry(msgspec.Struct, frozen=True):
    """One entry, read. `kind` says what happened (`answer`, `key.created`, ...), `id` which one, `at` when, in Unix
    milliseconds. `body` are the other fields."""

    kind: str
    id: str
    at: int
    body: dict[str, Any]


def write_entry(kind: str, entry_id: str, at: int, body: Mapping[str, Any]) -> bytes:
    """The canonical bytes of an entry. `at` is in Unix milliseconds; `body` holds text, integers, booleans, lists and objects.

    Keys sort by code point, which is the order of RFC 8785 for all keys without characters above U+FFFF.
    Raises MalformedEntry for a value with no exact canonical form, EntryTooLarge above 65,535 bytes.
    """
    fields = {**body, "v": VERSION, "kind": kind, "id": entry_id, "at": at}
    _check(fields, kind)
    try:
        written = _encode(fields)
    except (msgspec.MsgspecError, TypeError, UnicodeEncodeError, OverflowError) as error:
        raise MalformedEntry(f"An entry {kind!r} cannot be written: {error}.") from None
    if len(written) > MAX_ENTRY:
        raise EntryTooLarge(
            f"The entry {entry_id} has {len(written):,} bytes, and a ledger takes {MAX_ENTRY:,} at most."
        )
    return written


def read_entry(leaf: bytes) -> Entry:
    """An entry from its bytes. Raises MalformedEntry when they are no entry, or not in canonical form."""
    try:
        fields = _decode(leaf)
        entry = Entry(fields.pop("kind"), fields.pop("id"), fields.pop("at"), fields)
        version = fields.pop("v")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, KeyError) as error:
        raise MalformedEntry(f"The leaf is not an entry: {error}.") from None
    if version != VERSION:
        raise MalformedEntry(
            f"The entry has version {version!r}; this reads version {VERSION}.", "Use a newer Freehold."
        )
    if write_entry(entry.kind, entry.id, entry.at, entry.body) != leaf:
        raise MalformedEntry("The entry is not in canonical form.")
    return entry


def _check(value: object, where: str) -> None:
    """Raises MalformedEntry for what JSON cannot hold exactly."""
    if value is None or isinstance(value, str | bool):
        return
    if isinstance(value, int):
        if not -MOST_EXACT <= value <= MOST_EXACT:
            raise MalformedEntry(f"`{where}` is {value}, which JSON cannot hold exactly.")
    elif isinstance(value, Mapping):
        for name, inner in cast("Mapping[object, object]", value).items():
            if not isinstance(name, str) or not name.isascii():
                raise MalformedEntry(f"`{where}` has the key {name!r}; keys are ASCII.")
            _check(inner, f"{where}.{name}")
    elif isinstance(value, list | tuple):
        for inner in cast("list[object]", value):
            _check(inner, where)
    else:
        raise MalformedEntry(f"`{where}` is a {type(value).__name__}, which has no canonical form here.")
