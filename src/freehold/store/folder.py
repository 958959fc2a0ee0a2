"""The data folder: the names in it, and who may read them.

It knows nothing of what the files hold. It exists so that every file of ours is private from its first byte on (folders
0700, files 0600) and so that a file which several processes want to make is made once, whole, or not at all.
"""

import os
import secrets
from pathlib import Path

from freehold.errors import StoreError

DATABASE = "freehold.db"
COUNTERS = "counters.bin"
JOURNAL = "journal"
METRICS = "metrics"
WORKERS = "workers"
ADMIN_KEY = "admin.key"
DOOR_SECRET = "door.secret"  # noqa: S105 (the name of a file)

SECRET_BYTES = 32


def make_private(folder: Path) -> Path:
    """The folder, made with mode 0700 where it was missing. Raises StoreError when it cannot be used."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"The data folder {folder} cannot be made: {error.strerror}.",
            "Name a folder that you may write to with --data.",
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StoreError(
            f"The data folder {folder} is not writable.", "Make it writable, or name another one with --data."
        )
    return folder


def write_once(path: Path, content: bytes) -> bytes:
    """What the private file at `path` holds: `content` when this call made it, else what was there before.

    The file appears whole: it is written under another name, flushed, and linked into place; of several processes
    that try at once, exactly one wins and all get its content.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return path.read_bytes()
        return content
    finally:
        draft.unlink()


def door_secret(data_dir: Path) -> bytes:
    """The 32 random bytes with which this door seals reasoning artefacts; made at the first call, then kept.

    Raises StoreError when the file does not hold 32 bytes.
    """
    path = make_private(data_dir) / DOOR_SECRET
    secret = path.read_bytes() if path.exists() else write_once(path, secrets.token_bytes(SECRET_BYTES))
    if len(secret) != SECRET_BYTES:
        raise StoreError(
            f"{path} holds {len(secret)} bytes; the door's secret has {SECRET_BYTES}.",
            "Restore the file from a backup, or delete it: reasoning sealed until now then loses its origin.",
        )
    path.chmod(0o600)
    return secret
