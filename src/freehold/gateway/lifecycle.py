"""One request, from the first byte to the record. The numbers stand in the code.

 1  know the caller
 2  read the request into our words
 3  find its workload, and what the caller may use of it
 4  safeguards on the input
 5  reserve the budget, count the rates
 6  choose the candidates
 7  ask them, first to last, until one commits               (`asking.py`)
 8  safeguards on the output as it passes
 9  settle the budget and keep the record, whatever happened
10  answer in the caller's dialect, with the receipt's id in a header

Steps 4 and 8 call the injected `Safeguards`, step 9 the injected `Recorder`. Nothing is sent before step 7 is done; the
last byte is sent after step 9, so an answer that a caller received whole has its record on this machine.
No step asks a database.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from freehold.dialects.dialect import Dialect
from freehold.dialects.origin import seal
from freehold.errors import (
    BudgetExhausted,
    DoorFull,
    FreeholdError,
    InternalError,
    InvalidField,
    RateLimited,
    RecordNotKept,
    UnpricedModel,
    Unsupported,
    VendorTimeout,
)
from freehold.gateway.answer import Answer, Batch, Stream, Whole, refusal
from freehold.gateway.asking import Asking, Trail
from freehold.gateway.book import Book, check_scope
from freehold.gateway.callers import Callers
from freehold.gateway.exchange import Exchange
from freehold.gateway.failure import for_caller
from freehold.gateway.headers import answer_headers, error_headers, forwarded_headers
from freehold.gateway.inputs import check_urls, inline_urls
from freehold.gateway.metrics import Metrics
from freehold.gateway.needs import measure
from freehold.gateway.routing import ASSUMED_OUTPUT, Target, choose, prefix_key
from freehold.gateway.seams import OutputWatch, Recorder, Safeguards
from freehold.gateway.visit import Visit
from freehold.gateway.watchdog import Watchdog
from freehold.messages import Failed, Reasoning, ReasoningSeal, Reply
from freehold.outbound.pool import Pool
from freehold.store.counters import MOST_NANO, Counters
from freehold.store.grants import BudgetDenied, RateDenied
from freehold.store.records import new_id

SSE = b"content-type: text/event-stream; charset=utf-8\r\n"

log = logging.getLogger("freehold.lifecycle")


class Parts(Struct):
    """What the lifecycle works with, built by the composition root. `book` gives the settings in force now."""

    book: Callable[[], Book]
    callers: Callers
    counters: Counters
    pool: Pool
    safeguards: Safeguards
    recorder: Recorder
    metrics: Metrics
    max_in_flight: int
    max_in_flight_per_key: int


class Lifecycle:
    """Takes requests of one worker through the ten steps. Made inside its event loop."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._draw = random.Random()  # noqa: S311 (weights, not secrets)
        self._by_key: dict[str, int] = {}
        self._loop = asyncio.get_running_loop()
        self.in_flight = 0

    async def serve(self, exchange: Exchange, front: Dialect) -> None:
        """Answers one request in the dialect `front`."""
        began_at, began = time.time(), self._loop.time()
        record_id = new_id(began_at)
        parts = self._parts
        try:
            if self.in_flight >= parts.max_in_flight:
                raise DoorFull(f"{self.in_flight} requests are being answered.", retry_after=1)
            # 1 know the caller
            if parts.callers.stale:
                await parts.callers.reload()
                parts.book().forget_payers()
            key = parts.callers.know(exchange.headers, began_at)
            if self._by_key.get(key.id, 0) >= parts.max_in_flight_per_key:
                raise RateLimited(f"{self._by_key[key.id]} requests of this key are being answered.", retry_after=1)
        except FreeholdError as error:
            parts.metrics.turned_away(error.code)
            exchange.answer(error.status, front.write_error(error, record_id), error_headers(error, record_id))
            return
        visit = Visit(record_id, front.name, key, began_at, began)
        self.in_flight += 1
        self._by_key[key.id] = self._by_key.get(key.id, 0) + 1
        try:
            await self._take(exchange, front, visit)
        finally:
            self.in_flight -= 1
            left = self._by_key[key.id] - 1
            if left:
                self._by_key[key.id] = left
            else:
                del self._by_key[key.id]

    async def _take(self, exchange: Exchange, front: Dialect, visit: Visit) -> None:
        try:
            answer = visit.answer = await self._get_answer(exchange, front, visit)
        except asyncio.CancelledError:
            visit.status = "cancelled"
            self._keep(visit)
            raise
        except FreeholdError as error:
            told = for_caller(error)
            visit.error = told
            visit.status = "failed" if visit.attempts else "refused"
            self._keep_failed(visit)
            exchange.answer(told.status, front.write_error(told, visit.id), error_headers(told, visit.id))
            return
        except Exception as bug:
            visit.status = "failed"
            visit.error = InternalError(f"{type(bug).__name__} inside the door.")
            self._keep_failed(visit)
            log.exception("request %s met a bug", visit.id)
            exchange.answer(500, front.write_error(visit.error, visit.id), error_headers(visit.error, visit.id))
            return
        watch = self._parts.safeguards.watch_output(visit.plan.name if visit.plan is not None else "")
        if isinstance(answer.content, Whole):
            self._answer_whole(exchange, front, visit, answer, answer.content, watch)
        else:
            await self._answer_stream(exchange, front, visit, answer, answer.content, watch)

    # --- steps 2 to 7 ---

    async def _get_answer(self, exchange: Exchange, front: Dialect, visit: Visit) -> Answer:
        parts = self._parts
        book = parts.book()
        # 2 read the request into our words
        request = visit.request = front.read_request(exchange.body)
        needs = visit.needs = measure(request, len(exchange.body))
        if needs.vision or needs.files:
            check_urls(request)
        # 3 find its workload
        plan = visit.plan = book.plan(exchange.headers.get("x-freehold-workload"), request.model)
        targets = check_scope(visit.key, plan, book.targets(plan, request.model))
        if request.bound is not None:
            targets = _same_dialect(targets, front.name, request.bound)
        # 4 safeguards on the input
        await parts.safeguards.check_input(request, plan.name)
        # 5 reserve the budget
        targets = self._reserve(visit, book, targets)
        # 6 choose the candidates
        sticky = prefix_key(request.messages, request.model, visit.key.id) if plan.sticky else None
        choice = choose(
            targets, needs, strategy=plan.strategy, now=self._loop.time(), sticky_key=sticky, draw=self._draw
        )
        # 7 ask them
        body = exchange.body
        if (needs.vision or needs.files) and any(target.deployment.vendor.private for target in choice.targets):
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
            hedge=plan.hedge,
            deadline=visit.began + plan.timeouts.total,
            trail=Trail(visit.attempts, lambda target: self._pay(visit, target), visit.spent_on_failure, visit.dropped),
        )
        return await asking.first_to_commit(choice.targets)

    def _reserve(self, visit: Visit, book: Book, targets: tuple[Target, ...]) -> tuple[Target, ...]:
        payers = visit.payers = book.payers(visit.key, visit.plan.name if visit.plan is not None else "")
        if not payers.budgets and not payers.rates:
            return targets
        if payers.hard:
            priced = tuple(target for target in targets if target.price is not None)
            if not priced:
                names = ", ".join(target.deployment.name for target in targets)
                raise UnpricedModel(f"The price of {names} is unknown, and a hard budget applies.", param="model")
            targets = priced
        nano = max(visit.worst(target) for target in targets) if payers.budgets else 0
        tokens = visit.needs.likely + (visit.needs.output or ASSUMED_OUTPUT)
        if nano > MOST_NANO or tokens > MOST_NANO:
            raise InvalidField("`max_tokens` is more than any model writes.", param="max_tokens")
        outcome = self._parts.counters.acquire(payers.budgets, payers.rates, nano, tokens, visit.began_at)
        if isinstance(outcome, BudgetDenied):
            raise BudgetExhausted(
                f"This request could cost up to ${nano / 1e9:.6f}; {payers.budget_names[outcome.index]} has "
                f"${max(0, outcome.limit - outcome.spent - outcome.reserved) / 1e9:.6f} left of ${outcome.limit / 1e9:.2f}."
            )
        if isinstance(outcome, RateDenied):
            raise RateLimited(
                f"{payers.rate_names[outcome.index]} may use {outcome.limit} {outcome.measure} per minute.",
                retry_after=outcome.retry_after,
            )
        visit.grant = outcome
        visit.reserved = nano
        for index in outcome.passed:
            log.warning("%s is passed (soft limit)", payers.budget_names[index])
        return targets

    def _pay(self, visit: Visit, target: Target) -> bool:
        """Reserves the worst case of one more attempt; false when a hard budget says no."""
        if visit.grant is None:
            return True
        more = min(visit.worst(target), MOST_NANO)
        if not self._parts.counters.extend(visit.grant, more, time.time()):
            return False
        visit.reserved += more
        return True

    # --- steps 8 to 10, an answer in one piece ---

    def _answer_whole(
        self, exchange: Exchange, front: Dialect, visit: Visit, answer: Answer, whole: Whole, watch: OutputWatch | None
    ) -> None:
        visit.tally.take_reply(whole.reply)
        visit.whole = True
        try:
            # 8 safeguards on the output
            if watch is not None:
                watch.reply(whole.reply)
            origin = answer.deployment.origin
            if answer.way.dialect.name == front.name:
                body = front.seal(whole.raw, origin)
            else:
                assert visit.request is not None
                body = front.write_reply(_sealed(whole.reply, origin), visit.request)
            # 9 settle and record
            visit.status = "answered"
            self._keep(visit)
        except FreeholdError as error:
            visit.status, visit.error = "refused", error
            self._keep_failed(visit)
            exchange.answer(error.status, front.write_error(error, visit.id), error_headers(error, visit.id))
            return
        # 10 answer
        exchange.answer(200, body, answer_headers(visit))

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
        relay = _Relay(front, visit, answer, stream, watch)
        limit = visit.began + visit.plan.timeouts.total
        watchdog = Watchdog(self._loop, visit.plan.timeouts.idle, limit, lambda why: stream.expire(VendorTimeout(why)))
        try:
            while (batch := await stream.next()) is not None:
                watchdog.touch()
                data = relay.take(batch)
                if exchange.answered:
                    exchange.write(data)
                elif data:
                    exchange.begin(200, answer_headers(visit), SSE, data)
                await exchange.drain()
            last = relay.close()
            visit.whole = True
            visit.status = "answered"
            self._keep(visit)  # 9, before the last byte
        except asyncio.CancelledError:
            visit.status = "cancelled"
            self._keep(visit)
            raise
        except FreeholdError as error:
            visit.status, visit.error = "failed", error
            self._keep_failed(visit)
            last = relay.fail(error)
        finally:
            watchdog.stop()
            stream.close()
        if not exchange.answered:
            exchange.begin(200, answer_headers(visit), SSE)
        exchange.end(last)

    # --- step 9 ---

    def _keep(self, visit: Visit) -> None:
        """Settles the budget and keeps the record, once. Raises `RecordNotKept`."""
        record = visit.record(time.time(), self._loop.time())
        grant, visit.grant = visit.grant, None
        try:
            self._parts.recorder.append(record)
        finally:
            if grant is not None:
                over = self._parts.counters.settle(
                    grant, record.cost_nano, record.input_tokens + record.output_tokens, record.ended_at
                )
                if over:
                    log.warning("%s cost %d nano-dollars more than the worst case reserved", record.id, over)
        self._parts.metrics.took(record)

    def _keep_failed(self, visit: Visit) -> None:
        """The record of a request that went wrong; that it cannot be kept must not hide what went wrong."""
        try:
            self._keep(visit)
        except RecordNotKept:
            log.exception("the record %s of a failed request could not be kept", visit.id)


class _Relay:
    """Step 8 and 10 of a stream: what of each batch the caller gets. Holds the vendor's closing event back, so that the
    record is kept before it goes out."""

    def __init__(self, front: Dialect, visit: Visit, answer: Answer, stream: Stream, watch: OutputWatch | None) -> None:
        assert visit.request is not None
        self._front = front
        self._request = visit.request
        self._tally = visit.tally
        self._origin = answer.deployment.origin
        self._deployment = answer.deployment.name
        self._same = answer.way.dialect.name == front.name
        self._stream = stream
        self._watch = watch
        self._writer = None if self._same else front.stream_writer(visit.request)
        self._held: list[bytes] = []
        self._id = visit.id

    def take(self, batch: Batch) -> bytes:
        """The bytes for the caller. Raises the vendor's failure, or `Blocked`."""
        out: list[bytes] = []
        for event, chunks in batch:
            for chunk in chunks:
                self._tally.take(chunk)
                if self._watch is not None:
                    self._watch.chunk(chunk)
                if isinstance(chunk, Failed):
                    raise refusal(chunk, self._deployment)
                if self._writer is not None:
                    sealed = (
                        replace(chunk, opaque=seal(chunk.opaque, self._origin))
                        if isinstance(chunk, ReasoningSeal)
                        else chunk
                    )
                    out.append(self._writer.write(sealed))
            if self._same:
                raw = self._front.seal(event.raw, self._origin)
                if self._held or self._stream.ends(event):
                    self._held.append(raw)
                elif not self._front.hides(event, self._request):
                    out.append(raw)
        return out[0] if len(out) == 1 else b"".join(out)

    def close(self) -> bytes:
        """The bytes that end a stream that went well."""
        return self._writer.close() if self._writer is not None else b"".join(self._held)

    def fail(self, error: FreeholdError) -> bytes:
        """The bytes that tell of a failure, in the caller's dialect."""
        writer = self._writer or self._front.stream_writer(self._request)
        return writer.fail(error, self._id)


def _sealed(reply: Reply, origin: str) -> Reply:
    """The reply with the origin on every opaque artefact."""
    if not any(isinstance(part, Reasoning) and part.opaque for part in reply.parts):
        return reply
    parts = tuple(
        replace(part, opaque=seal(part.opaque, origin)) if isinstance(part, Reasoning) and part.opaque else part
        for part in reply.parts
    )
    return replace(reply, parts=parts)


def _same_dialect(targets: tuple[Target, ...], front: str, bound: str) -> tuple[Target, ...]:
    """The targets that speak the caller's own dialect, for a request that leans on state kept by a vendor."""
    able = tuple(target for target in targets if front in target.deployment.ways)
    if not able:
        raise Unsupported(
            f"`{bound}` leans on what one vendor keeps, and no model of this route speaks that vendor's dialect.",
            "Send the whole conversation in the request, with store = false.",
            param=bound,
        )
    return able
