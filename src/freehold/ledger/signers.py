"""Keys that sign the log and stay where they are: a KMS or an HSM signs, and here is only their public half.

The seam is `Signing`, which a third party's package fills. Every signature is checked before it is used: what nobody could
verify must not stand in the log, whoever made it. It knows no entry points and no files.
"""

from typing import Final, Protocol, runtime_checkable

import msgspec

from freehold.errors import BadSignature, StoreError
from freehold.ledger.notes import (
    ALGORITHMS,
    COSIGNATURE_ML_DSA_44,
    ED25519,
    Signature,
    VerifierKey,
    signature_by,
)

KINDS: Final = {ALGORITHMS[kind].public_size: kind for kind in (ED25519, COSIGNATURE_ML_DSA_44)}
"""The types of signature that a log's own key may make, by the size of the public key, which tells them apart."""


@runtime_checkable
class Signing(Protocol):
    """A private key that never leaves its place. A KMS fits: `sign` is its signing call, over the message itself and not over
    a digest of it. It is called once for each checkpoint, two or three times a second while there is anything to sign; entries
    wait for it, answers do not. Failures may be of any type.
    """

    @property
    def public_key(self) -> bytes:
        """The public half as it is: 32 bytes for Ed25519 (RFC 8032), 1,312 for ML-DSA-44 (FIPS 204, pure, no context)."""
        ...

    def sign(self, message: bytes, /) -> bytes:
        """The signature alone: 64 bytes for Ed25519, 2,420 for ML-DSA-44."""
        ...


class OutsideKey(msgspec.Struct, frozen=True):
    """A key elsewhere as something that signs notes. `where` is what the configuration calls it."""

    verifier: VerifierKey
    signing: Signing
    where: str

    def __post_init__(self) -> None:
        """Raises StoreError when there is another key than the one that was noted."""
        if verifier_of(self.verifier.name, self.signing, self.where) != self.verifier:
            raise StoreError(
                f"{self.where!r} signs with another key than before, and nobody who verifies knows it.",
                "Give the new key a name of its own (ledger.signer = NAME:KEY): then both sign until the old one is retired.",
            )

    def sign(self, text: str, time: int = 0) -> Signature:
        """Has a note's text signed. Raises StoreError when it is not, or not with this key; else as `SignerKey.sign`."""
        signature = signature_by(self.verifier, text, time, self._ask)
        try:
            self.verifier.check(text, signature.payload)
        except BadSignature as error:
            raise self._failed(error.sentence) from None
        return signature

    def _ask(self, message: bytes) -> bytes:
        try:
            return bytes(self.signing.sign(message))
        except Exception as error:  # a third party's code
            raise self._failed(f"{error}.") from error

    def _failed(self, why: str) -> StoreError:
        return StoreError(
            f"{self.where!r} does not sign the log: {why}",
            "Entries wait in the journal until it does; see to what it asks.",
        )


def verifier_of(name: str, signing: Signing, where: str) -> VerifierKey:
    """The verifier key of what signs under this name. Raises StoreError where its public key is none that can sign a log."""
    try:
        public = bytes(signing.public_key)
    except Exception as error:  # a third party's code
        raise StoreError(
            f"{where!r} does not say what its public key is: {error}.", "Mend its configuration, or the package."
        ) from error
    if len(public) not in KINDS:
        sizes = " or ".join(f"{size:,}" for size in KINDS)
        raise StoreError(
            f"The public key of {where!r} has {len(public):,} bytes, and one that can sign a log has {sizes}.",
            "Take a key for Ed25519 or ML-DSA-44, and give its public half raw.",
        )
    return VerifierKey(name, KINDS[len(public)], public)
