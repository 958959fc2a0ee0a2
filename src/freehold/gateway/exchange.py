"""One request and its answer, as the handler sees them: what came, and the bytes of what goes back.

It frames answers (whole or chunked, HTTP/1.1 or 1.0) and knows no socket: a `Line` takes the bytes. The server in `http.py`
makes one for each request.
"""

from http import HTTPStatus
from typing import Protocol

_REASON = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_JSON = b"content-type: application/json\r\n"


class Shown:
    """The secret that a connection showed last, and its digest: nearly every one shows the same with each request."""

    __slots__ = ("digest", "secret")

    def __init__(self) -> None:
        self.secret = ""
        self.digest = b""


class Line(Protocol):
    """Where an exchange's bytes go. `stamp` is the `date` header of this second, `slow` whether the caller reads more
    slowly than we write, `shown` what the connection showed before."""

    slow: bool
    shown: Shown

    @property
    def stamp(self) -> bytes: ...

    def write(self, data: bytes) -> None: ...

    def done(self, *, keep_alive: bool) -> None: ...

    def abort(self) -> None: ...

    async def wait_writable(self) -> None: ...


class Exchange:
    """One request and its answer.

    `headers` have lower-case names; of a repeated header the values are joined by a comma. `problem` is the status that
    the server has already decided on (413, 408, 431), when the request never became whole.
    """

    __slots__ = (
        "_chunked",
        "_connection",
        "_keep_alive",
        "answered",
        "began",
        "body",
        "headers",
        "method",
        "path",
        "peer",
        "problem",
        "query",
        "shown",
    )

    def __init__(self, connection: Line, peer: str) -> None:
        self._connection = connection
        self._keep_alive = True
        self._chunked = False
        self.answered = False
        self.began = 0.0
        self.body = b""
        self.headers: dict[str, str] = {}
        self.method = ""
        self.path = ""
        self.query = ""
        self.peer = peer
        self.problem: int | None = None
        self.shown = connection.shown

    def answer(self, status: int, body: bytes, headers: bytes = b"", content_type: bytes = _JSON) -> None:
        """The whole answer. `headers` are finished lines, each with its CRLF."""
        self.answered = True
        parts = [
            _REASON.get(status) or b"HTTP/1.1 %d Status\r\n" % status,
            self._connection.stamp,
            content_type,
            b"content-length: %d\r\n" % len(body),
            headers,
            b"\r\n" if self._keep_alive else b"connection: close\r\n\r\n",
        ]
        if self.method != "HEAD":
            parts.append(body)
        self._connection.write(b"".join(parts))
        self._connection.done(keep_alive=self._keep_alive)

    def begin(self, status: int, headers: bytes, content_type: bytes, first: bytes = b"") -> None:
        """The head of a streamed answer, with its first bytes in the same write."""
        self.answered = True
        head = [
            _REASON[status],
            self._connection.stamp,
            content_type,
            b"cache-control: no-cache\r\nx-accel-buffering: no\r\n",
            headers,
            b"" if self._keep_alive else b"connection: close\r\n",
            b"transfer-encoding: chunked\r\n\r\n" if self._chunked else b"\r\n",
        ]
        if first:
            head.append(b"%x\r\n%b\r\n" % (len(first), first) if self._chunked else first)
        self._connection.write(b"".join(head))

    def write(self, data: bytes) -> None:
        """More of a streamed answer."""
        if data:
            self._connection.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    @property
    def slow(self) -> bool:
        """Whether the caller reads more slowly than we write."""
        return self._connection.slow

    async def drain(self) -> None:
        """Waits while the caller reads more slowly than we write."""
        if self._connection.slow:
            await self._connection.wait_writable()

    def end(self, last: bytes = b"") -> None:
        """The end of a streamed answer, with its last bytes."""
        if self._chunked:
            tail = b"0\r\n\r\n" if not last else b"%x\r\n%b\r\n0\r\n\r\n" % (len(last), last)
            self._connection.write(tail)
        elif last:
            self._connection.write(last)
        self._connection.done(keep_alive=self._keep_alive and self._chunked)

    def abort(self) -> None:
        """Cuts the connection: the only honest end of a stream whose framing promised more."""
        self._connection.abort()

    def last(self) -> None:
        """Ends the connection after this answer."""
        self._keep_alive = False

    @property
    def keeps_alive(self) -> bool:
        """Whether another request may follow on this connection."""
        return self._keep_alive

    def shape(self, *, keep_alive: bool, chunked: bool) -> None:
        """Set by the server once the request line is known."""
        self._keep_alive = keep_alive
        self._chunked = chunked
