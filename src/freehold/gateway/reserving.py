"""Step 5 of a request: what it may cost at most is reserved in every budget that pays for it, what it may use of a model in the
quotas of its project, and its rates are counted.

Under a hard budget only those targets stay that have a price and a worst case; of a model whose quota is used up, the route's
others are left. Each further attempt (a retry, a hedge, the next
target) is reserved for before it is sent, beside what those before it may be billed for; so however a request goes, what
is reserved is at least what it costs.
"""

import logging
import time
from collections.abc import Sequence

from freehold.errors import BudgetExhausted, InvalidField, QuotaExhausted, RateLimited
from freehold.gateway.book import Book
from freehold.gateway.routing import ASSUMED_OUTPUT, Target, bounded, priced
from freehold.gateway.visit import Visit
from freehold.store.counters import MOST_NANO, Counters
from freehold.store.grants import BudgetDenied, Held, QuotaDenied, RateDenied
from freehold.store.scopes import QuotaMeasure

log = logging.getLogger("freehold.lifecycle")


def reserve(counters: Counters, visit: Visit, book: Book, targets: tuple[Target, ...]) -> tuple[Target, ...]:
    """The targets that may be asked, with the dearest of them reserved for. Raises `UnpricedModel`, `Unbounded`,
    `InvalidField`, `BudgetExhausted`, `QuotaExhausted` and `RateLimited`."""
    payers = visit.payers = book.payers(visit.key, visit.plan.name if visit.plan is not None else "")
    bounds = [
        one for target in _asked(visit, targets) for one in book.quotas(visit.key.project, target.deployment.name)
    ]
    if not payers.budgets and not payers.rates and not bounds:
        return targets
    is_costly = any(one.measure == "cost" for one in bounds)
    if payers.hard or is_costly:
        targets = priced(targets)
    if (payers.hard or bounds) and not visit.is_free:
        targets = bounded(targets, visit.needs)
    tokens = visit.needs.likely + (visit.needs.output or ASSUMED_OUTPUT)
    while True:
        asked = _asked(visit, targets)
        nano = 0
        if payers.budgets or is_costly:
            nano = visit.worst(asked[0]) if len(asked) == 1 else max([visit.worst(target) for target in asked])
        held = _held(visit, book, asked) if bounds else ()
        if max(nano, tokens, *[one.amount for one in held]) > MOST_NANO:
            raise InvalidField("`max_tokens` is more than any model writes.", param="max_tokens")
        outcome = counters.acquire(payers.budgets, payers.rates, nano, tokens, visit.began_at, held)
        if not isinstance(outcome, QuotaDenied):
            break
        targets = _without(targets, outcome, visit)
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


def _asked(visit: Visit, targets: tuple[Target, ...]) -> tuple[Target, ...]:
    """The targets, and the candidate of a canary that the request takes part in: in both arms, so that they stay alike."""
    return targets if visit.placed is None else (*targets, visit.placed.candidate)


def _held(visit: Visit, book: Book, asked: Sequence[Target]) -> tuple[Held, ...]:
    """What the request may use at most of each model, in each of its quotas."""
    if visit.is_free:
        return ()
    found: dict[int, Held] = {}
    for target in asked:
        for quota in book.quotas(visit.key.project, target.deployment.name):
            found[quota.slot] = Held(quota, _most(visit, target, quota.measure))
    return tuple(found.values())


def _most(visit: Visit, target: Target, measure: QuotaMeasure) -> int:
    if measure == "requests":
        return 1
    return sum(visit.most_tokens(target)) if measure == "tokens" else visit.worst(target)


def _without(targets: tuple[Target, ...], denied: QuotaDenied, visit: Visit) -> tuple[Target, ...]:
    """The targets but for the model that the project has used up. Raises `QuotaExhausted` when no other is left. Where it is the
    candidate of a canary, the request takes no part in that, whichever arm it was in: the arms stay alike."""
    quota, project = denied.quota, visit.key.project
    if visit.placed is not None and visit.placed.candidate.deployment.name == quota.model:
        visit.placed = None
        return targets
    rest = tuple([target for target in targets if target.deployment.name != quota.model])
    if rest and len(rest) < len(targets):
        return rest
    if quota.measure == "requests":
        raise QuotaExhausted(
            f"The project {project} may make {quota.most:,} requests of {quota.model} per {quota.per}, and they are made or on "
            "their way.",
            "Use another model, or wait for the next period.",
        )
    unit, form = (1e9, "${:,.6f}") if quota.measure == "cost" else (1, "{:,} tokens")
    left = max(0, quota.most - denied.spent - denied.reserved)
    most, has, of = (form.format(amount / unit if unit > 1 else amount) for amount in (denied.amount, left, quota.most))
    raise QuotaExhausted(
        f"This request could use up to {most} of {quota.model}; the project {project} has {has} left of {of} per {quota.per}."
    )


def reserve_more(counters: Counters, visit: Visit, target: Target, beside: Target | None) -> bool:
    """Reserves what one more attempt lacks, while another may still run `beside` it; false when a hard budget says no, or a quota
    in dollars: what the attempts before cost counts in that of the model that answers."""
    if visit.grant is None:
        return True
    stake, more = visit.at_stake(target, beside), visit.lacking(target, beside)
    if not more and not visit.grant.held:
        return True
    stakes = {one.deployment.name: stake for one in (target, beside) if one is not None}
    if more > MOST_NANO or not counters.extend(visit.grant, more, time.time(), stakes):
        return False
    visit.reserved += more
    return True
