"""What the ledger's writer does beside its rounds, in a thread, so that none of it holds up an entry.

1 finished segments of contents move to the object store, and what was removed is deleted there
2 what has been kept for its time is removed, once an hour
3 the copy of the log's files there is brought to the checkpoint in force

A store that is out of reach is said once, and tried again with growing pauses; everything waits on the disk meanwhile.
"""

import asyncio
import contextlib
import logging
import time
from pathlib import Path

from freehold.config.settings import Storage
from freehold.errors import FreeholdError
from freehold.gateway.ledger_folder import LedgerFolder
from freehold.gateway.ledger_storage import open_blobs, open_object_store
from freehold.gateway.retention import EVERY_SECONDS, expire
from freehold.ledger.mirror import Mirror
from freehold.ledger.object_blobs import ObjectBlobs
from freehold.ledger.tiles import Read

PAUSE_SECONDS = 2.0
"""Between two looks at what there is to do. The copy of the log is at most this and one look older than the log."""

LONGEST_PAUSE = 60.0

log = logging.getLogger("freehold.ledger")


class Upkeep:
    """The upkeep of one ledger; one process has it at a time."""

    def __init__(self, folder: LedgerFolder, storage: Storage | None) -> None:
        """Asks the object store nothing. Raises NotConfigured where its library is missing, StoreError for bad settings."""
        self._contents = folder.contents
        self._blobs: ObjectBlobs | None = None
        self._mirror: Mirror | None = None
        if storage is not None:
            store = open_object_store(storage)
            self._blobs = open_blobs(folder, store)
            self._mirror = Mirror(_reader(folder.log), store, folder.path / "mirrored")
        self._expired_at = float("-inf")
        self.failing = False

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop`. What fails is said once, and tried again."""
        pause = PAUSE_SECONDS
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)
                break
            await asyncio.to_thread(self.work)
            pause = min(2 * pause, LONGEST_PAUSE) if self.failing else PAUSE_SECONDS

    async def finish(self) -> None:
        """Once more, for what the writer's last round left; not where the store is out of reach anyway."""
        if not self.failing:
            await asyncio.to_thread(self.work)

    def work(self) -> None:
        """Does what there is to do now. Raises nothing."""
        try:
            if self._blobs is not None:
                self._blobs.carry()  # 1
            if time.monotonic() - self._expired_at >= EVERY_SECONDS:
                expire(self._contents, self._blobs, int(time.time()))  # 2
                self._expired_at = time.monotonic()
            if self._mirror is not None:
                self._mirror.carry()  # 3
        except (OSError, FreeholdError) as error:
            if not self.failing:
                log.warning("the ledger's upkeep waits, nothing is lost, and it is tried again: %s", error)
            self.failing = True
        except Exception:
            if not self.failing:
                log.exception("the ledger's upkeep met a bug; it is tried again")
            self.failing = True
        else:
            if self.failing:
                log.warning("the ledger's upkeep goes on: what waited is done")
            self.failing = False


def _reader(folder: Path) -> Read:
    return lambda path: (folder / path).read_bytes()
