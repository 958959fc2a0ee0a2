"""An engine that others wrote, kept as a child of ours: it ends when it is told to, and when whoever started it is gone.

    python -m freehold.serving.guest PROGRAM [ARGUMENT ...]

The program knows nothing of the pipe by which our children notice the end of their parent (`processes.watch_parent`), and may have children
of its own, so it gets a process group, and the whole group ends. Where this process is killed itself it can end nothing: Linux ends the program then, so that
none is left behind with the port and the memory that the next one wants.
"""

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence

from freehold.config.paths import environment
from freehold.processes import PARENT_FD, watch_parent

GRACE_SECONDS = 4.0
"""Between SIGTERM and SIGKILL: the house gives an engine five seconds in all."""

CANNOT_START = 127

PR_SET_PDEATHSIG = 1
"""Of Linux' `prctl`: the signal that a process gets when its parent ends."""

log = logging.getLogger("freehold.engine")


async def keep(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Runs the program until it ends, SIGTERM comes or the parent is gone; gives its exit code, or 0 when it was told to end."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    inherited = {name: value for name, value in environ.items() if name != PARENT_FD}
    try:
        program = await asyncio.create_subprocess_exec(
            *argv, env=inherited, start_new_session=True, preexec_fn=_ending_with(os.getpid())
        )
    except OSError as error:
        log.error("%s cannot be started: %s", argv[0], error)
        return CANNOT_START
    watch_parent(environ, stop.set)
    ended, told = asyncio.ensure_future(program.wait()), asyncio.ensure_future(stop.wait())
    await asyncio.wait({ended, told}, return_when=asyncio.FIRST_COMPLETED)
    asked = told.done()
    told.cancel()
    await _end(program, ended)
    code = await ended
    return 0 if asked else code if code >= 0 else 128 - code


def _ending_with(keeper: int) -> Callable[[], None] | None:
    """What the program does before it begins, so that it is killed when the process of this number ends; None where that cannot be had."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl

    def bind() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != keeper:  # it has ended already
            os.kill(os.getpid(), signal.SIGKILL)

    return bind


async def _end(program: asyncio.subprocess.Process, ended: asyncio.Future[int]) -> None:
    """Ends the group, also what the program left behind of it."""
    _signal(program.pid, signal.SIGTERM)
    await asyncio.wait({ended}, timeout=GRACE_SECONDS)
    _signal(program.pid, signal.SIGKILL)


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s engine %(levelname)s %(message)s")
    sys.exit(asyncio.run(keep(sys.argv[1:], environment())))
