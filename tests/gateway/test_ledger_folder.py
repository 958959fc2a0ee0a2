"""Where the ledger lies: its name stays, its keys are private, and rotation leaves no moment without a signature."""

import stat
from pathlib import Path

import pytest

from freehold.errors import NotFound, StoreError
from freehold.gateway.ledger_folder import LedgerFolder
from freehold.ledger.notes import COSIGNATURE_ML_DSA_44, open_note, parse_signer_key, sign_note

ORIGIN = "log.example/acme"


@pytest.fixture
def folder(tmp_path: Path) -> LedgerFolder:
    """A ledger after its first start."""
    made = LedgerFolder(tmp_path)
    made.signers(ORIGIN)
    return made


def modes(data: Path) -> set[int]:
    return {stat.S_IMODE(path.stat().st_mode) for path in (data / "ledger").rglob("*") if path.is_file()}


# --- the name ---


def test_a_log_has_the_name_that_the_configuration_gives_and_keeps_it(tmp_path: Path) -> None:
    assert LedgerFolder(tmp_path).origin(ORIGIN) == ORIGIN
    assert LedgerFolder(tmp_path).origin() == ORIGIN
    assert LedgerFolder(tmp_path).origin(ORIGIN) == ORIGIN
    with pytest.raises(StoreError, match=r"is called 'log\.example/acme', and the configuration calls it 'other'"):
        LedgerFolder(tmp_path).origin("other")


def test_a_log_without_a_name_gets_one_that_is_nobody_elses(tmp_path: Path) -> None:
    first, second = (LedgerFolder(tmp_path / name).origin() for name in "ab")
    assert first.startswith("freehold.invalid/")
    assert first != second
    assert LedgerFolder(tmp_path / "a").origin() == first


# --- the keys ---


def test_where_there_is_no_ledger_there_are_no_keys_and_none_is_made_by_looking(tmp_path: Path) -> None:
    assert LedgerFolder(tmp_path).verifiers() == []
    assert list(tmp_path.iterdir()) == []


def test_the_first_start_makes_one_key_in_the_name_of_the_log(tmp_path: Path, folder: LedgerFolder) -> None:
    (signer,) = folder.signers()
    assert signer.name == ORIGIN
    assert folder.signers() == [signer]
    assert folder.verifiers() == [signer.verifier]
    assert (tmp_path / "ledger" / "log.keys").read_text() == f"{signer.encoded()}\n"
    assert modes(tmp_path) == {0o600}
    assert stat.S_IMODE((tmp_path / "ledger").stat().st_mode) == 0o700


def test_keys_that_others_may_read_are_refused(tmp_path: Path, folder: LedgerFolder) -> None:
    keys = tmp_path / "ledger" / "log.keys"
    keys.chmod(0o640)
    with pytest.raises(StoreError, match="Others may read") as told:
        folder.signers()
    assert told.value.advice == f"chmod 600 {keys}, and rotate the key."


def test_a_key_that_is_added_signs_beside_the_others_and_is_the_newest(tmp_path: Path, folder: LedgerFolder) -> None:
    (first,) = folder.signers()
    added = folder.add_signer()
    assert LedgerFolder(tmp_path).signers() == [first, added]
    assert added.name == ORIGIN
    assert modes(tmp_path) == {0o600}


def test_while_keys_overlap_whoever_has_either_can_verify(folder: LedgerFolder) -> None:
    folder.add_signer()
    note = sign_note("text\n", folder.signers())
    for key in folder.verifiers():
        assert open_note(note, [key]).verified[0].key == key


def test_an_added_key_can_be_of_another_type(folder: LedgerFolder) -> None:
    assert folder.add_signer(COSIGNATURE_ML_DSA_44).algorithm == COSIGNATURE_ML_DSA_44
    assert [key.algorithm for key in folder.signers()] == [1, 6]


def test_a_retired_key_signs_no_more_and_is_still_known_by_its_public_half(
    tmp_path: Path, folder: LedgerFolder
) -> None:
    (first,) = folder.signers()
    added = folder.add_signer()
    assert folder.retired() == []
    assert folder.retire_signer(first.verifier.id.hex()) == first.verifier
    assert (folder.signers(), folder.verifiers(), folder.retired()) == ([added], [added.verifier], [first.verifier])
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert first.encoded().encode() not in everything
    assert modes(tmp_path) == {0o600}


def test_the_last_key_cannot_be_retired(folder: LedgerFolder) -> None:
    (only,) = folder.signers()
    with pytest.raises(StoreError, match="is the only key that signs"):
        folder.retire_signer(only.verifier.id.hex())
    assert folder.signers() == [only]


def test_a_key_that_is_not_there_cannot_be_retired(tmp_path: Path, folder: LedgerFolder) -> None:
    with pytest.raises(NotFound, match="has the id 'ffffffff'"):
        folder.retire_signer("ffffffff")
    with pytest.raises(NotFound):
        LedgerFolder(tmp_path / "nothing").retire_signer("ffffffff")


def test_a_death_between_the_two_files_of_a_retirement_leaves_the_key_signing(
    tmp_path: Path, folder: LedgerFolder
) -> None:
    (first,) = folder.signers()
    folder.add_signer()
    (tmp_path / "ledger" / "log.retired").write_text(f"{first.verifier}\n")
    assert folder.retired() == []
    folder.retire_signer(first.verifier.id.hex())
    assert folder.retired() == [first.verifier]


def test_no_key_can_be_added_where_there_is_no_ledger(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="There is no ledger"):
        LedgerFolder(tmp_path).add_signer()


def test_a_signer_key_is_written_as_gos_note_reads_it(tmp_path: Path, folder: LedgerFolder) -> None:
    line = (tmp_path / "ledger" / "log.keys").read_text().strip()
    assert line.startswith(f"PRIVATE+KEY+{ORIGIN}+")
    assert parse_signer_key(line) == folder.signers()[0]


def test_what_wraps_the_keys_of_subjects_opens_what_it_wrapped(folder: LedgerFolder) -> None:
    wrapped = folder.master_key.wrap(b"secret", b"about")
    assert folder.master_key.unwrap(wrapped, b"about") == b"secret"
