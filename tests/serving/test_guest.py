"""A program of others as a child of ours: it ends with us, and so does what it started."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from cli.house_running import clean, until
from freehold.processes import PARENT_FD
from freehold.serving import guest
from freehold.serving.guest import keep

STUBBORN = """
import signal, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
signal.signal(signal.SIGTERM, lambda *_: None)
open(sys.argv[1], "w").write(str(child.pid))
time.sleep(60)
"""


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits to be asked for its exit code does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_it_ends_as_the_program_does() -> None:
    assert await keep([sys.executable, "-c", "raise SystemExit(3)"], clean()) == 3
    assert await keep([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"], clean()) == 137


async def test_a_program_that_is_not_there_is_told(caplog: pytest.LogCaptureFixture) -> None:
    assert await keep(["/no/such/program"], clean()) == 127
    assert "/no/such/program cannot be started: " in caplog.text


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked at in /proc")
@pytest.mark.parametrize("how", ["told", "orphaned"])
async def test_the_program_and_its_children_end_when_it_is_told_and_when_its_parent_is_gone(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guest, "GRACE_SECONDS", 0.1)
    reads, writes = os.pipe()
    seen = tmp_path / "child"
    environ = clean() | {PARENT_FD: str(reads)}
    keeping = asyncio.create_task(keep([sys.executable, "-c", STUBBORN, str(seen)], environ))
    await until(lambda: seen.exists() and seen.read_text().isdigit(), "the program runs")
    child = int(seen.read_text())
    assert alive(child)
    if how == "told":
        os.kill(os.getpid(), signal.SIGTERM)
    else:
        os.close(writes)
    assert await keeping == 0
    await until(lambda: not alive(child), "the program's child has ended")
    os.close(reads)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a process of the end of its parent")
async def test_the_program_ends_when_whoever_keeps_it_is_killed(tmp_path: Path) -> None:
    seen = tmp_path / "program"
    program = "import os, sys, time; open(sys.argv[1], 'w').write(f'{os.getpid()}.'); time.sleep(60)"
    argv = [sys.executable, "-m", "freehold.serving.guest", sys.executable, "-c", program, str(seen)]
    keeping = await asyncio.create_subprocess_exec(*argv, env=clean())
    await until(lambda: seen.exists() and seen.read_text().endswith("."), "the program runs")
    kept = int(seen.read_text().removesuffix("."))
    assert alive(kept)
    keeping.kill()
    await keeping.wait()
    await until(lambda: not alive(kept), "the program has ended")
