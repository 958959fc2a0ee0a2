"""Messages between a worker and the processes beside it: JSON, each behind its length in four bytes, big-endian."""

from typing import BinaryIO

import msgspec


def frame(message: object) -> bytes:
    """A message as it goes through the pipe."""
    written = msgspec.json.encode(message)
    return len(written).to_bytes(4, "big") + written


def read_frame(pipe: BinaryIO) -> bytes | None:
    """The next message, None when the pipe closes before it is whole."""
    head = pipe.read(4)
    if len(head) < 4:
        return None
    body = pipe.read(int.from_bytes(head, "big"))
    return body if len(body) == int.from_bytes(head, "big") else None
