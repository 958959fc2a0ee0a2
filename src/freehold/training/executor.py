"""Where a run is executed: the seam between "this shall be trained" and a process that does it.

It knows run folders and command lines, and nothing of recipes or models. It exists so that another way (a cluster) can take the same runs: whoever
executes is given a folder, and all that comes back comes back in that folder.
"""

import importlib.util
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from freehold.errors import ExportRefused, NotConfigured, TrainingError
from freehold.training.runs import RunFolder

CHILD = "freehold.training.heavy"
NEEDED = ("torch", "transformers", "trl")

LAUNCHER = "torch.distributed.run"

ERROR = " training ERROR "
"""What stands before the sentence of an error in the log of a child."""

REFUSED = 3
"""The exit code of a child that exported what does not say the same."""


def require_libraries() -> None:
    """Raises NotConfigured, which says what to install, when the libraries that train are not here. None is loaded."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise NotConfigured(
            f"Training needs {', '.join(missing)}, which cannot be found.",
            "Install the extra: `pip install freehold[training]`.",
        )


class Job(Protocol):
    """A run that was started."""

    def running(self) -> bool: ...

    def wait(self) -> int:
        """The exit code, when it has ended."""
        ...


class Executor(Protocol):
    """Somewhere to train."""

    def start(self, folder: RunFolder) -> Job:
        """Starts the run, or goes on with it, and comes back at once. The run goes on when the caller ends."""
        ...

    def calibrate(self, recipe: Path) -> "Calibration":
        """Measures a step of a recipe there."""
        ...


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """What a step cost where it was measured: seconds a step, tokens that it trained on, the weights that the model has, the most memory that the
    process had, in bytes, and in which precision it computed on which device. `before` are the seconds that the whole run takes before its first step, for the
    drawing of pairs."""

    seconds: float
    tokens: int
    parameters: int
    memory: int
    precision: str
    device: str
    before: float = 0.0


class Parity(msgspec.Struct, frozen=True, kw_only=True):
    """How an exported model compares with its weights: strings, and how many were cut otherwise (`splits`); items, how many replies were the same token
    by token, how many others were so once llama.cpp computed in float32 from the file's own numbers (`rounded`), how many rounding the weights to half precision
    alone had `moved` before, and how many were right before and after. `low` and `high` bound the share that is right after (Wilson, 95 %). `parted`
    says of the first that are others where they part."""

    strings: int
    splits: int
    items: int
    same: int
    right_before: int
    right_after: int
    rounded: int = 0
    moved: int = 0
    low: float = 0.0
    high: float = 1.0
    parted: tuple[str, ...] = ()


def command_of(python: str, folder: RunFolder) -> list[str]:
    """The command line that trains a run: one process, or as many as the recipe says. Torch's launcher starts them, on GPUs and CPUs alike, and
    `accelerate`, which TRL stands on, shares the steps among them."""
    processes = folder.recipe().learning.processes
    child = ["-m", CHILD, str(folder.path)]
    if processes == 1:
        return [python, *child]
    return [python, "-m", LAUNCHER, "--standalone", "--nproc-per-node", str(processes), *child]


class LocalExecutor:
    """A child process on this machine, in a session of its own: a closed terminal does not end it."""

    def __init__(self, environ: Mapping[str, str], python: str = sys.executable) -> None:
        self._environ, self._python = dict(environ), python

    def start(self, folder: RunFolder) -> "LocalJob":
        """Starts the child; what it says goes to the run's log."""
        with folder.log.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own module, on a folder that we made
                command_of(self._python, folder),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environ,
                start_new_session=True,
            )
        return LocalJob(process)

    def calibrate(self, recipe: Path) -> Calibration:
        """Measures in a child. Raises TrainingError with what it said when it cannot."""
        done = self._ask("--calibrate", str(recipe))
        if done.returncode:
            raise TrainingError(
                f"The step could not be measured: {said(done.stderr)}", "Train without it: `--no-measure`."
            )
        return msgspec.json.decode(done.stdout.splitlines()[-1], type=Calibration)

    def export(self, folder: RunFolder, quantisation: str, to: Path) -> Parity:
        """Writes the weights of a finished run as GGUF in a child, which compares them too. Raises ExportRefused where they differ, TrainingError with
        what it said for anything else; then nothing is left."""
        done = self._ask("--export", str(folder.path), quantisation, str(to))
        if done.returncode == REFUSED:
            raise ExportRefused(said(done.stderr))
        if done.returncode:
            raise TrainingError(
                f"{folder.path.name} could not be exported: {said(done.stderr)}", "Nothing was written."
            )
        return msgspec.json.decode(done.stdout.splitlines()[-1], type=Parity)

    def _ask(self, *words: str) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(  # noqa: S603 - our own module
            [self._python, "-m", CHILD, *words], capture_output=True, env=self._environ, check=False
        )


def said(output: bytes) -> str:
    """The last error that a child told, without time and name of the logger; the last line where it told none. Behind that of several processes stands what their
    launcher says of it."""
    lines = output.decode(errors="replace").strip().splitlines() or ["it said nothing"]
    told = [line.partition(ERROR)[2] for line in lines if ERROR in line]
    return told[-1] if told else lines[-1]


class LocalJob:
    """A child that trains."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def wait(self) -> int:
        """The exit code, when it has ended."""
        return self._process.wait()
