"""Budgets of many processes: a hard one is never passed, whoever dies when; and what a death leaves behind is counted."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any, Final, cast

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from freehold.config.customers import Quota
from freehold.errors import InternalError, StoreError
from freehold.store import counters as module
from freehold.store.callers import KeyBudget
from freehold.store.counters import MOST_NANO, Counters
from freehold.store.folder import COUNTERS, WORKERS
from freehold.store.grants import BudgetDenied, Charge, Grant, Held, QuotaCharge, QuotaDenied, RateDenied, Remaining
from freehold.store.presence import Presence
from freehold.store.scopes import Kind, QuotaMeasure
from freehold.store.table import Table
from store.processes import (
    ALL_LIMIT,
    DAY_LIMIT,
    FOREVER,
    HALF_LIMIT,
    MOST_COST,
    QUOTA,
    count_fast,
    first_line,
    reserve_and_wait,
    shared_budgets,
    shared_quota,
    spend,
    start,
    tell_generations,
    use_up,
)
from store.samples import DAY, NOON, SLOTS, at

MIDNIGHT = at("2026-11-25T00:00:00")


@pytest.fixture
def path(data: Path) -> Path:
    """The counters of a new data folder."""
    data.mkdir()
    Counters.create(data / COUNTERS, NOON, SLOTS)
    return data / COUNTERS


@pytest.fixture
def counters(path: Path) -> Iterator[Counters]:
    """Worker 0's counters."""
    with contextlib.closing(Counters.open(path, 0)) as opened:
        yield opened


def hard(counters: Counters, nano: int, *, name: str = "k", per: Any = "day", kind: Kind = "key") -> tuple[Charge, ...]:
    return counters.charges(kind, name, (KeyBudget(nano, per),))


def quota_of(counters: Counters, measure: QuotaMeasure, most: int, *, model: str = "own/a") -> QuotaCharge:
    """One measure of a day's quota of the project `shop`."""
    name = "nano" if measure == "cost" else measure
    (quota,) = counters.quotas("shop", model, Quota(**{name: most}, per="day"))
    return quota


def granted(outcome: object) -> Grant:
    assert isinstance(outcome, Grant)
    return outcome


# --- one hard budget, many processes ---


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_many_processes_never_pass_a_hard_budget_even_when_some_are_killed(path: Path, seed: int) -> None:
    random = Random(seed)
    workers, kills = 5, 4
    observer = Counters.open(path, None)
    budgets = (*shared_budgets(observer, 0), shared_budgets(observer, 1)[1])
    limits = (ALL_LIMIT, HALF_LIMIT, DAY_LIMIT, HALF_LIMIT)

    def observe() -> None:
        for charge, limit in zip(budgets, limits, strict=True):
            now = observer.remaining(charge, NOON)
            assert now.spent >= 0
            assert now.reserved >= 0
            assert now.spent + now.reserved <= limit

    with contextlib.ExitStack() as running:

        def begin(worker: int, number: int, operations: int) -> Any:
            return running.enter_context(start(spend, path.parent, worker, seed * 100 + number, operations))

        # The last two worker numbers die and come back; the others work their way to the end.
        living = [begin(worker, worker, 6000) for worker in range(workers - 2)]
        for kill in range(kills):
            worker = workers - 2 + kill % 2
            doomed = begin(worker, workers + kill, FOREVER)
            ledger = path.parent / f"ledger-{worker}-{seed * 100 + workers + kill}"
            while not ledger.exists():
                assert doomed.poll() is None
                observe()
            for _ in range(random.randrange(50, 1000)):
                observe()
            doomed.kill()
            doomed.wait()
            observer.sweep(worker)
            observe()
        while any(process.poll() is None for process in living):
            observe()
        assert [process.returncode for process in living] == [0] * (workers - 2)
    observe()

    billed = sum(_billed(ledger) for ledger in path.parent.glob("ledger-*"))
    month, half, day, other_half = (observer.remaining(charge, NOON) for charge in budgets)
    assert [budget.reserved for budget in (month, half, day, other_half)] == [0, 0, 0, 0]
    # A death between a reservation and its line in the ledger, or within a settlement, counts too much, never too little.
    assert billed <= month.spent <= billed + kills * 2 * MOST_COST
    assert half.spent + other_half.spent >= billed
    assert min(budget.left or 0 for budget in (month, half, day, other_half)) < 20 * MOST_COST, "a limit was reached"
    observer.close()

    # And nothing was lost on the way: what is left can be spent to the last nano-dollar.
    with contextlib.closing(Counters.open(path, workers)) as counters:
        granted(counters.acquire(budgets[:1], (), ALL_LIMIT - month.spent, 0, NOON))
        assert isinstance(counters.acquire(budgets[:1], (), 1, 0, NOON), BudgetDenied)


def _billed(ledger: Path) -> int:
    """What the vendor billed for one process: the cost where it is known, else the most that it may be."""
    running: dict[str, int] = {}
    billed = 0
    for line in ledger.read_text().splitlines():
        sign, number, nano = line.split()
        if sign == "+":
            running[number] = running.get(number, 0) + int(nano)
        else:
            assert int(nano) <= running.pop(number)
            billed += int(nano)
    return billed + sum(running.values())


def test_what_processes_count_at_the_same_moment_is_counted_exactly(path: Path) -> None:
    with contextlib.ExitStack() as running:
        children = [running.enter_context(start(count_fast, path.parent, worker, 15_000)) for worker in range(3)]
        spent = sum(int(first_line(child)) for child in children)
    with contextlib.closing(Counters.open(path, None)) as counters:
        left = counters.remaining(shared_budgets(counters, 0)[0], NOON)
    assert (left.spent, left.reserved) == (spent, 0)
    assert spent == 45_000


def test_a_killed_worker_is_swept_once_and_its_successor_begins_with_nothing_reserved(path: Path) -> None:
    with (
        contextlib.closing(Counters.open(path, None)) as supervisor,
        start(reserve_and_wait, path.parent, 3, 700) as child,
    ):
        [charge, *_] = shared_budgets(supervisor, 3)
        assert first_line(child) == "reserved"
        assert supervisor.sweep(3) == {}, "a living worker is never swept"
        child.kill()
        child.wait()
        assert supervisor.remaining(charge, NOON) == Remaining(spent=0, reserved=700, left=ALL_LIMIT - 700)
        assert supervisor.sweep(3) == {"workload:all:month": 700}
        assert supervisor.sweep(3) == {}
        assert supervisor.remaining(charge, NOON) == Remaining(spent=700, reserved=0, left=ALL_LIMIT - 700)
    with contextlib.closing(Counters.open(path, 3)) as successor:
        assert successor.swept == {}


def test_a_worker_that_starts_sweeps_its_dead_predecessor_itself(path: Path) -> None:
    with start(reserve_and_wait, path.parent, 3, 700) as child:
        first_line(child)
        child.kill()
    with contextlib.closing(Counters.open(path, 3)) as successor:
        assert successor.swept == {"workload:all:month": 700}
        assert successor.remaining(shared_budgets(successor, 3)[0], NOON).spent == 700


def test_workers_that_die_at_once_are_swept_at_once_by_threads_of_the_supervisor(path: Path) -> None:
    names = [f"k{number}" for number in range(20)]
    for worker in range(4):
        with contextlib.closing(Counters.open(path, worker)) as counters:
            for name in names:
                granted(counters.acquire(hard(counters, 1000, name=name), (), 10, 0, NOON))

    def sweep(worker: int) -> dict[str, int]:
        with contextlib.closing(Counters.open(path, None)) as counters:
            return counters.sweep(worker)

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(sweep, range(4))) == [{f"key:{name}:day": 10 for name in names}] * 4
    with contextlib.closing(Counters.open(path, None)) as counters:
        for name in names:
            [charge] = hard(counters, 1000, name=name)
            assert counters.remaining(charge, NOON) == Remaining(spent=40, reserved=0, left=960)


def test_a_new_generation_is_seen_by_a_running_process(path: Path) -> None:
    with contextlib.closing(Counters.open(path, None)) as counters, start(tell_generations, path.parent) as child:
        assert first_line(child) == "0"
        assert counters.bump() == 1
        assert first_line(child) == "1"


# --- a death between any two stores ---


class Death(BaseException):
    """The process is killed."""


class Dying:
    """The words of a table, in a process that dies before its store number `stores`."""

    def __init__(self, words: "memoryview[int]", stores: int) -> None:
        self._words: Any = words
        self._left = stores

    def __getitem__(self, place: Any) -> Any:
        return self._words[place]

    def __setitem__(self, place: Any, value: Any) -> None:
        if not self._left:
            raise Death
        self._left -= 1
        self._words[place] = value

    def release(self) -> None:
        self._words.release()


Deed = Callable[[Counters, tuple[Charge, ...], Grant], object]

DEEDS: dict[str, tuple[Deed, float, int, int]] = {
    # What is done while 10 are reserved by another worker, 20 spent and 30 reserved by this one; when; and the least and
    # the most that may count as spent once this one is swept.
    "a reservation": (lambda counters, budgets, _: counters.acquire(budgets, (), 15, 0, NOON), NOON, 50, 65),
    "an extension": (lambda counters, _, grant: counters.extend(grant, 15, NOON), NOON, 50, 65),
    "a settlement": (lambda counters, _, grant: counters.settle(grant, 25, 0, NOON), NOON, 45, 75),
    "a reservation in a new day": (
        lambda counters, budgets, _: counters.acquire(budgets, (), 15, 0, MIDNIGHT),
        MIDNIGHT,
        30,
        65,
    ),
    "a settlement in a new day": (
        lambda counters, _, grant: counters.settle(grant, 25, 0, MIDNIGHT),
        MIDNIGHT,
        25,
        75,
    ),
    "a look in a new day": (lambda counters, budgets, _: counters.remaining(budgets[0], MIDNIGHT), MIDNIGHT, 30, 50),
}


@pytest.mark.parametrize("what", DEEDS)
def test_a_death_between_any_two_stores_counts_too_much_rather_than_too_little(path: Path, what: str) -> None:
    deed, now, least, most = DEEDS[what]
    stores, died = 0, True
    while died:
        path.unlink()
        Counters.create(path, NOON, SLOTS)
        with contextlib.closing(Counters.open(path, 1)) as other:
            budgets = hard(other, 100)
            granted(other.acquire(budgets, (), 10, 0, NOON))
            died = _die_in(path, stores, lambda counters, grant: deed(counters, hard(counters, 100), grant))
            left = other.remaining(budgets[0], now)
            held = left.spent + left.reserved
            assert held >= least + 10
            other.sweep(0)
            left = other.remaining(budgets[0], now)
            assert left.reserved == 10
            assert least <= left.spent <= most
            assert left.spent + left.reserved <= held, "others may have been granted all that was not held"
        stores += 1
    assert stores >= 3, "it stored at least twice"


def _die_in(path: Path, stores: int, deed: Callable[[Counters, Grant], object]) -> bool:
    """Does `deed` as worker 0, with 20 spent and 30 reserved, and dies before its store number `stores`; False when there
    was no such store."""
    with contextlib.closing(Counters.open(path, 0)) as counters:
        budgets = hard(counters, 100)
        counters.settle(granted(counters.acquire(budgets, (), 20, 0, NOON)), 20, 0, NOON)
        grant = granted(counters.acquire(budgets, (), 30, 0, NOON))
    table = Table.open(path)
    assert table is not None
    table.words = cast("memoryview[int]", Dying(table.words, stores))
    # Not by `open`, which would sweep what is reserved.
    counters = Counters(table, path.parent / WORKERS, Presence.claim(path.parent / WORKERS, 0), 0)
    try:
        deed(counters, grant)
    except Death:
        return True
    finally:
        counters.close()
    return False


def test_a_death_at_midnight_does_not_open_the_old_day_again(path: Path) -> None:
    with contextlib.closing(Counters.open(path, 1)) as other:
        budgets = hard(other, 60)
        assert _die_in(path, 1, lambda counters, _: counters.remaining(budgets[0], MIDNIGHT))
        assert isinstance(other.acquire(budgets, (), 11, 0, MIDNIGHT - 1), BudgetDenied)


def test_a_death_while_sweeping_counts_too_much_rather_than_too_little(path: Path) -> None:
    outcomes: list[int] = []
    died = True
    while died:
        path.unlink()
        Counters.create(path, NOON, SLOTS)
        with contextlib.closing(Counters.open(path, 0)) as dead:
            budgets = hard(dead, 100)
            granted(dead.acquire(budgets, (), 30, 0, NOON))
        died = _die_while_sweeping(path, len(outcomes))
        with contextlib.closing(Counters.open(path, None)) as counters:
            counters.sweep(0)
            left = counters.remaining(budgets[0], NOON)
            assert left.reserved == 0
            outcomes.append(left.spent)
    # Between the first store and the second the reservation is in both places, and is counted twice.
    assert outcomes == [30, 60, 30, 30]


def _die_while_sweeping(path: Path, stores: int) -> bool:
    table = Table.open(path)
    assert table is not None
    table.words = cast("memoryview[int]", Dying(table.words, stores))
    counters = Counters(table, path.parent / WORKERS, None, None)
    try:
        counters.sweep(0)
    except Death:
        return True
    finally:
        counters.close()
    return False


# --- one process, against a model of integers ---


class Budgets(RuleBasedStateMachine):
    """Two workers, four budgets and a calendar, beside the same in plain integers."""

    LIMITS = (("key", "a", "day", 50, None), ("key", "a", "month", 120, 60), ("project", "p", "day", None, 40))

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / COUNTERS
        # Three days from the end of a month, so that both periods turn.
        self.now = at("2026-11-28T12:00:00")
        Counters.create(self.path, self.now, SLOTS)
        self.workers = [Counters.open(self.path, 0), Counters.open(self.path, 1)]
        self.charges = tuple(
            Charge(self.workers[0].slot(f"{kind}:{name}:{per}"), cast(Any, per), most, soft)
            for kind, name, per, most, soft in self.LIMITS
        )
        self.spent = [0, 0, 0]
        self.grants: list[tuple[int, Grant, tuple[int, ...], int]] = []
        self.passed_by_a_bill = False

    def reserved(self, budget: int) -> int:
        return sum(nano for _, _, budgets, nano in self.grants if budget in budgets)

    def fits(self, budget: int, nano: int) -> bool:
        most = self.LIMITS[budget][3]
        return most is None or self.spent[budget] + self.reserved(budget) + nano <= most

    @rule(worker=st.integers(0, 1), budgets=st.sets(st.integers(0, 2), min_size=1), nano=st.integers(0, 60))
    def reserve(self, worker: int, budgets: set[int], nano: int) -> None:
        chosen = tuple(sorted(budgets))
        outcome = self.workers[worker].acquire(tuple(self.charges[at] for at in chosen), (), nano, 0, self.now)
        full = [index for index, budget in enumerate(chosen) if not self.fits(budget, nano)]
        if full:
            budget = chosen[full[0]]
            limit = self.LIMITS[budget][3]
            assert outcome == BudgetDenied(full[0], self.spent[budget], self.reserved(budget), limit or 0)
            return
        grant = granted(outcome)
        soft = [self.LIMITS[budget][4] for budget in chosen]
        assert grant.passed == tuple(
            index
            for index, budget in enumerate(chosen)
            if (limit := soft[index]) is not None and self.spent[budget] + self.reserved(budget) + nano > limit
        )
        self.grants.append((worker, grant, chosen, nano))

    @precondition(lambda self: self.grants)
    @rule(which=st.integers(0, 99), more=st.integers(0, 40))
    def extend(self, which: int, more: int) -> None:
        place = which % len(self.grants)
        worker, grant, budgets, nano = self.grants[place]
        fits = all(self.fits(budget, more) for budget in budgets)
        assert self.workers[worker].extend(grant, more, self.now) is fits
        if fits:
            self.grants[place] = (worker, grant, budgets, nano + more)

    @precondition(lambda self: self.grants)
    @rule(which=st.integers(0, 99), share=st.sampled_from([0.0, 0.0, 0.3, 0.9, 1.0, 1.0, 1.5]))
    def settle(self, which: int, share: float) -> None:
        worker, grant, budgets, nano = self.grants.pop(which % len(self.grants))
        cost = int(nano * share)
        over = max(0, cost - nano)
        assert self.workers[worker].settle(grant, cost, 0, self.now) == over
        self.passed_by_a_bill = self.passed_by_a_bill or over > 0
        for budget in budgets:
            self.spent[budget] += cost

    @rule(worker=st.integers(0, 1))
    def die_and_come_back(self, worker: int) -> None:
        self.workers[worker].close()
        left = [0, 0, 0]
        for owner, _, budgets, nano in self.grants:
            for budget in budgets:
                left[budget] += nano if owner == worker else 0
        self.grants = [kept for kept in self.grants if kept[0] != worker]
        self.workers[worker] = Counters.open(self.path, worker)
        names = [f"{kind}:{name}:{per}" for kind, name, per, _, _ in self.LIMITS]
        assert self.workers[worker].swept == {name: nano for name, nano in zip(names, left, strict=True) if nano}
        self.spent = [spent + nano for spent, nano in zip(self.spent, left, strict=True)]

    @rule(hours=st.sampled_from([1, 13, 24]))
    def wait(self, hours: int) -> None:
        before, self.now = self.now, self.now + hours * 3600
        turned = {"day": self.now // DAY > before // DAY, "month": before < at("2026-12-01T00:00:00") <= self.now}
        self.spent = [
            0 if turned[per] else spent for spent, (_, _, per, _, _) in zip(self.spent, self.LIMITS, strict=True)
        ]

    @invariant()
    def stands_as_in_the_model(self) -> None:
        for budget, charge in enumerate(self.charges):
            found = self.workers[0].remaining(charge, self.now)
            assert (found.spent, found.reserved) == (self.spent[budget], self.reserved(budget))
            if charge.hard is not None and not self.passed_by_a_bill:
                assert found.spent + found.reserved <= charge.hard

    def teardown(self) -> None:
        for worker in self.workers:
            worker.close()
        self.folder.cleanup()


class TestBudgetsInOneProcess(Budgets.TestCase):  # type: ignore[misc]
    """Hypothesis looks for a course of events in which the counters and the model differ."""

    settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


# --- quotas of single models ---


class Quotas(RuleBasedStateMachine):
    """A day's quotas of two models, in all three measures, beside the same in plain integers."""

    MOST: Final[dict[tuple[QuotaMeasure, str], int]] = {
        ("tokens", "own/a"): 100,
        ("requests", "own/a"): 6,
        ("cost", "own/a"): 90,
        ("tokens", "own/b"): 60,
    }

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name) / COUNTERS
        Counters.create(path, NOON, SLOTS)
        self.counters = Counters.open(path, 0)
        self.quotas = {
            place: quota_of(self.counters, place[0], most, model=place[1]) for place, most in self.MOST.items()
        }
        self.used = dict.fromkeys(self.MOST, 0)
        self.running: list[tuple[Grant, dict[tuple[QuotaMeasure, str], int]]] = []
        self.passed_by_a_bill = False

    def reserved(self, place: tuple[QuotaMeasure, str]) -> int:
        return sum(amounts.get(place, 0) for _, amounts in self.running)

    def full(self, amounts: dict[tuple[QuotaMeasure, str], int]) -> list[tuple[QuotaMeasure, str]]:
        return [p for p, amount in amounts.items() if self.used[p] + self.reserved(p) + amount > self.MOST[p]]

    @rule(models=st.sets(st.sampled_from(["own/a", "own/b"]), min_size=1), tokens=st.integers(0, 40))
    def reserve(self, models: set[str], tokens: int) -> None:
        sizes: dict[QuotaMeasure, int] = {"tokens": tokens, "requests": 1, "cost": tokens // 2}
        amounts = {place: sizes[place[0]] for place in self.MOST if place[1] in models}
        held = tuple(Held(self.quotas[place], amount) for place, amount in amounts.items())
        outcome = self.counters.acquire((), (), 0, 0, NOON, held)
        if full := self.full(amounts):
            place = full[0]
            denied = QuotaDenied(self.quotas[place], amounts[place], self.used[place], self.reserved(place))
            assert outcome == denied
        else:
            self.running.append((granted(outcome), amounts))

    @precondition(lambda self: self.running)
    @rule(which=st.integers(0, 99), nano=st.integers(0, 20))
    def extend(self, which: int, nano: int) -> None:
        grant, amounts = self.running[which % len(self.running)]
        more = {place: nano for place in amounts if place[0] == "cost"}
        fits = nano == 0 or not self.full(more)  # what asks for nothing more is not held against what a bill has passed
        assert self.counters.extend(grant, nano, NOON) is fits
        if fits:
            amounts.update({place: amounts[place] + nano for place in more})

    @precondition(lambda self: self.running)
    @rule(
        which=st.integers(0, 99),
        model=st.sampled_from(["own/a", "own/b", ""]),
        share=st.sampled_from([0.0, 0.5, 1.0, 1.5]),
        answered=st.booleans(),
    )
    def settle(self, which: int, model: str, share: float, answered: bool) -> None:
        grant, amounts = self.running.pop(which % len(self.running))
        tokens = int(amounts.get(("tokens", model), 0) * share)
        nano = int(amounts.get(("cost", model), 0) * share)
        grant.model, grant.answered = model, answered
        self.counters.settle(grant, nano, tokens, NOON)
        used: dict[QuotaMeasure, int] = {"tokens": tokens, "requests": int(answered), "cost": nano}
        for place in amounts:
            if place[1] == model:
                self.used[place] += used[place[0]]
        self.passed_by_a_bill = self.passed_by_a_bill or share > 1

    @invariant()
    def stands_as_in_the_model(self) -> None:
        for place, quota in self.quotas.items():
            found = self.counters.remaining(Charge(quota.slot, quota.per, quota.most), NOON)
            assert (found.spent, found.reserved) == (self.used[place], self.reserved(place))
            assert self.passed_by_a_bill or found.spent + found.reserved <= quota.most

    def teardown(self) -> None:
        self.counters.close()
        self.folder.cleanup()


class TestQuotasInOneProcess(Quotas.TestCase):  # type: ignore[misc]
    """Hypothesis looks for a course of events in which the quotas and the model differ."""

    settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_many_processes_use_a_quota_up_to_its_last_token_and_never_pass_it(path: Path) -> None:
    with contextlib.ExitStack() as running, contextlib.closing(Counters.open(path, None)) as observer:
        quota = shared_quota(observer)
        charge = Charge(quota.slot, quota.per, quota.most)
        processes = [running.enter_context(start(use_up, path.parent, worker, worker)) for worker in range(4)]
        while any(process.poll() is None for process in processes):
            now = observer.remaining(charge, NOON)
            assert now.spent + now.reserved <= QUOTA
        used = sum(int(first_line(process)) for process in processes)
        assert observer.remaining(charge, NOON) == Remaining(spent=used, reserved=0, left=QUOTA - used)
        assert QUOTA - used < 5 * 4 * 40, "each stopped when the others held what was left"
    with contextlib.closing(Counters.open(path, 5)) as last:
        granted(last.acquire((), (), 0, 0, NOON, (Held(quota, QUOTA - used),)))
        assert isinstance(last.acquire((), (), 0, 0, NOON, (Held(quota, 1),)), QuotaDenied)


def test_a_quota_that_says_no_leaves_budgets_and_rates_untouched(counters: Counters) -> None:
    budgets, rate = hard(counters, 100), counters.rate("key", "k", 1, None)
    quota = quota_of(counters, "tokens", 10)
    denied = counters.acquire(budgets, (rate,), 5, 11, NOON, (Held(quota, 11),))
    assert denied == QuotaDenied(quota, amount=11, spent=0, reserved=0)
    assert counters.remaining(budgets[0], NOON).reserved == 0
    granted(counters.acquire(budgets, (rate,), 5, 10, NOON, (Held(quota, 10),)))


def test_a_quota_begins_anew_with_its_period_and_holds_what_crosses_midnight(counters: Counters) -> None:
    quota = quota_of(counters, "tokens", 10)
    spent = granted(counters.acquire((), (), 0, 0, MIDNIGHT - 5, (Held(quota, 10),)))
    spent.model = "own/a"
    counters.settle(spent, 0, 10, MIDNIGHT - 4)
    assert isinstance(counters.acquire((), (), 0, 0, MIDNIGHT - 3, (Held(quota, 1),)), QuotaDenied)
    crossing = granted(counters.acquire((), (), 0, 0, MIDNIGHT, (Held(quota, 4),)))
    assert counters.acquire((), (), 0, 0, MIDNIGHT, (Held(quota, 7),)) == QuotaDenied(quota, 7, 0, 4)
    crossing.model = "own/a"
    counters.settle(crossing, 0, 3, MIDNIGHT + DAY)
    assert counters.remaining(Charge(quota.slot, "day", 10), MIDNIGHT + DAY) == Remaining(spent=3, reserved=0, left=7)


def test_what_a_dead_worker_held_of_a_quota_counts_as_used(path: Path) -> None:
    dead = Counters.open(path, 0)
    quota = quota_of(dead, "tokens", 10)
    granted(dead.acquire((), (), 0, 0, NOON, (Held(quota, 6),)))
    dead.close()
    with contextlib.closing(Counters.open(path, 0)) as successor:
        assert successor.swept == {"tokens:own/a shop:day": 6}
        assert successor.acquire((), (), 0, 0, NOON, (Held(quota, 5),)) == QuotaDenied(quota, 5, 6, 0)


# --- what one process is told ---


def test_a_hard_budget_is_granted_to_the_last_nano_dollar_and_not_one_more(counters: Counters) -> None:
    budgets = hard(counters, 100)
    granted(counters.acquire(budgets, (), 60, 0, NOON))
    granted(counters.acquire(budgets, (), 40, 0, NOON))
    assert counters.acquire(budgets, (), 1, 0, NOON) == BudgetDenied(index=0, spent=0, reserved=100, limit=100)
    granted(counters.acquire(budgets, (), 0, 0, NOON))


def test_one_budget_that_says_no_leaves_the_others_and_the_rates_untouched(counters: Counters) -> None:
    budgets = (*hard(counters, 100, name="wide"), *hard(counters, 10, name="narrow"))
    rate = counters.rate("key", "wide", 1, None)
    assert counters.acquire(budgets, (rate,), 11, 0, NOON) == BudgetDenied(index=1, spent=0, reserved=0, limit=10)
    assert counters.remaining(budgets[0], NOON) == Remaining(spent=0, reserved=0, left=100)
    granted(counters.acquire(budgets, (rate,), 10, 0, NOON))


def test_a_rate_that_says_no_reserves_nothing(counters: Counters) -> None:
    budgets = hard(counters, 100)
    rate = counters.rate("key", "k", 1, None)
    granted(counters.acquire(budgets, (rate,), 10, 0, NOON))
    denied = counters.acquire(budgets, (rate,), 10, 0, NOON)
    assert denied == RateDenied(index=0, retry_after=61.0, measure="requests", limit=1)
    assert counters.remaining(budgets[0], NOON).reserved == 10


def test_settling_corrects_the_tokens_that_the_rates_counted(counters: Counters) -> None:
    rate = counters.rate("key", "k", None, 100)
    grant = granted(counters.acquire((), (rate,), 0, 90, NOON))
    assert isinstance(counters.acquire((), (rate,), 0, 80, NOON), RateDenied)
    counters.settle(grant, 0, 20, NOON + 1)
    granted(counters.acquire((), (rate,), 0, 80, NOON + 1))
    assert isinstance(counters.acquire((), (rate,), 0, 1, NOON + 1), RateDenied)


def test_a_soft_budget_lets_everything_through_and_says_that_it_is_passed(counters: Counters) -> None:
    budgets = counters.charges("key", "k", (KeyBudget(100, "day", hard=False),))
    assert granted(counters.acquire(budgets, (), 100, 0, NOON)).passed == ()
    assert granted(counters.acquire(budgets, (), 1, 0, NOON)).passed == (0,)
    assert counters.remaining(budgets[0], NOON) == Remaining(spent=0, reserved=101, left=None)


def test_a_soft_limit_below_a_hard_one_warns_before_the_other_refuses(counters: Counters) -> None:
    budgets = counters.charges("key", "k", (KeyBudget(100, "day"), KeyBudget(50, "day", hard=False)))
    assert granted(counters.acquire(budgets, (), 50, 0, NOON)).passed == ()
    assert granted(counters.acquire(budgets, (), 50, 0, NOON)).passed == (0,)
    assert isinstance(counters.acquire(budgets, (), 1, 0, NOON), BudgetDenied)


def test_of_several_budgets_for_one_period_the_lowest_counts(counters: Counters) -> None:
    rules = (
        KeyBudget(300, "month"),
        KeyBudget(70, "day"),
        KeyBudget(50, "day"),
        KeyBudget(40, "day", hard=False),
        KeyBudget(45, "day", hard=False),
    )
    month, day = counters.charges("key", "k", rules)
    assert (month.per, month.hard, month.soft) == ("month", 300, None)
    assert (day.per, day.hard, day.soft) == ("day", 50, 40)
    assert month.slot != day.slot
    assert counters.charges("key", "k", rules) == (month, day)


def test_what_a_settlement_does_not_use_can_be_spent_again(counters: Counters) -> None:
    budgets = hard(counters, 100)
    grant = granted(counters.acquire(budgets, (), 100, 0, NOON))
    assert counters.settle(grant, 30, 0, NOON) == 0
    assert counters.remaining(budgets[0], NOON) == Remaining(spent=30, reserved=0, left=70)
    cancelled = granted(counters.acquire(budgets, (), 70, 0, NOON))
    assert counters.settle(cancelled, 0, 0, NOON) == 0
    assert counters.remaining(budgets[0], NOON) == Remaining(spent=30, reserved=0, left=70)


def test_a_bill_above_the_worst_case_is_counted_whole_and_told(counters: Counters) -> None:
    budgets = hard(counters, 100)
    grant = granted(counters.acquire(budgets, (), 90, 0, NOON))
    assert counters.settle(grant, 130, 0, NOON) == 40
    assert counters.remaining(budgets[0], NOON) == Remaining(spent=130, reserved=0, left=0)


def test_a_bill_that_no_request_can_cost_still_frees_what_was_reserved(counters: Counters) -> None:
    """A vendor that reports 2**53 tokens must neither lock the budget for ever nor be taken for free."""
    budgets = hard(counters, 100)
    rate = counters.rate("key", "k", None, 1000)
    grant = granted(counters.acquire(budgets, (rate,), 90, 10, NOON))
    counters.settle(grant, 2**53 * 30_000, 2**53, NOON)
    left = counters.remaining(budgets[0], NOON)
    assert (left.reserved, left.left) == (0, 0)
    assert left.spent >= MOST_NANO
    assert isinstance(counters.acquire((), (rate,), 0, 1, NOON), RateDenied)


def test_an_extension_is_reserved_in_every_budget_or_in_none(counters: Counters) -> None:
    budgets = (*hard(counters, 100, name="wide"), *hard(counters, 50, name="narrow"))
    grant = granted(counters.acquire(budgets, (), 30, 0, NOON))
    assert not counters.extend(grant, 21, NOON)
    assert [counters.remaining(charge, NOON).reserved for charge in budgets] == [30, 30]
    assert counters.extend(grant, 20, NOON)
    assert [counters.remaining(charge, NOON).reserved for charge in budgets] == [50, 50]
    assert counters.settle(grant, 50, 0, NOON) == 0
    assert [counters.remaining(charge, NOON).spent for charge in budgets] == [50, 50]


def test_a_grant_is_settled_once(counters: Counters) -> None:
    budgets = hard(counters, 100)
    grant = granted(counters.acquire(budgets, (), 30, 0, NOON))
    counters.settle(grant, 30, 0, NOON)
    with pytest.raises(InternalError):
        counters.settle(grant, 30, 0, NOON)
    with pytest.raises(InternalError):
        counters.extend(grant, 1, NOON)
    assert counters.remaining(budgets[0], NOON) == Remaining(spent=30, reserved=0, left=70)


@pytest.mark.parametrize(("nano", "tokens"), [(-1, 0), (0, -1), (MOST_NANO + 1, 0), (0, MOST_NANO + 1)])
def test_what_cannot_be_a_cost_is_a_bug_and_reserves_nothing(counters: Counters, nano: int, tokens: int) -> None:
    budgets = hard(counters, 100)
    with pytest.raises(InternalError):
        counters.acquire(budgets, (), nano, tokens, NOON)
    grant = granted(counters.acquire(budgets, (), 5, 0, NOON))
    with pytest.raises(InternalError):
        counters.settle(grant, min(nano, -1), 0, NOON)
    with pytest.raises(InternalError):
        counters.extend(grant, -1, NOON)
    assert counters.remaining(budgets[0], NOON).reserved == 5


def test_an_onlooker_reserves_nothing(path: Path) -> None:
    with contextlib.closing(Counters.open(path, None)) as onlooker:
        budgets = hard(onlooker, 100)
        with pytest.raises(InternalError):
            onlooker.acquire(budgets, (), 1, 0, NOON)


# --- the calendar ---


@pytest.mark.parametrize(
    ("per", "last", "first"),
    [
        ("day", "2026-11-24T23:59:59.999", "2026-11-25T00:00:00"),
        ("day", "2026-12-31T23:59:59.999", "2027-01-01T00:00:00"),
        ("month", "2026-11-30T23:59:59.999", "2026-12-01T00:00:00"),
        ("month", "2028-02-29T23:59:59.999", "2028-03-01T00:00:00"),
    ],
)
def test_a_budget_begins_anew_with_the_utc_period(counters: Counters, per: str, last: str, first: str) -> None:
    budgets = hard(counters, 100, per=per)
    counters.settle(granted(counters.acquire(budgets, (), 100, 0, at(last))), 100, 0, at(last))
    assert counters.acquire(budgets, (), 1, 0, at(last)) == BudgetDenied(index=0, spent=100, reserved=0, limit=100)
    assert counters.remaining(budgets[0], at(first)) == Remaining(spent=0, reserved=0, left=100)
    granted(counters.acquire(budgets, (), 100, 0, at(first)))


def test_a_monthly_budget_outlives_midnight(counters: Counters) -> None:
    budgets = hard(counters, 100, per="month")
    counters.settle(granted(counters.acquire(budgets, (), 60, 0, NOON)), 60, 0, NOON)
    assert counters.remaining(budgets[0], MIDNIGHT) == Remaining(spent=60, reserved=0, left=40)


def test_a_request_that_crosses_midnight_is_held_against_the_new_day_and_billed_there(counters: Counters) -> None:
    budgets = hard(counters, 100)
    counters.settle(granted(counters.acquire(budgets, (), 50, 0, NOON)), 50, 0, NOON)
    grant = granted(counters.acquire(budgets, (), 40, 0, MIDNIGHT - 1))
    assert counters.remaining(budgets[0], MIDNIGHT) == Remaining(spent=0, reserved=40, left=60)
    assert isinstance(counters.acquire(budgets, (), 61, 0, MIDNIGHT), BudgetDenied)
    counters.settle(grant, 35, 0, MIDNIGHT + 1)
    assert counters.remaining(budgets[0], MIDNIGHT + 1) == Remaining(spent=35, reserved=0, left=65)


def test_a_clock_that_goes_back_over_midnight_does_not_open_yesterday_again(counters: Counters) -> None:
    budgets = hard(counters, 100)
    counters.settle(granted(counters.acquire(budgets, (), 80, 0, MIDNIGHT)), 80, 0, MIDNIGHT)
    assert isinstance(counters.acquire(budgets, (), 21, 0, MIDNIGHT - 1), BudgetDenied)
    assert counters.remaining(budgets[0], MIDNIGHT + 1).spent == 80


# --- the file over restarts ---


def test_a_restart_keeps_what_was_spent_this_month_and_forgets_what_was_idle(path: Path) -> None:
    with contextlib.closing(Counters.open(path, 0)) as counters:
        for name, now in (("now", NOON), ("idle", at("2026-10-31T23:00:00"))):
            budgets = hard(counters, 100, name=name)
            counters.settle(granted(counters.acquire(budgets, (), 60, 0, now)), 60, 0, now)
    Counters.create(path, NOON, SLOTS)
    table = Table.open(path)
    assert table is not None
    assert [table.name(slot) for slot in table.budgets()] == ["key:now:day"]
    table.close()
    with contextlib.closing(Counters.open(path, 0)) as counters:
        assert counters.remaining(hard(counters, 100, name="now")[0], NOON).spent == 60


def test_a_restart_keeps_the_rates(path: Path) -> None:
    with contextlib.closing(Counters.open(path, 0)) as counters:
        granted(counters.acquire((), (counters.rate("key", "k", 1, None),), 0, 0, NOON))
    Counters.create(path, NOON + 1, SLOTS)
    with contextlib.closing(Counters.open(path, 0)) as counters:
        assert isinstance(counters.acquire((), (counters.rate("key", "k", 1, None),), 0, 0, NOON + 1), RateDenied)


def test_a_restart_with_fewer_workers_counts_what_the_others_left_reserved_as_spent(path: Path) -> None:
    """No worker of such a number ever starts again to sweep it: its money would be held back in every period to come."""
    for worker in (0, 7, 63):
        with contextlib.closing(Counters.open(path, worker)) as counters:
            granted(counters.acquire(hard(counters, 100), (), 20, 0, NOON))
    assert Counters.create(path, NOON, SLOTS) == {"key:k:day": 60}
    with contextlib.closing(Counters.open(path, 0)) as counters:
        assert counters.remaining(hard(counters, 100)[0], NOON) == Remaining(spent=60, reserved=0, left=40)
        assert counters.remaining(hard(counters, 100)[0], MIDNIGHT) == Remaining(spent=0, reserved=0, left=100)


def test_counters_stay_as_they_are_while_a_worker_lives(path: Path) -> None:
    with contextlib.closing(Counters.open(path, 2)) as counters:
        before = path.stat().st_ino
        grant = granted(counters.acquire(hard(counters, 100), (), 20, 0, NOON))
        assert Counters.create(path, NOON, SLOTS) == {}
        assert path.stat().st_ino == before
        counters.settle(grant, 20, 0, NOON)
    Counters.create(path, NOON, SLOTS)
    assert path.stat().st_ino != before


def test_damaged_counters_are_made_anew_and_nothing_is_left_beside_them(path: Path) -> None:
    path.write_bytes(b"not counters")
    with pytest.raises(StoreError, match=r"damaged"):
        Counters.open(path, None)
    Counters.create(path, NOON, SLOTS)
    Counters.open(path, None).close()
    assert sorted(entry.name for entry in path.parent.iterdir()) == [COUNTERS]


def test_missing_counters_are_an_error_with_advice(data: Path) -> None:
    with pytest.raises(StoreError) as caught:
        Counters.open(data / COUNTERS, 0)
    assert "`freehold up`" in caught.value.advice


def test_two_workers_cannot_share_a_number(path: Path, counters: Counters, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CLAIM_SECONDS", 0.0)
    with pytest.raises(StoreError, match=r"Worker 0 .* already running"):
        Counters.open(path, 0)
    assert counters.sweep(0) == {}


@pytest.mark.parametrize("worker", [-1, 64])
def test_there_are_sixty_four_workers(path: Path, worker: int) -> None:
    Counters.open(path, 63).close()
    with pytest.raises(StoreError, match=r"There is no worker"):
        Counters.open(path, worker)


# --- rebuilding ---


def test_rebuilding_raises_a_budget_to_what_the_records_say_and_never_lowers_it(counters: Counters) -> None:
    day, month = hard(counters, 100)[0], hard(counters, 500, per="month")[0]
    counters.settle(granted(counters.acquire((day, month), (), 60, 0, NOON)), 60, 0, NOON)
    counters.rebuild({"key:k:day": 40, "key:k:month": 300, "project:p:day": 7}, NOON)
    assert counters.remaining(day, NOON).spent == 60
    assert counters.remaining(month, NOON).spent == 300
    assert counters.remaining(hard(counters, 9, name="p", kind="project")[0], NOON).spent == 7


def test_rebuilding_forgets_what_an_earlier_period_spent(counters: Counters) -> None:
    [day] = hard(counters, 100)
    counters.settle(granted(counters.acquire((day,), (), 60, 0, NOON)), 60, 0, NOON)
    counters.rebuild({"key:k:day": 5}, MIDNIGHT)
    assert counters.remaining(day, MIDNIGHT).spent == 5


def test_sums_that_were_read_before_midnight_do_not_count_after_it(counters: Counters) -> None:
    [day] = hard(counters, 100)
    counters.settle(granted(counters.acquire((day,), (), 10, 0, MIDNIGHT)), 10, 0, MIDNIGHT)
    counters.rebuild({"key:k:day": 90}, MIDNIGHT - 1)
    assert counters.remaining(day, MIDNIGHT).spent == 10


def test_a_period_that_a_wrong_clock_put_far_ahead_is_put_right(counters: Counters) -> None:
    [day] = hard(counters, 100)
    counters.remaining(day, NOON + 365 * DAY)
    counters.rebuild({"key:k:day": 90}, NOON)
    assert counters.remaining(day, NOON).spent == 90
    assert counters.remaining(day, MIDNIGHT).spent == 0


def test_a_rate_cannot_be_rebuilt(counters: Counters) -> None:
    with pytest.raises(InternalError, match=r"key:k:rate is a rate"):
        counters.rebuild({"key:k:rate": 1}, NOON)
