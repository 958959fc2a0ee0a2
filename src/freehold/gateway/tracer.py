"""Has the reasoning of answers checked, beside the answers: a queue, a process that checks, and what becomes of it.

It knows neither verifiers nor the ledger. It never delays an answer but where the workload wants that (`inline`, and then
for `INLINE_SECONDS` at most), and never breaks one: whatever goes wrong is itself the outcome of that trace, `skipped` or
`failed`. Two lanes, so that no answer waits behind checks that nobody waits for; each has its own process, begun when it is
first needed. A process that does not answer in time is killed, and the next task gets a fresh one.

Outcomes go to the worker's journal and from there, behind the answer that they are about, to the ledger's one writer. So
there is one order for all, an answer's entry stands before its trace's, and the trace is sealed under the key that the
answer was sealed under: never under one that its subject got after an erasure. What waits in a queue is no part of the
journal: the death of a worker loses it, as the end of its caller's connection loses an unfinished answer.
"""

import asyncio
import contextlib
import logging
import os
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from freehold.errors import RecordNotKept
from freehold.gateway.checker import Ready, frame
from freehold.gateway.metrics import Metrics
from freehold.gateway.seams import Recorder
from freehold.gateway.traces import TRACE, Checked, Mode, Task, header_line, unchecked
from freehold.gateway.visit import Visit
from freehold.reasoning.check import SECONDS
from freehold.store.events import Event
from freehold.store.records import Private

CHECKER: Final = "freehold.gateway.checker"

QUEUED: Final = 256
"""Tasks that wait in one lane."""

QUEUED_CHARACTERS: Final = 64 << 20
"""Text that waits in one lane, since one task may be as long as a context window."""

WAIT_SECONDS: Final = 60.0
"""How long a task may wait for its turn. With what a check may take, every trace is decided within two minutes."""

INLINE_SECONDS: Final = 10.0
"""How long an answer waits for its trace; then it goes without, and the trace follows."""

START_SECONDS: Final = 60.0
GRACE_SECONDS: Final = 10.0
"""How much longer than its limit a check may take before its process is killed: one claim's time."""

PAUSE_SECONDS: Final = 5.0
"""After a process that could not be started, until the next try."""

Outcome = Callable[[Task, Checked], None]
"""What is done with what came of a task. It does not raise."""

log = logging.getLogger("freehold.tracer")


class Tracer:
    """The tracer of one worker. Made inside its event loop."""

    def __init__(self, recorder: Recorder, metrics: Metrics, module: str = CHECKER) -> None:
        """`module` is what the processes run."""
        self._recorder = recorder
        self._metrics = metrics
        self._after = Lane(self._finished, module)
        self._inline = Lane(self._finished, module)
        self._waiting: dict[str, asyncio.Future[Checked]] = {}

    def after(self, visit: Visit) -> None:
        """Has an answer checked that has been given, when there is time."""
        task = _task(visit, "after") if visit.status == "answered" else None
        if task is not None:
            self._after.put(task)

    async def inline(self, visit: Visit, now: float, *, told: bool) -> None:
        """Has a whole answer checked before it is given, where its workload wants that; `now` is the loop's time.

        What came of it is then `visit.traced`, for `keep` when the answer has its record; None when it took longer than an
        answer waits, and then it is kept by itself. `visit.summary` is the header for a caller who wants to be `told`."""
        if visit.plan is None or visit.plan.trace != "inline":
            return
        task = _task(visit, "inline")
        visit.heard = None
        if task is None:
            return
        checked = await self._in_time(task, visit.began + visit.plan.timeouts.total - now)
        if checked is not None:
            visit.traced = task, checked
        if told:
            visit.summary = header_line(None if checked is None else checked.body)

    async def _in_time(self, task: Task, seconds: float) -> Checked | None:
        waiting: asyncio.Future[Checked] = asyncio.get_running_loop().create_future()
        self._waiting[task.id] = waiting
        self._inline.put(task)
        try:
            await asyncio.wait([waiting], timeout=max(0.0, min(seconds, INLINE_SECONDS)))
            return waiting.result() if waiting.done() else None
        finally:
            del self._waiting[task.id]

    def keep(self, task: Task, checked: Checked) -> None:
        """Notes what came of a task for the ledger. One that cannot be noted is said and given up: the answer stands."""
        self._metrics.traced(task.workload, checked.body["status"])
        private = None
        if checked.document:
            salts, contents = {TRACE: checked.salt}, {TRACE: checked.document}
            private = Private(subject="", keep_until=task.keep_until, salts=salts, contents=contents)
        try:
            self._recorder.append(Event(TRACE, task.id, int(time.time() * 1000), checked.body), private)
        except RecordNotKept as error:
            log.error("the trace of %s could not be kept: %s", task.id, error.message)

    def warm(self, *, inline: bool) -> None:
        """Begins the process of a lane, so that the first trace need not wait for it."""
        (self._inline if inline else self._after).warm()

    async def close(self, seconds: float) -> None:
        """Lets what waits finish for so long, and skips the rest."""
        await asyncio.gather(self._after.close(seconds), self._inline.close(seconds))

    def _finished(self, task: Task, checked: Checked) -> None:
        waiting = self._waiting.get(task.id)
        if waiting is None:
            self.keep(task, checked)
        else:
            waiting.set_result(checked)


class Lane:
    """One queue and one process. `done` is called with the outcome of every task that was put in."""

    def __init__(self, done: Outcome, module: str = CHECKER) -> None:
        self._done = done
        self._module = module
        self._queue: deque[tuple[Task, float]] = deque()
        self._characters = 0
        self._process: asyncio.subprocess.Process | None = None
        self._running: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._closing = False
        self._busy = False
        self._retry_at = 0.0

    def put(self, task: Task) -> None:
        """Queues a task; one that has no room is skipped at once."""
        size = _size(task)
        if self._closing:
            self._done(task, _skipped(task, "stopping"))
        elif len(self._queue) >= QUEUED or self._characters + size > QUEUED_CHARACTERS:
            self._done(task, _skipped(task, "queue-full"))
        else:
            self._queue.append((task, time.monotonic()))
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
            task = self._next()[0]
            self._done(task, _skipped(task, "stopping"))
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
        """One task from the front of the queue to its outcome."""
        task, since = self._next()
        checked = _skipped(task, "stopping")
        self._busy = True
        try:
            if time.monotonic() - since > WAIT_SECONDS:
                checked = _skipped(task, "waited-too-long")
            else:
                checked = await self._check(task)
        finally:
            self._busy = False
            self._done(task, checked)

    async def _check(self, task: Task) -> Checked:
        if self._process is None:
            self._process = await self._start()
        if self._process is None:
            return Checked(body=unchecked(task, "failed", "no-checker"))
        try:
            async with asyncio.timeout(SECONDS + GRACE_SECONDS):
                assert self._process.stdin is not None
                self._process.stdin.write(frame(task))
                await self._process.stdin.drain()
                return msgspec.json.decode(await _read(self._process), type=Checked)
        except TimeoutError:
            reason = "late"
        except Exception as error:  # it died, or said what is no answer: the trace failed, and nothing else does
            reason = "checker-died"
            log.warning("the checker of %s: %r", task.id, error)
        log.warning("the trace of %s failed (%s); its checker is ended", task.id, reason)
        await self._end()
        return Checked(body=unchecked(task, "failed", reason))

    def _next(self) -> tuple[Task, float]:
        task, since = self._queue.popleft()
        self._characters -= _size(task)
        return task, since

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
                ready = msgspec.json.decode(await _read(process), type=Ready)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, msgspec.MsgspecError):
            log.error("no process that checks traces could be started; traces fail until one can")
            await _kill(process)
            self._retry_at = time.monotonic() + PAUSE_SECONDS
            return None
        except asyncio.CancelledError:
            await _kill(process)
            raise
        for name, reason in ready.missing.items():
            log.warning("the verifier %s takes no part in traces: %s", name, reason)
        return process

    async def _end(self) -> None:
        process, self._process = self._process, None
        await _kill(process)


def _task(visit: Visit, mode: Mode) -> Task | None:
    try:
        return visit.task(mode, time.time())
    except Exception:  # an answer is never broken by what is made of it afterwards
        log.exception("the answer %s cannot be traced", visit.id)
        return None


def _skipped(task: Task, reason: str) -> Checked:
    return Checked(body=unchecked(task, "skipped", reason))


def _size(task: Task) -> int:
    return len(task.chain) + len(task.answer) + len(task.question) + sum(map(len, task.documents.values()))


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
