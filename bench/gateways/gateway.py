"""What the benchmark knows of a gateway: how to install it, start it, greet it, and what of it was switched off."""

import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Start:
    """How to run a gateway in front of one upstream."""

    command: Sequence[str | Path]
    env: Mapping[str, str] = field(default_factory=dict[str, str])


class Gateway(Protocol):
    """One gateway under test. `on` and `off` say which of its work was on and off while it was measured."""

    name: str
    title: str
    on: str
    off: str

    def install(self, work: Path) -> str:
        """Installs it below `work` if it is not there. Gives its version. Raises RuntimeError when it cannot be had."""
        ...

    def start(self, work: Path, folder: Path, port: int, upstream: int) -> Start:
        """Writes what it needs into `folder` and says how to run it on `port`, its OpenAI vendor at `upstream`."""
        ...

    def headers(self, folder: Path, upstream: int) -> Mapping[str, str]:
        """What each request carries; asked once, when the process runs. Raises RuntimeError."""
        ...


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """What the command wrote to stdout. Raises RuntimeError with what it said when it fails."""
    done = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise RuntimeError(f"`{Path(command[0]).name}` ended with {done.returncode}: {' '.join(said[-3:])}")
    return done.stdout.strip()


def python_package(folder: Path, requirement: str, program: str) -> Path:
    """Installs a package into a virtual environment of its own, once. Gives the path of its program."""
    path = folder / "bin" / program
    if not path.exists():
        shutil.rmtree(folder, ignore_errors=True)
        run(sys.executable, "-m", "venv", folder)
        run(folder / "bin" / "python", "-m", "pip", "install", "-qq", requirement)
    return path


def package_version(folder: Path, name: str) -> str:
    """The installed version of a package in a virtual environment."""
    code = f"import importlib.metadata as m; print(m.version({name!r}))"
    return run(folder / "bin" / "python", "-c", code)
