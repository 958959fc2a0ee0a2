"""What a GGUF file says of itself in its head: what it is, how much it reads at once, and the template of its chat.

It reads keys and values and no tensor, so the largest file takes milliseconds. The package `gguf` reads them too, and brings numpy, a
progress bar and YAML into every start of the door. Source: llama.cpp, "GGUF", versions 2 and 3.
"""

import mmap
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

MAGIC: Final = b"GGUF"
VERSIONS: Final = (2, 3)

SIZES: Final[Mapping[int, str]] = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip
"""The types of values that have one size, by their number."""

TEXT: Final = 8
ARRAY: Final = 9


class NotGguf(ValueError):
    """The file is not GGUF, or its head is cut or damaged."""


class Head(Struct, frozen=True, kw_only=True):
    """`kind` is `model` or `adapter`; `context` the tokens that it was trained to read at once, 0 where it does not say; `template` the
    Jinja template of its chat, empty where it has none; `parts` how many files it is one of."""

    architecture: str
    kind: str = "model"
    context: int = 0
    template: str = ""
    parts: int = 1


def read_head(path: Path) -> Head:
    """The head of a GGUF file. Raises NotGguf, OSError."""
    with path.open("rb") as file:
        if file.read(4) != MAGIC:
            raise NotGguf("it does not begin with GGUF")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            try:
                values = _values(content)
            except (struct.error, UnicodeDecodeError, KeyError, OverflowError) as error:
                raise NotGguf(f"its head is cut or damaged: {error!r}") from None
    architecture = str(values.get("general.architecture", ""))
    context, parts = values.get(f"{architecture}.context_length", 0), values.get("split.count", 1)
    return Head(
        architecture=architecture,
        kind=str(values.get("general.type", "model")),
        context=context if isinstance(context, int) else 0,
        template=str(values.get("tokenizer.chat_template", "")),
        parts=max(1, parts) if isinstance(parts, int) else 1,
    )


def files_of(path: Path, parts: int) -> list[Path]:
    """The files of a model in so many parts, the first of which is at this path, by llama.cpp's names for them: `NAME-00001-of-00003.gguf`. Raises NotGguf
    for a first one that is called otherwise."""
    if parts == 1:
        return [path]
    name = path.name.removesuffix(f"-00001-of-{parts:05}.gguf")
    if name == path.name:
        raise NotGguf(f"{name} is a part of {parts}, and is not called {path.stem}-00001-of-{parts:05}.gguf")
    return [path.with_name(f"{name}-{part:05}-of-{parts:05}.gguf") for part in range(1, parts + 1)]


def _values(content: mmap.mmap) -> dict[str, object]:
    """Every value but the arrays, by its key."""
    version, _, count = struct.unpack_from("<IQQ", content, 4)
    if version not in VERSIONS:
        raise NotGguf(f"it has version {version}, and {VERSIONS[0]} to {VERSIONS[-1]} are read")
    found: dict[str, object] = {}
    at = 24
    for _ in range(count):
        key, at = _text(content, at)
        (kind,) = struct.unpack_from("<I", content, at)
        at += 4
        if kind == ARRAY:
            at = _after_array(content, at)
        elif kind == TEXT:
            found[key], at = _text(content, at)
        else:
            (found[key],) = struct.unpack_from(SIZES[kind], content, at)
            at += struct.calcsize(SIZES[kind])
    return found


def _text(content: mmap.mmap, at: int) -> tuple[str, int]:
    (length,) = struct.unpack_from("<Q", content, at)
    end = at + 8 + length
    if end > len(content):
        raise struct.error("a text goes beyond the end")
    return content[at + 8 : end].decode(), end


def _after_array(content: mmap.mmap, at: int) -> int:
    """Where an array ends, which may be the vocabulary: it is walked over and not kept."""
    kind, length = struct.unpack_from("<IQ", content, at)
    at += 12
    if kind == TEXT:
        unpack = struct.Struct("<Q").unpack_from
        for _ in range(length):
            at += 8 + unpack(content, at)[0]
    else:
        at += length * struct.calcsize(SIZES[kind])
    if at > len(content):
        raise struct.error("an array goes beyond the end")
    return at
