"""Keeps what is answered as it comes: replies sealed first, then their lines in the log, many at once in a thread of their own.

Whoever hands over an answer gets on when it is with the kernel; what a power cut could take is at most what `SYNC_SECONDS`
brought. It knows neither door nor grader.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from freehold.trials.samples import Kept, Replies, Sample, SampleLog

SYNC_SECONDS: Final = 0.25


class _Waiting(Struct, frozen=True):
    sample: Sample
    kept: Kept | None
    pseudonym: str
    until: int
    written: "asyncio.Future[bool]"


class Keeper:
    """For one event loop. The replies and the log are its own while it runs."""

    def __init__(self, replies: Replies, log: SampleLog, now: Callable[[], float] = time.monotonic) -> None:
        self._replies = replies
        self._log = log
        self._now = now
        self._synced = now()
        self._waiting: list[_Waiting] = []
        self._task: asyncio.Task[None] | None = None

    async def keep(self, sample: Sample, kept: Kept | None = None, pseudonym: str = "", until: int = 0) -> bool:
        """Keeps a sample, with its reply where it has one; false when the reply's subject was erased meanwhile.

        Raises RecordNotKept, StoreError or TrialError when it could not be written."""
        written: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(sample, kept, pseudonym, until, written))
        if self._task is None:
            self._task = asyncio.create_task(self._write_all())
        return await written

    async def close(self) -> None:
        """Puts everything on the disk."""
        if self._task is not None:
            await self._task
        await asyncio.to_thread(self._log.sync)

    async def _write_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                erased = await asyncio.to_thread(self._write, batch)
            except Exception as error:
                for one in batch:
                    one.written.set_exception(error)
                continue
            for one in batch:
                if not one.written.done():
                    one.written.set_result(one.sample.key not in erased)
        self._task = None

    def _write(self, batch: list[_Waiting]) -> set[str]:
        due = self._now() - self._synced >= SYNC_SECONDS
        answered = [(one.sample.key, one.pseudonym, one.until, one.kept) for one in batch if one.kept is not None]
        erased = self._replies.keep(answered, flush=due) if answered else set[str]()
        self._log.append(one.sample for one in batch)
        if due:
            self._log.sync()
            self._synced = self._now()
        return erased
