"""The sandbox: what runs in it reaches nothing."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from freehold.reasoning.sandbox import MAX_OUTPUT, Ran, run_python, usable

pytestmark = pytest.mark.skipif(not usable(), reason="this machine offers no user, mount and network namespaces")


def ran(source: str, seconds: float = 5.0) -> Ran:
    done = run_python(source, seconds)
    assert done is not None
    return done


def test_a_program_runs_and_is_heard() -> None:
    done = ran("import math, json\nprint(math.factorial(5), json.dumps([1]))")
    assert (done.stdout, done.code, done.late) == ("120 [1]\n", 0, False)


@pytest.mark.parametrize(
    "source",
    [
        "import socket; socket.create_connection(('127.0.0.1', 22), 1)",
        "import socket; socket.create_connection(('192.0.2.1', 80), 1)",
        "open('/etc/passwd')",
        "open('/x', 'w')",
        "import os; os.remove(os.__file__)",
        "import ctypes; assert ctypes.CDLL(None).mount(None, b'/', None, 32, None) == 0",
        "import os; assert os.path.exists('/proc/self')",
        "x = bytearray(10**10)",
        "open('/job/big', 'wb').write(b'x' * 10**8)",
        "import os; os.fork()",
        "import _thread, time; _thread.start_new_thread(print, ())",
    ],
)
def test_what_reaches_out_fails_inside(source: str) -> None:
    assert ran(source).code != 0


def test_the_environment_and_our_folder_are_not_there() -> None:
    done = ran("import os; print(os.listdir('.'), [k for k in os.environ if k != 'LC_CTYPE'], os.getcwd())")
    assert done.stdout == "['program.py'] [] /job\n"


def test_a_program_without_end_is_ended() -> None:
    began = time.monotonic()
    done = ran("while True: pass", 1.0)
    assert done.late
    assert time.monotonic() - began < 5


def running(root: Path) -> list[str]:
    """The processes of sandboxes in a folder, and what these started, by number."""
    found: list[str] = []
    for about in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str(root).encode() in (about / "cmdline").read_bytes():
                found += [about.name, *(about / "task" / about.name / "children").read_text().split()]
    return found


def until(holds: Callable[[], object]) -> None:
    for _ in range(1_000):
        if holds():
            return
        time.sleep(0.02)
    raise AssertionError("it never came to this")


def test_a_program_does_not_outlive_whoever_runs_it(tmp_path: Path) -> None:
    runs = "import sys; from freehold.reasoning.sandbox import run_python; run_python(sys.argv[1], 300)"
    environ = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    argv = [sys.executable, "-c", runs, "import time; print('up', flush=True); time.sleep(60)"]
    with subprocess.Popen(argv, env=environ) as runner:
        until(lambda: any(out.read_bytes() for out in tmp_path.glob("sandbox-*/out")))
        inside = running(tmp_path)
        assert len(inside) >= 2
        runner.kill()
    until(lambda: not any(Path("/proc", pid, "cmdline").exists() for pid in inside))


def test_output_is_cut() -> None:
    done = ran("print('a' * 100_000)")
    assert done.cut
    assert len(done.stdout) == MAX_OUTPUT
