"""One request, from the first byte to the record. The numbers stand in the code.

 1  know the caller
 2  read the request into our words
 3  find its workload, and what the caller may use of it
 4  safeguards on the input
 5  reserve the budget, count the rates                     (`reserving.py`)
 6  choose the candidates
 7  ask them, first to last, until one commits               (`asking.py`)
 8  safeguards on the output as it passes
 9  settle the budget and keep the record, whatever happened
10  answer in the caller's dialect, with the receipt's id in a header

Three things lean on these steps without one of their own. A canary draws the arm in step 3, is reserved for in step 5, and has
its candidate asked first from step 6 on. Capture decides in step 3 whether the item is kept, gathers it in step 8 and hands it
over after step 10, and with it a copy of the request to the candidate in shadow. A trace is handed over after step 10, or,
`inline` and for a whole answer, made before step 9.

Steps 4 and 8 call the injected `Safeguards`, step 9 the injected `Recorder` and `Flusher`. Nothing is sent before step 7 is
done; the last byte is sent after step 9, so an answer that a caller received whole has its record on this machine.
No step asks a database.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable

from msgspec import Struct

from freehold.dialects.dialect import Dialect
from freehold.errors import (
    DoorFull,
    FreeholdError,
    InternalError,
    RateLimited,
    RecordNotKept,
    VendorTimeout,
)
from freehold.gateway.answer import Answer, Stream, Whole
from freehold.gateway.asking import Asking, Trail
from freehold.gateway.book import Book, check_scope
from freehold.gateway.callers import Callers
from freehold.gateway.canaries import Canaries, lead
from freehold.gateway.capture import Capturer
from freehold.gateway.contents import Said, subject_of
from freehold.gateway.exchange import Exchange
from freehold.gateway.failure import for_caller
from freehold.gateway.headers import answer_headers, error_headers, forwarded_headers
from freehold.gateway.inputs import check_urls, inline_urls
from freehold.gateway.late_records import LateRecords
from freehold.gateway.metrics import Metrics
from freehold.gateway.needs import measure
from freehold.gateway.randomness import Randomness
from freehold.gateway.relay import Relay, sealed
from freehold.gateway.reserving import reserve, reserve_more
from freehold.gateway.routing import choose, keeping, prefix_key
from freehold.gateway.seams import Flusher, OutputWatch, Recorder, Safeguards
from freehold.gateway.shadow import Shadows
from freehold.gateway.tracer import Tracer
from freehold.gateway.traces import Heard, header_line
from freehold.gateway.visit import Visit
from freehold.gateway.watchdog import Watchdog
from freehold.outbound.pool import Pool
from freehold.store.counters import Counters
from freehold.store.grants import Grant
from freehold.store.records import new_id

SUBJECT = "x-freehold-subject"
TRACED = "x-freehold-trace"
SSE = b"content-type: text/event-stream; charset=utf-8\r\n"

log = logging.getLogger("freehold.lifecycle")


class Parts(Struct):
    """What the lifecycle works with, built by the composition root. `book` gives the settings in force now."""

    book: Callable[[], Book]
    callers: Callers
    canaries: Canaries
    counters: Counters
    pool: Pool
    safeguards: Safeguards
    recorder: Recorder
    flusher: Flusher
    metrics: Metrics
    tracer: Tracer
    capturer: Capturer
    shadows: Shadows
    max_in_flight: int
    max_in_flight_per_key: int


class Lifecycle:
    """Takes requests of one worker through the ten steps. Made inside its event loop."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._draw = random.Random()  # noqa: S311 (weights, not secrets)
        self._by_key: dict[str, int] = {}
        self._due: list[tuple[Grant, int, int]] = []
        self._randomness = Randomness()
        self._late = LateRecords(parts.recorder)
        self._loop = asyncio.get_running_loop()
        self.in_flight = 0

    async def serve(self, exchange: Exchange, front: Dialect) -> None:
        """Answers one request in the dialect `front`."""
        began_at, began = time.time(), self._loop.time()
        record_id = new_id(began_at, self._randomness.draw)
        parts = self._parts
        try:
            if self.in_flight >= parts.max_in_flight:
                raise DoorFull(f"{self.in_flight} requests are being answered.", retry_after=1)
            # 1 know the caller
            if parts.callers.stale:
                await parts.callers.reload()
                parts.book().forget_payers()
            key = parts.callers.know(exchange.headers, began_at, exchange.shown)
        except FreeholdError as error:
            parts.metrics.turned_away(error.code)
            headers = error_headers(error, record_id, recorded=False)
            exchange.answer(error.status, front.write_error(error, record_id), headers)
            return
        visit = Visit(record_id, front.name, key, began_at, began)
        if self._by_key.get(key.id, 0) >= parts.max_in_flight_per_key:
            self._turn_away(exchange, front, visit)
            return
        self._open(exchange, visit)
        self.in_flight += 1
        self._by_key[key.id] = self._by_key.get(key.id, 0) + 1
        try:
            await self._take(exchange, front, visit)
        finally:
            self.in_flight -= 1
            if visit.conversation:  # without one it had no part in a canary
                parts.canaries.ended(visit.id)
            left = self._by_key[key.id] - 1
            if left:
                self._by_key[key.id] = left
            else:
                del self._by_key[key.id]

    def _turn_away(self, exchange: Exchange, front: Dialect, visit: Visit) -> None:
        """Refuses one more request of a key that has as many on their way as it may. It has its record like every refusal, of what is known
        without a look at the body: nothing is committed to, and the record is as small as any can be."""
        book = self._parts.book()
        visit.policy, visit.keeping = book.policy, book.keeping
        busy = self._by_key[visit.key.id]
        self._tell(
            exchange, front, visit, RateLimited(f"{busy} requests of this key are being answered.", retry_after=1)
        )

    def _open(self, exchange: Exchange, visit: Visit) -> None:
        """What is known before the request is read: the policy in force, and whom its contents are about."""
        book = self._parts.book()
        visit.policy, visit.keeping = book.policy, book.keeping
        if book.keeping.logged:
            visit.said = Said(exchange.body, self._randomness.draw)
            visit.subject = subject_of(exchange.headers.get(SUBJECT), None, visit.key.id)
            if book.keeping.contents:
                visit.said.keep()

    async def _take(self, exchange: Exchange, front: Dialect, visit: Visit) -> None:
        try:
            answer = visit.answer = await self._get_answer(exchange, front, visit)
        except asyncio.CancelledError:
            visit.status = "cancelled"
            self._keep_failed(visit)
            raise
        except FreeholdError as error:
            visit.status = "failed" if visit.attempts else "refused"
            self._tell(exchange, front, visit, for_caller(error))
            return
        except Exception as bug:
            visit.status = "failed"
            log.exception("request %s met a bug", visit.id)
            self._tell(exchange, front, visit, InternalError(f"{type(bug).__name__} inside the door."))
            return
        assert visit.plan is not None
        watch = self._parts.safeguards.watch_output(visit.plan.name)
        if visit.plan.trace and visit.request is not None and visit.request.operation == "generate":
            watch = visit.heard = Heard(watch)
            if exchange.headers.get(TRACED) == "1":
                visit.summary = header_line(visit.id, None)
        if visit.gathered is not None:
            watch = visit.gathered.before(watch)
        if isinstance(answer.content, Whole):
            await self._answer_whole(exchange, front, visit, answer, answer.content, watch)
        else:
            await self._answer_stream(exchange, front, visit, answer, answer.content, watch)
        if visit.heard is not None:
            self._parts.tracer.after(visit)
        if visit.gathered is not None:
            self._parts.capturer.after(visit)
            if visit.plan.shadow is not None:
                self._parts.shadows.after(visit, self._parts.book())

    # --- steps 2 to 7 ---

    async def _get_answer(self, exchange: Exchange, front: Dialect, visit: Visit) -> Answer:
        parts = self._parts
        book = parts.book()
        # 2 read the request into our words
        request = visit.request = front.read_request(exchange.body)
        needs = visit.needs = measure(request, len(exchange.body))
        fetched = needs.vision or needs.files or needs.opaque
        if fetched:
            check_urls(request)
        # 3 find its workload, and what the caller may use of it
        plan = visit.plan = book.plan(exchange.headers.get("x-freehold-workload"), request.model)
        visit.keeping = plan.keeping
        if visit.said is not None:
            self._name_subject(exchange, visit)
        if plan.capture is not None:
            parts.capturer.consider(visit, exchange.headers)
        targets = check_scope(visit.key, plan, book.targets(plan, request.model))
        if request.bound is not None or needs.files_kept:
            targets, request = keeping(targets, request, needs, visit.owner)
        if parts.canaries.stale:
            await parts.canaries.reload()
        parts.canaries.place(visit, plan, book, exchange.headers)
        # 4 safeguards on the input
        await parts.safeguards.check_input(request, plan.name)
        # 5 reserve the budget, count the rates
        targets = reserve(parts.counters, visit, book, targets)
        # 6 choose the candidates
        sticky = prefix_key(request.messages, request.model, visit.key.id) if plan.sticky else None
        choice = choose(
            targets, needs, strategy=plan.strategy, now=self._loop.time(), sticky_key=sticky, draw=self._draw
        )
        placed = visit.placed
        if placed is not None:
            choice = lead(choice, placed, self._loop.time())
        # 7 ask them, first to last, until one commits
        body = exchange.body
        if fetched and any(target.deployment.private for target in choice.targets):
            inlined = await inline_urls(request)
            if inlined is not request:
                request, body = inlined, b""
        asking = Asking(
            pool=parts.pool,
            now=self._loop.time,
            front=front,
            request=request,
            body=body,
            likely=needs.likely,
            forwarded=forwarded_headers(exchange.headers, front.forwards) if front.forwards else b"",
            timeouts=plan.timeouts,
            retries=plan.retries,
            hedge=plan.hedge if placed is None or not placed.measured else None,
            deadline=visit.began + plan.timeouts.total,
            trail=Trail(
                visit.attempts,
                lambda target, beside: reserve_more(parts.counters, visit, target, beside),
                lambda target, whole: visit.spent_on_failure(target, whole=whole),
                visit.dropped,
            ),
        )
        return await asking.first_to_commit(choice.targets)

    def _name_subject(self, exchange: Exchange, visit: Visit) -> None:
        assert visit.said is not None
        assert visit.keeping is not None
        assert visit.request is not None
        if visit.keeping.contents:
            visit.said.keep()
        if visit.request.user:
            visit.subject = subject_of(exchange.headers.get(SUBJECT), visit.request.user, visit.key.id)

    # --- steps 8 to 10, an answer in one piece ---

    async def _answer_whole(
        self, exchange: Exchange, front: Dialect, visit: Visit, answer: Answer, whole: Whole, watch: OutputWatch | None
    ) -> None:
        visit.tally.take_reply(whole.reply)
        visit.whole = True
        try:
            # 8 safeguards on the output as it passes
            if watch is not None:
                watch.reply(whole.reply)
            origin = answer.deployment.origin
            if answer.way.dialect.name == front.name:
                body = visit.seal_ids(front, answer.deployment, front.seal(whole.raw, origin))
            else:
                assert visit.request is not None
                body = front.write_reply(sealed(whole.reply, origin), visit.request)
            if visit.heard is not None:
                await self._parts.tracer.inline(visit, self._loop.time(), told=exchange.headers.get(TRACED) == "1")
            # 9 settle the budget and keep the record
            visit.status = "answered"
            visit.gives(body)
            self._keep(visit)
            if visit.traced is not None:
                self._parts.tracer.keep(*visit.traced)
            if visit.on_disk:
                await self._parts.flusher.flushed()
        except asyncio.CancelledError:
            visit.status = "cancelled"
            self._keep_failed(visit)
            raise
        except FreeholdError as error:
            visit.status = "refused"
            self._withhold(visit, error)
            if visit.said is not None and not visit.kept:
                visit.said = Said(exchange.body, self._randomness.draw)  # the answer was not given after all
            self._tell(exchange, front, visit, error)
            return
        # 10 answer in the caller's dialect
        exchange.answer(200, body, answer_headers(visit) + visit.summary)

    # --- steps 8 to 10, an answer in chunks ---

    async def _answer_stream(
        self,
        exchange: Exchange,
        front: Dialect,
        visit: Visit,
        answer: Answer,
        stream: Stream,
        watch: OutputWatch | None,
    ) -> None:
        assert visit.request is not None
        assert visit.plan is not None
        relay = Relay(front, visit, answer, stream, watch)
        limit = visit.began + visit.plan.timeouts.total
        watchdog = Watchdog(self._loop, visit.plan.timeouts.idle, limit, lambda why: stream.expire(VendorTimeout(why)))
        try:
            while (batch := await stream.next()) is not None:
                watchdog.touch()
                data = relay.take(batch)  # 8, and the caller's dialect
                visit.gives(data)
                if exchange.answered:
                    exchange.write(data)
                elif data:  # 10, but for its end
                    exchange.begin(200, answer_headers(visit) + visit.summary, SSE, data)
                if exchange.slow:
                    await watchdog.wait(exchange.drain(), exchange.abort)
            last = relay.close()
            visit.gives(last)
            visit.whole = True
            visit.status = "answered"
            self._keep(visit)  # 9, before the end of 10
            if visit.on_disk:
                await self._parts.flusher.flushed()
        except asyncio.CancelledError:
            visit.status = "cancelled"
            self._keep_failed(visit)
            raise
        except FreeholdError as error:
            visit.status, visit.error = "failed", error
            self._withhold(visit, error)
            last = relay.fail(error)
            visit.gives(last)
            self._keep_failed(visit)
        finally:
            watchdog.stop()
            stream.close()
        if not exchange.answered:
            exchange.begin(200, answer_headers(visit) + visit.summary, SSE)
        exchange.end(last)

    # --- step 9 ---

    def _keep(self, visit: Visit) -> None:
        """Settles the budget and keeps the record, once. Raises `RecordNotKept`."""
        if visit.kept:
            return
        record = visit.record(time.time(), self._loop.time())
        grant, visit.grant = visit.grant, None
        try:
            self._parts.recorder.append(record, visit.private(record), later=visit.may_wait)
            visit.kept, visit.recorded = True, record
        finally:
            if grant is not None:
                if grant.held:
                    grant.model, grant.answered = record.deployment, record.status in ("answered", "cancelled")
                self._due.append((grant, record.cost_nano, record.input_tokens + record.output_tokens))
                if len(self._due) == 1:
                    self._loop.call_soon(self._settle_due)
        self._parts.metrics.took(record)

    def keep_late(self) -> None:
        """Writes the records that could not be written when their requests ended, as far as they can be now."""
        self._late.keep()

    def finish(self) -> None:
        """Settles and writes what is left, before the counters and the journal are closed."""
        self._settle_due()
        self._late.finish()

    def _settle_due(self) -> None:
        """Settles what this turn of the loop has recorded, under one lock. Until then it stays reserved."""
        due, self._due = self._due, []
        if not due:
            return
        for (grant, nano, _), over in zip(due, self._parts.counters.settle_all(due, time.time()), strict=True):
            if over and grant.charges:  # with rates alone nothing was reserved
                log.warning("%d nano-dollars were billed where the worst case was %d", nano, grant.nano)

    def _tell(self, exchange: Exchange, front: Dialect, visit: Visit, error: FreeholdError) -> None:
        """The end of a request that got no answer: its record, and the error in the caller's dialect."""
        visit.error = error
        body = front.write_error(error, visit.id)
        visit.gives(body)
        kept = self._keep_failed(visit)
        exchange.answer(error.status, body, error_headers(error, visit.id, recorded=kept))

    def _keep_failed(self, visit: Visit) -> bool:
        """The record of a request that went wrong; gives whether it is kept by now. That it cannot be kept must not hide what
        went wrong, and it is written later: a vendor may bill what was asked of it."""
        try:
            self._keep(visit)
        except RecordNotKept:
            log.exception("the record %s of a failed request could not be kept", visit.id)
            record = visit.record(time.time(), self._loop.time())
            self._late.take(record, visit.private(record))
            self._parts.metrics.took(record)
            return False
        return True

    def _withhold(self, visit: Visit, error: FreeholdError) -> None:
        """An answer whose record is written and cannot be put on the disk is not given: an entry of its own says so."""
        if visit.kept:
            self._late.withhold(visit.id, error)
