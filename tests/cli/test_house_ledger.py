"""The ledger from outside: a real `freehold up` whose processes are killed, whose disk is full, whose files are torn.

`FREEHOLD_DRILL` is how many answers each drill is about: 10,000 to see what the issue asks for. Its figures are shown with
`--log-cli-level=info`.
"""

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cli.drill import ASKED, SAID, WORDS, Drill
from cli.house_running import house, until
from cli.ledger_reading import answers, checkpoint, contents, entries, log_folder, places, stored_ids
from freehold.errors import OpeningRefused
from freehold.ledger.commitments import verify
from gateway.door_in_process import Answer
from gateway.misbehaving import misbehaving

DRILL = int(os.environ.get("FREEHOLD_DRILL", "300"))
SEED = 20_261_125
REFUSED = {"/v1/chat/completions": "server_error", "/v1/messages": "overloaded_error"}
ENDS = {"/v1/chat/completions": b"data: [DONE]", "/v1/messages": b"event: message_stop"}
UNKEPT = b" could not be written: "
STUCK = "records cannot be moved on; they stay in the journal and nothing is lost"
OUTCOMES = {200: "answered", 503: "failed", 404: "refused"}

log = logging.getLogger("drill")


def toml(durability: str, more: str = "") -> str:
    return f"""
        [ledger]
        origin = "log.example/drill"
        durability = "{durability}"
        {more}

        [vendors.echo]

        [prices."echo/echo"]
        input = 1000
        output = 1000

        [workloads.default]
        route = ["requested"]

        [workloads.down]
        route = ["echo/down"]
        retries = 0
    """


# --- processes that are killed ---


@pytest.mark.parametrize("durability", ["process", "disk"])
async def test_every_whole_answer_has_one_entry_whichever_process_is_killed_when(
    tmp_path: Path, durability: str
) -> None:
    drill = Drill(tmp_path, toml(durability), DRILL, SEED)
    data = await drill.run()
    logged = answers(data, drill.older)
    log.info(
        "%s: %d whole answers, %d cut, %d turned away, kills %s, %d entries of answers, %d older checkpoints",
        *(durability, len(drill.whole), drill.cut, drill.turned_away, dict(drill.kills), len(logged), len(drill.older)),
    )

    assert [answer.status for _, answer in drill.whole] == [ASKED[kind][2] for kind, _ in drill.whole]
    assert set(drill.kills) == {"worker", "ledger", "supervisor"}
    times = Counter(entry.id for entry in logged)
    receipts = {whole.receipt for whole in drill.whole}
    assert len(receipts) == len(drill.whole) >= DRILL
    assert sorted(receipts - set(times)) == []
    assert [entry_id for entry_id, count in times.items() if count > 1] == []
    assert stored_ids(data) == sorted(times)
    assert list((data / "journal").iterdir()) == []

    of = {entry.id: entry for entry in logged}
    told = {(whole.answer.status, of[whole.receipt].body["outcome"]) for whole in drill.whole}
    assert told == set(OUTCOMES.items())
    # Only a finished answer waits for the disk.
    assert {entry.body["durability"] for entry in logged if entry.body["outcome"] == "answered"} == {durability}
    assert {entry.body.get("cost") for entry in logged if entry.body["outcome"] == "answered"} == {12_000_000}

    # Nothing is in the log that the store does not know the place of.
    found = [(place, entry.kind, entry.id) for place, entry in enumerate(entries(data, drill.older))]
    assert found == places(data)
    assert Counter(kind for _, kind, _ in found if kind != "answer") == {"key.created": 1, "policy": 1}


async def test_a_sigterm_while_the_ledgers_writer_is_between_two_lives_leaves_nothing_in_the_journal(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, toml("process")) as door:
        for _ in range(4):  # each death makes the pause before the next life longer: the last is 1.3 s at least
            await until(door.ledger_writer, "the ledger's writer runs")
            os.kill(door.ledger_writer() or 0, signal.SIGKILL)
            await until(lambda: door.ledger_writer() is None, "it is dead")
        answer = await door.say("echo/echo", WORDS)
        assert answer.status == 200
        assert await door.end() == 0
    assert list((door.data / "journal").iterdir()) == []
    assert [entry.id for entry in answers(door.data)] == [answer.headers["x-freehold-receipt"]]


# --- what entries commit to ---


EMBED = ("/v1/embeddings", {"model": "echo/echo", "input": ["a b", "c"]}, 200)
COUNT = ("/v1/messages/count_tokens", {"model": "echo/echo", "messages": SAID}, 200)
GARBAGE = ("/v1/chat/completions", {"model": "echo/echo", "messages": 7}, 400)
BREAKS = ("/v1/chat/completions", {"model": "breaks", "messages": SAID, "stream": True}, 200)


@pytest.mark.parametrize("kept", [True, False], ids=["contents kept", "salts only"])
async def test_an_entry_commits_to_exactly_the_bytes_that_its_caller_sent_and_received(
    tmp_path: Path, kept: bool
) -> None:
    asked = (*ASKED, EMBED, COUNT, GARBAGE, BREAKS)
    async with misbehaving() as upstream:
        more = f"""
            [vendors.bad]
            speaks = "openai-chat"
            base_url = "{upstream.base_url}"

            [workloads.breaks]
            route = ["bad/cut-politely"]
        """
        configured = toml("process", f"contents = {str(kept).lower()}") + more
        async with house(tmp_path, configured) as door:
            received = [await door.ask(body, path) for path, body, _ in asked]
            assert await door.end() == 0
    assert [answer.status for answer in received] == [status for _, _, status in asked]
    assert b"The vendor's stream ended before the answer was complete." in received[-1].body

    of = {entry.id: entry.body["commitments"] for entry in answers(door.data)}
    assert len(of) == len(asked)
    for (_, body, status), answer in zip(asked, received, strict=True):
        receipt = answer.headers["x-freehold-receipt"]
        fields = contents(door.data, receipt).fields
        sent = msgspec.json.encode(body)
        verify(bytes.fromhex(of[receipt]["request"]), fields["request"].salt, sent)
        verify(bytes.fromhex(of[receipt]["response"]), fields["response"].salt, answer.body)
        with pytest.raises(OpeningRefused):
            verify(bytes.fromhex(of[receipt]["response"]), fields["response"].salt, answer.body + b"\n")
        if status != 400:  # of what cannot be read, whose workload nobody knows, the salts are kept and no more
            assert fields["request"].content == (sent if kept else None)
            assert fields["response"].content == (answer.body if kept else None)


# --- a disk that is full ---


@contextlib.asynccontextmanager
async def full(disk: Path) -> AsyncGenerator[None]:
    """Keeps this disk full inside the block, whatever others give free on it."""
    filler = disk / "filler"
    filled, ended = asyncio.Event(), asyncio.Event()

    async def fill() -> None:
        with filler.open("wb", buffering=0) as file:
            while not ended.is_set():
                with contextlib.suppress(OSError):
                    while True:
                        file.write(bytes(4096))
                filled.set()
                await asyncio.sleep(0.002)

    filling = asyncio.create_task(fill())
    await filled.wait()
    try:
        yield
    finally:
        ended.set()
        await filling
        filler.unlink()


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[Path]:
    """A data folder that is a disk of its own, of 64 MB."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    words = ["mount", "-t", "tmpfs", "-o", "size=64m,mode=700", "tmpfs", str(data)]
    if not shutil.which("mount") or subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here; it takes the right to mount")
    try:
        yield data
    finally:
        subprocess.run(["umount", str(data)], check=True)


async def test_on_a_full_disk_nothing_is_answered_that_is_not_kept_and_it_goes_on_when_there_is_room(
    tmp_path: Path, small_disk: Path
) -> None:
    by_disk = '\n[workloads.by-disk]\nroute = ["echo/echo"]\ndurability = "disk"\n'
    relaxed = '\n[workloads.relaxed]\nroute = ["echo/echo"]\ndurability = "relaxed"\n'
    paths = {"/v1/chat/completions", "/v1/messages"}
    asked = [
        (path, {"model": model, "max_tokens": 50, "messages": SAID})
        for path in sorted(paths)
        for model in ("echo/echo", "by-disk")
    ]
    whole: list[Answer] = []

    async def ask(path: str, body: dict[str, Any], **more: Any) -> Answer:
        answer = await door.ask({**body, **more}, path)
        if answer.status == 200 and UNKEPT not in answer.body:
            whole.append(answer)
        return answer

    async with house(tmp_path, toml("process") + by_disk + relaxed) as door:
        for path, body in asked:
            assert (await ask(path, body)).status == 200
        writer = door.ledger_writer()
        assert writer is not None
        os.kill(writer, signal.SIGSTOP)
        for _ in range(300):  # more than a tile holds, and all of it still to be moved on
            assert (await ask(*asked[0])).status == 200
        async with full(small_disk):
            os.kill(writer, signal.SIGCONT)
            await until(lambda: STUCK in door.log.read_text(), "the ledger's writer has no room either", door)
            for path, body in asked:
                answer = await ask(path, body)
                while answer.status == 200:  # the last page of the journal has some room yet
                    answer = await ask(path, body)
                assert (answer.status, answer.json["error"]["type"]) == (503, REFUSED[path])
                assert UNKEPT in answer.body
                streamed = await ask(path, body, stream=True)
                while ENDS[path] in streamed.body:
                    streamed = await ask(path, body, stream=True)
                assert UNKEPT in streamed.body
            held = await ask("/v1/chat/completions", {"model": "relaxed", "messages": SAID})
            assert held.status == 200
        for path, body in asked:
            assert (await ask(path, body)).status == 200
            assert ENDS[path] in (await ask(path, body, stream=True)).body
        assert await door.end() == 0
    said = door.log.read_text()
    assert (said.count("of a failed request could not be kept"), said.count(STUCK)) == (1, 1), "not once for each"
    assert "Traceback" not in said

    logged = answers(small_disk)
    times = Counter(entry.id for entry in logged)
    assert set(times.values()) == {1}
    assert sorted({answer.headers["x-freehold-receipt"] for answer in whole} - set(times)) == []
    assert stored_ids(small_disk) == sorted(times)


# --- files that are torn ---


async def test_a_start_mends_what_a_crash_left_torn(tmp_path: Path) -> None:
    async with house(tmp_path, toml("process")) as door:
        first = await door.say("echo/echo", WORDS)
        await until(lambda: stored_ids(door.data), "the first answer is stored")
        old = checkpoint(door.data)
        assert old is not None
        rest = [await door.say("echo/echo", WORDS) for _ in range(5)]
        assert await door.end() == 0
    data, log = door.data, log_folder(door.data)
    size = len(places(data))
    signed = checkpoint(data)
    assert signed is not None

    (data / "journal" / "w01-1-1.log").write_bytes(b'{"id":"rec_torn","started_at":17')
    for width in (f"000.p/{size + 1}", f"000.p/{size + 2}", "000", "001.p/3"):
        for level in ("entries", "0"):
            path = log / "tile" / level / width
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"\xff" * 40)
    for left in (old, None):
        (log / "checkpoint").unlink()
        if left is not None:
            (log / "checkpoint").write_bytes(left)
        async with house(tmp_path, toml("process")) as door:
            assert checkpoint(data) == signed
            rest.append(await door.say("echo/echo", WORDS))
            assert await door.end() == 0
        signed = checkpoint(data)
        assert signed is not None

    logged = [entry.id for entry in answers(data, [old])]
    assert logged == [answer.headers["x-freehold-receipt"] for answer in (first, *rest)]
    assert stored_ids(data) == sorted(logged)
    assert list((data / "journal").iterdir()) == []
