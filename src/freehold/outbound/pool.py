"""Connections kept open to each upstream, and the one function that sends a request.

An `Endpoint` is where to connect and how; the pool keeps one list of idle connections for each. A request goes over an
idle connection where there is one. It is repeated once, on a fresh connection, only if a reused one was closed before a
single byte of the answer and within a round trip of the request: then the upstream closed it while it was idle. One that
closes later may have worked on the request, and may bill it; this and every other failure is the caller's to judge.
"""

import asyncio
import base64
import ssl
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from freehold.errors import VendorTimeout, VendorUnreachable
from freehold.outbound.connection import Connection, Response

IDLE_SECONDS = 60.0
"""Shorter than the idle time-outs of the common load balancers, so that we close first."""

MAX_IDLE = 512
SHORTEST_TRIP = 0.05
LONGEST_TRIP = 0.25
"""Seconds in which the news that an idle connection was closed arrives. It was on its way when the request was written, and so
needs a round trip at most; opening the connection took at least one, and with TLS and a name to look up several. No less than
the shortest, for a loop that is busy; no more than the longest, which reaches around the world."""

LOOK_SECONDS = 0.1
"""How exactly limits are kept. One look at all connections costs less than a timer for every request."""


class Endpoint(Struct, frozen=True, kw_only=True):
    """Where an upstream is. `prefix` is the path of its base URL; `proxy` a `http://host:port`, with optional
    `user:password@`; `ca_file` a PEM file that replaces the system's authorities."""

    host: str
    port: int
    tls: bool
    prefix: str = ""
    proxy: str | None = None
    ca_file: str | None = None

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"


def endpoint(base_url: str, *, proxy: str | None = None, ca_file: str | None = None) -> Endpoint:
    """The endpoint of a base URL. Raises `ValueError` for what is not http(s)://host[:port][/path]."""
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{base_url!r} is not an http or https URL")
    tls = parts.scheme == "https"
    return Endpoint(
        host=parts.hostname,
        port=parts.port or (443 if tls else 80),
        tls=tls,
        prefix=parts.path.rstrip("/"),
        proxy=proxy,
        ca_file=ca_file,
    )


class Pool:
    """All connections of one worker. Made inside its event loop; `close` ends every connection."""

    def __init__(self) -> None:
        self._idle: dict[Endpoint, list[Connection]] = {}
        self._open: set[Connection] = set()
        self._contexts: dict[str | None, ssl.SSLContext] = {}
        self._loop = asyncio.get_running_loop()
        self._looking: asyncio.TimerHandle | None = None

    async def send(
        self, target: Endpoint, request: bytes, connect_seconds: float, limit: float | None = None
    ) -> Response:
        """Sends a whole HTTP/1.1 request and gives the answer once its head is there.

        `limit` is when the answer must be whole, in the loop's seconds; past it (and at most 0.1 s later) reading raises
        `VendorTimeout`, unless `Response.unlimited` has lifted it. Raises `VendorUnreachable`, `VendorTimeout` or
        `VendorGarbled`. Cancelling closes the connection.
        """
        idle = self._idle.get(target)
        while idle:
            connection = idle.pop()
            if connection.lost:
                continue
            written = self._loop.time()
            try:
                return await connection.send(request, limit)
            except asyncio.CancelledError:
                connection.abort()
                raise
            except VendorUnreachable:
                if connection.heard or self._loop.time() - written > connection.round_trip:
                    raise
                break  # it was closed while it lay idle: nobody read the request, so nothing is done twice
        if limit is not None:
            connect_seconds = min(connect_seconds, max(0.0, limit - self._loop.time()))
        connection = await self._connect(target, connect_seconds)
        try:
            return await connection.send(request, limit)
        except asyncio.CancelledError:
            connection.abort()
            raise

    async def _connect(self, target: Endpoint, seconds: float) -> Connection:
        began = self._loop.time()
        try:
            async with asyncio.timeout(seconds):
                connection = await self._open_connection(target)
        except TimeoutError:
            raise VendorTimeout(f"No connection to {target.host} within {seconds:g} seconds.", sent=False) from None
        except ssl.SSLError as error:
            raise VendorUnreachable(f"TLS with {target.host} failed: {error.reason or error}.") from None
        except OSError as error:
            raise VendorUnreachable(f"Cannot connect to {target.host}: {error.strerror or error}.") from None
        connection.round_trip = min(max(self._loop.time() - began, SHORTEST_TRIP), LONGEST_TRIP)
        return connection

    async def _open_connection(self, target: Endpoint) -> Connection:
        loop = self._loop
        context = self._context(target.ca_file) if target.tls else None
        name = target.host if target.tls else None
        if target.proxy is None:
            _, connection = await loop.create_connection(
                lambda: self._make(target), target.host, target.port, ssl=context, server_hostname=name
            )
        else:
            connection = await self._through_proxy(target, context)
        self._open.add(connection)
        if self._looking is None:
            self._looking = loop.call_later(LOOK_SECONDS, self._look)
        return connection

    async def _through_proxy(self, target: Endpoint, context: ssl.SSLContext | None) -> Connection:
        """A tunnel by CONNECT (RFC 9110, section 9.3.6), also for plain http so that nothing on the way rewrites."""
        loop = self._loop
        proxy = urlsplit(target.proxy or "")
        transport, tunnel = await loop.create_connection(_Tunnel, proxy.hostname or "", proxy.port or 80)
        host = f"[{target.host}]" if ":" in target.host else target.host
        lines = [f"CONNECT {host}:{target.port} HTTP/1.1", f"Host: {host}:{target.port}"]
        if proxy.username:
            secret = base64.b64encode(f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()).decode()
            lines.append(f"Proxy-Authorization: Basic {secret}")
        transport.write("\r\n".join([*lines, "", ""]).encode())
        try:
            await tunnel.ready
        except BaseException:
            transport.abort()
            raise
        connection = self._make(target)
        transport.set_protocol(connection)
        if context is None:
            connection.connection_made(transport)
        else:
            secured = await loop.start_tls(transport, connection, context, server_hostname=target.host)
            assert secured is not None
            connection.connection_made(secured)
        return connection

    def _make(self, target: Endpoint) -> Connection:
        def idle(connection: Connection) -> None:
            waiting = self._idle.setdefault(target, [])
            if len(waiting) >= MAX_IDLE:
                connection.abort()
                return
            connection.idle_since = self._loop.time()
            waiting.append(connection)

        return Connection(self._loop, idle, self._open.discard)

    def _look(self) -> None:
        """Ends what has passed its limit. Runs while there are connections."""
        now = self._loop.time()
        late = [found for found in self._open if found.limit is not None and now >= found.limit]
        for connection in late:
            connection.expire(VendorTimeout("The vendor did not answer in time."))
        self._looking = self._loop.call_later(LOOK_SECONDS, self._look) if self._open else None

    def _context(self, ca_file: str | None) -> ssl.SSLContext:
        context = self._contexts.get(ca_file)
        if context is None:
            context = self._contexts[ca_file] = ssl.create_default_context(cafile=ca_file)
        return context

    def sweep(self) -> None:
        """Closes connections that have been idle for `IDLE_SECONDS`. Called now and then by the worker."""
        oldest = self._loop.time() - IDLE_SECONDS
        for target, waiting in list(self._idle.items()):
            for connection in waiting:
                if connection.idle_since < oldest:
                    connection.abort()
            self._idle[target] = [c for c in waiting if not c.lost and c.idle_since >= oldest]

    def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        for connection in list(self._open):
            connection.abort()
        self._idle.clear()


class _Tunnel(asyncio.Protocol):
    """Waits for a proxy's answer to CONNECT."""

    def __init__(self) -> None:
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._head = b""

    def data_received(self, data: bytes) -> None:
        self._head += data
        if b"\r\n\r\n" not in self._head or self.ready.done():
            return
        status = self._head.split(b" ", 2)[1:2]
        if status and len(status[0]) == 3 and status[0].startswith(b"2"):  # any 2xx (RFC 9110, section 9.3.6)
            self.ready.set_result(None)
        else:
            said = self._head.split(b"\r\n", 1)[0].decode("latin-1")
            self.ready.set_exception(VendorUnreachable(f"The proxy refused the connection: {said}."))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(VendorUnreachable("The proxy closed the connection."))
