"""A person's word: signed by them alone, over exactly what is written."""

import stat
from pathlib import Path

import pytest

from freehold.errors import BadSignature, MalformedKey, MalformedNote, StoreError, UnknownSigner
from freehold.ledger.notes import SignerKey, open_note
from freehold.ledger.word import check_word, make_key, read_key, sign_word, statement

ANN = SignerKey("ann", 1, b"\x07" * 32)
BOB = SignerKey("bob", 1, b"\x08" * 32)
FIELDS = {"reason": "Order form 7,\nclause ä.", "by": "ann", "use": "distil"}
TEXT = 'freehold/word/v1\ntraining.override\n{"by":"ann","reason":"Order form 7,\\nclause ä.","use":"distil"}\n'


def test_the_statement_is_one_text_whatever_the_order_of_its_fields() -> None:
    assert statement("training.override", FIELDS) == TEXT
    assert statement("training.override", dict(reversed(FIELDS.items()))) == TEXT


def test_a_word_is_a_signed_note_that_any_reader_of_notes_opens() -> None:
    note = sign_word("training.override", FIELDS, ANN)
    assert open_note(note, [ANN.verifier]).text == TEXT
    assert check_word("training.override", FIELDS, note, [BOB.verifier, ANN.verifier]) == ANN.verifier


@pytest.mark.parametrize("changed", [{"reason": "Order form 8."}, {"use": "train"}, {"by": "bob"}, {"more": ""}])
def test_other_words_than_those_that_were_signed_are_refused(changed: dict[str, str]) -> None:
    note = sign_word("training.override", FIELDS, ANN)
    with pytest.raises(BadSignature, match="is not what is written"):
        check_word("training.override", {**FIELDS, **changed}, note, [ANN.verifier])


def test_another_kind_a_forged_text_and_a_stranger_are_refused() -> None:
    note = sign_word("training.override", FIELDS, ANN)
    with pytest.raises(BadSignature):
        check_word("model.promoted", FIELDS, note, [ANN.verifier])
    with pytest.raises(BadSignature, match="does not fit the text"):
        check_word("training.override", FIELDS, note.replace("form 7", "form 8"), [ANN.verifier])
    with pytest.raises(UnknownSigner):
        check_word("training.override", FIELDS, note, [BOB.verifier])
    with pytest.raises(MalformedNote):
        check_word("training.override", FIELDS, "my word", [ANN.verifier])


def test_a_key_is_made_for_its_owner_alone_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "ann.key"
    made = make_key("ann", path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_key(path) == made
    with pytest.raises(StoreError, match="cannot be made"):
        make_key("ann", path)
    path.chmod(0o640)
    with pytest.raises(StoreError, match="Others than its owner"):
        read_key(path)


def test_what_holds_no_key_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be read: No such file or directory") as refused:
        read_key(tmp_path / "none")
    assert refused.value.advice == f"Make one: `freehold people create NAME --out {tmp_path / 'none'}`."
    path = tmp_path / "two.key"
    path.touch(0o600)
    with pytest.raises(MalformedKey, match="does not hold one key"):
        read_key(path)
    with pytest.raises(MalformedKey, match="cannot be a key's name"):
        make_key("two words", tmp_path / "x")
