"""Ends a stream that has gone silent, or that has taken its whole time.

One timer for a whole stream: touching it is one store, not a timer set and cleared for every chunk. Another runs only while the
caller is waited for.
"""

import asyncio
from collections.abc import Awaitable, Callable


class Watchdog:
    """Calls `expire` with a sentence when nothing was touched for `idle` seconds, or at `limit` (monotonic seconds)."""

    __slots__ = ("_expire", "_handle", "_idle", "_last", "_limit", "_loop", "_waits")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, idle: float, limit: float, expire: Callable[[str], None]
    ) -> None:
        self._loop = loop
        self._idle = idle
        self._limit = limit
        self._expire = expire
        self._waits = False
        self._last = self._loop.time()
        self._handle = self._loop.call_at(min(self._last + idle, limit), self._look)

    def touch(self) -> None:
        self._last = self._loop.time()

    async def wait(self, caller: Awaitable[None], give_up: Callable[[], None]) -> None:
        """Waits for the caller. The vendor, whom nobody reads meanwhile, is not called silent; at the limit, or at once when that
        has passed, `give_up` is called, which must end the waiting."""
        giving_up = self._loop.call_at(self._limit, give_up)
        self._waits = True
        try:
            await caller
        finally:
            giving_up.cancel()
            self._waits = False
            self.touch()

    def stop(self) -> None:
        self._handle.cancel()

    def _look(self) -> None:
        now = self._loop.time()
        if now >= self._limit:
            self._expire("The request took longer than its total time.")
        elif not self._waits and now - self._last >= self._idle:
            self._expire(f"The vendor sent nothing for {self._idle:g} seconds.")
        else:
            since = now if self._waits else self._last
            self._handle = self._loop.call_at(min(since + self._idle, self._limit), self._look)
