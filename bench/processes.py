"""Starts processes on one core, waits until they answer, reads what they cost, and ends them by their ids.

It knows nothing of gateways. Linux only: cost and memory are read from /proc.
"""

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

GATEWAY_CORE = 0
LOAD_CORE = 1
TICKS = os.sysconf("SC_CLK_TCK")


class Running:
    """One started process and everything it started."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.process = process
        self.log = log

    def tree(self) -> list[int]:
        """Ids of the process and its descendants."""
        parents: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue
                parents.setdefault(int(fields[1]), []).append(int(entry.name))
        found = [self.process.pid]
        for pid in found:
            found.extend(parents.get(pid, ()))
        return found

    def cpu_seconds(self) -> float:
        """User and system time of the whole tree so far, finished children included."""
        ticks = 0
        for pid in self.tree():
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            ticks += sum(int(field) for field in fields[11:15])
        return ticks / TICKS

    def memory_mib(self) -> float:
        """Resident memory of the whole tree; a page that two processes share is counted in both."""
        kib = 0
        for pid in self.tree():
            try:
                status = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            kib += sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
        return kib / 1024

    def said(self, lines: int = 15) -> str:
        """The end of what it wrote."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def end(self) -> None:
        """SIGTERM to the process, and SIGKILL to what of its tree is left ten seconds later."""
        tree = self.tree()
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pid in tree[1:]:
            _kill_if_ours(pid, tree)


@contextmanager
def started(
    name: str, command: Sequence[str | Path], *, core: int | str, folder: Path, env: Mapping[str, str] | None = None
) -> Generator[Running]:
    """Runs `command` in `folder`, pinned to `core` (`0,1` for two), for as long as the block lasts. Its output goes to a file there."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"{name}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["taskset", "-c", str(core), *map(str, command)],
            cwd=folder,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    running = Running(name, process, log)
    try:
        yield running
    finally:
        running.end()


def wait_until_it_answers(running: Running, request: urllib.request.Request, seconds: float = 120) -> bytes:
    """The body of the first answer with status 200. Raises RuntimeError when the process ends or time runs out."""
    deadline = time.monotonic() + seconds
    problem = "no answer"
    while time.monotonic() < deadline:
        if running.process.poll() is not None:
            raise RuntimeError(f"{running.name} ended with {running.process.returncode}:\n{running.said()}")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            problem = f"{error.code} {error.read()[:500].decode(errors='replace')}"
        except (OSError, TimeoutError) as error:
            problem = str(error)
        time.sleep(0.2)
    raise RuntimeError(f"{running.name} did not answer in {seconds:.0f} s ({problem}):\n{running.said()}")


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _kill_if_ours(pid: int, tree: list[int]) -> None:
    # A process id is used again only after a full round of ids, so one that is still here seconds later is the same.
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
