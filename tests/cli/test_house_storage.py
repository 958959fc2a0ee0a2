"""A whole Freehold before a real S3 server: contents move there, survive a kill, are read and erased by the commands."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.house_running import clean, command, freehold, house, until
from freehold.gateway.ledger_folder import LedgerFolder
from freehold.ledger.verify import verify_log
from gateway.door_in_process import Answer
from ledger.object_server import BUCKET, ObjectServer, object_server

WORD = "a-word-that-nobody-may-see"


@pytest.fixture(scope="module")
def server() -> Iterator[ObjectServer]:
    with object_server() as running:
        yield running


def toml(server: ObjectServer) -> str:
    return f"""
        [ledger]
        origin = "log.example/storage"
        durability = "process"
        contents = true

        [ledger.storage]
        url = "s3://{BUCKET}/house"
        endpoint = "{server.endpoint}"
        region = "us-east-1"
        access_key = {{ file = "name" }}
        secret_key = {{ file = "word" }}

        [vendors.echo]
    """


def seen_by_everybody() -> str:
    """The command lines of all processes of this machine."""
    return subprocess.run(["ps", "-A", "-ww", "-o", "args="], capture_output=True, text=True, check=True).stdout


def audit(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A command in the folder of freehold.toml, which has the key of the store."""
    argv = command("audit", *words, "--data", str(folder / "data"))
    return subprocess.run(argv, cwd=folder, env=clean(), capture_output=True, text=True, timeout=60, check=False)


def contents(folder: Path, receipt: str) -> list[tuple[str, str | None]]:
    done = audit(folder, "show", receipt, "--contents", "--json")
    assert done.returncode == 0, done.stderr
    return [(one["state"], one.get("text")) for one in json.loads(done.stdout)[0]["contents"]]


def written(folder: Path, answers: list[Answer]) -> bool:
    """Whether the segments in a folder hold the record of each answer."""
    held = b"".join(path.read_bytes() for path in folder.iterdir())
    return all(answer.headers["x-freehold-receipt"].encode() in held for answer in answers)


async def test_contents_move_to_the_store_and_are_read_and_erased_there(tmp_path: Path, server: ObjectServer) -> None:
    (tmp_path / "name").write_text("test\n")
    (tmp_path / "word").write_text(f"{WORD}\n")
    store = server.store("house")
    async with house(tmp_path, toml(server)) as door:
        answers = [
            await door.ask(
                {"model": "echo/echo", "messages": [{"role": "user", "content": f"claim {number}"}]},
                x_freehold_subject=subject,
            )
            for number, subject in enumerate(("jane", "john", "jane"))
        ]
        assert [answer.status for answer in answers] == [200] * 3
        writer = door.ledger_writer()
        assert writer is not None
        assert WORD not in seen_by_everybody()
        await until(lambda: len(LedgerFolder(door.data).verifiers()) == 1, "the ledger has begun")
        await until(lambda: "checkpoint" in set(store.list("log")), "the log is copied")
        await until(
            lambda: written(LedgerFolder(door.data).contents / "open", answers), "the contents are in its segment"
        )
        os.kill(writer, signal.SIGKILL)  # its segment is settled by the next one, and moves
        await until(lambda: list(store.list("contents")), "the contents of the dead one have moved")
        assert await door.end() == 0
    first, second, third = (answer.headers["x-freehold-receipt"] for answer in answers)
    async with house(tmp_path, toml(server)) as door:
        folder = LedgerFolder(door.data)
        await until(lambda: not list((folder.contents / "segments").iterdir()), "everything has moved")
        for number, receipt in enumerate((first, second, third)):
            (request, _) = contents(tmp_path, receipt)
            assert request[0] == "opens"
            assert f"claim {number}" in (request[1] or "")
        erased = audit(tmp_path, "erase", "jane", "--basis", "GDPR Art. 17(1)(b)", "--yes")
        assert (erased.returncode, erased.stdout[:18]) == (0, "Erased: 2 records "), erased.stderr
        assert [state for state, _ in contents(tmp_path, first)] == ["erased", "erased"]
        assert [state for state, _ in contents(tmp_path, second)] == ["opens", "opens"]
        await until(lambda: not list((folder.contents / "doomed").iterdir()), "what was erased has left the store")
        await until(lambda: not list((folder.contents / "segments").iterdir()), "what was rewritten has moved")
        left = b"".join(store.get(f"contents/{name}") for name in store.list("contents"))
        assert [receipt.encode() in left for receipt in (first, second, third)] == [False, True, False]
        assert await door.end() == 0
    proof = verify_log(lambda path: store.get(f"log/{path}"), LedgerFolder(tmp_path / "data").verifiers())
    assert proof.opened.checkpoint.size >= 6
    assert WORD not in (tmp_path / "up.log").read_text()


async def test_another_place_is_refused_at_the_start(tmp_path: Path, server: ObjectServer) -> None:
    (tmp_path / "name").write_text("test\n")
    (tmp_path / "word").write_text(f"{WORD}\n")
    async with house(tmp_path, toml(server)) as door:
        assert await door.end() == 0
    (tmp_path / "freehold.toml").write_text('[ledger]\nstorage = "s3://elsewhere"\n[vendors.echo]\n')
    words = ("up", "--port", "0", "--data", str(tmp_path / "data"), "--config", str(tmp_path / "freehold.toml"))
    done = freehold(*words)
    assert done.returncode == 1
    assert (
        f"Contents of this ledger lie in s3://{BUCKET}/house, and the configuration names s3://elsewhere" in done.stderr
    )
