"""Which requests a candidate gets: the canaries in force, in memory, and the arm of each conversation.

Read from the store when they have changed, as the keys are, and by nobody's request. Whether a request takes part is decided
before its arm is, by what holds for both arms alike: a request that the candidate could not take at all is in neither, so
that the two stay comparable. It knows nothing of how a canary goes; the rollouts' process decides that.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

from freehold.gateway.book import Book, Plan
from freehold.gateway.conversations import conversation_of
from freehold.gateway.placed import Placed
from freehold.gateway.routing import Choice, Target, Why, can_do, is_bounded
from freehold.gateway.visit import Visit
from freehold.store.canaries import MILLION, Canary, assign
from freehold.store.counters import Counters
from freehold.store.in_flight import InFlight

PAUSE_SECONDS = 1.0
"""Between two tries to read from a store in trouble."""

OPEN = "It is the canary's candidate, and its circuit breaker is open after failures."

log = logging.getLogger("freehold.canaries")


class Canaries:
    """The canaries of this machine. `load` reads them from the store (slow, called in a thread); `secret` keys the digests of
    conversations."""

    def __init__(
        self, load: Callable[[], Sequence[Canary]], counters: Counters, running: InFlight, secret: bytes
    ) -> None:
        self._load = load
        self._counters = counters
        self._running = running
        self._secret = secret
        self._generation = counters.generation()
        self._by_workload = {canary.workload: canary for canary in load()}
        self._loading = asyncio.Lock()
        self._not_before = 0.0

    @property
    def stale(self) -> bool:
        """Whether something may have changed since they were read: one look at shared memory."""
        return self._counters.generation() != self._generation

    async def reload(self) -> None:
        """Reads them again. When the store cannot be read, those that are known stay in force."""
        async with self._loading:
            loop = asyncio.get_running_loop()
            if not self.stale or loop.time() < self._not_before:
                return
            generation = self._counters.generation()
            try:
                found = await asyncio.to_thread(self._load)
            except Exception:
                log.exception("the canaries could not be read again; those read before stay in force")
                self._not_before = loop.time() + PAUSE_SECONDS
                return
            self._by_workload = {canary.workload: canary for canary in found}
            self._generation = generation

    def of(self, plan: Plan) -> Canary | None:
        """The canary of a workload, None when there is none, or when it is held against another route than this."""
        canary = self._by_workload.get(plan.name)
        return canary if canary is not None and canary.route == plan.route else None

    def place(self, visit: Visit, plan: Plan, book: Book, headers: Mapping[str, str]) -> Placed | None:
        """The request's part in the canary of its workload, noted on its visit; None where there is none, and for a request
        that the candidate could not take."""
        canary = self.of(plan) if self._by_workload else None
        if canary is None:
            return None
        candidate = _candidate(canary, visit, book)
        if candidate is None or visit.request is None:
            return None
        if not visit.conversation:
            visit.conversation = conversation_of(headers, visit.request, visit.key.id, self._secret)
        arm, share = assign(canary, visit.conversation), canary.share_ppm
        visit.placed = Placed(canary, arm, share if arm == "candidate" else MILLION - share, candidate)
        if canary.phase != "promoted":
            self._running.began(canary.id, visit.id, visit.began_at)
        return visit.placed

    def ended(self, record_id: str) -> None:
        """A request has its record, or never will, whether it had a part or not."""
        self._running.ended(record_id)

    def save(self) -> None:
        """Leaves what runs where the rollouts' process reads it. Called once a second."""
        self._running.save()


def _candidate(canary: Canary, visit: Visit, book: Book) -> Target | None:
    """Whom the request would go to; None when it may not, or could not be answered or paid for there."""
    request = visit.request
    if request is None or request.operation != "generate" or (request.n or 1) > 1:
        return None
    if request.bound is not None or visit.needs.files_kept:  # what one account keeps, another does not have
        return None
    candidate = book.candidate(canary.candidate)
    if candidate is None or not visit.key.may_use_model(canary.candidate) or not can_do(candidate, visit.needs):
        return None
    unknown = candidate.price is None or not is_bounded(candidate, visit.needs)
    return None if unknown and book.payers(visit.key, canary.workload).hard else candidate


def lead(choice: Choice, placed: Placed, now: float) -> Choice:
    """The choice for this arm: a candidate is asked before the route's own, which are its failover. One whose circuit breaker
    is open is left out; the request stays in its arm, and counts as one that it failed."""
    if placed.arm == "incumbent":
        return choice
    target = placed.candidate
    if not target.deployment.breaker.allows(now):
        return Choice(choice.targets, (*choice.left_out, Why(target.deployment.name, None, OPEN)))
    return Choice((target, *choice.targets), choice.left_out)
