"""Signed notes (C2SP signed-note) and the keys that sign them: text, signatures, verifier keys, signer keys.

It knows what a signature of each type covers, and nothing of what the text means, except that an ML-DSA-44 cosignature
covers a checkpoint's values (C2SP tlog-cosignature). Which keys are trusted is the caller's to say. A signature type is one
row of `ALGORITHMS`; adding one touches nothing else. The arithmetic is the `cryptography` package's.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from secrets import token_bytes
from types import MappingProxyType
from typing import Final, Protocol

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from freehold.errors import (
    AmbiguousKey,
    BadSignature,
    KeyIdMismatch,
    MalformedCheckpoint,
    MalformedKey,
    MalformedNote,
    UnknownAlgorithm,
    UnknownSigner,
)
from freehold.ledger.checkpoints import parse_checkpoint
from freehold.ledger.lines import MOST, from_base64, to_base64

ED25519: Final = 0x01
COSIGNATURE_ED25519: Final = 0x04
COSIGNATURE_ML_DSA_44: Final = 0x06

MAX_SIGNATURES: Final = 100
"""As many as Go's `note` reads; more would only cost time."""

SEED_SIZE: Final = 32
"""Bytes of a private key: both Ed25519 (RFC 8032) and ML-DSA (FIPS 204) begin with a seed of this length."""

_DASH: Final = "— "
_KEY_ID: Final = re.compile(r"[0-9a-f]{8}")


class VerifierKey(msgspec.Struct, frozen=True):
    """A public key with the name it signs under. `str(key)` is its verifier key line, or vkey.

    Raises MalformedKey and UnknownAlgorithm for what cannot be one.
    """

    name: str
    algorithm: int
    public: bytes

    def __post_init__(self) -> None:
        _check_key(self.name, self.public, _algorithm(self.algorithm).public_size)

    @property
    def id(self) -> bytes:
        """The 4 bytes that name this key in a signature line."""
        return sha256(self.name.encode() + b"\n" + bytes((self.algorithm,)) + self.public).digest()[:4]

    @property
    def cosigns(self) -> bool:
        """Whether its signatures are cosignatures, which carry a time: what a witness makes."""
        return ALGORITHMS[self.algorithm].timestamped

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{to_base64(bytes((self.algorithm,)) + self.public)}"

    def check(self, text: str, payload: bytes) -> int | None:
        """Returns when `payload` is this key's signature of a note's text, with its time if it has one.

        The time is in seconds since 1970 and 0 when the cosigner states none. Raises BadSignature.
        """
        algorithm = ALGORITHMS[self.algorithm]
        head = 8 if algorithm.timestamped else 0
        time = int.from_bytes(payload[:head], "big")
        try:
            if len(payload) != head + algorithm.signature_size or time > MOST:
                raise InvalidSignature
            algorithm.verify(self.public, payload[head:], algorithm.message(self.name, time, text))
        except InvalidSignature:
            raise BadSignature(f"The signature of {self.name}+{self.id.hex()} does not fit the text.") from None
        return time if algorithm.timestamped else None


class SignerKey(msgspec.Struct, frozen=True):
    """A private key with the name it signs under. It never shows its seed, except in `encoded`."""

    name: str
    algorithm: int
    seed: bytes

    def __post_init__(self) -> None:
        _algorithm(self.algorithm)
        _check_key(self.name, self.seed, SEED_SIZE)

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        return VerifierKey(self.name, self.algorithm, ALGORITHMS[self.algorithm].public_of(self.seed))

    def encoded(self) -> str:
        """The key as one line, `PRIVATE+KEY+...`, as Go's `note` writes it. Secret."""
        private = to_base64(bytes((self.algorithm,)) + self.seed)
        return f"PRIVATE+KEY+{self.name}+{self.verifier.id.hex()}+{private}"

    def sign(self, text: str, time: int = 0) -> "Signature":
        """Signs a note's text. A cosignature carries `time`, in seconds since 1970; other types have none.

        Raises MalformedNote for a text that no note can have, MalformedCheckpoint when this type signs only checkpoints.
        """
        return signature_by(self.verifier, text, time, lambda data: ALGORITHMS[self.algorithm].sign(self.seed, data))

    def __repr__(self) -> str:
        return f"SignerKey({self.name!r}, {self.algorithm:#04x})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        return [("name", self.name), ("algorithm", self.algorithm)]


class Signature(msgspec.Struct, frozen=True):
    """One signature line: who says to have signed, with which key, and the bytes."""

    name: str
    key_id: bytes
    payload: bytes

    @property
    def line(self) -> str:
        """The line of a note, with its newline."""
        return f"{_DASH}{self.name} {to_base64(self.key_id + self.payload)}\n"


class Verified(msgspec.Struct, frozen=True):
    """A signature that a trusted key made. `time` is in seconds since 1970; None where the type has no time."""

    key: VerifierKey
    time: int | None
    signature: Signature


class Signer(Protocol):
    """What signs notes: a key that is here, or one that stays elsewhere (`signers.py`)."""

    @property
    def verifier(self) -> VerifierKey: ...

    def sign(self, text: str, time: int = 0) -> Signature: ...


class Note(msgspec.Struct, frozen=True):
    """A text, the signatures of trusted keys, and those of keys that are not known here."""

    text: str
    verified: tuple[Verified, ...]
    unverified: tuple[Signature, ...]


def parse_verifier_key(text: str) -> VerifierKey:
    """Reads a vkey, `name+id+key`. Raises MalformedKey, UnknownAlgorithm, KeyIdMismatch."""
    name, key_id, material = _split_key(text, text)
    key = VerifierKey(name, material[0], material[1:])
    if key.id != key_id:
        raise KeyIdMismatch(f"The verifier key {text[:80]!r} says its id is {key_id.hex()}, and it is {key.id.hex()}.")
    return key


def parse_signer_key(text: str) -> SignerKey:
    """Reads a signer key, `PRIVATE+KEY+name+id+key`.

    Raises MalformedKey, UnknownAlgorithm, KeyIdMismatch, with nothing of the key in their sentences.
    """
    if not text.startswith("PRIVATE+KEY+"):
        raise MalformedKey("A signer key begins with PRIVATE+KEY+.")
    name, key_id, material = _split_key(text.removeprefix("PRIVATE+KEY+"), "the signer key")
    key = SignerKey(name, material[0], material[1:])
    if key.verifier.id != key_id:
        raise KeyIdMismatch("The id in the signer key is not that of its name and public key.")
    return key


def generate_signer_key(name: str, algorithm: int = ED25519) -> SignerKey:
    """A new private key, from the system's randomness. Raises MalformedKey for a name no key can have, UnknownAlgorithm."""
    return SignerKey(name, algorithm, token_bytes(SEED_SIZE))


def parse_note(note: bytes | str) -> Note:
    """Reads a note and believes none of it: every signature is unverified. Raises MalformedNote.

    Use it to learn whose key to look for; the text means nothing until `open_note` has returned.
    """
    text, lines = _split_note(note)
    signatures = dict.fromkeys(_read_signature(line) for line in lines)
    return Note(text, (), tuple(signatures))


def open_note(note: bytes | str, keys: Iterable[VerifierKey]) -> Note:
    """Reads a note that at least one of `keys` has signed; signatures of other keys are kept aside, as the format demands.

    Raises MalformedNote; AmbiguousKey when two of `keys` answer to one signature; BadSignature when a key of that name and
    id did not sign this text; UnknownSigner when none of them signed at all.
    """
    known = _by_id(keys)
    verified: dict[tuple[str, bytes], Verified] = {}
    unverified: list[Signature] = []
    parsed = parse_note(note)
    for signature in parsed.unverified:
        named = (signature.name, signature.key_id)
        candidates = known.get(named, [])
        if len(candidates) > 1:
            raise AmbiguousKey(f"Two trusted keys are named {signature.name}+{signature.key_id.hex()}.")
        if not candidates:
            unverified.append(signature)
        elif named not in verified:
            time = candidates[0].check(parsed.text, signature.payload)
            verified[named] = Verified(candidates[0], time, signature)
    if not verified:
        signers = ", ".join(f"{signature.name}+{signature.key_id.hex()}" for signature in unverified[:4])
        raise UnknownSigner(f"No trusted key has signed the note; its signers are {signers}.")
    return Note(parsed.text, tuple(verified.values()), tuple(unverified))


def signature_by(key: VerifierKey, text: str, time: int, sign: Callable[[bytes], bytes]) -> Signature:
    """The signature line of `key`, whose private half is what `sign` signs with. Raises as `SignerKey.sign`."""
    _check_text(text)
    if not 0 <= time <= MOST:
        raise ValueError(f"{time} is no time that a cosignature can carry")
    algorithm = ALGORITHMS[key.algorithm]
    head = time.to_bytes(8, "big") if algorithm.timestamped else b""
    return Signature(key.name, key.id, head + sign(algorithm.message(key.name, time, text)))


def sign_note(text: str, signers: Iterable[Signer], time: int = 0) -> str:
    """A note with this text, signed by each in turn. Raises MalformedNote for a text that no note can have."""
    signatures = [signer.sign(text, time) for signer in signers]
    if not signatures:
        raise MalformedNote("A note has at least one signature.")
    return text + "\n" + "".join(signature.line for signature in signatures)


def add_signatures(note: bytes | str, signatures: Iterable[Signature]) -> str:
    """The note with these signatures after its own; one by the same key is replaced. It checks none of them."""
    parsed = parse_note(note)
    merged = {(signature.name, signature.key_id): signature for signature in signatures}
    kept = [signature for signature in parsed.unverified if (signature.name, signature.key_id) not in merged]
    return parsed.text + "\n" + "".join(signature.line for signature in (*kept, *merged.values()))


def parse_signature_lines(text: str) -> list[Signature]:
    """Reads signature lines alone, as a witness answers. Raises MalformedNote."""
    if not text.endswith("\n"):
        raise MalformedNote("The last signature line has no newline.")
    return [_read_signature(line) for line in text.split("\n")[:-1]]


# --- keys ---


def _split_key(text: str, shown: str) -> tuple[str, bytes, bytes]:
    name, _, rest = text.partition("+")
    key_id, _, material = rest.partition("+")
    try:
        data = from_base64(material)
    except ValueError:
        data = b""
    if not _KEY_ID.fullmatch(key_id) or not data:
        raise MalformedKey(f"{shown[:80]!r} is not a key: name, plus, 8 hexadecimal digits, plus, base64.")
    return name, bytes.fromhex(key_id), data


def _check_key(name: str, material: bytes, size: int) -> None:
    if not _is_name(name):
        raise MalformedKey(
            f"{name[:80]!r} cannot be a key's name: it is empty, or has a space or a plus.",
            "Take a name of one word, such as ann@example.com.",
        )
    if len(material) != size:
        raise MalformedKey(f"The key of {name[:80]} has {len(material)} bytes, and one of its type has {size}.")


def _is_name(name: str) -> bool:
    """Not empty, without plus, Unicode spaces or control characters, and writable as UTF-8."""
    return (
        bool(name)
        and not any(character == "+" or character < "!" or character.isspace() for character in name)
        and _is_utf8(name)
    )


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _by_id(keys: Iterable[VerifierKey]) -> dict[tuple[str, bytes], list[VerifierKey]]:
    known: dict[tuple[str, bytes], list[VerifierKey]] = {}
    for key in keys:
        known.setdefault((key.name, key.id), []).append(key)
    return known


# --- reading a note ---


def _split_note(note: bytes | str) -> tuple[str, list[str]]:
    try:
        text = note.decode() if isinstance(note, bytes) else note
    except UnicodeDecodeError:
        raise MalformedNote("The note is not UTF-8.") from None
    body, gap, signatures = text.rpartition("\n\n")
    _check_text(body + "\n")
    if not gap or not signatures.endswith("\n"):
        raise MalformedNote("A note is a text, an empty line, and signature lines, each with a newline at its end.")
    lines = signatures.split("\n")[:-1]
    if len(lines) > MAX_SIGNATURES:
        raise MalformedNote(f"The note has {len(lines)} signatures, and at most {MAX_SIGNATURES} are read.")
    return body + "\n", lines


def _check_text(text: str) -> None:
    if not text.endswith("\n") or not _is_utf8(text) or any(line < " " for line in text if line != "\n"):
        raise MalformedNote("The text of a note is UTF-8, ends with a newline and has no other control characters.")


def _read_signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    try:
        payload = from_base64(encoded)
    except ValueError:
        payload = b""
    if not line.startswith(_DASH) or not _is_name(name) or len(payload) < 5:
        raise MalformedNote(f"{line[:80]!r} is not a signature line: dash, name, and base64 of an id and a signature.")
    return Signature(name, payload[:4], payload[4:])


# --- what a signature of each type covers, and who computes it ---


class Algorithm(msgspec.Struct, frozen=True):
    """A signature type. `message(name, time, text)` is what is signed; `verify` raises InvalidSignature."""

    public_size: int
    signature_size: int
    timestamped: bool
    message: Callable[[str, int, str], bytes]
    public_of: Callable[[bytes], bytes]
    sign: Callable[[bytes, bytes], bytes]
    verify: Callable[[bytes, bytes, bytes], None]


def _algorithm(kind: int) -> Algorithm:
    algorithm = ALGORITHMS.get(kind)
    if algorithm is None:
        raise UnknownAlgorithm(f"Signatures of type {kind:#04x} are not known here.")
    return algorithm


def _note_message(_name: str, _time: int, text: str) -> bytes:
    return text.encode()


def _cosigned_text(_name: str, time: int, text: str) -> bytes:
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def _cosigned_values(name: str, time: int, text: str) -> bytes:
    """The `cosigned_message` of tlog-cosignature for a whole tree, which begins at leaf 0."""
    checkpoint = parse_checkpoint(text)
    parts = [b"subtree/v1\n\0", _short(name), time.to_bytes(8, "big"), _short(checkpoint.origin), bytes(8)]
    return b"".join((*parts, checkpoint.size.to_bytes(8, "big"), checkpoint.root))


def _short(text: str) -> bytes:
    data = text.encode()
    if len(data) > 255:
        raise MalformedCheckpoint("An ML-DSA-44 cosignature cannot cover a name or an origin of more than 255 bytes.")
    return bytes((len(data),)) + data


def _ed25519_public(seed: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def _ed25519_sign(seed: bytes, message: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).sign(message)


def _ed25519_verify(public: bytes, signature: bytes, message: bytes) -> None:
    Ed25519PublicKey.from_public_bytes(public).verify(signature, message)


def _ml_dsa_44_private(seed: bytes) -> MLDSA44PrivateKey:
    try:
        return MLDSA44PrivateKey.from_seed_bytes(seed)
    except UnsupportedAlgorithm:
        raise UnknownAlgorithm("The installed `cryptography` was built without ML-DSA-44.") from None


def _ml_dsa_44_public(seed: bytes) -> bytes:
    return _ml_dsa_44_private(seed).public_key().public_bytes_raw()


def _ml_dsa_44_sign(seed: bytes, message: bytes) -> bytes:
    return _ml_dsa_44_private(seed).sign(message)


def _ml_dsa_44_verify(public: bytes, signature: bytes, message: bytes) -> None:
    try:
        key = MLDSA44PublicKey.from_public_bytes(public)
    except UnsupportedAlgorithm:
        raise UnknownAlgorithm("The installed `cryptography` was built without ML-DSA-44.") from None
    key.verify(signature, message)


_ED25519: Final = (_ed25519_public, _ed25519_sign, _ed25519_verify)
_ML_DSA_44: Final = (_ml_dsa_44_public, _ml_dsa_44_sign, _ml_dsa_44_verify)

ALGORITHMS: Final[Mapping[int, Algorithm]] = MappingProxyType(
    {
        ED25519: Algorithm(32, 64, False, _note_message, *_ED25519),
        COSIGNATURE_ED25519: Algorithm(32, 64, True, _cosigned_text, *_ED25519),
        COSIGNATURE_ML_DSA_44: Algorithm(1312, 2420, True, _cosigned_values, *_ML_DSA_44),
    },
)
"""Every signature type of C2SP signed-note that is known here, by its byte."""
