"""Lines of a bill: by project, model and price, exact to a nano-dollar."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.errors import InvalidField, StoreError
from freehold.store.database import open_database
from freehold.store.drain import Drain
from freehold.store.events import Event
from freehold.store.folder import JOURNAL
from freehold.store.invoices import COUNTED, Line, Use, bill, count_journaled, lines_of, month_bounds
from freehold.store.journal import Journal
from freehold.store.records import AppliedPrice, Private, Record, new_id
from freehold.store.usage import forget_records

NOVEMBER = 1_793_491_200  # 2026-11-01T00:00:00Z
DECEMBER = 1_796_083_200  # 2026-12-01T00:00:00Z
DAY = 86_400
CHEAP = AppliedPrice(rates={"input": 100_000_000, "output": 400_000_000}, as_of="2026-11-01", source="settings")
DEAR = AppliedPrice(rates={"input": 200_000_000, "output": 400_000_000}, as_of="2026-11-15", source="settings")


def record(at: float, **more: Any) -> Record:
    fields: dict[str, Any] = {"project": "shop", "deployment": "own/nano", "key_id": "key_1", "price": CHEAP} | more
    return Record(
        id=new_id(at), started_at=at - 1, ended_at=at, dialect="openai-chat", operation="generate", status="answered",
        http_status=200, **fields,
    )  # fmt: skip


def kept(data: Path, *records: Record) -> None:
    """The records, in the store."""
    journal = Journal(data / JOURNAL, 0)
    for one in records:
        journal.append(one)
    journal.close()
    with contextlib.closing(open_database(data)) as db:
        Drain(db, data / JOURNAL).drain_once()


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    kept(
        tmp_path,
        record(NOVEMBER - 0.5, cost_nano=1),
        record(NOVEMBER, input_tokens=10, output_tokens=5, cost_nano=3_000),
        record(
            NOVEMBER + DAY,
            input_tokens=7,
            cost_nano=701,
            price=AppliedPrice(rates=CHEAP.rates, as_of="2026-11-02", source="settings"),
        ),
        record(NOVEMBER + 20 * DAY, input_tokens=1, cost_nano=200, price=DEAR),
        record(NOVEMBER + 20 * DAY, project="other", deployment="openai/gpt-5-mini", cost_nano=9),
        record(NOVEMBER + 20 * DAY, key_id="shadow", cost_nano=5_000),
        record(NOVEMBER + 20 * DAY, deployment="", price=None),
        record(DECEMBER - 0.5, cost_nano=11),
        record(DECEMBER, cost_nano=13),
    )
    with contextlib.closing(open_database(tmp_path)) as opened:
        yield opened


def test_a_price_that_changed_makes_two_lines_and_the_day_of_a_price_does_not(db: sqlite3.Connection) -> None:
    found = bill(db, NOVEMBER, DECEMBER)
    assert [
        (line.project, line.model, line.first_day, line.last_day, line.requests, line.cost_nano) for line in found
    ] == [
        ("other", "openai/gpt-5-mini", "2026-11-21", "2026-11-21", 1, 9),
        ("shop", "own/nano", "2026-11-01", "2026-11-30", 3, 3_712),
        ("shop", "own/nano", "2026-11-21", "2026-11-21", 1, 200),
    ]
    assert found[1].rates == (("input", 100_000_000), ("output", 400_000_000))
    assert (found[1].input_tokens, found[1].output_tokens, found[1].source) == (17, 5, "settings")


def test_the_last_instant_of_a_day_is_of_that_day(tmp_path: Path) -> None:
    kept(tmp_path, record(DECEMBER - 0.0003, cost_nano=1), record(NOVEMBER + DAY - 0.0003, cost_nano=2))
    with contextlib.closing(open_database(tmp_path)) as db:
        (line,) = bill(db, NOVEMBER, DECEMBER)
    assert (line.first_day, line.last_day, line.cost_nano) == ("2026-11-01", "2026-11-30", 3)


def test_one_project_gets_its_own_lines_only(db: sqlite3.Connection) -> None:
    assert [line.cost_nano for line in bill(db, NOVEMBER, DECEMBER, "other")] == [9]
    assert bill(db, NOVEMBER, DECEMBER, "nobody") == []


def test_where_records_were_forgotten_there_is_no_bill(db: sqlite3.Connection) -> None:
    assert forget_records(db, NOVEMBER + 2 * DAY) == 3
    with pytest.raises(StoreError, match=r"add up to 3 requests and 220 nano-dollars, and its usage to 5 and 3,921"):
        bill(db, NOVEMBER, DECEMBER)


@pytest.mark.parametrize(
    ("month", "bounds"),
    [("2026-11", (NOVEMBER, DECEMBER)), ("2026-12", (DECEMBER, DECEMBER + 31 * DAY)), ("1970-01", (0, 31 * DAY))],
)
def test_a_month_begins_and_ends_at_midnight_utc(month: str, bounds: tuple[int, int]) -> None:
    assert month_bounds(month) == bounds


@pytest.mark.parametrize("month", ["", "2026-13", "2026-1", "November", "2026-11-01", "9999-12"])
def test_what_is_no_month_is_told(month: str) -> None:
    with pytest.raises(InvalidField, match="is not a month"):
        month_bounds(month)


def test_what_is_journaled_and_not_stored_is_counted_where_a_bill_would_have_it(tmp_path: Path) -> None:
    kept(tmp_path, record(NOVEMBER))
    journal = Journal(tmp_path / JOURNAL, 0)
    journal.append(record(DECEMBER - 1))
    with contextlib.closing(open_database(tmp_path)) as db:
        drain = Drain(db, tmp_path / JOURNAL)
        assert drain.drain_once() == 1
        for one in (
            record(DECEMBER - 0.5),
            record(DECEMBER - 0.5, project="other"),
            record(DECEMBER - 0.5, key_id="shadow"),
            record(DECEMBER - 0.5, deployment=""),
            record(DECEMBER),
        ):
            journal.append(one, Private(subject="ann", keep_until=0, salts={}))
        journal.append(Event("feedback", "rec_1", 0))
        folder = tmp_path / JOURNAL
        assert count_journaled(db, folder, NOVEMBER, DECEMBER) == 2
        assert count_journaled(db, folder, NOVEMBER, DECEMBER, "shop") == 1
        assert count_journaled(db, folder, DECEMBER, DECEMBER + DAY) == 1
        drain.drain_once()
        assert count_journaled(db, folder, NOVEMBER, DECEMBER) == 0
    journal.close()


uses = st.builds(
    Use,
    project=st.sampled_from(["a", "b"]),
    model=st.sampled_from(["own/x", "own/y"]),
    rates=st.sampled_from([{"input": 1, "output": 2}, {"output": 2, "input": 1}, {"input": 3}, {}]),
    source=st.sampled_from(["settings", "catalog"]),
    first_day=st.just("2026-11-01"),
    last_day=st.just("2026-11-30"),
    requests=st.integers(1, 10**6),
    counts=st.tuples(*[st.integers(0, 10**15)] * len(COUNTED)),
)


@given(st.lists(uses, max_size=30))
def test_lines_lose_and_invent_nothing_whatever_the_order(found: list[Use]) -> None:
    lines = lines_of(found)
    assert sum(line.cost_nano for line in lines) == sum(use.counts[-1] for use in found)
    assert sum(line.input_tokens for line in lines) == sum(use.counts[0] for use in found)
    assert sum(line.requests for line in lines) == sum(use.requests for use in found)
    assert lines == lines_of(list(reversed(found)))
    keys = [(line.project, line.model, line.rates, line.source) for line in lines]
    assert len(set(keys)) == len(keys)
    assert all(isinstance(line, Line) for line in lines)
