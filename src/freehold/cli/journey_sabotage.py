"""A sabotaged copy of a model: the rows of its matrices change places. It loads, it answers, and what it says is worth nothing.

It knows the GGUF format (versions 2 and 3, llama.cpp's `docs/gguf.md`) and no model. It exists to show that a version which is broken in a way that no
checksum can know is found by what it answers, and taken back, before many callers have met it. Rows are moved whole, so no number becomes another
and nothing crashes; the vocabulary stays.
"""

import math
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Final

from msgspec import Struct

from freehold.errors import JourneyError

BLOCKS: Final[Mapping[int, tuple[int, int]]] = {0: (4, 1), 1: (2, 1), 2: (18, 32), 8: (34, 32)}
"""(bytes, values) of a block of F32, F16, Q4_0 and Q8_0, by the number of the type."""

SPARED: Final = ("token_embd", "output")
"""What turns tokens into numbers and back is left as it is: the model still speaks its own words."""

ALIGNMENT: Final = "general.alignment"
_VALUES: Final[Mapping[int, str]] = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip
_TEXT, _ARRAY = 8, 9


class Matrix(Struct, frozen=True):
    """Where a matrix stands in the file: the place of its first byte, bytes a row, rows."""

    name: str
    at: int
    width: int
    rows: int


def sabotage(weights: Path, to: Path, seed: int = 0) -> int:
    """Writes the sabotaged copy, and says how many matrices were shuffled. Raises JourneyError for a file in which there is nothing to shuffle."""
    content = bytearray(weights.read_bytes())
    rng = Random(seed)  # noqa: S311 - a drill, no secret
    try:
        found = [one for one in matrices(content) if one.rows > 1 and not one.name.startswith(SPARED)]
    except (struct.error, KeyError, UnicodeDecodeError) as error:
        raise JourneyError(f"{weights} cannot be read as GGUF: {error!r}.") from error
    for one in found:
        rows = [bytes(content[one.at + row * one.width : one.at + (row + 1) * one.width]) for row in range(one.rows)]
        rng.shuffle(rows)
        content[one.at : one.at + one.width * one.rows] = b"".join(rows)
    if not found:
        raise JourneyError(f"{weights} holds no matrix of a type that is known here, so nothing was sabotaged.")
    to.write_bytes(content)
    return len(found)


def matrices(content: bytes | bytearray) -> Iterator[Matrix]:
    """Every matrix of a GGUF file whose type is known. Raises struct.error, KeyError or UnicodeDecodeError for what is none."""
    if bytes(content[:4]) != b"GGUF":
        raise struct.error("it does not begin with GGUF")
    _, tensors, values = struct.unpack_from("<IQQ", content, 4)
    at, alignment = 24, 32
    for _ in range(values):
        key, at = _text(content, at)
        (kind,) = struct.unpack_from("<I", content, at)
        if key == ALIGNMENT:
            (alignment,) = struct.unpack_from("<I", content, at + 4)
        at = _after(content, at + 4, kind)
    infos: list[tuple[str, tuple[int, ...], int, int]] = []
    for _ in range(tensors):
        name, at = _text(content, at)
        (dimensions,) = struct.unpack_from("<I", content, at)
        shape = struct.unpack_from(f"<{dimensions}Q", content, at + 4)
        kind, offset = struct.unpack_from("<IQ", content, at + 4 + 8 * dimensions)
        at += 16 + 8 * dimensions
        infos.append((name, shape, kind, offset))
    start = -(-at // alignment) * alignment
    for name, shape, kind, offset in infos:
        if len(shape) > 1 and kind in BLOCKS:
            size, many = BLOCKS[kind]
            yield Matrix(name, start + offset, shape[0] // many * size, math.prod(shape[1:]))


def _text(content: bytes | bytearray, at: int) -> tuple[str, int]:
    (length,) = struct.unpack_from("<Q", content, at)
    return bytes(content[at + 8 : at + 8 + length]).decode(), at + 8 + length


def _after(content: bytes | bytearray, at: int, kind: int) -> int:
    """Where a value ends."""
    if kind == _TEXT:
        return _text(content, at)[1]
    if kind != _ARRAY:
        return at + struct.calcsize(_VALUES[kind])
    inner, count = struct.unpack_from("<IQ", content, at)
    at += 12
    if inner != _TEXT:
        return at + count * struct.calcsize(_VALUES[inner])
    for _ in range(count):
        (length,) = struct.unpack_from("<Q", content, at)
        at += 8 + length
    return at
