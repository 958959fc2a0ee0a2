"""Scopes and periods: the names under which money is counted, and when a UTC period began."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.store.scopes import KINDS, PERIODS, Kind, Period, budget_scope, period_of, period_start, rate_scope
from store.samples import at


def test_a_scope_says_whose_it_is_and_what_is_counted() -> None:
    assert budget_scope("workload", "ticket-triage", "month") == "workload:ticket-triage:month"
    assert budget_scope("key", "key_1", "day") == "key:key_1:day"
    assert rate_scope("project", "support") == "project:support:rate"


@given(kind=st.sampled_from(KINDS), per=st.sampled_from(PERIODS), name=st.text())
def test_the_period_is_known_whatever_the_name_holds(kind: Kind, per: Period, name: str) -> None:
    assert period_of(budget_scope(kind, name, per)) == per
    assert period_of(rate_scope(kind, name)) is None


@pytest.mark.parametrize("scope", ["", "day ", "key:k", "key:k:hour", "key:k:day:"])
def test_anything_else_is_no_scope(scope: str) -> None:
    with pytest.raises(ValueError, match="is not the scope of a budget or a rate"):
        period_of(scope)


def test_names_that_hold_colons_do_not_fall_together() -> None:
    scopes = [
        budget_scope("project", name, per) for name in ("a", "a:day", "a:month", ":day", "") for per in ("day", "month")
    ]
    scopes += [rate_scope("project", name) for name in ("a", "a:day")]
    assert len(set(scopes)) == len(scopes)


@pytest.mark.parametrize(
    ("per", "now", "start"),
    [
        ("day", "2026-11-24T00:00:00", "2026-11-24T00:00:00"),
        ("day", "2026-11-24T23:59:59.999999", "2026-11-24T00:00:00"),
        ("month", "2026-11-01T00:00:00", "2026-11-01T00:00:00"),
        ("month", "2026-11-30T23:59:59.999999", "2026-11-01T00:00:00"),
        ("day", "2028-02-29T12:00:00", "2028-02-29T00:00:00"),
        ("month", "2028-02-29T12:00:00", "2028-02-01T00:00:00"),
        ("day", "2027-01-01T00:00:01", "2027-01-01T00:00:00"),
        ("month", "2027-01-31T23:00:00", "2027-01-01T00:00:00"),
    ],
)
def test_periods_are_those_of_the_utc_calendar(per: Period, now: str, start: str) -> None:
    assert period_start(per, at(now)) == at(start)


def test_periods_do_not_follow_the_time_zone_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    time.tzset()
    try:
        # 2026-11-30 at noon UTC is 1 December at 02:00 there.
        assert period_start("day", 1796040000) == 1795996800
        assert period_start("month", 1796040000) == 1793491200
    finally:
        monkeypatch.undo()
        time.tzset()
