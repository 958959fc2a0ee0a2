"""Fetches a picture or a document by URL, for an upstream that must not be handed URLs.

The name is resolved here, every address it resolves to must be public, and the connection goes to the very address that
was judged, so a name cannot change its mind between the check and the use. Redirects are not followed.
"""

import asyncio
import ipaddress
import re
import socket
import ssl
from urllib.parse import urlsplit

from freehold.errors import BadInput, ForbiddenAddress, VendorError
from freehold.outbound.address import check_url, is_public
from freehold.outbound.connection import Connection, Response

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 20.0
MAX_BYTES = 20 * 1024 * 1024
_VISIBLE = re.compile(r"[!-~]+")


async def fetch(url: str, kinds: tuple[str, ...]) -> tuple[str, bytes]:
    """(media type, content) of a public URL whose media type begins with one of `kinds`.

    Raises `ForbiddenAddress` for what is not public and `BadInput` for what cannot be had within 20 s and 20 MiB.
    """
    check_url(url)
    try:
        async with asyncio.timeout(TOTAL_SECONDS):
            return await _get(url, kinds)
    except TimeoutError:
        raise BadInput(f"A URL in the request did not answer within {TOTAL_SECONDS:g} seconds.") from None
    except (OSError, UnicodeError, VendorError):  # UnicodeError: a name that DNS cannot hold
        raise BadInput("A URL in the request could not be fetched.") from None


async def _get(url: str, kinds: tuple[str, ...]) -> tuple[str, bytes]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    tls = parts.scheme == "https"
    port = parts.port or (443 if tls else 80)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not _VISIBLE.fullmatch(parts.netloc + path):
        raise BadInput("A URL in the request holds characters that URLs may not hold.")
    address = await _resolve(host, port)
    loop = asyncio.get_running_loop()
    context = ssl.create_default_context() if tls else None
    async with asyncio.timeout(CONNECT_SECONDS):
        transport, connection = await loop.create_connection(
            lambda: Connection(loop, lambda c: c.abort(), lambda _: None),
            address,
            port,
            ssl=context,
            server_hostname=host if tls else None,
        )
    try:
        head = f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        return await _read(await connection.send(head.encode("ascii")), kinds)
    finally:
        transport.abort()


async def _read(response: Response, kinds: tuple[str, ...]) -> tuple[str, bytes]:
    if response.status != 200:
        raise BadInput(f"A URL in the request answered with status {response.status}.")
    media_type = response.headers.get("content-type", "").split(";")[0].strip().lower()
    if not media_type.startswith(kinds):
        raise BadInput(
            f"A URL in the request gave {media_type[:60] or 'no content type'}, which is not what was announced."
        )
    return media_type, await response.read(MAX_BYTES)


async def _resolve(host: str, port: int) -> str:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses or not all(is_public(ipaddress.ip_address(a.split("%", 1)[0])) for a in addresses):
        raise ForbiddenAddress("A URL in the request names an address that is not public.")
    return addresses[0]
