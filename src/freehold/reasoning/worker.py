"""A process of its own for work that has no bound: asked in JSON lines, killed hard when it is late, started again by
itself.

It knows processes, limits and lines, and nothing of what is computed. It exists because `simplify`, a regular
expression or a parser in C may run for ever on the text of a model, a thread cannot be stopped there, and a verifier
must answer.

Two sides in one file. `Worker` is the parent's: one persistent child, one question at a time. `serve` is the child's:
it gives up what it does not need (memory, processor time, files, core dumps) before it imports anything heavy. A child
ends when its parent's end of the pipe closes, and by its own processor limit when it no longer reads.
"""

import json
import math
import os
import resource
import select
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any, Final, cast

START_SECONDS: Final = 60.0
"""How long the child may take to import what it needs; sympy takes about half a second on an idle core."""

MEMORY_BYTES: Final = 2 << 30
LONGEST_LINE: Final = 1 << 20
CPU_SLACK: Final = 2


class Worker:
    """One child process that answers questions. Safe to share between threads, which then wait for each other."""

    def __init__(self, module: str, *arguments: str) -> None:
        """`module` calls `serve` when it runs as a program, with these arguments. Nothing is started before the first question."""
        self._program = module, *arguments
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._finalizer: Any = None

    def ask(self, question: dict[str, Any], seconds: float) -> dict[str, Any] | None:
        """The answer, or None when none came in time or the child died of the question; the next gets a fresh child."""
        with self._lock:
            child = self._started()
            if child is None or seconds <= 0:
                return None
            try:
                _write(child, {"seconds": seconds, "nice": os.nice(0), "question": question})
                line = _read(child, seconds)
            except OSError:
                line = None
            answer = _decoded(line)
            if answer is None:
                self._end()
            return answer

    def close(self) -> None:
        """Ends the child."""
        with self._lock:
            self._end()

    @property
    def pid(self) -> int | None:
        """The process number of the child, while there is one."""
        return self._child.pid if self._child else None

    def _started(self) -> subprocess.Popen[bytes] | None:
        if self._child is not None and self._child.poll() is None:
            return self._child
        self._end()
        child = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-P", "-B", "-W", "ignore", "-m", *self._program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={
                "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
                "PYTHONHASHSEED": "0",
                "LC_ALL": "C.UTF-8",
            },
            start_new_session=True,
        )
        self._child = child
        self._finalizer = weakref.finalize(self, _kill, child)
        if _decoded(_read(child, START_SECONDS)) is None:
            self._end()
            return None
        return child

    def _end(self) -> None:
        if self._finalizer is not None:
            self._finalizer()
        self._child = self._finalizer = None


def _kill(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:
                continue  # what was still buffered for a dead child
    child.wait()


def _write(child: subprocess.Popen[bytes], message: dict[str, Any]) -> None:
    assert child.stdin is not None
    child.stdin.write(json.dumps(message).encode() + b"\n")
    child.stdin.flush()


def _read(child: subprocess.Popen[bytes], seconds: float) -> bytes | None:
    """One line from the child, or None when it ends, says too much, or the time is over."""
    assert child.stdout is not None
    number = child.stdout.fileno()
    end = time.monotonic() + seconds
    line = bytearray()
    while not line.endswith(b"\n"):
        left = end - time.monotonic()
        if left <= 0 or len(line) > LONGEST_LINE or not select.select([number], [], [], left)[0]:
            return None
        read = os.read(number, 65536)
        if not read:
            return None
        line += read
    return bytes(line)


def _decoded(line: bytes | None) -> dict[str, Any] | None:
    try:
        answer: Any = json.loads(line) if line else None
    except ValueError:
        return None
    return cast("dict[str, Any]", answer) if isinstance(answer, dict) else None


# --- the child's side ---


def serve(prepare: Callable[[], Callable[[dict[str, Any]], dict[str, Any]]]) -> None:
    """Answers until the pipe closes. `prepare` imports and gives the function that answers; it runs under the limits.

    What the function raises is answered as `{"error": ...}`; memory, recursion and time that run out included, as far
    as Python sees them. The rest is the parent's to end.
    """
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    answering = prepare()
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what a library prints is no answer
    out.write(b'{"ready": true}\n')
    for line in sys.stdin.buffer:
        message = json.loads(line)
        os.nice(max(0, message["nice"] - os.nice(0)))  # as far back as the parent, which may have stepped back since
        _bound_cpu(message["seconds"])
        out.write(json.dumps(_answered(answering, message["question"])).encode() + b"\n")


def _bound_cpu(seconds: float) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = math.ceil(used.ru_utime + used.ru_stime + seconds) + CPU_SLACK
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _answered(answering: Callable[[dict[str, Any]], dict[str, Any]], question: dict[str, Any]) -> dict[str, Any]:
    try:
        return answering(question)
    except Exception as error:  # any text may reach any corner of a library; the answer says so
        return {"error": f"{type(error).__name__}: {str(error)[:200]}"}
