"""A person's word: what somebody answers for, signed with a key of their own, as a signed note (C2SP signed-note).

    freehold/word/v1                                          what kind of text this is
    training.override                                         what is answered for
    {"by":"ann","reason":"Order form 7.", ...}                all of it, JSON with sorted keys
                                                              a blank line, then the signature
    — ann 5n0v...

It knows texts and keys, and neither terms nor models. It exists because the ledger's keys say what was noted, and not who answers for it: whoever
runs the machine can note anything, and cannot sign for somebody else.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from freehold.errors import BadSignature, MalformedKey, StoreError
from freehold.ledger.folder import write_private
from freehold.ledger.notes import SignerKey, VerifierKey, generate_signer_key, open_note, parse_signer_key, sign_note

HEAD: Final = "freehold/word/v1"

_encode = msgspec.json.Encoder(order="sorted").encode


def statement(kind: str, fields: Mapping[str, str]) -> str:
    """The text that is signed: the same for the same fields, in any order."""
    return f"{HEAD}\n{kind}\n{_encode(dict(fields)).decode()}\n"


def sign_word(kind: str, fields: Mapping[str, str], key: SignerKey) -> str:
    """The note: the statement and its signature."""
    return sign_note(statement(kind, fields), [key])


def check_word(kind: str, fields: Mapping[str, str], note: str, keys: Iterable[VerifierKey]) -> VerifierKey:
    """The key that signed exactly this. Raises BadSignature for another text, or a signature that does not fit; UnknownSigner when none of the keys
    signed, MalformedNote."""
    opened = open_note(note, keys)
    if opened.text != statement(kind, fields):
        raise BadSignature("What was signed is not what is written.")
    return opened.verified[0].key


def make_key(name: str, path: Path) -> SignerKey:
    """A new Ed25519 key of a person, in a new file that only its owner may read. Raises MalformedKey for a name that none can have, StoreError when
    the file is there."""
    key = generate_signer_key(name)
    try:
        write_private(path, f"{key.encoded()}\n".encode())
    except OSError as error:
        raise StoreError(f"{path} cannot be made: {error.strerror}.", "Name a file that is not there yet.") from None
    return key


def read_key(path: Path) -> SignerKey:
    """The key in a file. Raises StoreError for a file that others may read, or that cannot be read; MalformedKey."""
    try:
        mode, text = path.stat().st_mode, path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "It is no text"
        raise StoreError(
            f"The key {path} cannot be read: {why}.", f"Make one: `freehold people create NAME --out {path}`."
        ) from None
    if os.name == "posix" and mode & 0o077:
        raise StoreError(f"Others than its owner may use {path}.", f"chmod 600 {path}")
    lines = text.split()
    if len(lines) != 1:
        raise MalformedKey(f"{path} does not hold one key.")
    return parse_signer_key(lines[0])
