"""The process that writes the ledger, by itself: started as the supervisor starts it, under its own name, to its end."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path

import msgspec
import pytest

from cli.house_running import PATIENCE, clean
from cli.ledger_reading import answers, checkpoint, stored_ids
from freehold.config.settings import Ledger
from freehold.gateway.ledger_writer import LEDGER
from freehold.processes import PARENT_FD
from freehold.store.database import open_database
from freehold.store.folder import JOURNAL
from freehold.store.journal import Journal
from store.samples import record

ON = Ledger(origin="log.example/test")


@contextlib.contextmanager
def writer(
    data: Path, settings: Ledger = ON, environ: dict[str, str] | None = None
) -> Generator[subprocess.Popen[str]]:
    """The process, with what it says on stderr to be read from it."""
    more = environ or {}
    argv = [sys.executable, "-m", "freehold.cli.ledger_writer", "--data", str(data)]
    argv += ["--log", "warning"]
    given = {LEDGER: msgspec.json.encode(settings).decode()}
    process = subprocess.Popen(
        argv, env=clean() | given | more, pass_fds=[*map(int, more.values())], stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    open_database(tmp_path).close()
    (tmp_path / JOURNAL).mkdir(mode=0o700)
    return tmp_path


def until(holds: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"it never came to this: {what}"
        time.sleep(0.02)


def listening_to_signals(data: Path) -> None:
    """Waits until the process is in its rounds: the first record is in the log."""
    with contextlib.closing(Journal(data / JOURNAL, 0)) as journal:
        journal.append(record(0))
        until(lambda: stored_ids(data), "the first record is stored")
        until(lambda: checkpoint(data), "the first checkpoint is published")


def arguments(pid: int) -> list[str]:
    listed = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=True)
    return listed.stdout.split()


def test_on_sigterm_everything_that_was_journaled_is_in_the_ledger(data: Path) -> None:
    with writer(data) as process:
        listening_to_signals(data)
        assert arguments(process.pid)[1:3] == ["-m", "freehold.cli.ledger_writer"]
        # Stopped, so that no round can take these before the signal does its work.
        process.send_signal(signal.SIGSTOP)
        with contextlib.closing(Journal(data / JOURNAL, 1)) as journal:
            for number in range(1, 300):
                journal.append(record(number))
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)
        assert process.wait(PATIENCE) == 0
    assert [entry.id for entry in answers(data)] == [f"rec_{number:06}" for number in range(300)]
    assert stored_ids(data) == [f"rec_{number:06}" for number in range(300)]
    assert list((data / JOURNAL).iterdir()) == []


def test_sigint_of_the_terminal_ends_it_as_well(data: Path) -> None:
    with writer(data) as process:
        listening_to_signals(data)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0


def test_when_its_supervisor_is_gone_it_writes_what_is_there_and_ends(data: Path) -> None:
    reads, writes = os.pipe()
    with writer(data, environ={PARENT_FD: str(reads)}) as process:
        listening_to_signals(data)
        process.send_signal(signal.SIGSTOP)
        with contextlib.closing(Journal(data / JOURNAL, 1)) as journal:
            journal.append(record(1))
            os.close(writes)
            process.send_signal(signal.SIGCONT)
            assert process.wait(PATIENCE) == 0
    os.close(reads)
    assert [entry.id for entry in answers(data)] == ["rec_000000", "rec_000001"]


def test_a_kill_loses_nothing_and_repeats_nothing(data: Path) -> None:
    for life in range(5):
        with writer(data) as process, contextlib.closing(Journal(data / JOURNAL, life)) as journal:
            for number in range(40):
                journal.append(record(40 * life + number))
            until(lambda life=life: len(stored_ids(data)) > 40 * life, "it has begun on these")
            process.kill()
            process.wait(PATIENCE)
    with writer(data) as process:
        until(lambda: len(answers(data)) == 200, "the rest is in the log")
        process.terminate()
        process.wait(PATIENCE)
    assert sorted(entry.id for entry in answers(data)) == [f"rec_{number:06}" for number in range(200)]


def test_without_a_ledger_it_stores_records_and_makes_no_log(data: Path) -> None:
    with writer(data, Ledger(enabled=False)) as process:
        with contextlib.closing(Journal(data / JOURNAL, 0)) as journal:
            journal.append(record(1))
            until(lambda: stored_ids(data), "the record is stored")
        process.terminate()
        assert process.wait(PATIENCE) == 0
    assert not (data / "ledger").exists()


def test_it_steps_back_behind_the_workers_and_loads_no_command_line_library(data: Path) -> None:
    with writer(data) as process:
        listening_to_signals(data)
        if hasattr(os, "SCHED_BATCH"):
            assert os.sched_getscheduler(process.pid) == os.SCHED_BATCH
        else:
            assert os.getpriority(os.PRIO_PROCESS, process.pid) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 5)
    code = (
        "import freehold.cli.ledger_writer, sys; "
        "print([name for name in ('typer', 'click', 'rich', 'uvloop') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_log_of_another_name_is_an_error_and_nothing_is_written(data: Path) -> None:
    with writer(data) as process:
        listening_to_signals(data)
        process.terminate()
        process.wait(PATIENCE)
    before = checkpoint(data)
    with writer(data, Ledger(origin="log.example/other")) as process:
        _, said = process.communicate(timeout=PATIENCE)
        assert process.returncode == 1
    assert "is called 'log.example/test', and the configuration calls it 'log.example/other'" in said
    assert checkpoint(data) == before
