"""Receipts for those whose answers they prove, and the log's files for everybody: over HTTP, as a stranger gets them."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest

from freehold.errors import NotFound
from freehold.gateway.receipts import Receipts
from freehold.ledger.entry import read_entry
from freehold.ledger.notes import parse_verifier_key
from freehold.ledger.verify import verify_log, verify_receipt
from freehold.store.callers import Key, create_key
from freehold.store.database import open_database
from freehold.store.folder import JOURNAL
from freehold.store.journal import Journal
from gateway.door_in_process import ECHO, Door, running
from store.samples import record

SAID: dict[str, Any] = {"model": "echo/echo", "messages": [{"role": "user", "content": "one two"}]}


@pytest.fixture
async def door(tmp_path: Path) -> AsyncGenerator[Door]:
    async with running(tmp_path, ECHO) as found:
        yield found


async def ask(door: Door, **headers: str) -> str:
    answer = await door.post("/v1/chat/completions", SAID, **headers)
    assert answer.status == 200
    return answer.headers["x-freehold-receipt"]


def member(door: Door, project: str) -> str:
    db = open_database(door.data)
    _, secret = create_key(db, name="m", project=project)
    db.close()
    door.worker.counters.bump()
    return f"Bearer {secret}"


async def test_a_receipt_is_pending_until_its_entry_is_in_and_then_verifies_with_the_key_alone(door: Door) -> None:
    receipt_id = await ask(door)
    pending = await door.get(f"/v1/receipts/{receipt_id}")
    assert (pending.status, pending.json) == (202, {"id": receipt_id, "status": "pending"})
    assert pending.headers["retry-after"] == "1"
    door.write_ledger()
    answer = await door.get(f"/v1/receipts/{receipt_id}")
    assert answer.body.startswith(b"c2sp.org/tlog-proof@v1\nextra ")
    keys = [parse_verifier_key(line) for line in (await door.get("/ledger/key")).body.decode().split()]
    proof = verify_receipt(answer.body, keys)
    entry = read_entry(proof.entry)
    assert (entry.kind, entry.id, entry.body["outcome"], entry.body["usage"]) == (
        "answer",
        receipt_id,
        "answered",
        {"input": 2, "output": 2},
    )


def forked(work: Callable[[], None]) -> int:
    """The id of a process that does this and ends."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return child


def test_a_journal_that_shrinks_while_it_is_looked_through_kills_nobody(tmp_path: Path) -> None:
    open_database(tmp_path).close()
    with contextlib.closing(Journal(tmp_path / JOURNAL, 0)) as journal:
        journal.append(record(1))
        (path,) = (tmp_path / JOURNAL).glob("w*.log")
        size = path.stat().st_size
        key = Key(id="k", prefix="fh", name="k", organisation="o", project="p", role="admin", created_at=0)

        def fills_the_disk() -> None:
            fd = os.open(path, os.O_WRONLY | os.O_APPEND)
            while True:  # what was taken in part is cut off again, as `Journal` does
                os.write(fd, b"x" * 200_000)
                os.ftruncate(fd, size)

        def asks() -> None:
            receipts = Receipts(tmp_path)
            for _ in range(2_000):
                with contextlib.suppress(NotFound):
                    receipts.receipt("rec_" + "0" * 32, key, 1_790_000_000)

        writing = forked(fills_the_disk)
        try:
            assert os.waitpid(forked(asks), 0)[1] == 0
        finally:
            os.kill(writing, signal.SIGKILL)
            os.waitpid(writing, 0)


@pytest.mark.parametrize("path", ["/v1/receipts/", "/v1/traces/"])
async def test_what_a_journal_holds_is_pending_for_its_project_however_long_the_writer_is_stuck(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    async with running(tmp_path, ECHO) as door:
        ours, theirs = member(door, "ours"), member(door, "theirs")
        receipt_id = await ask(door, authorization=ours)
        monkeypatch.setattr("freehold.gateway.receipts.PENDING_SECONDS", 0)
        keys = (ours, theirs, f"Bearer {door.key}")
        assert [(await door.get(path + receipt_id, authorization=key)).status for key in keys] == [202, 404, 202]
        other = receipt_id[:-4] + ("0000" if receipt_id[-4:] != "0000" else "1111")
        assert (await door.get(path + other)).status == 404


async def test_a_key_gets_the_receipts_of_its_own_project_and_an_admin_all(door: Door) -> None:
    ours, theirs = member(door, "ours"), member(door, "theirs")
    receipt_id = await ask(door, authorization=ours)
    door.write_ledger()
    path = f"/v1/receipts/{receipt_id}"
    statuses = [(await door.get(path, authorization=key)).status for key in (ours, theirs, f"Bearer {door.key}", "")]
    assert statuses == [200, 404, 200, 401]


@pytest.mark.parametrize(
    "about",
    ["rec_0123", "nothing", "rec_018bcfe5687f7000800000000000abcd", "..%2F..%2Fadmin.key", "rec_" + "f" * 32],
)
async def test_what_is_no_receipt_of_ours_is_not_found(door: Door, about: str) -> None:
    answer = await door.get(f"/v1/receipts/{about}")
    assert (answer.status, answer.json["error"]["code"]) == (404, "not-found")


async def test_the_whole_log_can_be_verified_over_http(door: Door) -> None:
    for _ in range(3):
        await ask(door)
    door.write_ledger()
    files: dict[str, bytes] = {}

    async def fetch(path: str) -> bool:
        answer = await door.get(f"/ledger/{path}")
        files[path] = answer.body
        return answer.status == 200

    size = int((await door.get("/ledger/checkpoint")).body.split(b"\n")[1])
    assert await fetch("checkpoint")
    assert await fetch(f"tile/0/000.p/{size}")
    assert await fetch(f"tile/entries/000.p/{size}")
    keys = [parse_verifier_key(line) for line in (await door.get("/ledger/key")).body.decode().split()]

    def read(path: str) -> bytes:
        if path not in files:
            raise FileNotFoundError(path)
        return files[path]

    assert verify_log(read, keys).opened.checkpoint.size == size


async def test_hashes_are_for_everybody_and_entries_for_admins_until_they_are_opened(door: Door) -> None:
    await ask(door)
    door.write_ledger()
    size = int((await door.get("/ledger/checkpoint", authorization="")).body.split(b"\n")[1])
    tile, bundle = f"/ledger/tile/0/000.p/{size}", f"/ledger/tile/entries/000.p/{size}"
    hashes = await door.get(tile, authorization="")
    assert (hashes.status, len(hashes.body)) == (200, 32 * size)
    assert hashes.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert (await door.get(bundle, authorization="")).status == 401
    assert (await door.get(bundle, authorization=member(door, "any"))).status == 403
    (door.data / "freehold.toml").write_text('[ledger]\nentries = "open"\n' + ECHO)
    door.worker.reload()
    assert (await door.get(bundle, authorization="")).status == 200


@pytest.mark.parametrize(
    "path",
    ["log.keys", "../log.keys", "%2e%2e/log.keys", "tile/0/000/../../../log.keys", "tile/0/999", "tile/00/000", ""],
)
async def test_no_other_file_is_shown(door: Door, path: str) -> None:
    await ask(door)
    door.write_ledger()
    answer = await door.get(f"/ledger/{path}")
    assert answer.status == 404
    assert b"PRIVATE" not in answer.body


async def test_receipts_are_given_while_requests_are_answered(door: Door) -> None:
    receipt_id = await ask(door)
    door.write_ledger()
    answers = await asyncio.gather(
        *(door.get(f"/v1/receipts/{receipt_id}") for _ in range(10)),
        *(door.post("/v1/chat/completions", SAID) for _ in range(10)),
    )
    assert {answer.status for answer in answers} == {200}
