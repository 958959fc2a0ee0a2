"""A checkpoint: what a log signs about itself, namely who it is, how many entries it has, and their root. Pure.

The text of C2SP tlog-checkpoint, without signatures; `notes` signs it and checks who did. It exists apart from them because
an ML-DSA cosignature covers the three values and not the text.
"""

import msgspec

from freehold.errors import MalformedCheckpoint
from freehold.ledger.lines import HASH_SIZE, MOST, decimal, hash_from_base64, to_base64


class Checkpoint(msgspec.Struct, frozen=True):
    """The head of a log. `root` is of the tree of its first `size` entries; `extension` are lines with no meaning here.

    Raises MalformedCheckpoint when it could not be written so that it reads back the same.
    """

    origin: str
    size: int
    root: bytes
    extension: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.size <= MOST or len(self.root) != HASH_SIZE:
            raise MalformedCheckpoint("A checkpoint's size is 0 to 2**63 - 1, and its root has 32 bytes.")
        for line in (self.origin, *self.extension):
            if not line or any(character < " " for character in line):
                raise MalformedCheckpoint("The lines of a checkpoint are not empty and have no control characters.")

    @property
    def text(self) -> str:
        """The text that is signed, with its last newline."""
        return "\n".join((self.origin, str(self.size), to_base64(self.root), *self.extension, ""))


def parse_checkpoint(text: str) -> Checkpoint:
    """Reads the text of a checkpoint, without signatures. Raises MalformedCheckpoint for everything but its one spelling."""
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop():
        raise MalformedCheckpoint("A checkpoint has at least three lines, each with a newline at its end.")
    try:
        return Checkpoint(lines[0], decimal(lines[1]), hash_from_base64(lines[2]), tuple(lines[3:]))
    except ValueError as error:
        raise MalformedCheckpoint(f"The checkpoint cannot be read: {error}.") from None
