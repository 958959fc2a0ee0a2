"""Budgets and rates of all workers on this machine: reserved before a request is dispatched, settled after.

It knows scopes and numbers; who is behind a scope and what a request costs is decided elsewhere. It exists so that N
callers in many processes never pass a hard budget, with no database query on the way.

What holds at every moment, a `kill -9` between any two stores included: for each budget, `spent + reserved` is at least
what this period's requests have cost and may yet cost, and a request is let through only while that sum, the request
included, is within the hard limit. So a reservation is entered before it counts as granted (the total, then the worker's
own column), and when it is settled the cost is entered before the reservation is taken back. What a death leaves behind
is counted as spent by `sweep`, since the vendor may bill it: after a crash too much may count as spent, never too little.

A cost counts in the period in which it is settled. A reservation that crosses midnight is held against the new period
from its first moment, so neither period is passed.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, Self

from freehold.errors import InternalError, StoreError
from freehold.store import rates as windows
from freehold.store.folder import WORKERS
from freehold.store.grants import (
    BudgetDenied,
    BudgetRule,
    Charge,
    Grant,
    Held,
    QuotaCharge,
    QuotaDenied,
    QuotaRule,
    RateCheck,
    RateDenied,
    Remaining,
)
from freehold.store.presence import Presence
from freehold.store.scopes import (
    Kind,
    Period,
    QuotaMeasure,
    budget_scope,
    period_of,
    period_start,
    quota_scope,
    rate_scope,
)
from freehold.store.table import AT_GENERATION, BUDGET, KIND, SINCE, SLOTS, Table

WORKER_COLUMNS: Final = 64
SPENT: Final = 4
RESERVED: Final = 5
COLUMNS: Final = 6
"""The words of a budget's slot: spent, reserved by all, then what each worker reserved; up to `table.NAME`."""

MOST_NANO: Final = 10**15
"""A million dollars for one request. Bounds every sum far below 2**63."""

DAY_SECONDS: Final = 86400
CLAIM_SECONDS: Final = 5.0
"""How long a new worker waits for its predecessor's process to be gone."""


class Counters:
    """The shared counters, as one process sees them. Open it once in a process, after the last fork."""

    def __init__(self, table: Table, folder: Path, presence: Presence | None, worker: int | None) -> None:
        self._table = table
        self._words = table.words
        self._folder = folder
        self._presence = presence
        self._column = COLUMNS + (worker or 0)
        self._day = self._month = self._day_end = 0
        self.swept: dict[str, int] = {}

    @classmethod
    def create(cls, path: Path, now: float, slots: int = SLOTS) -> dict[str, int]:
        """Makes the file, or takes over what still counts of an older one: slots used in this month, or with
        money reserved. What dead workers left reserved is swept; gives how much in which scope.

        For the supervisor, before it starts workers. While workers of an earlier supervisor are alive the file stays as
        it is: they must not count in another one than ours.
        """
        held = _claim_all(path.parent / WORKERS)
        try:
            old = Table.open(path)
            if old is not None and held is None:
                old.close()
                return {}
            draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
            table = Table.make(draft, slots)
            if old is not None:
                for body in old.bodies():
                    if _still_counts(body, now):
                        table.adopt(body)
                old.close()
            # Of all numbers: this start may have fewer workers, and no one else would sweep the others'.
            swept = cls(table, path.parent / WORKERS, None, None)._sweep_columns(range(WORKER_COLUMNS))
            table.close()
            draft.replace(path)
            return swept
        finally:
            for presence in held or ():
                presence.release()

    @classmethod
    def open(cls, path: Path, worker: int | None) -> Self:
        """The counters at `path`, as worker number `worker` (0 to 63), or as an onlooker (None) who reserves nothing.

        What a dead predecessor of that number left reserved is swept; `swept` says what. Raises StoreError when the file
        is missing or damaged, or when a worker of that number is still alive after five seconds.
        """
        table = Table.open(path)
        if table is None:
            raise StoreError(f"{path} is missing, damaged or of another version.", "`freehold up` makes it anew.")
        if worker is None:
            return cls(table, path.parent / WORKERS, None, None)
        if not 0 <= worker < WORKER_COLUMNS:
            raise StoreError(f"There is no worker {worker}.", f"At most {WORKER_COLUMNS} workers share one machine.")
        presence = Presence.claim(path.parent / WORKERS, worker, wait=CLAIM_SECONDS)
        if presence is None:
            table.close()
            raise StoreError(
                f"Worker {worker} of this data folder is already running.", "Stop the other Freehold first."
            )
        counters = cls(table, path.parent / WORKERS, presence, worker)
        counters.swept = counters._sweep_columns((worker,))
        return counters

    def close(self) -> None:
        """Lets go of the file. What is still reserved stays so until it is swept."""
        self._table.close()
        if self._presence is not None:
            self._presence.release()

    # --- on the path of a request --------------------------------------------------------------------------------------

    def acquire(
        self,
        budgets: tuple[Charge, ...],
        rates: tuple[RateCheck, ...],
        nano: int,
        tokens: int,
        now: float,
        held: tuple[Held, ...] = (),
    ) -> Grant | BudgetDenied | QuotaDenied | RateDenied:
        """Reserves `nano` in every budget and its amount in every quota, and counts the request and `tokens` in every rate, or
        does nothing at all.

        `now` is in Unix seconds. The first budget, then the first quota, then the first rate that says no is told.
        """
        if self._presence is None or not 0 <= nano <= MOST_NANO or not 0 <= tokens <= MOST_NANO:
            raise InternalError(f"Nothing can reserve {nano} nano-dollars and {tokens} tokens here.")
        words = self._words
        column = self._column
        passed: tuple[int, ...] = ()
        second = int(now)
        with self._table:
            if not self._day <= now < self._day_end:
                self._turn(now)
            for index, charge in enumerate(budgets):
                slot = charge.slot
                start = self._month if charge.per == "month" else self._day
                if words[slot + SINCE] < start:
                    self._roll(slot, start)
                total = words[slot + SPENT] + words[slot + RESERVED] + nano
                if charge.hard is not None and total > charge.hard:
                    return BudgetDenied(index, words[slot + SPENT], words[slot + RESERVED], charge.hard)
                if charge.soft is not None and total > charge.soft:
                    passed += (index,)
            denied = self._check_quotas(held) if held else None
            if denied is None and rates:
                denied = windows.check(words, rates, tokens, now)
            if denied is not None:
                return denied
            for charge in budgets:
                slot = charge.slot
                words[slot + RESERVED] += nano
                words[slot + column] += nano
            for one in held:
                words[one.quota.slot + RESERVED] += one.amount
                words[one.quota.slot + column] += one.amount
            if rates:
                windows.add(words, rates, second, tokens)
        return Grant(budgets, rates, nano, tokens, passed, second, held)

    def _check_quotas(self, held: tuple[Held, ...]) -> QuotaDenied | None:
        """The first quota that has not so much left. Under the lock, in the day around now."""
        words = self._words
        for one in held:
            quota = one.quota
            start = self._month if quota.per == "month" else self._day
            if words[quota.slot + SINCE] < start:
                self._roll(quota.slot, start)
            spent, reserved = words[quota.slot + SPENT], words[quota.slot + RESERVED]
            if spent + reserved + one.amount > quota.most:
                return QuotaDenied(quota, one.amount, spent, reserved)
        return None

    def extend(self, grant: Grant, nano: int, now: float, stakes: Mapping[str, int] | None = None) -> bool:
        """Reserves `nano` more in every budget of the grant (a hedge, another paid attempt), and in the quotas that are of
        dollars; False when a hard limit says no. `stakes` are the models that may have answered then: of the quotas, theirs alone
        are brought up to so many nano-dollars. A quota of which nothing more is asked says nothing, though a bill may have passed it."""
        if grant.settled or not 0 <= nano <= MOST_NANO:
            raise InternalError(f"This reservation cannot be extended by {nano} nano-dollars.")
        words = self._words
        with self._table:
            self._roll_all(grant.charges, now)
            for charge in grant.charges:
                total = words[charge.slot + SPENT] + words[charge.slot + RESERVED] + nano
                if charge.hard is not None and total > charge.hard:
                    return False
            dear = [(one, _short(one, nano, stakes)) for one in grant.held if one.quota.measure == "cost"]
            if dear and self._check_quotas(tuple(Held(one.quota, more) for one, more in dear if more)) is not None:
                return False
            for charge in grant.charges:
                words[charge.slot + RESERVED] += nano
                words[charge.slot + self._column] += nano
            for one, more in dear:
                words[one.quota.slot + RESERVED] += more
                words[one.quota.slot + self._column] += more
                one.amount += more
            grant.nano += nano
        return True

    def settle(self, grant: Grant, nano: int, tokens: int, now: float) -> int:
        """Enters what was really spent, takes the reservation back and corrects the tokens in the rates.

        Gives by how much the cost was above the reservation, in nano-dollars: 0 unless a vendor billed more than the
        worst case. Only then can a hard budget be passed, and the caller should say so in its log. A cost above MOST_NANO
        is a broken count and no bill; that much of it is entered.
        """
        return self.settle_all([(grant, nano, tokens)], now)[0]

    def settle_all(self, due: Sequence[tuple[Grant, int, int]], now: float) -> list[int]:
        """Settles several reservations under one lock: for each, the grant and what was spent, in nano-dollars and tokens.
        Gives for each what `settle` gives."""
        for grant, nano, tokens in due:
            if grant.settled or nano < 0 or tokens < 0:
                raise InternalError(
                    f"A reservation is settled once, with what was spent: not {nano} nano-dollars again."
                )
            grant.settled = True
        with self._table:
            if not self._day <= now < self._day_end:
                self._turn(now)
            for grant, nano, tokens in due:
                self._settle(grant, min(nano, MOST_NANO), min(tokens, MOST_NANO), now)
        return [max(0, nano - grant.nano) for grant, nano, _ in due]

    def _settle(self, grant: Grant, billed: int, used: int, now: float) -> None:
        words = self._words
        column = self._column
        reserved = grant.nano
        for charge in grant.charges:
            slot = charge.slot
            start = self._month if charge.per == "month" else self._day
            if words[slot + SINCE] < start:
                self._roll(slot, start)
            words[slot + SPENT] += billed
            words[slot + column] -= reserved
            words[slot + RESERVED] -= reserved
        if grant.held:
            self._settle_quotas(grant, billed, used)
        if grant.rates and used != grant.tokens:
            windows.correct(words, grant.rates, grant.second, used - grant.tokens, now)

    def _settle_quotas(self, grant: Grant, billed: int, used: int) -> None:
        words = self._words
        amounts = {"tokens": used, "requests": int(grant.answered), "cost": billed}
        for one in grant.held:
            quota = one.quota
            start = self._month if quota.per == "month" else self._day
            if words[quota.slot + SINCE] < start:
                self._roll(quota.slot, start)
            if quota.model == grant.model:
                words[quota.slot + SPENT] += amounts[quota.measure]
            words[quota.slot + self._column] -= one.amount
            words[quota.slot + RESERVED] -= one.amount

    def generation(self) -> int:
        """A number that changes whenever keys have changed. One read, without the lock."""
        return self._words[AT_GENERATION]

    # --- beside the path of a request ------------------------------------------------------------------------------------

    def bump(self) -> int:
        """Tells every worker that keys have changed; gives the new generation."""
        with self._table:
            self._words[AT_GENERATION] += 1
            return self._words[AT_GENERATION]

    def slot(self, scope: str) -> int:
        """The slot of a scope, made when it is new. Good for as long as these counters are open."""
        return self._table.slot(scope)

    def charges(self, kind: Kind, name: str, budgets: Iterable[BudgetRule]) -> tuple[Charge, ...]:
        """The charges for the budgets of one key, project or workload: one for each period, with its lowest limits."""
        limits: dict[Period, dict[bool, int]] = {}
        for budget in budgets:
            of_period = limits.setdefault(budget.per, {})
            of_period[budget.hard] = min(budget.nano, of_period.get(budget.hard, budget.nano))
        return tuple(
            Charge(self.slot(budget_scope(kind, name, per)), per, of_period.get(True), of_period.get(False))
            for per, of_period in limits.items()
        )

    def quotas(self, project: str, model: str, rule: QuotaRule) -> list[QuotaCharge]:
        """What a quota of a project for one model bounds: one for each measure."""
        measures: tuple[tuple[QuotaMeasure, int | None], ...] = (
            ("tokens", rule.tokens),
            ("requests", rule.requests),
            ("cost", rule.nano),
        )
        return [
            QuotaCharge(self.slot(quota_scope(measure, project, model, rule.per)), rule.per, most, measure, model)
            for measure, most in measures
            if most is not None
        ]

    def rate(self, kind: Kind, name: str, requests_per_minute: int | None, tokens_per_minute: int | None) -> RateCheck:
        """The check of one key's, project's or workload's rates."""
        return RateCheck(self.slot(rate_scope(kind, name)), requests_per_minute, tokens_per_minute)

    def remaining(self, charge: Charge, now: float) -> Remaining:
        """How a budget stands at `now`."""
        with self._table:
            self._roll_all((charge,), now)
            spent, reserved = self._words[charge.slot + SPENT], self._words[charge.slot + RESERVED]
        return Remaining(spent, reserved, None if charge.hard is None else max(0, charge.hard - spent - reserved))

    def rebuild(self, spent: Mapping[str, int], now: float) -> None:
        """Brings budgets up to what the records say: `spent` maps scopes to nano-dollars in the period around `now`.

        What stands there already is kept where it is more: it may hold what was swept. May be called at any time.
        """
        for scope, nano in spent.items():
            per = period_of(scope)
            if per is None:
                raise InternalError(f"{scope} is a rate; only budgets are rebuilt.")
            slot = self.slot(scope)
            start = period_start(per, now)
            words = self._words
            with self._table:
                ahead = words[slot + SINCE] > now
                if ahead and words[slot + SINCE] < now + DAY_SECONDS:
                    continue  # The period has turned since `spent` was read.
                if ahead or words[slot + SINCE] < start:  # Far ahead: the clock was wrong then.
                    self._roll(slot, start)
                words[slot + SPENT] = max(words[slot + SPENT], nano)

    def sweep(self, worker: int) -> dict[str, int]:
        """Counts as spent what a dead worker left reserved; gives how much in which scope, in nano-dollars.

        The vendor may bill those requests, so a hard budget treats them as billed. Does nothing while a worker of that
        number is alive. Swept twice, the second time finds nothing; a death in the midst may count one slot twice.
        """
        presence = Presence.claim(self._folder, worker)
        if presence is None:
            return {}
        with presence:
            return self._sweep_columns((worker,))

    def _sweep_columns(self, workers: Iterable[int]) -> dict[str, int]:
        words = self._words
        swept: dict[str, int] = {}
        for slot in self._table.budgets():
            left = 0
            with self._table:
                for column in (slot + COLUMNS + worker for worker in workers):
                    if words[column]:
                        left += words[column]
                        words[slot + SPENT] += words[column]
                        words[column] = 0
                # Heals a total that a death left too high: no one else is between two stores while the lock is ours.
                words[slot + RESERVED] = sum(words[slot + COLUMNS : slot + COLUMNS + WORKER_COLUMNS])
            if left:
                swept[self._table.name(slot)] = left
        return swept

    def _turn(self, now: float) -> None:
        self._day = period_start("day", now)
        self._month = period_start("month", now)
        self._day_end = self._day + DAY_SECONDS

    def _roll_all(self, charges: tuple[Charge, ...], now: float) -> None:
        if not self._day <= now < self._day_end:
            self._turn(now)
        for charge in charges:
            start = self._month if charge.per == "month" else self._day
            if self._words[charge.slot + SINCE] < start:
                self._roll(charge.slot, start)

    def _roll(self, slot: int, start: int) -> None:
        # The period first: a death before the second store leaves the old sum in the new period, never the reverse.
        self._words[slot + SINCE] = start
        self._words[slot + SPENT] = 0


def _short(held: Held, nano: int, stakes: Mapping[str, int] | None) -> int:
    """By how much a quota of dollars must be reserved further."""
    return nano if stakes is None else max(0, stakes.get(held.quota.model, 0) - held.amount)


def _still_counts(body: bytes, now: float) -> bool:
    words = memoryview(body).cast("q")
    this_month = period_start("month", now) <= words[SINCE] <= now
    return this_month or (words[KIND] == BUDGET and words[RESERVED] > 0)


def _claim_all(folder: Path) -> list[Presence] | None:
    """Every worker number that was ever used, or None when one of them is alive."""
    held: list[Presence] = []
    for path in sorted(folder.glob("w*.lock")) if folder.is_dir() else ():
        presence = Presence.claim(folder, int(path.stem[1:]))
        if presence is None:
            for other in held:
                other.release()
            return None
        held.append(presence)
    return held
