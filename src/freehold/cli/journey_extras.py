"""What a journey can have put in place while it goes on: the libraries that train, and the verifiers that others wrote, in an environment of their own.

It knows package clients and no stage. It exists because both take a minute that the door must not wait for, and because neither may be needed: where
there is no index to install from, the journey says so and does without.
"""

import contextlib
import importlib
import importlib.util
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Final

from freehold.cli.journey_door import children_environment
from freehold.errors import FreeholdError, NotConfigured
from freehold.training.executor import require_libraries

TORCH: Final = "torch==2.13.0"
"""It is installed by itself first: the others take whatever is there."""

STRANGERS: Final = ("proofbundle==6.3.1", "tlog-scales==0.0.3")
"""Verifiers of the ledger's formats that are not by us (MIT; Apache-2.0)."""

PREPARED: Final = "FREEHOLD_STRANGERS"
"""Of the environment: a folder in which the strangers are installed already."""


class Background:
    """Commands that run one after the other in a thread, the next only when the one before went well."""

    def __init__(self, commands: Sequence[Sequence[str]], environ: Mapping[str, str]) -> None:
        self._environ = dict(environ)
        self._process: subprocess.Popen[str] | None = None
        self._stopped = False
        self._wrong = ""
        self._thread = threading.Thread(target=self._run, args=(commands,), daemon=True)
        self._thread.start()

    def running(self) -> bool:
        """Whether they have not all ended yet."""
        return self._thread.is_alive()

    def wait(self, seconds: float) -> str:
        """Waits for them; gives why they did not do, or nothing."""
        self._thread.join(seconds)
        return f"it was not done within {seconds:.0f} s" if self._thread.is_alive() else self._wrong

    def stop(self) -> None:
        """Ends what runs."""
        self._stopped = True
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
        self._thread.join(10)

    def _run(self, commands: Sequence[Sequence[str]]) -> None:
        for argv in commands:
            if self._stopped:
                self._wrong = "it was stopped"
                return
            try:
                self._process = subprocess.Popen(  # noqa: S603 - package clients, with fixed names
                    argv,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    text=True,
                    env=self._environ,
                )
                _, said = self._process.communicate()
            except OSError as error:
                self._wrong = str(error)
                return
            if self._process.returncode:
                lines = [line.strip() for line in said.splitlines() if line.strip()]
                self._wrong = lines[-1] if lines else f"{argv[0]} ended with {self._process.returncode}"
                return


def can_train() -> bool:
    """Whether the libraries that train are here; looked up anew, since they may have come meanwhile."""
    importlib.invalidate_caches()
    try:
        require_libraries()
    except FreeholdError:
        return False
    return True


def install_training(environ: Mapping[str, str]) -> Background:
    """Installs the extra `training` beside Freehold. Raises NotConfigured where nothing can install."""
    install = [*installer(), TORCH]
    return Background([install, [*install[:-1], *training_requirements()]], environ)


def training_requirements() -> list[str]:
    """What the extra `training` asks for, without torch, as this installation of Freehold says."""
    asked = metadata.requires("freehold") or []
    names = [one.partition(";")[0].strip() for one in asked if 'extra == "training"' in one.replace("'", '"')]
    return [name for name in names if not name.startswith("torch")]


def installer() -> list[str]:
    """The command that installs into this environment, up to the names: pip, or uv where there is no pip. Raises NotConfigured without either."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet"]
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is not None:
        return [uv, "pip", "install", "--quiet", "--python", sys.executable]
    raise NotConfigured(
        f"{sys.executable} has neither pip nor uv.", "Install the extra yourself: `freehold[training]`."
    )


class Strangers:
    """The verifiers that others wrote, in a virtual environment of their own: made in the background where it is not there."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        prepared = environ.get(PREPARED)
        self.environ = children_environment(environ)
        self.programs = (Path(prepared) if prepared else folder) / "bin"
        self._making: Background | None = None
        if not self.here():
            pip = [
                str(self.programs / "python"),
                "-m",
                "pip",
                "install",
                "--disable-pip-version-check",
                "--no-input",
                "--quiet",
            ]
            self._making = Background(
                [[sys.executable, "-m", "venv", "--clear", str(folder)], [*pip, *STRANGERS]], self.environ
            )

    def here(self) -> bool:
        """Whether both can be run."""
        return all((self.programs / name).exists() for name in ("proofbundle", "tlog-tiles"))

    def wait(self, seconds: float) -> str:
        """Waits until they are there; gives why they are not, or nothing."""
        return "" if self._making is None else self._making.wait(seconds)

    def run(self, *argv: str, folder: Path) -> "subprocess.CompletedProcess[str]":
        """Runs one of their programs in a folder, to its end."""
        words = [str(self.programs / argv[0]), *argv[1:]]
        return subprocess.run(words, cwd=folder, env=self.environ, capture_output=True, text=True, check=False)  # noqa: S603

    def stop(self) -> None:
        """Ends the making of them."""
        if self._making is not None:
            self._making.stop()
