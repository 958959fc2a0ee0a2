"""A lane: work that is done beside the answers, one piece after the other, in a process of its own.

It exists for what computes on other people's words for as long as these make it: in the worker that would hold up every other
answer, and nothing could end it. A process that does not answer in time is killed, and the next piece gets a fresh one. It
knows nothing of the work. Messages are JSON, each behind its length in four bytes, big-endian: first one from the process,
which says that it is ready, then one answer for each piece.
"""

import asyncio
import contextlib
import logging
import os
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar

import msgspec

from freehold.gateway.frames import frame

QUEUED: Final = 256
"""Pieces that wait in one lane."""

QUEUED_CHARACTERS: Final = 64 << 20
"""Text that waits in one lane, since one piece may be as long as a context window."""

WAIT_SECONDS: Final = 60.0
"""How long a piece may wait for its turn."""

START_SECONDS: Final = 60.0
PAUSE_SECONDS: Final = 5.0
"""After a process that could not be started, until the next try."""

log = logging.getLogger("freehold.lane")


class Named(Protocol):
    @property
    def id(self) -> str: ...


Piece = TypeVar("Piece", bound=Named)
Made = TypeVar("Made")


class Lane(Generic[Piece, Made]):
    """One queue and one process. For every piece that is put in, either `done` or `lost` is called; neither may raise."""

    def __init__(
        self,
        module: str,
        made: type[Made],
        *,
        size: Callable[[Piece], int],
        done: Callable[[Piece, Made], None],
        lost: Callable[[Piece, str, str], None],
        seconds: Callable[[], float],
        complaint: str,
        began: Callable[[bytes], None] = lambda said: None,
    ) -> None:
        """`module` is what the process runs, `made` what it answers, `size` how many characters a piece has, `seconds` how
        long one may take. `lost` is told `skipped` or `failed`, and why: `queue-full`, `waited-too-long`, `stopping`;
        `no-process`, `died`, `late`. `complaint` is logged when no process can be started, `began` hears what a new one says."""
        self._module = module
        self._made = made
        self._size = size
        self._done = done
        self._lost = lost
        self._seconds = seconds
        self._complaint = complaint
        self._began = began
        self._queue: deque[tuple[Piece, float]] = deque()
        self._characters = 0
        self._process: asyncio.subprocess.Process | None = None
        self._running: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._closing = False
        self._busy = False
        self._retry_at = 0.0

    def put(self, piece: Piece) -> None:
        """Queues a piece; one that has no room is skipped at once."""
        size = self._size(piece)
        if self._closing:
            self._lost(piece, "skipped", "stopping")
        elif len(self._queue) >= QUEUED or self._characters + size > QUEUED_CHARACTERS:
            self._lost(piece, "skipped", "queue-full")
        else:
            self._queue.append((piece, time.monotonic()))
            self._characters += size
            self.warm()

    def warm(self) -> None:
        """Begins the lane's work, and its process."""
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        self._wake.set()

    async def close(self, seconds: float) -> None:
        """Lets what waits finish for so long, and skips the rest."""
        self._closing = True
        if self._running is None:
            return
        self._wake.set()
        if self._queue or self._busy:
            await asyncio.wait([self._running], timeout=seconds)
        self._running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._running
        while self._queue:
            self._lost(self._next()[0], "skipped", "stopping")
        await self._end()

    # --- inside ---

    async def _run(self) -> None:
        while True:
            if self._process is None:
                self._process = await self._start()
            while self._queue:
                await self._take()
            if self._closing:
                return
            self._wake.clear()
            await self._wake.wait()

    async def _take(self) -> None:
        """One piece from the front of the queue to what comes of it."""
        piece, since = self._next()
        made: Made | None = None
        status, reason = "skipped", "stopping"
        self._busy = True
        try:
            if time.monotonic() - since > WAIT_SECONDS:
                reason = "waited-too-long"
            else:
                made, status, reason = await self._ask(piece)
        finally:
            self._busy = False
            if made is None:
                self._lost(piece, status, reason)
            else:
                self._done(piece, made)

    async def _ask(self, piece: Piece) -> tuple[Made | None, str, str]:
        if self._process is None:
            self._process = await self._start()
        if self._process is None:
            return None, "failed", "no-process"
        try:
            async with asyncio.timeout(self._seconds()):
                assert self._process.stdin is not None
                self._process.stdin.write(frame(piece))
                await self._process.stdin.drain()
                return msgspec.json.decode(await _read(self._process), type=self._made), "", ""
        except TimeoutError:
            reason = "late"
        except Exception as error:  # it died, or said what is no answer: this piece fails, and nothing else does
            reason = "died"
            log.warning("the process %s on %s: %r", self._module, piece.id, error)
        log.warning("%s failed (%s); its process %s is ended", piece.id, reason, self._module)
        await self._end()
        return None, "failed", reason

    def _next(self) -> tuple[Piece, float]:
        piece, since = self._queue.popleft()
        self._characters -= self._size(piece)
        return piece, since

    async def _start(self) -> asyncio.subprocess.Process | None:
        if time.monotonic() < self._retry_at:
            return None
        process = None
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-W", "ignore", "-m", self._module),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "LC_ALL": "C.UTF-8"},
                start_new_session=True,
            )
            async with asyncio.timeout(START_SECONDS):
                self._began(await _read(process))
        except (OSError, TimeoutError, asyncio.IncompleteReadError, msgspec.MsgspecError):
            log.error(self._complaint)
            await _kill(process)
            self._retry_at = time.monotonic() + PAUSE_SECONDS
            return None
        except asyncio.CancelledError:
            await _kill(process)
            raise
        return process

    async def _end(self) -> None:
        process, self._process = self._process, None
        await _kill(process)


async def _read(process: asyncio.subprocess.Process) -> bytes:
    assert process.stdout is not None
    length = int.from_bytes(await process.stdout.readexactly(4), "big")
    return await process.stdout.readexactly(length)


async def _kill(process: asyncio.subprocess.Process | None) -> None:
    if process is None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    assert process.stdin is not None
    process.stdin.close()
    await process.wait()
