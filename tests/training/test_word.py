"""Somebody's word in an entry: whose it is, and that what nobody signed opens nothing."""

from typing import Any

import pytest
from msgspec import to_builtins

from freehold.errors import NotSigned
from freehold.ledger.notes import ED25519, SignerKey
from freehold.training.word import OVERRIDE, PROMOTED, Judged, is_worded, judge, require_signed
from training.versions import manifest
from training.words import KEYS, OPS, override, signed, unsigned, word_for

BODY: dict[str, Any] = to_builtins(override(terms="t", terms_date="d", use="distil", student="own/x"))
BARE: dict[str, Any] = to_builtins(unsigned(override(terms="t", terms_date="d", use="distil", student="own/x")))
OTHER = SignerKey("ops", ED25519, bytes(31) + b"\1")
"""Another key in the name of the same person."""


def test_a_word_is_judged_by_the_keys_that_are_known() -> None:
    assert judge(OVERRIDE, BODY, KEYS) == Judged("signed", "ops+4b3b3a53")
    assert judge(OVERRIDE, BODY, ()) == Judged("stranger", "ops+4b3b3a53")
    assert judge(OVERRIDE, BARE, KEYS) == Judged("nobody", "It carries no signature.")


def test_one_changed_word_is_found_with_and_without_keys() -> None:
    for keys in (KEYS, ()):
        changed = {**BODY, "student": "own/y"}
        assert judge(OVERRIDE, changed, keys) == Judged("wrong", "What was signed is not what is written.")
    assert judge(OVERRIDE, {**BODY, "note": "signed, ops"}, ()).outcome == "wrong"


def test_nobody_signs_in_the_name_of_another() -> None:
    ann = SignerKey("ann", ED25519, bytes(32))
    theirs = signed(OVERRIDE, {**BODY, "note": ""}, ann)
    note = str(theirs["note"]).replace("— ann ", "— bob ")
    assert judge(OVERRIDE, {**theirs, "note": note}, ()) == Judged("wrong", "ann did not sign it.")
    assert judge(OVERRIDE, signed(OVERRIDE, BODY, OTHER), KEYS).outcome == "wrong"
    forged = str(BODY["note"])[:-8] + "AAAAAA==\n"
    assert judge(OVERRIDE, {**BODY, "note": forged}, KEYS).outcome == "wrong"


def test_where_no_keys_are_at_hand_the_note_must_say_what_the_body_says() -> None:
    assert is_worded(OVERRIDE, BODY)
    assert not is_worded(OVERRIDE, {**BODY, "use": "train"})
    assert not is_worded(OVERRIDE, BARE)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (BARE, "An override is signed by who answers for it, and this one is not"),
        (
            signed(OVERRIDE, BODY, SignerKey("eve", ED25519, bytes(32))),
            r"signed with eve\+.*, which \[people\] does not",
        ),
        ({**BODY, "reason": "another"}, "not the word of ops: What was signed is not what is written"),
    ],
)
def test_only_what_a_known_key_signed_passes(body: dict[str, Any], why: str) -> None:
    require_signed(OVERRIDE, BODY, KEYS)
    with pytest.raises(NotSigned, match=why) as caught:
        require_signed(OVERRIDE, body, KEYS)
    assert "freehold people create NAME --out NAME.key >> freehold.toml" in caught.value.advice


def test_a_word_for_one_version_is_none_for_another() -> None:
    one, two = manifest("nano", {"nano.gguf": b"GGUF one"}), manifest("nano", {"nano.gguf": b"GGUF two"})
    about = {"model": "own/nano", "digest": OPS.name, "weights": two.weights}
    assert judge(PROMOTED, {**about, **word_for(one)}, KEYS).says == "What was signed is not what is written."
