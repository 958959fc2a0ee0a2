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
import logging
import time
from collections.abc import Callable
from typing import Final

import msgspec

from freehold.errors import RecordNotKept
from freehold.gateway.checker import Ready
from freehold.gateway.lane import Lane
from freehold.gateway.metrics import Metrics
from freehold.gateway.seams import Recorder
from freehold.gateway.traces import TRACE, Checked, Mode, Task, header_line, unchecked
from freehold.gateway.visit import Visit
from freehold.reasoning.check import SECONDS
from freehold.store.events import Event
from freehold.store.records import Private

CHECKER: Final = "freehold.gateway.checker"

INLINE_SECONDS: Final = 10.0
"""How long an answer waits for its trace; then it goes without, and the trace follows."""

_REASONS: Final = {"no-process": "no-checker", "died": "checker-died"}
"""What the traces' entries call what a lane says."""

GRACE_SECONDS: Final = 10.0
"""How much longer than its limit a check may take before its process is killed: one claim's time."""

log = logging.getLogger("freehold.tracer")


class Tracer:
    """The tracer of one worker. Made inside its event loop."""

    def __init__(self, recorder: Recorder, metrics: Metrics, module: str = CHECKER) -> None:
        """`module` is what the processes run."""
        self._recorder = recorder
        self._metrics = metrics
        self._after = _lane(self._finished, module)
        self._inline = _lane(self._finished, module)
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
        visit.heard, visit.summary = None, b""
        if task is None:
            return
        checked = await self._in_time(task, visit.began + visit.plan.timeouts.total - now)
        if checked is not None:
            visit.traced = task, checked
        if told:
            visit.summary = header_line(visit.id, None if checked is None else checked.body)

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


def _task(visit: Visit, mode: Mode) -> Task | None:
    try:
        return visit.task(mode, time.time())
    except Exception:  # an answer is never broken by what is made of it afterwards
        log.exception("the answer %s cannot be traced", visit.id)
        return None


def _lane(done: Callable[[Task, Checked], None], module: str) -> Lane[Task, Checked]:
    return Lane(
        module,
        Checked,
        size=_size,
        lost=lambda task, status, reason: done(
            task, Checked(body=unchecked(task, status, _REASONS.get(reason, reason)))
        ),
        done=done,
        seconds=lambda: SECONDS + GRACE_SECONDS,
        began=_say_what_is_missing,
        complaint="no process that checks traces could be started; traces fail until one can",
    )


def _say_what_is_missing(said: bytes) -> None:
    for name, reason in msgspec.json.decode(said, type=Ready).missing.items():
        log.warning("the verifier %s takes no part in traces: %s", name, reason)


def _size(task: Task) -> int:
    return len(task.chain) + len(task.answer) + len(task.question) + sum(map(len, task.documents.values()))
