"""Judges of canaries and shadows: what graders need to ask models is asked here, beside everything else, and nobody waits for it.

The rounds that grade look at what has been answered and go on; so a slow judge delays grades, never an answer of the door. It
knows neither key nor door: whoever makes it says how one question is asked. What it knows is in memory: after a death, what had
not been counted yet is asked again.
"""

import asyncio
import hashlib
import logging
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from freehold.config.settings import Judging
from freehold.graders.grader import Answer, Ask

MOST: Final = 8_192
"""Answers that are remembered; the oldest go first."""

log = logging.getLogger("freehold.judges")


class _Told(Struct):
    """One question. `there` is whether it is done with, `answer` None where there is no answer."""

    there: bool = False
    answer: Answer = None


class Judges:
    """The judges of all workloads. Made inside its event loop; asked from any thread."""

    def __init__(
        self, ask: Callable[[str, Ask], Awaitable[Answer]], rules: Callable[[str], Judging | None]
    ) -> None:  # fmt: skip
        """`ask` asks one question for a workload, and gives None where there is no answer; `rules` says how a workload is
        judged, None where it is not."""
        self._ask = ask
        self._rules = rules
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._known: dict[bytes, _Told] = {}
        self._free: dict[str, tuple[int, asyncio.Semaphore]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def seconds(self, workload: str) -> float | None:
        """How long an answer of this workload waits for its judges; None where none take part."""
        rules = self._rules(workload)
        return None if rules is None else rules.seconds

    def answers(self, workload: str, asks: Sequence[Ask]) -> list[Answer] | None:
        """The answers, in the order of the questions; None while any is on its way. What nobody has asked yet is asked."""
        keys = [hashlib.sha256(msgspec.json.encode(ask, order="deterministic")).digest() for ask in asks]
        fresh: list[tuple[bytes, Ask]] = []
        with self._lock:
            for key, ask in zip(keys, asks, strict=True):
                if key not in self._known:
                    self._known[key] = _Told()
                    fresh.append((key, ask))
            found = [self._known[key] for key in keys]
            self._forget()
        for key, ask in fresh:
            self._loop.call_soon_threadsafe(self._begin, workload, key, ask)
        return [one.answer for one in found] if all(one.there for one in found) else None

    async def close(self) -> None:
        """Gives up what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, workload: str, key: bytes, ask: Ask) -> None:
        task = self._loop.create_task(self._asked(workload, key, ask))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _asked(self, workload: str, key: bytes, ask: Ask) -> None:
        answer: Answer = None
        try:
            async with self._place(workload):
                answer = await self._ask(workload, ask)
        except Exception:
            log.exception("a judge of %s could not be asked", workload)
        with self._lock:
            self._known[key] = _Told(there=True, answer=answer)

    def _place(self, workload: str) -> asyncio.Semaphore:
        """What lets so many questions of a workload be under way at once."""
        rules = self._rules(workload)
        most = 1 if rules is None else rules.concurrency
        known = self._free.get(workload)
        if known is None or known[0] != most:
            known = self._free[workload] = most, asyncio.Semaphore(most)
        return known[1]

    def _forget(self) -> None:
        done = [key for key, told in self._known.items() if told.there] if len(self._known) > MOST else []
        for key in done[: len(self._known) - MOST]:
            del self._known[key]
