"""Step 5 of a request: what it may cost at most is reserved in every budget that pays for it, and its rates are counted.

Under a hard budget only those targets stay that have a price and a worst case. Each further attempt (a retry, a hedge, the next
target) is reserved for before it is sent, beside what those before it may be billed for; so however a request goes, what
is reserved is at least what it costs.
"""

import logging
import time

from freehold.errors import BudgetExhausted, InvalidField, RateLimited
from freehold.gateway.book import Book
from freehold.gateway.routing import ASSUMED_OUTPUT, Target, bounded, priced
from freehold.gateway.visit import Visit
from freehold.store.counters import MOST_NANO, Counters
from freehold.store.grants import BudgetDenied, RateDenied

log = logging.getLogger("freehold.lifecycle")


def reserve(counters: Counters, visit: Visit, book: Book, targets: tuple[Target, ...]) -> tuple[Target, ...]:
    """The targets that may be asked, with the dearest of them reserved for. Raises `UnpricedModel`, `Unbounded`,
    `InvalidField`, `BudgetExhausted` and `RateLimited`."""
    payers = visit.payers = book.payers(visit.key, visit.plan.name if visit.plan is not None else "")
    if not payers.budgets and not payers.rates:
        return targets
    if payers.hard:
        targets = priced(targets)
        if not visit.is_free:
            targets = bounded(targets, visit.needs)
    asked = targets if visit.placed is None else (*targets, visit.placed.candidate)  # in both arms: they stay alike
    nano = 0
    if payers.budgets:
        nano = visit.worst(asked[0]) if len(asked) == 1 else max([visit.worst(target) for target in asked])
    tokens = visit.needs.likely + (visit.needs.output or ASSUMED_OUTPUT)
    if nano > MOST_NANO or tokens > MOST_NANO:
        raise InvalidField("`max_tokens` is more than any model writes.", param="max_tokens")
    outcome = counters.acquire(payers.budgets, payers.rates, nano, tokens, visit.began_at)
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


def reserve_more(counters: Counters, visit: Visit, target: Target, beside: Target | None) -> bool:
    """Reserves what one more attempt lacks, while another may still run `beside` it; false when a hard budget says no."""
    if visit.grant is None:
        return True
    more = visit.lacking(target, beside)
    if not more:
        return True
    if more > MOST_NANO or not counters.extend(visit.grant, more, time.time()):
        return False
    visit.reserved += more
    return True
