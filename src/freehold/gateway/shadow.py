"""Shadow: asks a candidate what a caller asked, once the caller has the answer of the incumbent, and keeps what it says.

Nobody waits for it: a copy is put in a queue, or dropped and counted when the queue is full. So many run at once and no more,
each for so long and no longer, paid from a budget of its own. The candidate has a circuit breaker of its own here, so that
what it does in shadow never takes it out of a route that it serves too.

A copy goes only where the answer beside it is captured, so that there is a pair to compare, and by conversation, whole or not
at all. Its request gets a record, which says `shadow` where others have their key and their arm: money is money. What the
candidate said is redacted as the answer was, with the question, and goes to the journal as an event of the answer's record,
sealed under the same key: an erasure takes both. What waits here when a worker is killed is lost.
"""

import asyncio
import copy
import logging
import time
from collections import deque
from hashlib import blake2b
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from freehold.catalog.cost import cost
from freehold.config.settings import Shadow, Timeouts
from freehold.dialects import get
from freehold.errors import FreeholdError, RecordNotKept
from freehold.gateway.answer import Answer, Whole
from freehold.gateway.asking import Asking, Trail
from freehold.gateway.book import Book
from freehold.gateway.breaker import Breaker
from freehold.gateway.capture import MAKER, SECONDS, material_of
from freehold.gateway.deployments import Deployment
from freehold.gateway.gathered import Gathered
from freehold.gateway.inputs import inline_urls
from freehold.gateway.item_maker import Made, Material
from freehold.gateway.lane import Lane
from freehold.gateway.latency import Latency
from freehold.gateway.metrics import Metrics
from freehold.gateway.randomness import Randomness
from freehold.gateway.routing import Target, can_do, is_bounded
from freehold.gateway.seams import Recorder
from freehold.gateway.tally import Tally
from freehold.gateway.visit import Visit
from freehold.ledger.commitments import SALT_BYTES, commit
from freehold.messages import Request, Usage
from freehold.outbound.pool import Pool
from freehold.store.counters import MOST_NANO, Counters
from freehold.store.events import Event
from freehold.store.grants import BudgetDenied, Charge, Grant
from freehold.store.records import Attempt, Private, Record, Status, new_id
from freehold.store.shadows import ITEM, SHADOW

QUEUED_BYTES: Final = 64 << 20
"""What all copies that wait in a worker may have of text together."""

log = logging.getLogger("freehold.shadow")


class Copy(Struct, frozen=True, kw_only=True):
    """One request on its way to the candidate."""

    visit: Visit
    request: Request
    shadow: Shadow
    target: Target
    worst: int


class Run(Struct, kw_only=True):
    """What became of a copy."""

    id: str
    began_at: float
    began: float
    attempts: list[Attempt]
    grant: Grant | None = None
    answer: Answer | None = None
    error: FreeholdError | None = None
    status: Status = "cancelled"


class Shadows:
    """The shadows of one worker. Made inside its event loop."""

    def __init__(
        self, pool: Pool, counters: Counters, recorder: Recorder, metrics: Metrics, module: str = MAKER
    ) -> None:
        """`module` is what redacts, in a process of its own."""
        self._pool = pool
        self._counters = counters
        self._recorder = recorder
        self._metrics = metrics
        self._randomness = Randomness()
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[str, deque[Copy]] = {}
        self._running: dict[str, set[asyncio.Task[None]]] = {}
        self._bytes = 0
        self._apart: dict[str, Deployment] = {}
        self._charges: dict[tuple[str, Shadow], tuple[Charge, ...]] = {}
        self._said: dict[str, dict[str, Any]] = {}
        self._closing = False
        self._lane = Lane(
            module,
            Made,
            size=lambda material: len(memoryview(material.body)) + len(material.text),
            done=self._made,
            lost=self._lost,
            seconds=lambda: SECONDS,
            complaint="no process that redacts could be started; what candidates say in shadow is not kept until one can",
        )

    def after(self, visit: Visit, book: Book) -> None:
        """Has the candidate asked what was answered just now, when there is room. Never raises."""
        try:
            self._consider(visit, book)
        except Exception:  # an answer is never broken by what is made of it afterwards
            log.exception("the answer %s cannot be shadowed", visit.id)

    async def close(self, seconds: float) -> None:
        """Drops what waits, ends what runs, and lets what was said be kept for so long."""
        self._closing = True
        for workload, waiting in self._waiting.items():
            self._metrics.shadowed(workload, "dropped", len(waiting))
            waiting.clear()
        running = [task for tasks in self._running.values() for task in tasks]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self._lane.close(seconds)

    # --- from an answer to a place in the queue ---

    def _consider(self, visit: Visit, book: Book) -> None:
        plan, request = visit.plan, visit.request
        if plan is None or plan.shadow is None or request is None or visit.gathered is None:
            return
        if visit.status != "answered" or visit.recorded is None or visit.deployment() == plan.shadow.model:
            return
        if not is_drawn(visit.conversation, plan.name, plan.shadow.share):
            return
        candidate = book.candidate(plan.shadow.model)
        if candidate is None or visit.needs.files_kept or not can_do(candidate, visit.needs):
            self._metrics.shadowed(plan.name, "skipped")
            return
        target = self._own(candidate)
        asked = replace(request, stream=False, stream_usage=False)
        one = Copy(visit=visit, request=asked, shadow=plan.shadow, target=target, worst=visit.worst(target))
        running = self._running.setdefault(plan.name, set())
        waiting = self._waiting.setdefault(plan.name, deque())
        full = len(waiting) >= plan.shadow.queue or self._bytes + _size(one) > QUEUED_BYTES
        if self._closing or (len(running) >= plan.shadow.concurrency and full):
            self._metrics.shadowed(plan.name, "dropped")
        elif len(running) >= plan.shadow.concurrency:
            waiting.append(one)
            self._bytes += _size(one)
        else:
            self._start(plan.name, one)

    def _start(self, workload: str, one: Copy) -> None:
        task = self._loop.create_task(self._take(workload, one))
        self._running[workload].add(task)
        task.add_done_callback(lambda done: self._ended(workload, done))

    def _ended(self, workload: str, task: asyncio.Task[None]) -> None:
        self._running[workload].discard(task)
        waiting = self._waiting[workload]
        if waiting and not self._closing:
            one = waiting.popleft()
            self._bytes -= _size(one)
            self._start(workload, one)

    def _own(self, target: Target) -> Target:
        """The target with a breaker and a latency of its own."""
        found = self._apart.get(target.deployment.name)
        if found is None or found.origin != target.deployment.origin:
            found = copy.copy(target.deployment)
            found.breaker, found.latency, found.in_flight = Breaker(), Latency(), 0
            self._apart[target.deployment.name] = found
        return replace(target, deployment=found)

    # --- one copy ---

    async def _take(self, workload: str, one: Copy) -> None:
        """Asks, and keeps what came of it, whatever that is."""
        now = time.time()
        run = Run(id=new_id(now, self._randomness.draw), began_at=now, began=self._loop.time(), attempts=[])
        if not one.target.deployment.breaker.allows(run.began):
            self._metrics.shadowed(workload, "skipped")
            return
        if not self._reserve(workload, one, run):
            self._metrics.shadowed(workload, "budget")
            return
        try:
            run.answer = await self._ask(one, run)
            run.status = "answered"
        except FreeholdError as error:
            run.error, run.status = error, "failed"
        except asyncio.CancelledError:
            raise
        except Exception:
            run.status = "failed"
            log.exception("the shadow of %s met a bug", one.visit.id)
        finally:
            self._keep(workload, one, run)

    def _reserve(self, workload: str, one: Copy, run: Run) -> bool:
        """Whether the shadow's own budget pays for the worst case; then it is reserved."""
        charges = self._charges.get((workload, one.shadow))
        if charges is None:
            charges = self._counters.charges("shadow", workload, one.shadow.budget)
            self._charges[workload, one.shadow] = charges
        if not charges:
            return True
        unknown = one.target.price is None or not is_bounded(one.target, one.visit.needs)
        if unknown and any(charge.hard is not None for charge in charges):
            return False
        outcome = self._counters.acquire(charges, (), min(one.worst, MOST_NANO), 0, run.began_at)
        if not isinstance(outcome, Grant):
            assert isinstance(outcome, BudgetDenied)
            return False
        run.grant = outcome
        return True

    async def _ask(self, one: Copy, run: Run) -> Answer:
        needs, seconds = one.visit.needs, one.shadow.seconds
        request = one.request
        if (needs.vision or needs.files) and one.target.deployment.private:
            request = await inline_urls(request)
        assert one.visit.plan is not None
        connect = min(one.visit.plan.timeouts.connect, seconds)
        asking = Asking(
            pool=self._pool,
            now=self._loop.time,
            front=get(one.visit.front),
            request=request,
            body=b"",
            likely=needs.likely,
            forwarded=b"",
            timeouts=Timeouts(connect=connect, first_token=seconds, idle=seconds, total=seconds),
            retries=0,
            hedge=None,
            deadline=run.began + seconds,
            trail=Trail(
                run.attempts,
                lambda target, beside: False,
                lambda target, whole: one.visit.spent_on_failure(target, whole=whole),
                [],
            ),
        )
        return await asking.first_to_commit([one.target])

    # --- what came of it ---

    def _keep(self, workload: str, one: Copy, run: Run) -> None:
        record = _record(workload, one, run, time.time(), self._loop.time())
        if run.grant is not None:
            self._counters.settle(run.grant, record.cost_nano, 0, time.time())
        self._metrics.shadowed(workload, record.status)
        body: dict[str, Any] = {
            "workload": workload,
            "candidate": record.deployment or one.shadow.model,
            "shadow": record.id,
            "outcome": record.status if record.code is None else record.code,
            "cost": record.cost_nano,
            "total_us": int(record.total_ms * 1000),
        }
        try:
            self._recorder.append(record)
            if run.status == "failed":
                self._recorder.append(Event(SHADOW, one.visit.id, int(record.ended_at * 1000), body))
        except RecordNotKept as error:
            log.error("the shadow %s could not be kept: %s", record.id, error.message)
            return
        if run.answer is not None and isinstance(run.answer.content, Whole) and one.visit.id not in self._said:
            self._hand_over(one, record, run.answer.content, body)

    def _hand_over(self, one: Copy, record: Record, content: Whole, body: dict[str, Any]) -> None:
        """Has the answer redacted; what comes back is kept by `_made`."""
        said = Gathered()
        said.reply(content.reply)
        try:
            material = material_of(one.visit, said, record)
        except FreeholdError as error:
            log.info("what %s said in shadow cannot be an item: %s", record.id, error.sentence)
            return
        self._said[one.visit.id] = body
        self._lane.put(replace(material, id=one.visit.id))

    def _made(self, material: Material, made: Made) -> None:
        body = self._said.pop(material.id)
        if made.reason:
            return
        content, salt = made.item.encode(), self._randomness.draw(SALT_BYTES)
        body["commitments"] = {ITEM: commit(salt, content).hex()}
        private = Private(subject="", keep_until=material.keep_until, salts={ITEM: salt}, contents={ITEM: content})
        try:
            self._recorder.append(Event(SHADOW, material.id, material.at, body), private)
        except RecordNotKept as error:
            log.error("what was said in shadow of %s could not be kept: %s", material.id, error.message)

    def _lost(self, material: Material, status: str, reason: str) -> None:
        log.info("what was said in shadow of %s is not kept: %s (%s)", material.id, status, reason)
        self._said.pop(material.id, None)


def is_drawn(conversation: str, workload: str, share: float) -> bool:
    """Whether a conversation belongs to the share of this workload that is shadowed: always the same, and independent of what
    is captured."""
    drawn = blake2b(f"{workload}\0{conversation}".encode("utf-8", "surrogatepass"), digest_size=8, person=b"shadow")
    return int.from_bytes(drawn.digest(), "big") < share * 2**64


def _record(workload: str, one: Copy, run: Run, ended_at: float, ended: float) -> Record:
    """The record of a copy: with nobody's key, project or organisation, so that no budget of theirs is charged."""
    usage, price, applied, tally = Usage(), None, None, Tally()
    if run.answer is not None and isinstance(run.answer.content, Whole):
        tally.take_reply(run.answer.content.reply)
        usage = tally.usage(one.visit.needs.likely, whole=True)
        price, applied = run.answer.target.price_at(run.began_at, usage)
    billed = sum(attempt.cost_nano for attempt in run.attempts)
    if tally.goes_on:
        billed += one.worst
    elif price is not None:
        billed += cost(price, usage)
    return Record(
        id=run.id,
        started_at=run.began_at,
        ended_at=ended_at,
        dialect=one.visit.front,
        operation=one.request.operation,
        status=run.status,
        http_status=200 if run.error is None else run.error.status,
        key_id=SHADOW,
        workload=workload,
        model=one.shadow.model,
        deployment=one.target.deployment.name,
        code=None if run.error is None else run.error.code,
        finish=tally.finish,
        native_finish_reason=tally.native_finish_reason,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_5m_tokens=usage.cache_write_5m_tokens,
        cache_write_1h_tokens=usage.cache_write_1h_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        estimated=usage.estimated,
        cost_nano=min(billed, MOST_NANO),
        reserved_nano=0 if run.grant is None else run.grant.nano,
        price=applied,
        first_token_ms=None if run.answer is None else run.answer.first_seconds * 1000,
        total_ms=(ended - run.began) * 1000,
        attempts=tuple(run.attempts),
        weights=one.target.deployment.weights,
        policy=one.visit.policy,
        conversation=one.visit.conversation,
        arm=SHADOW,
    )


def _size(one: Copy) -> int:
    return one.visit.needs.likely * 4
