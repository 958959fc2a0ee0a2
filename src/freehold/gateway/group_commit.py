"""Answers that wait for the disk, many for each flush.

A flush takes about as long for one record as for a hundred, so those that come while one is under way wait for the next
together. The flush runs in a thread; the records of the next one are written meanwhile. It knows a journal and no answer.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from freehold.store.journal import Journal


class GroupCommit:
    """The flushes of one worker's journal. Made inside its event loop."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, "flush")
        self._waiting: list[asyncio.Future[None]] = []
        self._flushing = False

    async def flushed(self) -> None:
        """Returns when everything appended before this call is on the disk. Raises RecordNotKept when that failed."""
        mine: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append(mine)
        if not self._flushing:
            self._flush()
        await mine

    def begin(self) -> None:
        """Flushes without anyone waiting for it, if no flush is under way."""
        if not self._flushing:
            self._flush()

    def close(self) -> None:
        """Waits for the flush under way."""
        self._thread.shutdown()

    def _flush(self) -> None:
        together, self._waiting = self._waiting, []
        self._flushing = True
        flush = self._loop.run_in_executor(self._thread, self._journal.sync)
        flush.add_done_callback(lambda done: self._done(done, together))

    def _done(self, flush: asyncio.Future[None], together: list[asyncio.Future[None]]) -> None:
        self._flushing = False
        failure = None if flush.cancelled() else flush.exception()
        for waiting in together:
            if waiting.done():  # its caller is gone
                continue
            if failure is None:
                waiting.set_result(None)
            else:
                waiting.set_exception(failure)
        if self._waiting:
            self._flush()
