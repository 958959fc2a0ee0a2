"""Beside the rounds: contents move, the log is copied, time runs out; a store out of reach stops nothing and is said once."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from msgspec.structs import replace

from cli.ledger_reading import checkpoint, contents, entries
from freehold.config.settings import Ledger, Secret, Storage
from freehold.errors import UnknownContents
from freehold.gateway.erasures import erase
from freehold.gateway.ledger_folder import LedgerFolder
from freehold.gateway.ledger_storage import open_contents
from freehold.gateway.ledger_upkeep import Upkeep
from freehold.gateway.ledger_writer import LedgerWriter
from freehold.ledger.sealing import RecordContents
from freehold.ledger.subjects import Subjects
from freehold.ledger.verify import verify_log
from freehold.store.folder import JOURNAL
from freehold.store.journal import Journal
from freehold.store.records import Private
from ledger.object_server import BUCKET, KEYS, ObjectServer, free_port, object_server
from store.samples import record

PREFIXES = (f"upkeep-{number}" for number in count())
SALTS = {"request": b"\x01" * 32, "response": b"\x02" * 32}


@pytest.fixture(scope="module")
def server() -> Iterator[ObjectServer]:
    with object_server() as running:
        yield running


def at(endpoint: str) -> Storage:
    return Storage(
        url=f"s3://{BUCKET}/{next(PREFIXES)}",
        endpoint=endpoint,
        region="x",
        access_key=Secret(KEYS["access_key"], "env A"),
        secret_key=Secret(KEYS["secret_key"], "env B"),
    )


def on(storage: Storage) -> Ledger:
    return Ledger(origin="log.example/test", storage=storage)


def append(data: Path, *numbers: int, subject: str = "Jane Roe", keep_until: int = 4_000_000_000) -> None:
    private = Private(subject=subject, keep_until=keep_until, salts=SALTS, contents={"request": b"a secret"})
    with contextlib.closing(Journal(data / JOURNAL, 0)) as journal:
        for number in numbers:
            journal.append(record(number), private)


def read(data: Path, storage: Storage, record_id: str) -> RecordContents:
    folder = LedgerFolder(data)
    with (
        contextlib.closing(Subjects(folder.subjects, folder.master_key)) as subjects,
        contextlib.closing(open_contents(folder, subjects, storage)) as kept,
    ):
        return kept.read(record_id)


def write(data: Path, settings: Ledger) -> None:
    with contextlib.closing(LedgerWriter(data, settings)) as writer:
        writer.round()


async def run(data: Path, settings: Ledger) -> None:
    """The writer from its start to SIGTERM, and what it does then."""
    with contextlib.closing(LedgerWriter(data, settings)) as writer:
        stop = asyncio.Event()
        stop.set()
        await writer.run(stop)


def is_kept(data: Path, record_id: str) -> bool:
    try:
        return contents(data, record_id).id == record_id
    except UnknownContents:
        return False


async def test_contents_and_the_log_are_in_the_store_and_only_there_are_contents(
    tmp_path: Path, server: ObjectServer
) -> None:
    storage = at(server.endpoint)
    append(tmp_path, 1, 2)
    write(tmp_path, on(storage))
    append(tmp_path, 3)
    await run(tmp_path, on(storage))
    store = server.store(storage.url.rpartition("/")[2])
    assert len(list(store.list("contents"))) == 1, "those of the first life; the second one's segment is still open"
    assert list((tmp_path / "ledger" / "contents" / "segments").glob("*")) != []
    await run(tmp_path, on(storage))
    assert list((tmp_path / "ledger" / "contents" / "segments").glob("*")) == []
    assert read(tmp_path, storage, "rec_000003").fields["request"].content == b"a secret"
    keys = LedgerFolder(tmp_path).verifiers()
    assert verify_log(lambda path: store.get(f"log/{path}"), keys).opened.checkpoint.size == 3
    assert store.get("log/checkpoint") == checkpoint(tmp_path)


async def test_few_contents_move_after_a_while_too(
    tmp_path: Path, server: ObjectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = at(server.endpoint)
    with contextlib.closing(LedgerWriter(tmp_path, on(storage))) as writer:
        append(tmp_path, 1)
        writer.round()
        writer.round()
        assert len(list((tmp_path / "ledger" / "contents" / "open").iterdir())) == 1
        monkeypatch.setattr("freehold.gateway.ledger_writer.SEGMENT_SECONDS", 0.0)
        writer.round()
        assert list((tmp_path / "ledger" / "contents" / "open").iterdir()) == []
        stop = asyncio.Event()
        stop.set()
        await writer.run(stop)
        assert len(list(server.store(storage.url.rpartition("/")[2]).list("contents"))) == 1
        assert read(tmp_path, storage, "rec_000001").fields["request"].content == b"a secret"


async def test_without_the_store_everything_goes_on_and_it_is_said_once(
    tmp_path: Path, server: ObjectServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("freehold.gateway.ledger_upkeep.PAUSE_SECONDS", 0.01)
    monkeypatch.setattr("freehold.gateway.ledger_upkeep.LONGEST_PAUSE", 0.02)
    cut_off = at(f"http://127.0.0.1:{free_port()}")
    append(tmp_path, 1)
    write(tmp_path, on(cut_off))
    with contextlib.closing(LedgerWriter(tmp_path, on(cut_off))) as writer:
        stop = asyncio.Event()
        running = asyncio.create_task(writer.run(stop))
        append(tmp_path, 2)
        async with asyncio.timeout(30):
            while len(entries(tmp_path)) < 2:
                await asyncio.sleep(0.05)
            while not any("upkeep waits" in one.getMessage() for one in caplog.records):
                await asyncio.sleep(0.05)
            await asyncio.sleep(0.5)
        stop.set()
        await running
    assert sum("upkeep waits" in one.getMessage() for one in caplog.records) == 1
    assert read(tmp_path, cut_off, "rec_000001").fields["request"].content == b"a secret"
    assert erase(tmp_path, "Jane Roe", "GDPR Art. 17(1)(b)", cut_off) is not None
    with pytest.raises(UnknownContents):
        read(tmp_path, cut_off, "rec_000001")


def test_a_store_that_comes_back_gets_what_waited(
    tmp_path: Path, server: ObjectServer, caplog: pytest.LogCaptureFixture
) -> None:
    storage = at(server.endpoint)
    append(tmp_path, 1)
    write(tmp_path, on(storage))
    folder = LedgerFolder(tmp_path)
    away = replace(storage, endpoint="http://127.0.0.1:1")
    cut_off, reached = Upkeep(folder, away), Upkeep(folder, storage)
    cut_off.work()
    cut_off.work()
    assert cut_off.failing
    cut_off._blobs, cut_off._mirror = reached._blobs, reached._mirror  # pyright: ignore[reportPrivateUsage]
    cut_off.work()
    assert not cut_off.failing
    assert [
        one.getMessage().partition(",")[0].partition(":")[0] for one in caplog.records if "upkeep" in one.getMessage()
    ] == [
        "the ledger's upkeep waits",
        "the ledger's upkeep goes on",
    ]
    assert len(list(server.store(storage.url.rpartition("/")[2]).list("contents"))) == 1


async def test_what_has_been_kept_for_its_time_is_removed_while_the_writer_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("freehold.gateway.ledger_upkeep.PAUSE_SECONDS", 0.01)
    append(tmp_path, 1, keep_until=int(time.time()) - 5)
    append(tmp_path, 2)
    with contextlib.closing(LedgerWriter(tmp_path, Ledger(origin="log.example/test"))) as writer:
        writer.round()
        assert contents(tmp_path, "rec_000001").id == "rec_000001"
        stop = asyncio.Event()
        running = asyncio.create_task(writer.run(stop))
        async with asyncio.timeout(30):
            while is_kept(tmp_path, "rec_000001"):
                await asyncio.sleep(0.02)
        stop.set()
        await running
    assert contents(tmp_path, "rec_000002").id == "rec_000002"
