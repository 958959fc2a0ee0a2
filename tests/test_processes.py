"""Children that must stay up: restarted, told, ended, and ended too when their supervisor is killed. Real processes."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

import pytest

from cli.house_running import alive
from freehold.processes import PARENT_FD, Child, Supervisor, watch_parent

PATIENCE = 20.0
SLEEPS = "import time\nwith open(SAYS, 'a') as file: file.write('up\\n')\ntime.sleep(60)"
STUBBORN = (
    "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "with open(SAYS, 'a') as file: file.write('up\\n')\ntime.sleep(60)"
)


@pytest.fixture
async def supervisor() -> AsyncGenerator[Supervisor]:
    found = Supervisor()
    yield found
    await found.stop("", 5)


def child(name: str, says: Path, code: str = SLEEPS, on_exit: Callable[[], Awaitable[None]] | None = None) -> Child:
    """A child that runs `code`, with SAYS as the path of the file that it writes lines to."""
    argv = [sys.executable, "-c", f"SAYS = {str(says)!r}\n{code}"]
    return Child(name=name, argv=argv, environ=dict(os.environ), on_exit=on_exit)


def lines(says: Path) -> list[str]:
    return says.read_text().splitlines() if says.exists() else []


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await asyncio.sleep(0.01)


async def pid_of(supervisor: Supervisor, name: str) -> int:
    await until(
        lambda: supervisor.pid(name) is not None
    )  # a child may say something before its start has returned here
    found = supervisor.pid(name)
    assert found is not None
    return found


async def test_a_child_that_is_killed_is_started_again(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start(child("worker-0", tmp_path / "says"))
    await until(lambda: lines(tmp_path / "says") == ["up"])
    first = await pid_of(supervisor, "worker-0")
    os.kill(first, signal.SIGKILL)
    await until(lambda: lines(tmp_path / "says") == ["up", "up"])
    assert await pid_of(supervisor, "worker-0") != first


async def test_a_child_that_ends_by_itself_is_started_again_too(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start(child("worker-0", tmp_path / "says", "with open(SAYS, 'a') as file: file.write('up\\n')"))
    await until(lambda: len(lines(tmp_path / "says")) >= 3)


async def test_a_child_that_dies_again_and_again_is_started_more_and_more_slowly(
    supervisor: Supervisor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor.start(child("worker-0", tmp_path / "says", "raise SystemExit(1)"))
    await until(lambda: caplog.text.count("starting it again") >= 3)
    assert re.findall(r"starting it again in ([\d.]+) s", caplog.text)[:3] == ["0.2", "0.4", "0.8"]


async def test_the_death_of_one_child_leaves_the_others_alone(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start(child("worker-0", tmp_path / "0"))
    supervisor.start(child("worker-1", tmp_path / "1"))
    await until(lambda: lines(tmp_path / "0") and lines(tmp_path / "1"))
    other = await pid_of(supervisor, "worker-1")
    os.kill(await pid_of(supervisor, "worker-0"), signal.SIGSEGV)
    await until(lambda: lines(tmp_path / "0") == ["up", "up"])
    assert await pid_of(supervisor, "worker-1") == other
    assert lines(tmp_path / "1") == ["up"]


async def test_after_each_death_the_cleaning_is_done_before_the_restart(supervisor: Supervisor, tmp_path: Path) -> None:
    async def clean() -> None:
        assert supervisor.pid("worker-0") is None
        with (tmp_path / "says").open("a") as file:
            file.write("cleaned\n")

    supervisor.start(child("worker-0", tmp_path / "says", on_exit=clean))
    await until(lambda: lines(tmp_path / "says") == ["up"])
    os.kill(await pid_of(supervisor, "worker-0"), signal.SIGKILL)
    await until(lambda: len(lines(tmp_path / "says")) == 3)
    assert lines(tmp_path / "says") == ["up", "cleaned", "up"]


async def test_cleaning_that_fails_is_logged_and_the_child_comes_back(
    supervisor: Supervisor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def clean() -> None:
        raise RuntimeError("the disk is full")

    supervisor.start(child("worker-0", tmp_path / "says", on_exit=clean))
    await until(lambda: lines(tmp_path / "says") == ["up"])
    os.kill(await pid_of(supervisor, "worker-0"), signal.SIGKILL)
    await until(lambda: lines(tmp_path / "says") == ["up", "up"])
    assert "the disk is full" in caplog.text


async def test_a_program_that_cannot_be_started_yet_is_tried_again(
    supervisor: Supervisor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    program = tmp_path / "program"
    supervisor.start(Child(name="engine-a", argv=[str(program)], environ=dict(os.environ)))
    await until(lambda: "engine-a could not be started (No such file or directory)" in caplog.text)
    program.write_text(
        f"#!{sys.executable}\nimport time\nopen({str(tmp_path / 'says')!r}, 'w').write('up')\ntime.sleep(60)"
    )
    program.chmod(0o700)
    await until(lambda: lines(tmp_path / "says") == ["up"])


@pytest.mark.skipif(not hasattr(signal, "SIGRTMIN"), reason="no signals without a name here")
async def test_a_child_that_a_signal_without_a_name_ended_comes_back(
    supervisor: Supervisor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor.start(child("worker-0", tmp_path / "0"))
    await until(lambda: lines(tmp_path / "0"))
    os.kill(await pid_of(supervisor, "worker-0"), signal.SIGRTMIN + 3)
    await until(lambda: lines(tmp_path / "0") == ["up", "up"])
    assert "worker-0 ended with signal 37" in caplog.text


async def test_a_death_is_told_with_what_ended_the_child(
    supervisor: Supervisor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor.start(child("worker-0", tmp_path / "0"))
    supervisor.start(child("worker-1", tmp_path / "1", "raise SystemExit(3)"))
    await until(lambda: lines(tmp_path / "0"))
    os.kill(await pid_of(supervisor, "worker-0"), signal.SIGKILL)
    await until(lambda: "worker-0 ended with SIGKILL" in caplog.text)
    await until(lambda: "worker-1 ended with exit code 3" in caplog.text)


async def test_a_signal_goes_to_the_children_of_that_name_only(supervisor: Supervisor, tmp_path: Path) -> None:
    code = (
        "import signal, time\ndef told(*_):\n    with open(SAYS, 'a') as file: file.write('told\\n')\n"
        "signal.signal(signal.SIGHUP, told)\nwith open(SAYS, 'a') as file: file.write('up\\n')\n"
        "while True: time.sleep(60)"
    )
    for name in ("worker-0", "worker-1", "engine-a"):
        supervisor.start(child(name, tmp_path / name, code))
    await until(lambda: all(lines(tmp_path / name) for name in ("worker-0", "worker-1", "engine-a")))
    supervisor.signal("worker", signal.SIGHUP)
    await until(lambda: all("told" in lines(tmp_path / name) for name in ("worker-0", "worker-1")))
    assert lines(tmp_path / "engine-a") == ["up"]


async def test_stop_ends_the_children_of_that_name_and_starts_none_again(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    supervisor.start(child("worker-0", tmp_path / "0"))
    supervisor.start(child("engine-a", tmp_path / "a"))
    await until(lambda: lines(tmp_path / "0") and lines(tmp_path / "a"))
    worker, engine = await pid_of(supervisor, "worker-0"), await pid_of(supervisor, "engine-a")
    await supervisor.stop("worker", 10)
    assert alive([worker, engine]) == [engine]
    assert supervisor.pid("worker-0") is None
    await supervisor.stop("engine", 10)
    assert alive([engine]) == []
    assert lines(tmp_path / "0") == ["up"]


async def test_a_child_that_does_not_hear_sigterm_is_killed(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start(child("worker-0", tmp_path / "says", STUBBORN))
    await until(lambda: lines(tmp_path / "says"))
    worker = await pid_of(supervisor, "worker-0")
    await supervisor.stop("worker", 0.05)
    assert alive([worker]) == []


async def test_stop_does_not_wait_for_a_child_that_waits_for_its_restart(
    supervisor: Supervisor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor.start(child("worker-0", tmp_path / "says", "raise SystemExit(1)"))
    await until(lambda: caplog.text.count("starting it again") >= 2)
    async with asyncio.timeout(PATIENCE):
        await supervisor.stop("worker", 3600)
    assert supervisor.pid("worker-0") is None


async def test_stop_waits_for_the_cleaning_after_the_last_death(supervisor: Supervisor, tmp_path: Path) -> None:
    cleaned = False

    async def clean() -> None:
        nonlocal cleaned
        await asyncio.sleep(0.05)
        cleaned = True

    supervisor.start(child("worker-0", tmp_path / "says", on_exit=clean))
    await until(lambda: lines(tmp_path / "says"))
    await supervisor.stop("worker", 10)
    assert cleaned


async def test_a_child_gets_its_own_environment_and_the_descriptors_it_was_given(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    reads, writes = os.pipe()
    code = f"import os\nos.write({writes}, os.environ['GREETING'].encode() + b' ' + str('PATH' in os.environ).encode())"
    argv = [sys.executable, "-c", f"{code}\nimport time\ntime.sleep(60)"]
    supervisor.start(Child(name="worker-0", argv=argv, environ={"GREETING": "hello"}, fds=(writes,)))
    assert await asyncio.to_thread(os.read, reads, 100) == b"hello False"
    os.close(reads)
    os.close(writes)


async def test_kill_9_of_the_supervisor_is_seen_by_its_children(tmp_path: Path) -> None:
    watching = textwrap.dedent("""
        import asyncio, os
        from pathlib import Path
        from freehold.processes import watch_parent

        async def main():
            gone = asyncio.Event()
            watch_parent(os.environ, gone.set)
            Path(SAYS).write_text(f"{os.getpid()}\\n")
            await gone.wait()
            Path(SAYS).write_text("gone\\n")

        asyncio.run(main())
    """)
    says = tmp_path / "says"
    supervising = textwrap.dedent(f"""
        import asyncio, os, sys
        from freehold.processes import Child, Supervisor

        async def main():
            supervisor = Supervisor()
            code = "SAYS = {str(says)!r}\\n" + {watching!r}
            supervisor.start(Child(name="worker-0", argv=[sys.executable, "-c", code], environ=dict(os.environ)))
            await asyncio.sleep(60)

        asyncio.run(main())
    """)
    with subprocess.Popen([sys.executable, "-c", supervising]) as parent:
        try:
            await until(lambda: lines(says))
            worker = int(lines(says)[0])
            assert alive([worker]) == [worker]
        finally:
            parent.kill()
    await until(lambda: lines(says) == ["gone"])
    await until(lambda: not alive([worker]))


async def test_the_parent_is_gone_once_and_not_before() -> None:
    reads, writes = os.pipe()
    gone = asyncio.Event()
    watch_parent({PARENT_FD: str(reads)}, gone.set)
    await asyncio.sleep(0)
    assert not gone.is_set()
    os.close(writes)
    await asyncio.wait_for(gone.wait(), PATIENCE)
    gone.clear()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not gone.is_set()
    os.close(reads)


async def test_without_a_supervisor_nothing_is_watched() -> None:
    watch_parent({}, lambda: pytest.fail("nobody is gone"))
    await asyncio.sleep(0)


async def test_one_child_is_ended_for_good_while_the_others_stay(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start(child("engine-a", tmp_path / "a"))
    supervisor.start(child("engine-a-1", tmp_path / "b", STUBBORN))
    await until(lambda: lines(tmp_path / "a") == ["up"] and lines(tmp_path / "b") == ["up"])
    stays, leaves = await pid_of(supervisor, "engine-a"), await pid_of(supervisor, "engine-a-1")
    await supervisor.retire("engine-a-1", 0.05)
    assert not alive([leaves])
    assert supervisor.pid("engine-a-1") is None
    await supervisor.retire("engine-a-1", 0.05)
    assert await pid_of(supervisor, "engine-a") == stays
    assert lines(tmp_path / "b") == ["up"]
    os.kill(stays, signal.SIGKILL)
    await until(lambda: lines(tmp_path / "a") == ["up", "up"])
