"""Processes that are killed: after a task, or before any one of its calls that can change what is on the disk."""

import os
import random
import signal
import sys
from collections.abc import Callable
from types import FrameType

TOUCHES_DISK = {
    *("execute", "executemany", "open", "write", "flush", "fsync", "ftruncate", "rename", "unlink", "mkdir", "chmod"),
    *("flock", "close"),
}
"""Names of C functions between two of which the disk stays as it is. What SQLite does within a call is its own promise."""


EVERY = 3 if "FREEHOLD_EXAMPLES" in os.environ else 1
"""Of the moments at which one may die, each so many-th is tried: all on a developer's machine, a third of them, drawn anew each time, where examples are bounded."""


def first_step() -> int:
    """Which moment is tried first."""
    return random.randrange(EVERY)


def dies(task: Callable[[], None]) -> None:
    """Runs the task in a process of its own that ends with SIGKILL after it."""
    child = os.fork()
    if child == 0:
        try:
            task()
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL


def dies_at(step: int, task: Callable[[], None]) -> bool:
    """Whether the process that ran the task was killed before its `step`th call that can touch the disk.

    False when it has fewer of them, and ended well.
    """
    child = os.fork()
    if child == 0:
        left = step

        def count(_frame: FrameType, event: str, called: object) -> None:
            nonlocal left
            if event == "c_call" and getattr(called, "__name__", "") in TOUCHES_DISK:
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        try:
            sys.setprofile(count)
            task()
            sys.setprofile(None)
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0
    return False
