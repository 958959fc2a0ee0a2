"""Which workers are alive: one lock file for each worker number, held for as long as its process lives.

The kernel lets go of the lock when the process dies, however it dies, so nothing has to be tidied after a `kill -9`.
It exists so that a dead worker's reservations are swept once and a live one's never. It knows nothing of what workers do.
"""

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from freehold.store.folder import make_private

PAUSE_SECONDS = 0.01


class Presence:
    """A held worker number. Let go by `release`, by leaving a `with`, or by the death of the process."""

    def __init__(self, fd: int) -> None:
        self._fd: int | None = fd

    @classmethod
    def claim(cls, folder: Path, worker: int, wait: float = 0.0) -> Self | None:
        """The presence of `worker`, or None when another process still has it after `wait` seconds."""
        path = make_private(folder) / f"w{worker:02}.lock"
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        until = time.monotonic() + wait
        while True:
            try:
                # flock belongs to this descriptor: another one on the same file, closed elsewhere in this process,
                # does not let go of it, as it would with a byte-range lock.
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= until:
                    os.close(fd)
                    return None
                time.sleep(PAUSE_SECONDS)
            else:
                return cls(fd)

    def release(self) -> None:
        """Lets go; a second call does nothing."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()
