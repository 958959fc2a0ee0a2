"""A receipt: the text that proves, offline, that one entry is in the log (C2SP tlog-proof, version 1). Pure.

It reads and writes the text and believes none of it; `verify` does the believing. The entry itself may ride along in the
`extra` line, which the format leaves unauthenticated: it counts only once the proof leads from it to a signed root.
"""

from typing import Final

import msgspec

from freehold.errors import MalformedReceipt
from freehold.ledger.lines import HASH_SIZE, MOST, decimal, from_base64, hash_from_base64, to_base64

MAGIC: Final = "c2sp.org/tlog-proof@v1"

MAX_PROOF: Final = 63
"""Hashes in the longest inclusion proof: a tree has fewer than 2**63 leaves."""


class Receipt(msgspec.Struct, frozen=True):
    """A receipt in parts. `proof` goes from the leaf's sibling upward; `checkpoint` is the signed note, verbatim."""

    index: int
    proof: tuple[bytes, ...]
    checkpoint: str
    extra: bytes | None = None


def write_receipt(receipt: Receipt) -> str:
    """The receipt as text, to be kept byte for byte. Raises MalformedReceipt for parts that no receipt can have."""
    if not 0 <= receipt.index <= MOST or len(receipt.proof) > MAX_PROOF:
        raise MalformedReceipt("A receipt's index is 0 to 2**63 - 1, and its proof has at most 63 hashes.")
    if any(len(digest) != HASH_SIZE for digest in receipt.proof) or not receipt.checkpoint.endswith("\n"):
        raise MalformedReceipt("The hashes of a receipt have 32 bytes, and its checkpoint ends with a newline.")
    extra = [] if receipt.extra is None else [f"extra {to_base64(receipt.extra)}"]
    lines = [MAGIC, *extra, f"index {receipt.index}", *map(to_base64, receipt.proof), "", receipt.checkpoint]
    return "\n".join(lines)


def parse_receipt(text: bytes | str) -> Receipt:
    """Reads a receipt. Raises MalformedReceipt for everything but its one spelling; the checkpoint is not looked at."""
    try:
        decoded = text.decode() if isinstance(text, bytes) else text
    except UnicodeDecodeError:
        raise MalformedReceipt("The receipt is not UTF-8.") from None
    head, gap, checkpoint = decoded.partition("\n\n")
    magic, *lines = head.split("\n")
    if magic != MAGIC:
        raise MalformedReceipt(f"A receipt begins with the line {MAGIC}, and this begins with {magic[:60]!r}.")
    if not gap or not checkpoint:
        raise MalformedReceipt("The receipt has no empty line with a checkpoint after it.")
    try:
        return _parts(lines, checkpoint)
    except ValueError as error:
        raise MalformedReceipt(f"The receipt cannot be read: {error}.") from None


def _parts(lines: list[str], checkpoint: str) -> Receipt:
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = from_base64(lines.pop(0).removeprefix("extra "))
    if not lines or not lines[0].startswith("index "):
        raise ValueError("the line with the index is missing")
    index = decimal(lines.pop(0).removeprefix("index "))
    if len(lines) > MAX_PROOF:
        raise ValueError(f"the proof has {len(lines)} hashes, and none has more than {MAX_PROOF}")
    return Receipt(index, tuple(hash_from_base64(line) for line in lines), checkpoint, extra)
