"""What the supervisor does for the door: one socket for all workers, records into the store, dead workers' money settled."""

import asyncio
import contextlib
import os
import socket
import sqlite3
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from freehold.config.customers import CustomerPlan, Project, Quota
from freehold.config.settings import Ledger, Settings
from freehold.errors import StoreError
from freehold.gateway.ledger_writer import LedgerWriter
from freehold.gateway.supervisor import Bookkeeper, listen
from freehold.store.callers import KeyBudget, create_key
from freehold.store.counters import Counters
from freehold.store.database import open_database
from freehold.store.folder import COUNTERS, DATABASE, JOURNAL
from freehold.store.grants import Charge, Grant
from freehold.store.journal import Journal
from freehold.store.records import Record, new_id

BUDGET = (KeyBudget(nano=10_000, per="month"),)


def record(number: int, *, nano: int = 0) -> Record:
    now = time.time()
    return Record(
        id=new_id(now + number / 1000),
        started_at=now,
        ended_at=now,
        dialect="openai-chat",
        operation="generate",
        status="answered",
        http_status=200,
        workload="triage",
        cost_nano=nano,
    )


def stored(data: Path) -> int:
    """How many records are in the store."""
    with contextlib.closing(open_database(data)) as db:
        return int(db.execute("SELECT count(*) FROM records").fetchone()[0])


def left(data: Path) -> int:
    """What is left of the workload's budget of 10,000."""
    with contextlib.closing(Counters.open(data / COUNTERS, None)) as counters:
        (charge,) = counters.charges("workload", "triage", BUDGET)
        remaining = counters.remaining(charge, time.time())
        assert remaining.reserved == 0
        assert remaining.left is not None
        return remaining.left


async def until_stored(data: Path, count: int) -> None:
    async with asyncio.timeout(10):
        while stored(data) < count:
            await asyncio.sleep(0.01)


# --- the socket ---


async def test_the_socket_takes_connections_and_goes_on_to_children() -> None:
    with listen("127.0.0.1", 0, 8) as listening:
        assert os.get_inheritable(listening.fileno())
        port = listening.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), 5), listening.accept()[0]:
            pass


def test_a_port_that_is_taken_is_told_with_what_to_do() -> None:
    with listen("127.0.0.1", 0, 8) as listening:
        port = listening.getsockname()[1]
        with pytest.raises(StoreError) as told:
            listen("127.0.0.1", port, 8)
    assert told.value.message == (
        f"Cannot listen on 127.0.0.1:{port}: Address already in use. "
        "Choose another port with --port, or --port 0 for any."
    )


def test_a_port_is_free_again_at_once() -> None:
    with listen("127.0.0.1", 0, 8) as listening:
        port = listening.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), 5):
            listening.accept()[0].close()  # our side closes first, and keeps the port in TIME_WAIT
    listen("127.0.0.1", port, 8).close()


def test_an_address_that_is_not_this_machines_is_told() -> None:
    with pytest.raises(StoreError, match=r"Cannot listen on 192\.0\.2\.1:0: ") as refused:  # RFC 5737: nobody's
        listen("192.0.2.1", 0, 8)
    assert refused.value.advice.startswith("Give an address of this machine with --host")


# --- before the workers start ---


def test_the_first_start_makes_the_admin_key_and_the_next_keeps_it(tmp_path: Path) -> None:
    key = Bookkeeper(tmp_path).prepare()
    assert key is not None
    assert key.role == "admin"
    secret = (tmp_path / "admin.key").read_text()
    assert Bookkeeper(tmp_path).prepare() == key
    assert (tmp_path / "admin.key").read_text() == secret
    assert (tmp_path / JOURNAL).stat().st_mode & 0o777 == 0o700


def test_records_of_last_time_are_stored_and_count_against_the_budgets(tmp_path: Path) -> None:
    Bookkeeper(tmp_path).prepare()
    journal = Journal(tmp_path / JOURNAL, 0)
    journal.append(record(1, nano=1500))
    journal.append(record(2, nano=500))
    journal.close()
    (tmp_path / COUNTERS).unlink()  # as after a crash of the machine
    Bookkeeper(tmp_path).prepare()
    assert stored(tmp_path) == 2
    assert left(tmp_path) == 8000


# --- when a configuration comes into force ---


def test_a_budget_and_a_quota_that_come_later_count_what_was_used_before_them(tmp_path: Path) -> None:
    bookkeeper = Bookkeeper(tmp_path)
    bookkeeper.prepare()
    shop = {"project": "shop", "deployment": "own/refunds", "input_tokens": 30, "output_tokens": 12}
    with contextlib.closing(Journal(tmp_path / JOURNAL, 0)) as journal:
        journal.append(replace(record(1, nano=1500), **shop))
    with contextlib.closing(LedgerWriter(tmp_path, Ledger())) as writer:
        writer.round()
    assert left(tmp_path) == 10_000  # nobody had a budget when it was used
    bookkeeper.count_anew(
        Settings(
            plans={"starter": CustomerPlan(name="starter", quotas={"own/refunds": (Quota(tokens=100),)})},
            projects={"shop": Project(name="shop", plan="starter")},
        )
    )
    assert left(tmp_path) == 8500
    with contextlib.closing(Counters.open(tmp_path / COUNTERS, None)) as counters:
        (quota,) = counters.quotas("shop", "own/refunds", Quota(tokens=100))
        assert counters.remaining(Charge(quota.slot, quota.per, quota.most), time.time()).left == 58


# --- after the end of all processes ---


def test_what_was_journaled_while_the_ledgers_writer_was_between_two_lives_is_in_the_ledger_at_the_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bookkeeper = Bookkeeper(tmp_path)
    bookkeeper.prepare()
    bookkeeper.complete()
    with contextlib.closing(Journal(tmp_path / JOURNAL, 0)) as journal:
        journal.append(record(1))
        journal.append(record(2))
    with contextlib.closing(sqlite3.connect(tmp_path / DATABASE)) as db:
        db.execute("ALTER TABLE segments RENAME TO hidden")
    bookkeeper.complete()
    assert "the next start takes it over" in caplog.text
    with contextlib.closing(sqlite3.connect(tmp_path / DATABASE)) as db:
        db.execute("ALTER TABLE hidden RENAME TO segments")
    bookkeeper.complete()
    assert stored(tmp_path) == 2
    assert list((tmp_path / JOURNAL).iterdir()) == []


# --- after a death ---


async def test_what_a_dead_worker_had_reserved_counts_as_spent_once_and_for_good(tmp_path: Path) -> None:
    bookkeeper = Bookkeeper(tmp_path)
    bookkeeper.prepare()
    worker = Counters.open(tmp_path / COUNTERS, 3)
    charges = worker.charges("workload", "triage", BUDGET)
    assert isinstance(worker.acquire(charges, (), 3000, 0, time.time()), Grant)
    worker.close()  # as the kernel does for the dead
    await bookkeeper.swept(3)
    assert left(tmp_path) == 7000
    await bookkeeper.swept(3)
    assert left(tmp_path) == 7000
    (tmp_path / COUNTERS).unlink()
    Bookkeeper(tmp_path).prepare()
    assert left(tmp_path) == 7000


async def test_a_living_worker_is_not_swept(tmp_path: Path) -> None:
    bookkeeper = Bookkeeper(tmp_path)
    bookkeeper.prepare()
    worker = Counters.open(tmp_path / COUNTERS, 3)
    charges = worker.charges("workload", "triage", BUDGET)
    grant = worker.acquire(charges, (), 3000, 0, time.time())
    assert isinstance(grant, Grant)
    await bookkeeper.swept(3)
    await bookkeeper.swept(4)
    worker.settle(grant, 100, 0, time.time())
    worker.close()
    assert left(tmp_path) == 9900


def test_more_keys_than_there_are_counters_do_not_keep_the_door_from_starting(tmp_path: Path) -> None:
    """Each of these asked within the day and the month, and none has a budget: two slots for each would be 16,600."""
    with contextlib.closing(open_database(tmp_path)) as db:
        bounded, _ = create_key(db, name="bounded", budgets=BUDGET)
        now = time.time()
        journal = Journal(tmp_path / JOURNAL, 0)
        for number in range(8_300):
            journal.append(replace(record(number, nano=1), key_id=f"key_{number}"))
        journal.append(replace(record(8_300, nano=700), key_id=bounded.id))
        journal.close()
    Bookkeeper(tmp_path).prepare()
    with contextlib.closing(Counters.open(tmp_path / COUNTERS, None)) as counters:
        (charge,) = counters.charges("key", bounded.id, BUDGET)
        assert counters.remaining(charge, now).spent == 700
