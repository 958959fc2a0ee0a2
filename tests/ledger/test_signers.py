"""Keys that sign elsewhere: their signatures are as good as ours, and checked before they are used."""

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from freehold.errors import StoreError
from freehold.ledger.notes import COSIGNATURE_ML_DSA_44, ED25519, SignerKey, open_note, sign_note
from freehold.ledger.signers import OutsideKey, Signing, verifier_of

NAME = "log.example/one"
SEED = bytes(range(32))
TEXT = f"{NAME}\n1\n{'A' * 43}=\n"


class Hsm:
    """A key in memory, of which only what a KMS shows is seen: the public half, and signatures."""

    def __init__(self, kind: int = ED25519, seed: bytes = SEED) -> None:
        private = (
            Ed25519PrivateKey.from_private_bytes(seed) if kind == ED25519 else MLDSA44PrivateKey.from_seed_bytes(seed)
        )
        self.public_key = private.public_key().public_bytes_raw()
        self.sign: Callable[[bytes], bytes] = private.sign


def outside(hsm: Hsm) -> OutsideKey:
    return OutsideKey(verifier_of(NAME, hsm, "acme"), hsm, "acme")


def test_it_signs_as_the_same_key_would_sign_here() -> None:
    here = SignerKey(NAME, ED25519, SEED)
    assert isinstance(Hsm(), Signing)
    assert outside(Hsm()).verifier == here.verifier
    assert sign_note(TEXT, [outside(Hsm())]) == sign_note(TEXT, [here])


def test_a_key_for_ml_dsa_44_signs_too_and_both_may_sign_one_note() -> None:
    lattice = outside(Hsm(COSIGNATURE_ML_DSA_44))
    assert lattice.verifier.algorithm == COSIGNATURE_ML_DSA_44
    keys = [SignerKey(NAME, ED25519, SEED), lattice]
    note = open_note(sign_note(TEXT, keys, 1_790_000_000), [key.verifier for key in keys])
    assert [(verified.key, verified.time) for verified in note.verified] == [
        (keys[0].verifier, None),
        (lattice.verifier, 1_790_000_000),
    ]


def fails(_: bytes) -> bytes:
    raise ConnectionError("no route to the HSM")


def lies(_: bytes) -> bytes:
    return b"\0" * 64


def says_nothing(_: bytes) -> bytes:
    return b""


def signs_another(message: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(SEED).sign(message + b"!")


def gives_nothing(_: bytes) -> Any:
    return None


@pytest.mark.parametrize(
    ("sign", "said"),
    [
        (fails, "'acme' does not sign the log: no route to the HSM"),
        (lies, "does not fit the text"),
        (says_nothing, "does not fit the text"),
        (signs_another, "does not fit the text"),
        (gives_nothing, "does not sign the log"),
    ],
)
def test_what_it_gives_that_nobody_could_verify_is_never_used(sign: Callable[[bytes], bytes], said: str) -> None:
    hsm = Hsm()
    key = outside(hsm)
    hsm.sign = sign
    with pytest.raises(StoreError, match=said):
        key.sign(TEXT)


def test_another_key_than_the_one_that_was_noted_is_refused() -> None:
    noted = verifier_of(NAME, Hsm(), "acme")
    with pytest.raises(StoreError, match="'acme' signs with another key than before"):
        OutsideKey(noted, Hsm(seed=bytes(32)), "acme")


def test_a_public_key_of_a_type_that_signs_no_log_is_told_with_the_sizes_that_do() -> None:
    hsm = Hsm()
    hsm.public_key = b"\4" * 65  # a point on P-256
    with pytest.raises(StoreError, match="has 65 bytes, and one that can sign a log has 32 or 1,312"):
        verifier_of(NAME, hsm, "acme")


def test_one_that_does_not_say_its_public_key_is_told() -> None:
    class Away:
        @property
        def public_key(self) -> bytes:
            raise ConnectionError("no route to the HSM")

        def sign(self, message: bytes) -> bytes:
            return message

    with pytest.raises(StoreError, match="does not say what its public key is: no route to the HSM"):
        verifier_of(NAME, Away(), "acme")
