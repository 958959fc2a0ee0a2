"""Words for tests: what one person signed, with a key that is always the same."""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import convert, to_builtins

from freehold.ledger.notes import ED25519, SignerKey
from freehold.ledger.word import sign_word
from freehold.training.manifest import Manifest, digest_of
from freehold.training.promotion import Answered
from freehold.training.provenance import Override
from freehold.training.word import FIELDS, OVERRIDE, PROMOTED

OPS: Final = SignerKey("ops", ED25519, bytes(32))
KEYS: Final = (OPS.verifier,)
AT: Final = "2026-11-26T10:00:00+00:00"


def signed(kind: str, body: Mapping[str, Any], key: SignerKey = OPS) -> dict[str, Any]:
    """The body with who answers for it, when they signed it, and what."""
    told = {**body, "by": key.name, "signed_at": AT}
    fields = {name: str(told.get(place, "")) for name, place in FIELDS[kind].items()}
    return {**told, "note": sign_word(kind, fields, key)}


def override(**fields: str) -> Override:
    """An override that ops signed."""
    return convert(signed(OVERRIDE, {"terms": "", "terms_date": "", "reason": "r", **fields}), Override)


def unsigned(one: Override) -> Override:
    """The same as an earlier version took it: by name alone."""
    return convert({**to_builtins(one), "signed_at": "", "note": ""}, Override)


def word_for(version: Manifest, reason: str = "urgent") -> dict[str, Any]:
    """What ops signed for the promotion of a version, as its evidence holds it."""
    about = {"model": f"own/{version.model}", "digest": digest_of(version), "weights": version.weights}
    body = signed(PROMOTED, {**about, "override": reason})
    return {name: body[name] for name in ("override", "by", "signed_at", "note")}


def answered(version: Manifest, reason: str = "urgent") -> Answered:
    """The same, as who promotes hands it on."""
    word = word_for(version, reason)
    return Answered(reason, word["by"], word["signed_at"], word["note"])
