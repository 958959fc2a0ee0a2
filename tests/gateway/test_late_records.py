"""What a disk does not take is written later: no receipt is promised for it, and no cent of it is lost without a word."""

import logging
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from freehold.errors import RecordNotKept
from freehold.gateway.late_records import LateRecords
from freehold.ledger.entry import Entry, read_entry
from freehold.ledger.tiles import decode_bundle
from freehold.store.events import Event
from freehold.store.records import Attempt, Private, Record
from gateway.door_in_process import Door, running
from store.samples import record

PRICED = """
[vendors.echo]

[prices."echo/echo"]
input = 0
output = 1000

[workloads.triage]
route = ["echo/echo"]
budget = { usd = 1, per = "day", hard = true }
"""

ASKED: dict[str, Any] = {"model": "triage", "messages": [{"role": "user", "content": "one two"}], "max_tokens": 50}


@pytest.fixture
async def door(tmp_path: Path) -> AsyncGenerator[Door]:
    async with running(tmp_path, PRICED) as found:
        yield found


class Disk:
    """Takes what is appended, unless it is full."""

    def __init__(self, *, full: bool) -> None:
        self.full = full
        self.taken: list[tuple[Record | Event, Private | None]] = []

    def append(self, record: Record | Event, private: Private | None = None, *, later: bool = False) -> None:
        if self.full:
            raise RecordNotKept(f"The record {record.id} could not be written: the disk is full.")
        self.taken.append((record, private))


def entries(door: Door) -> list[Entry]:
    """Every entry of the ledger about an answer, as the log has them."""
    door.write_ledger()
    bundle = max(
        (door.data / "ledger" / "log" / "tile" / "entries" / "000.p").iterdir(), key=lambda path: int(path.name)
    )
    found = [read_entry(leaf) for leaf in decode_bundle(bundle.read_bytes())]
    return [entry for entry in found if entry.kind.startswith("answer")]


async def test_an_answer_without_a_record_promises_no_receipt_and_is_billed_when_the_disk_has_room_again(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        full.setattr(door.worker.journal, "append", Disk(full=True).append)
        answer = await door.post("/v1/chat/completions", ASKED)
        streamed = await door.post("/v1/chat/completions", {**ASKED, "stream": True})
        refused = await door.post("/v1/chat/completions", {**ASKED, "max_tokens": "many"})
    assert (answer.status, answer.json["error"]["code"]) == (503, "record-not-kept")
    assert "x-freehold-receipt" not in answer.headers
    assert (refused.status, "x-freehold-receipt" in refused.headers) == (400, False)
    assert b"record-not-kept" in streamed.body
    assert door.records() == []
    door.worker.lifecycle.keep_late()
    whole, stream, bad = door.records()
    assert (whole.id, whole.status, whole.http_status) == (answer.headers["x-request-id"], "refused", 503)
    assert (whole.code, whole.cost_nano, whole.durability) == ("record-not-kept", 2_000_000, "relaxed")
    assert (stream.id, stream.status) == (streamed.headers["x-freehold-receipt"], "failed")
    assert (stream.code, stream.cost_nano) == ("record-not-kept", 2_000_000)
    assert (bad.id, bad.status, bad.cost_nano) == (refused.headers["x-request-id"], "refused", 0)
    assert (await door.get(f"/v1/receipts/{whole.id}")).status == 200


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_could_not_be_put_on_the_disk_is_marked_as_not_given(
    door: Door, monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    def broken() -> None:
        raise RecordNotKept("The journal could not be put on the disk: Input/output error.")

    with monkeypatch.context() as failing:
        failing.setattr(door.worker.journal, "sync", broken)
        answer = await door.post("/v1/chat/completions", {**ASKED, "stream": stream})
    assert answer.status == (200 if stream else 503)
    assert b"record-not-kept" in answer.body
    about = answer.headers["x-freehold-receipt"]
    told, mark = entries(door)
    assert (told.kind, told.id, told.body["outcome"], told.body["cost"]) == ("answer", about, "answered", 2_000_000)
    assert (mark.kind, mark.id) == ("answer.withheld", about)
    assert (mark.body["code"], mark.body["status"]) == ("record-not-kept", 503)
    assert [found.id for found in door.records()] == [about]  # one record, and so billed once


async def test_a_caller_that_leaves_while_the_disk_is_full_is_recorded_later_too(tmp_path: Path) -> None:
    disk = Disk(full=True)
    late = LateRecords(disk)
    private = Private(subject="s", keep_until=9, salts={"request": b"1" * 32}, contents={"request": b"what was said"})
    late.take(record(1), private)
    late.keep()
    assert (len(late), disk.taken) == (1, [])
    disk.full = False
    late.keep()
    ((kept, apart),) = disk.taken
    assert kept.id == record(1).id
    assert apart == Private(subject="s", keep_until=9, salts={"request": b"1" * 32})  # no contents in memory
    assert len(late) == 0


def test_what_can_neither_be_written_nor_wait_is_said_with_what_it_cost(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("freehold.gateway.late_records.MOST", 3)
    monkeypatch.setattr("freehold.gateway.late_records.MOST_FREE", 1)
    paid = Attempt(deployment="echo/echo", outcome="answered", ms=1)
    late = LateRecords(Disk(full=True))
    with caplog.at_level(logging.ERROR):
        for number in range(3):
            late.take(record(number, attempts=(), cost_nano=0), None)
        assert len(late) == 1  # what cost nothing leaves room for what did
        for number in range(3, 6):
            late.take(record(number, attempts=(paid,), cost_nano=500_000_000), None)
        assert len(late) == 3
        late.finish()
    assert caplog.messages[-1].startswith("6 records could not be kept and are lost, $1.500000 of spending among them")
    assert len(caplog.messages) == 2


def test_nothing_is_said_of_a_disk_that_took_everything(caplog: pytest.LogCaptureFixture) -> None:
    disk = Disk(full=True)
    late = LateRecords(disk)
    late.take(record(1), None)
    late.withhold(record(2).id, RecordNotKept("x"))
    disk.full = False
    late.finish()
    assert [(type(one).__name__, one.id) for one, _ in disk.taken] == [
        ("Record", record(1).id),
        ("Event", record(2).id),
    ]
    assert caplog.messages == []
