"""Usage: whole-number sums by whatever one asks for, that outlive the records, and what every budget has spent."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.errors import InvalidField
from freehold.store.callers import KeyBudget
from freehold.store.counters import Counters
from freehold.store.database import open_database
from freehold.store.drain import Drain
from freehold.store.folder import COUNTERS, JOURNAL
from freehold.store.grants import Charge
from freehold.store.journal import Journal
from freehold.store.records import AppliedPrice, Record
from freehold.store.scopes import PERIODS, Kind, Period, budget_scope
from freehold.store.usage import (
    By,
    UsageRow,
    find_costs,
    find_record,
    forget_records,
    keep_swept,
    spent_by_scope,
    usage,
)
from store.samples import DAY, HOUR, NOON, SLOTS, at, record, stored_ids


def keep(db: sqlite3.Connection, data: Path, *records: Record) -> None:
    """Stores records on the way that all take: journal, then drain."""
    journal = Journal(data / JOURNAL, 0)
    for one in records:
        journal.append(one)
    journal.close()
    Drain(db, data / JOURNAL).drain_once()


def costs(db: sqlite3.Connection, *by: By, since: float = 0, until: float = 1e11) -> dict[tuple[str, ...], int]:
    return {row.group: row.cost_nano for row in usage(db, since, until, by)}


# --- sums ---


def test_every_count_is_summed(db: sqlite3.Connection, data: Path) -> None:
    counts: dict[str, Any] = {
        "input_tokens": 1000,
        "output_tokens": 200,
        "cache_read_tokens": 300,
        "cache_write_5m_tokens": 40,
        "cache_write_1h_tokens": 50,
        "reasoning_tokens": 60,
        "audio_input_tokens": 7,
        "audio_output_tokens": 8,
        "searches": 2,
        "cost_nano": 123_456_789,
    }
    keep(
        db,
        data,
        record(1, **counts),
        record(2, **counts, estimated=True),
        record(3, status="failed", input_tokens=0, output_tokens=0, cost_nano=0),
        record(4, status="refused", input_tokens=0, output_tokens=0, cost_nano=0),
        record(5, status="cancelled", **counts),
    )
    assert usage(db, NOON, NOON + 1, ()) == [
        UsageRow(
            group=(),
            requests=5,
            failed=1,
            refused=1,
            estimated=1,
            input_tokens=3000,
            output_tokens=600,
            cache_read_tokens=900,
            cache_write_5m_tokens=120,
            cache_write_1h_tokens=150,
            reasoning_tokens=180,
            audio_input_tokens=21,
            audio_output_tokens=24,
            searches=6,
            cost_nano=370_370_367,
        )
    ]


def test_usage_is_grouped_by_whatever_is_asked_in_that_order(db: sqlite3.Connection, data: Path) -> None:
    keep(
        db,
        data,
        record(1, cost_nano=1),
        record(2, cost_nano=2, key_id="key_2", project="sales", workload="claims"),
        record(3, cost_nano=4, key_id="key_3", organisation="rival", project="r", deployment="own/nano"),
        record(4, cost_nano=8, deployment="openai/gpt-5", ended_at=NOON + DAY),
        record(5, cost_nano=16, organisation="", project="", key_id="", workload="", deployment="", status="refused"),
    )
    assert costs(db) == {(): 31}
    assert costs(db, "day") == {("2026-11-24",): 23, ("2026-11-25",): 8}
    assert costs(db, "organisation") == {("",): 16, ("acme",): 11, ("rival",): 4}
    assert costs(db, "project") == {("",): 16, ("r",): 4, ("sales",): 2, ("support",): 9}
    assert costs(db, "key") == {("",): 16, ("key_1",): 9, ("key_2",): 2, ("key_3",): 4}
    assert costs(db, "workload") == {("",): 16, ("claims",): 2, ("triage",): 13}
    assert costs(db, "deployment") == {("",): 16, ("openai/gpt-5",): 8, ("openai/gpt-5-mini",): 3, ("own/nano",): 4}
    assert costs(db, "vendor") == {("",): 16, ("openai",): 11, ("own",): 4}
    assert list(costs(db, "vendor", "day")) == [
        ("", "2026-11-24"),
        ("openai", "2026-11-24"),
        ("openai", "2026-11-25"),
        ("own", "2026-11-24"),
    ]


def test_a_day_is_one_of_utc(db: sqlite3.Connection, data: Path) -> None:
    keep(
        db,
        data,
        record(1, ended_at=at("2026-11-24T23:59:59.999"), cost_nano=1),
        record(2, ended_at=at("2026-11-25T00:00:00"), cost_nano=2),
    )
    assert costs(db, "day") == {("2026-11-24",): 1, ("2026-11-25",): 2}


def test_hours_count_whole_from_that_of_the_first_moment_to_that_of_the_last(
    db: sqlite3.Connection, data: Path
) -> None:
    keep(db, data, *(record(n, ended_at=NOON + n * HOUR + 1800, cost_nano=10**n) for n in range(4)))
    assert costs(db, since=NOON + 3599, until=NOON + 2 * HOUR) == {(): 11}
    assert costs(db, since=NOON + HOUR, until=NOON + 2 * HOUR + 1) == {(): 110}
    assert costs(db, since=NOON + HOUR, until=NOON + HOUR) == {(): 0}


def test_nothing_used_is_a_row_of_zeros_without_groups_and_no_row_with(db: sqlite3.Connection) -> None:
    [row] = usage(db, 0, NOON, ())
    assert (row.requests, row.cost_nano) == (0, 0)
    assert usage(db, 0, NOON, ("key",)) == []


@pytest.mark.parametrize("group", ["model", "hour; DROP TABLE keys", ""])
def test_an_unknown_group_is_refused_with_those_that_there_are(db: sqlite3.Connection, group: Any) -> None:
    with pytest.raises(InvalidField) as caught:
        usage(db, 0, NOON, ("day", group))
    assert caught.value.param == "by"
    assert caught.value.advice == "Choose from day, organisation, project, key, workload, deployment, vendor."


rows = st.lists(
    st.tuples(
        st.sampled_from(["key_1", "key_2"]),
        st.sampled_from(["openai/a", "own/b"]),
        st.integers(0, 3 * DAY),
        st.integers(0, 2**55),
    ),
    max_size=30,
)


@given(rows=rows)
@settings(max_examples=25, deadline=None)
def test_sums_of_money_are_exact_however_they_are_grouped(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, int, int]]
) -> None:
    data = tmp_path_factory.mktemp("data")
    db = open_database(data)
    keep(
        db,
        data,
        *(
            record(number, key_id=key, deployment=deployment, ended_at=NOON + second + 0.5, cost_nano=nano)
            for number, (key, deployment, second, nano) in enumerate(rows)
        ),
    )
    total = sum(nano for *_, nano in rows)
    assert costs(db) == {(): total}
    groupings: tuple[tuple[By, ...], ...] = (("day",), ("key", "vendor"), ("deployment", "day", "key"))
    for by in groupings:
        found = costs(db, *by)
        assert all(isinstance(nano, int) for nano in found.values())
        assert sum(found.values()) == total
    for key in ("key_1", "key_2"):
        assert costs(db, "key").get((key,), 0) == sum(nano for name, *_, nano in rows if name == key)
    db.close()


# --- what budgets have spent ---


def test_what_is_spent_in_this_day_and_month_is_known_by_scope(db: sqlite3.Connection, data: Path) -> None:
    now = at("2026-11-24T12:30:00")
    keep(
        db,
        data,
        record(1, ended_at=now, cost_nano=1),
        record(2, ended_at=at("2026-11-24T00:00:00"), cost_nano=2, key_id="key_2"),
        record(3, ended_at=at("2026-11-23T23:59:59"), cost_nano=4, workload="claims"),
        record(4, ended_at=at("2026-11-01T00:00:00"), cost_nano=8, key_id="key_2"),
        record(5, ended_at=at("2026-10-31T23:59:59"), cost_nano=16),
        record(6, ended_at=now, cost_nano=32, project="", key_id="", workload=""),
    )
    assert spent_by_scope(db, now) == {
        "key:key_1:day": 1,
        "key:key_2:day": 2,
        "project:support:day": 3,
        "workload:triage:day": 3,
        "key:key_1:month": 5,
        "key:key_2:month": 10,
        "project:support:month": 15,
        "workload:triage:month": 11,
        "workload:claims:month": 4,
    }


def test_what_a_project_used_of_a_model_is_added_up_for_its_quotas_and_for_no_other(
    db: sqlite3.Connection, data: Path
) -> None:
    shop: dict[str, Any] = {"project": "shop", "deployment": "own/refunds"}
    keep(
        db,
        data,
        record(1, **shop, input_tokens=100, output_tokens=20, cost_nano=5),
        record(2, **shop, input_tokens=10, output_tokens=2, cost_nano=1, status="failed"),
        record(3, **shop, input_tokens=0, output_tokens=0, cost_nano=0, status="refused"),
        record(4, **shop, input_tokens=7, output_tokens=0, cost_nano=0, status="cancelled", ended_at=NOON - DAY),
        record(5, **{**shop, "project": "other"}, input_tokens=1000),
        record(6, **{**shop, "deployment": "own/sums"}, input_tokens=1000),
        record(7, **shop, input_tokens=1000, key_id="shadow"),
    )
    spent = spent_by_scope(db, NOON, [("shop", "own/refunds"), ("shop", "own/unasked")])
    found = {scope: amount for scope, amount in spent.items() if " shop:" in scope}
    assert found == {
        "tokens:own/refunds shop:day": 132,
        "requests:own/refunds shop:day": 1,
        "cost:own/refunds shop:day": 6,
        "tokens:own/refunds shop:month": 139,
        "requests:own/refunds shop:month": 2,
        "cost:own/refunds shop:month": 6,
        **{f"{measure}:own/unasked shop:{per}": 0 for measure in ("tokens", "requests", "cost") for per in PERIODS},
    }


def test_what_was_swept_counts_as_spent_in_its_own_period(db: sqlite3.Connection, data: Path) -> None:
    keep(db, data, record(1, cost_nano=1))
    keep_swept(db, {"key:key_1:day": 10, "key:key_1:month": 10, "project:gone:day": 5}, NOON)
    keep_swept(db, {"key:key_1:day": 100}, NOON - DAY)
    keep_swept(db, {"key:key_1:month": 1000}, NOON - DAY)
    keep_swept(db, {"key:key_1:month": 10_000}, NOON - 30 * DAY)
    keep_swept(db, {}, NOON)
    spent = spent_by_scope(db, NOON)
    assert spent["key:key_1:day"] == 11
    assert spent["key:key_1:month"] == 1011
    assert spent["project:gone:day"] == 5
    assert spent["project:support:day"] == 1


def test_counters_that_are_lost_come_back_from_the_records(db: sqlite3.Connection, data: Path) -> None:
    keep(db, data, record(1, cost_nano=60))
    keep_swept(db, {"key:key_1:day": 30}, NOON)
    Counters.create(data / COUNTERS, NOON, SLOTS)
    counters = Counters.open(data / COUNTERS, None)
    counters.rebuild(spent_by_scope(db, NOON), NOON)
    periods: tuple[Period, ...] = ("day", "month")
    budgets: list[tuple[Kind, str]] = [("key", "key_1"), ("project", "support"), ("workload", "triage")]
    found = {
        budget_scope(kind, name, per): counters.remaining(
            Charge(counters.slot(budget_scope(kind, name, per)), per, 100), NOON
        ).spent
        for kind, name in budgets
        for per in periods
    }
    assert found == {
        "key:key_1:day": 90,
        "key:key_1:month": 60,
        "project:support:day": 60,
        "project:support:month": 60,
        "workload:triage:day": 60,
        "workload:triage:month": 60,
    }
    counters.close()


def test_a_swept_scope_too_long_to_be_kept_whole_does_not_stop_the_next_start(
    db: sqlite3.Connection, data: Path
) -> None:
    """A name of 200 characters may have 800 bytes, of which the counters keep 464."""
    name = "部" * 200
    Counters.create(data / COUNTERS, NOON, SLOTS)
    dead = Counters.open(data / COUNTERS, 0)
    dead.acquire(dead.charges("project", name, (KeyBudget(100, "day"),)), (), 10, 0, NOON)
    dead.close()
    successor = Counters.open(data / COUNTERS, 0)
    keep_swept(db, successor.swept, NOON)
    successor.rebuild(spent_by_scope(db, NOON), NOON)
    assert successor.remaining(successor.charges("project", name, (KeyBudget(100, "day"),))[0], NOON).spent == 10
    successor.close()


# --- records ---


def test_a_record_is_found_by_its_id(db: sqlite3.Connection, data: Path) -> None:
    first = record(1, extra={"note": "ü"}, dropped=("seed",))
    keep(db, data, first, record(2))
    assert find_record(db, "rec_000001") == first
    assert find_record(db, "rec_000003") is None


def test_costs_are_found_by_ids_and_unknown_where_there_was_no_price(db: sqlite3.Connection, data: Path) -> None:
    price = AppliedPrice(rates={"input": 1_000}, as_of="2026-11-01", source="catalog")
    keep(db, data, record(1, cost_nano=7, price=price), record(2), record(3, cost_nano=9, price=price))
    assert find_costs(db, ["rec_000001", "rec_000002", "rec_000009"]) == {"rec_000001": 7, "rec_000002": None}
    assert find_costs(db, []) == {}


def test_forgotten_records_leave_their_sums(db: sqlite3.Connection, data: Path) -> None:
    keep(db, data, *(record(number, ended_at=NOON + number, cost_nano=1) for number in range(5)))
    assert forget_records(db, NOON + 3) == 3
    assert stored_ids(db) == ["rec_000003", "rec_000004"]
    assert forget_records(db, NOON + 3) == 0
    assert costs(db, "key") == {("key_1",): 5}
    assert spent_by_scope(db, NOON)["key:key_1:day"] == 5


def test_more_records_than_one_batch_are_all_forgotten(
    db: sqlite3.Connection, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("freehold.store.usage._BATCH", 2)
    keep(db, data, *(record(number) for number in range(5)))
    assert forget_records(db, NOON + 1) == 5
    assert stored_ids(db) == []


def test_a_shadow_spends_from_its_own_budget_and_from_nobody_elses(db: sqlite3.Connection, data: Path) -> None:
    journal = Journal(data / JOURNAL, 0)
    journal.append(record(1, cost_nano=7))
    shadow = record(2, cost_nano=5, organisation="", project="", key_id="shadow", arm="shadow")
    journal.append(shadow)
    journal.close()
    Drain(db, data / JOURNAL).drain_once()
    spent = spent_by_scope(db, NOON)
    assert {scope: nano for scope, nano in spent.items() if scope.endswith(":day")} == {
        "key:key_1:day": 7,
        "project:support:day": 7,
        "workload:triage:day": 7,
        "shadow:triage:day": 5,
    }
