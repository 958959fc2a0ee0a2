"""Server-sent events: from bytes that may break anywhere to whole events, and back.

Source: WHATWG HTML, section 9.2 (event stream interpretation). Line ends may be LF, CRLF or CR; bytes are never decoded
here, so a code point that is split between two network reads is never torn.
"""

from freehold.dialects.dialect import Event
from freehold.errors import VendorGarbled

MAX_EVENT_BYTES = 16 * 1024 * 1024
"""An event larger than this is an attack or a mistake. The largest honest ones carry a generated image in base64."""


_LARGE = 64 * 1024
"""Bytes of an unfinished event from which on its pieces are kept apart: to put a small one together costs less."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""May stand before a stream and is no part of it."""


class EventSplitter:
    """Feed it bytes, get whole events. Keeps at most one unfinished event; a large one that comes in many reads is put
    together once."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []  # of a large event, all but the newest
        self._size = 0  # of these
        self._rest = b""
        self._return = False  # whether a CR came last, whose LF may come with the next read

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes, in order. Raises `VendorGarbled` past `MAX_EVENT_BYTES`."""
        if self._return or b"\r" in data:
            data = self._with_line_feeds(data)
        rest = self._rest
        if rest:
            data = rest + data if len(rest) < _LARGE and not self._pieces else self._gathered(data)
        *blocks, self._rest = data.split(b"\n\n")
        if self._size + len(self._rest) > MAX_EVENT_BYTES:
            raise VendorGarbled(f"One event of the stream is larger than {MAX_EVENT_BYTES} bytes.")
        return [_parse(block) for block in blocks if block.strip(b"\n")]

    def rest(self) -> bytes:
        """What is left of an event that never ended."""
        return b"".join((*self._pieces, self._rest)) + (b"\r" if self._return else b"")

    def _gathered(self, data: bytes) -> bytes:
        """All of a large event with `data`, where that ends it; else its newest piece."""
        rest = self._rest
        if b"\n\n" not in data and not (data.startswith(b"\n") and rest.endswith(b"\n")):
            if len(rest) < _LARGE or not data:
                return rest + data
            self._pieces.append(rest)
            self._size += len(rest)
            return data
        whole = b"".join((*self._pieces, rest, data))
        self._pieces.clear()
        self._size = 0
        return whole

    def _with_line_feeds(self, data: bytes) -> bytes:
        if self._return:
            data = b"\r" + data
        self._return = data.endswith(b"\r")
        if self._return:
            data = data[:-1]
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _parse(block: bytes) -> Event:
    if block.startswith(b"data: ") and b"\n" not in block:
        return Event(block + b"\n\n", "", block[6:])
    block = block.removeprefix(_BYTE_ORDER_MARK)
    raw = block + b"\n\n"
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
