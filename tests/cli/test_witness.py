"""`freehold witness`: the real process over loopback, asked as a log asks it, killed, and asked again."""

import asyncio
import contextlib
import errno
import http.client
import json
import os
import signal
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple

import pytest

from cli.house_running import PATIENCE, clean, command, freehold
from freehold.cli.witness import own_key
from freehold.errors import ConfigError, StoreError
from freehold.ledger.notes import parse_verifier_key
from freehold.ledger.witness import take_cosignatures, write_request
from ledger.writer import LOG, STRANGER, Log, entries_of


class Running(NamedTuple):
    """A witness that runs, and the key line that it printed."""

    process: subprocess.Popen[str]
    port: int
    key: str

    def ask(self, body: bytes, path: str = "/add-checkpoint", method: str = "POST") -> tuple[int, str, bytes]:
        """Status, content type and body of its answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, answer.getheader("content-type") or "", answer.read()
        finally:
            connection.close()


@contextlib.contextmanager
def witness(folder: Path, *more: str) -> Generator[Running]:
    """`freehold witness` on a free port, ended when the block ends."""
    words = ("witness", "--data", str(folder), "--log", str(LOG.verifier), "--port", "0", *more)
    process = subprocess.Popen(command(*words), env=clean(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        ready = process.stdout.readline()
        assert ready.startswith("ready http://127.0.0.1:"), process.stderr.read() if process.stderr else ready
        yield Running(process, int(ready.rpartition(":")[2]), process.stdout.readline().strip())
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)


def request(old: int, log: Log) -> bytes:
    return write_request(old, log.consistency(old), log.checkpoint)


def test_it_cosigns_what_continues_and_says_where_it_stands_otherwise(tmp_path: Path) -> None:
    ten, twelve = Log(entries_of(10)), Log(entries_of(12))
    forked = Log([b"another", *entries_of(12)[1:]])
    with witness(tmp_path, "--name", "witness.example/audit") as running:
        key = parse_verifier_key(running.key)
        assert (key.name, key.algorithm) == ("witness.example/audit", 4)
        status, _, body = running.ask(request(0, ten))
        assert status == 200
        assert take_cosignatures(ten.checkpoint, body, [key]).count("— witness.example/audit ") == 1
        assert running.ask(request(0, twelve)) == (409, "text/x.tlog.size", b"10\n")
        assert running.ask(request(10, forked))[0] == 422
        assert running.ask(request(10, twelve))[0] == 200
        assert running.ask(request(10, twelve)) == (409, "text/x.tlog.size", b"12\n")
        assert running.ask(b"", "/", "GET")[2].decode() == f"{running.key}\n\n12 log.example/freehold\n"


def test_a_killed_witness_remembers_every_answer_that_it_gave(tmp_path: Path) -> None:
    with witness(tmp_path) as running:
        first = running.key
        assert running.ask(request(0, Log(entries_of(7))))[0] == 200
        running.process.send_signal(signal.SIGKILL)
    with witness(tmp_path) as running:
        assert running.key == first
        assert running.ask(request(0, Log(entries_of(5)))) == (409, "text/x.tlog.size", b"7\n")
        assert running.ask(request(7, Log(entries_of(9))))[0] == 200


def test_logs_that_it_does_not_watch_and_keys_that_it_does_not_trust_are_refused(tmp_path: Path) -> None:
    with witness(tmp_path) as running:
        other = Log(entries_of(3), (STRANGER,), "log.example/other")
        assert running.ask(request(0, other))[0] == 404
        forged = Log(entries_of(3), (STRANGER,))
        assert running.ask(request(0, forged))[0] == 403
        assert running.ask(b"nonsense")[0] == 400
        assert running.ask(b"x" * (1 << 18 | 1))[0] == 413
        assert running.ask(b"", "/add-checkpoint", "GET")[0] == 405
        assert running.ask(b"", "/elsewhere")[0] == 404


def test_a_log_that_is_named_twice_is_watched_as_one(tmp_path: Path) -> None:
    with witness(tmp_path, "--log", str(LOG.verifier)) as running:
        assert running.ask(request(0, Log(entries_of(7))))[0] == 200


async def test_of_two_histories_at_once_it_vouches_for_one(tmp_path: Path) -> None:
    logs = [Log([b"%d" % number, *entries_of(40)]) for number in range(8)]
    with witness(tmp_path) as running:
        answers = await asyncio.gather(*(asyncio.to_thread(running.ask, request(0, log)) for log in logs))
        assert sorted(status for status, _, _ in answers) == [200, *[409] * 7]


def test_sigterm_ends_it_well_and_json_says_the_same(tmp_path: Path) -> None:
    with witness(tmp_path) as running:
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(PATIENCE) == 0
        first = running.key
    words = ("witness", "--data", str(tmp_path), "--log", str(LOG.verifier), "--port", "0", "--json")
    process = subprocess.Popen(command(*words), env=clean(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        assert said["key"] == first
        assert said["url"].startswith("http://127.0.0.1:")
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)


def test_its_key_is_private_and_keeps_its_name(tmp_path: Path) -> None:
    made = own_key(tmp_path, "witness.example/a", 0x06)
    assert own_key(tmp_path, None, 0x04) == made
    assert (tmp_path / "witness.key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(ConfigError, match=r"is called 'witness\.example/a', not 'witness\.example/b'"):
        own_key(tmp_path, "witness.example/b", 0x04)
    (tmp_path / "witness.key").chmod(0o644)
    with pytest.raises(StoreError, match="Others may read"):
        own_key(tmp_path, None, 0x04)


def test_a_disk_that_is_full_at_the_first_start_leaves_no_half_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(StoreError, match=r"No key can be kept in .*: No space left on device"):
            own_key(tmp_path, "witness.example/a", 0x04)
    (tmp_path / ".witness.key").write_text("PRIVATE+KEY+wit")  # what a death in between leaves
    assert own_key(tmp_path, "witness.example/a", 0x04) == own_key(tmp_path, None, 0x04)


def test_a_log_key_that_is_none_is_told_and_makes_nothing(tmp_path: Path) -> None:
    done = freehold("witness", "--data", str(tmp_path / "new"), "--log", "nonsense")
    assert not (tmp_path / "new").exists()
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("'nonsense' is not a key:")
