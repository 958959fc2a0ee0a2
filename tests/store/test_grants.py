"""What is asked of the counters: data that requests share and cannot change, and budgets from either place."""

from pathlib import Path

import msgspec
import pytest

from freehold.config.settings import Budget
from freehold.store.callers import KeyBudget
from freehold.store.counters import Counters
from freehold.store.folder import COUNTERS
from freehold.store.grants import BudgetRule, Charge, Grant, RateCheck
from store.samples import NOON, SLOTS


def test_a_budget_of_a_key_and_one_of_the_configuration_are_charged_alike(tmp_path: Path) -> None:
    Counters.create(tmp_path / COUNTERS, NOON, SLOTS)
    counters = Counters.open(tmp_path / COUNTERS, None)
    rules: tuple[BudgetRule, BudgetRule] = (
        KeyBudget(50, "month", hard=False),
        Budget(nano=50, per="month", hard=False),
    )
    first, second = ((rule,) for rule in rules)
    assert counters.charges("key", "k", first) == counters.charges("key", "k", second)
    counters.close()


def test_charges_and_rates_are_shared_by_requests_and_cannot_change() -> None:
    charge, rate = Charge(1, "day", 100), RateCheck(1, 10, None)
    with pytest.raises(AttributeError):
        charge.hard = 200  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(AttributeError):
        rate.requests_per_minute = 20  # pyright: ignore[reportAttributeAccessIssue]
    assert {charge, Charge(1, "day", 100, None)} == {charge}
    assert charge.soft is None


def test_a_grant_is_a_requests_own_and_open_until_it_is_settled() -> None:
    grant = Grant((), (), nano=5, tokens=3, passed=(), second=0)
    assert not grant.settled
    assert msgspec.structs.replace(grant, nano=9).nano == 9
