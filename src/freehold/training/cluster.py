"""Training on a Ray cluster (extra `ray`): the same child process as here, on a node that has what it needs.

It knows run folders and Ray's actors, and nothing of recipes or models. The data folder is shared by all nodes under the same path (NFS, Lustre, or one
machine), so all that comes back comes back in the run's folder, as from the local executor. A run belongs to a detached actor, so it goes on when the
caller ends; the actor ends with it. A child has its node's own environment: nothing of the caller's, whose keys are none of a cluster's business.
"""

import importlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from freehold.errors import NotConfigured, TrainingError
from freehold.training.executor import CHILD, Calibration, Executor, LocalExecutor, command_of, said
from freehold.training.runs import RunFolder

NAMESPACE = "freehold"

PATIENCE = 600.0
"""Seconds for which an actor whose run has ended waits for somebody to ask how."""

ASKING_SECONDS = 5.0
"""How long one question waits for an actor that waits for resources itself."""


def executor_of(ray: str | None, environ: Mapping[str, str]) -> Executor:
    """Where to train: here, or on the Ray cluster with this address."""
    return LocalExecutor(environ) if ray is None else RayExecutor(ray)


class RayExecutor:
    """A Ray cluster. `processes` of a recipe's run take a CPU each, and a GPU each where the cluster has any."""

    def __init__(self, address: str, python: str = "") -> None:
        """Joins the cluster. `python` is the interpreter on its nodes; default: the one that Ray's workers run. Raises NotConfigured without the extra,
        TrainingError when nobody answers at the address."""
        self._ray, self._python = _library(), python
        if not self._ray.is_initialized():
            try:
                self._ray.init(address=address, namespace=NAMESPACE, log_to_driver=False, logging_level="error")
            except (ConnectionError, RuntimeError, ValueError) as error:
                raise TrainingError(
                    f"No Ray cluster answers at {address}: {error}.", "Start one: `ray start --head`."
                ) from None

    def start(self, folder: RunFolder) -> "RayJob":
        """Starts the child on a node; what it says goes to the run's log."""
        processes = folder.recipe().learning.processes
        options = {
            **self._needs(processes),
            "lifetime": "detached",
            "name": f"{folder.path.name}-{time.time_ns()}",
        }
        actor = self._ray.remote(Keeper).options(**options).remote(command_of(self._python, folder), str(folder.log))
        return RayJob(self._ray, actor)

    def calibrate(self, recipe: Path) -> Calibration:
        """Measures on a node, as a process of a run would compute there. Raises TrainingError with what it said when it cannot."""
        asked = self._ray.remote(measured).options(**self._needs(1))
        code, output, errors = self._ray.get(asked.remote([self._python, "-m", CHILD, "--calibrate", str(recipe)]))
        if code:
            raise TrainingError(f"The step could not be measured: {said(errors)}", "Train without it: `--no-measure`.")
        return msgspec.json.decode(output.splitlines()[-1], type=Calibration)

    def _needs(self, processes: int) -> dict[str, Any]:
        """What so many processes take of the cluster."""
        gpus = {"num_gpus": processes} if self._ray.cluster_resources().get("GPU") else {}
        return {"num_cpus": processes, **gpus}


class RayJob:
    """A run on a cluster."""

    def __init__(self, ray: Any, actor: Any) -> None:
        self._ray, self._actor = ray, actor
        self._code: int | None = None

    def running(self) -> bool:
        """Whether it has not ended yet. Raises TrainingError when the node was lost."""
        return self._ended() is None

    def wait(self) -> int:
        """The exit code, when it has ended."""
        while (code := self._ended()) is None:
            time.sleep(0.2)
        return code

    def _ended(self) -> int | None:
        if self._code is None:
            try:
                self._code = self._ray.get(self._actor.code.remote(), timeout=ASKING_SECONDS)
            except self._ray.exceptions.GetTimeoutError:
                return None
            except self._ray.exceptions.RayActorError as error:
                raise TrainingError(
                    f"The node that trained was lost: {error}.", "Go on from the checkpoint: `freehold train run RUN`."
                ) from None
            if self._code is not None:
                self._ray.kill(self._actor)
        return self._code


class Keeper:
    """The actor that a run belongs to: it holds the resources as long as the child trains."""

    def __init__(self, command: list[str], log: str) -> None:
        """Starts the child in a session of its own. It is done here, since a call to an actor is lost with a caller that ends before it is scheduled, and
        its making is not."""
        with Path(log).open("ab") as file:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                _here(command), stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True
            )
        threading.Thread(target=self._leave, daemon=True).start()

    def code(self) -> int | None:
        """The exit code; None while the child trains."""
        return self._process.poll()

    def _leave(self) -> None:
        """Ends the actor, and gives its resources back, when the run has ended and nobody asks."""
        self._process.wait()
        time.sleep(PATIENCE)
        os._exit(0)


def measured(command: list[str]) -> tuple[int, bytes, bytes]:
    """(exit code, output, errors) of a child on this node."""
    done = subprocess.run(_here(command), capture_output=True, check=False)  # noqa: S603 - our own module
    return done.returncode, done.stdout, done.stderr


def _here(command: list[str]) -> list[str]:
    """The command with this node's own interpreter, where none was named."""

    return [command[0] or sys.executable, *command[1:]]


def _library() -> Any:
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise NotConfigured(
            f"A Ray cluster needs `ray`, which cannot be imported: {error}.", "Install it: `pip install freehold[ray]`."
        ) from error
