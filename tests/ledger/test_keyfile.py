"""The file that guards the master key: private, never half written, and without the old keys once they are retired."""

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from freehold.errors import StoreError
from freehold.ledger.keyfile import KeyFile

# SHA-256 of 32 zero bytes begins 66687aad (FIPS 180-4; any implementation).
ZEROS_NAME = bytes.fromhex("66687aad")


def test_what_is_wrapped_comes_back_also_in_another_process(tmp_path: Path) -> None:
    wrapped = KeyFile(tmp_path / "keys" / "master.key").wrap(b"secret", b"context")
    assert KeyFile(tmp_path / "keys" / "master.key").unwrap(wrapped, b"context") == b"secret"


def test_the_layout_is_the_one_that_the_first_page_says(tmp_path: Path) -> None:
    wrapped = KeyFile(tmp_path / "master.key", draw=bytes).wrap(b"secret", b"context")
    assert (tmp_path / "master.key").read_text() == "00" * 32 + "\n"
    assert wrapped == ZEROS_NAME + bytes(12) + AESGCM(bytes(32)).encrypt(bytes(12), b"secret", b"context")


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    KeyFile(tmp_path / "master.key").wrap(b"secret", b"")
    assert (tmp_path / "master.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    keys = KeyFile(tmp_path / "master.key")
    wrapped = keys.wrap(b"secret", b"")
    (tmp_path / "master.key").chmod(mode)
    with pytest.raises(StoreError, match=r"Others than its owner may use .*master\.key"):
        keys.unwrap(wrapped, b"")
    with pytest.raises(StoreError, match=r"Others than its owner may use .*master\.key"):
        keys.wrap(b"secret", b"")


@pytest.mark.parametrize("text", ["", "\n", "zz" * 32, "00" * 31, "00" * 32 + "\n00"])
def test_a_file_that_holds_no_keys_is_refused(tmp_path: Path, text: str) -> None:
    keys = KeyFile(tmp_path / "master.key")
    wrapped = keys.wrap(b"secret", b"")
    (tmp_path / "master.key").write_text(text)
    with pytest.raises(StoreError, match="holds no keys of 64 hexadecimal digits"):
        keys.unwrap(wrapped, b"")


def test_without_the_file_nothing_unwraps_and_none_is_made(tmp_path: Path) -> None:
    wrapped = KeyFile(tmp_path / "master.key").wrap(b"secret", b"")
    with pytest.raises(StoreError, match="does not hold the key that wrapped the master key"):
        KeyFile(tmp_path / "other.key").unwrap(wrapped, b"")
    assert not (tmp_path / "other.key").exists()


def test_a_flipped_bit_or_another_context_is_refused(tmp_path: Path) -> None:
    keys = KeyFile(tmp_path / "master.key")
    wrapped = keys.wrap(b"secret", b"context")
    with pytest.raises(StoreError, match="damaged"):
        keys.unwrap(wrapped, b"other context")
    for bit in range(8 * len(wrapped)):
        changed = bytearray(wrapped)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(StoreError):
            keys.unwrap(bytes(changed), b"context")


def test_after_renewal_both_keys_unwrap_and_the_new_one_wraps(tmp_path: Path) -> None:
    keys = KeyFile(tmp_path / "master.key")
    before = keys.wrap(b"one", b"")
    keys.renew()
    after = keys.wrap(b"two", b"")
    assert before[:4] != after[:4]
    assert (keys.unwrap(before, b""), keys.unwrap(after, b"")) == (b"one", b"two")


def test_a_retired_key_is_gone_from_the_file_and_from_where_the_file_stood(tmp_path: Path) -> None:
    keys = KeyFile(tmp_path / "master.key")
    before = keys.wrap(b"one", b"")
    keys.renew()
    after = keys.wrap(b"two", b"")
    old_keys = (tmp_path / "master.key").read_text().split()
    with (tmp_path / "master.key").open("rb") as old:
        keys.retire()
        assert os.fstat(old.fileno()).st_nlink == 0
        assert old.read() == bytes(130)
    assert (tmp_path / "master.key").read_text().split() == old_keys[1:]
    assert keys.unwrap(after, b"") == b"two"
    with pytest.raises(StoreError, match="does not hold the key"):
        keys.unwrap(before, b"")
