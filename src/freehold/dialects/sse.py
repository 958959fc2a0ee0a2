"""Server-sent events: from bytes that may break anywhere to whole events, and back.

Source: WHATWG HTML, section 9.2 (event stream interpretation). Line ends may be LF, CRLF or CR; bytes are never decoded
here, so a code point that is split between two network reads is never torn.
"""

from freehold.dialects.dialect import Event
from freehold.errors import VendorGarbled

MAX_EVENT_BYTES = 16 * 1024 * 1024
"""An event larger than this is an attack or a mistake. The largest honest ones carry a generated image in base64."""


class EventSplitter:
    """Feed it bytes, get whole events. Keeps at most one unfinished event."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes, in order. Raises `VendorGarbled` past `MAX_EVENT_BYTES`."""
        rest = self._rest + data if self._rest else data
        if b"\r" in rest:
            if rest.endswith(b"\r"):  # the LF of a CRLF may come with the next read
                held, rest = rest[-1:], rest[:-1]
            else:
                held = b""
            rest = rest.replace(b"\r\n", b"\n").replace(b"\r", b"\n") + held
        *blocks, self._rest = rest.split(b"\n\n")
        if len(self._rest) > MAX_EVENT_BYTES:
            raise VendorGarbled(f"One event of the stream is larger than {MAX_EVENT_BYTES} bytes.")
        return [_parse(block) for block in blocks if block.strip(b"\n")]

    def rest(self) -> bytes:
        """What is left of an event that never ended."""
        return self._rest


def _parse(block: bytes) -> Event:
    raw = block + b"\n\n"
    if block.startswith(b"data: ") and b"\n" not in block:
        return Event(raw, "", block[6:])
    name = ""
    data: list[bytes] = []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")
    return Event(raw, name, b"\n".join(data))


def event(data: bytes, name: str | None = None) -> bytes:
    """The bytes of one event. `data` is one line of JSON."""
    if name is None:
        return b"data: " + data + b"\n\n"
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
