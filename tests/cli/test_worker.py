"""One worker process by itself, started as the supervisor starts it: what it is handed, when it speaks, how it ends."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from cli.house_running import PATIENCE, clean
from freehold.cli.promoted import write_serving
from freehold.cli.running import Running, get, post
from freehold.cli.settings import known_vendors
from freehold.config.reading import read
from freehold.gateway.in_force import InForce
from freehold.gateway.supervisor import Bookkeeper
from freehold.processes import PARENT_FD
from freehold.store.database import open_database
from freehold.store.drain import Drain
from freehold.store.folder import JOURNAL
from freehold.vendors.own import Served

ENGINE = "http://127.0.0.1:9/v1"


@contextlib.contextmanager
def worker(
    data: Path, in_force: InForce | None = None, parent: int | None = None
) -> Generator[tuple[subprocess.Popen[bytes], int, int]]:
    """Worker 3 of this data folder: its process, the port of its socket, and where it says that it is ready. It is handed what
    freehold.toml says now, or `in_force`, and the pipe of its supervisor where there is one."""
    reads, writes = os.pipe()
    handed = in_force or InForce.make(read(data / "freehold.toml", {}, known_vendors()))
    argv = [sys.executable, "-m", "freehold.cli.worker", "--data", str(data), "--number", "3", "--ready", str(writes)]
    inherited = [writes, handed.fd, *([parent] if parent is not None else [])]
    environ = {PARENT_FD: str(parent)} if parent is not None else {}
    with socket.create_server(("127.0.0.1", 0)) as listening, contextlib.closing(handed):
        argv += ["--fd", str(listening.fileno()), "--settings", str(handed.fd)]
        process = subprocess.Popen(
            argv, env=clean() | environ, pass_fds=(listening.fileno(), *inherited), stderr=subprocess.PIPE
        )
        os.close(writes)
        try:
            yield process, listening.getsockname()[1], reads
        finally:
            process.kill()
            process.communicate(timeout=PATIENCE)
            os.close(reads)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    Bookkeeper(tmp_path).prepare()
    (tmp_path / "run").mkdir(exist_ok=True)
    (tmp_path / "freehold.toml").write_text(
        '[vendors.echo]\n[workloads.mine]\nroute = ["own/a"]\n[own.a]\nweights = "a"\n'
    )
    write_serving(tmp_path, {"a": Served(base_url=ENGINE, weights="a" * 64)}, {})
    return tmp_path


def test_it_says_its_number_once_it_takes_requests_and_ends_well_on_sigterm(data: Path) -> None:
    with worker(data) as (process, port, says):
        assert os.read(says, 100) == b"3\n"
        (data / "freehold.toml").write_text("[door]\nport = -1\n")  # what nobody has put in force is nothing to it
        door = Running(f"http://127.0.0.1:{port}", (data / "admin.key").read_text().strip())
        asked = {"model": "echo/echo", "messages": [{"role": "user", "content": "hi"}]}
        response = post(door, "/v1/chat/completions", asked)
        receipt = response.getheader("x-freehold-receipt")
        response.read()
        models = {row["id"] for row in get(door, "/v1/models")["data"]}
        assert {"own/a", "mine", "echo/echo"} <= models
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    with contextlib.closing(open_database(data)) as db:
        Drain(db, data / JOURNAL).drain_once()
        assert db.execute("SELECT id, status FROM records").fetchall() == [(receipt, "answered")]
    assert list((data / JOURNAL).iterdir()) == []


def test_it_ends_well_when_the_pipe_of_its_supervisor_closes(data: Path) -> None:
    reads, writes = os.pipe()
    (data / "freehold.toml").write_text("[vendors.echo]\n")
    with worker(data, parent=reads) as (process, _, says):
        assert os.read(says, 100) == b"3\n"
        os.close(writes)
        assert process.wait(PATIENCE) == 0
    os.close(reads)


def test_with_settings_that_no_engine_serves_it_never_says_that_it_is_ready(data: Path) -> None:
    unserved = InForce.make(read(data / "freehold.toml", {}, known_vendors()))
    write_serving(data, {}, {})
    with worker(data, unserved) as (process, _, says):
        assert os.read(says, 100) == b""
        assert process.wait(PATIENCE) != 0


def test_it_loads_no_command_line_library() -> None:
    code = (
        "import freehold.cli.worker, sys; print([name for name in ('typer', 'click', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
