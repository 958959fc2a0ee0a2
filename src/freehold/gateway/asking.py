"""Step 7 of a request: ask the candidates, first to last, until one commits.

Until a candidate commits, every failure may be retried on it, hedged by the next, or failed over, as `failure.py` judges.
What each attempt was and cost is written on the `Trail`. This module knows no budget and no record: it asks the trail
before it spends anything twice.
"""

import asyncio
import random
from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from freehold.config.settings import Hedge, Timeouts
from freehold.dialects.dialect import Dialect
from freehold.dialects.dialect import Target as WireTarget
from freehold.errors import (
    BudgetExhausted,
    EngineDown,
    FreeholdError,
    StreamBroken,
    VendorError,
    VendorGarbled,
    VendorTimeout,
    VendorUnreachable,
)
from freehold.gateway.answer import COALESCE_SECONDS, Answer, Canned, Stream, Upstream, Whole
from freehold.gateway.deployments import Deployment, Way
from freehold.gateway.failure import Verdict, hold, is_deployments_fault, judge
from freehold.gateway.routing import Target
from freehold.messages import Reply, Request, Usage
from freehold.outbound.pool import Pool
from freehold.store.records import Attempt, Outcome

MAX_REPLY_BYTES = 64 * 1024 * 1024
MAX_ERROR_BYTES = 256 * 1024
SHORTEST_KEY = 8
"""Characters. A shorter one is no secret but a word that a server without keys was given."""

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 8.0
PATIENCE = 5.0
"""Seconds of `Retry-After` that are waited out while another candidate could be asked instead."""

LONGEST_WAIT = 60.0
"""Seconds of `Retry-After` that are waited out at all; a vendor that asks for more is reported to the caller."""


class Trail(Struct):
    """What happened on the way to an answer. `pay` is asked before every attempt but the first, with the one that still runs
    beside it: it reserves what the worst case of all lacks (true), or refuses (false). `spent` says what a target may bill
    for an attempt without an answer, `whole` when that was to come in one piece. `dropped` names what the answering vendor
    could not be told."""

    attempts: list[Attempt]
    pay: Callable[[Target, Target | None], bool]
    spent: Callable[[Target, bool], int]
    dropped: list[str]


class Asking(Struct):
    """One request on its way out: what stays the same over all attempts. `body` is the caller's own, to pass through where
    the dialects match; empty when the request was changed and must be written anew. `likely` is our estimate of the input
    in tokens. `now` is the loop's clock, and
    `deadline` a time of it. Of the time until then each candidate gets, for all its tries, an equal share of what those
    before it left: however silent they are, the last one is asked in time."""

    pool: Pool
    now: Callable[[], float]
    front: Dialect
    request: Request
    body: bytes
    likely: int
    forwarded: bytes
    timeouts: Timeouts
    retries: int
    hedge: Hedge | None
    deadline: float
    trail: Trail

    async def first_to_commit(self, targets: Sequence[Target]) -> Answer:
        """The answer of the first target that commits. Raises the failure that tells the caller most. One that the budget
        does not cover any more, after what the others may bill, is not asked."""
        failures: list[FreeholdError] = []
        too_small = 0
        for position, target in enumerate(targets):
            room = _window(target)
            if room is not None and room <= too_small:
                continue
            others = targets[position + 1 :]
            if (way := target.deployment.ways.get(self.front.name)) is not None and way.estimated:
                return self._estimate(target, way)
            if self.trail.attempts and not self.trail.pay(target, None):
                failures.append(BudgetExhausted("The budget does not cover another attempt."))
                continue
            until = self.now() + (self.deadline - self.now()) / (len(others) + 1)
            try:
                return await self._persist(target, others, until)
            except FreeholdError as error:
                failures.append(error)
                verdict = judge(error)
                if verdict is Verdict.TELL:
                    raise
                if verdict is Verdict.LARGER:
                    too_small = max(too_small, room or 0)
            if self.now() >= self.deadline:
                break
        raise _most_telling(failures)

    def _estimate(self, target: Target, way: Way) -> Answer:
        """The count of tokens for a vendor that has no way to count them, marked as an estimate."""
        reply = Reply(id="", model=target.deployment.native, usage=Usage(input_tokens=self.likely, estimated=True))
        return Answer(target, way, Whole(self.front.write_reply(reply, self.request), reply), 0.0)

    async def _persist(self, target: Target, others: Sequence[Target], until: float) -> Answer:
        """One target, with its retries, until a time of the loop's clock."""
        for tried in range(self.retries + 1):
            try:
                if self.hedge is not None:
                    return await self._hedged(target, others, until)
                return await self._attempt(target, until)
            except FreeholdError as error:
                pause = _pause(error, tried, others=bool(others))
                out_of_time = self.now() + (pause or 0) >= until
                if judge(error) is not Verdict.RETRY or tried == self.retries or pause is None or out_of_time:
                    raise
                if not self.trail.pay(target, None):
                    if others:
                        raise  # another may cost less
                    raise BudgetExhausted("The budget does not cover another attempt.") from error
                await asyncio.sleep(pause)
        raise AssertionError("unreachable")

    # --- hedging ---

    async def _hedged(self, target: Target, others: Sequence[Target], until: float) -> Answer:
        delay = self._delay(target.deployment)
        if delay is None:
            return await self._attempt(target, until)
        first = asyncio.create_task(self._attempt(target, until))
        tasks = [first]
        taken: Answer | None = None
        try:
            await asyncio.wait({first}, timeout=delay)
            rival = next((o for o in others if o.deployment.breaker.allows(self.now())), target)
            if first.done() or not self.trail.pay(rival, target):
                taken = await first
            else:
                second = asyncio.create_task(self._attempt(rival, until, hedge=True))
                tasks.append(second)
                taken = await _first_success(first, second)
            return taken
        finally:
            for task in tasks:
                if not task.done():
                    task.cancel()
            for place, given in enumerate(await asyncio.gather(*tasks, return_exceptions=True)):
                if isinstance(given, Answer) and given is not taken:
                    self._leave(given, hedge=place == 1)

    def _leave(self, answer: Answer, *, hedge: bool) -> None:
        """An answer that nobody takes, because both committed in the same instant, or the caller left in that one: it is
        noted like any attempt that lost, and its stream is closed."""
        if isinstance(answer.content, Stream):
            answer.content.close()
        attempts = self.trail.attempts
        place = next(n for n, one in enumerate(attempts) if one.outcome == "answered" and one.hedge == hedge)
        spent = self.trail.spent(answer.target, not self.request.stream)
        attempts[place] = replace(attempts[place], outcome="cancelled", cost_nano=spent, estimated=spent > 0)

    def _delay(self, deployment: Deployment) -> float | None:
        assert self.hedge is not None
        usual = deployment.latency.of(streamed=self.request.stream)
        after = usual.p95() if self.hedge.after == "p95" else self.hedge.after
        return None if after is None else max(float(after), self.hedge.min_seconds)

    # --- one attempt ---

    async def _attempt(self, target: Target, until: float, *, hedge: bool = False) -> Answer:
        deployment = target.deployment
        began = self.now()
        deployment.breaker.began()
        deployment.in_flight += 1
        try:
            answer = await self._ask(target, began, until)
        except asyncio.CancelledError:
            deployment.breaker.gave_up()
            self._note(target, "cancelled", None, began, hedge=hedge, paid=True)
            raise
        except FreeholdError as error:
            if isinstance(error, VendorError) and error.deployment is None:
                error.deployment = deployment.name
            if is_deployments_fault(error):
                deployment.breaker.failed(self.now(), hold=hold(error))
            else:
                deployment.breaker.succeeded(self.now())
            # Nobody bills for what an engine of one's own broke off, and a customer does not pay for that either.
            paid = _was_paid(error) and deployment.served is None
            self._note(target, "failed", error, began, hedge=hedge, paid=paid)
            raise
        finally:
            deployment.in_flight -= 1
        deployment.breaker.succeeded(self.now())
        deployment.latency.of(streamed=self.request.stream).observe(answer.first_seconds)
        self._note(target, "answered", None, began, hedge=hedge, paid=False)
        return answer

    async def _ask(self, target: Target, began: float, until: float) -> Answer:
        deployment = target.deployment
        way = deployment.way(self.front.name)
        wire = WireTarget(model=deployment.asked, traits=way.traits, origin=deployment.origin, dropped=[])
        if way.dialect.name == self.front.name and self.body:
            body = way.dialect.pass_request(self.request, self.body, wire)
        else:
            body = way.dialect.write_request(self.request, wire)
        own = self.timeouts.first_token if self.request.stream else self.timeouts.whole
        limit = until if own is None else min(began + own, until)
        try:
            upstream = await self._send(deployment, way, body, limit)
            try:
                content = await self._receive(upstream, way, deployment)
            except BaseException:
                upstream.close()
                raise
        except VendorTimeout as error:
            if not error.sent:
                raise
            raise VendorTimeout(f"{deployment.name} did not answer in time.") from None
        self.trail.dropped[:] = wire.dropped
        return Answer(target, way, content, self.now() - began)

    async def _send(self, deployment: Deployment, way: Way, body: bytes, limit: float) -> Upstream:
        if way.endpoint is None and deployment.served is not None:
            raise EngineDown(
                f"No engine serves {deployment.name} now.",
                "It is being started, or it could not be: the log of `freehold up` says which. Try again later.",
                retry_after=2,
            )
        if way.endpoint is None:
            respond = deployment.vendor.respond
            assert respond is not None
            return Canned(*respond(deployment.native, way.dialect.name, body))
        extra = self.forwarded if way.dialect.name == self.front.name else b""
        packet = b"%b%d\r\n%b\r\n%b" % (way.head, len(body), extra, body)
        try:
            return await self.pool.send(way.endpoint, packet, self.timeouts.connect, limit)
        except VendorUnreachable as error:
            if deployment.served is not None and deployment.served.here:
                raise EngineDown(f"The engine of {deployment.name} is not answering.", retry_after=2) from error
            raise

    async def _receive(self, upstream: Upstream, way: Way, deployment: Deployment) -> Whole | Stream:
        if upstream.status >= 300:
            said = _without_key(await _refusal_of(upstream), deployment)
            raise way.dialect.read_error(upstream.status, upstream.headers, said)
        media = upstream.headers.get("content-type", "")
        if self.request.stream:
            _expect(media, "text/event-stream")
            coalesce = COALESCE_SECONDS if deployment.served is not None else 0.0
            stream = Stream(upstream, way.dialect.stream_reader(), deployment.name, coalesce)
            await stream.start()
            upstream.unlimited()
            return stream
        raw = await upstream.read(MAX_REPLY_BYTES)
        _expect(media, "application/json")
        reply = way.dialect.read_reply(raw)
        if reply.finish == "error":
            raise VendorGarbled(
                f"{deployment.name} ended its answer with {reply.native_finish_reason!r}.",
                native=reply.native_finish_reason,
            )
        return Whole(raw, reply)

    # --- the trail ---

    def _note(
        self, target: Target, outcome: Outcome, error: FreeholdError | None, began: float, *, hedge: bool, paid: bool
    ) -> None:
        spent = self.trail.spent(target, not self.request.stream) if paid else 0
        self.trail.attempts.append(
            Attempt(
                deployment=target.deployment.name,
                outcome=outcome,
                status=error.status if error is not None else None,
                code=error.code if error is not None else None,
                ms=(self.now() - began) * 1000,
                cost_nano=spent,
                hedge=hedge,
                estimated=spent > 0,
            )
        )


def _was_paid(error: FreeholdError) -> bool:
    """Whether the vendor may bill a failed attempt: it had accepted the request before it failed."""
    if isinstance(error, VendorTimeout | VendorUnreachable):
        return error.sent
    return isinstance(error, VendorGarbled | StreamBroken)


async def _refusal_of(upstream: Upstream) -> bytes:
    """What a vendor said with an error status; nothing where that broke off, since the status alone says that it refused."""
    try:
        return await upstream.read(MAX_ERROR_BYTES)
    except VendorUnreachable:
        return b""


def _without_key(said: bytes, deployment: Deployment) -> bytes:
    """What a vendor said, without the key that it was asked with: some servers repeat what they were sent, and callers see it."""
    key = deployment.settings.api_key
    if key is None or len(key.value) < SHORTEST_KEY:
        return said
    return said.replace(key.value.encode(), b"***")


async def _first_success(first: "asyncio.Task[Answer]", second: "asyncio.Task[Answer]") -> Answer:
    """The first of two tasks that succeeds; when both fail, the failure of the first."""
    done, _ = await asyncio.wait({first, second}, return_when=asyncio.FIRST_COMPLETED)
    for task in (first, second):
        if task in done and task.exception() is None:
            return task.result()
    other = second if first in done else first
    if other in done:
        return first.result()
    try:
        return await other
    except FreeholdError:
        return first.result() if first.done() else await first


def _pause(error: FreeholdError, tried: int, *, others: bool) -> float | None:
    """Seconds before the next try on the same deployment; None when waiting that long is not worth it.

    Full jitter (Brooker 2015, "Exponential Backoff and Jitter"); a vendor's `Retry-After` is a floor.
    """
    pause = random.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * 2**tried))  # noqa: S311
    if error.retry_after is None:
        return pause
    if error.retry_after > (PATIENCE if others else LONGEST_WAIT):
        return None
    return error.retry_after + pause


def _most_telling(failures: list[FreeholdError]) -> FreeholdError:
    """Of several failures, the one to report: what the caller can mend, then what time mends, then the last."""
    for kind in (400, 413, 422, 404, 429):
        for error in failures:
            if error.status == kind:
                return error
    return failures[-1]


def _window(target: Target) -> int | None:
    return None if target.deployment.model is None else target.deployment.model.context_tokens


def _expect(media: str, wanted: str) -> None:
    if not media.lower().startswith(wanted):
        raise VendorGarbled(f"The vendor answered with content type {media[:60] or 'none'} instead of {wanted}.")
