"""Child processes that must stay up: started, watched, restarted with growing pauses, stopped together.

It knows nothing of what a child does. Workers of the door and engines of own models are children alike: a native crash
in one is a restart, never the end of the others. Every child gets the reading end of a pipe whose writing end only the
supervisor holds (its number in `FREEHOLD_PARENT_FD`), so that even `kill -9` of the supervisor ends the children.
"""

import asyncio
import contextlib
import logging
import os
import random
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence

from msgspec import Struct

PARENT_FD = "FREEHOLD_PARENT_FD"
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 10.0
STEADY_SECONDS = 10.0
"""A child that ran this long and then died is restarted at once; one that dies sooner waits longer each time."""

log = logging.getLogger("freehold.processes")


class Child(Struct, kw_only=True):
    """What to run. `fds` are file descriptors that it inherits; `on_exit` runs after each death, before the restart."""

    name: str
    argv: Sequence[str]
    environ: Mapping[str, str]
    fds: tuple[int, ...] = ()
    on_exit: Callable[[], Awaitable[None]] | None = None


class Supervisor:
    """Keeps children running until `stop`."""

    def __init__(self) -> None:
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._stopping = False
        self._retired: set[str] = set()
        self._pipe = os.pipe()
        os.set_inheritable(self._pipe[0], True)

    def start(self, child: Child) -> None:
        """Starts a child and its watch."""
        self._tasks[child.name] = asyncio.create_task(self._keep(child), name=child.name)

    async def _keep(self, child: Child) -> None:
        pause = FIRST_PAUSE
        while not self._stopping and child.name not in self._retired:
            began = asyncio.get_running_loop().time()
            ending = await self._run(child)
            if self._stopping or child.name in self._retired:
                return
            ran = asyncio.get_running_loop().time() - began
            pause = FIRST_PAUSE if ran > STEADY_SECONDS else min(pause * 2, LONGEST_PAUSE)
            log.warning("%s %s after %.1f s; starting it again in %.1f s", child.name, ending, ran, pause)
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 (spread, not secrecy)

    async def _run(self, child: Child) -> str:
        """One life of a child; gives how it ended. What goes wrong on our side must not end the watch."""
        try:
            process = await self._spawn(child)
        except OSError as error:  # no such program, or the machine is out of processes or memory for now
            return f"could not be started ({error.strerror})"
        self._processes[child.name] = process
        code = await process.wait()
        del self._processes[child.name]
        if child.on_exit is not None:
            try:
                await child.on_exit()
            except Exception:
                log.exception("what must be done after the end of %s failed", child.name)
        return f"ended with {_ending(code)}"

    async def _spawn(self, child: Child) -> asyncio.subprocess.Process:
        environ = {**child.environ, PARENT_FD: str(self._pipe[0])}
        return await asyncio.create_subprocess_exec(
            *child.argv,
            env=environ,
            pass_fds=(*child.fds, self._pipe[0]),
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )

    def pid(self, name: str) -> int | None:
        """The process id of a child that runs now."""
        process = self._processes.get(name)
        return None if process is None else process.pid

    def signal(self, prefix: str, number: signal.Signals) -> None:
        """Sends a signal to every child whose name begins with `prefix`."""
        for name, process in list(self._processes.items()):
            if name.startswith(prefix):
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(number)

    async def retire(self, name: str, grace: float) -> None:
        """Ends one child for good, while the others stay: SIGTERM, then SIGKILL after `grace` seconds."""
        task = self._tasks.pop(name, None)
        if task is None:
            return
        self._retired.add(name)
        for number in (signal.SIGTERM, signal.SIGKILL):
            process = self._processes.get(name)
            if process is None:
                task.cancel()
            else:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(number)
            _, late = await asyncio.wait([task], timeout=grace)
            if not late:
                return

    async def stop(self, prefix: str, grace: float) -> None:
        """Ends the children whose name begins with `prefix`: SIGTERM, then SIGKILL after `grace` seconds."""
        self._stopping = True
        self.signal(prefix, signal.SIGTERM)
        tasks = [task for name, task in self._tasks.items() if name.startswith(prefix)]
        for name in list(self._tasks):
            if name.startswith(prefix) and name not in self._processes:
                self._tasks[name].cancel()
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=grace)
        if late:
            self.signal(prefix, signal.SIGKILL)
            await asyncio.wait(late, timeout=5)


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"  # one without a name, of real time


def watch_parent(environ: Mapping[str, str], on_gone: Callable[[], None]) -> None:
    """In a child: calls `on_gone` when the supervisor has died, however it died. Needs a running event loop."""
    number = environ.get(PARENT_FD)
    if number is None:
        return
    fd = int(number)
    loop = asyncio.get_running_loop()

    def readable() -> None:
        loop.remove_reader(fd)
        on_gone()

    loop.add_reader(fd, readable)
