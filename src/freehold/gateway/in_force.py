"""The settings in force, as the house hands them to its workers: in a file without a name that they inherit.

A worker that starts anew after a death must answer under the configuration that was announced, and not under what stands in
freehold.toml by then: nobody has put that in force, and no entry of the ledger tells of it. So no worker reads that file.
Ours has no name, since it holds the secrets of the configuration, and lies in memory where the system can do that.

    SHA-256 of the rest (32 bytes) | the settings as JSON
"""

import os
import tempfile
import time
from hashlib import sha256

import msgspec

from freehold.config.settings import Settings
from freehold.errors import StoreError

TRIES = 200
PAUSE_SECONDS = 0.01
"""A reading that meets a writing sees half of each, and is done again. A writing takes well under a millisecond."""

_HEAD = 32


class InForce:
    """The settings in force. The house makes it and puts; a worker opens what it inherited, and reads."""

    def __init__(self, fd: int) -> None:
        """`fd` is the descriptor of the file, which this owns from now on."""
        self.fd = fd

    @classmethod
    def make(cls, settings: Settings) -> "InForce":
        """A new one, with these settings in it."""
        made = cls(_nameless())
        made.put(settings)
        return made

    def put(self, settings: Settings) -> None:
        """These are in force from now on: for workers that start, and for those that are told to read."""
        body = msgspec.json.encode(settings)
        os.pwrite(self.fd, sha256(body).digest() + body, 0)
        os.ftruncate(self.fd, _HEAD + len(body))

    def read(self) -> Settings:
        """The settings that were put last. Raises StoreError where there are none."""
        for _ in range(TRIES):
            data = os.pread(self.fd, os.fstat(self.fd).st_size, 0)
            if len(data) > _HEAD and sha256(data[_HEAD:]).digest() == data[:_HEAD]:
                return msgspec.json.decode(data[_HEAD:], type=Settings)
            time.sleep(PAUSE_SECONDS)
        raise StoreError("The settings that the house hands to its workers cannot be read.", "Restart `freehold up`.")

    def close(self) -> None:
        """Lets go of the file; it is gone when its last owner is."""
        os.close(self.fd)


def _nameless() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("freehold-settings")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
