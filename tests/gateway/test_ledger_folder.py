"""Where the ledger lies: its name stays, its keys are private, and rotation leaves no moment without a signature."""

import contextlib
import stat
import sys
from functools import partial
from pathlib import Path

import pytest

from freehold.config.settings import Ledger
from freehold.errors import MalformedKey, NotConfigured, NotFound, StoreError
from freehold.gateway.ledger_folder import LedgerFolder
from freehold.gateway.ledger_writer import LedgerWriter
from freehold.ledger.notes import COSIGNATURE_ML_DSA_44, SignerKey, open_note, parse_signer_key, sign_note
from freehold.ledger.subjects import Subjects
from freehold.ledger.tiles import CHECKPOINT
from freehold.store.folder import JOURNAL
from freehold.store.journal import Journal
from freehold.store.places import find_places
from ledger.dying import dies_at
from store.samples import record

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


def test_a_first_start_that_dies_at_any_moment_leaves_a_name_and_keys_or_none(tmp_path: Path) -> None:
    step = 0
    while dies_at(step, partial(assert_started, tmp_path / str(step))):
        assert_started(tmp_path / str(step))
        step += 1
    assert step > 10


def assert_started(data: Path) -> None:
    folder = LedgerFolder(data)
    assert folder.origin().startswith("freehold.invalid/")
    assert [key.name for key in folder.verifiers() or [key.verifier for key in folder.signers()]] == [folder.origin()]


@pytest.mark.parametrize("name", ["my log", "a+b", "two\nlines", ""])
def test_a_name_that_no_log_can_have_is_refused_and_not_remembered(tmp_path: Path, name: str) -> None:
    with pytest.raises(MalformedKey, match="No log can be called"):
        LedgerFolder(tmp_path).origin(name)
    assert LedgerFolder(tmp_path).origin(ORIGIN) == ORIGIN
    assert [signer.verifier.name for signer in LedgerFolder(tmp_path).signers(ORIGIN)] == [ORIGIN]


@pytest.mark.parametrize("empty", ["origin", "log.keys"])
def test_a_file_without_a_byte_is_what_a_power_cut_left_and_is_made_again(tmp_path: Path, empty: str) -> None:
    (tmp_path / "ledger").mkdir(mode=0o700)
    (tmp_path / "ledger" / empty).write_bytes(b"")
    (tmp_path / "ledger" / empty).chmod(0o600)
    assert LedgerFolder(tmp_path).verifiers() == []
    assert_started(tmp_path)


# --- the keys ---


def test_where_there_is_no_ledger_there_are_no_keys_and_none_is_made_by_looking(tmp_path: Path) -> None:
    assert LedgerFolder(tmp_path).verifiers() == []
    assert list(tmp_path.iterdir()) == []


def test_the_first_start_makes_one_key_in_the_name_of_the_log(tmp_path: Path, folder: LedgerFolder) -> None:
    (signer,) = folder.signers()
    assert isinstance(signer, SignerKey)
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
    assert [signer.verifier.algorithm for signer in folder.signers()] == [1, 6]


def test_a_retired_key_signs_no_more_and_is_still_known_by_its_public_half(
    tmp_path: Path, folder: LedgerFolder
) -> None:
    (first,) = folder.signers()
    assert isinstance(first, SignerKey)
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


# --- who guards the master key ---

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "object-storage.md"

KMS = """
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ROTATED = set()


def connect(name):
    return Kms(name)


class Kms:
    def __init__(self, name):
        if name == "away":
            raise OSError("no route to the KMS")
        seed = name.encode().rjust(32, b"r" if name in ROTATED else b"s")
        self.key = Ed25519PrivateKey.from_private_bytes(seed)

    def public_key(self):
        return self.key.public_key().public_bytes_raw()

    def sign(self, message):
        if "silent" in ROTATED:
            raise OSError("the KMS is silent")
        return self.key.sign(message)


"""

VAULT = """
from hashlib import sha256
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def connect(name):
    return Kms(name)


class Kms:
    def __init__(self, name):
        self.cipher = AESGCM(sha256(name.encode()).digest())

    def encrypt(self, secret, aad):
        return b"n" * 12 + self.cipher.encrypt(b"n" * 12, secret, aad)

    def decrypt(self, wrapped, aad):
        return self.cipher.decrypt(wrapped[:12], wrapped[12:], aad)


def broken(folder):
    raise OSError("no route to the vault")
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package that the guide shows, with a vault of its own, on the path as an installer leaves it."""
    site = tmp_path / "site"
    (site / "acme_vault-1.0.dist-info").mkdir(parents=True)
    vault, signer = (part.partition("```")[0] for part in PAGE.read_text().split("```python\n")[1:])
    (site / "acme_vault.py").write_text(VAULT + vault)
    (site / "acme_signer.py").write_text(KMS + signer)
    (site / "acme_vault-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: acme-vault\nVersion: 1.0\n"
    )
    points = "[freehold.key_wrappers]\nacme = acme_vault:Vault\nbroken = acme_vault:broken\nempty = builtins:str\n"
    points += "[freehold.signers]\nacme = acme_signer:Signer\nempty = builtins:bytes.fromhex\n"
    (site / "acme_vault-1.0.dist-info" / "entry_points.txt").write_text(points)
    monkeypatch.setattr(sys, "path", [str(site), *sys.path])
    monkeypatch.delitem(sys.modules, "acme_signer", raising=False)  # each test has a KMS of its own
    return tmp_path / "data"


def test_a_third_partys_guard_is_found_by_its_name_and_is_asked_from_then_on(installed: Path) -> None:
    folder = LedgerFolder(installed)
    folder.note_master_key("acme")
    with contextlib.closing(Subjects(folder.subjects, folder.master_key)) as subjects:
        pseudonyms = subjects.pseudonyms(["Jane Roe"])
        assert subjects.rotate() == 1
    again = LedgerFolder(installed)
    with contextlib.closing(Subjects(again.subjects, again.master_key)) as subjects:
        assert subjects.pseudonyms(["Jane Roe"]) == pseudonyms
    assert not (installed / "ledger" / "master.key").exists()


def test_a_guard_cannot_be_changed_once_it_has_wrapped_something(installed: Path) -> None:
    folder = LedgerFolder(installed)
    folder.note_master_key("file")
    Subjects(folder.subjects, folder.master_key).close()
    with pytest.raises(StoreError, match="is guarded by 'file', and the configuration names 'acme'"):
        folder.note_master_key("acme")
    folder.note_master_key("file")


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("nobody", NotConfigured, "no package that is installed brings it"),
        ("broken", StoreError, "cannot be opened: no route to the vault"),
        ("empty", StoreError, "gives no `Keys`"),
    ],
)
def test_a_guard_that_cannot_be_asked_is_told(installed: Path, name: str, error: type[Exception], said: str) -> None:
    folder = LedgerFolder(installed)
    folder.note_master_key(name)
    with pytest.raises(error, match=said):
        _ = folder.master_key


def test_what_wraps_the_keys_of_subjects_opens_what_it_wrapped(folder: LedgerFolder) -> None:
    wrapped = folder.master_key.wrap(b"secret", b"about")
    assert folder.master_key.unwrap(wrapped, b"about") == b"secret"


# --- who signs ---


def signed(folder: LedgerFolder, signer: str) -> list[str]:
    """The names of keys that sign, newest last: by their ids, after each has signed and the note has been verified."""
    signers = folder.signers(ORIGIN, signer)
    note = open_note(sign_note(f"{ORIGIN}\n1\n{'A' * 43}=\n", signers), folder.verifiers())
    return [verified.key.id.hex() for verified in note.verified]


def test_a_signer_of_a_third_party_begins_a_log_and_no_private_key_is_here(installed: Path) -> None:
    folder = LedgerFolder(installed)
    (only,) = signed(folder, "acme:one")
    (line,) = (installed / "ledger" / "log.keys").read_text().split()
    assert line == f"OUTSIDE+acme:one+{folder.verifiers()[0]}"
    assert signed(LedgerFolder(installed), "acme:one") == [only]
    assert "PRIVATE" not in line


def test_one_that_is_named_later_signs_beside_the_others_until_they_are_retired(installed: Path) -> None:
    folder = LedgerFolder(installed)
    (first,) = signed(folder, "file")
    both = signed(folder, "acme:one")
    assert both == [first, folder.verifiers()[-1].id.hex()]
    folder.retire_signer(first)
    assert signed(folder, "acme:one") == both[1:]
    second = signed(folder, "acme:two")
    assert second[0] == both[1]
    folder.retire_signer(both[1])
    assert signed(folder, "acme:two") == second[1:]
    assert [key.id.hex() for key in folder.retired()] == [first, both[1]]
    with pytest.raises(StoreError, match="or was retired"):
        folder.signers(ORIGIN, "acme:one")


def test_a_log_that_is_signed_elsewhere_gets_no_key_of_the_file_unless_one_is_added(installed: Path) -> None:
    folder = LedgerFolder(installed)
    (outside,) = signed(folder, "acme:one")
    with pytest.raises(StoreError, match="is signed by acme:one, and the configuration names 'file'"):
        folder.signers(ORIGIN, "file")
    added = folder.add_signer().verifier.id.hex()
    assert signed(folder, "file") == [outside, added]


def test_a_signer_with_another_key_than_the_one_noted_is_refused(installed: Path) -> None:
    folder = LedgerFolder(installed)
    folder.signers(ORIGIN, "acme:one")
    sys.modules["acme_signer"].__dict__["ROTATED"].add("one")
    with pytest.raises(StoreError, match="'acme:one' signs with another key than before"):
        folder.signers(ORIGIN, "acme:one")


@pytest.mark.parametrize(
    ("signer", "error", "said"),
    [
        ("nobody:k", NotConfigured, "The log is signed by 'nobody', and no package that is installed brings it"),
        ("acme:away", StoreError, "cannot be opened: no route to the KMS"),
        ("empty", StoreError, "cannot be opened"),
        ("acme:one+two", StoreError, "names nobody that signs"),
        ("acme: one", StoreError, "names nobody that signs"),
    ],
)
def test_a_signer_that_cannot_sign_is_told_and_nothing_is_begun(
    installed: Path, signer: str, error: type[Exception], said: str
) -> None:
    folder = LedgerFolder(installed)
    with pytest.raises(error, match=said):
        folder.signers(ORIGIN, signer)
    assert folder.verifiers() == []


def checkpoint(data: Path) -> tuple[int, list[str]]:
    """How many entries the checkpoint in force covers, and the ids of the keys that signed it."""
    folder = LedgerFolder(data)
    note = open_note((folder.log / CHECKPOINT).read_bytes(), folder.verifiers())
    return int(note.text.split("\n")[1]), [verified.key.id.hex() for verified in note.verified]


def journaled(data: Path, number: int) -> None:
    with contextlib.closing(Journal(data / JOURNAL, 0)) as journal:
        journal.append(record(number))


def test_the_ledgers_writer_has_both_sign_and_notes_the_one_that_joined(installed: Path) -> None:
    for number, signer in ((1, "file"), (2, "acme:one"), (3, "acme:one")):
        journaled(installed, number)
        with contextlib.closing(LedgerWriter(installed, Ledger(origin=ORIGIN, signer=signer))) as writer:
            writer.round()
    ids = [key.id.hex() for key in LedgerFolder(installed).verifiers()]
    assert checkpoint(installed) == (4, ids)
    assert [place.kind for place in find_places(installed, ids[1])] == ["ledger-key.added"]
    assert find_places(installed, ids[0]) == []


def test_while_a_signer_is_silent_entries_wait_and_nothing_is_lost_or_there_twice(installed: Path) -> None:
    journaled(installed, 1)
    with contextlib.closing(LedgerWriter(installed, Ledger(origin=ORIGIN, signer="acme:one"))) as writer:
        writer.round()
        journaled(installed, 2)
        silent: set[str] = sys.modules["acme_signer"].__dict__["ROTATED"]
        silent.add("silent")
        for _ in range(2):
            with pytest.raises(StoreError, match="'acme:one' does not sign the log: the KMS is silent"):
                writer.round()
        assert checkpoint(installed)[0] == 1
        silent.clear()
        writer.round()
        writer.round()
    assert checkpoint(installed)[0] == 2
