"""Who guards the master key: the `Keys` seam for a KMS, and a private file for those who have none.

The file holds one key in each line, as 64 hexadecimal digits; the last one wraps, the others only unwrap until a rotation
is through. Keep its backup apart from that of `subjects.db`: whoever has both has every key.

    wrapped = first 4 bytes of SHA-256(key) | nonce(12) | AES-256-GCM(key, nonce, secret, context)
"""

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from freehold.errors import StoreError
from freehold.ledger.folder import alone, flush_folder, make_private, write_private

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
_NAME_BYTES: Final = 4


@runtime_checkable
class Keys(Protocol):
    """What wraps the master key. A KMS fits: `wrap` and `unwrap` are its encrypt and decrypt, with `context` as its
    associated data. They are called when a process starts and when the master key is rotated, never for one subject.
    Failures are StoreError or OSError.
    """

    def wrap(self, secret: bytes, context: bytes) -> bytes:
        """`secret` so that only `unwrap` with the same context gives it back."""
        ...

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """What was wrapped. Raises StoreError when it is damaged, or was wrapped by a key that is not here."""
        ...

    def renew(self) -> None:
        """Wraps with a new key from now on, where that is ours to say; a KMS may do nothing."""
        ...

    def retire(self) -> None:
        """Destroys every key but the one that wraps now: nothing is wrapped by another any more."""
        ...


class KeyFile:
    """Keys in a file that only its owner may read."""

    def __init__(self, path: Path, *, draw: Callable[[int], bytes] = os.urandom) -> None:
        """The file is made at the first `wrap`. `draw` gives cryptographically random bytes."""
        self._path = path
        self._lock = path.with_name(f".{path.name}.lock")
        self._draw = draw

    def wrap(self, secret: bytes, context: bytes) -> bytes:
        """`secret` under the newest key. Raises StoreError when others may read the file, or it is malformed."""
        make_private(self._path.parent)
        with alone(self._lock):
            if not self._path.exists():
                self._write([self._draw(KEY_BYTES)])
            key = self._read()[-1]
        nonce = self._draw(NONCE_BYTES)
        return _name(key) + nonce + AESGCM(key).encrypt(nonce, secret, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """What was wrapped under any key of the file. Raises StoreError when there is none, or a bit differs."""
        border = _NAME_BYTES + NONCE_BYTES
        for key in self._read():
            if _name(key) == wrapped[:_NAME_BYTES]:
                try:
                    return AESGCM(key).decrypt(wrapped[_NAME_BYTES:border], wrapped[border:], context)
                except InvalidTag as error:
                    raise StoreError(
                        f"What {self._path} wrapped is damaged.", "Restore subjects.db from a backup."
                    ) from error
        raise StoreError(
            f"{self._path} does not hold the key that wrapped the master key.",
            f"Restore {self._path.name} from its backup; without it no contents can be opened.",
        )

    def renew(self) -> None:
        """Adds a key, which wraps from now on."""
        with alone(self._lock):
            self._write([*self._read(), self._draw(KEY_BYTES)])

    def retire(self) -> None:
        """Destroys every key but the newest: the old file is overwritten where the filesystem writes in place."""
        with alone(self._lock):
            keys = self._read()
            with self._path.open("r+b") as old:
                self._write(keys[-1:])
                old.write(bytes(os.fstat(old.fileno()).st_size))
                old.flush()
                os.fsync(old.fileno())

    def _read(self) -> list[bytes]:
        try:
            if self._path.stat().st_mode & 0o077:
                raise StoreError(f"Others than its owner may use {self._path}.", f"chmod 600 {self._path}")
            keys = [bytes.fromhex(line) for line in self._path.read_text().split()]
        except FileNotFoundError:
            return []
        except ValueError:
            keys = []
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise StoreError(
                f"{self._path} holds no keys of {2 * KEY_BYTES} hexadecimal digits.", "Restore its backup."
            )
        return keys

    def _write(self, keys: list[bytes]) -> None:
        draft = self._path.with_name(f".{self._path.name}.draft")
        draft.unlink(missing_ok=True)
        write_private(draft, "".join(f"{key.hex()}\n" for key in keys).encode())
        draft.rename(self._path)
        flush_folder(self._path.parent)


def _name(key: bytes) -> bytes:
    return sha256(key).digest()[:_NAME_BYTES]
